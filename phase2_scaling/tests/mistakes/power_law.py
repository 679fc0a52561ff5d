"""Classic wrong answers for `solution/power_law.py`."""

import numpy as np

from shared.mistakes import mistake


@mistake(
    "2.3",
    "power_law.fit",
    "A straight line through x and y themselves; a power law is straight only when both are logarithms.",
)
def power_law_without_logarithms(x, y):
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x and y need one shape (n,); got {x.shape} and {y.shape}")
    if not (np.all(x > 0) and np.all(y > 0)):
        raise ValueError("a logarithm needs positive numbers")
    if len(np.unique(x)) < 2:
        raise ValueError("a line needs two different x")
    slope, height = np.polyfit(x, y, 1)
    return PowerLaw(float(height), float(slope))


@mistake(
    "2.3",
    "power_law.fit",
    "Only y became a logarithm: that is an exponential law. Take that of x as well.",
)
def power_law_half_logarithms(x, y):
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x and y need one shape (n,); got {x.shape} and {y.shape}")
    if not (np.all(x > 0) and np.all(y > 0)):
        raise ValueError("a logarithm needs positive numbers")
    if len(np.unique(x)) < 2:
        raise ValueError("a line needs two different x")
    slope, height = np.polyfit(x, np.log(y), 1)
    return PowerLaw(float(np.exp(height)), float(slope))


@mistake(
    "2.3",
    "power_law.fit",
    "The coefficient is still a logarithm: the line's height has to be turned back.",
)
def power_law_logarithm_of_coefficient(x, y):
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x and y need one shape (n,); got {x.shape} and {y.shape}")
    if not (np.all(x > 0) and np.all(y > 0)):
        raise ValueError("a logarithm needs positive numbers")
    if len(np.unique(x)) < 2:
        raise ValueError("a line needs two different x")
    slope, height = np.polyfit(np.log(x), np.log(y), 1)
    return PowerLaw(float(height), float(slope))


@mistake(
    "2.3",
    "power_law.fit",
    "Slope and height are exchanged: np.polyfit gives the highest power first, np.polynomial the lowest.",
)
def power_law_slope_for_height(x, y):
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x and y need one shape (n,); got {x.shape} and {y.shape}")
    if not (np.all(x > 0) and np.all(y > 0)):
        raise ValueError("a logarithm needs positive numbers")
    if len(np.unique(x)) < 2:
        raise ValueError("a line needs two different x")
    height, slope = np.polyfit(np.log(x), np.log(y), 1)
    return PowerLaw(float(np.exp(height)), float(slope))


@mistake(
    "2.3",
    "power_law.fit",
    "The exponent's sign is turned, as in Kaplan's alpha; here y = coefficient * x^exponent, and it is negative where y falls.",
)
def power_law_positive_exponent(x, y):
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x and y need one shape (n,); got {x.shape} and {y.shape}")
    if not (np.all(x > 0) and np.all(y > 0)):
        raise ValueError("a logarithm needs positive numbers")
    if len(np.unique(x)) < 2:
        raise ValueError("a line needs two different x")
    slope, height = np.polyfit(np.log(x), np.log(y), 1)
    return PowerLaw(float(np.exp(height)), float(-slope))


@mistake(
    "2.3",
    "power_law.fit",
    "The logarithm has base 10 and the way back base e; use one base for both.",
)
def power_law_two_bases(x, y):
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x and y need one shape (n,); got {x.shape} and {y.shape}")
    if not (np.all(x > 0) and np.all(y > 0)):
        raise ValueError("a logarithm needs positive numbers")
    if len(np.unique(x)) < 2:
        raise ValueError("a line needs two different x")
    slope, height = np.polyfit(np.log10(x), np.log10(y), 1)
    return PowerLaw(float(np.exp(height)), float(slope))


@mistake(
    "2.3",
    "power_law.fit",
    "The line goes through the first and the last point only; least squares listens to all of them.",
)
def power_law_two_points(x, y):
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x and y need one shape (n,); got {x.shape} and {y.shape}")
    if not (np.all(x > 0) and np.all(y > 0)):
        raise ValueError("a logarithm needs positive numbers")
    if len(np.unique(x)) < 2:
        raise ValueError("a line needs two different x")
    exponent = np.log(y[-1] / y[0]) / np.log(x[-1] / x[0])
    return PowerLaw(float(y[0] / x[0] ** exponent), float(exponent))


