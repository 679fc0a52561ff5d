"""LoRA: what fine-tuning adds to a frozen matrix, as the product of two thin ones.

Hu et al. 2021 (arXiv:2106.09685), section 4: W + scaling * B A, with A (r, in) and B (out, r). Only
A and B are trained, r (in + out) numbers in place of in * out.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def scaling(r: int, alpha: float, rslora: bool = False) -> float:
    """Return the factor before B A: alpha / r, or alpha / sqrt(r) for rank-stabilised LoRA.

    With alpha / r (Hu et al. 2021, section 4.1) the correction shrinks as the rank grows: B A is a
    sum of r products that point in random directions, and such a sum grows as sqrt(r) only.
    alpha / sqrt(r) keeps its size (Kalajdzievski 2023, arXiv:2312.03732, theorem 3.2).

    Args:
        r: rank.
        alpha: the strength of the correction, a constant that is not trained.
        rslora: divide by the square root.

    Raises:
        ValueError: if r is not positive.
    """
    if r < 1:
        raise ValueError(f"a correction needs a rank of at least 1, got {r}")
    # TODO 3.1: The factor before B A: alpha over the rank, or over its root.
    raise NotImplementedError("exercise 3.1: scaling")


class LoRA(nn.Module):
    """One adapter of one linear layer: x -> scaling * B A dropout(x).

    Hu et al. 2021 (arXiv:2106.09685), equation 3, the second term.

    Args:
        in_features, out_features: of the layer that is corrected.
        r: rank.
        alpha: strength, see `scaling`.
        dropout: probability with which an element of the input is dropped in training.
        rslora: see `scaling`.
        dtype, device: of A and B.

    Attributes:
        lora_A: (r, in_features), trained.
        lora_B: (out_features, r), trained.
        scaling: the factor before their product, a float.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        r: int = 8,
        alpha: float = 16.0,
        dropout: float = 0.0,
        rslora: bool = False,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        self.scaling, self.dropout = scaling(r, alpha, rslora), dropout
        self.lora_A = nn.Parameter(torch.empty(r, in_features, dtype=dtype, device=device))
        self.lora_B = nn.Parameter(torch.empty(out_features, r, dtype=dtype, device=device))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw A, and set B so that the correction is exactly 0 and yet can begin to learn.

        A is uniform within +-1 / sqrt(in_features), what `nn.Linear` does with its weight and peft
        with A. In place; nothing is recorded for a gradient.
        """
        # TODO 3.1: A is drawn, B is zero, both in place: the correction is exactly 0 and can learn.
        raise NotImplementedError("exercise 3.1: LoRA.reset_parameters")

    def forward(self, x: Tensor) -> Tensor:
        """Return the correction alone, to be added to what the layer gives.

        Two thin products: the matrix B A, as large as the layer's own, is never made. Dropout acts
        on the input, in training mode only; what is kept grows by 1 / (1 - dropout).

        Args:
            x: (..., in_features); left as it is. Another dtype is converted to that of A.

        Returns:
            (..., out_features), the dtype of A; a tensor of its own, which the caller may change.
        """
        # TODO 3.1: The correction alone, by two thin products; dropout on the input, in training
        # only.
        raise NotImplementedError("exercise 3.1: LoRA.forward")

    def adapt(self, base: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """Return y = base(x) with the correction added, in y's dtype; y stays as it is."""
        # In place: no derivative asks for the product's own value, so one large tensor is enough.
        return self(x).add_(y).to(y.dtype)

    def merged(self, base: nn.Module, weight: Tensor, transposed: bool) -> Tensor:
        """Return a weight with the correction in it, in the weight's dtype; it stays as it is.

        The sum is taken in the wider of the two dtypes and rounded once.
        """
        return (weight + delta_weight(self, transposed)).to(weight.dtype)


class EmbeddingLoRA(LoRA):
    """A LoRA of a table of vectors: token ids pick columns of A, and B maps them on.

    A lookup is a product with a one-hot vector, so in_features is the size of the vocabulary. Here
    A begins at 0 and B is random, as in the authors' code and in peft.

    Args:
        base: the table, `nn.Embedding`; its padding_idx gets no gradient here either.
        options: those of `LoRA`.
    """

    def __init__(self, base: nn.Embedding, **options: Any) -> None:
        super().__init__(base.num_embeddings, base.embedding_dim, **options)
        self.padding_idx = base.padding_idx

    def reset_parameters(self) -> None:
        """Set A to 0 and draw B from the unit normal distribution, as `nn.Embedding` does."""
        nn.init.zeros_(self.lora_A)
        nn.init.normal_(self.lora_B)

    def forward(self, x: Tensor) -> Tensor:
        """Return the correction of token ids x (...), (..., embedding_dim). No id is dropped."""
        columns = F.embedding(x, self.lora_A.T, padding_idx=self.padding_idx)  # (..., r)
        return F.linear(columns * self.scaling, self.lora_B)

    def adapt(self, base: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """Return y = base(x) with the correction; a table that scales its vectors scales it too."""
        factor = getattr(base, "embed_scale", 1.0)  # Gemma multiplies what it looks up
        return self(x).mul_(factor).add_(y).to(y.dtype)


def delta_weight(adapter: LoRA, transposed: bool) -> Tensor:
    """Return what an adapter adds to its layer's weight: scaling * B A, in the layer's own layout.

    Args:
        adapter: its A is (r, in), its B (out, r); both stay as they are.
        transposed: whether the layer keeps its weight as (in, out), as GPT-2's `Conv1D` and
            `nn.Embedding` do, and not as (out, in), as `nn.Linear` does.

    Returns:
        (in, out) if transposed, else (out, in); the dtype of A, without a gradient's history.
    """
    # TODO 3.2: scaling * B A, in the layout of the layer's weight, without a gradient's history.
    raise NotImplementedError("exercise 3.2: delta_weight")
