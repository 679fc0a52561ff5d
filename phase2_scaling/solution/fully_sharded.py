"""ZeRO, stage 3, also called FSDP: parameters are there while they are needed, and no longer.

Rajbhandari et al. 2019 (arXiv:1910.02054), P_p; Zhao et al. 2023 (arXiv:2304.11277). Between its
uses a unit of parameters lies in equal shares on the ranks. It is gathered before its modules run
forward and before they run backward, and freed when others run; its gradients are averaged into
shares. At any time at most two units are whole: the one that runs and the one that comes next.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate
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

    Args:
        params: of one dtype, on one device; rank 0's values count. They become views of `full`.
        group: of n ranks; None is all of them.

    Attributes:
        full: (n * share,), the whole parameters end to end; it has memory only while they are here.
        local: (share,), this rank's share of them, which stays; where it reaches behind the last
            parameter it is 0.
        parts: for each parameter of which this rank has a share, that share as a flat parameter of
            its own, a view of `local`: what an optimiser steps. In the order in which they lie.
        gathering: the all-gather under way; None if there is none.
        gradient: (n * share,), this rank's whole gradients end to end, while some are here.
        received: (share,), where the sum of the ranks' gradients arrives.
        reducing: the reduce-scatter under way; None if there is none.
    """

    def __init__(self, params: Sequence[nn.Parameter], group: Group = None) -> None:
        self.group, self.n = group, dist.get_world_size(group)
        self.params, self._sizes = list(params), [p.numel() for p in params]
        self._starts = dict(zip(self.params, accumulate(self._sizes, initial=0)))
        self.full = lay_flat(self.params, self.n)
        dist.broadcast(self.full, group=group, group_src=0)
        self.local = self.full.chunk(self.n)[dist.get_rank(group)].clone()
        self.parts: dict[nn.Parameter, nn.Parameter] = {}
        at = 0
        for index, start, stop in cut(self._sizes, self.n, dist.get_rank(group)):
            p, run = self.params[index], self.local[at : at + stop - start]
            self.parts[p] = nn.Parameter(run, p.requires_grad)
            at += stop - start
        self.gathering: dist.Work | None = None
        self.gradient: Tensor | None = None
        self.received: Tensor | None = None
        self.reducing: dist.Work | None = None
        self.full_bytes = self.full.untyped_storage().nbytes()
        self.free()

    @property
    def is_whole(self) -> bool:
        """Whether `full` has memory: the parameters are here, or on their way."""
        return self.full.untyped_storage().nbytes() > 0

    def gather(self) -> None:
        """Start to make the parameters whole; do nothing at all if they are, or on their way.

        The storage of `full` gets its `full_bytes` back, and an asynchronous all-gather
        (`gathering`) begins to fill it with `local` of each rank, in the order of the ranks.
        """
        if not self.is_whole:
            self.full.untyped_storage().resize_(self.full_bytes)
            shares = list(self.full.chunk(self.n))
            self.gathering = dist.all_gather(shares, self.local, group=self.group, async_op=True)

    def wait(self) -> None:
        """Wait until the parameters have come, if they are on their way."""
        if self.gathering is not None:
            self.gathering.wait()
            self.gathering = None

    def free(self) -> None:
        """Give the memory of the whole parameters back; their shapes remain."""
        self.wait()  # else what is on its way would be written to memory that is gone
        self.full.untyped_storage().resize_(0)

    def collect(self, param: nn.Parameter) -> bool:
        """Move a parameter's gradient to its place in `gradient`; say whether all have come."""
        if self.gradient is None:
            self.gradient = torch.zeros_like(self.full)
            self._missing = {p for p in self.params if p.requires_grad}
        start = self._starts[param]
        self.gradient[start : start + param.numel()] = param.grad.flatten()
        param.grad = None
        self._missing.discard(param)
        return not self._missing

    def reduce_scatter(self) -> None:
        """Start to add up the ranks' gradients, each share on the rank that owns it.

        An asynchronous reduce-scatter (`reducing`) sends `gradient`, which stays as it is, and
        writes the sum of what the ranks have for this rank's share into a new tensor, `received`.
        """
        self.received = torch.empty_like(self.local)
        shares = list(self.gradient.chunk(self.n))
        self.reducing = dist.reduce_scatter(self.received, shares, group=self.group, async_op=True)

    def finish(self) -> None:
        """Wait for the reduce-scatter and give each part the mean of its gradients.

        The mean is over the ranks. It is added to the gradient that a part has already; a frozen
        part gets none. In the end `gradient`, `received` and `reducing` are None, so that their
        memory is free. Without a reduce-scatter under way, nothing happens at all.
        """
        if self.reducing is None:
            return
        self.reducing.wait()
        mean = self.received.div_(self.n)
        at = 0
        for part in self.parts.values():
            if part.requires_grad:
                run = mean[at : at + part.numel()]
                part.grad = run if part.grad is None else part.grad + run
            at += part.numel()
        self.gradient = self.received = self.reducing = None


