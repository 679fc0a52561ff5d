"""The mistakes of `mistakes/gradcheck.py`, as another learner would write them."""

import numpy as np

from phase0_foundations.solution.gradcheck import numeric_gradient
from phase0_foundations.solution.tensor import Tensor
from shared.mistakes import attempt


@attempt("numeric_gradient_one_sided")
def _(f, x, eps=1e-6):
    slopes = []
    for position in range(x.size):
        step = np.zeros(x.size)
        step[position] = eps
        slopes.append((f(x + step.reshape(x.shape)) - f(x)) / eps)
    return np.array(slopes).reshape(x.shape)


@attempt("numeric_gradient_half_width")
def _(f, x, eps=1e-6):
    out = np.empty(x.shape)
    for where in np.ndindex(*x.shape):
        step = np.zeros(x.shape)
        step[where] = eps
        out[where] = (f(x + step) - f(x - step)) / eps
    return out


@attempt("numeric_gradient_precedence")
def _(f, x, eps=1e-6):
    out = np.empty(x.shape)
    for where in np.ndindex(*x.shape):
        step = np.zeros(x.shape)
        step[where] = eps
        out[where] = 0.5 * (f(x + step) - f(x - step)) * eps
    return out


@attempt("numeric_gradient_not_restored")
def _(f, x, eps=1e-6):
    point = np.array(x)
    out = np.zeros_like(point)
    it = np.nditer(point, flags=["multi_index"])
    for _ in it:
        where = it.multi_index
        middle = float(x[where])
        point[where] = middle + eps
        up = f(point)
        point[where] = middle - eps
        out[where] = (up - f(point)) / (2.0 * eps)
    return out


@attempt("numeric_gradient_moves_everything")
def _(f, x, eps=1e-6):
    out = np.zeros_like(x)
    for where in np.ndindex(x.shape):
        up, down = f(x + eps), f(x - eps)
        out[where] = (up - down) / eps / 2
    return out


@attempt("numeric_gradient_float32")
def _(f, x, eps=1e-6):
    base = np.array(x, dtype="float32")
    slopes = []
    for where in np.ndindex(x.shape):
        up, down = base.copy(), base.copy()
        up[where] = x[where] + eps
        down[where] = x[where] - eps
        slopes.append((f(up) - f(down)) / (2 * eps))
    return np.array(slopes, dtype=float).reshape(x.shape)


@attempt("gradcheck_plain_sum")
def _(f, *inputs, eps=1e-6, tol=1e-6):
    ts = [Tensor(np.array(i), requires_grad=True) for i in inputs]
    f(*ts).sum().backward()
    ok = True
    for k in range(len(inputs)):

        def total(moved):
            return sum(f(*[Tensor(moved if j == k else i) for j, i in enumerate(inputs)]).data.flat)

        numeric = numeric_gradient(total, inputs[k], eps)
        exact = ts[k].grad if ts[k].grad is not None else np.zeros(numeric.shape)
        scale = np.clip(np.maximum(abs(exact), abs(numeric)), 1, None)
        ok = ok and bool(np.all(abs(exact - numeric) / scale <= tol))
    return ok


@attempt("gradcheck_absolute_tolerance")
def _(f, *inputs, eps=1e-6, tol=1e-6):
    ts = [Tensor(np.array(i), requires_grad=True) for i in inputs]
    result = f(*ts)
    weights = np.random.default_rng(1).uniform(0.5, 1.5, result.shape)
    (result * weights).sum().backward()
    verdicts = []
    for k, t in enumerate(ts):

        def total(moved):
            others = [Tensor(moved if j == k else i) for j, i in enumerate(inputs)]
            return float(np.sum(f(*others).data * weights))

        numeric = numeric_gradient(total, inputs[k], eps)
        exact = np.zeros_like(numeric) if t.grad is None else t.grad
        verdicts.append(np.allclose(exact, numeric, rtol=0, atol=tol))
    return all(verdicts)


