"""Which gradients travel together: buckets, filled in the order in which backward makes gradients.

Li et al. 2020 (arXiv:2006.15704), section 3.2.2.
"""

from collections.abc import Iterable

import torch
from torch import Tensor


def assign_buckets(parameters: Iterable[Tensor], bucket_bytes: int) -> list[list[Tensor]]:
    """Cut the parameters that are trained into buckets, the ones first that get gradients first.

    The last registered parameter has its gradient first, so they are taken from the last to the
    first. One that is listed several times, as a tied one may be, is taken once, where it is listed
    first: only there is its gradient complete. Frozen ones are left out.

    A bucket holds one dtype. Each dtype has one bucket that is open; a parameter joins it unless it
    would then hold more than `bucket_bytes`: it is closed, and the parameter opens the next. So a
    bucket above the limit holds a single parameter.

    Args:
        parameters: in the order of registration.
        bucket_bytes: of gradients, in a bucket, at most.

    Returns:
        Buckets in the order in which they fill up: by the last parameter that each took.

    Raises:
        ValueError: `bucket_bytes` is not positive.
    """
    if bucket_bytes < 1:
        raise ValueError(f"bucket_bytes must be positive, got {bucket_bytes}")
    # TODO 2.15: The parameters that are trained, each once and from the last to the first, are in
    # buckets of one dtype and no more than the bytes allowed, in the order in which they fill up.
    raise NotImplementedError("exercise 2.15: assign_buckets")


class Bucket:
    """Parameters of one dtype whose gradients lie side by side and travel as one message.

    Args:
        parameters: as `assign_buckets` gives them.

    Attributes:
        parameters: those of the bucket.
        flat: what travels: the gradients, then a number for each parameter that is above 0 if any
            rank had a gradient of it.
        missing: parameters whose gradient this backward pass has not brought yet.
    """

    def __init__(self, parameters: list[Tensor]) -> None:
        self.parameters = parameters
        sizes = [p.numel() for p in parameters]
        self.flat = parameters[0].new_zeros(sum(sizes) + len(parameters))
        *pieces, self._used = self.flat.split([*sizes, len(parameters)])
        self._views = {p: g.view(p.shape) for p, g in zip(parameters, pieces, strict=True)}
        self._flags = dict(zip(parameters, self._used.unbind(), strict=True))
        self._absent: list[Tensor] = []
        self._begin()

    def _begin(self) -> None:
        self.missing = set(self.parameters)
        self._used.fill_(1)

    def keep(self, p: Tensor) -> None:
        """Let the gradient of `p` lie in the buffer, and be that part of it."""
        view = self._views[p]
        if p.grad is not view:
            p.grad = view.copy_(p.grad)

    def fill(self) -> None:
        """Put zeros where this rank has no gradient; nothing is missing any more."""
        self._absent = [p for p in self.missing if p.grad is None]
        for p in self._absent:
            self._views[p].zero_()
            self._flags[p].zero_()
        self.missing.clear()

    def settle(self) -> None:
        """After the message: give what other ranks had to those that had no gradient here."""
        for p in self._absent:
            if self._flags[p] > 0:
                p.grad = self._views[p]
        self._begin()