class FullySharded:
    """A model whose parameters, gradients and optimiser state lie in shares on the ranks.

        model = FullySharded(GPT(config))
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        _, loss = model(idx, targets)
        loss.backward()

    Each `Block` is a unit; all that lies outside of blocks, such as a tied embedding, is one more.
    Every rank has to run the same modules in the same order.

    Args:
        module: takes rank 0's parameters on every rank; what is frozen now stays frozen. Its
            modules return one tensor each, and parameters outside of blocks belong to the module
            in whose forward pass they are used.
        group: of ranks; None is all of them.

    Raises:
        ValueError: if a parameter belongs to two blocks, or is used inside and outside of one.
    """

    def __init__(self, module: nn.Module, group: Group = None) -> None:
        self.module, self.group = module, group
        self.units: list[Unit] = []
        self.path: list[Unit] = []  # units in the order in which they ran in this step
        self.expected: list[Unit] = []  # the path of the step before
        self._end_is_queued = False
        blocks = [m for m in module.modules() if isinstance(m, Block)]
        inside = {m for block in blocks for m in block.modules()}
        others = [m for m in module.modules() if m not in inside and list(m.parameters(False))]
        rest = dict.fromkeys(p for m in others for p in m.parameters(False))
        sets = [*(list(block.parameters()) for block in blocks), list(rest)]
        if sum(map(len, sets)) > len(list(module.parameters())):
            raise ValueError("a parameter belongs to two units")
        for params, modules in zip(sets, [*([block] for block in blocks), others]):
            if params:
                self._add(params, modules)

    def _add(self, params: list[nn.Parameter], modules: list[nn.Module]) -> None:
        """Make a unit, and have it here whenever one of its modules runs, forward or backward."""
        unit = Unit(params, self.group)
        self.units.append(unit)
        for m in modules:
            m.register_forward_pre_hook(lambda *_: self.enter(unit))
            m.register_forward_hook(partial(self._after_forward, unit))
        for p in params:
            if p.requires_grad:
                p.register_post_accumulate_grad_hook(partial(self._collect, unit))

    def enter(self, unit: Unit) -> None:
        """Have a unit here, because its modules are about to run, forward or backward.

        The unit goes to the end of `path`, unless it is the last one there. Then: no unit is whole
        but this one and the one that comes next (`next_unit`, which knows it from `path`). What
        need not be freed is not gathered again. The memory of the others is free before any is
        taken, then this unit is asked for, then the next one; in the end only this is waited for.
        """
        if self.path[-1:] != [unit]:
            self.path.append(unit)
        coming = self.next_unit()
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

    def next_unit(self) -> Unit | None:
        """Return the unit that came next in the step before, if one did."""
        done = len(self.path)
        return self.expected[done] if done < len(self.expected) else None

    def _after_forward(self, unit: Unit, module: nn.Module, args: Any, output: Tensor) -> None:
        # A lookup's backward pass does not look at the table, so that need not be here.
        if output.requires_grad and not isinstance(module, nn.Embedding):
            output.register_hook(lambda _: self._before_backward(unit))

    def _before_backward(self, unit: Unit) -> None:
        if not self._end_is_queued:
            Variable._execution_engine.queue_callback(self._end)
            self._end_is_queued = True
        self.enter(unit)

    def _collect(self, unit: Unit, param: nn.Parameter) -> None:
        if unit.collect(param):
            for other in self.units:  # two units' gradients at a time are enough
                other.finish()
            unit.reduce_scatter()

    def _end(self) -> None:
        """Send what is left, take in what was sent, free everything, remember the order."""
        for unit in self.units:
            if unit.gradient is not None and unit.reducing is None:
                unit.reduce_scatter()
            unit.finish()
            unit.free()
        self.expected, self.path = self.path or self.expected, []
        self._end_is_queued = False
