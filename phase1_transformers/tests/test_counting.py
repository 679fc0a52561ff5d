"""Closed forms against a count of the real thing: parameters, and operations as PyTorch counts."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from phase1_transformers.solution import counting
from phase1_transformers.solution.cache import KVCache
from phase1_transformers.solution.config import GPTConfig, gpt2, modern
from phase1_transformers.solution.gpt import GPT
from shared import checks

GPT2 = gpt2(vocab_size=29, block_size=12, n_layer=3, n_head=2, n_embd=12)
LLAMA = modern(vocab_size=29, block_size=12, n_layer=2, n_head=2, n_embd=12, qk_norm=False)
GROUPED = modern(
    vocab_size=31, block_size=9, n_layer=2, n_head=6, n_embd=20, n_kv_head=2, head_dim=4, n_hidden=7
)
CONFIGS = {
    "GPT-2": GPT2,
    "GPT-2, untied": replace(GPT2, tied=False),
    "GPT-2, no biases": replace(GPT2, bias=False),
    "Llama": LLAMA,
    "Llama with biases": replace(LLAMA, bias=True),
    "Qwen3, 2 key heads for 6": GROUPED,
    "Qwen3, untied": replace(GROUPED, tied=False),
}


def configs():
    """Draw any config that a model can be made of."""
    return st.builds(
        lambda H_kv, group, half_D, **rest: GPTConfig(
            n_kv_head=H_kv, n_head=H_kv * group, head_dim=2 * half_D, **rest
        ),
        H_kv=st.integers(1, 3),
        group=st.integers(1, 3),
        half_D=st.integers(1, 3),
        vocab_size=st.integers(1, 9),
        block_size=st.integers(1, 9),
        n_layer=st.integers(1, 3),
        n_embd=st.integers(1, 9),
        n_hidden=st.integers(1, 9),
        norm=st.sampled_from(["layer", "rms"]),
        norm_eps=st.just(1e-5),
        positions=st.sampled_from(["learned", "rotary"]),
        rope_theta=st.just(10_000.0),
        feedforward=st.sampled_from(["gelu", "swiglu"]),
        bias=st.booleans(),
        qk_norm=st.booleans(),
        tied=st.booleans(),
    )


def counted(module, but=()):
    """Count a real module's parameters, each once, leaving out those whose names begin so."""
    named = module.named_parameters()
    return sum(p.numel() for name, p in named if not name.startswith(tuple(but)))


def matrices(block):
    return sum(m.weight.numel() for m in block.modules() if isinstance(m, nn.Linear))


TABLES = ("token_embedding", "position_embedding", "head")


# Exercise 1.16: parameters


@pytest.mark.exercise("1.16")
def test_matrices_of_one_block_by_hand():
    # C = 12, 2 heads of 6: qkv 12 x 36, proj 12 x 12; up 12 x 48, proj 48 x 12.
    checks.equal(counting.matrix_weights_per_block(GPT2), 432 + 144 + 576 + 576, "GPT-2's block")
    # C = 20, 6 heads of 4, 2 for keys: qkv 20 x (24 + 8 + 8), proj 24 x 20; three times 20 x 7.
    expected = 800 + 480 + 3 * 140
    checks.equal(counting.matrix_weights_per_block(GROUPED), expected, "Qwen3's block")


@pytest.mark.exercise("1.16")
@pytest.mark.parametrize("kind", CONFIGS)
def test_matrices_are_those_of_the_real_block(kind):
    config = CONFIGS[kind]
    expected = matrices(GPT(config).blocks[0])
    checks.equal(counting.matrix_weights_per_block(config), expected, f"matrices, {kind}")


@pytest.mark.exercise("1.16")
@pytest.mark.parametrize("kind", CONFIGS)
def test_parameters_are_those_of_the_real_model(kind):
    config = CONFIGS[kind]
    model = GPT(config)
    checks.equal(counting.n_parameters(config), counted(model), f"parameters, {kind}")
    actual = counting.n_parameters(config, embeddings=False)
    checks.equal(actual, counted(model, but=TABLES), f"parameters without embeddings, {kind}")


@pytest.mark.exercise("1.16")
def test_parameters_of_gpt2_small():
    checks.equal(counting.n_parameters(gpt2()), 124_439_808, "parameters of GPT-2 small")


@pytest.mark.exercise("1.16")
@settings(max_examples=25)
@given(configs())
def test_parameters_of_any_config(config):
    model = GPT(config)
    checks.equal(counting.n_parameters(config), counted(model), "parameters")
    bare = counting.n_parameters(config, embeddings=False)
    checks.equal(bare, counted(model, but=TABLES), "parameters without embeddings")


# Exercise 1.16: operations


@pytest.mark.exercise("1.16")
def test_operations_of_one_token_by_hand():
    # One block of a single number (C = D = H = n_hidden = 1), two tokens in the vocabulary:
    # 4 weights in attention, 2 in the feed-forward layer, 2 in the head, and for each of 3 keys
    # one number of the key and one of the value. Twice that, for multiplying and adding.
    config = replace(gpt2(vocab_size=2, n_layer=1, n_head=1, n_embd=1), n_hidden=1)
    actual = counting.flops_per_token(config, n_keys=3, training=False)
    checks.close(actual, 2 * (4 + 2 + 2 + 2 * 3), "operations of one token", rtol=1e-12, atol=0)
    actual = counting.flops_per_token(config, n_keys=2.5, training=False)
    expected = 2 * (4 + 2 + 2 + 2 * 2.5)
    checks.close(actual, expected, "operations, 2.5 keys on average", rtol=1e-12, atol=0)


