"""Scalar autograd against torch in float64, central differences, and graphs worked by hand."""

import gc
import math
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phase0_foundations.solution import value
from phase0_foundations.solution.value import Value
from shared import checks

# Each unary operation with its counterpart in torch and points away from kinks and poles.
UNARY = {
    "exp": (lambda x: x.exp(), [-1.5, 0.0, 2.0]),
    "log": (lambda x: x.log(), [0.25, 2.0, 5.0]),
    "tanh": (lambda x: x.tanh(), [-1.5, 0.0, 0.5]),
    "relu": (lambda x: x.relu(), [-2.0, 3.0, 0.5]),
    "x ** 3": (lambda x: x**3, [2.0, -1.5, 0.0]),
    "x ** -1": (lambda x: x**-1, [2.0, -0.5]),
    "x ** 0.5": (lambda x: x**0.5, [4.0, 0.25]),
    "-x": (lambda x: -x, [2.0]),
    "3 + x": (lambda x: 3 + x, [2.0]),
    "x - 3": (lambda x: x - 3, [2.0]),
    "3 - x": (lambda x: 3 - x, [2.0]),
    "3 * x": (lambda x: 3 * x, [2.0]),
    "x / 4": (lambda x: x / 4, [2.0]),
    "3 / x": (lambda x: 3 / x, [2.0, -0.5]),
}
BINARY = {
    "a + b": lambda a, b: a + b,
    "a * b": lambda a, b: a * b,
    "a - b": lambda a, b: a - b,
    "a / b": lambda a, b: a / b,
}


def evaluate(f, *xs):
    """Return f's value and gradients by our engine."""
    leaves = [Value(x) for x in xs]
    root = f(*leaves)
    checks.law(isinstance(root, Value), "the result is a Value", root)
    root.backward()
    return root.data, [leaf.grad for leaf in leaves]


def evaluate_in_torch(f, *xs):
    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in xs]
    root = f(*leaves)
    root.backward()
    return root.item(), [0.0 if leaf.grad is None else leaf.grad.item() for leaf in leaves]


def central_difference(f, x, h=1e-6):
    return (f(Value(x + h)).data - f(Value(x - h)).data) / (2 * h)


# -- 0.7: local derivatives -------------------------------------------------------------------


@pytest.mark.exercise("0.7")
def test_add_by_hand():
    data, grads = evaluate(lambda a, b: a + b, 2.0, 5.0)
    checks.close(data, 7.0, "2 + 5")
    checks.close(grads[0], 1.0, "gradient of a in a + b at a = 2, b = 5")
    checks.close(grads[1], 1.0, "gradient of b in a + b at a = 2, b = 5")


@pytest.mark.exercise("0.7")
def test_mul_by_hand():
    data, grads = evaluate(lambda a, b: a * b, 2.0, 5.0)
    checks.close(data, 10.0, "2 * 5")
    checks.close(grads[0], 5.0, "gradient of a in a * b at a = 2, b = 5")
    checks.close(grads[1], 2.0, "gradient of b in a * b at a = 2, b = 5")


@pytest.mark.exercise("0.7")
@pytest.mark.parametrize(
    ("name", "x", "data", "grad"),
    [
        ("x ** 3", 2.0, 8.0, 12.0),
        ("exp", 0.0, 1.0, 1.0),
        ("exp", 2.0, math.e**2, math.e**2),
        ("log", 2.0, math.log(2.0), 0.5),
        ("tanh", 0.0, 0.0, 1.0),
        ("relu", 3.0, 3.0, 1.0),
        ("relu", -2.0, 0.0, 0.0),
        ("relu", 0.0, 0.0, 0.0),
    ],
)
def test_unary_by_hand(name, x, data, grad):
    actual, grads = evaluate(UNARY[name][0], x)
    checks.close(actual, data, f"{name} at x = {x:g}")
    checks.close(grads[0], grad, f"gradient of {name} at x = {x:g}")


