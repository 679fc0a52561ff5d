"""A GPT cut by tensor parallelism against the whole one, after several steps."""

from dataclasses import replace

import pytest
import torch

from phase2_scaling.solution import tensor_model
from phase2_scaling.tests.cut_models import (
    CONFIG,
    EXACT,
    compare,
    different_model,
    make_batches,
    make_model,
    train,
    whole_loss,
)
from phase2_scaling.tests.traffic import watch_collectives
from shared import checks, ranks


def train_cut(config, batches, seed=None):
    model = different_model(config)
    tensor_model.parallelise(model)
    return train(model, tensor_model.loss, batches, seed)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("tied", [True, False])
def test_losses_and_gradients_are_the_wholes(n, tied):
    config, batches = replace(CONFIG, tied=tied), make_batches()
    expected = train(make_model(config), whole_loss, batches)
    compare(ranks.run(n, train_cut, config, batches), expected, f"tied = {tied}")


def test_dropout_drops_the_same_on_all_ranks():
    # The whole model, seeded alike, draws the same masks: the stream that they act on is whole.
    config, batches = replace(CONFIG, dropout=0.3), make_batches()
    expected = train(make_model(config), whole_loss, batches, seed=3)
    compare(ranks.run(2, train_cut, config, batches, 3), expected, "dropout 0.3")


def draw():
    tensor_model.parallelise(make_model())
    return torch.rand(4)


def test_ranks_draw_alike_after_the_cut():
    first, second, third = ranks.run(3, draw)
    assert torch.equal(first, second)
    assert torch.equal(second, third)


def count_traffic():
    model, (idx, targets) = make_model(), make_batches()[0]
    tensor_model.parallelise(model)
    calls = watch_collectives()
    loss = tensor_model.loss(model, idx, targets)
    n_forward = len(calls)
    loss.backward()
    return calls[:n_forward], calls[n_forward:]


def test_one_all_reduce_per_sublayer_each_way():
    (idx, _), C = make_batches()[0], CONFIG.n_embd
    stream = ("allreduce", idx.numel() * C)
    for forward, backward in ranks.run(2, count_traffic):
        # The embedding and two sublayers for each of two blocks; then what the loss needs.
        assert forward == [stream] * 5 + [("allreduce", idx.numel())] * 3
        assert backward == [stream] * 5  # the head, and the same sublayers


def held():
    model = make_model()
    tensor_model.parallelise(model)
    return sum(p.numel() for p in model.parameters())


def test_a_rank_holds_its_share():
    C, n = CONFIG.n_embd, 4
    whole_on_all = sum(
        p.numel()
        for name, p in make_model().named_parameters()
        if "norm" in name or "position" in name or name.endswith(("proj.bias", "down.bias"))
    )
    cut = CONFIG.n_layer * (12 * C * C + 3 * C + 4 * C) + 16 * C  # 13 tokens are padded to 16
    assert ranks.run(n, held) == [whole_on_all + cut // n] * n


def test_heads_that_cannot_be_shared_out():
    call = lambda: ranks.run(2, tensor_model.parallelise, make_model(replace(CONFIG, n_head=3)))  # noqa: E731
    told = "3 heads cannot be shared out equally to 2 ranks"
    checks.raises(call, ValueError, "3 heads for 2 ranks", told)


def run_blocks(idx, device_mesh, parallel):
    """Run two GPTs whose blocks are cut, by torch's DTensor and by us; return the gradients."""
    by_columns = ["attention.q", "attention.k", "attention.v", "mlp.up"]
    plan = {name: parallel.ColwiseParallel() for name in by_columns}
    plan |= {name: parallel.RowwiseParallel() for name in ("attention.proj", "mlp.down")}
    mesh, results = device_mesh.init_device_mesh("cpu", (2,)), []
    for theirs in (True, False):
        model = make_model()
        for block in model.blocks:
            if theirs:
                parallel.parallelize_module(block, mesh, plan)
            else:
                tensor_model.parallelise_block(block)
        model.hidden(idx).square().sum().backward()
        grads = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        results.append({k: p.to_local() if hasattr(p, "to_local") else p for k, p in grads.items()})
    return results


def test_gradients_of_the_blocks_are_dtensors():
    from torch.distributed import device_mesh
    from torch.distributed.tensor import parallel

    idx, _ = make_batches()[0]
    for rank, (theirs, ours) in enumerate(ranks.run(2, run_blocks, idx, device_mesh, parallel)):
        checks.close(ours, theirs, f"gradients on rank {rank}", **EXACT)
