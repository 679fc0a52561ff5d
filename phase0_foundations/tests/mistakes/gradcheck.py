"""Classic wrong answers for `solution/gradcheck.py`."""

import numpy as np

from phase0_foundations.solution.gradcheck import numeric_gradient
from phase0_foundations.solution.tensor import Tensor
from shared.mistakes import mistake

# The checker comes first: a wrong numeric_gradient also makes it say False, a wrong checker
# leaves numeric_gradient right, and diagnosis takes the first mistake that fits.


@mistake(
    "0.12",
    "gradcheck.gradcheck",
    "The result is summed with equal weights, and mistakes that cancel in a sum stay unseen.",
)
def gradcheck_plain_sum(f, *inputs, eps=1e-6, tol=1e-6):
    leaves = [Tensor(x.copy(), requires_grad=True) for x in inputs]
    out = f(*leaves)
    out.backward(np.ones(out.shape))
    for k, leaf in enumerate(leaves):
        changed = list(inputs)

        def loss(x):
            changed[k] = x
            return f(*[Tensor(c) for c in changed]).data.sum()

        n = numeric_gradient(loss, inputs[k], eps)
        a = np.zeros_like(n) if leaf.grad is None else leaf.grad
        error = np.abs(a - n) / np.maximum(1, np.maximum(np.abs(a), np.abs(n)))
        if not (error <= tol).all():
            return False
    return True


@mistake(
    "0.12",
    "gradcheck.gradcheck",
    "The tolerance is absolute only: the round-off of a large gradient is as large as it is itself, times 1e-10.",
)
def gradcheck_absolute_tolerance(f, *inputs, eps=1e-6, tol=1e-6):
    leaves = [Tensor(x.copy(), requires_grad=True) for x in inputs]
    out = f(*leaves)
    w = np.random.default_rng(0).standard_normal(out.shape)
    out.backward(w)
    for k, leaf in enumerate(leaves):
        changed = list(inputs)

        def loss(x):
            changed[k] = x
            return (w * f(*[Tensor(c) for c in changed]).data).sum()

        n = numeric_gradient(loss, inputs[k], eps)
        a = np.zeros_like(n) if leaf.grad is None else leaf.grad
        if not (np.abs(a - n) <= tol).all():
            return False
    return True


@mistake(
    "0.12",
    "gradcheck.gradcheck",
    "NaN > tol is False, so a gradient of NaN is accepted: ask whether the error is small, not whether it is large.",
)
def gradcheck_accepts_nan(f, *inputs, eps=1e-6, tol=1e-6):
    leaves = [Tensor(x.copy(), requires_grad=True) for x in inputs]
    out = f(*leaves)
    w = np.random.default_rng(0).standard_normal(out.shape)
    out.backward(w)
    for k, leaf in enumerate(leaves):
        changed = list(inputs)

        def loss(x):
            changed[k] = x
            return (w * f(*[Tensor(c) for c in changed]).data).sum()

        n = numeric_gradient(loss, inputs[k], eps)
        a = np.zeros_like(n) if leaf.grad is None else leaf.grad
        error = np.abs(a - n) / np.maximum(1, np.maximum(np.abs(a), np.abs(n)))
        if (error > tol).any():
            return False
    return True


@mistake(
    "0.12",
    "gradcheck.gradcheck",
    "Only the first input is looked at; an operation can be right for one operand and wrong for the other.",
)
def gradcheck_first_input_only(f, *inputs, eps=1e-6, tol=1e-6):
    x, others = inputs[0], [Tensor(o) for o in inputs[1:]]
    leaf = Tensor(x.copy(), requires_grad=True)
    out = f(leaf, *others)
    w = np.random.default_rng(0).standard_normal(out.shape)
    out.backward(w)
    n = numeric_gradient(lambda moved: (w * f(Tensor(moved), *others).data).sum(), x, eps)
    a = np.zeros_like(n) if leaf.grad is None else leaf.grad
    error = np.abs(a - n) / np.maximum(1, np.maximum(np.abs(a), np.abs(n)))
    return bool((error <= tol).all())