@pytest.mark.exercise("0.7")
@pytest.mark.parametrize("name", UNARY)
def test_unary_matches_torch_and_differences(name):
    f, points = UNARY[name]
    for x in points:
        data, grads = evaluate(f, x)
        expected, expected_grads = evaluate_in_torch(f, x)
        checks.close(data, expected, f"{name} at x = {x:g}", 1e-10, 1e-10)
        checks.close(grads[0], expected_grads[0], f"gradient of {name}, x = {x:g}", 1e-10, 1e-10)
        slope = central_difference(f, x)
        # 1e-7: the truncation error of h = 1e-6 and the rounding of the difference, both below it.
        checks.close(grads[0], slope, f"gradient of {name} against differences, x = {x:g}")


@pytest.mark.exercise("0.7")
@pytest.mark.parametrize("name", BINARY)
@given(st.floats(-3, 3), st.floats(0.5, 3))
def test_binary_matches_torch(name, a, b):
    data, grads = evaluate(BINARY[name], a, b)
    expected, expected_grads = evaluate_in_torch(BINARY[name], a, b)
    checks.close(data, expected, f"{name} at a = {a:g}, b = {b:g}", 1e-10, 1e-10)
    checks.close(grads, expected_grads, f"gradients of {name}, a = {a:g}, b = {b:g}", 1e-10, 1e-10)


@pytest.mark.exercise("0.7")
@pytest.mark.parametrize(("f", "grad"), [(lambda a: a * a, 6.0), (lambda a: a + a, 2.0)])
def test_an_operand_used_twice_counts_twice(f, grad):
    _, grads = evaluate(f, 3.0)
    checks.close(grads[0], grad, f"both operands are one node, gradient {grad:g}")


@pytest.mark.exercise("0.7")
@pytest.mark.parametrize("name", BINARY)
def test_operands_keep_their_data(name):
    a, b = Value(2.0), Value(5.0)
    BINARY[name](a, b)
    checks.equal((a.data, b.data), (2.0, 5.0), f"the data of a and b after {name}")


@pytest.mark.exercise("0.7")
@pytest.mark.parametrize("name", ["a + b", "a * b", "x ** 3", "exp", "log", "tanh", "relu"])
def test_nodes_know_their_operation(name):
    leaves = (Value(2.0), Value(5.0))
    node = BINARY[name](*leaves) if name in BINARY else UNARY[name][0](leaves[0])
    op = getattr(node, "op", None)
    checks.law(isinstance(op, str) and op != "", f"the node of {name} has its name in .op", op)


def expressions(depth):
    """Random programs over a and b, as nested tuples whose values stay of moderate size."""
    leaf = st.sampled_from(["a", "b"]) | st.floats(-2, 2).filter(lambda x: abs(x) > 0.01)
    if depth == 0:
        return leaf
    sub = expressions(depth - 1)
    unary = st.tuples(st.sampled_from(["tanh", "square", "exp", "log", "relu", "neg"]), sub)
    binary = st.tuples(st.sampled_from(["+", "-", "*", "/"]), sub, sub)
    return leaf | unary | binary


def run(expression, a, b):
    """Evaluate an expression with whatever a and b are: Values or tensors."""
    if not isinstance(expression, tuple):
        return {"a": a, "b": b}.get(expression, expression) + 0 * a
    op, *operands = expression
    x, y = (run(operand, a, b) for operand in (operands * 2)[:2])
    return {
        "tanh": lambda: x.tanh(),
        "square": lambda: x.tanh() ** 2,
        "exp": lambda: x.tanh().exp(),
        "log": lambda: (x * x + 0.5).log(),
        "relu": lambda: (x + 0.123456789).relu(),
        "neg": lambda: -x,
        "+": lambda: x + y,
        "-": lambda: x - y,
        "*": lambda: x * y.tanh(),
        "/": lambda: x / (y * y + 1.0),
    }[op]()


