"""The mistakes of `mistakes/optim.py`, as others would write them."""

import numpy as np

from shared.mistakes import attempt


@attempt("sgd_uphill")
def _(self, weight, grad, state, group):
    lr, mu, decay = group["lr"], group["momentum"], group["weight_decay"]
    g = grad + decay * weight
    if mu > 0:
        state["velocity"] *= mu
        state["velocity"] += g
        g = g + mu * state["velocity"] if group["nesterov"] else state["velocity"]
    np.add(weight, lr * g, out=weight)


@attempt("sgd_rebinds")
def _(self, weight, grad, state, group):
    step = grad * group["lr"]
    new_weight = weight - step
    return new_weight


@attempt("momentum_lr_inside")
def _(self, weight, grad, state, group):
    scaled = group["lr"] * (grad + group["weight_decay"] * weight)
    if group["momentum"] == 0:
        weight[...] = weight - scaled
    else:
        state["velocity"] = state["velocity"] * group["momentum"] + scaled
        step = state["velocity"]
        if group["nesterov"]:
            step = scaled + group["momentum"] * step
        weight[...] = weight - step


@attempt("momentum_averages")
def _(self, weight, grad, state, group):
    beta = group["momentum"]
    g = grad + group["weight_decay"] * weight
    if beta > 0:
        state["velocity"] = beta * state["velocity"] + g - beta * g
        g = beta * state["velocity"] + g if group["nesterov"] else state["velocity"]
    weight[:] -= g * group["lr"]


@attempt("momentum_forgotten")
def _(self, weight, grad, state, group):
    direction = grad + weight * group["weight_decay"]
    if group["momentum"]:
        velocity = state["velocity"].copy()
        velocity *= group["momentum"]
        velocity += direction
        if group["nesterov"]:
            direction = direction + group["momentum"] * velocity
        else:
            direction = velocity
    weight -= direction * group["lr"]


@attempt("nesterov_ignored")
def _(self, weight, grad, state, group):
    if group["weight_decay"] > 0:
        grad = weight * group["weight_decay"] + grad
    if group["momentum"] > 0:
        velocity = state["velocity"]
        velocity *= group["momentum"]
        velocity += grad
        weight -= velocity * group["lr"]
    else:
        weight -= grad * group["lr"]


@attempt("nesterov_on_velocity")
def _(self, weight, grad, state, group):
    lr, beta = group["lr"], group["momentum"]
    g = grad + group["weight_decay"] * weight
    if beta:
        state["velocity"] = beta * state["velocity"] + g
        factor = 1 + beta if group["nesterov"] else 1
        weight -= lr * factor * state["velocity"]
    else:
        weight -= lr * g


@attempt("sgd_decay_beside")
def _(self, weight, grad, state, group):
    lost = group["lr"] * group["weight_decay"] * weight
    step = grad
    if group["momentum"]:
        state["velocity"] = grad + group["momentum"] * state["velocity"]
        step = state["velocity"]
        if group["nesterov"]:
            step = grad + group["momentum"] * step
    weight -= group["lr"] * step + lost


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
