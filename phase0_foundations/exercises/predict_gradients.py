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
    # TODO 0.9: Return x.grad, a number.
    raise NotImplementedError("exercise 0.9: gradient_of_a_reused_node")


def gradient_through_ten_diamonds() -> float:
    """What is x.grad after this?

        x = y = Value(1.0)
        for _ in range(10):
            y = y + y
        y.backward()

    Return a number.
    """
    # TODO 0.9: Return x.grad, a number.
    raise NotImplementedError("exercise 0.9: gradient_through_ten_diamonds")


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
    # TODO 0.9: Return the pair (x.grad, b.grad).
    raise NotImplementedError("exercise 0.9: gradients_after_two_calls")