@mistake(
    "0.12",
    "gradcheck.gradcheck",
    "A gradient one per cent off is accepted: in float64 the two agree to 1e-6 or something is wrong.",
)
def gradcheck_too_generous(f, *inputs, eps=1e-6, tol=1e-6):
    leaves = [Tensor(x.copy(), requires_grad=True) for x in inputs]
    out = f(*leaves)
    w = np.random.default_rng(0).standard_normal(out.shape)
    out.backward(w)
    for k, leaf in enumerate(leaves):
        changed = list(inputs)

        def loss(x):
            changed[k] = x
            return (w * f(*[Tensor(c) for c in changed]).data).sum()

        n = numeric_gradient(loss, inputs[k], eps)
        a = np.zeros_like(n) if leaf.grad is None else leaf.grad
        if not np.allclose(a, n, rtol=2e-2):
            return False
    return True


@mistake(
    "0.12",
    "gradcheck.gradcheck",
    "The errors are averaged, and one wrong element drowns among many right ones: ask for the largest.",
)
def gradcheck_mean(f, *inputs, eps=1e-6, tol=1e-6):
    leaves = [Tensor(x.copy(), requires_grad=True) for x in inputs]
    out = f(*leaves)
    w = np.random.default_rng(0).standard_normal(out.shape)
    out.backward(w)
    for k, leaf in enumerate(leaves):
        changed = list(inputs)

        def loss(x):
            changed[k] = x
            return (w * f(*[Tensor(c) for c in changed]).data).sum()

        n = numeric_gradient(loss, inputs[k], eps)
        a = np.zeros_like(n) if leaf.grad is None else leaf.grad
        error = np.abs(a - n) / np.maximum(1, np.maximum(np.abs(a), np.abs(n)))
        if not error.mean() <= tol:
            return False
    return True


@mistake(
    "0.12",
    "gradcheck.gradcheck",
    "tol never reaches the comparison: np.allclose has tolerances of its own unless it is given others.",
)
def gradcheck_ignores_tol(f, *inputs, eps=1e-6, tol=1e-6):
    leaves = [Tensor(x.copy(), requires_grad=True) for x in inputs]
    out = f(*leaves)
    w = np.random.default_rng(0).standard_normal(out.shape)
    out.backward(w)
    for k, leaf in enumerate(leaves):
        changed = list(inputs)

        def loss(x):
            changed[k] = x
            return (w * f(*[Tensor(c) for c in changed]).data).sum()

        n = numeric_gradient(loss, inputs[k], eps)
        a = np.zeros_like(n) if leaf.grad is None else leaf.grad
        if not np.allclose(a, n):
            return False
    return True


@mistake(
    "0.12",
    "gradcheck.gradcheck",
    "eps never reaches the differences: numeric_gradient has a step of its own unless it is given another.",
)
def gradcheck_ignores_eps(f, *inputs, eps=1e-6, tol=1e-6):
    leaves = [Tensor(x.copy(), requires_grad=True) for x in inputs]
    out = f(*leaves)
    w = np.random.default_rng(0).standard_normal(out.shape)
    out.backward(w)
    for k, leaf in enumerate(leaves):
        changed = list(inputs)

        def loss(x):
            changed[k] = x
            return (w * f(*[Tensor(c) for c in changed]).data).sum()

        n = numeric_gradient(loss, inputs[k])
        a = np.zeros_like(n) if leaf.grad is None else leaf.grad
        error = np.abs(a - n) / np.maximum(1, np.maximum(np.abs(a), np.abs(n)))
        if not (error <= tol).all():
            return False
    return True


