"""Classic wrong answers for SGD in `solution/optim.py`."""

import numpy as np

from shared.mistakes import mistake


@mistake(
    "0.16",
    "optim.SGD.update",
    "The sign is wrong: the gradient points uphill, and a step must go against it.",
)
def sgd_uphill(self, weight, grad, state, group):
    if group["weight_decay"]:
        grad = grad + group["weight_decay"] * weight
    if group["momentum"]:
        state["velocity"] = group["momentum"] * state["velocity"] + grad
        grad = (
            grad + group["momentum"] * state["velocity"] if group["nesterov"] else state["velocity"]
        )
    weight += group["lr"] * grad


@mistake(
    "0.16",
    "optim.SGD.update",
    "`weight = weight - ...` makes a new array and leaves the parameter's own as it was; change it in place.",
)
def sgd_rebinds(self, weight, grad, state, group):
    weight = weight - group["lr"] * grad


@mistake(
    "0.16",
    "optim.SGD.update",
    "lr is inside the velocity: it belongs to the step, so that a new lr holds for the whole velocity at once.",
)
def momentum_lr_inside(self, weight, grad, state, group):
    lr, mu = group["lr"], group["momentum"]
    grad = grad + group["weight_decay"] * weight
    if not mu:
        weight -= lr * grad
        return
    v = state["velocity"]
    v *= mu
    v += lr * grad
    weight -= lr * grad + mu * v if group["nesterov"] else v


@mistake(
    "0.16",
    "optim.SGD.update",
    "The new gradient enters the velocity with the factor 1 - momentum: that is an average, momentum is a sum.",
)
def momentum_averages(self, weight, grad, state, group):
    mu = group["momentum"]
    grad = grad + group["weight_decay"] * weight
    if mu:
        v = state["velocity"]
        v *= mu
        v += (1 - mu) * grad
        grad = grad + mu * v if group["nesterov"] else v
    weight -= group["lr"] * grad


@mistake(
    "0.16",
    "optim.SGD.update",
    "The velocity never reaches the state, so every step starts from rest and momentum does nothing.",
)
def momentum_forgotten(self, weight, grad, state, group):
    mu = group["momentum"]
    grad = grad + group["weight_decay"] * weight
    if mu:
        v = mu * state["velocity"] + grad
        grad = grad + mu * v if group["nesterov"] else v
    weight -= group["lr"] * grad


@mistake(
    "0.16",
    "optim.SGD.update",
    "nesterov makes no difference here: it must step along g + momentum * velocity, one step ahead.",
)
def nesterov_ignored(self, weight, grad, state, group):
    mu = group["momentum"]
    grad = grad + group["weight_decay"] * weight
    if mu:
        state["velocity"][...] = mu * state["velocity"] + grad
        grad = state["velocity"]
    weight -= group["lr"] * grad


@mistake(
    "0.16",
    "optim.SGD.update",
    "Nesterov's step adds momentum * velocity to the velocity; it must be added to the gradient.",
)
def nesterov_on_velocity(self, weight, grad, state, group):
    mu = group["momentum"]
    grad = grad + group["weight_decay"] * weight
    if mu:
        v = state["velocity"]
        v *= mu
        v += grad
        grad = v + mu * v if group["nesterov"] else v
    weight -= group["lr"] * grad


@mistake(
    "0.16",
    "optim.SGD.update",
    "The decay shrinks the weight beside the step; SGD's is the L2 penalty, whose gradient joins g and the velocity.",
)
def sgd_decay_beside(self, weight, grad, state, group):
    mu, lr = group["momentum"], group["lr"]
    weight *= 1 - lr * group["weight_decay"]
    if mu:
        v = state["velocity"]
        v *= mu
        v += grad
        grad = grad + mu * v if group["nesterov"] else v
    weight -= lr * grad


@mistake(
    "0.16",
    "optim.SGD.update",
    "The gradient itself is changed: `grad += ...` works in place, and it belongs to the parameter.",
)
def sgd_changes_gradient(self, weight, grad, state, group):
    mu = group["momentum"]
    grad += group["weight_decay"] * weight
    if mu:
        v = state["velocity"]
        v *= mu
        v += grad
        grad = grad + mu * v if group["nesterov"] else v
    weight -= group["lr"] * grad
