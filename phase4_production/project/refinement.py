"""Small steps after GPTQ: no code alone, and no scale alone, could be better.

GPTQ rounds each column once. Its codes are then revised one at a time, each to the level that is
best while all others stay (coordinate descent), and scales and zero points to those that are best
for the codes (least squares), in turn. Both make 1/2 (w - q)^T H (w - q) smaller, never larger. The
zero points are no whole numbers any more; the format takes any.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from phase4_production.solution.int4 import LARGEST

Levels = tuple[Tensor, Tensor, Tensor]  # codes, scale, zero as of `int4.quantize`
SWEEPS = 10  # over all columns; it has mostly come to rest before


def refine(weight: Tensor, hessian: Tensor, levels: Levels, group: int, rounds: int = 2) -> Levels:
    """Revise codes and scales in turn, codes last.

    Args:
        weight: (out, in), what is to be met.
        hessian: (in, in) float64, as of `gptq.hessian`.
        levels: as `gptq.quantize` returns them.
        group: columns that share a scale.
        rounds: of both.
    """
    codes, scale, zero = levels
    for _ in range(rounds):
        codes = best_codes(weight, hessian, codes, scale, zero, group)
        scale, zero = best_scales(weight, hessian, codes, scale, group)
    return best_codes(weight, hessian, codes, scale, zero, group), scale, zero


def best_codes(
    weight: Tensor, hessian: Tensor, codes: Tensor, scale: Tensor, zero: Tensor, group: int
) -> Tensor:
    """Move one column of codes after the other to where a parabola has its minimum."""
    columns = codes.shape[1]
    wide_scale, wide_zero = (
        x.double().repeat_interleave(group, 1)[:, :columns] for x in (scale, zero)
    )
    found = codes.double()
    slope = ((found - wide_zero) * wide_scale - weight.double()) @ hessian
    for _ in range(SWEEPS):
        before = found.clone()
        for j in range(columns):
            s = wide_scale[:, j]
            best = (found[:, j] - slope[:, j] / (hessian[j, j] * s)).round().clamp(0, LARGEST)
            slope += torch.outer((best - found[:, j]) * s, hessian[j])
            found[:, j] = best
        if torch.equal(found, before):
            break
    return found.to(torch.uint8)


def best_scales(
    weight: Tensor, hessian: Tensor, codes: Tensor, scale: Tensor, group: int
) -> tuple[Tensor, Tensor]:
    """Solve for scale and zero of all groups of a row together: w is near codes * s + shift."""
    n_groups, columns = scale.shape[1], codes.shape[1]
    member = F.one_hot(torch.arange(columns) // group, n_groups).T.double()  # (n_groups, in)
    member = member.to(codes.device)
    steps = torch.cat([codes.double()[:, None] * member, member.expand(len(codes), -1, -1)], 1)
    curved = steps @ hessian  # (out, 2 n_groups, in)
    normal = curved @ steps.mT
    # A group whose codes are all equal has a scale that no equation knows: hold it a little.
    normal = normal + 1e-9 * torch.diag_embed(normal.diagonal(dim1=1, dim2=2) + 1e-30)
    found = torch.linalg.lstsq(normal, curved @ weight.double()[..., None]).solution[..., 0]
    s, shift = found.split(n_groups, dim=1)
    s = s.where(s.abs() > 1e-3 * scale, scale.double())
    return s.float(), (-shift / s).float()
