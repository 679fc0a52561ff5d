"""Optimisers: what to do with a gradient once backward has found it.

`Optimizer` walks over the parameters; each subclass says in `update` how one weight array changes,
in place, given its gradient and a small state of its own. A learning rate schedule writes into
`optimizer.groups[i]["lr"]` before a step.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from phase0_foundations.solution.tensor import Tensor

State = dict[str, Any]  # arrays, and under "t" the number of steps taken
Group = dict[str, Any]  # "parameters" and the options that hold for them


class Optimizer:
    """Base of the optimisers: parameter groups, the loop over them, and a state that can be saved.

    Args:
        parameters: Tensors, or groups `{"parameters": [...], option: value}` of them.
        options: the options of every group that does not set its own.

    Raises:
        ValueError: for no parameters, one given twice, an unknown option or a negative one.
    """

    def __init__(self, parameters: Iterable[Tensor] | Iterable[Group], **options: Any):
        given = list(parameters)
        grouped = given if given and isinstance(given[0], dict) else [{"parameters": given}]
        self.groups: list[Group] = []
        for group in grouped:
            if unknown := group.keys() - options.keys() - {"parameters"}:
                raise ValueError(f"unknown options {sorted(unknown)}; known are {sorted(options)}")
            self.groups.append({**options, **group, "parameters": list(group["parameters"])})
        everything = [parameter for parameter, _ in self._walk()]
        if not everything or len({id(parameter) for parameter in everything}) < len(everything):
            raise ValueError("an optimiser needs parameters, and each of them once")
        for group in self.groups:
            if min(group["lr"], group["weight_decay"]) < 0:
                raise ValueError(f"lr and weight_decay must not be negative; got {group}")
        self.states: list[State] = [{} for _ in everything]  # in the order of the parameters

    def step(self) -> None:
        """Change every parameter that has a gradient; one with `grad` None is left alone."""
        for (parameter, group), state in zip(self._walk(), self.states):
            if parameter.grad is None:
                continue
            if not state:
                state.update(self.new_state(parameter.data, group))
            self.update(parameter.data, parameter.grad, state, group)
            parameter.bump_version()  # a graph that still needs the old weights must notice

    def zero_grad(self) -> None:
        """Forget the gradients: backward adds to what it finds, so each step starts from none."""
        for parameter, _ in self._walk():
            parameter.zero_grad()

    def new_state(self, weight: np.ndarray, group: Group) -> State:
        """Make the state of a parameter that takes its first step."""
        raise NotImplementedError

    def update(self, weight: np.ndarray, grad: np.ndarray, state: State, group: Group) -> None:
        """Change `weight` and `state` in place; `grad` must stay as it is."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return copies of all state arrays by name, "3.m" being m of parameter 3.

        The options (lr and its kin) are not in it: they belong to the program's configuration.
        """
        return {
            f"{index}.{name}": np.array(value)
            for index, state in enumerate(self.states)
            for name, value in state.items()
        }

    def load_state_dict(self, arrays: dict[str, np.ndarray]) -> None:
        """Take over the state that `state_dict` returned.

        Raises:
            ValueError: if it belongs to other parameters or to another kind of optimiser.
        """
        states: list[State] = [{} for _ in self.states]
        for key, array in arrays.items():
            index, name = key.split(".")
            if int(index) >= len(states):
                raise ValueError(f"state {key!r} has no parameter; there are {len(states)}")
            states[int(index)][name] = array.item() if array.ndim == 0 else np.array(array)
        for (parameter, group), state in zip(self._walk(), states):
            expected = self.new_state(parameter.data, group)
            if state and _shapes(state) != _shapes(expected):
                raise ValueError(f"expected state {_shapes(expected)}, got {_shapes(state)}")
        self.states = states

    def _walk(self) -> Iterator[tuple[Tensor, Group]]:
        return ((parameter, group) for group in self.groups for parameter in group["parameters"])


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum and Nesterov's look ahead if asked for.

    Sutskever et al. 2013, in the form that torch.optim.SGD uses, where lr is outside the velocity:
    v <- momentum * v + g, then w <- w - lr * v. Nesterov steps along g + momentum * v instead, the
    velocity as it will be one step later if the gradient stays.

    Args:
        parameters: what to train, as `Optimizer` takes it.
        lr: learning rate.
        momentum: share of the velocity that survives a step, in [0, 1).
        nesterov: look one step ahead.
        weight_decay: L2 penalty; weight_decay * w is added to the gradient.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[Group],
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ):
        super().__init__(
            parameters, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay
        )

    def new_state(self, weight: np.ndarray, group: Group) -> State:
        """Make the state: a velocity of zero where there is momentum."""
        return {"velocity": np.zeros_like(weight)} if group["momentum"] else {}

    def update(self, weight: np.ndarray, grad: np.ndarray, state: State, group: Group) -> None:
        """Take one step for one weight array.

        Args:
            weight: changed in place.
            grad: same shape and dtype; must stay as it is.
            state: "velocity", an array like weight, zeros before the first step and kept up to
                date here; empty if there is no momentum.
            group: the options "lr", "momentum", "nesterov", "weight_decay".
        """
        # TODO 0.16: The weight has moved against its gradient, or along its velocity, by lr; the L2
        # penalty is part of the gradient, the gradient as given stays untouched.
        raise NotImplementedError("exercise 0.16: SGD.update")


def adam_direction(
    grad: np.ndarray, state: State, betas: tuple[float, float], eps: float
) -> np.ndarray:
    """Update Adam's two running averages; return the direction m_hat / (sqrt(v_hat) + eps).

    Kingma and Ba 2015 (arXiv:1412.6980), algorithm 1. The averages start at zero, so after t steps
    their weights sum to 1 - beta^t only; m_hat and v_hat have that corrected.

    Args:
        grad: the gradient; must stay as it is.
        state: "m" and "v", arrays like grad, zeros before the first step, and "t", the number of
            steps taken before this one (an int); all three are kept up to date here.
        betas: share of the old average that survives a step, for the gradient and for its square.
        eps: keeps the division finite where the gradient has always been zero.

    Returns:
        An array of its own, shape and dtype of grad.
    """
    # TODO 0.16: Both averages and t are brought up to date in the state, and the direction is that
    # of the averages without their bias towards 0.
    raise NotImplementedError("exercise 0.16: adam_direction")


class Adam(Optimizer):
    """Adam: every weight gets a step of its own size, about lr whatever the gradient's scale.

    Kingma and Ba 2015 (arXiv:1412.6980). Weight decay is the L2 kind: it enters the gradient and
    is therefore divided by sqrt(v_hat) like the rest of it; `AdamW` mends that.

    Args:
        parameters: what to train, as `Optimizer` takes it.
        lr: learning rate.
        betas: see `adam_direction`.
        eps: see `adam_direction`.
        weight_decay: L2 penalty; weight_decay * w is added to the gradient.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def new_state(self, weight: np.ndarray, group: Group) -> State:
        """Make the state: both averages zero, no step taken."""
        return {"m": np.zeros_like(weight), "v": np.zeros_like(weight), "t": 0}

    def update(self, weight: np.ndarray, grad: np.ndarray, state: State, group: Group) -> None:
        """Take one step for one weight array, in place."""
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * weight
        weight -= group["lr"] * adam_direction(grad, state, group["betas"], group["eps"])


