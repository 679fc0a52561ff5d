"""The tensor engine: what a graph does with gradients, memory and changes."""

import gc
import weakref

import numpy as np
import pytest
import torch

from phase0_foundations.solution import ops
from phase0_foundations.solution.tensor import Parameter, Tensor, no_grad
from shared import checks

# How gradients flow


def test_a_tensor_used_twice_gets_both_shares():
    x = Tensor(np.array([3.0]), requires_grad=True)
    y = x * x + x
    y.backward()
    checks.close(x.grad, [7.0], "d(x^2 + x)/dx at 3")


def test_shares_are_paid_in_before_a_node_passes_on():
    a, b = Parameter(np.array(2.0)), Parameter(np.array(-3.0))
    c, d = a + b, a * b
    (c * (c + d) + d.tanh()).backward()
    x, y = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (2.0, -3.0))
    c, d = x + y, x * y
    (c * (c + d) + d.tanh()).backward()
    checks.close(a.grad, x.grad, "da", rtol=1e-12, atol=1e-12)
    checks.close(b.grad, y.grad, "db", rtol=1e-12, atol=1e-12)


def test_backward_adds_to_leaves_and_leaves_nothing_inside():
    x = Parameter(np.ones(3))
    for times in (1, 2):
        inside = x * 2.0
        inside.sum().backward()
        checks.equal(x.grad, np.full(3, 2.0 * times), f"gradient after {times} backward")
    assert inside.grad is None
    x.zero_grad()
    assert x.grad is None


def test_no_two_leaves_share_a_gradient():
    a, b, c = (Parameter(np.ones((2, 3))) for _ in range(3))
    upstream = np.ones((2, 3))
    (a + b + c.reshape(3, 2).reshape(2, 3)).backward(upstream)
    a.grad *= 5
    upstream *= 7
    checks.equal(b.grad, np.ones((2, 3)), "gradient of b")
    checks.equal(c.grad, np.ones((2, 3)), "gradient of c")


def test_gradients_have_the_dtype_of_their_tensor():
    a, b = Parameter(np.ones(2, np.float32)), Parameter(np.ones(2, np.float64))
    (a * b).sum().backward()
    assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)
    assert (a * 2 + 1.5).dtype == np.float32
    assert Tensor([1, 2]).dtype == np.float32


def test_a_constant_gets_no_gradient():
    x, data = Parameter(np.ones(3)), Tensor(np.ones(3))
    (x * data + np.ones(3) * x).sum().backward()
    assert data.grad is None
    checks.equal(x.grad, np.full(3, 2.0), "gradient of x")


def test_gradient_memory_is_used_again_but_only_after_zero_grad():
    x, w = Tensor(np.ones((4, 3))), Parameter(np.ones((3, 2)))
    ops.linear(x, w).sum().backward()
    first = w.grad
    ops.linear(x, w).sum().backward()
    assert w.grad is first
    checks.equal(first, np.full((3, 2), 8.0), "two gradients added")
    w.zero_grad()
    (ops.linear(x, w) + ops.linear(x, w)).sum().backward()
    assert w.grad is first
    checks.equal(first, np.full((3, 2), 8.0), "one weight used twice")


def test_a_deep_graph_needs_no_recursion():
    x = Parameter(np.array(1.0))
    y = x
    for _ in range(20_000):
        y = y + 1.0
    y.backward()
    checks.equal(x.grad, np.array(1.0), "gradient through 20,000 additions")


# no_grad and detach


def test_no_grad_records_nothing_and_ends_with_its_block():
    x = Parameter(np.ones(2))

    def fail_inside():
        with no_grad(), no_grad():
            assert not (x * 2.0).requires_grad
            raise KeyError

    checks.raises(fail_inside, KeyError, "an error within no_grad")
    assert (x * 2.0).requires_grad
    assert not no_grad()(lambda: x * 2.0)().requires_grad