@pytest.mark.exercise("1.16")
@pytest.mark.parametrize("kind", CONFIGS)
def test_operations_are_those_of_a_real_pass(kind):
    config = CONFIGS[kind]
    T = config.block_size
    idx = torch.zeros(2, T, dtype=torch.long)
    with ProductCounter() as counter:
        GPT(config)(idx, idx)
    actual = counting.flops_per_token(config, n_keys=T, training=False)
    checks.close(actual, counter.flops / idx.numel(), f"operations, {kind}", rtol=1e-12, atol=0)


class ProductCounter(TorchFunctionMode):
    """Count a multiplication and an addition for each term of each matrix product."""

    flops = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if function in (F.linear, torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__):
            self.flops += 2 * out.numel() * args[0].shape[-1]
        return out


@pytest.mark.exercise("1.16")
def test_backward_costs_twice_the_forward_pass():
    # For y = x W there are two products, dy W^T and x^T dy, each with as many terms as x W.
    for kind in ("GPT-2", "Qwen3, 2 key heads for 6"):
        config = CONFIGS[kind]
        forward = counting.flops_per_token(config, n_keys=5.5, training=False)
        both = counting.flops_per_token(config, n_keys=5.5)
        checks.close(both, 3 * forward, f"operations with backward, {kind}", rtol=1e-12, atol=0)


@pytest.mark.parametrize("kind", CONFIGS)
def test_operations_are_those_that_pytorch_counts(kind):
    config, B = CONFIGS[kind], 2
    model, T = GPT(config), config.block_size
    idx = torch.zeros(B, T, dtype=torch.long)
    with FlopCounterMode(display=False) as counter:
        _, loss = model(idx, idx)
        forward = counter.get_total_flops() / (B * T)
        loss.backward()
    both = counter.get_total_flops() / (B * T)
    for training, expected in ((False, forward), (True, both)):
        actual = counting.flops_per_token(config, n_keys=T, training=training)
        checks.close(actual, expected, f"operations, training={training}", rtol=1e-12, atol=0)


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_token_at_a_time_looks_at_half_of_the_keys(kind):
    """With a cache nothing is masked, so what is computed is what causal attention needs."""
    config = CONFIGS[kind]
    model, T = GPT(config).requires_grad_(False), config.block_size
    cache = KVCache(config, batch_size=1)
    with FlopCounterMode(display=False) as counter:
        for _ in range(T):
            model(torch.zeros(1, 1, dtype=torch.long), cache=cache)
    expected = counter.get_total_flops() / T
    actual = counting.flops_per_token(config, n_keys=(T + 1) / 2, training=False)
    checks.close(actual, expected, f"operations, {kind}, with a cache", rtol=1e-12, atol=0)


def test_gpt2_small_costs_about_six_operations_per_parameter():
    """Kaplan's rule of thumb, 6 N, with attention over the whole context on top."""
    actual = counting.flops_per_token(gpt2(), n_keys=1024)
    rule = 6 * counting.n_parameters(gpt2()) + 12 * 12 * 768 * 1024
    checks.close(actual, rule, "operations of GPT-2 small", rtol=0.01)


def test_a_token_sees_itself():
    call = lambda: counting.flops_per_token(GPT2, n_keys=0)  # noqa: E731
    checks.raises(call, ValueError, "no keys", "1 key at least, got 0")


# Exercise 1.16: utilisation


@pytest.mark.exercise("1.16")
def test_mfu_by_hand():
    # 1000 tokens a second of 6e8 operations each are 6e11 a second, of 1e12 that are possible.
    checks.close(counting.mfu(1000.0, 6e8, 1e12), 0.6, "MFU of 1000 tokens/s")
    checks.close(counting.mfu(1000.0, 6e9, 1e12), 6.0, "MFU if the peak is given ten times too low")


@pytest.mark.exercise("1.16")
@given(st.floats(0.1, 1e6), st.floats(1, 1e12), st.floats(1, 1e15))
def test_a_machine_at_its_peak_has_mfu_one(tokens_per_s, flops_per_token, spare):
    peak = tokens_per_s * flops_per_token
    checks.close(counting.mfu(tokens_per_s, flops_per_token, peak), 1.0, "MFU at the peak")
    half = counting.mfu(tokens_per_s / 2, flops_per_token, peak)
    checks.close(half, 0.5, "MFU at half the speed")


def test_no_peak_is_refused():
    for peak in (0.0, -1.0):
        call = lambda peak=peak: counting.mfu(1.0, 1.0, peak)  # noqa: E731
        checks.raises(call, ValueError, f"a peak of {peak}", "must be positive")
    checks.law(math.isfinite(counting.mfu(0.0, 1.0, 1.0)), "no tokens are no error")
