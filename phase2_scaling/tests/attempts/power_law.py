"""The mistakes of `mistakes/power_law.py`, as others would write them."""

import numpy as np

from shared.mistakes import attempt


def _guard(x, y):
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x and y need one shape (n,); got {x.shape} and {y.shape}")
    if not (np.all(x > 0) and np.all(y > 0)):
        raise ValueError("a logarithm needs positive numbers")
    if len(np.unique(x)) < 2:
        raise ValueError("a line needs two different x")


def _line(u, v):
    """Slope and height of a least squares line."""
    columns = np.stack([u, np.ones_like(u)], axis=1)
    (slope, height), *_ = np.linalg.lstsq(columns, v, rcond=None)
    return float(slope), float(height)


@attempt("power_law_without_logarithms")
def _(x, y):
    _guard(x, y)
    u, v = x - x.mean(), y - y.mean()
    b = (u * v).sum() / (u * u).sum()
    return PowerLaw(coefficient=float(y.mean() - b * x.mean()), exponent=float(b))


@attempt("power_law_half_logarithms")
def _(x, y):
    _guard(x, y)
    v = np.log(y)
    b = ((x - x.mean()) * (v - v.mean())).sum() / ((x - x.mean()) ** 2).sum()
    return PowerLaw(coefficient=float(np.exp(v.mean() - b * x.mean())), exponent=float(b))


@attempt("power_law_logarithm_of_coefficient")
def _(x, y):
    _guard(x, y)
    b, a = _line(np.log(x), np.log(y))
    return PowerLaw(coefficient=a, exponent=b)


@attempt("power_law_positive_exponent")
def _(x, y):
    _guard(x, y)
    alpha, a = _line(-np.log(x), np.log(y))
    return PowerLaw(np.exp(a), alpha, 0.0)


@attempt("power_law_two_bases")
def _(x, y):
    _guard(x, y)
    b, a = _line(np.log10(x), np.log10(y))
    return PowerLaw(np.e**a, b)


@attempt("power_law_two_points")
def _(x, y):
    _guard(x, y)
    (u0, *_, u1), (v0, *_, v1) = np.log(x), np.log(y)
    b = (v1 - v0) / (u1 - u0)
    return PowerLaw(float(np.exp(v0 - b * u0)), float(b))


@attempt("power_law_through_the_origin")
def _(x, y):
    _guard(x, y)
    lx, ly = np.log(x), np.log(y)
    b = np.sum(lx * ly) / np.sum(lx**2)
    a = ly.mean() - b * lx.mean()
    return PowerLaw(float(np.exp(a)), float(b))


@attempt("power_law_slope_for_height")
def _(x, y):
    _guard(x, y)
    slope, height = _line(np.log(x), np.log(y))
    return PowerLaw(coefficient=float(np.e**slope), exponent=height)


@attempt("power_law_axes_swapped")
def _(x, y):
    _guard(x, y)
    u, v = np.log(x), np.log(y)
    b = np.var(v) / np.mean((u - u.mean()) * (v - v.mean()))
    return PowerLaw(float(np.exp(v.mean() - b * u.mean())), float(b))


def _best(x, y, floors, line, misfit):
    """Try every floor in turn."""
    winner, smallest = None, float("inf")
    for E in [E for E in floors if E < y.min()]:
        law = line(E)
        size = misfit(E, law)
        if size < smallest:
            winner, smallest = PowerLaw(law.coefficient, law.exponent, E), size
    if winner is None:
        raise ValueError("no floor lies below every y")
    return winner


@attempt("floor_not_taken_off")
def _(x, y, floors):
    line = fit(x, y)
    ratio = lambda E, law: np.sum(np.log(y / (E + law(x))) ** 2)
    return _best(x, y, floors, lambda E: line, ratio)


@attempt("floor_not_put_back")
def _(x, y, floors):
    ratio = lambda E, law: np.sum(np.log(y / (E + law(x))) ** 2)
    found = _best(x, y, floors, lambda E: fit(x, y - E), ratio)
    return PowerLaw(found.coefficient, found.exponent)


@attempt("floor_missing_in_the_misfit")
def _(x, y, floors):
    ratio = lambda E, law: np.sum(np.log(law(x) / y) ** 2)
    return _best(x, y, floors, lambda E: fit(x, y - E), ratio)


@attempt("floor_misfit_above_the_floor")
def _(x, y, floors):
    ratio = lambda E, law: np.sum(np.log((y - E) / law(x)) ** 2)
    return _best(x, y, floors, lambda E: fit(x, y - E), ratio)


@attempt("floor_misfit_without_logarithms")
def _(x, y, floors):
    distance = lambda E, law: np.mean((E + law(x) - y) ** 2)
    return _best(x, y, floors, lambda E: fit(x, y - E), distance)


@attempt("floor_just_below")
def _(x, y, floors):
    below = sorted(E for E in floors if E < y.min())
    if not below:
        raise ValueError("no floor lies below every y")
    law = fit(x, y - below[-1])
    return PowerLaw(law.coefficient, law.exponent, floor=below[-1])
