"""Put adapters into any model, by the names of its layers.

The model does not know about it: a layer is replaced in its parent by one that holds it. So this
works for every `nn.Module`, and for all models of Hugging Face.

    inject(model, AdapterConfig(targets=("c_attn",), r=8))
    print(summary(model))  # 294,912 of 124,734,720 parameters train (0.24 %)
    with disabled(model):
        reference = model(ids).logits
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn

from phase3_alignment.solution.adapted import AdaptedLayer, sizes
from phase3_alignment.solution.adapter_config import AdapterConfig
from phase3_alignment.solution.heads import TrainedHead

Holder = AdaptedLayer | TrainedHead


def outer_modules(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return names and modules, without what is inside of layers and heads that hold adapters."""
    modules = list(model.named_modules())
    inside = tuple(f"{name}." for name, module in modules if isinstance(module, Holder))
    return [(name, module) for name, module in modules if not name.startswith(inside)]


def matching(model: nn.Module, targets: Sequence[str] | str) -> list[str]:
    """Return the names of the layers that the targets mean, in the model's order.

    Args:
        model: any; nothing in it changes. A layer that holds adapters already counts under its old
            name, and nothing inside it does: see `outer_modules`.
        targets: a sequence of names, each of which means the layer of that full name and all whose
            name ends with a dot and it: "q" means "h.0.q", and neither "h.0.seq" nor "h.0.q.norm".
            Or one string: a regex that must match the full name, such as "h.[01].mlp.*".

    Returns:
        Full names, each once. Of those that match only layers count that can be adapted, so that
        `sizes` knows them: a block or a norm is passed over. Embeddings count like the others.

    Raises:
        ValueError: if one of the targets means no layer; the message names it.
    """
    # TODO 3.3: The names of the layers that the targets mean, in the model's order, and an error
    # for a target that means none.
    raise NotImplementedError("exercise 3.3: matching")


def wrap(model: nn.Module, name: str, kind: type[Holder]) -> Holder:
    """Put a holder around the module of this name, wherever the model has that module; return it.

    Some models keep one module in two places. A module that is of this kind already is returned as
    it is: the second adapter moves in beside the first.

    Args:
        model: changed in place.
        name: full name of a module inside it.
        kind: `AdaptedLayer` or `TrainedHead`; called with the module.
    """
    # TODO 3.3: A holder stands wherever the module stood, unless it is one already.
    raise NotImplementedError("exercise 3.3: wrap")


def heads(model: nn.Module, endings: Sequence[str]) -> list[str]:
    """Return the names of the modules whose names end so.

    The ending need not begin at a dot, because peft reads its own field so, and would not open our
    folder otherwise: "classifier" means DistilBERT's "pre_classifier" as well.

    Raises:
        ValueError: if no name ends with one of them.
    """
    names = [name for name, _ in outer_modules(model)]
    for ending in endings:
        if not any(name.endswith(ending) for name in names):
            raise ValueError(f"no module is called {ending!r}")
    return [name for name in names if name.endswith(tuple(endings))]


def inject(model: nn.Module, config: AdapterConfig, name: str = "default") -> None:
    """Give a model an adapter, and let nothing train but it and the heads that it names.

    Hu et al. 2021 (arXiv:2106.09685), section 4.2. All parameters that the model has, those of
    other adapters too, are frozen. Every layer that `config.targets` means gets a correction with
    `config.options(its name)`; each head that `config.heads` names is trained whole, and neither it
    nor what is inside it gets a correction. The new adapter is the only active one afterwards.

    Args:
        model: changed in place, its layers wrapped; what it computes is as before, because a new
            correction is 0.
        config: what to adapt.
        name: of the adapter; several may live in a model.

    Raises:
        ValueError: if a target means no layer, a head no module, or the name is taken.
    """
    # TODO 3.3: The base is frozen; the layers that are meant have a correction each, the heads are
    # trained whole, and the new adapter alone is active.
    raise NotImplementedError("exercise 3.3: inject")


def holders(model: nn.Module) -> list[Holder]:
    """Return the layers and heads of a model that hold adapters."""
    return [module for module in model.modules() if isinstance(module, Holder)]


def activate(model: nn.Module, *names: str) -> None:
    """Use these adapters, and let them train, and no others; corrections of several add up.

    Raises:
        ValueError: if no layer knows one of the names, or adapters are merged at present.
    """
    require_unmerged(model)
    known = {name for holder in holders(model) for name in holder.adapters}
    if unknown := set(names) - known:
        raise ValueError(f"no adapter is called {sorted(unknown)}, there are {sorted(known)}")
    for holder in holders(model):
        holder.active = tuple(name for name in names if name in holder.adapters)
        for name, adapter in holder.adapters.items():
            adapter.requires_grad_(name in names)


def require_unmerged(model: nn.Module) -> None:
    """Raise ValueError if an adapter is merged into its base."""
    if any(getattr(holder, "merged", False) for holder in holders(model)):
        raise ValueError("adapters are merged into their base: unmerge them first")


@contextmanager
def disabled(model: nn.Module) -> Iterator[None]:
    """Within the block the model is its base: no correction acts, and the original heads answer.

    One copy of the weights so serves as the policy and as its reference.

    Args:
        model: each of its `holders` has `enabled` False within the block. Afterwards, also after an
            exception, `enabled` is what it was before: blocks may be nested.

    Raises:
        ValueError: if adapters are merged, for then the base's own weights are not in place.
    """
    # TODO 3.3: Within the block no holder is enabled; afterwards, whatever happened, each is as it
    # was.
    raise NotImplementedError("exercise 3.3: disabled")


def summary(model: nn.Module) -> str:
    """Say how many of a model's parameters train; what is shared or frozen counts once."""
    n_all = sum(p.numel() for p in model.parameters())
    n_train = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return f"{n_train:,} of {n_all:,} parameters train ({n_train / n_all:.2%})".replace("%", " %")
