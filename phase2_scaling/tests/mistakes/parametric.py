"""Classic wrong answers for `solution/parametric.py`."""

import torch

from shared.mistakes import mistake


@mistake(
    "2.3",
    "parametric.log_loss",
    "That is the loss itself; the Huber loss is taken of its logarithm.",
)
def log_loss_is_the_loss(params, n_params, n_tokens):
    a, b, e, alpha, beta = params
    size, data = a - alpha * n_params.log(), b - beta * n_tokens.log()
    return torch.stack([size, data, e.expand_as(size)]).logsumexp(dim=0).exp()


@mistake(
    "2.3",
    "parametric.log_loss",
    "The first three numbers are logarithms, a = log A, b = log B, e = log E; here they are used as A, B and E.",
)
def log_loss_of_plain_numbers(params, n_params, n_tokens):
    A, B, E, alpha, beta = params
    return torch.log(E + A / n_params**alpha + B / n_tokens**beta)


@mistake(
    "2.3",
    "parametric.log_loss",
    "Loss grows with size here: the exponents come with a minus, - alpha log N and - beta log D.",
)
def log_loss_that_grows(params, n_params, n_tokens):
    a, b, e, alpha, beta = params
    size, data = a + alpha * n_params.log(), b + beta * n_tokens.log()
    return torch.stack([size, data, e.expand_as(size)]).logsumexp(dim=0)


@mistake(
    "2.3",
    "parametric.log_loss",
    "The exponents are exchanged: alpha belongs to N, beta to D.",
)
def log_loss_exponents_exchanged(params, n_params, n_tokens):
    a, b, e, alpha, beta = params
    size, data = a - beta * n_params.log(), b - alpha * n_tokens.log()
    return torch.stack([size, data, e.expand_as(size)]).logsumexp(dim=0)


@mistake(
    "2.3",
    "parametric.log_loss",
    "The powers are multiplied out before the logarithm, and overflow; stay with logarithms, logsumexp adds them.",
)
def log_loss_overflows(params, n_params, n_tokens):
    a, b, e, alpha, beta = params
    loss = e.exp() + a.exp() / n_params**alpha + b.exp() / n_tokens**beta
    return loss.log()


@mistake(
    "2.3",
    "parametric.log_loss",
    "Each term leaves its logarithm before they are added up, and e^900 is infinite; logsumexp takes the largest out first.",
)
def log_loss_sum_of_exponentials(params, n_params, n_tokens):
    a, b, e, alpha, beta = params
    size = a - alpha * n_params.log()
    data = b - beta * n_tokens.log()
    return (size.exp() + data.exp() + e.exp()).log()


@mistake(
    "2.3",
    "parametric.log_loss",
    "The floor e is missing: without it the loss would fall to zero, and both exponents come out too small.",
)
def log_loss_without_floor(params, n_params, n_tokens):
    a, b, _, alpha, beta = params
    size, data = a - alpha * n_params.log(), b - beta * n_tokens.log()
    return torch.stack([size, data]).logsumexp(dim=0)


@mistake(
    "2.3",
    "parametric.log_loss",
    "The floor e was added to the logarithm; it is one of three terms inside the sum.",
)
def log_loss_floor_outside(params, n_params, n_tokens):
    a, b, e, alpha, beta = params
    size, data = a - alpha * n_params.log(), b - beta * n_tokens.log()
    return e + torch.stack([size, data]).logsumexp(dim=0)


@mistake(
    "2.3",
    "parametric.log_loss",
    "The values are right, but a new tensor was made of numbers, or detached: no gradient finds its way back to params.",
)
def log_loss_without_gradient(params, n_params, n_tokens):
    a, b, e, alpha, beta = params.tolist()
    size, data = a - alpha * n_params.log(), b - beta * n_tokens.log()
    return torch.stack([size, data, torch.full_like(size, e)]).logsumexp(dim=0)


