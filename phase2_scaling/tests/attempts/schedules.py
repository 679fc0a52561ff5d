"""The mistakes of `mistakes/schedules.py`, as others would write them."""

from shared.mistakes import attempt


def _back_and_forth(warmup, m):
    """1F1B with a given warm-up, as a loop with two counters."""
    order, f, b = [], 0, 0
    while f < warmup:
        order.append(Action("forward", f))
        f += 1
    while f < m:
        order.append(Action("forward", f))
        order.append(Action("backward", b))
        f, b = f + 1, b + 1
    while b < m:
        order.append(Action("backward", b))
        b += 1
    return order


@attempt("gpipe_one_at_a_time")
def _(n_stages, n_micro, stage):
    return [Action(kind, i) for i in range(n_micro) for kind in ("forward", "backward")]


@attempt("gpipe_backward_reversed")
def _(n_stages, n_micro, stage):
    order = [Action("forward", i) for i in range(n_micro)]
    for i in range(n_micro - 1, -1, -1):
        order.append(Action("backward", i))
    return order


@attempt("gpipe_counts_stages")
def _(n_stages, n_micro, stage):
    return [Action(kind, i) for kind in ("forward", "backward") for i in range(n_stages)]


@attempt("gpipe_deals_out")
def _(n_stages, n_micro, stage):
    mine = [i for i in range(n_micro) if i % n_stages == stage]
    return [Action(kind, i) for kind in ("forward", "backward") for i in mine]


@attempt("gpipe_forward_only")
def _(n_stages, n_micro, stage):
    order = []
    for micro in range(n_micro):
        order.append(Action("forward", micro))
    return order


@attempt("one_f_one_b_warms_up_too_long")
def _(n_stages, n_micro, stage):
    return _back_and_forth(min(n_micro, n_stages - stage), n_micro)


@attempt("one_f_one_b_warms_up_too_short")
def _(n_stages, n_micro, stage):
    return _back_and_forth(min(n_micro, max(0, n_stages - 2 - stage)), n_micro)


@attempt("one_f_one_b_warms_up_backwards")
def _(n_stages, n_micro, stage):
    return _back_and_forth(min(n_micro, stage), n_micro)


@attempt("one_f_one_b_warms_up_alike")
def _(n_stages, n_micro, stage):
    return _back_and_forth(min(n_micro, n_stages - 1), n_micro)


@attempt("one_f_one_b_warm_up_beyond_the_end")
def _(n_stages, n_micro, stage):
    ahead = n_stages - 1 - stage
    order = [Action("forward", k) for k in range(ahead)]
    for k in range(n_micro - ahead):
        order.extend([Action("forward", k + ahead), Action("backward", k)])
    order.extend(Action("backward", n_micro - ahead + k) for k in range(ahead))
    return order


@attempt("one_f_one_b_without_cool_down")
def _(n_stages, n_micro, stage):
    warmup = min(n_stages - stage - 1, n_micro)
    order = _back_and_forth(warmup, n_micro)
    return order[: len(order) - warmup]


@attempt("one_f_one_b_backward_first")
def _(n_stages, n_micro, stage):
    warmup = min(n_stages - 1 - stage, n_micro)
    order = [Action("forward", k) for k in range(warmup)]
    for k in range(n_micro - warmup):
        order.append(Action("backward", k))
        order.append(Action("forward", k + warmup))
    for k in range(n_micro - warmup, n_micro):
        order.append(Action("backward", k))
    return order


@attempt("one_f_one_b_newest_first")
def _(n_stages, n_micro, stage):
    stack, order = [], []
    for k in range(n_micro):
        order.append(Action("forward", k))
        stack.append(k)
        if len(stack) > min(n_stages - stage - 1, n_micro):
            order.append(Action("backward", stack.pop()))
    return order + [Action("backward", k) for k in reversed(stack)]


@attempt("one_f_one_b_is_gpipe")
def _(n_stages, n_micro, stage):
    return [Action(kind, i) for kind in ("forward", "backward") for i in range(n_micro)]


@attempt("one_f_one_b_starts_over")
def _(n_stages, n_micro, stage):
    warmup = min(n_stages - stage - 1, n_micro)
    order = [Action("forward", k) for k in range(warmup)]
    for k in range(n_micro):
        if k < n_micro - warmup:
            order.append(Action("forward", k))
        order.append(Action("backward", k))
    return order


@attempt("bubble_of_the_working_time")
def _(n_stages, n_micro):
    idle = n_stages - 1
    return idle / n_micro


@attempt("bubble_is_the_efficiency")
def _(n_stages, n_micro):
    slots = n_stages + n_micro - 1
    return 1 - (n_stages - 1) / slots


@attempt("bubble_of_p_slots")
def _(n_stages, n_micro):
    slots = n_stages + n_micro - 1
    return n_stages / slots


@attempt("bubble_of_a_longer_step")
def _(n_stages, n_micro):
    slots = n_stages + n_micro
    return 1 - (n_micro + 1) / slots


@attempt("bubble_counted_twice")
def _(n_stages, n_micro):
    whole = n_micro + (n_stages - 1) + (n_stages - 1)
    return 1 - n_micro / whole


@attempt("bubble_exchanged")
def _(n_stages, n_micro):
    return 1 - n_stages / (n_micro + n_stages - 1)
