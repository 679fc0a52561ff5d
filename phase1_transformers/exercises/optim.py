"""Which parameters AdamW pulls towards zero, and which it leaves alone."""

from typing import Any

from torch import nn


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Sort a model's parameters into two groups for an optimiser: with weight decay and without.

    As nanoGPT does: whatever has two axes or more decays, embedding tables included; the rest
    (biases and the gains of norms) does not. A gain is at home at 1, so a pull towards 0 would only
    fight the norm, and neither gains nor biases have the capacity that decay is meant to curb.

    Args:
        model: a parameter that is used in two places (tied) counts once; one that needs no gradient
            (frozen) not at all.
        weight_decay: of the first group.

    Returns:
        Two dicts for `torch.optim`, each with "params", a list in the order of
        `model.parameters()`, and "weight_decay": first the group that decays, then the one with
        0.0. Both are there even where one has no parameter.
    """
    # TODO 1.18: Each trainable parameter is in exactly one of two groups: with two axes or more in
    # the first, which decays, all others in the second, which does not.
    raise NotImplementedError("exercise 1.18: decay_groups")
