"""ZeRO, stage 3, also called FSDP: parameters are there while they are needed, and not longer.

Rajbhandari et al. 2019 (arXiv:1910.02054), P_p; Zhao et al. 2023 (arXiv:2304.11277). Between its
uses a unit of parameters lies in equal shares on the ranks. It is gathered before its modules run
forward and before they run backward, freed when others run, and its gradients are averaged into
shares. At any time two units are whole at most: the one that runs and the one that comes next.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd import Variable

from phase2_scaling.solution.model import Block
from phase2_scaling.solution.sharded_gradients import clip_grad_norm
from phase2_scaling.solution.zero import Group, cut, lay_flat


class Unit:
    """Parameters that come and go together.

    Whole, they are views of `full`, whose memory is there only from `gather` to `free`. What stays
    is `local`, this rank's share, of which `parts` are views: what an optimiser steps.

    Args:
        params: of one dtype, on one device; rank 0's values count. They become views of `full`.
        group: of ranks; None is all of them.
    """

    def __init__(self, params: Sequence[nn.Parameter], group: Group = None) -> None:
        self.group, self.n, self.rank = group, dist.get_world_size(group), dist.get_rank(group)
        self.params = list(params)
        self.full = lay_flat(self.params, self.n)  # (n * share,)
        dist.broadcast(self.full, group=group, group_src=0)
        self.local = self.full.chunk(self.n)[self.rank].clone()  # (share,)
        self.pieces = cut([p.numel() for p in self.params], self.n, self.rank)
        lengths = [piece.stop - piece.start for piece in self.pieces]
        runs = self.local[: sum(lengths)].split(lengths)
        self.parts = {
            self.params[piece.index]: nn.Parameter(run, self.params[piece.index].requires_grad)
            for piece, run in zip(self.pieces, runs)
        }
        self._gathering = self._reducing = self._mean = None
        self._bytes = self.full.untyped_storage().nbytes()
        self.gradient: Tensor | None = None  # (n * share,), of this rank's batch
        self.free()

    @property
    def is_whole(self) -> bool:
        """Whether `full` has memory: the parameters are there, or on their way."""
        return self.full.untyped_storage().nbytes() > 0

    def gather(self) -> None:
        """Start to make the parameters whole; does nothing if they are whole already.

        The storage of `full` gets its bytes back, and an asynchronous all-gather begins to fill it
        with `local` of every rank, in the order of the ranks.
        """
        if not self.is_whole:
            self.full.untyped_storage().resize_(self._bytes)
            shares = list(self.full.chunk(self.n))
            self._gathering = dist.all_gather(shares, self.local, group=self.group, async_op=True)

    def wait(self) -> None:
        """Wait until the parameters have come, if they are on their way."""
        if self._gathering is not None:
            self._gathering.wait()
            self._gathering = None

    def free(self) -> None:
        """Give the memory of the whole parameters back; they keep their shapes.

        Parameters that are still on their way are waited for first, or they would be written to
        memory that is gone.
        """
        self.wait()
        self.full.untyped_storage().resize_(0)

    def collect(self, param: nn.Parameter) -> bool:
        """Move a parameter's gradient into its place in `gradient`; say whether all have come."""
        if self.gradient is None:
            self.gradient = torch.zeros_like(self.full)
            self._missing = {p for p in self.params if p.requires_grad}
        self._slots()[param].copy_(param.grad)
        param.grad = None
        self._missing.discard(param)
        return not self._missing

    def reduce_scatter(self) -> None:
        """Start to send `gradient` out: an asynchronous sum over the ranks of this rank's share."""
        self._mean = torch.empty_like(self.local)
        shares = list(self.gradient.chunk(self.n))
        self._reducing = dist.reduce_scatter(self._mean, shares, group=self.group, async_op=True)

    def finish(self) -> None:
        """Give each part its share of the mean gradient, if one is on its way.

        It is added to what the part has. Parts that are frozen get none, and `gradient` is freed.
        """
        if self._reducing is None:
            return
        self._reducing.wait()
        self._mean.div_(self.n)
        lengths = [part.numel() for part in self.parts.values()]
        runs = self._mean[: sum(lengths)].split(lengths)
        for part, run in zip(self.parts.values(), runs):
            if part.requires_grad:
                part.grad = run if part.grad is None else part.grad + run
        self.gradient = self._reducing = self._mean = None

    def _slots(self) -> dict[nn.Parameter, Tensor]:
        numel = sum(p.numel() for p in self.params)
        runs = self.gradient[:numel].split([p.numel() for p in self.params])
        return {p: run.view(p.shape) for p, run in zip(self.params, runs)}


