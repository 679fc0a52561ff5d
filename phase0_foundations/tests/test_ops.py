"""Every operation and its gradient, against PyTorch in float64 and against finite differences."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import basic_indices, mutually_broadcastable_shapes

from phase0_foundations.solution import ops, reductions, softmax, views
from phase0_foundations.solution.gradcheck import gradcheck
from phase0_foundations.solution.tensor import Parameter, Tensor
from phase0_foundations.tests.draw import arrays, filled_shapes, shapes, to_torch
from shared import checks

TIGHT = {"rtol": 1e-10, "atol": 1e-10}  # float64 against float64: only rounding may differ


# All operations against torch


def agree(ours, theirs, *inputs):
    """Check value and gradients of one function, ours on tensors and theirs on torch's."""
    leaves, mirrors = [Parameter(x) for x in inputs], [to_torch(x) for x in inputs]
    got, want = ours(*leaves), theirs(*mirrors)
    checks.close(got.data, want, "the result", **TIGHT)
    grad = np.random.default_rng(1).standard_normal(want.shape)
    got.backward(grad)
    want.backward(torch.tensor(grad))
    for i, (leaf, mirror) in enumerate(zip(leaves, mirrors, strict=True)):
        checks.close(leaf.grad, mirror.grad, f"gradient of input {i}", **TIGHT)


UNARY = {
    "neg": (ops.neg, torch.neg, (-2, 2)),
    "exp": (ops.exp, torch.exp, (-2, 2)),
    "log": (ops.log, torch.log, (0.1, 3)),
    "tanh": (ops.tanh, torch.tanh, (-3, 3)),
    "sigmoid": (ops.sigmoid, torch.sigmoid, (-3, 3)),
    "relu": (ops.relu, torch.relu, (-2, 2)),
    "gelu": (ops.gelu, lambda x: torch.nn.functional.gelu(x, approximate="tanh"), (-3, 3)),
    "square": (lambda x: x**2, lambda x: x**2, (-2, 2)),
    "inverse root": (lambda x: x**-0.5, lambda x: x**-0.5, (0.2, 3)),
    "2 - x": (lambda x: 2 - x, lambda x: 2 - x, (-2, 2)),
    "2 / x": (lambda x: 2 / x, lambda x: 2 / x, (0.5, 2)),
    "3x + x": (lambda x: 3 * x + x, lambda x: 3 * x + x, (-2, 2)),
    "reshape": (lambda x: x.reshape(-1), lambda x: x.reshape(-1), (-2, 2)),
    "transpose": (lambda x: x.T, lambda x: x.permute(tuple(reversed(range(x.ndim)))), (-2, 2)),
    "sum": (reductions.sum, torch.sum, (-2, 2)),
}


@pytest.mark.parametrize("name", UNARY)
@given(data=st.data())
def test_functions_of_one_tensor(name, data):
    ours, theirs, (low, high) = UNARY[name]
    agree(ours, theirs, data.draw(arrays(data.draw(shapes), low, high)))


BINARY = {
    "add": (ops.add, torch.add),
    "sub": (ops.sub, torch.sub),
    "mul": (ops.mul, torch.mul),
    "div": (ops.div, torch.div),
}


@pytest.mark.parametrize("name", BINARY)
@given(data=st.data())
def test_functions_of_two_tensors_that_broadcast(name, data):
    drawn = data.draw(
        mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3, min_side=0)
    )
    a, b = (data.draw(arrays(shape, 0.5, 2)) for shape in drawn.input_shapes)
    agree(*BINARY[name], a, b)


@given(
    st.data(),
    mutually_broadcastable_shapes(
        signature="(m?,k),(k,n?)->(m?,n?)", max_dims=2, max_side=3, min_side=0
    ),
)
def test_matmul(data, drawn):
    agree(ops.matmul, torch.matmul, *(data.draw(arrays(shape)) for shape in drawn.input_shapes))


@pytest.mark.parametrize("lead", [(), (5,), (2, 3), (0,)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(lead, bias):
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal(shape) for shape in ((*lead, 4), (4, 3), (3,))[: 2 + bias]]

    def theirs(x, weight, bias=None):
        return torch.nn.functional.linear(x, weight.T, bias)

    agree(ops.linear, theirs, *inputs)


REDUCTIONS = {
    "sum": (reductions.sum, torch.sum),
    "mean": (reductions.mean, torch.mean),
    "max": (reductions.max, torch.amax),  # amax shares the gradient among equal ones, as ours
}


@pytest.mark.parametrize("name", REDUCTIONS)
@given(data=st.data(), keepdims=st.booleans())
def test_reductions_along_axes(name, data, keepdims):
    ours, theirs = REDUCTIONS[name]
    x = np.round(data.draw(arrays(data.draw(filled_shapes))))  # rounded: equal values happen
    axes = tuple(data.draw(st.sets(st.integers(-x.ndim, x.ndim - 1)))) if x.ndim else ()
    assume(len({axis % x.ndim for axis in axes}) == len(axes) > 0)
    agree(lambda t: ours(t, axes, keepdims), lambda t: theirs(t, axes, keepdims), x)


@given(st.data())
def test_sum_of_nothing_and_mean_of_everything(data):
    agree(lambda t: t.sum(axis=0), lambda t: t.sum(0), np.zeros((0, 3)))
    agree(lambda t: t.mean(), torch.mean, data.draw(arrays(data.draw(filled_shapes))))
    agree(lambda t: t.max(), torch.amax, data.draw(arrays(data.draw(filled_shapes))))


@given(st.data())
def test_basic_indexing(data):
    x = data.draw(arrays(data.draw(filled_shapes)))
    index = data.draw(basic_indices(x.shape, allow_newaxis=True))
    mirror = Parameter(x)
    grad = np.random.default_rng(0).standard_normal(np.shape(x[index]))
    mirror[index].backward(grad)
    expected = np.zeros(x.shape)
    expected[index] = (
        grad  # torch knows no negative steps; here every element is taken at most once
    )
    checks.equal(mirror.grad, expected, f"gradient of x {x.shape} at {index}")


@pytest.mark.parametrize(
    "index", [[0, 0, 2], ([0, 1, 0], [1, 1, 1]), (slice(None), [2, 0, 2]), (0, [1, 1])]
)
def test_indexing_that_takes_an_element_twice(index):
    x = np.random.default_rng(0).standard_normal((3, 4))
    agree(lambda t: t[index], lambda t: t[index], x)


def test_indexing_by_a_mask():
    x = np.random.default_rng(0).standard_normal((3, 4))
    agree(lambda t: t[x > 0], lambda t: t[torch.tensor(x > 0)], x)


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (-1, 1, 0)])
def test_transpose_and_swapaxes(axes):
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    agree(lambda t: t.transpose(*axes), lambda t: t.permute(*axes), x)
    agree(lambda t: t.swapaxes(-1, -2), lambda t: t.swapaxes(-1, -2), x)


