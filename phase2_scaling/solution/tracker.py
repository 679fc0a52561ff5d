"""Count the bytes of all live tensors, operation by operation, and die when a budget is exceeded.

It stands in for a GPU's memory: what `torch.cuda.max_memory_allocated` tells there, this tells on
a CPU. It is given; the lab and the exercises of this phase look at memory through it.
"""

import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, is_traceable_wrapper_subclass
from torch.utils._pytree import tree_leaves

MIB = 2**20

_elsewhere: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()


class OutOfMemory(torch.OutOfMemoryError):
    """The budget is exceeded; the message reads like CUDA's and says what was alive."""


def elsewhere(tensor: Tensor) -> Tensor:
    """Copy a tensor to where the device's memory is not: out of every tracker's count.

    From a GPU the copy goes to the host's pinned memory. From a CPU it can only go beside the
    original, so its storage is marked instead: a piece of this memory plays another one. The way
    back is `torch.empty_like(copy, device=device).copy_(copy)`, which counts like any other tensor.

    Args:
        tensor: any shape, dtype and device; its history is not kept.

    Returns:
        A contiguous copy on the CPU.
    """
    if tensor.device.type != "cpu":
        return torch.empty_like(tensor, device="cpu", pin_memory=True).copy_(tensor.detach())
    storage = torch.UntypedStorage(tensor.numel() * tensor.element_size())
    _elsewhere.add(storage)  # before any operation shows it to a tracker
    copy = torch.empty(0, dtype=tensor.dtype).set_(storage, 0, tensor.shape)
    return copy.copy_(tensor.detach())


class MemoryTracker(TorchDispatchMode):
    """While it is entered, knows `live`, `peak` and the timeline of tensor memory in bytes.

        with MemoryTracker(budget=64 * MIB) as memory:
            memory.hold("parameters", model.parameters())
            with memory.phase("forward"):
                ...

    A storage counts once, however many views share it, from the operation that makes it until
    nobody refers to it, and as many bytes as it has at the time: code that resizes storages in
    place, as FSDP does, is followed at the next operation. Scratch memory inside one kernel is not
    seen, and what lies `elsewhere` is not counted.

    Args:
        budget: bytes; None is no limit.

    Attributes:
        live: bytes alive now.
        peak: the most that `live` has been.
        by_label: bytes alive now, by the phase that made them or the label that holds them.
        at_peak: the same at the peak.
        timeline: after each operation, the phase that it belongs to and the bytes then alive.
    """

    def __init__(self, budget: int | None = None) -> None:
        super().__init__()
        self.budget = budget
        self.live = self.peak = 0
        self.by_label: Counter[str] = Counter()
        self.at_peak: Counter[str] = Counter()
        self.timeline: list[tuple[str, int]] = []
        self._phase = "other"
        self._known: dict[int, _Held] = {}

    def hold(self, label: str, tensors: Iterable[Tensor]) -> None:
        """Count tensors under a label: those made before or outside, and those known already."""
        for storage in (storage for tensor in tensors for storage in _storages(tensor)):
            held = self._known.get(storage._cdata)
            if held is None:
                self._add(storage, label)
            else:
                self.by_label[held.label] -= held.size
                self.by_label[label] += held.size
                held.label = label

    @contextmanager
    def phase(self, label: str) -> Iterator[None]:
        """What is made inside counts under `label`, such as "forward" or "optimiser"."""
        before, self._phase = self._phase, label
        try:
            yield
        finally:
            self._phase = before

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here, and importing the compiler takes a second

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        resized = [held for held in list(self._known.values()) if held.change()]
        for held in sorted(resized, key=_Held.change):  # what shrinks makes room for what grows
            self._resize(held)
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                for storage in _storages(leaf):
                    self._add(storage, self._phase)
        self.timeline.append((self._phase, self.live))
        return result

    def _add(self, storage: torch.UntypedStorage, label: str) -> None:
        key = storage._cdata
        if key in self._known or storage in _elsewhere:
            return
        self._allow(storage.nbytes())

        def forget(_: weakref.ref) -> None:
            self._count(held.label, -held.size)
            del self._known[key]

        held = _Held(weakref.ref(storage, forget), label, storage.nbytes())
        self._known[key] = held
        self._count(label, held.size)

    def _resize(self, held: "_Held") -> None:
        change = held.change()
        self._allow(change)
        held.size += change
        self._count(held.label, change)

    def _allow(self, size: int) -> None:
        if self.budget is not None and self.live + size > self.budget:
            raise OutOfMemory(self._obituary(size))

    def _count(self, label: str, size: int) -> None:
        self.live += size
        self.by_label[label] += size
        if self.live > self.peak:
            self.peak, self.at_peak = self.live, +self.by_label

    def _obituary(self, size: int) -> str:
        alive = ", ".join(f"{name} {n / MIB:.2f}" for name, n in (+self.by_label).most_common())
        wanted, budget, free = (n / MIB for n in (size, self.budget, self.budget - self.live))
        return (
            f"out of memory. Tried to allocate {wanted:.2f} MiB. The budget is "
            f"{budget:.2f} MiB, of which {free:.2f} MiB is free. Alive, in MiB: {alive}."
        )


class _Held:
    """A storage that counts, as it was seen last."""

    def __init__(self, storage: weakref.ref, label: str, size: int) -> None:
        self.storage, self.label, self.size = storage, label, size

    def change(self) -> int:
        """Return by how many bytes it has grown since."""
        storage = self.storage()
        return 0 if storage is None else storage.nbytes() - self.size


def _storages(tensor: Tensor) -> Iterator[torch.UntypedStorage]:
    """Yield what really holds a tensor's numbers: a DTensor, for one, only wraps its local part."""
    if is_traceable_wrapper_subclass(tensor):
        parts = [getattr(tensor, name) for name in tensor.__tensor_flatten__()[0]]
        for part in parts:
            if isinstance(part, Tensor):
                yield from _storages(part)
    else:
        yield tensor.untyped_storage()
