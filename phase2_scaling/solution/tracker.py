"""Count the bytes of all live tensors, operation by operation, and die when a budget is exceeded.

It stands in for a GPU's memory: what `torch.cuda.max_memory_allocated` tells there, this tells on
a CPU. It is given; the lab and the exercises of this phase look at memory through it.
"""

import weakref
from collections import Counter
from collections.abc import Iterable
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MIB = 2**20


class OutOfMemory(torch.OutOfMemoryError):
    """The budget is exceeded; the message reads like CUDA's and says what was alive."""


class MemoryTracker(TorchDispatchMode):
    """While it is entered, knows `live`, `peak` and the timeline of tensor memory in bytes.

        with MemoryTracker(budget=64 * MIB) as memory:
            memory.hold("parameters", model.parameters())
            with memory.phase("forward"):
                ...

    A storage counts once, however many views share it, from the operation that makes it until
    nobody refers to it. Scratch memory inside one kernel is not seen.

    Args:
        budget: bytes; None is no limit.
    """

    def __init__(self, budget: int | None = None) -> None:
        super().__init__()
        self.budget = budget
        self.live = self.peak = 0
        self.by_label: Counter[str] = Counter()
        self.at_peak: Counter[str] = Counter()
        self.timeline: list[tuple[str, int]] = []
        self._label = "other"
        self._known: dict[int, weakref.ref] = {}

    def hold(self, label: str, tensors: Iterable[Tensor]) -> None:
        """Count tensors that were made before, or outside."""
        for tensor in tensors:
            self._add(tensor, label)

    @contextmanager
    def phase(self, label: str):
        """What is made inside counts under `label`, such as "forward" or "optimiser"."""
        before, self._label = self._label, label
        try:
            yield
        finally:
            self._label = before

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._add(leaf, self._label)
        return result

    def _add(self, tensor: Tensor, label: str) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        size = storage.nbytes()
        if self.budget is not None and self.live + size > self.budget:
            raise OutOfMemory(self._obituary(size))

        def forget(_: weakref.ref) -> None:
            del self._known[key]
            self.live -= size
            self.by_label[label] -= size

        self._known[key] = weakref.ref(storage, forget)
        self.live += size
        self.by_label[label] += size
        if self.live > self.peak:
            self.peak, self.at_peak = self.live, +self.by_label
        self.timeline.append((label, self.live))

    def _obituary(self, size: int) -> str:
        alive = ", ".join(f"{name} {n / MIB:.2f}" for name, n in (+self.by_label).most_common())
        wanted, budget, free = (n / MIB for n in (size, self.budget, self.budget - self.live))
        return (
            f"out of memory. Tried to allocate {wanted:.2f} MiB. The budget is "
            f"{budget:.2f} MiB, of which {free:.2f} MiB is free. Alive, in MiB: {alive}."
        )
