"""A mesh of ranks: which of them share a stage, a replica, a layer.

Data, tensor and pipeline parallelism are three ways to cut, and they combine: each rank has a place
along three axes, and along each axis a group of ranks that differ in nothing else. Narayanan et al.
2021 (arXiv:2104.04473), section 3. It is given.
"""

import torch
import torch.distributed as dist


class Mesh:
    """dp x tp x pp ranks, of which this is one: rank = (pp_rank * dp + dp_rank) * tp + tp_rank.

    Tensor parallelism talks most, twice for each layer and direction, so its ranks are neighbours:
    on one machine, where links are fastest. Stages talk least, and may be furthest apart.

    Args:
        dp: replicas, which see different data.
        tp: ranks that share each layer.
        pp: stages in a row.

    Attributes:
        dp, tp, pp: the sizes.
        dp_rank, tp_rank, pp_rank: this rank's place.
        dp_group, tp_group, pp_group: the ranks along each axis through this place.

    Raises:
        ValueError: if dp * tp * pp is not the number of ranks.
    """

    def __init__(self, dp: int = 1, tp: int = 1, pp: int = 1) -> None:
        world_size = dist.get_world_size()
        if min(dp, tp, pp) < 1 or dp * tp * pp != world_size:
            raise ValueError(
                f"dp {dp} * tp {tp} * pp {pp} must be the {world_size} ranks there are"
            )
        self.dp, self.tp, self.pp = dp, tp, pp
        ranks = torch.arange(world_size).view(pp, dp, tp)
        place = (ranks == dist.get_rank()).nonzero()[0].tolist()
        self.pp_rank, self.dp_rank, self.tp_rank = place
        self.pp_group, self.dp_group, self.tp_group = (
            _group_along(axis, ranks) for axis in range(ranks.ndim)
        )


def _group_along(axis: int, ranks: torch.Tensor) -> dist.ProcessGroup:
    """Make the groups of all lines along an axis, as every rank must, and return this rank's."""
    lines = ranks.movedim(axis, -1).flatten(0, 1).tolist()
    group, _ = dist.new_subgroups_by_enumeration(lines)
    return group
