"""Classic wrong answers for `solution/isoflop.py`."""

import numpy as np

from shared.mistakes import mistake


@mistake(
    "2.4",
    "isoflop.minimum",
    "The parabola is over N itself; over log N a valley is even, over N it has one steep and one endless side.",
)
def valley_over_plain_sizes(n_params, loss):
    if n_params.ndim != 1 or n_params.shape != loss.shape:
        raise ValueError(f"sizes and losses need one shape; got {n_params.shape}, {loss.shape}")
    if len(np.unique(n_params)) < 3:
        raise ValueError("a parabola needs three different sizes")
    scale = n_params.max()
    c2, c1, c0 = np.polyfit(n_params / scale, loss, 2)
    if c2 <= 0:
        raise ValueError("the losses have no valley")
    lowest = -c1 / (2 * c2)
    if not n_params.min() <= lowest * scale <= n_params.max():
        raise ValueError("the losses have no valley among the sizes that were trained")
    return Valley(float(lowest * scale), float(c0 - c2 * lowest**2), float(c2))


@mistake(
    "2.4",
    "isoflop.minimum",
    "The size is still a logarithm: turn it back.",
)
def valley_in_logarithms(n_params, loss):
    if n_params.ndim != 1 or n_params.shape != loss.shape:
        raise ValueError(f"sizes and losses need one shape; got {n_params.shape}, {loss.shape}")
    if len(np.unique(n_params)) < 3:
        raise ValueError("a parabola needs three different sizes")
    c2, c1, c0 = np.polyfit(np.log(n_params), loss, 2)
    if c2 <= 0:
        raise ValueError("the losses have no valley")
    lowest = -c1 / (2 * c2)
    if not n_params.min() <= np.exp(lowest) <= n_params.max():
        raise ValueError("the losses have no valley among the sizes that were trained")
    return Valley(float(lowest), float(c0 - c2 * lowest**2), float(c2))


@mistake(
    "2.4",
    "isoflop.minimum",
    "That is the best run, not the valley's lowest point, which lies between runs.",
)
def valley_of_the_best_run(n_params, loss):
    if n_params.ndim != 1 or n_params.shape != loss.shape:
        raise ValueError(f"sizes and losses need one shape; got {n_params.shape}, {loss.shape}")
    if len(np.unique(n_params)) < 3:
        raise ValueError("a parabola needs three different sizes")
    c2, c1, c0 = np.polyfit(np.log(n_params), loss, 2)
    if c2 <= 0:
        raise ValueError("the losses have no valley")
    if not n_params.min() <= np.exp(-c1 / (2 * c2)) <= n_params.max():
        raise ValueError("the losses have no valley among the sizes that were trained")
    best = loss.argmin()
    return Valley(float(n_params[best]), float(loss[best]), float(c2))


@mistake(
    "2.4",
    "isoflop.minimum",
    "The slope c1 + 2 c2 x is zero at -c1 / (2 c2): the 2 is missing.",
)
def valley_vertex_without_two(n_params, loss):
    if n_params.ndim != 1 or n_params.shape != loss.shape:
        raise ValueError(f"sizes and losses need one shape; got {n_params.shape}, {loss.shape}")
    if len(np.unique(n_params)) < 3:
        raise ValueError("a parabola needs three different sizes")
    middle = np.log(n_params).mean()
    c2, c1, c0 = np.polyfit(np.log(n_params) - middle, loss, 2)
    if c2 <= 0:
        raise ValueError("the losses have no valley")
    lowest = -c1 / c2
    n_lowest = np.exp(middle + lowest)
    if not n_params.min() <= n_lowest <= n_params.max():
        raise ValueError("the losses have no valley among the sizes that were trained")
    return Valley(float(n_lowest), float(c0 + c1 * lowest + c2 * lowest**2), float(c2))


@mistake(
    "2.4",
    "isoflop.minimum",
    "The lowest point is on the wrong side: the slope c1 + 2 c2 x is zero where x is negative times c1.",
)
def valley_wrong_side(n_params, loss):
    if n_params.ndim != 1 or n_params.shape != loss.shape:
        raise ValueError(f"sizes and losses need one shape; got {n_params.shape}, {loss.shape}")
    if len(np.unique(n_params)) < 3:
        raise ValueError("a parabola needs three different sizes")
    middle = np.log(n_params).mean()
    c2, c1, c0 = np.polyfit(np.log(n_params) - middle, loss, 2)
    if c2 <= 0:
        raise ValueError("the losses have no valley")
    lowest = c1 / (2 * c2)
    n_lowest = np.exp(middle + lowest)
    if not n_params.min() <= n_lowest <= n_params.max():
        raise ValueError("the losses have no valley among the sizes that were trained")
    return Valley(float(n_lowest), float(c0 + c1 * lowest + c2 * lowest**2), float(c2))


@mistake(
    "2.4",
    "isoflop.minimum",
    "The size is the parabola's, the loss is a run's; take the parabola's height at its lowest point.",
)
def valley_lowest_measured_loss(n_params, loss):
    if n_params.ndim != 1 or n_params.shape != loss.shape:
        raise ValueError(f"sizes and losses need one shape; got {n_params.shape}, {loss.shape}")
    if len(np.unique(n_params)) < 3:
        raise ValueError("a parabola needs three different sizes")
    middle = np.log(n_params).mean()
    c2, c1, c0 = np.polyfit(np.log(n_params) - middle, loss, 2)
    if c2 <= 0:
        raise ValueError("the losses have no valley")
    n_lowest = np.exp(middle - c1 / (2 * c2))
    if not n_params.min() <= n_lowest <= n_params.max():
        raise ValueError("the losses have no valley among the sizes that were trained")
    return Valley(float(n_lowest), float(loss.min()), float(c2))


