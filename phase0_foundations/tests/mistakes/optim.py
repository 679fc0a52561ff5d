"""Classic wrong answers for `solution/optim.py`."""

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
    "optim.adam_direction",
    "No bias correction: m and v start at 0 and are far too small at first; divide them by 1 - beta^t.",
)
def adam_without_correction(grad, state, betas, eps):
    state["t"] += 1
    state["m"] = betas[0] * state["m"] + (1 - betas[0]) * grad
    state["v"] = betas[1] * state["v"] + (1 - betas[1]) * grad**2
    return state["m"] / (np.sqrt(state["v"]) + eps)


@mistake(
    "0.16",
    "optim.adam_direction",
    "eps is under the root: for small gradients its root, 1e-4, is what one divides by; add it to the root.",
)
def adam_eps_inside(grad, state, betas, eps):
    state["t"] += 1
    state["m"] = betas[0] * state["m"] + (1 - betas[0]) * grad
    state["v"] = betas[1] * state["v"] + (1 - betas[1]) * grad**2
    m_hat = state["m"] / (1 - betas[0] ** state["t"])
    v_hat = state["v"] / (1 - betas[1] ** state["t"])
    return m_hat / np.sqrt(v_hat + eps)


@mistake(
    "0.16",
    "optim.adam_direction",
    "The root is missing: m_hat / v_hat has the unit of one over the gradient; a step must have none.",
)
def adam_without_root(grad, state, betas, eps):
    state["t"] += 1
    state["m"] = betas[0] * state["m"] + (1 - betas[0]) * grad
    state["v"] = betas[1] * state["v"] + (1 - betas[1]) * grad**2
    m_hat = state["m"] / (1 - betas[0] ** state["t"])
    v_hat = state["v"] / (1 - betas[1] ** state["t"])
    return m_hat / (v_hat + eps)


@mistake(
    "0.16",
    "optim.adam_direction",
    "The two betas are swapped: the first is the memory of the gradient, the second that of its square.",
)
def adam_betas_swapped(grad, state, betas, eps):
    state["t"] += 1
    state["m"] = betas[1] * state["m"] + (1 - betas[1]) * grad
    state["v"] = betas[0] * state["v"] + (1 - betas[0]) * grad**2
    m_hat = state["m"] / (1 - betas[1] ** state["t"])
    v_hat = state["v"] / (1 - betas[0] ** state["t"])
    return m_hat / (np.sqrt(v_hat) + eps)


@mistake(
    "0.16",
    "optim.adam_direction",
    "t is one too large: it counts the steps before this one, so the first correction is 1 - beta^1.",
)
def adam_t_too_large(grad, state, betas, eps):
    state["t"] += 1
    t = state["t"] + 1
    state["m"] = betas[0] * state["m"] + (1 - betas[0]) * grad
    state["v"] = betas[1] * state["v"] + (1 - betas[1]) * grad**2
    m_hat = state["m"] / (1 - betas[0] ** t)
    v_hat = state["v"] / (1 - betas[1] ** t)
    return m_hat / (np.sqrt(v_hat) + eps)


@mistake(
    "0.16",
    "optim.adam_direction",
    "The corrected averages are kept in the state, so they are corrected again and again; keep m and v as they are.",
)
def adam_keeps_corrected(grad, state, betas, eps):
    state["t"] += 1
    state["m"] = (betas[0] * state["m"] + (1 - betas[0]) * grad) / (1 - betas[0] ** state["t"])
    state["v"] = (betas[1] * state["v"] + (1 - betas[1]) * grad**2) / (1 - betas[1] ** state["t"])
    return state["m"] / (np.sqrt(state["v"]) + eps)


@mistake(
    "0.16",
    "optim.AdamW.update",
    "The decay is added to the gradient (L2): Adam then divides it by sqrt(v_hat); AdamW shrinks the weight directly.",
)
def adamw_l2(self, weight, grad, state, group):
    grad = grad + group["weight_decay"] * weight
    weight -= group["lr"] * adam_direction(grad, state, group["betas"], group["eps"])


@mistake(
    "0.16",
    "optim.AdamW.update",
    "The decay is not scaled by lr: a step shrinks the weight by lr * weight_decay of itself.",
)
def adamw_decay_without_lr(self, weight, grad, state, group):
    weight *= 1 - group["weight_decay"]
    weight -= group["lr"] * adam_direction(grad, state, group["betas"], group["eps"])


@mistake(
    "0.16",
    "optim.AdamW.update",
    "The weight is shrunk after the step, so the step itself is shrunk too; the decay is of the old weight.",
)
def adamw_decays_last(self, weight, grad, state, group):
    weight -= group["lr"] * adam_direction(grad, state, group["betas"], group["eps"])
    weight *= 1 - group["lr"] * group["weight_decay"]


@mistake(
    "0.16",
    "optim.AdamW.update",
    "There is no decay at all: before the step, take lr * weight_decay of the weight away.",
)
def adamw_without_decay(self, weight, grad, state, group):
    weight -= group["lr"] * adam_direction(grad, state, group["betas"], group["eps"])