def test_detach_cuts_the_graph():
    x = Parameter(np.array([3.0]))
    (x.detach() * x).backward()
    checks.equal(x.grad, np.array([3.0]), "only one factor counts")


# Memory


def test_a_graph_dies_without_the_garbage_collector():
    x = Parameter(np.ones((2, 3)))
    gc.disable()
    try:
        inside = x.tanh()
        loss = ((inside @ x.T).relu() / 2 + 1.0).exp().mean()
        died = weakref.ref(inside)
        del inside
        assert died() is not None
        del loss
        assert died() is None
    finally:
        gc.enable()


def test_backward_frees_what_was_saved():
    x = Parameter(np.ones(3))
    inside = x.tanh()
    loss = (inside * 2.0).sum()
    died = weakref.ref(inside)
    del inside
    loss.backward()
    assert died() is None


def test_retained_graph_dies_with_its_result():
    x = Parameter(np.ones(3))
    loss = x.tanh().sum()
    died = weakref.ref(loss)
    loss.backward(retain_graph=True)
    loss.backward()
    checks.close(x.grad, 2 * (1 - np.tanh(np.ones(3)) ** 2), "two backwards")
    del loss
    assert died() is None


# Errors that name what went wrong


def test_backward_twice_is_named():
    x = Parameter(np.ones(3))
    loss = x.tanh().sum()
    loss.backward()
    checks.raises(
        loss.backward, RuntimeError, "second backward", "second time .*'sum'.*retain_graph"
    )


def test_backward_twice_through_a_shared_part_is_named():
    x = Parameter(np.ones(3))
    shared = x.tanh()
    shared.sum().backward()
    checks.raises(shared.mean().backward, RuntimeError, "shared part", "second time .*'tanh'")


def test_changed_operand_is_named():
    x, w = Parameter(np.ones(3)), Parameter(np.ones(3))
    loss = (x * w).sum()
    with no_grad():
        w -= 0.1
    checks.raises(loss.backward, RuntimeError, "changed w", "input 1 of 'mul' was changed in place")


def test_changed_result_is_named():
    x = Parameter(np.ones(3))
    y = x.exp()
    loss = y.sum()
    with no_grad():
        y[0] = 0.0
    checks.raises(loss.backward, RuntimeError, "changed exp(x)", "'(sum|exp)' was changed in place")


@pytest.mark.parametrize(
    "view", [lambda t: t[1:], lambda t: t.T, lambda t: t.reshape(-1), Tensor.detach]
)
def test_a_change_through_a_view_is_seen(view):
    x = Tensor(np.ones((2, 3)))
    loss = (Parameter(np.ones((2, 3))) * x).sum()
    seen = view(x)
    seen *= 2.0
    checks.equal(float(x.data.max()), 2.0, "the view shares memory")
    checks.raises(loss.backward, RuntimeError, "changed view", "input 1 of 'mul'")


def test_a_change_behind_the_back_can_be_told():
    w = Parameter(np.ones(3))
    loss = (w * w).sum()
    w.data += 1.0
    w.bump_version()
    checks.raises(loss.backward, RuntimeError, "told change", "changed in place")


def test_in_place_on_a_recorded_tensor_is_refused():
    w = Parameter(np.ones(3))

    def change():
        w[0] = 2.0

    checks.raises(change, RuntimeError, "w[0] = 2", "requires a gradient")
    checks.raises(lambda: w.__iadd__(1.0), RuntimeError, "w += 1", "requires a gradient")
    checks.equal(w.data, np.ones(3), "w is unchanged")


def test_backward_asks_for_what_it_needs():
    x = Parameter(np.ones(3))
    checks.raises((x * 2.0).backward, ValueError, "no scalar", r"scalar, got shape \(3,\)")
    wrong = np.ones(2)
    checks.raises(lambda: (x * 2.0).backward(wrong), ValueError, "shape", r"\(2,\).*\(3,\)")
    checks.raises(Tensor(1.0).backward, RuntimeError, "no graph", "requires_grad")
