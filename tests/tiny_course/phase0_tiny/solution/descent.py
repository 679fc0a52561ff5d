"""A training program in miniature."""


def minimise(steps: int = 50, lr: float = 0.2) -> list[float]:
    """Minimise (x - 3)^2 from x = 0; return x after each step.

    The symptom: x runs away.
    """
    x, path = 0.0, []
    for _ in range(steps):
        x -= lr * 2 * (x - 3)
        path.append(x)
    return path


def minimise_cause() -> str:
    """Return the cause: "a" the rate is too high, "b" the sign of the step, "c" too few steps."""
    return "b"