@mistake(
    "2.4",
    "isoflop.minimum",
    "The parabola's constant is its height at 0 of its axis; the valley's loss is the height at the lowest point.",
)
def valley_height_at_zero(n_params, loss):
    if n_params.ndim != 1 or n_params.shape != loss.shape:
        raise ValueError(f"sizes and losses need one shape; got {n_params.shape}, {loss.shape}")
    if len(np.unique(n_params)) < 3:
        raise ValueError("a parabola needs three different sizes")
    middle = np.log(n_params).mean()
    c2, c1, c0 = np.polyfit(np.log(n_params) - middle, loss, 2)
    if c2 <= 0:
        raise ValueError("the losses have no valley")
    n_lowest = np.exp(middle - c1 / (2 * c2))
    if not n_params.min() <= n_lowest <= n_params.max():
        raise ValueError("the losses have no valley among the sizes that were trained")
    return Valley(float(n_lowest), float(c0), float(c2))


@mistake(
    "2.4",
    "isoflop.minimum",
    "The parabola goes through the logarithms of the losses; here it is the loss itself that is fitted.",
)
def valley_of_log_losses(n_params, loss):
    if n_params.ndim != 1 or n_params.shape != loss.shape:
        raise ValueError(f"sizes and losses need one shape; got {n_params.shape}, {loss.shape}")
    if len(np.unique(n_params)) < 3:
        raise ValueError("a parabola needs three different sizes")
    middle = np.log(n_params).mean()
    c2, c1, c0 = np.polyfit(np.log(n_params) - middle, np.log(loss), 2)
    if c2 <= 0:
        raise ValueError("the losses have no valley")
    lowest = -c1 / (2 * c2)
    n_lowest = np.exp(middle + lowest)
    if not n_params.min() <= n_lowest <= n_params.max():
        raise ValueError("the losses have no valley among the sizes that were trained")
    return Valley(float(n_lowest), float(np.exp(c0 - c2 * lowest**2)), float(c2))


@mistake(
    "2.4",
    "isoflop.minimum",
    "The axis is log10, so the curvature is 5.3 times too large: it is meant per squared natural logarithm.",
)
def valley_base_ten(n_params, loss):
    if n_params.ndim != 1 or n_params.shape != loss.shape:
        raise ValueError(f"sizes and losses need one shape; got {n_params.shape}, {loss.shape}")
    if len(np.unique(n_params)) < 3:
        raise ValueError("a parabola needs three different sizes")
    c2, c1, c0 = np.polyfit(np.log10(n_params), loss, 2)
    if c2 <= 0:
        raise ValueError("the losses have no valley")
    lowest = -c1 / (2 * c2)
    if not n_params.min() <= 10**lowest <= n_params.max():
        raise ValueError("the losses have no valley among the sizes that were trained")
    return Valley(float(10**lowest), float(c0 - c2 * lowest**2), float(c2))


@mistake(
    "2.4",
    "isoflop.minimum",
    "Only three runs, around the best one, were used; least squares takes the noise out of all of them.",
)
def valley_of_three_runs(n_params, loss):
    if n_params.ndim != 1 or n_params.shape != loss.shape:
        raise ValueError(f"sizes and losses need one shape; got {n_params.shape}, {loss.shape}")
    if len(np.unique(n_params)) < 3:
        raise ValueError("a parabola needs three different sizes")
    order = np.argsort(n_params)
    i = min(max(int(loss[order].argmin()), 1), len(loss) - 2)
    near = order[i - 1 : i + 2]
    middle = np.log(n_params).mean()
    c2, c1, c0 = np.polyfit(np.log(n_params[near]) - middle, loss[near], 2)
    if c2 <= 0:
        raise ValueError("the losses have no valley")
    lowest = -c1 / (2 * c2)
    n_lowest = np.exp(middle + lowest)
    if not n_params.min() <= n_lowest <= n_params.max():
        raise ValueError("the losses have no valley among the sizes that were trained")
    return Valley(float(n_lowest), float(c0 - c2 * lowest**2), float(c2))


@mistake(
    "2.4",
    "isoflop.minimum",
    "A parabola that opens downwards has a highest point; say that there is no valley.",
)
def valley_on_a_hill(n_params, loss):
    if n_params.ndim != 1 or n_params.shape != loss.shape:
        raise ValueError(f"sizes and losses need one shape; got {n_params.shape}, {loss.shape}")
    if len(np.unique(n_params)) < 3:
        raise ValueError("a parabola needs three different sizes")
    middle = np.log(n_params).mean()
    c2, c1, c0 = np.polyfit(np.log(n_params) - middle, loss, 2)
    lowest = -c1 / (2 * c2)
    n_lowest = np.exp(middle + lowest)
    if not n_params.min() <= n_lowest <= n_params.max():
        raise ValueError("the losses have no valley among the sizes that were trained")
    return Valley(float(n_lowest), float(c0 - c2 * lowest**2), float(c2))


@mistake(
    "2.4",
    "isoflop.minimum",
    "A lowest point outside the sizes trained is no measurement: nothing was seen to rise on its other side.",
)
def valley_beyond_the_runs(n_params, loss):
    if n_params.ndim != 1 or n_params.shape != loss.shape:
        raise ValueError(f"sizes and losses need one shape; got {n_params.shape}, {loss.shape}")
    if len(np.unique(n_params)) < 3:
        raise ValueError("a parabola needs three different sizes")
    middle = np.log(n_params).mean()
    c2, c1, c0 = np.polyfit(np.log(n_params) - middle, loss, 2)
    if c2 <= 0:
        raise ValueError("the losses have no valley")
    lowest = -c1 / (2 * c2)
    return Valley(float(np.exp(middle + lowest)), float(c0 - c2 * lowest**2), float(c2))