class FullySharded:
    """A model whose parameters, gradients and optimiser state lie in shares on the ranks.

        model = FullySharded(GPT(config))
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        _, loss = model(idx, targets)
        loss.backward()

    Each `Block` is a unit; all that lies outside of blocks, such as a tied embedding, is one more.
    Every rank has to run the same modules in the same order.

    Args:
        module: takes rank 0's parameters on every rank. Its modules return one tensor each, and
            parameters outside of blocks belong to the module in whose forward pass they are used.
        group: of ranks; None is all of them.

    Raises:
        ValueError: if a parameter belongs to two blocks, or is used inside and outside of one.
    """

    def __init__(self, module: nn.Module, group: Group = None) -> None:
        self.module, self.group = module, group
        blocks = [m for m in module.modules() if isinstance(m, Block)]
        inside = {m for block in blocks for m in block.modules()}
        others = [m for m in module.modules() if m not in inside and list(m.parameters(False))]
        sets = [dict.fromkeys(block.parameters()) for block in blocks]
        sets.append(dict.fromkeys(p for m in others for p in m.parameters(False)))
        if sum(map(len, sets)) != len(list(module.parameters())):
            raise ValueError("a parameter belongs to two units; tie it within one")
        self.units = [Unit(list(params), group) for params in sets]
        self._path: list[Unit] = []  # units in the order in which they ran in this step
        self._expected: list[Unit] = []  # those of the step before
        self._ends = False  # whether the end of this backward pass is provided for
        for unit, modules in zip(self.units, [*([block] for block in blocks), others]):
            for m in modules:
                m.register_forward_pre_hook(lambda *_, unit=unit: self.enter(unit))
                m.register_forward_hook(partial(self._watch, unit))
            for p in unit.params:
                p.register_post_accumulate_grad_hook(partial(self._collect, unit))

    def enter(self, unit: Unit) -> None:
        """Have a unit whole, because its modules are about to run, forward or backward.

        Afterwards it has come, the unit that is to come next (`_next`, if it says one) is on its
        way, and no other unit has memory. The one that is needed now is asked for first.
        """
        if self._path[-1:] != [unit]:
            self._path.append(unit)
        coming = self._next()
        for other in self.units:
            if other is not unit and other is not coming:
                other.free()
        unit.gather()
        if coming is not None:
            coming.gather()
        unit.wait()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the module. Without a graph, all parameters are freed at once."""
        self._end()
        result = self.module(*args, **kwargs)
        if not torch.is_grad_enabled():
            self._end()
        return result

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """This rank's parts, flat, each by the name of the parameter of which it is a part."""
        for name, p in self.module.named_parameters():
            for unit in self.units:
                if p in unit.parts:
                    yield name, unit.parts[p]

    def parameters(self) -> Iterator[nn.Parameter]:
        """This rank's parts: what an optimiser of single numbers steps."""
        return (part for _, part in self.named_parameters())

    def clip_grad_norm(self, max_norm: float) -> Tensor:
        """Shorten the gradient to a length of at most max_norm; return the length before."""
        return clip_grad_norm(self.parameters(), max_norm, self.group)

    def unsharded_state_dict(self) -> dict[str, Tensor]:
        """Copy the whole model, unit by unit, as `module.state_dict()` names it; on every rank."""
        names = self.module.state_dict(keep_vars=True)
        copies = {}
        for unit in self.units:
            unit.free()  # an optimiser may have changed the shares since it was whole
            unit.gather()
            unit.wait()
            copies |= {p: p.detach().clone() for p in unit.params}
            unit.free()
        return {name: copies.get(tensor, tensor) for name, tensor in names.items()}

    def _next(self) -> Unit | None:
        """Return the unit that came next in the step before; the first step knows none."""
        done = len(self._path)
        return self._expected[done] if done < len(self._expected) else None

    def _watch(self, unit: Unit, module: nn.Module, args: Any, output: Tensor) -> None:
        # The gradient of a lookup does not ask for the table.
        if output.requires_grad and not isinstance(module, nn.Embedding):
            output.register_hook(lambda _: self._before_backward(unit))

    def _before_backward(self, unit: Unit) -> None:
        if not self._ends:
            Variable._execution_engine.queue_callback(self._end)
            self._ends = True
        self.enter(unit)

    def _collect(self, unit: Unit, param: nn.Parameter) -> None:
        if unit.collect(param):
            for other in self.units:  # two units' gradients at a time are enough
                other.finish()
            unit.reduce_scatter()

    def _end(self) -> None:
        """Send what is left, take in what was sent, free everything, remember the order."""
        for unit in self.units:
            if unit.gradient is not None and unit._reducing is None:
                unit.reduce_scatter()
            unit.finish()
            unit.free()
        self._expected, self._path, self._ends = self._path or self._expected, [], False