@attempt("gradcheck_accepts_nan")
def _(f, *inputs, eps=1e-6, tol=1e-6):
    ts = [Tensor(np.array(i), requires_grad=True) for i in inputs]
    result = f(*ts)
    weights = np.random.default_rng(1).uniform(-1, 1, result.shape)
    result.backward(weights)
    for k, t in enumerate(ts):

        def total(moved):
            others = [Tensor(moved if j == k else i) for j, i in enumerate(inputs)]
            return float(np.sum(f(*others).data * weights))

        numeric = numeric_gradient(total, inputs[k], eps)
        exact = np.zeros_like(numeric) if t.grad is None else t.grad
        for e, n in zip(exact.flat, numeric.flat):
            if abs(e - n) > tol * max(1.0, abs(e), abs(n)):
                return False
    return True


@attempt("gradcheck_first_input_only")
def _(f, *inputs, eps=1e-6, tol=1e-6):
    ts = [Tensor(np.array(i), requires_grad=True) for i in inputs]
    result = f(*ts)
    weights = np.random.default_rng(1).uniform(-1, 1, result.shape)
    result.backward(weights)

    def total(moved):
        return float(np.sum(f(Tensor(moved), *ts[1:]).data * weights))

    for k, t in enumerate(ts):
        numeric = numeric_gradient(total, inputs[0], eps)
        exact = np.zeros_like(numeric) if t.grad is None else t.grad
        scale = np.maximum(1, np.maximum(abs(exact), abs(numeric)))
        return bool(np.all(abs(exact - numeric) <= tol * scale))


@attempt("gradcheck_too_generous")
def _(f, *inputs, eps=1e-6, tol=1e-6):
    ts = [Tensor(np.array(i), requires_grad=True) for i in inputs]
    result = f(*ts)
    weights = np.random.default_rng(1).uniform(-1, 1, result.shape)
    result.backward(weights)
    worst = 0.0
    for k, t in enumerate(ts):

        def total(moved):
            others = [Tensor(moved if j == k else i) for j, i in enumerate(inputs)]
            return float(np.sum(f(*others).data * weights))

        numeric = numeric_gradient(total, inputs[k], eps)
        exact = np.zeros_like(numeric) if t.grad is None else t.grad
        error = abs(exact - numeric) / np.maximum(1, np.maximum(abs(exact), abs(numeric)))
        if not np.isfinite(error).all():
            return False
        worst = max(worst, error.max())
    return bool(worst < 0.05)


def both_gradients(f, inputs, *step):
    """The analytic and the numeric gradient of each input, one after the other."""
    tensors = [Tensor(np.array(x), requires_grad=True) for x in inputs]
    result = f(*tensors)
    weights = np.random.default_rng(5).uniform(1, 2, result.shape)
    result.backward(weights)
    for k, tensor in enumerate(tensors):

        def total(x, k=k):
            args = [Tensor(x if j == k else y) for j, y in enumerate(inputs)]
            return float(np.sum(f(*args).data * weights))

        numeric = numeric_gradient(total, inputs[k], *step)
        yield (0 * numeric if tensor.grad is None else tensor.grad), numeric


def distance(a, n, least):
    return abs(a - n) / np.maximum(np.maximum(abs(a), abs(n)), least)


@attempt("gradcheck_mean")
def _(f, *inputs, eps=1e-6, tol=1e-6):
    pairs = both_gradients(f, inputs, eps)
    return all(bool(np.average(distance(a, n, 1.0)) <= tol) for a, n in pairs)


@attempt("gradcheck_ignores_tol")
def _(f, *inputs, eps=1e-6, tol=1e-6):
    pairs = both_gradients(f, inputs, eps)
    return all(bool((abs(a - n) <= 1e-8 + 1e-5 * abs(n)).all()) for a, n in pairs)


@attempt("gradcheck_ignores_eps")
def _(f, *inputs, eps=1e-6, tol=1e-6):
    pairs = both_gradients(f, inputs)
    return all(bool(np.all(distance(a, n, 1.0) <= tol)) for a, n in pairs)


@attempt("gradcheck_purely_relative")
def _(f, *inputs, eps=1e-6, tol=1e-6):
    pairs = both_gradients(f, inputs, eps)
    return all(bool(np.all(distance(a, n, 1e-15) <= tol)) for a, n in pairs)
