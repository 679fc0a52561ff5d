"""One number for all ranks, out of what each of them has counted."""

import torch
import torch.distributed as dist
from torch import Tensor


def global_mean(
    total: Tensor, count: Tensor | int, group: dist.ProcessGroup | None = None
) -> Tensor:
    """Take the mean over everything that all ranks have counted: sum of totals / sum of counts.

    That is the mean over all tokens, however unevenly they lie on the ranks; a mean of the ranks'
    own means is another number wherever their counts differ. A rank may have counted nothing. Every
    rank of the group has to call this, and each of them gets the result.

    The sums are taken in float64: in float32, 16,777,216 + 1 is 16,777,216, and a run counts more
    tokens than that. One message carries both of them.

    Args:
        total: scalar, any floating dtype, such as nats over this rank's tokens. It stays as it is,
            and so does `count`; no gradient flows through the mean.
        count: what `total` is the sum of, such as the number of this rank's tokens.
        group: the ranks that take part; all of them by default. Where `torch.distributed` is not
            initialised there is this process alone.

    Returns:
        Scalar float64 tensor on the device of `total`; NaN where nothing was counted at all.
    """
    # TODO 2.14: every rank is told the mean over all that all ranks of the group have counted, in
    # float64; the arguments stay as they are
    raise NotImplementedError("exercise 2.14: global_mean")
