"""Before you run it: what is the gradient when a node is used more than once? Three questions.

Answer by returning literals. The finished file builds the graph and asks `Value`.
"""

from phase0_foundations.solution.value import Value


def gradient_of_a_reused_node() -> float:
    """What is x.grad after this?

        x = Value(3.0)
        y = x * x + x
        y.backward()

    Return a number.
    """
    x = Value(3.0)
    y = x * x + x
    y.backward()
    return x.grad


def gradient_through_ten_diamonds() -> float:
    """What is x.grad after this?

        x = y = Value(1.0)
        for _ in range(10):
            y = y + y
        y.backward()

    Return a number.
    """
    x = y = Value(1.0)
    for _ in range(10):
        y = y + y
    y.backward()
    return x.grad


def gradients_after_two_calls() -> tuple[float, float]:
    """What are x.grad and b.grad after this?

        x = Value(3.0)
        b = x * 2.0
        c = b * b
        c.backward()
        c.backward()

    Read what `Value.backward` promises before you answer. Return a tuple of two numbers,
    (x.grad, b.grad).
    """
    x = Value(3.0)
    b = x * 2.0
    c = b * b
    c.backward()
    c.backward()
    return x.grad, b.grad
