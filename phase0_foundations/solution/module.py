"""What every layer has in common: its parameters by name, a mode, and a state that can be saved.

A module finds its parts by looking at its own attributes: a `Parameter` is trained, a bare NumPy
array is a buffer (saved but not trained), a `Module` is a child, its names prefixed with its own.
"""

from collections.abc import Iterator

import numpy as np

from phase0_foundations.solution.tensor import Parameter, Tensor


class Module:
    """Base of all layers; a subclass defines `forward`."""

    training = True  # some layers behave differently while the network learns

    def forward(self, x: Tensor) -> Tensor:
        """Compute the output for a batch of inputs."""
        raise NotImplementedError

    def __call__(self, x: Tensor) -> Tensor:
        """Apply the layer: `layer(x)`."""
        return self.forward(x)

    def children(self) -> Iterator[tuple[str, "Module"]]:
        """Yield the modules that this one is made of, with their names."""
        return ((name, part) for name, part in vars(self).items() if isinstance(part, Module))

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield ("1.weight", parameter) for all parameters, children included, in a fixed order."""
        return self._named(Parameter)

    def parameters(self) -> list[Parameter]:
        """List all parameters, in the order of `named_parameters`."""
        return [parameter for _, parameter in self.named_parameters()]

    def train(self, mode: bool = True) -> "Module":
        """Switch this module and its children to training mode; return self."""
        self.training = mode
        for _, child in self.children():
            child.train(mode)
        return self

    def eval(self) -> "Module":
        """Switch to evaluation: nothing random, nothing that depends on the rest of the batch."""
        return self.train(False)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return copies of all parameters and buffers by name, ready to be saved."""
        return {name: array.copy() for name, array in self._arrays().items()}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Copy saved arrays into the parameters and buffers, which stay the same objects.

        Raises:
            ValueError: if a name is missing or unknown, or a shape differs; nothing is copied then.
        """
        arrays = self._arrays()
        if missing_or_unknown := arrays.keys() ^ state.keys():
            raise ValueError(f"names that only one side has: {sorted(missing_or_unknown)}")
        for name, array in arrays.items():
            if array.shape != state[name].shape:
                raise ValueError(f"{name}: expected {array.shape}, got {state[name].shape}")
        for name, array in arrays.items():
            array[...] = state[name]
        for parameter in self.parameters():
            parameter.bump_version()

    def _arrays(self) -> dict[str, np.ndarray]:
        parameters = {name: parameter.data for name, parameter in self._named(Parameter)}
        return parameters | dict(self._named(np.ndarray))

    def _named(self, kind: type, prefix: str = "") -> Iterator[tuple[str, Parameter | np.ndarray]]:
        for name, part in vars(self).items():
            if isinstance(part, kind):
                yield prefix + name, part
        for name, child in self.children():
            yield from child._named(kind, f"{prefix}{name}.")


class Sequential(Module):
    """Layers one after another; parameter names start with a layer's position, "0.weight".

    Args:
        layers: each is applied to what the one before returned.
    """

    def __init__(self, *layers: Module):
        self.layers = layers

    def children(self) -> Iterator[tuple[str, Module]]:
        """Yield the layers, named by their positions."""
        return ((str(position), layer) for position, layer in enumerate(self.layers))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers in turn."""
        for layer in self.layers:
            x = layer(x)
        return x
