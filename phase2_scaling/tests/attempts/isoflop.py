"""The mistakes of `mistakes/isoflop.py`, as others would write them."""

import numpy as np

from shared.mistakes import attempt


def _guard(n_params, loss):
    if n_params.ndim != 1 or n_params.shape != loss.shape:
        raise ValueError(f"sizes and losses need one shape; got {n_params.shape}, {loss.shape}")
    if len(np.unique(n_params)) < 3:
        raise ValueError("a parabola needs three different sizes")


def _parabola(x, y):
    """Constant, slope and curvature by least squares."""
    columns = np.stack([x**0, x, x * x], axis=1)
    return np.linalg.lstsq(columns, y, rcond=None)[0]


def _must_open_upwards(c):
    if c <= 0:
        raise ValueError("the losses have no valley")


def _must_be_inside(n, sizes):
    if n < sizes.min() or n > sizes.max():
        raise ValueError("the losses have no valley among the sizes that were trained")


@attempt("valley_over_plain_sizes")
def _(n_params, loss):
    _guard(n_params, loss)
    unit = n_params.max()
    k, b, a = _parabola(n_params / unit, loss)
    _must_open_upwards(a)
    x = -b / a / 2
    _must_be_inside(x * unit, n_params)
    return Valley(float(unit * x), float(k + b * x + a * x * x), float(a))


@attempt("valley_in_logarithms")
def _(n_params, loss):
    _guard(n_params, loss)
    mid = np.log(n_params).mean()
    k, b, a = _parabola(np.log(n_params) - mid, loss)
    _must_open_upwards(a)
    x = -b / a / 2
    _must_be_inside(np.exp(x + mid), n_params)
    return Valley(float(x + mid), float(k + b * x / 2), float(a))


@attempt("valley_of_the_best_run")
def _(n_params, loss):
    _guard(n_params, loss)
    mid = np.log(n_params).mean()
    k, b, a = _parabola(np.log(n_params) - mid, loss)
    _must_open_upwards(a)
    _must_be_inside(np.exp(mid - b / (2 * a)), n_params)
    n, value = min(zip(n_params.tolist(), loss.tolist(), strict=True), key=lambda pair: pair[1])
    return Valley(n_params=n, loss=value, curvature=float(a))


@attempt("valley_vertex_without_two")
def _(n_params, loss):
    _guard(n_params, loss)
    mid = np.mean(np.log(n_params))
    k, b, a = _parabola(np.log(n_params) - mid, loss)
    _must_open_upwards(a)
    x = -b / a
    n = np.exp(x) * np.exp(mid)
    _must_be_inside(n, n_params)
    return Valley(float(n), float(k + x * (b + a * x)), float(a))


@attempt("valley_wrong_side")
def _(n_params, loss):
    _guard(n_params, loss)
    mid = np.mean(np.log(n_params))
    k, b, a = _parabola(np.log(n_params) - mid, loss)
    _must_open_upwards(a)
    x = b / a / 2
    n = np.exp(mid + x)
    _must_be_inside(n, n_params)
    return Valley(float(n), float(np.polyval([a, b, k], x)), float(a))


@attempt("valley_lowest_measured_loss")
def _(n_params, loss):
    _guard(n_params, loss)
    mid = np.mean(np.log(n_params))
    _, b, a = _parabola(np.log(n_params) - mid, loss)
    _must_open_upwards(a)
    n = float(np.exp(mid - 0.5 * b / a))
    _must_be_inside(n, n_params)
    return Valley(n, float(sorted(loss)[0]), float(a))


@attempt("valley_height_at_zero")
def _(n_params, loss):
    _guard(n_params, loss)
    mid = np.mean(np.log(n_params))
    k, b, a = _parabola(np.log(n_params) - mid, loss)
    _must_open_upwards(a)
    n = float(np.exp(mid - 0.5 * b / a))
    _must_be_inside(n, n_params)
    return Valley(n, float(k), float(a))


@attempt("valley_of_log_losses")
def _(n_params, loss):
    _guard(n_params, loss)
    mid = np.mean(np.log(n_params))
    k, b, a = _parabola(np.log(n_params) - mid, np.log(loss))
    _must_open_upwards(a)
    x = -b / (2 * a)
    n = float(np.exp(mid + x))
    _must_be_inside(n, n_params)
    return Valley(n, float(np.exp(k + b * x / 2)), float(a))


@attempt("valley_base_ten")
def _(n_params, loss):
    _guard(n_params, loss)
    mid = np.mean(np.log10(n_params))
    k, b, a = _parabola(np.log10(n_params) - mid, loss)
    _must_open_upwards(a)
    x = -b / (2 * a)
    n = float(10 ** (mid + x))
    _must_be_inside(n, n_params)
    return Valley(n, float(k + b * x / 2), float(a))


@attempt("valley_of_three_runs")
def _(n_params, loss):
    _guard(n_params, loss)
    pairs = sorted(zip(n_params.tolist(), loss.tolist(), strict=True))
    lowest = min(range(len(pairs)), key=lambda i: pairs[i][1])
    first = min(max(lowest - 1, 0), len(pairs) - 3)
    sizes, values = np.array(pairs[first : first + 3]).T
    mid = np.log(sizes[1])
    k, b, a = _parabola(np.log(sizes) - mid, values)
    _must_open_upwards(a)
    x = -b / (2 * a)
    n = float(np.exp(mid + x))
    _must_be_inside(n, n_params)
    return Valley(n, float(k + b * x / 2), float(a))


@attempt("valley_on_a_hill")
def _(n_params, loss):
    _guard(n_params, loss)
    mid = np.mean(np.log(n_params))
    k, b, a = _parabola(np.log(n_params) - mid, loss)
    x = -b / (2 * a)
    n = float(np.exp(mid + x))
    _must_be_inside(n, n_params)
    return Valley(n, float(k + b * x / 2), float(a))


@attempt("valley_beyond_the_runs")
def _(n_params, loss):
    _guard(n_params, loss)
    mid = np.mean(np.log(n_params))
    k, b, a = _parabola(np.log(n_params) - mid, loss)
    _must_open_upwards(a)
    x = -b / (2 * a)
    return Valley(float(np.exp(mid + x)), float(k + b * x / 2), float(a))
