"""Classic wrong answers for Adam and AdamW in `solution/optim.py`."""

import numpy as np

from shared.mistakes import mistake


@mistake(
    "0.16",
    "optim.adam_direction",
    "t is raised too late: the first correction is 1 - beta^0 = 0, and nothing can be divided by that.",
)
def adam_t_too_late(grad, state, betas, eps):
    t = state["t"]
    state["m"] = betas[0] * state["m"] + (1 - betas[0]) * grad
    state["v"] = betas[1] * state["v"] + (1 - betas[1]) * grad**2
    m_hat = state["m"] / (1 - betas[0] ** t)
    v_hat = state["v"] / (1 - betas[1] ** t)
    state["t"] += 1
    return m_hat / (np.sqrt(v_hat) + eps)


@mistake(
    "0.16",
    "optim.adam_direction",
    "m and v are computed but never reach the state: each step averages the new gradient with zeros.",
)
def adam_forgets_averages(grad, state, betas, eps):
    state["t"] += 1
    m = betas[0] * state["m"] + (1 - betas[0]) * grad
    v = betas[1] * state["v"] + (1 - betas[1]) * grad**2
    m_hat = m / (1 - betas[0] ** state["t"])
    v_hat = v / (1 - betas[1] ** state["t"])
    return m_hat / (np.sqrt(v_hat) + eps)


@mistake(
    "0.16",
    "optim.adam_direction",
    "The new t never reaches the state: every step is corrected as if it were the first.",
)
def adam_forgets_t(grad, state, betas, eps):
    t = state["t"] + 1
    state["m"] = betas[0] * state["m"] + (1 - betas[0]) * grad
    state["v"] = betas[1] * state["v"] + (1 - betas[1]) * grad**2
    m_hat = state["m"] / (1 - betas[0] ** t)
    v_hat = state["v"] / (1 - betas[1] ** t)
    return m_hat / (np.sqrt(v_hat) + eps)


@mistake(
    "0.16",
    "optim.adam_direction",
    "Nothing reaches the state, neither m and v nor t: every step is a first step.",
)
def adam_forgets_everything(grad, state, betas, eps):
    t = state["t"] + 1
    m = betas[0] * state["m"] + (1 - betas[0]) * grad
    v = betas[1] * state["v"] + (1 - betas[1]) * grad**2
    return m / (1 - betas[0] ** t) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)


@mistake(
    "0.16",
    "optim.adam_direction",
    "The betas are swapped in the corrections: m lacks a share of beta1^t, v one of beta2^t.",
)
def adam_corrections_swapped(grad, state, betas, eps):
    state["t"] += 1
    state["m"] = betas[0] * state["m"] + (1 - betas[0]) * grad
    state["v"] = betas[1] * state["v"] + (1 - betas[1]) * grad**2
    m_hat = state["m"] / (1 - betas[1] ** state["t"])
    v_hat = state["v"] / (1 - betas[0] ** state["t"])
    return m_hat / (np.sqrt(v_hat) + eps)


@mistake(
    "0.16",
    "optim.adam_direction",
    "The betas are swapped in the averages: beta1 is the memory of the gradient, beta2 that of its square.",
)
def adam_averages_swapped(grad, state, betas, eps):
    state["t"] += 1
    state["m"] = betas[1] * state["m"] + (1 - betas[1]) * grad
    state["v"] = betas[0] * state["v"] + (1 - betas[0]) * grad**2
    m_hat = state["m"] / (1 - betas[0] ** state["t"])
    v_hat = state["v"] / (1 - betas[1] ** state["t"])
    return m_hat / (np.sqrt(v_hat) + eps)


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
    "The weight decays twice: Adam's own update adds the L2 penalty too; only its direction is wanted.",
)
def adamw_decays_twice(self, weight, grad, state, group):
    weight *= 1 - group["lr"] * group["weight_decay"]
    Adam.update(self, weight, grad, state, group)


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
    "No decay reaches the weight: before the step, take lr * weight_decay of it away, in place.",
)
def adamw_without_decay(self, weight, grad, state, group):
    weight -= group["lr"] * adam_direction(grad, state, group["betas"], group["eps"])


@mistake(
    "0.16",
    "optim.AdamW.update",
    "A new array decays and takes the step; the caller's weight never moves. Change that one in place, with *= and -=.",
)
def adamw_decays_a_copy(self, weight, grad, state, group):
    weight = weight * (1 - group["lr"] * group["weight_decay"])
    weight -= group["lr"] * adam_direction(grad, state, group["betas"], group["eps"])
