"""Replicas of pipelines of cut layers, on 8 ranks, against one process; groups against torch's."""

from collections import defaultdict
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.distributed as dist

from phase2_scaling.solution import mesh as meshes
from phase2_scaling.solution import pipeline, tensor_model, vocab_parallel
from phase2_scaling.solution.data_parallel import DataParallel
from phase2_scaling.solution.model import GPT, IGNORED
from phase2_scaling.solution.schedules import Action, gpipe, one_f_one_b
from phase2_scaling.tests.single_process import (
    CONFIG,
    losses_and_gradients,
    make_batch,
    make_optimizer,
)
from shared import checks, ranks

SHAPES = [(2, 2, 2), (1, 4, 2), (2, 1, 2), (1, 2, 2), (2, 2, 1), (1, 1, 1)]  # dp, tp, pp
STEPS = 3


# Groups


def members(dp, tp, pp):
    """Return this rank's place, and its groups here and in torch's mesh."""
    from torch.distributed.device_mesh import init_device_mesh

    mesh = meshes.Mesh(dp, tp, pp)
    peer = init_device_mesh("cpu", (pp, dp, tp), mesh_dim_names=("pp", "dp", "tp"))
    ours = [getattr(mesh, f"{axis}_group") for axis in ("dp", "tp", "pp")]
    theirs = [peer.get_group(axis) for axis in ("dp", "tp", "pp")]
    place = (mesh.dp_rank, mesh.tp_rank, mesh.pp_rank)
    listed = [[dist.get_process_group_ranks(group) for group in side] for side in (ours, theirs)]
    assert [dist.get_rank(group) for group in ours] == list(place)
    return place, *listed


def test_groups_by_hand_and_by_torch():
    found = ranks.run(8, members, 2, 2, 2)
    for rank, ((dp_rank, tp_rank, pp_rank), ours, theirs) in enumerate(found):
        assert rank == (pp_rank * 2 + dp_rank) * 2 + tp_rank
        assert ours == theirs
    # Rank 5 is the second half of the layers, first replica, second stage.
    place, groups, _ = found[5]
    assert place == (0, 1, 1)
    assert groups == [[5, 7], [4, 5], [1, 5]]
    _, groups, _ = ranks.run(6, members, 3, 1, 2)[5]
    assert groups == [[3, 4, 5], [5], [2, 5]]


@pytest.mark.parametrize("shape", [(2, 2, 1), (0, 1, 1), (1, 1, 3)])
def test_a_mesh_of_another_size_is_refused(shape):
    checks.raises(
        lambda: ranks.run(2, meshes.Mesh, *shape), ValueError, f"mesh {shape}", "must be the 2"
    )


# Composition


def batches_of(dp, step):
    """Make the micro-batches of each replica, which differ in everything but their number."""
    sizes = [((2, 1, 3), (9, 12, 5)), ((1, 2, 2), (3, 12, 6)), ((3, 1, 1), (4, 4, 11))]
    return [make_batch(10 * step + replica, *sizes[replica]) for replica in range(dp)]


def train(shape, config, schedule):
    """Train this rank's share; return its place, and its part of weights, losses, gradients."""
    mesh = meshes.Mesh(*shape)
    model = GPT(config).double()  # of random numbers of its own
    tensor_model.parallelise(model, mesh.tp_group)
    stage = pipeline.Stage(model, mesh.pp_group)
    replica = DataParallel(stage, mesh.dp_group, bucket_bytes=4096)
    start = {name: p.detach().clone() for name, p in stage.named_parameters()}
    loss_function = partial(vocab_parallel.cross_entropy, group=mesh.tp_group, reduction="sum")
    optimizer, losses = make_optimizer(stage.parameters()), []
    for step in range(STEPS):
        batches = batches_of(mesh.dp, step)
        n_targets = sum(int((y != IGNORED).sum()) for batch in batches for _, y in batch)
        mine = batches[mesh.dp_rank]
        last = Action("backward", len(mine) - 1)
        loss = pipeline.forward_backward(
            stage,
            mine,
            schedule,
            loss_function,
            n_targets / mesh.dp,
            around=lambda action, last=last: replica.no_sync() if action != last else nullcontext(),
        )
        dist.all_reduce(loss, group=mesh.dp_group)
        losses.append(loss.item() / mesh.dp)
        gradients = {name: p.grad.clone() for name, p in stage.named_parameters()}
        optimizer.step()
    return (mesh.dp_rank, mesh.tp_rank, mesh.pp_rank), start, losses, gradients


def whole(parts, like):
    """Put a parameter together from those of the tensor-parallel ranks."""
    if parts[0].shape == like.shape:  # not cut: the same on all of them
        for part in parts[1:]:
            checks.close(part, parts[0], "a parameter that is not cut", rtol=1e-9, atol=1e-12)
        return parts[0]
    dim = next(d for d, n in enumerate(like.shape) if parts[0].shape[d] != n)
    return torch.cat(parts, dim).narrow(dim, 0, like.shape[dim])  # without the padded vocabulary


def gather(found, which, like):
    """Put one replica's parameters together from all its ranks: {name: tensor}."""
    parts = defaultdict(list)
    for report in sorted(found, key=lambda report: report[0]):
        (dp_rank, _, _), values = report[0], report[which]
        for name, value in values.items() if dp_rank == 0 else ():
            parts[name].append(value)
    return {name: whole(values, like[name]) for name, values in parts.items()}


@pytest.mark.parametrize(
    ("shape", "tied", "schedule"),
    [((2, 2, 2), False, gpipe), *((shape, True, one_f_one_b) for shape in SHAPES)],
)
def test_every_gradient_is_that_of_one_process(shape, tied, schedule):
    dp, tp, pp = shape
    config = replace(CONFIG, tied=tied)
    found = ranks.run(dp * tp * pp, train, shape, config, schedule)
    like = GPT(config).state_dict()
    state = gather(found, 1, like)
    state.setdefault("head.weight", state["token_embedding.weight"])
    batches = [[pair for batch in batches_of(dp, i) for pair in batch] for i in range(STEPS)]
    told, expected = losses_and_gradients(config, state, batches, max_norm=None)
    for place, _, losses, gradients in found:
        # float64: what is left is the order of a few hundred additions.
        checks.close(losses, told, f"losses at {place}", rtol=1e-11, atol=0)
        other = next(r[3] for r in found if r[0] == (0, *place[1:]))
        checks.equal(gradients, other, f"gradients of two replicas, at {place}")
    for name, gradient in gather(found, 3, like).items():
        wanted = "token_embedding.weight" if tied and name == "head.weight" else name
        checks.close(gradient, expected[wanted], f"gradient of {name}", rtol=1e-9, atol=1e-11)
    checks.equal(sorted(state), sorted(like), "names of all stages together")