@mistake(
    "2.3",
    "parametric.log_loss",
    "log10 for the natural logarithm: a, b and e are natural ones.",
)
def log_loss_base_ten(params, n_params, n_tokens):
    a, b, e, alpha, beta = params
    size, data = a - alpha * n_params.log10(), b - beta * n_tokens.log10()
    return torch.stack([size, data, e.expand_as(size)]).logsumexp(dim=0)


@mistake(
    "2.3",
    "parametric.objective",
    "The mean, not the sum: with numbers that small an optimiser's usual tolerance stops it at once; that befell the paper.",
)
def objective_mean(params, n_params, n_tokens, loss, delta=DELTA):
    error = (log_loss(params, n_params, n_tokens) - loss.log()).abs()
    line = delta * (error - delta / 2)
    return torch.where(error <= delta, error.square() / 2, line).mean()


@mistake(
    "2.3",
    "parametric.objective",
    "Squares all the way: beyond delta Huber's loss is a straight line, so that one wild run cannot pull the law to itself.",
)
def objective_squares(params, n_params, n_tokens, loss, delta=DELTA):
    error = log_loss(params, n_params, n_tokens) - loss.log()
    return (error.square() / 2).sum()


@mistake(
    "2.3",
    "parametric.objective",
    "The square lacks its half: r^2 / 2 meets the line at delta with one slope, r^2 does not.",
)
def objective_whole_square(params, n_params, n_tokens, loss, delta=DELTA):
    error = (log_loss(params, n_params, n_tokens) - loss.log()).abs()
    return torch.where(error <= delta, error.square(), delta * (error - delta / 2)).sum()


@mistake(
    "2.3",
    "parametric.objective",
    "The line is delta |r|, half of delta^2 too high: it has to meet the square at delta.",
)
def objective_line_too_high(params, n_params, n_tokens, loss, delta=DELTA):
    error = (log_loss(params, n_params, n_tokens) - loss.log()).abs()
    return torch.where(error <= delta, error.square() / 2, delta * error).sum()


@mistake(
    "2.3",
    "parametric.objective",
    "That is the smooth L1 loss, Huber's divided by delta.",
)
def objective_smooth_l1(params, n_params, n_tokens, loss, delta=DELTA):
    error = (log_loss(params, n_params, n_tokens) - loss.log()).abs()
    return torch.where(error <= delta, error.square() / (2 * delta), error - delta / 2).sum()


@mistake(
    "2.3",
    "parametric.objective",
    "The error is that of the loss; take the logarithm of both sides, so that one percent weighs the same everywhere.",
)
def objective_of_the_loss(params, n_params, n_tokens, loss, delta=DELTA):
    error = (log_loss(params, n_params, n_tokens).exp() - loss).abs()
    line = delta * (error - delta / 2)
    return torch.where(error <= delta, error.square() / 2, line).sum()


@mistake(
    "2.3",
    "parametric.objective",
    "A logarithm is compared with a loss: take that of the measured loss too.",
)
def objective_apples_and_pears(params, n_params, n_tokens, loss, delta=DELTA):
    error = (log_loss(params, n_params, n_tokens) - loss).abs()
    line = delta * (error - delta / 2)
    return torch.where(error <= delta, error.square() / 2, line).sum()


@mistake(
    "2.3",
    "parametric.objective",
    "delta is an argument; here it is always 1e-3.",
)
def objective_fixed_delta(params, n_params, n_tokens, loss, delta=DELTA):
    error = (log_loss(params, n_params, n_tokens) - loss.log()).abs()
    line = DELTA * (error - DELTA / 2)
    return torch.where(error <= DELTA, error.square() / 2, line).sum()


@mistake(
    "2.3",
    "parametric.objective",
    "Only runs above the law count: errors have two signs, and their size decides between square and line.",
)
def objective_one_sided(params, n_params, n_tokens, loss, delta=DELTA):
    error = log_loss(params, n_params, n_tokens) - loss.log()
    line = delta * (error - delta / 2)
    return torch.where(error <= delta, error.square() / 2, line).sum()
