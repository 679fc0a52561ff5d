"""What one rank sends to the others, and how wide its tensors get."""

from typing import Any

import torch.distributed as dist
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

COLLECTIVES = (
    *("allreduce", "reduce", "broadcast", "gather", "scatter", "send", "recv", "barrier"),
    *("allgather", "_allgather_base", "all_gather_single"),
    *("reduce_scatter", "_reduce_scatter_base", "reduce_scatter_single"),
    *("alltoall", "alltoall_base", "all_to_all_single"),
)


def watch_collectives() -> list[tuple[str, int]]:
    """From now on, note (name, numbers) of each collective, on this rank.

    The numbers are those of the tensor handed over; where every rank gets its piece, of a piece.
    All of torch.distributed goes through the methods of its process groups.
    """
    calls: list[tuple[str, int]] = []
    for name in COLLECTIVES:
        if hasattr(dist.ProcessGroup, name):
            _watch(name, calls)
    return calls


def _watch(name: str, calls: list[tuple[str, int]]) -> None:
    method = getattr(dist.ProcessGroup, name)

    def noted(group: dist.ProcessGroup, *args: Any, **kwargs: Any) -> Any:
        # What is sent comes last, behind the room for what is received.
        tensors = [x for x in tree_leaves(args) if isinstance(x, Tensor)]
        calls.append((name, tensors[-1].numel() if tensors else 0))
        return method(group, *args, **kwargs)

    setattr(dist.ProcessGroup, name, noted)


class Sizes(TorchFunctionMode):
    """While it is entered, notes how wide the floating tensors are that torch's functions return.

    A dispatch mode would see more and cost a second of imports on every rank.

    Attributes:
        widest: the longest last axis.
    """

    def __init__(self) -> None:
        super().__init__()
        self.widest = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for x in tree_leaves(result):
            if isinstance(x, Tensor) and x.is_floating_point():
                self.widest = max(self.widest, x.shape[-1] if x.ndim else 1)
        return result
