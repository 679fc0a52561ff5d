"""The mistakes of `mistakes/parametric.py`, as others would write them."""

import torch
import torch.nn.functional as F

from shared.mistakes import attempt


@attempt("log_loss_is_the_loss")
def _(params, n_params, n_tokens):
    a, b, e, alpha, beta = params.unbind()
    terms = (a - alpha * torch.log(n_params)).exp() + (b - beta * torch.log(n_tokens)).exp()
    return terms + torch.exp(e)


@attempt("log_loss_of_plain_numbers")
def _(params, n_params, n_tokens):
    size = params[0] * n_params ** (-params[3])
    data = params[1] * n_tokens ** (-params[4])
    return (size + data + params[2]).log()


@attempt("log_loss_that_grows")
def _(params, n_params, n_tokens):
    logs = params[3:] * torch.stack([n_params, n_tokens], dim=1).log() + params[:2]
    return torch.logaddexp(torch.logsumexp(logs, dim=1), params[2])


@attempt("log_loss_exponents_exchanged")
def _(params, n_params, n_tokens):
    a, b, e, alpha, beta = params
    first = a - torch.log(n_params) * beta
    second = b - torch.log(n_tokens) * alpha
    return torch.logaddexp(torch.logaddexp(first, second), e)


@attempt("log_loss_overflows")
def _(params, n_params, n_tokens):
    A, B, E = params[:3].exp()
    return torch.log(A * n_params ** -params[3] + B * n_tokens ** -params[4] + E)


@attempt("log_loss_sum_of_exponentials")
def _(params, n_params, n_tokens):
    n_log, d_log = torch.log(n_params), torch.log(n_tokens)
    logs = [params[0] - params[3] * n_log, params[1] - params[4] * d_log, params[2] + 0 * n_log]
    return torch.log(torch.exp(torch.stack(logs)).sum(dim=0))


@attempt("log_loss_without_floor")
def _(params, n_params, n_tokens):
    a, b, alpha, beta = params[0], params[1], params[3], params[4]
    return torch.logaddexp(a - alpha * n_params.log(), b - beta * n_tokens.log())


@attempt("log_loss_floor_outside")
def _(params, n_params, n_tokens):
    a, b, e, alpha, beta = params
    return torch.logaddexp(a - alpha * n_params.log(), b - beta * n_tokens.log()) + e


@attempt("log_loss_without_gradient")
def _(params, n_params, n_tokens):
    a, b, e, alpha, beta = params.detach()
    first = torch.logaddexp(a - alpha * n_params.log(), b - beta * n_tokens.log())
    return torch.logaddexp(first, e)


@attempt("log_loss_base_ten")
def _(params, n_params, n_tokens):
    a, b, e, alpha, beta = params
    first = torch.logaddexp(a - alpha * torch.log10(n_params), b - beta * torch.log10(n_tokens))
    return torch.logaddexp(first, e)


@attempt("objective_mean")
def _(params, n_params, n_tokens, loss, delta=DELTA):
    return F.huber_loss(log_loss(params, n_params, n_tokens), loss.log(), delta=delta)


@attempt("objective_squares")
def _(params, n_params, n_tokens, loss, delta=DELTA):
    r = torch.log(loss) - log_loss(params, n_params, n_tokens)
    return 0.5 * (r @ r)


@attempt("objective_whole_square")
def _(params, n_params, n_tokens, loss, delta=DELTA):
    r = torch.log(loss) - log_loss(params, n_params, n_tokens)
    near = r.abs() <= delta
    return (r[near] ** 2).sum() + (delta * r[~near].abs() - delta**2 / 2).sum()


@attempt("objective_line_too_high")
def _(params, n_params, n_tokens, loss, delta=DELTA):
    r = torch.log(loss) - log_loss(params, n_params, n_tokens)
    near = r.abs() <= delta
    return (r[near] ** 2 / 2).sum() + (delta * r[~near].abs()).sum()


@attempt("objective_smooth_l1")
def _(params, n_params, n_tokens, loss, delta=DELTA):
    predicted = log_loss(params, n_params, n_tokens)
    return F.smooth_l1_loss(predicted, loss.log(), beta=delta, reduction="sum")


@attempt("objective_of_the_loss")
def _(params, n_params, n_tokens, loss, delta=DELTA):
    predicted = torch.exp(log_loss(params, n_params, n_tokens))
    return F.huber_loss(predicted, loss, delta=delta, reduction="sum")


@attempt("objective_apples_and_pears")
def _(params, n_params, n_tokens, loss, delta=DELTA):
    return F.huber_loss(log_loss(params, n_params, n_tokens), loss, "sum", delta)


@attempt("objective_fixed_delta")
def _(params, n_params, n_tokens, loss, delta=DELTA):
    predicted = log_loss(params, n_params, n_tokens)
    return F.huber_loss(predicted, loss.log(), delta=1e-3, reduction="sum")


@attempt("objective_one_sided")
def _(params, n_params, n_tokens, loss, delta=DELTA):
    r = log_loss(params, n_params, n_tokens) - torch.log(loss)
    far = r > delta
    return (0.5 * r[~far] ** 2).sum() + (delta * r[far] - 0.5 * delta**2).sum()
