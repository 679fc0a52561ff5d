"""Operations on tensors, each with its derivative: element by element, and matrix products.

Every operation has one shape, so that a new one is an analogy: take the arrays out, compute the
result, and `record` it with a function from the result's gradient to the operands'. Gradients are
written as if all shapes were equal; where broadcasting made them differ the engine sums them back.

    def mul(a, b):
        x, y = a.data, b.data
        return record("mul", x * y, (a, b), lambda grad: (grad * y, grad * x))

Functions of a result (exp, tanh, relu, ...) are differentiated from the result: no more to keep.
Anything that is not a tensor (a number, an array) is a constant and takes the dtype of its partner.
"""

from __future__ import annotations

import math

import numpy as np

from phase0_foundations.solution.tensor import Tensor, record, unbroadcast

Operand = Tensor | np.ndarray | float


def tensors(a: Operand, b: Operand) -> tuple[Tensor, Tensor]:
    """Turn the constant among two operands into a tensor."""
    if not isinstance(a, Tensor):
        a = Tensor(np.asarray(a, dtype=b.dtype))
    if not isinstance(b, Tensor):
        b = Tensor(np.asarray(b, dtype=a.dtype))
    return a, b


def elementwise(name: str, ufunc: np.ufunc, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Apply a ufunc; two shapes that do not fit are named.

    Raises:
        ValueError: if the shapes do not broadcast.
    """
    try:
        return ufunc(a, b)
    except ValueError:
        raise ValueError(f"{name}: shapes {a.shape} and {b.shape} do not broadcast") from None


# Arithmetic


def add(a: Operand, b: Operand) -> Tensor:
    """Return a + b."""
    a, b = tensors(a, b)
    out = elementwise("add", np.add, a.data, b.data)
    return record("add", out, (a, b), lambda grad: (grad, grad))


def sub(a: Operand, b: Operand) -> Tensor:
    """Return a - b."""
    a, b = tensors(a, b)
    out = elementwise("sub", np.subtract, a.data, b.data)
    return record("sub", out, (a, b), lambda grad: (grad, -grad))


def mul(a: Operand, b: Operand) -> Tensor:
    """Return a * b, element by element."""
    a, b = tensors(a, b)
    x, y = a.data, b.data
    out = elementwise("mul", np.multiply, x, y)
    return record("mul", out, (a, b), lambda grad: (grad * y, grad * x))


def div(a: Operand, b: Operand) -> Tensor:
    """Return a / b."""
    a, b = tensors(a, b)
    x, y = a.data, b.data
    out = elementwise("div", np.divide, x, y)
    return record("div", out, (a, b), lambda grad: (grad / y, -grad * out / y))


def neg(a: Tensor) -> Tensor:
    """Return -a."""
    return record("neg", -a.data, (a,), lambda grad: -grad)


def power(a: Tensor, exponent: float) -> Tensor:
    """Return a ** exponent for a constant exponent."""
    if not isinstance(exponent, int | float):
        raise TypeError(f"power: the exponent must be a number, got {type(exponent).__name__}")
    x = a.data
    return record("power", x**exponent, (a,), lambda grad: grad * exponent * x ** (exponent - 1))


# Functions of one tensor


def exp(a: Tensor) -> Tensor:
    """Return e**a."""
    out = np.exp(a.data)
    return record("exp", out, (a,), lambda grad: grad * out)


def log(a: Tensor) -> Tensor:
    """Return the natural logarithm."""
    x = a.data
    return record("log", np.log(x), (a,), lambda grad: grad / x)


def tanh(a: Tensor) -> Tensor:
    """Return the hyperbolic tangent; its derivative is 1 - tanh**2."""
    out = np.tanh(a.data)
    return record("tanh", out, (a,), lambda grad: grad * (1 - out * out))


def sigmoid(a: Tensor) -> Tensor:
    """Return 1 / (1 + e**-a), by way of tanh, which cannot overflow."""
    out = 0.5 * (1 + np.tanh(0.5 * a.data))
    return record("sigmoid", out, (a,), lambda grad: grad * out * (1 - out))


def relu(a: Tensor) -> Tensor:
    """Return max(a, 0); the derivative at 0 is taken as 0."""
    out = np.maximum(a.data, 0)
    return record("relu", out, (a,), lambda grad: grad * (out > 0))


def gelu(a: Tensor) -> Tensor:
    """Return a * Phi(a), Phi by its tanh approximation.

    Hendrycks and Gimpel 2016 (arXiv:1606.08415), section 2; PyTorch's approximate="tanh".
    """
    x = a.data
    c = math.sqrt(2 / math.pi)
    t = np.tanh(c * (x + 0.044715 * x**3))
    phi = 0.5 * (1 + t)

    def backward(grad: np.ndarray) -> np.ndarray:
        slope = 0.5 * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x)  # of phi
        return grad * (phi + x * slope)

    return record("gelu", x * phi, (a,), backward)


# Matrix products


def matmul_backward(
    grad: np.ndarray, a: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Carry the gradient of a @ b back to a and b.

    Batch axes broadcast. A 1-d operand, (K,), is a row (1, K) on the left and a column (K, 1) on
    the right; that axis of size 1 is then missing from the result, and so from grad.

    Args:
        grad: the shape of a @ b: (..., M, N); (..., N) if a is 1-d, (..., M) if b is, () if both.
        a: (..., M, K) or (K,).
        b: (..., K, N) or (K,).

    Returns:
        (da, db), of the shapes of a and b.
    """
    rows = a[None, :] if a.ndim == 1 else a  # (..., M, K)
    columns = b[:, None] if b.ndim == 1 else b  # (..., K, N)
    if b.ndim == 1:
        grad = grad[..., None]
    if a.ndim == 1:
        grad = grad[..., None, :]
    da = grad @ columns.swapaxes(-1, -2)  # (..., M, K)
    db = rows.swapaxes(-1, -2) @ grad  # (..., K, N)
    return unbroadcast(da, rows.shape).reshape(a.shape), unbroadcast(db, columns.shape).reshape(
        b.shape
    )


def matmul(a: Operand, b: Operand) -> Tensor:
    """Return a @ b with NumPy's rules: batches broadcast, a 1-d operand is a vector.

    Raises:
        ValueError: if the inner sizes differ or the batches do not broadcast.
    """
    a, b = tensors(a, b)
    x, y = a.data, b.data
    try:
        out = x @ y
    except ValueError:
        raise ValueError(f"matmul: {x.shape} @ {y.shape} does not fit") from None
    return record("matmul", out, (a, b), lambda grad: matmul_backward(grad, x, y))


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x @ weight + bias as one node; no gradient is computed for an x that is data.

    Args:
        x: (..., C_in).
        weight: (C_in, C_out).
        bias: (C_out,).

    Returns:
        (..., C_out).

    Raises:
        ValueError: if the sizes do not fit.
    """
    C_in, C_out = weight.shape
    if x.shape[-1:] != (C_in,) or (bias is not None and bias.shape != (C_out,)):
        got = [None if t is None else t.shape for t in (x, weight, bias)]
        raise ValueError(
            f"linear: needs x (..., C_in), weight (C_in, C_out), bias (C_out,), got {got}"
        )
    inputs, w = x.data, weight.data
    out = inputs @ w
    if bias is not None:
        out += bias.data

    def backward(grad: np.ndarray) -> tuple[np.ndarray | None, ...]:
        rows = grad.reshape(-1, C_out)
        dx = grad @ w.T if x.requires_grad else None
        dw = np.matmul(inputs.reshape(-1, C_in).T, rows, out=weight.take_spare())
        return (dx, dw) if bias is None else (dx, dw, rows.sum(axis=0))

    parents = (x, weight) if bias is None else (x, weight, bias)
    return record("linear", out, parents, backward)


# What Python's operators mean for tensors. `2 - a` asks a.__rsub__(2).
Tensor.__add__ = add
Tensor.__radd__ = add
Tensor.__sub__ = sub
Tensor.__rsub__ = lambda a, b: sub(b, a)
Tensor.__mul__ = mul
Tensor.__rmul__ = mul
Tensor.__truediv__ = div
Tensor.__rtruediv__ = lambda a, b: div(b, a)
Tensor.__matmul__ = matmul
Tensor.__rmatmul__ = lambda a, b: matmul(b, a)
Tensor.__neg__ = neg
Tensor.__pow__ = power
Tensor.exp, Tensor.log, Tensor.tanh = exp, log, tanh
Tensor.sigmoid, Tensor.relu, Tensor.gelu = sigmoid, relu, gelu
