"""ZeRO, stage 1: each rank steps a share of the parameters and keeps the optimiser's state of it.

Rajbhandari et al. 2019 (arXiv:1910.02054), P_os. All parameters are laid end to end and the row is
cut into as many equal ranges as there are ranks, wherever that falls: in the middle of a matrix,
too. That suits an optimiser which treats every number by itself, as SGD and Adam do.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn

Group = dist.ProcessGroup | None
ParamGroup = dict[str, Any]  # "params" and options, as `torch.optim` takes them


class Piece(NamedTuple):
    """A run of one parameter's numbers."""

    index: int
    """which parameter"""
    start: int
    """its first number, counted in the flattened parameter"""
    stop: int
    """the number after its last"""


def cut(sizes: Sequence[int], n: int, rank: int) -> list[Piece]:
    """Say which runs of which parameters are a rank's share, when they lie end to end.

    A share is ceil(total / n) numbers; rank r has the r-th range of that many. Ranges at the end
    of the row may be shorter or empty.

    Args:
        sizes: how many numbers each parameter has; 0 is allowed.
        n: ranks.
        rank: 0 to n - 1.

    Returns:
        The pieces in the order of the parameters, none of them empty.

    Raises:
        ValueError: if there is no such rank.
    """
    if not 0 <= rank < n:
        raise ValueError(f"rank must be from 0 to {n - 1}, got {rank}")
    share = -(-sum(sizes) // n)
    pieces, before = [], 0  # numbers in the parameters before this one
    for index, size in enumerate(sizes):
        start = max(rank * share - before, 0)
        stop = min((rank + 1) * share - before, size)
        if start < stop:
            pieces.append(Piece(index, start, stop))
        before += size
    return pieces


def trainable_groups(params: Iterable[nn.Parameter] | Iterable[ParamGroup]) -> list[ParamGroup]:
    """Bring what an optimiser is given into one form: groups, each with a list of parameters.

    Args:
        params: parameters, or groups of them with options; left unchanged.

    Returns:
        New groups with the same options. A parameter that occurs again, because it is tied, stays
        where it was first; a frozen one (`requires_grad` is False) is left out, for it needs no
        state. Order is kept; a group may be left empty.
    """
    params = list(params)
    groups = params if params and isinstance(params[0], dict) else [{"params": params}]
    seen: set[nn.Parameter] = set()
    found = []
    for group in groups:
        own = dict.fromkeys(p for p in group["params"] if p.requires_grad and p not in seen)
        seen.update(own)
        found.append({**group, "params": list(own)})
    return found


def lay_flat(params: Sequence[nn.Parameter], n: int) -> Tensor:
    """Move parameters into one tensor, end to end, of which each is a view from now on.

    Args:
        params: of one dtype, on one device; they keep their values and their shapes.
        n: ranks.

    Returns:
        (n * ceil(total / n),); what lies behind the last parameter is 0.

    Raises:
        ValueError: if there is no parameter, or they are of several dtypes or devices.
    """
    kinds = {(p.dtype, p.device) for p in params}
    if len(kinds) != 1:
        raise ValueError(
            f"need parameters of one dtype on one device, got {sorted(map(str, kinds))}"
        )
    numel = sum(p.numel() for p in params)
    flat = params[0].new_zeros(n * -(-numel // n), requires_grad=False)
    views = flat[:numel].split([p.numel() for p in params])
    for p, view in zip(params, views):
        p.data = view.copy_(p.detach().flatten()).view_as(p)
    return flat


class ShardedOptimizer:
    """Any optimiser of single numbers, with its state spread over the ranks of a group.

        optimizer = ShardedOptimizer(model.parameters(), lambda p: torch.optim.AdamW(p, lr=1e-3))

    The ranks must hold equal parameters at the start, and average the gradients before each step.

    Args:
        params: parameters or groups of them, as `torch.optim` takes them; see `trainable_groups`.
            They become views of one flat tensor (`lay_flat`), so move and cast the model before.
        make_optimizer: makes the optimiser of this rank, from groups with the options of `params`.
        group: of ranks; None is all of them.
        master: the dtype in which this rank steps its share and keeps it between steps, such as
            torch.float32 for parameters in bfloat16; None is their own, without a copy.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[ParamGroup],
        make_optimizer: Callable[[list[ParamGroup]], Any],
        group: Group = None,
        master: torch.dtype | None = None,
    ) -> None:
        self.group, self.n, self.rank = group, dist.get_world_size(group), dist.get_rank(group)
        groups = trainable_groups(params)
        self._sizes = [len(entry["params"]) for entry in groups]
        self.params = [p for entry in groups for p in entry["params"]]
        self.flat = lay_flat(self.params, self.n)  # (n * share,)
        self.shares = list(self.flat.chunk(self.n))
        self.pieces = cut([p.numel() for p in self.params], self.n, self.rank)
        own = [self.params[i].data.view(-1)[start:stop] for i, start, stop in self.pieces]
        self.parts = [nn.Parameter(run.to(master or run.dtype)) for run in own]
        self.inner = make_optimizer(self._own_groups(groups))

    def step(self) -> None:
        """Step this rank's share, then let all ranks have all shares.

        `parts[i]` is the part of the parameter `params[pieces[i].index]` that the piece says. It
        gets the gradient of those numbers, as a view where it can; where the parameter has none,
        the part keeps what it has. `inner` steps the parts. In another dtype than the parameters
        they are copies, and the result is rounded into this rank's numbers. Then `shares[r]`, on
        every rank, is what rank r has made of it; no all-reduce, for nothing is left to add up.
        Gradients of parameters are left unchanged; those of the parts are dropped.
        """
        for (index, start, stop), part in zip(self.pieces, self.parts):
            gradient = self.params[index].grad
            if gradient is not None:
                part.grad = gradient.reshape(-1)[start:stop].to(part.dtype)
        self.inner.step()
        for (index, start, stop), part in zip(self.pieces, self.parts):
            part.grad = None
            if part.dtype != self.flat.dtype:
                self.params[index].data.view(-1)[start:stop] = part.detach()
        dist.all_gather(self.shares, self.shares[self.rank], group=self.group)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for p in (*self.params, *self.parts):
            p.grad = None

    @property
    def param_groups(self) -> list[ParamGroup]:
        """This rank's groups; their options, such as "lr", may be set, alike on all ranks."""
        return self.inner.param_groups

    def state_dict(self) -> dict[str, Any]:
        """Put the states of all ranks together; every rank has to ask.

        Returns:
            On every rank, what the optimiser would have said if it were not sharded: "state" by the
            number of a parameter, and "param_groups". It loads on any number of ranks, and into
            `torch.optim`'s optimiser over the same parameters.
        """
        inner = self.inner.state_dict()
        own = [(piece, self._state(inner, i)) for i, piece in enumerate(self.pieces)]
        everyone: list[Any] = [None] * self.n
        dist.all_gather_object(everyone, own, group=self.group)
        state: dict[int, dict[str, Any]] = {}
        for piece, values in (entry for entries in everyone for entry in entries):
            for name, value in values.items():
                whole = state.setdefault(piece.index, {})
                whole[name] = self._joined(whole.get(name), piece, value)
        return {"state": state, "param_groups": _numbered(inner["param_groups"], self._sizes)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take this rank's share of a state that `state_dict` put together, here or elsewhere."""
        state = {}
        for i, (index, start, stop) in enumerate(self.pieces):
            shape, values = self.params[index].shape, dict(state_dict["state"].get(index, {}))
            for name, value in values.items():
                if isinstance(value, Tensor) and value.shape == shape:
                    values[name] = value.reshape(-1)[start:stop].clone()
            if "master" in values:
                self.parts[i].data.copy_(values.pop("master"))
            if values:
                state[i] = values
        sizes = [len(group["params"]) for group in self.inner.param_groups]
        groups = _numbered(state_dict["param_groups"], sizes)
        self.inner.load_state_dict({"state": state, "param_groups": groups})

    def _own_groups(self, groups: list[ParamGroup]) -> list[ParamGroup]:
        part_of = {self.params[piece.index]: part for piece, part in zip(self.pieces, self.parts)}
        return [
            {**group, "params": [part_of[p] for p in group["params"] if p in part_of]}
            for group in groups
        ]

    def _state(self, inner: dict[str, Any], i: int) -> dict[str, Any]:
        """State of one part, with the part itself if it says more than the parameter."""
        copied = self.parts[i].dtype != self.flat.dtype
        own = {"master": self.parts[i].detach()} if copied else {}
        return inner["state"].get(i, {}) | own

    def _joined(self, whole: Any, piece: Piece, value: Any) -> Any:
        """Put a piece's value into that of its parameter; what is not one a number is for all."""
        if not isinstance(value, Tensor) or value.shape != (piece.stop - piece.start,):
            return value
        whole = value.new_zeros(self.params[piece.index].shape) if whole is None else whole
        whole.view(-1)[piece.start : piece.stop] = value
        return whole


def _numbered(groups: list[ParamGroup], sizes: list[int]) -> list[ParamGroup]:
    """Give each group as many of the numbers 0, 1, 2 ... as its size, in place of parameters."""
    numbers = iter(range(sum(sizes)))
    return [{**group, "params": list(islice(numbers, size))} for group, size in zip(groups, sizes)]
