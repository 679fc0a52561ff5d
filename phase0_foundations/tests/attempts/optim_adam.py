"""The mistakes of `mistakes/optim_adam.py`, as others would write them."""

import numpy as np

from shared.mistakes import attempt


@attempt("adam_t_too_late")
def _(grad, state, betas, eps):
    b1, b2 = betas
    m, v = state["m"], state["v"]
    m[...] = b1 * m + (1 - b1) * grad
    v[...] = b2 * v + (1 - b2) * np.square(grad)
    first, second = m / (1 - b1 ** state["t"]), v / (1 - b2 ** state["t"])
    state["t"] = state["t"] + 1
    return first / (second**0.5 + eps)


@attempt("adam_forgets_averages")
def _(grad, state, betas, eps):
    b1, b2 = betas
    m, v = state["m"].copy(), state["v"].copy()
    t = state["t"] = state["t"] + 1
    m += (1 - b1) * (grad - m)
    v += (1 - b2) * (np.square(grad) - v)
    return (m / (1 - b1**t)) / ((v / (1 - b2**t)) ** 0.5 + eps)


@attempt("adam_forgets_t")
def _(grad, state, betas, eps):
    b1, b2 = betas
    m, v, t = state["m"], state["v"], state["t"]
    t += 1
    m += (1 - b1) * (grad - m)
    v += (1 - b2) * (np.square(grad) - v)
    return (m / (1 - b1**t)) / ((v / (1 - b2**t)) ** 0.5 + eps)


@attempt("adam_forgets_everything")
def _(grad, state, betas, eps):
    b1, b2 = betas
    m, v, t = state["m"].copy(), state["v"].copy(), state["t"]
    t += 1
    m += (1 - b1) * (grad - m)
    v += (1 - b2) * (np.square(grad) - v)
    return (m / (1 - b1**t)) / ((v / (1 - b2**t)) ** 0.5 + eps)


@attempt("adam_corrections_swapped")
def _(grad, state, betas, eps):
    b1, b2 = betas
    m, v = state["m"], state["v"]
    m += (1 - b1) * (grad - m)
    v += (1 - b2) * (np.square(grad) - v)
    state["t"] += 1
    first, second = 1 - b2 ** state["t"], 1 - b1 ** state["t"]
    return m / first / (eps + np.sqrt(v / second))


@attempt("adam_averages_swapped")
def _(grad, state, betas, eps):
    b1, b2 = betas
    m, v = state["m"], state["v"]
    m += (1 - b2) * (grad - m)
    v += (1 - b1) * (np.square(grad) - v)
    state["t"] += 1
    return m / (1 - b1 ** state["t"]) / (eps + np.sqrt(v / (1 - b2 ** state["t"])))


@attempt("adam_without_correction")
def _(grad, state, betas, eps):
    b1, b2 = betas
    state["t"] = state["t"] + 1
    state["m"] += (1 - b1) * (grad - state["m"])
    state["v"] += (1 - b2) * (grad * grad - state["v"])
    denominator = np.sqrt(state["v"]) + eps
    return state["m"] / denominator


@attempt("adam_eps_inside")
def _(grad, state, betas, eps):
    b1, b2 = betas
    state["t"] += 1
    m, v = state["m"], state["v"]
    m += (1 - b1) * (grad - m)
    v += (1 - b2) * (grad * grad - v)
    scale = ((v / (1 - b2 ** state["t"])) + eps) ** -0.5
    return m / (1 - b1 ** state["t"]) * scale


@attempt("adam_without_root")
def _(grad, state, betas, eps):
    b1, b2 = betas
    t = state["t"] = state["t"] + 1
    m, v = state["m"], state["v"]
    m[...] = b1 * m + (1 - b1) * grad
    v[...] = b2 * v + (1 - b2) * np.square(grad)
    first, second = m / (1 - b1**t), v / (1 - b2**t)
    return first / (second + eps)


@attempt("adam_betas_swapped")
def _(grad, state, betas, eps):
    b2, b1 = betas
    t = state["t"] = state["t"] + 1
    m, v = state["m"], state["v"]
    m[...] = b1 * m + (1 - b1) * grad
    v[...] = b2 * v + (1 - b2) * np.square(grad)
    return (m / (1 - b1**t)) / ((v / (1 - b2**t)) ** 0.5 + eps)


@attempt("adam_t_too_large")
def _(grad, state, betas, eps):
    b1, b2 = betas
    m, v = state["m"], state["v"]
    state["t"] += 1
    m *= b1
    m += (1 - b1) * grad
    v *= b2
    v += (1 - b2) * np.square(grad)
    return (m / (1 - b1 ** (state["t"] + 1))) / ((v / (1 - b2 ** (state["t"] + 1))) ** 0.5 + eps)


@attempt("adam_keeps_corrected")
def _(grad, state, betas, eps):
    b1, b2 = betas
    state["t"] += 1
    m, v = state["m"], state["v"]
    m *= b1
    m += (1 - b1) * grad
    m /= 1 - b1 ** state["t"]
    v *= b2
    v += (1 - b2) * np.square(grad)
    v /= 1 - b2 ** state["t"]
    return m / (v**0.5 + eps)


@attempt("adamw_l2")
def _(self, weight, grad, state, group):
    penalised = group["weight_decay"] * weight + grad
    direction = adam_direction(penalised, state, group["betas"], group["eps"])
    np.subtract(weight, group["lr"] * direction, out=weight)


@attempt("adamw_decays_twice")
def _(self, weight, grad, state, group):
    lr, decay = group["lr"], group["weight_decay"]
    penalised = grad + decay * (weight - lr * decay * weight)
    step = lr * adam_direction(penalised, state, group["betas"], group["eps"])
    weight[...] = weight - lr * decay * weight - step


@attempt("adamw_decay_without_lr")
def _(self, weight, grad, state, group):
    direction = adam_direction(grad, state, eps=group["eps"], betas=group["betas"])
    weight[...] = weight - group["weight_decay"] * weight - group["lr"] * direction


@attempt("adamw_decays_last")
def _(self, weight, grad, state, group):
    lr, decay = group["lr"], group["weight_decay"]
    moved = weight - lr * adam_direction(grad, state, group["betas"], group["eps"])
    weight[...] = moved - lr * decay * moved


@attempt("adamw_without_decay")
def _(self, weight, grad, state, group):
    step = adam_direction(grad, state, group["betas"], group["eps"]) * group["lr"]
    weight[...] = weight - step


@attempt("adamw_decays_a_copy")
def _(self, weight, grad, state, group):
    lr, decay = group["lr"], group["weight_decay"]
    weight = weight - lr * decay * weight
    weight = weight - lr * adam_direction(grad, state, group["betas"], group["eps"])