@pytest.mark.exercise("0.7")
@given(expressions(3), st.floats(-2, 2), st.floats(-2, 2))
def test_random_expressions_match_torch(expression, a, b):
    data, grads = evaluate(lambda a, b: run(expression, a, b), a, b)
    expected, expected_grads = evaluate_in_torch(lambda a, b: run(expression, a, b), a, b)
    checks.close(data, expected, "a random expression", 1e-10, 1e-10)
    checks.close(grads, expected_grads, "gradients of a random expression", 1e-10, 1e-10)


@pytest.mark.exercise("0.7")
def test_what_has_no_derivative_is_refused():
    checks.raises(lambda: Value(0.0).log(), ValueError, "log of 0")
    checks.raises(lambda: Value(-1.0) ** 0.5, ValueError, "square root of -1")
    checks.raises(lambda: Value(0.0) ** -1, ValueError, "1 / 0")
    checks.raises(lambda: Value(2.0) ** Value(2.0), TypeError, "an exponent that is a Value")


# -- 0.8: backward ----------------------------------------------------------------------------


def shared_graph():
    """Return a, b and the nodes of (a + b + ab) + (a + b)ab, by name; nothing is used only once."""
    a, b = Value(2.0), Value(3.0)
    c, d = a + b, a * b
    e, f = c + d, c * d
    return {"a": a, "b": b, "c": c, "d": d, "e": e, "f": f, "y": e + f}


@pytest.mark.exercise("0.8")
def test_order_of_a_leaf():
    leaf = Value(1.0)
    order = value.topological_order(leaf)
    checks.law(isinstance(order, list), "topological_order returns a list", order)
    checks.equal(len(order), 1, "how many nodes a single leaf has")


@pytest.mark.exercise("0.8")
def test_order_of_a_shared_graph():
    nodes = shared_graph()
    names = {id(node): name for name, node in nodes.items()}
    order = "".join(names[id(node)] for node in value.topological_order(nodes["y"]))
    checks.equal("".join(sorted(order)), "abcdefy", "the nodes under y, each listed once")
    early = [
        f"{name} before {names[id(child)]}"
        for name, node in nodes.items()
        for child in node.children
        if order.index(name) < order.index(names[id(child)])
    ]
    checks.equal(early, [], "nodes listed before one of their children")


@pytest.mark.exercise("0.8")
def test_order_when_a_node_is_near_and_far():
    # x is a direct child of the root, and also far below it: it has to come before both.
    x = Value(2.0)
    far = (x * 3.0).tanh()
    nodes = {"x": x, "far": far, "root": x + far}
    order = [id(node) for node in value.topological_order(nodes["root"])]
    positions = [order.index(id(node)) for node in nodes.values()]
    checks.equal(positions, sorted(positions), "positions of x, tanh(3x) and x + tanh(3x)")


@pytest.mark.exercise("0.8")
def test_backward_of_one_product():
    a, b = Value(2.0), Value(5.0)
    y = a * b
    y.backward()
    checks.close(y.grad, 1.0, "gradient of the root itself")
    checks.close([a.grad, b.grad], [5.0, 2.0], "gradients of a and b in a * b")


@pytest.mark.exercise("0.8")
def test_backward_two_levels_down():
    a = Value(2.0)
    y = (a * 3.0) * 4.0
    y.backward()
    checks.close(a.grad, 12.0, "gradient of a in (3a) * 4")


@pytest.mark.exercise("0.8")
def test_backward_adds_up_over_paths():
    a = Value(3.0)
    b = a + a
    c = b + b
    c.backward()
    checks.close(b.grad, 2.0, "gradient of b in c = b + b")
    checks.close(a.grad, 4.0, "gradient of a in b = a + a, c = b + b")


