"""A layer with adapters beside it: the base stays frozen, the adapters have names.

Hu et al. 2021 (arXiv:2106.09685), section 4: in use, the correction can be added into the weight,
and then costs nothing at all.
"""

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from phase3_alignment.solution.dora import DoRA
from phase3_alignment.solution.lora import EmbeddingLoRA, LoRA


def sizes(layer: nn.Module) -> tuple[int, int] | None:
    """Return (in_features, out_features) of a layer that can be adapted, None for any other.

    A matrix of another kind, in four bits say, is adapted if it has the two attributes.
    """
    if isinstance(layer, nn.Embedding):
        return layer.num_embeddings, layer.embedding_dim
    if isinstance(layer, Conv1D):
        return layer.nx, layer.nf
    if hasattr(layer, "in_features") and hasattr(layer, "out_features"):
        return layer.in_features, layer.out_features
    return None


class AdaptedLayer(nn.Module):
    """A frozen layer and its adapters; those that are active correct what it gives.

    Args:
        base: `nn.Linear`, `Conv1D`, `nn.Embedding`, or what has in_features and out_features.

    Attributes:
        base_layer: the layer, untouched.
        adapters: LoRA modules by name.
        transposed: whether the base keeps its weight as (in, out), as `Conv1D` and tables do.
        active: names of those in use, whose corrections add up.
        enabled: if False, the layer does what its base does; `inject.disabled` sets it.
        merged: whether the active corrections are in the base's weight at present.
    """

    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        self.base_layer = base
        self.in_features, self.out_features = sizes(base)
        self.transposed = isinstance(base, Conv1D | nn.Embedding)
        self.adapters = nn.ModuleDict()
        self.active: tuple[str, ...] = ()
        self.enabled = True
        self._own: list[nn.Parameter] = []  # a list, so that it is no parameter of this module

    @property
    def weight(self) -> Tensor:
        """The base's weight, which some models look at."""
        return self.base_layer.weight

    @property
    def bias(self) -> Tensor | None:
        """The base's bias."""
        return self.base_layer.bias

    @property
    def merged(self) -> bool:
        """Whether the active corrections are in the base's weight at present."""
        return bool(self._own)

    def base_weight(self) -> nn.Parameter:
        """Return the base's weight.

        Raises:
            ValueError: if it has none in floating point, as a layer in four bits has not.
        """
        weight = getattr(self.base_layer, "weight", None)
        if weight is None or not weight.is_floating_point():
            kind = type(self.base_layer).__name__
            raise ValueError(f"{kind} has no floating-point weight to merge with")
        return weight

    def add(
        self, name: str, r: int, alpha: float, dropout: float, rslora: bool, dora: bool
    ) -> None:
        """Give the layer a new adapter, in float32 or the weight's dtype if that is wider.

        Raises:
            ValueError: if the name is taken, or DoRA cannot read the weight.
        """
        if name in self.adapters:
            raise ValueError(f"there is an adapter called {name!r} already")
        weight = next(self.base_layer.parameters(), torch.empty(0))
        wide = weight.dtype if weight.dtype == torch.float64 else torch.float32
        options = {"r": r, "alpha": alpha, "dropout": dropout, "rslora": rslora}
        options |= {"dtype": wide, "device": weight.device}
        if dora:
            adapter = DoRA(self.base_weight(), self.transposed, **options)
        elif isinstance(self.base_layer, nn.Embedding):
            adapter = EmbeddingLoRA(self.base_layer, **options)
        else:
            adapter = LoRA(self.in_features, self.out_features, **options)
        self.adapters[name] = adapter.train(self.training)

    def forward(self, x: Tensor) -> Tensor:
        """Return what the base gives, with the corrections of the active adapters."""
        y = self.base_layer(x)
        if self.enabled and not self.merged:
            for name in self.active:
                y = self.adapters[name].adapt(self.base_layer, x, y)
        return y

    def merge(self) -> None:
        """Add the corrections of all active adapters into the base's weight.

        The layer then gives the same, to rounding, and costs what its base costs. The weight with
        the corrections is a new parameter, frozen; the old one is kept as it is, in `_own`, because
        another layer may share it (a head that is tied to the embedding) and because what was
        rounded cannot be taken back by a subtraction. The adapters stay as they are. While merged,
        dropout does not act. Merging what is merged already changes nothing.

        Raises:
            ValueError: if the base has no floating-point weight.
        """
        # TODO 3.2: The base has a new, frozen weight with all active corrections in it; the old
        # parameter is kept, untouched, in `_own`.
        raise NotImplementedError("exercise 3.2: AdaptedLayer.merge")

    def unmerge(self) -> None:
        """Put back the base's own weight: the very parameter, so also the very bits.

        Where nothing is merged, nothing changes.
        """
        # TODO 3.2: The base has its own parameter back, the very one.
        raise NotImplementedError("exercise 3.2: AdaptedLayer.unmerge")
