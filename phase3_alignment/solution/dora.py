"""DoRA: length and direction of a weight, trained apart.

Liu et al. 2024 (arXiv:2402.09353). Beyond the course: the piece is given, and used like a LoRA.
Each row of the weight, what one output listens to, is a length times a direction. LoRA corrects the
direction; the lengths are trained beside it.
"""

from typing import Any

import torch
from torch import Tensor, nn

from phase3_alignment.solution.lora import LoRA, delta_weight


class DoRA(LoRA):
    """One adapter of one linear layer: y -> m / |W + scaling B A| * (W + scaling B A) x + bias.

    Liu et al. 2024, equation 5. The norm is a constant to the gradient, as in section 4.3. Dropout
    acts on the input of B A alone; peft drops from the input of W too.

    Args:
        weight: W of the layer, which stays as it is.
        transposed: whether it is (in, out), as GPT-2's `Conv1D` keeps it, and not (out, in).
        options: those of `LoRA`.

    Attributes:
        magnitude: (out,), m; at first the norms of W's rows, so that nothing changes.
    """

    def __init__(self, weight: Tensor, transposed: bool, **options: Any) -> None:
        out_features, in_features = weight.T.shape if transposed else weight.shape
        super().__init__(in_features, out_features, **options)
        self.transposed = transposed
        norm = self.norm(weight).to(self.lora_A.dtype)
        self.magnitude = nn.Parameter(norm)

    def norm(self, weight: Tensor) -> Tensor:
        """Return (out,), the norms of the rows of W + scaling B A."""
        corrected = weight.detach() + delta_weight(self, self.transposed)
        return torch.linalg.vector_norm(corrected, dim=0 if self.transposed else 1)

    def adapt(self, base: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """Return the output with directions and lengths corrected, in y's dtype; bias untouched."""
        bias = 0 if base.bias is None else base.bias
        stretch = self.magnitude / self.norm(base.weight)
        return (self(x).add_(y - bias) * stretch + bias).to(y.dtype)

    def merged(self, base: nn.Module, weight: Tensor, transposed: bool) -> Tensor:
        """Return a weight with the correction in it, in the weight's dtype; it stays as it is."""
        stretch = self.magnitude / self.norm(base.weight)
        corrected = weight + delta_weight(self, transposed)
        return (corrected * (stretch if transposed else stretch[:, None])).to(weight.dtype)
