"""Closed forms of memory against what autograd keeps, a tracker's count, and ZeRO's figure."""

from dataclasses import replace

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from phase2_scaling.solution import memory, tensor_model
from phase2_scaling.solution.memory import Plan
from phase2_scaling.solution.model import GPT, Block, GPTConfig, next_token_loss
from phase2_scaling.solution.pipeline import Stage
from phase2_scaling.solution.tracker import MemoryTracker
from shared import checks, ranks

TINY = GPTConfig(vocab_size=10, block_size=5, n_layer=1, n_head=1, n_embd=2)
SMALL = GPTConfig(vocab_size=24, block_size=10, n_layer=3, n_head=4, n_embd=8)
GPT2 = GPTConfig(vocab_size=50257, block_size=1024, n_layer=12, n_head=12, n_embd=768)
ONE = Plan(batch_size=1, n_tokens=1)
SOME = Plan(batch_size=3, n_tokens=7)
CUT_BY_OUTPUTS = (".q.weight", ".q.bias", ".k.weight", ".k.bias", ".v.weight", ".v.bias")
CUT = (*CUT_BY_OUTPUTS, "up.weight", "up.bias", "proj.weight", "down.weight")
TABLES = ("token_embedding.weight", "head.weight")


def numel(config, tp):
    """Count a real model's parameters, those that Megatron cuts divided by tp."""
    named = GPT(config).named_parameters()
    return sum(p.numel() // (tp if name.endswith((*CUT, *TABLES)) else 1) for name, p in named)


def kept(make, parameters):
    """Run `make()` and add up what autograd keeps for it, each storage once, parameters not."""
    sizes, alive = {}, []
    known = {p.untyped_storage()._cdata for p in parameters}

    def pack(tensor):
        alive.append(tensor)
        storage = tensor.untyped_storage()
        if storage._cdata not in known and tensor.is_floating_point():
            sizes[storage._cdata] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        result = make()
    del result
    return sum(sizes.values())


# Parameters


@pytest.mark.exercise("2.7")
def test_parameters_by_hand():
    # C = 2. A block: 4 matrices of 2 x 2 and 2 of 2 x 8, biases 4 x 2 + 8 + 2, two norms of 2 x 2.
    # Tables: 10 x 2 tokens, 5 x 2 positions. The last norm: 4.
    block = 4 * 4 + 2 * 16 + 18 + 8
    checks.equal(memory.n_parameters(TINY, ONE), block + 20 + 10 + 4, "parameters, C = 2")
    untied = replace(TINY, tied=False)
    checks.equal(memory.n_parameters(untied, ONE), block + 20 + 10 + 4 + 20, "with a head")
    checks.equal(memory.n_parameters(GPT2, ONE), 124_439_808, "parameters of GPT-2 small")


@pytest.mark.exercise("2.7")
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("tp", [1, 2, 4])
def test_parameters_of_a_tensor_parallel_rank(tp, tied):
    config = replace(SMALL, tied=tied)
    actual = memory.n_parameters(config, replace(ONE, tp=tp))
    checks.equal(actual, numel(config, tp), f"parameters of a rank of {tp}, tied={tied}")


@pytest.mark.exercise("2.7")
@pytest.mark.parametrize("tied", [True, False])
def test_parameters_of_a_pipeline_stage(tied):
    config = replace(SMALL, tied=tied)  # 3 layers
    block = sum(p.numel() for p in Block(config).parameters())
    table, positions, norm = 24 * 8, 10 * 8, 16
    for pp, blocks in ((2, [1, 2]), (3, [1, 1, 1])):
        actual = [memory.n_parameters(config, replace(ONE, pp=pp, stage=s)) for s in range(pp)]
        expected = [n * block for n in blocks]
        expected[0] += table + positions
        expected[-1] += norm + table  # a head of its own, tied or not
        checks.equal(actual, expected, f"parameters of {pp} stages, tied={tied}")
    both = memory.n_parameters(config, replace(ONE, pp=3, stage=2, tp=2))
    cut = 12 * 64 + 7 * 8
    checks.equal(both, block - cut // 2 + norm + table // 2, "the last stage of 3, cut in 2")


# What stays between steps


@pytest.mark.exercise("2.7")
def test_states_by_hand():
    parts = ("parameters", "gradients", "optimiser")
    half = replace(ONE, dtype=torch.bfloat16)
    for plan, each, what in (
        (ONE, (4, 4, 8), "Adam in float32"),
        (replace(ONE, optimizer="sgd"), (4, 4, 0), "SGD in float32"),
        (replace(ONE, optimizer="momentum"), (4, 4, 4), "momentum in float32"),
        (half, (2, 2, 12), "Adam in bfloat16"),
        (replace(half, optimizer="sgd"), (2, 2, 4), "SGD in bfloat16"),
    ):
        expected = {part: 1000 * n for part, n in zip(parts, each, strict=True)}
        checks.equal(memory.states(1000, plan), expected, f"bytes of 1000 parameters, {what}")


@pytest.mark.exercise("2.7")
@pytest.mark.parametrize(("zero", "gigabytes"), [(0, 120), (1, 31.4), (2, 16.6), (3, 1.9)])
def test_states_are_those_of_figure_1_of_zero(zero, gigabytes):
    plan = replace(ONE, dtype=torch.bfloat16, zero=zero, dp=64)
    actual = memory.states(7_500_000_000, plan)
    checks.law(isinstance(actual, dict), "states gives the bytes of each part", actual)
    what = f"GB of 7.5 billion parameters on each of 64 ranks, ZeRO {zero}"
    checks.close(sum(actual.values()) / 1e9, gigabytes, what, rtol=0, atol=0.05)


@pytest.mark.exercise("2.7")
def test_shares_are_rounded_up():
    for zero, expected in ((1, (40, 40, 32)), (2, (40, 16, 32)), (3, (16, 16, 32))):
        actual = memory.states(10, replace(ONE, zero=zero, dp=3))
        parts = dict(zip(("parameters", "gradients", "optimiser"), expected, strict=True))
        checks.equal(actual, parts, f"bytes of 10 parameters on each of 3 ranks, ZeRO {zero}")


# Activations


@pytest.mark.exercise("2.7")
def test_block_activations_by_hand():
    # One token, C = 2, one head: 16 numbers as wide as the stream's two (x, its normalised copy, q,
    # k, v, attention's output, x and its copy again, 4 + 4 around GELU), 4 statistics, 1 logarithm.
    actual = memory.block_activations(TINY, ONE)
    checks.equal(actual, 4 * (16 * 2 + 4 + 1), "bytes that a block keeps of one token")


@pytest.mark.exercise("2.7")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_block_activations_are_what_autograd_keeps(dtype, dropout):
    config = replace(SMALL, dropout=dropout)
    block = Block(config).to(dtype)
    for B, T in ((3, 7), (1, 10), (5, 2)):
        x = torch.zeros(B, T, 8, dtype=dtype, requires_grad=True)
        expected = kept(lambda x=x: block(x), block.parameters())
        actual = memory.block_activations(config, Plan(B, T, dtype=dtype))
        checks.equal(actual, expected, f"bytes kept of {B} x {T} tokens, {dtype}, {dropout=}")


@pytest.mark.exercise("2.7")
def test_block_activations_of_a_tensor_parallel_rank():
    # 21 tokens of 8 numbers. Whole: 4 x the stream and 4 statistics. Cut: 12 x the stream and a
    # logarithm for each head.
    for tp, heads in ((2, 2), (4, 1)):
        expected = 21 * 4 * (4 * 8 + 4 + 12 * 8 // tp + heads)
        actual = memory.block_activations(SMALL, replace(SOME, tp=tp))
        checks.equal(actual, expected, f"bytes that a block keeps on a rank of {tp}")
    wet = memory.block_activations(replace(SMALL, dropout=0.1), replace(SOME, tp=2))
    dry = memory.block_activations(SMALL, replace(SOME, tp=2))
    checks.equal(wet - dry, 2 * 21 * 8 * 4, "two masks, whole on a rank of 2")


@pytest.mark.exercise("2.7")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_activations_are_what_autograd_keeps(dtype):
    model = GPT(SMALL).to(dtype)
    x = torch.zeros(3, 7, dtype=torch.long)
    expected = kept(lambda: next_token_loss(model.head(model.hidden(x)), x), model.parameters())
    expected -= dtype.itemsize  # a number that cross-entropy keeps: the sum of its weights
    actual = memory.activations(SMALL, replace(SOME, dtype=dtype))
    checks.equal(actual, expected, f"bytes that the forward pass keeps, {dtype}")


@pytest.mark.exercise("2.7")
def test_activations_of_a_plan():
    whole, stream = memory.activations(SMALL, SOME), 21 * 8 * 4
    block = 21 * 4 * (16 * 8 + 4 + 4)
    end = 2 * stream + 2 * 21 * 4
    table = 21 * 24 * 4
    checks.equal(whole, 3 * block + end + table, "one process")
    for what, changes, expected in (
        ("recomputed", {"recompute": True}, 3 * stream + end + table),
        ("in chunks", {"chunk": 5}, 3 * block + end),
        ("both", {"recompute": True, "chunk": 5}, 3 * stream + end),
        ("first stage of 2", {"pp": 2, "stage": 0}, block + stream),
        ("last stage of 2", {"pp": 2, "stage": 1}, 2 * block + end + table),
        ("middle of 3", {"pp": 3, "stage": 1}, block + stream),
        ("first of 2, 3 in flight", {"pp": 2, "in_flight": 3}, 3 * (block + stream)),
        (
            "last of 2, 4 in flight",
            {"pp": 2, "stage": 1, "in_flight": 4},
            4 * (2 * block + end + table),
        ),
    ):
        actual = memory.activations(SMALL, replace(SOME, **changes))
        checks.equal(actual, expected, f"bytes that the forward pass keeps, {what}")
    cut = 21 * 4 * (4 * 8 + 4 + 12 * 8 // 2 + 2)
    actual = memory.activations(SMALL, replace(SOME, tp=2))
    checks.equal(actual, 3 * cut + end + table // 2, "bytes kept on a rank of 2")


# Logits


@pytest.mark.exercise("2.7")
def test_logits_by_hand():
    # 21 targets, 24 tokens in the vocabulary.
    half = replace(SOME, dtype=torch.bfloat16)
    for what, plan, expected in (
        ("float32", SOME, 2 * 21 * 24 * 4),
        ("bfloat16", half, 2 * 21 * 24 * 2),
        ("2 ranks", replace(SOME, tp=2), 3 * 21 * 12 * 4),
        ("chunks of 5", replace(SOME, chunk=5), 3 * 5 * 24 * 4),
        ("chunks of 5, bfloat16", replace(half, chunk=5), 3 * 5 * 24 * 4),
        ("one chunk of 21", replace(SOME, chunk=21), 2 * 21 * 24 * 4),
        ("chunks of 100", replace(SOME, chunk=100), 2 * 21 * 24 * 4),
        ("a first stage", replace(SOME, pp=2), 0),
        ("a last stage", replace(SOME, pp=2, stage=1), 2 * 21 * 24 * 4),
        ("a last stage, 3 in flight", replace(SOME, pp=2, stage=1, in_flight=3), 2 * 21 * 24 * 4),
    ):
        checks.equal(memory.logits(SMALL, plan), expected, f"bytes around the loss, {what}")


@pytest.mark.exercise("2.7")
def test_logits_are_what_a_tracker_sees_at_the_peak():
    config = replace(TINY, vocab_size=400)
    model, x = GPT(config), torch.zeros(4, 5, dtype=torch.long)
    before = x.nbytes + sum(p.nbytes for p in model.parameters())
    with MemoryTracker() as tracker:
        tracker.hold("before", [*model.parameters(), x])
        loss = next_token_loss(model.head(model.hidden(x)), x)
        forward = tracker.live - before
        loss.backward()
    actual = memory.logits(config, Plan(4, 5))
    # A few numbers more: positions, the loss, and what its sum was divided by.
    around = tracker.peak - forward - before
    checks.close(actual, around, "bytes around the loss, V = 400", rtol=0, atol=64)
    activations = memory.activations(config, Plan(4, 5))
    checks.close(activations, forward, "bytes that the forward pass keeps, V = 400", 0, 64)


# The whole


def test_parameters_are_those_of_real_ranks():
    def on_tp_rank(config):
        model = GPT(config)
        tensor_model.parallelise(model)
        return sum(p.numel() for p in model.parameters())

    def on_stage(config):
        return sum(p.numel() for p in Stage(GPT(config)).parameters())

    for config in (SMALL, replace(SMALL, tied=False)):
        assert (
            ranks.run(2, on_tp_rank, config) == [memory.n_parameters(config, Plan(1, 1, tp=2))] * 2
        )
        for pp in (2, 3):
            plans = [Plan(1, 1, pp=pp, stage=stage) for stage in range(pp)]
            expected = [memory.n_parameters(config, plan) for plan in plans]
            assert ranks.run(pp, on_stage, config) == expected


def test_block_activations_are_those_of_a_real_rank():
    def on_rank(config):
        block = Block(config)
        tensor_model.parallelise_block(block)
        x = torch.zeros(3, 7, 8, requires_grad=True)
        return kept(lambda: block(x), block.parameters())

    expected = memory.block_activations(SMALL, replace(SOME, tp=2))
    assert ranks.run(2, on_rank, SMALL) == [expected, expected]


def test_the_peak_is_the_largest_moment():
    for config, plan, where in (
        (SMALL, Plan(8, 10), "loss"),
        (replace(SMALL, n_layer=50, tied=False), Plan(1, 1), "update"),
        (replace(SMALL, vocab_size=4), Plan(8, 10, recompute=True, accumulates=True), "top"),
        (replace(SMALL, vocab_size=4000), Plan(1, 1, chunk=1), "end"),
    ):
        moments = memory.moments(config, plan)
        peak = memory.peak(config, plan)
        assert sum(peak.values()) == max(sum(parts.values()) for parts in moments.values())
        assert peak == moments[where], (config, plan)


def test_what_no_plan_can_be_is_refused():
    for changes, told in (
        ({"optimizer": "lion"}, "optimizer must be one of"),
        ({"zero": 4}, "zero must be 0 to 3, got 4"),
        ({"pp": 2, "stage": 2}, "stage must be 0 to 1, got 2"),
    ):
        checks.raises(lambda changes=changes: replace(ONE, **changes), ValueError, "a plan", told)
    for tp in (3, 8):
        plan = replace(ONE, tp=tp)
        call = lambda plan=plan: memory.n_parameters(SMALL, plan)  # noqa: E731
        checks.raises(call, ValueError, f"tp {tp}", f"tp {tp} must divide 4 heads and 24 tokens")
