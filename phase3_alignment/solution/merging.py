"""Merge the adapters of a whole model, take them out again, or leave a plain model behind."""

from torch import nn

from phase3_alignment.solution.adapted import AdaptedLayer
from phase3_alignment.solution.inject import Holder, holders


def merge(model: nn.Module) -> None:
    """Add the active corrections of every layer into its base's weight; see `AdaptedLayer.merge`.

    Raises:
        ValueError: if a base has no floating-point weight; then nothing is merged.
    """
    layers = [holder for holder in holders(model) if isinstance(holder, AdaptedLayer)]
    for layer in layers:
        layer.base_weight()  # complains before anything has changed
    for layer in layers:
        layer.merge()


def unmerge(model: nn.Module) -> None:
    """Put back every base's own weight, bit for bit."""
    for holder in holders(model):
        if isinstance(holder, AdaptedLayer):
            holder.unmerge()


def unload(model: nn.Module) -> None:
    """Merge, and leave a plain model: no adapters, no wrappers, the trained heads in their places.

    In place, and for good. If an embedding was adapted and the head was tied to it, the two have
    different weights now, so `config.tie_word_embeddings` becomes False: otherwise saving such a
    model would lose one of them.
    """
    merge(model)
    modules = model.named_modules(remove_duplicate=False)
    for place, holder in [(name, m) for name, m in modules if isinstance(m, Holder)]:
        parent, _, child = place.rpartition(".")
        plain = holder.base_layer if isinstance(holder, AdaptedLayer) else holder.current()
        setattr(model.get_submodule(parent), child, plain)
    _untie(model)


def _untie(model: nn.Module) -> None:
    if not getattr(getattr(model, "config", None), "tie_word_embeddings", False):
        return
    table, head = model.get_input_embeddings(), model.get_output_embeddings()
    if head is not None and head.weight is not table.weight:
        model.config.tie_word_embeddings = False