def test_concatenate():
    parts = [np.ones((2, n, 3)) * n for n in (1, 0, 2)]
    agree(lambda *ts: views.concatenate(ts, 1), lambda *ts: torch.cat(ts, 1), *parts)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@given(data=st.data())
def test_softmax_along_any_axis(name, data):
    x = data.draw(arrays(data.draw(filled_shapes), -50, 50))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1)) if x.ndim else -1
    assume(x.ndim > 0)
    ours, theirs = getattr(softmax, name), getattr(torch, name)
    agree(lambda t: ours(t, axis), lambda t: theirs(t, axis), x)


def test_softmax_survives_large_numbers():
    x = np.array([[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agree(softmax.softmax, lambda t: torch.softmax(t, -1), x)
        agree(softmax.log_softmax, lambda t: torch.log_softmax(t, -1), x)


# All gradients against finite differences


SMOOTH = {name: UNARY[name] for name in UNARY if name != "relu"}


@pytest.mark.parametrize("name", SMOOTH)
def test_finite_differences_of_one_tensor(name):
    ours, _, (low, high) = SMOOTH[name]
    x = np.random.default_rng(0).uniform(max(low, -2), high, (2, 3))
    checks.law(gradcheck(ours, x), f"backward of {name} agrees with finite differences")


def test_finite_differences_of_relu_and_max_away_from_kinks():
    x = np.array([[-1.0, 2.0, 0.5], [3.0, -0.25, 1.0]])
    checks.law(gradcheck(ops.relu, x), "relu agrees with finite differences")
    checks.law(gradcheck(lambda t: t.max(1), x), "max agrees with finite differences")


@pytest.mark.parametrize("name", [*BINARY, "matmul", "linear"])
def test_finite_differences_of_two_tensors(name):
    shapes = {"matmul": ((2, 1, 2, 3), (4, 3, 2)), "linear": ((2, 3), (3, 4))}
    rng = np.random.default_rng(0)
    a, b = (rng.uniform(0.5, 2, shape) for shape in shapes.get(name, ((2, 1, 3), (4, 1))))
    checks.law(gradcheck(getattr(ops, name), a, b), f"{name} agrees with finite differences")


@pytest.mark.parametrize(
    "ours", [softmax.softmax, softmax.log_softmax, reductions.mean, views.transpose]
)
def test_finite_differences_of_the_rest(ours):
    x = np.random.default_rng(0).standard_normal((3, 4))
    checks.law(gradcheck(ours, x), f"{ours.__name__} agrees with finite differences")


# Errors that name both shapes


@pytest.mark.parametrize("name", BINARY)
def test_shapes_that_do_not_broadcast_are_named(name):
    a, b = Tensor(np.ones((2, 3))), Tensor(np.ones(4))
    call = lambda: BINARY[name][0](a, b)  # noqa: E731
    checks.raises(call, ValueError, "mismatch", rf"{name}: shapes \(2, 3\) and \(4,\)")


def test_other_mismatches_are_named():
    a, b = Tensor(np.ones((2, 3))), Tensor(np.ones((4, 5)))
    for call, match in [
        (lambda: a @ b, r"matmul: \(2, 3\) @ \(4, 5\)"),
        (lambda: a @ 2.0, r"matmul: \(2, 3\) @ \(\)"),
        (lambda: ops.linear(a, b), r"linear.*\(2, 3\).*\(4, 5\)"),
        (lambda: ops.linear(a, b.T[:, :3].T, Tensor(np.ones(4))), r"linear.*\(4,\)"),
        (lambda: a.reshape(4, 2), r"reshape: \(2, 3\).*\(4, 2\)"),
        (lambda: views.concatenate([a, b]), r"concatenate: .*\(2, 3\), \(4, 5\)"),
        (lambda: Tensor(np.zeros((0, 2))).mean(), r"mean of an empty tensor of shape \(0, 2\)"),
        (lambda: Tensor(np.zeros((0, 2))).max(), r"zero-size|empty"),
    ]:
        checks.raises(call, ValueError, "mismatch", match)
    checks.raises(lambda: a**b, TypeError, "tensor exponent", "must be a number")