@pytest.mark.exercise("0.8")
def test_backward_of_a_shared_graph():
    # With s = a + b and p = ab: y = s + p + sp, so dy/da = 1 + b + p + sb = 1 + 3 + 6 + 15 = 25.
    nodes = shared_graph()
    nodes["y"].backward()
    grads = {name: node.grad for name, node in nodes.items()}
    expected = {"a": 25.0, "b": 19.0, "c": 7.0, "d": 6.0, "e": 1.0, "f": 1.0, "y": 1.0}
    checks.close(grads, expected, "gradients in (a + b + ab) + (a + b)ab")


@pytest.mark.exercise("0.8")
def test_backward_near_and_far():
    x = Value(0.5)
    near = x * 2.0
    y = near + (near * near).tanh()
    y.backward()
    _, expected = evaluate_in_torch(lambda x: x * 2.0 + ((x * 2.0) * (x * 2.0)).tanh(), 0.5)
    checks.close(x.grad, expected[0], "gradient of x in n + tanh(n²), n = 2x", 1e-10, 1e-10)


@pytest.mark.exercise("0.8")
def test_backward_twice_doubles_the_leaves():
    a = Value(3.0)
    b = a + a
    c = b * b
    c.backward()
    checks.close(a.grad, 24.0, "gradient of a in (2a)², first backward")
    c.backward()
    checks.close(a.grad, 48.0, "gradient of a in (2a)² after a second backward: leaves add up")
    checks.close(b.grad, 12.0, "gradient of 2a after a second backward: interior nodes start anew")
    checks.close(c.grad, 1.0, "gradient of the root after a second backward")


@pytest.mark.exercise("0.8")
def test_backward_from_two_roots_adds_up():
    a = Value(3.0)
    double = a * 2.0
    (double + 1.0).backward()
    (double * double).backward()
    checks.close(a.grad, 2.0 + 24.0, "gradient of a in 2a + 1 plus that in (2a)²")


@pytest.mark.exercise("0.8")
def test_backward_of_a_leaf():
    a = Value(3.0)
    a.backward()
    checks.close(a.grad, 1.0, "gradient of a leaf with respect to itself")


@pytest.mark.exercise("0.8")
def test_a_chain_of_5000_nodes():
    x = Value(1.0)
    y = x
    for _ in range(5000):
        y = y + 1.0
    checks.equal(len(value.topological_order(y)), 10001, "nodes of 5,000 additions in a row")
    y.backward()
    checks.close(x.grad, 1.0, "gradient through 5,000 additions")


@pytest.mark.exercise("0.8")
def test_twenty_diamonds_in_a_row():
    # A million paths, 21 nodes: a node is visited once, however many paths lead to it.
    x = Value(1.0)
    y = x
    for _ in range(20):
        y = y + y
    checks.equal(len(value.topological_order(y)), 21, "nodes of twenty diamonds in a row")
    y.backward()
    checks.close(x.grad, 2.0**20, "gradient through twenty diamonds")


# -- the engine as a whole --------------------------------------------------------------------


def test_a_graph_is_freed_without_the_collector():
    class Watched(Value):
        __slots__ = ("__weakref__",)

    x = Watched(2.0)
    alive = weakref.ref(x)
    gc.disable()
    try:
        y = (x * x + x).tanh()
        y.backward()
        del x, y
        assert alive() is None
    finally:
        gc.enable()


def test_a_long_chain_is_freed_without_recursion():
    y = Value(1.0)
    for _ in range(50_000):
        y = y + 1.0
    del y


def test_data_is_a_plain_float():
    assert type(Value(3).data) is float
    assert type((Value(3) * 2 + 1).relu().data) is float
    with pytest.raises((TypeError, ValueError)):
        Value("three hundred")


def test_import_needs_only_the_standard_library():
    code = (
        "import sys; from phase0_foundations.solution import value, neurons;"
        "print({'numpy', 'torch', 'scipy', 'matplotlib'} & set(sys.modules))"
    )
    command, root = [sys.executable, "-c", code], Path(__file__).parents[2]
    printed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "set()"
