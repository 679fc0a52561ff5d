"""What an operation leaves behind, and whether operations leave anything behind at all.

A `Node` knows its operands and how a gradient gets back to them. References point one way only:

    tensor ---> its node ---> parents (tensors) ---> their nodes ---> ...

With no cycle anywhere a graph dies with its last result, at once, without the garbage collector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from phase0_foundations.solution.tensor import Tensor

# Takes the gradient of a result, gives one gradient for each operand (None: it needs none); a bare
# array where there is one operand.
Backward = Callable[[np.ndarray], np.ndarray | tuple[np.ndarray | None, ...]]

recording: ContextVar[bool] = ContextVar("recording", default=True)
births = count()


@contextmanager
def no_grad() -> Iterator[None]:
    """Within this block (or decorated function) operations leave no graph behind."""
    token = recording.set(False)
    try:
        yield
    finally:
        recording.reset(token)


class Node:
    """One operation: its operands, the way back to them, and what must not change meanwhile."""

    __slots__ = ("backward", "birth", "name", "parents", "watched")

    def __init__(
        self, name: str, result: Tensor, parents: tuple[Tensor, ...], backward: Backward
    ) -> None:
        self.name = name
        self.parents = parents
        self.backward: Backward | None = backward
        self.birth = next(births)  # later than the birth of every node that it depends on
        self.watched = [(t.version, t.version[0]) for t in (*parents, result)]

    def gradients(self, grad: np.ndarray) -> tuple[np.ndarray | None, ...]:
        """Give the gradient of each parent for that of the result.

        Raises:
            RuntimeError: if the node was freed, or an operand or the result was changed in place.
        """
        if self.backward is None:
            raise RuntimeError(
                f"backward a second time through '{self.name}': the first time freed what it had "
                "saved. Run the forward pass again, or give the first backward retain_graph=True."
            )
        for place, (version, seen) in enumerate(self.watched):
            if version[0] != seen:
                what = f"input {place}" if place < len(self.parents) else "the result"
                raise RuntimeError(
                    f"{what} of '{self.name}' was changed in place after the forward pass, so its "
                    "gradient would be wrong. Change it after backward(), or change a copy."
                )
        grads = self.backward(grad)
        return grads if isinstance(grads, tuple) else (grads,)

    def free(self) -> None:
        """Let go of the operands and of everything that was saved."""
        self.backward, self.parents, self.watched = None, (), []
