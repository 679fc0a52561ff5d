"""The finished replica against torch's DDP."""

from contextlib import ExitStack

import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from phase2_scaling.solution.model import GPT
from phase2_scaling.tests.test_data_parallel import TOGETHER, Layers, Weights, replica
from phase2_scaling.tests.test_ddp import TINY, batches, descend
from shared import checks, ranks


def against_torch(k):
    ours = replica(GPT(TINY).double(), 1000)
    theirs = GPT(TINY).double()
    theirs.load_state_dict(ours.module.state_dict())
    theirs = DistributedDataParallel(theirs)
    for batch in batches(3, 4 * k):
        mine = batch.tensor_split(dist.get_world_size())[dist.get_rank()]
        for model in (ours, theirs):
            for i, part in enumerate(mine.tensor_split(k)):
                with ExitStack() as stack:
                    if i < k - 1:
                        stack.enter_context(model.no_sync())
                    (model(part[:, :-1], part[:, 1:])[1] / k).backward()
        for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            checks.close(p.grad, q.grad, name, rtol=1e-12, atol=1e-14)
        descend(ours)
        descend(theirs)


@pytest.mark.parametrize("k", [1, 2])
def test_agrees_with_torch(k):
    ranks.run(2, against_torch, k)


def unused_against_torch():
    torch.manual_seed(0)
    ours, module = replica(Weights(), TOGETHER), Weights()
    module.load_state_dict(ours.module.state_dict())
    theirs = DistributedDataParallel(module, find_unused_parameters=True)
    for step in range(3):
        a = None if (step + dist.get_rank()) % 2 else 1.0 + dist.get_rank()
        for model in (ours, theirs):
            model(a, 3.0 if step == 1 else 0.0).backward()
        checks.equal(ours.module.gradients(), theirs.module.gradients(), f"step {step}")
        for p in [*ours.parameters(), *theirs.parameters()]:
            p.grad = None


def test_unused_parameters_agree_with_torch():
    ranks.run(2, unused_against_torch)


def gradients_in_buffers():
    model = replica(Layers(), TOGETHER)
    for _ in range(2):  # the second adds to the first
        model(torch.ones(1, 2).double()).backward()
    buffers = {bucket.flat.untyped_storage().data_ptr() for bucket in model.buckets}
    return {p.grad.untyped_storage().data_ptr() for p in model.parameters()} == buffers


def test_gradients_lie_in_the_buffers():
    checks.equal(ranks.run(2, gradients_in_buffers), [True, True], "gradients are views")
