"""A scalar that remembers how it was made: reverse-mode autograd in one page.

Every operation returns a new `Value`, which keeps its operands (`children`) and, for each, the
local derivative d(result)/d(operand) as a plain number. So the expression is a graph. `backward`
walks it from the result to the leaves, multiplying and adding: the chain rule, nothing else.

After Karpathy's micrograd (2020), with two differences. A node stores local derivatives and not a
closure, so no node refers to itself and Python frees the graph at once, without its garbage
collector. And the graph is sorted with an explicit stack, so long chains do not hit the recursion
limit. The tensor engine (`tensor.py`) is this file again, with arrays in place of numbers.
"""

import math


class Value:
    """A node of the graph: a number, its gradient, and how it came about.

    Attributes:
        data: the number, float64.
        grad: d(root)/d(this node), summed over every path, once `root.backward()` has run.
        children: the operands; empty for a leaf (an input or a parameter).
        local_grads: d(data)/d(child), one number per child.
        op: the operation's name, for drawings.
    """

    # Slots in place of a dict: half the memory, and creating nodes is where the time goes.
    __slots__ = ("children", "data", "grad", "local_grads", "op")

    def __init__(
        self,
        data: float,
        children: "tuple[Value, ...]" = (),
        local_grads: tuple[float, ...] = (),
        op: str = "",
    ):
        self.data = float(data)
        self.grad = 0.0
        self.children = children
        self.local_grads = local_grads
        self.op = op

    def __repr__(self) -> str:
        return f"Value(data={self.data:.6g}, grad={self.grad:.6g})"

    # -- operations with a derivative of their own --------------------------------------------

    def __add__(self, other: "Value | float") -> "Value":
        """Return self + other; a plain number becomes a leaf first."""
        other = as_value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0), "+")

    def __mul__(self, other: "Value | float") -> "Value":
        """Return self * other; a plain number becomes a leaf first."""
        other = as_value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data), "*")

    def __pow__(self, exponent: float) -> "Value":
        """Return self ** exponent, where the exponent is a plain number and gets no gradient.

        Raises:
            TypeError: if the exponent is not an int or a float.
            ValueError: if the power or its derivative is not a finite real number.
        """
        if not isinstance(exponent, int | float):
            raise TypeError(
                f"the exponent must be an int or a float; got {type(exponent).__name__}"
            )
        if (self.data == 0 and exponent < 1) or (self.data < 0 and exponent % 1):
            raise ValueError(f"{self.data} ** {exponent} has no finite real derivative")
        slope = exponent * self.data ** (exponent - 1)
        return Value(self.data**exponent, (self,), (slope,), f"**{exponent}")

    def exp(self) -> "Value":
        """Return e ** self."""
        result = math.exp(self.data)
        return Value(result, (self,), (result,), "exp")

    def log(self) -> "Value":
        """Return the natural logarithm of self.

        Raises:
            ValueError: if self is not positive.
        """
        if self.data <= 0:
            raise ValueError(f"log needs a positive number; got {self.data}")
        return Value(math.log(self.data), (self,), (1.0 / self.data,), "log")

    def tanh(self) -> "Value":
        """Return the hyperbolic tangent of self."""
        result = math.tanh(self.data)
        return Value(result, (self,), (1.0 - result * result,), "tanh")

    def relu(self) -> "Value":
        """Return max(0, self); at the kink, self = 0, the derivative is 0 by convention."""
        if self.data > 0:
            return Value(self.data, (self,), (1.0,), "relu")
        return Value(0.0, (self,), (0.0,), "relu")

    # -- operations made of those -------------------------------------------------------------

    def __neg__(self) -> "Value":
        return self * -1.0

    def __sub__(self, other: "Value | float") -> "Value":
        return self + -as_value(other)

    def __truediv__(self, other: "Value | float") -> "Value":
        return self * as_value(other) ** -1

    def __radd__(self, other: float) -> "Value":  # other + self
        return self + other

    def __rmul__(self, other: float) -> "Value":  # other * self
        return self * other

    def __rsub__(self, other: float) -> "Value":  # other - self
        return as_value(other) - self

    def __rtruediv__(self, other: float) -> "Value":  # other / self
        return as_value(other) / self

    # -- the chain rule, over the whole graph -------------------------------------------------

    def backward(self) -> None:
        """Set `grad` of every node under self to d(self)/d(node).

        Called again, or on another root, gradients of *leaves* add up until somebody sets them to
        zero (that is how a batch is summed); those of interior nodes start at zero each time, or
        the second call would send the first one's share down again.
        """
        order = topological_order(self)
        for node in order:
            if node.children:
                node.grad = 0.0
        self.grad += 1.0  # d(self)/d(self)
        for node in reversed(order):
            grad = node.grad
            for child, local_grad in zip(node.children, node.local_grads):
                child.grad += local_grad * grad


def as_value(x: Value | float) -> Value:
    """Return x itself if it is a `Value`, else a new leaf that holds it."""
    return x if isinstance(x, Value) else Value(x)


def topological_order(root: Value) -> list[Value]:
    """List every node under root once, each after all of its children; root comes last.

    Depth first: a node is listed when all of its children are (post-order). The stack holds what a
    recursive function would keep in its frames, so the depth is limited by memory alone.
    """
    order, seen = [], {root}
    stack = [(root, iter(root.children))]
    while stack:
        node, unvisited = stack[-1]
        for child in unvisited:
            if child not in seen:
                seen.add(child)
                stack.append((child, iter(child.children)))
                break
        else:
            order.append(node)
            stack.pop()
    return order
