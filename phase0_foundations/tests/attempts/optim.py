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


@attempt("sgd_changes_gradient")
def _(self, weight, grad, state, group):
    lr, beta, decay = group["lr"], group["momentum"], group["weight_decay"]
    if decay > 0:
        np.add(grad, decay * weight, out=grad)
    step = grad
    if beta > 0:
        state["velocity"] = beta * state["velocity"] + grad
        step = grad + beta * state["velocity"] if group["nesterov"] else state["velocity"]
    weight[...] = weight - lr * step
