"""A head that is trained whole beside the adapters, and can be switched off with them."""

import copy

import torch
from torch import nn


class TrainedHead(nn.Module):
    """A module and its trained copies, one for each adapter that names it.

    The original stays as it is: with the adapters switched off, the model is the base, head and
    all. A weight that the original shares with another layer is not shared by the copies.

    Args:
        original: a classifier, a language model's head, a reward model's score.

    Attributes:
        adapters: copies by the name of their adapter, as in `AdaptedLayer`.
        active: names in use; the copy of the last one that has a copy here answers.
        enabled: if False, the original answers.
    """

    def __init__(self, original: nn.Module) -> None:
        super().__init__()
        self.original = original
        self.adapters = nn.ModuleDict()
        self.active: tuple[str, ...] = ()
        self.enabled = True

    @property
    def weight(self) -> torch.Tensor:
        """The weight of the module that answers, where it has one."""
        return self.current().weight

    def add(self, name: str) -> None:
        """Copy the original for the adapter of this name.

        Raises:
            ValueError: if the name is taken.
        """
        if name in self.adapters:
            raise ValueError(f"there is an adapter called {name!r} already")
        self.adapters[name] = copy.deepcopy(self.original)

    def current(self) -> nn.Module:
        """Return the module that answers at present."""
        known = [name for name in self.active if name in self.adapters]
        return self.adapters[known[-1]] if self.enabled and known else self.original

    def forward(self, *args: object, **kwargs: object) -> object:
        """Do what the module does that answers at present."""
        return self.current()(*args, **kwargs)
