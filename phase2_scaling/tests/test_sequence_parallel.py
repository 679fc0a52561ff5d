"""A GPT whose stream is cut by tokens against the whole one, after several steps."""

from dataclasses import replace

import pytest
import torch

from phase2_scaling.solution import sequence_parallel, tensor_model
from phase2_scaling.tests.cut_models import (
    CONFIG,
    compare,
    different_model,
    make_batches,
    make_model,
    train,
    whole_loss,
)
from phase2_scaling.tests.traffic import watch_collectives
from shared import checks, ranks


def train_cut(config, batches):
    model = different_model(config)
    sequence_parallel.parallelise(model)
    return train(model, tensor_model.loss, batches)


@pytest.mark.parametrize(("n", "tied"), [(1, True), (2, True), (3, True), (4, True), (3, False)])
def test_losses_and_gradients_are_the_wholes(n, tied):
    config, batches = replace(CONFIG, tied=tied), make_batches()
    expected = train(make_model(config), whole_loss, batches)
    compare(ranks.run(n, train_cut, config, batches), expected, f"tied = {tied}")


def accumulate():
    model = make_model()
    sequence_parallel.parallelise(model)
    for idx, targets in make_batches():
        tensor_model.loss(model, idx, targets).backward()
    return [], {name: p.grad for name, p in model.named_parameters()}


def test_gradients_accumulate_over_passes():
    model = make_model()
    for idx, targets in make_batches():
        whole_loss(model, idx, targets).backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    compare(ranks.run(2, accumulate), ([], gradients), "three passes")


def stream_and_masks():
    """Return how wide the stream is between the blocks, and what dropout left of it."""
    model, (idx, _) = make_model(replace(CONFIG, dropout=0.5)), make_batches()[0]
    sequence_parallel.parallelise(model)
    seen = []
    for block in model.blocks:
        block.dropout.register_forward_hook(lambda _, args, out: seen.append(out == 0))
    model.hidden(idx)
    return seen


def test_the_stream_is_cut_and_the_ranks_drop_different_numbers():
    B, T = make_batches()[0][0].shape
    first, second = ranks.run(2, stream_and_masks)
    for one, other in zip(first, second, strict=True):
        assert one.shape == other.shape == (B, T // 2, CONFIG.n_embd)
        assert 0.4 < (one != other).double().mean() < 0.6


def traffic_of_a_block():
    block, x = make_model().blocks[0], torch.zeros(2, 4, CONFIG.n_embd, dtype=torch.float64)
    sequence_parallel.parallelise_block(block)
    calls = watch_collectives()
    y = block(x.requires_grad_())
    n_forward = len(calls)
    y.sum().backward()
    return calls[:n_forward], calls[n_forward:]


def test_each_all_reduce_falls_into_its_halves():
    C = CONFIG.n_embd
    own = 2 * 4 * C  # of (B, T / n, C)
    for forward, backward in ranks.run(2, traffic_of_a_block):
        assert forward == [("allgather", own), ("reduce_scatter", own)] * 2
        norms = [call for call in backward if call == ("allreduce", C)]
        assert len(norms) == 6  # two norms of a gain and a bias; the biases of proj and down
        rest = [call for call in backward if call not in norms]
        assert rest == forward  # of a scatter an all-gather, of a gather a reduce-scatter


def test_tokens_that_cannot_be_shared_out():
    def run():
        model = make_model()
        sequence_parallel.parallelise(model)
        model.hidden(torch.zeros(1, 7, dtype=torch.long))

    call = lambda: ranks.run(3, run)  # noqa: E731
    told = "7 tokens cannot be shared out equally to 3 ranks"
    checks.raises(call, ValueError, "7 tokens for 3 ranks", told)