@mistake(
    "0.12",
    "gradcheck.gradcheck",
    "The error is purely relative: a tiny gradient is mostly round-off; max(1, ...) forgives what is small in itself.",
)
def gradcheck_purely_relative(f, *inputs, eps=1e-6, tol=1e-6):
    leaves = [Tensor(x.copy(), requires_grad=True) for x in inputs]
    out = f(*leaves)
    w = np.random.default_rng(0).standard_normal(out.shape)
    out.backward(w)
    for k, leaf in enumerate(leaves):
        changed = list(inputs)

        def loss(x):
            changed[k] = x
            return (w * f(*[Tensor(c) for c in changed]).data).sum()

        n = numeric_gradient(loss, inputs[k], eps)
        a = np.zeros_like(n) if leaf.grad is None else leaf.grad
        error = np.abs(a - n) / np.maximum(1e-12, np.maximum(np.abs(a), np.abs(n)))
        if not (error <= tol).all():
            return False
    return True


@mistake(
    "0.12",
    "gradcheck.numeric_gradient",
    "A one-sided difference: its error is of order h. Step to both sides and the term in h cancels.",
)
def numeric_gradient_one_sided(f, x, eps=1e-6):
    grad = np.zeros(x.shape)
    moved = x.copy()
    here = f(x)
    for i in np.ndindex(x.shape):
        moved[i] = x[i] + eps
        grad[i] = (f(moved) - here) / eps
        moved[i] = x[i]
    return grad


@mistake(
    "0.12",
    "gradcheck.numeric_gradient",
    "Divided by h where the two points lie 2h apart: the gradient comes out twice too large.",
)
def numeric_gradient_half_width(f, x, eps=1e-6):
    grad = np.zeros(x.shape)
    moved = x.copy()
    for i in np.ndindex(x.shape):
        moved[i] = x[i] + eps
        above = f(moved)
        moved[i] = x[i] - eps
        below = f(moved)
        moved[i] = x[i]
        grad[i] = (above - below) / eps
    return grad


@mistake(
    "0.12",
    "gradcheck.numeric_gradient",
    "`/ 2 * eps` halves and then multiplies by eps: put the 2 * eps in brackets.",
)
def numeric_gradient_precedence(f, x, eps=1e-6):
    grad = np.zeros(x.shape)
    moved = x.copy()
    for i in np.ndindex(x.shape):
        moved[i] = x[i] + eps
        above = f(moved)
        moved[i] = x[i] - eps
        below = f(moved)
        moved[i] = x[i]
        grad[i] = (above - below) / 2 * eps
    return grad


@mistake(
    "0.12",
    "gradcheck.numeric_gradient",
    "A moved element is not put back, so the next derivative is taken at another point.",
)
def numeric_gradient_not_restored(f, x, eps=1e-6):
    grad = np.zeros(x.shape)
    moved = x.copy()
    for i in np.ndindex(x.shape):
        moved[i] = x[i] + eps
        above = f(moved)
        moved[i] = x[i] - eps
        below = f(moved)
        grad[i] = (above - below) / (2 * eps)
    return grad


@mistake(
    "0.12",
    "gradcheck.numeric_gradient",
    "All elements move at once: that is the sum of all partial derivatives, not each of them.",
)
def numeric_gradient_moves_everything(f, x, eps=1e-6):
    slope = (f(x + eps) - f(x - eps)) / (2 * eps)
    return np.full(x.shape, slope)


@mistake(
    "0.12",
    "gradcheck.numeric_gradient",
    "float32 keeps 7 digits, and a step of 1e-6 changes only the last: the difference is round-off.",
)
def numeric_gradient_float32(f, x, eps=1e-6):
    grad = np.zeros(x.shape)
    moved = x.astype(np.float32)
    for i in np.ndindex(x.shape):
        moved[i] = x[i] + eps
        above = f(moved)
        moved[i] = x[i] - eps
        below = f(moved)
        moved[i] = x[i]
        grad[i] = (above - below) / (2 * eps)
    return grad
