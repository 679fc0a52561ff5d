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
        # TODO 0.7: The result holds the sum, both operands as children, and d(sum)/d(operand) for
        # each.
        raise NotImplementedError("exercise 0.7: Value.__add__")

    def __mul__(self, other: "Value | float") -> "Value":
        """Return self * other; a plain number becomes a leaf first."""
        # TODO 0.7: The result holds the product, both operands as children, and
        # d(product)/d(operand) for each.
        raise NotImplementedError("exercise 0.7: Value.__mul__")

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
        # TODO 0.7: The result holds the power, and its derivative with respect to the base.
        raise NotImplementedError("exercise 0.7: Value.__pow__")

    def exp(self) -> "Value":
        """Return e ** self."""
        # TODO 0.7: The result holds e ** self, and its derivative.
        raise NotImplementedError("exercise 0.7: Value.exp")

    def log(self) -> "Value":
        """Return the natural logarithm of self.

        Raises:
            ValueError: if self is not positive.
        """
        if self.data <= 0:
            raise ValueError(f"log needs a positive number; got {self.data}")
        # TODO 0.7: The result holds the natural logarithm, and its derivative.
        raise NotImplementedError("exercise 0.7: Value.log")

    def tanh(self) -> "Value":
        """Return the hyperbolic tangent of self."""
        # TODO 0.7: The result holds the hyperbolic tangent, and its derivative.
        raise NotImplementedError("exercise 0.7: Value.tanh")

    def relu(self) -> "Value":
        """Return max(0, self); at the kink, self = 0, the derivative is 0 by convention."""
        # TODO 0.7: The result holds max(0, self), and its derivative: 0 where self is 0 or less.
        raise NotImplementedError("exercise 0.7: Value.relu")

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
        # TODO 0.8: Every node's grad is d(self)/d(node), summed over all paths; leaves add to what
        # they had, interior nodes start from zero.
        raise NotImplementedError("exercise 0.8: Value.backward")


def as_value(x: Value | float) -> Value:
    """Return x itself if it is a `Value`, else a new leaf that holds it."""
    return x if isinstance(x, Value) else Value(x)


def topological_order(root: Value) -> list[Value]:
    """List every node under root once, each after all of its children; root comes last.

    Depth first: a node is listed when all of its children are (post-order). The stack holds what a
    recursive function would keep in its frames, so the depth is limited by memory alone.
    """
    # TODO 0.8: Every node under root is listed once, after all of its children, without recursion.
    raise NotImplementedError("exercise 0.8: topological_order")