@mistake(
    "2.3",
    "power_law.fit",
    "The line is forced through the origin, y = 1 at x = 1: take the means away before you look for the slope.",
)
def power_law_through_the_origin(x, y):
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x and y need one shape (n,); got {x.shape} and {y.shape}")
    if not (np.all(x > 0) and np.all(y > 0)):
        raise ValueError("a logarithm needs positive numbers")
    if len(np.unique(x)) < 2:
        raise ValueError("a line needs two different x")
    u, v = np.log(x), np.log(y)
    exponent = (u @ v) / (u @ u)
    return PowerLaw(float(np.exp((v - exponent * u).mean())), float(exponent))


@mistake(
    "2.3",
    "power_law.fit",
    "That is log x as a line over log y: the errors are those of y, so the slope is covariance over the variance of log x.",
)
def power_law_axes_swapped(x, y):
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x and y need one shape (n,); got {x.shape} and {y.shape}")
    if not (np.all(x > 0) and np.all(y > 0)):
        raise ValueError("a logarithm needs positive numbers")
    if len(np.unique(x)) < 2:
        raise ValueError("a line needs two different x")
    inverse, height = np.polyfit(np.log(y), np.log(x), 1)
    return PowerLaw(float(np.exp(-height / inverse)), float(1 / inverse))


@mistake(
    "2.3",
    "power_law.fit_with_floor",
    "The line goes through y itself; take the floor off before, and put it back after.",
)
def floor_not_taken_off(x, y, floors):
    candidates = [floor for floor in floors if floor < y.min()]
    if not candidates:
        raise ValueError(f"no floor lies below every y; the smallest y is {y.min():.6g}")
    laws = [replace(fit(x, y), floor=floor) for floor in candidates]
    return min(laws, key=lambda law: float(np.square(np.log(y) - np.log(law(x))).sum()))


@mistake(
    "2.3",
    "power_law.fit_with_floor",
    "The law comes back without its floor: what was taken off is part of the answer.",
)
def floor_not_put_back(x, y, floors):
    candidates = [floor for floor in floors if floor < y.min()]
    if not candidates:
        raise ValueError(f"no floor lies below every y; the smallest y is {y.min():.6g}")

    def misfit(floor):
        law = fit(x, y - floor)
        return np.square(np.log(y) - np.log(floor + law(x))).sum()

    return fit(x, y - min(candidates, key=misfit))


@mistake(
    "2.3",
    "power_law.fit_with_floor",
    "The misfit compares y with the curve without its floor, so a floor of 0 nearly always wins.",
)
def floor_missing_in_the_misfit(x, y, floors):
    candidates = [floor for floor in floors if floor < y.min()]
    if not candidates:
        raise ValueError(f"no floor lies below every y; the smallest y is {y.min():.6g}")

    def misfit(law):
        return float(np.square(np.log(y) - np.log(law.coefficient * x**law.exponent)).sum())

    return min((replace(fit(x, y - floor), floor=floor) for floor in candidates), key=misfit)


@mistake(
    "2.3",
    "power_law.fit_with_floor",
    "The misfit is taken on log(y - floor), where each candidate measures with another ruler; compare the whole curve with y.",
)
def floor_misfit_above_the_floor(x, y, floors):
    candidates = [floor for floor in floors if floor < y.min()]
    if not candidates:
        raise ValueError(f"no floor lies below every y; the smallest y is {y.min():.6g}")

    def misfit(law):
        above = law.coefficient * x**law.exponent
        return float(np.square(np.log(y - law.floor) - np.log(above)).sum())

    return min((replace(fit(x, y - floor), floor=floor) for floor in candidates), key=misfit)


@mistake(
    "2.3",
    "power_law.fit_with_floor",
    "The misfit is of y, not of log y: the large losses of small models then decide alone.",
)
def floor_misfit_without_logarithms(x, y, floors):
    candidates = [floor for floor in floors if floor < y.min()]
    if not candidates:
        raise ValueError(f"no floor lies below every y; the smallest y is {y.min():.6g}")
    laws = [replace(fit(x, y - floor), floor=floor) for floor in candidates]
    return min(laws, key=lambda law: float(np.square(y - law(x)).sum()))


@mistake(
    "2.3",
    "power_law.fit_with_floor",
    "The highest candidate wins unseen; each has to show how well its curve fits.",
)
def floor_just_below(x, y, floors):
    candidates = [floor for floor in floors if floor < y.min()]
    if not candidates:
        raise ValueError(f"no floor lies below every y; the smallest y is {y.min():.6g}")
    floor = max(candidates)
    return replace(fit(x, y - floor), floor=floor)
