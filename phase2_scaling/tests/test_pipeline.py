"""A pipeline against one process, against torch's own, and against its memory's closed form."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
import torch.distributed as dist

from phase2_scaling.solution import pipeline
from phase2_scaling.solution.model import GPT
from phase2_scaling.solution.schedules import gpipe, one_f_one_b
from phase2_scaling.solution.tracker import MemoryTracker
from phase2_scaling.tests.single_process import (
    CONFIG,
    MAX_NORM,
    losses_and_gradients,
    make_batch,
    make_optimizer,
)
from shared import checks, ranks

SCHEDULES = [gpipe, one_f_one_b]
BATCHES = [make_batch(seed) for seed in range(3)]


def train(config, schedule, batches):
    """Train on this rank, whose random weights are its own."""
    stage = pipeline.Stage(GPT(config).double())
    start = {name: p.detach().clone() for name, p in stage.named_parameters()}
    optimizer, told = make_optimizer(stage.parameters()), []
    for batch in batches:
        loss = pipeline.forward_backward(stage, batch, schedule)
        gradients = {name: p.grad.clone() for name, p in stage.named_parameters()}
        norm = pipeline.clip_grad_norm(stage, MAX_NORM)
        optimizer.step()
        told.append((loss.item(), norm.item()))
    return told, start, gradients


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("p", [1, 2, 4])
@pytest.mark.parametrize("tied", [True, False])
def test_the_same_as_one_process(schedule, p, tied):
    config = replace(CONFIG, tied=tied)
    found = ranks.run(p, train, config, schedule, BATCHES)
    state = {name: value for _, start, _ in reversed(found) for name, value in start.items()}
    state["head.weight"] = state["token_embedding.weight"] if tied else state["head.weight"]
    told, expected = losses_and_gradients(config, state, BATCHES)
    for rank, (ours, _, gradients) in enumerate(found):
        # float64: what is left is the order of a few hundred additions.
        checks.close(ours, told, f"loss and norm on rank {rank}", rtol=1e-11, atol=0)
        for name, gradient in gradients.items():
            whole = "token_embedding.weight" if tied and name == "head.weight" else name
            checks.close(gradient, expected[whole], f"gradient of {name}", rtol=1e-9, atol=1e-11)
    assert {name for _, _, g in found for name in g} >= expected.keys()


def test_uneven_stages():
    config = replace(CONFIG, n_layer=5)
    found = ranks.run(3, train, config, one_f_one_b, BATCHES[:1])
    assert [sum("proj.weight" in name for name in start) for _, start, _ in found] == [1, 2, 2]
    state = {name: value for _, start, _ in reversed(found) for name, value in start.items()}
    state["head.weight"] = state["token_embedding.weight"]
    told, _ = losses_and_gradients(config, state, BATCHES[:1])
    checks.close(found[0][0], told, "loss and norm", rtol=1e-11, atol=0)


def test_both_schedules_agree_to_the_bit_and_tied_copies_stay_equal():
    found = [ranks.run(3, train, CONFIG, schedule, BATCHES) for schedule in SCHEDULES]
    for (told, _, gradients), (others, _, other_gradients) in zip(*found):
        checks.equal(told, others, "losses and norms of GPipe and 1F1B")
        checks.equal(gradients, other_gradients, "gradients of GPipe and 1F1B")
    (_, first_start, first), _, (_, last_start, last) = found[0]
    checks.equal(first_start["token_embedding.weight"], last_start["head.weight"], "tied tables")
    checks.equal(first["token_embedding.weight"], last["head.weight"], "tied gradients")


def peaks(schedule, m):
    """Return how many bytes of float32 this stage has at its peak, besides weights and batches."""
    stage = pipeline.Stage(GPT(CONFIG))
    batch = make_batch(0, rows=[2] * m, length=[12] * m)
    pipeline.forward_backward(stage, batch, schedule)  # gradients exist from here on
    for p in stage.parameters():
        p.grad.zero_()
    stage.zero_grad = lambda: None
    with MemoryTracker() as memory:
        memory.hold("known", [*stage.parameters(), *(t for pair in batch for t in pair)])
        memory.hold("known", [p.grad for p in stage.parameters()])
        before = memory.live
        pipeline.forward_backward(stage, batch, schedule)
    return memory.peak - before


def test_memory_of_one_f_one_b_does_not_grow_with_the_micro_batches():
    p, m = 3, 12
    found = ranks.run(p, peaks, one_f_one_b, m)
    for stage, peak in enumerate(found):
        as_many = ranks.run(p, peaks, gpipe, p - stage)[stage]
        # A message more or less may be under way.
        checks.close(peak, as_many, f"bytes on stage {stage}: {p - stage} micro-batches", rtol=0.01)
    everything = ranks.run(p, peaks, gpipe, m)[0]
    checks.at_least(everything / found[0], 3.0, "what GPipe needs on the first stage, over 1F1B")


def against_torch(schedule, torch_schedule, p, m):
    """Run our pipeline and torch's on copies of one stage; return losses and gradients of both."""
    from torch.distributed import pipelining

    torch.manual_seed(0)
    stage = pipeline.Stage(GPT(replace(CONFIG, tied=False)).double())
    theirs = deepcopy(stage)
    batch = make_batch(1, rows=[2] * m, length=[8] * m)
    batch = [(idx, targets.clamp(min=0)) for idx, targets in batch]
    loss = pipeline.forward_backward(stage, batch, schedule)
    peer = pipelining.PipelineStage(theirs, dist.get_rank(), p, torch.device("cpu"))
    run = torch_schedule(peer, m, loss_fn=lambda z, y: torch.nn.functional.cross_entropy(z.mT, y))
    idx, targets = (torch.cat(side) for side in zip(*batch))
    losses = []
    if stage.is_first:
        run.step(idx, target=targets, losses=losses)
    else:
        run.step(target=targets, losses=losses)
    names = [name for name, _ in stage.named_parameters()]
    both = [{n: q.grad for n, q in s.named_parameters()} for s in (stage, theirs)]
    assert list(both[0]) == names
    return loss, (sum(losses) / m).detach() if losses else None, both


@pytest.mark.parametrize(
    ("schedule", "name"), [(gpipe, "ScheduleGPipe"), (one_f_one_b, "Schedule1F1B")]
)
def test_the_same_as_torch_pipelining(schedule, name):
    from torch.distributed import pipelining

    found = ranks.run(3, against_torch, schedule, getattr(pipelining, name), 3, 5)
    checks.close(found[0][0], found[-1][1], "loss", rtol=1e-12, atol=0)
    for _, _, (ours, theirs) in found:
        checks.close(ours, theirs, "gradients", rtol=1e-9, atol=1e-12)


def test_too_many_stages_are_refused():
    def build():
        return pipeline.Stage(GPT(replace(CONFIG, n_layer=1)))

    checks.raises(lambda: ranks.run(2, build), ValueError, "two stages of one block", "not enough")