class AdamW(Adam):
    """Adam with decoupled weight decay: every weight shrinks at the same rate.

    Loshchilov and Hutter 2019 (arXiv:1711.05101), algorithm 2, with lr scaling the decay as in
    torch.optim.AdamW.

    Args:
        parameters: what to train, as `Optimizer` takes it.
        lr: learning rate.
        betas: see `adam_direction`.
        eps: see `adam_direction`.
        weight_decay: a step shrinks the weights by lr * weight_decay of themselves.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ):
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def update(self, weight: np.ndarray, grad: np.ndarray, state: State, group: Group) -> None:
        """Take one step for one weight array: shrink it, then move along `adam_direction`.

        Args:
            weight: changed in place.
            grad: same shape and dtype; must stay as it is.
            state: as `adam_direction` takes it.
            group: the options "lr", "betas", "eps", "weight_decay".
        """
        # TODO 0.16: The weight has shrunk by lr * weight_decay of itself, whatever the gradient,
        # and has then moved by Adam's step.
        raise NotImplementedError("exercise 0.16: AdamW.update")


def clip_grad_norm(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Scale all gradients by one factor, in place, to a joint L2 norm of at most `max_norm`.

    Pascanu et al. 2013 (arXiv:1211.5063), algorithm 1. One factor for all keeps the direction;
    a norm within the bound leaves every gradient as it is.

    Args:
        parameters: Tensors; those with `grad` None are passed over.
        max_norm: the bound, positive.

    Returns:
        The norm before clipping.

    Raises:
        ValueError: if `max_norm` is not positive.
        FloatingPointError: if the norm is NaN or infinite, for then no factor can help.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm must be positive; got {max_norm}")
    grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = math.sqrt(sum(float(np.vdot(grad, grad)) for grad in grads))
    if not math.isfinite(norm):
        raise FloatingPointError(f"the gradients' norm is {norm}; nothing was clipped")
    if norm > max_norm:
        for grad in grads:
            grad *= max_norm / norm
    return norm


def _shapes(state: State) -> dict[str, tuple[int, ...]]:
    return {name: np.shape(value) for name, value in state.items()}
