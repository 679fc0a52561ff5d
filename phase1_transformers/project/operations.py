"""What programs compute with: PyTorch's fused kernels, or with `--blocks mine` your formulas."""

from phase1_transformers.solution.ops import CLEAR, FUSED, Ops
from shared import blocks


def default_ops() -> Ops:
    """Return the fused operations, unless the learner's own code is to be seen at work."""
    return CLEAR if blocks.are_mine() else FUSED
