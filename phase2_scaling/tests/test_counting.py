"""Closed forms against a count of the real thing: parameters, and operations as PyTorch counts."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from phase2_scaling.solution import counting
from phase2_scaling.solution.model import GPT, GPTConfig
from shared import checks

TIED = GPTConfig(vocab_size=29, block_size=12, n_layer=3, n_head=2, n_embd=10)
UNTIED = replace(TIED, tied=False, n_layer=1, vocab_size=7, block_size=23)
CONFIGS = {"tied": TIED, "untied": UNTIED}
GPT2 = GPTConfig(vocab_size=50257, block_size=1024, n_layer=12, n_head=12, n_embd=768)
TABLES = ("token_embedding", "position_embedding", "head")


def counted(module, but=()):
    """Count a real module's parameters, each once, leaving out those whose names begin so."""
    named = module.named_parameters()
    return sum(p.numel() for name, p in named if not name.startswith(tuple(but)))


class ProductCounter(TorchFunctionMode):
    """Count a multiplication and an addition for each term of each matrix product."""

    def __init__(self):
        super().__init__()
        self.flops = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is F.linear:
            self.flops += 2 * args[0].numel() * args[1].shape[0]
        elif function is F.scaled_dot_product_attention:
            q, k = args[:2]
            self.flops += 2 * 2 * q.numel() * k.shape[-2]  # scores, then the weighted values
        return function(*args, **(kwargs or {}))


# Parameters


@pytest.mark.exercise("2.1")
def test_parameters_by_hand():
    # C = 1, one block: 4 + 8 weights, 4 + 4 + 1 biases, two norms of 2; a last norm of 2;
    # tables of 3 tokens and 5 positions.
    config = GPTConfig(vocab_size=3, block_size=5, n_layer=1, n_head=1, n_embd=1)
    checks.equal(counting.n_parameters(config), 12 + 9 + 4 + 2 + 3 + 5, "parameters, C = 1")
    actual = counting.n_parameters(config, embeddings=False)
    checks.equal(actual, 12 + 9 + 4 + 2, "parameters without embeddings, C = 1")


@pytest.mark.exercise("2.1")
@pytest.mark.parametrize("kind", CONFIGS)
def test_parameters_are_those_of_the_real_model(kind):
    config = CONFIGS[kind]
    model = GPT(config)
    checks.equal(counting.n_parameters(config), counted(model), f"parameters, {kind}")
    actual = counting.n_parameters(config, embeddings=False)
    checks.equal(actual, counted(model, but=TABLES), f"parameters without embeddings, {kind}")


@pytest.mark.exercise("2.1")
def test_parameters_of_gpt2_small():
    checks.equal(counting.n_parameters(GPT2), 124_439_808, "parameters of GPT-2 small")


# Operations


@pytest.mark.exercise("2.1")
def test_operations_of_one_token_by_hand():
    # One block of C = 1 has 4 + 8 weights, the head of two tokens 2. Attention over 3 keys takes a
    # number of each key and one of each value. Twice that for multiplying and adding; three times
    # for the forward pass and the two products of the backward pass.
    config = GPTConfig(vocab_size=2, block_size=9, n_layer=1, n_head=1, n_embd=1)
    blocks, head = 2 * (12 + 2 * 3), 2 * 2
    actual = counting.flops_per_token(config, n_keys=3)
    close(actual, 3 * (blocks + head), "operations of one token, 3 keys")
    actual = counting.flops_per_token(config, n_keys=3, recompute=True)
    close(actual, 4 * blocks + 3 * head, "operations of one token, blocks recomputed")
    actual = counting.flops_per_token(config, n_keys=2.5)
    close(actual, 3 * (2 * (12 + 2 * 2.5) + head), "operations of one token, 2.5 keys on average")


def close(actual, expected, name):
    """Sums of whole numbers, but for the order of adding; NaN and None are no answers."""
    checks.close(actual, float(expected), name, rtol=1e-12, atol=0)


@pytest.mark.exercise("2.1")
@pytest.mark.parametrize("kind", CONFIGS)
def test_operations_are_those_of_a_real_pass(kind):
    config = CONFIGS[kind]
    idx = torch.zeros(2, config.block_size, dtype=torch.long)
    with ProductCounter() as counter, torch.no_grad():
        GPT(config)(idx)
    expected = 3 * counter.flops / idx.numel()
    close(counting.flops_per_token(config), expected, f"operations over a full window, {kind}")


@pytest.mark.exercise("2.1")
def test_a_token_that_looks_at_nothing():
    count = counting.flops_per_token
    checks.raises(lambda: count(TIED, n_keys=0), ValueError, "no keys at all", match="1 key")


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("kind", CONFIGS)
def test_operations_are_those_that_pytorch_counts(kind, recompute):
    config = CONFIGS[kind]
    with torch.device("meta"):  # shapes alone
        model = GPT(config)
    if recompute:
        model.blocks = nn.ModuleList(Checkpointed(block) for block in model.blocks)
    idx = torch.zeros(2, config.block_size, dtype=torch.long, device="meta")
    with FlopCounterMode(display=False) as counter:
        _, loss = model(idx, idx)
        loss.backward()
    expected = counter.get_total_flops() / idx.numel()
    actual = counting.flops_per_token(config, recompute=recompute)
    close(actual, expected, f"operations counted by PyTorch, {kind}, recompute={recompute}")


class Checkpointed(nn.Module):
    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        # The newer kind of checkpoint stops before the last product, whose result nothing needs.
        return checkpoint(self.block, x, use_reentrant=True)


def test_six_operations_per_parameter_is_a_good_rule():
    """6 N is right to 2 % for GPT-3's shape, where attention and the tables are small."""
    gpt3 = GPTConfig(vocab_size=50257, block_size=2048, n_layer=96, n_head=96, n_embd=12288)
    exact = counting.flops_per_token(gpt3, n_keys=1024.5)
    checks.close(6.0 * counting.n_parameters(gpt3), exact, "6 N against the exact count", rtol=0.02)


# Speed


@pytest.mark.exercise("2.1")
def test_utilisation_by_hand():
    # C = 1 as above: 3 * (2 * (12 + 2 * 3) + 4) = 120 operations for a token with 3 keys.
    config = GPTConfig(vocab_size=2, block_size=9, n_layer=1, n_head=1, n_embd=1)
    actual = counting.mfu(config, tokens_per_s=50, n_gpus=4, peak_flops=3000, n_keys=3)
    close(actual, 50 * 120 / (4 * 3000), "utilisation of four GPUs, 3 keys")
    actual = counting.mfu(config, tokens_per_s=7, n_gpus=2, peak_flops=500)
    close(actual, 7 * 3 * (2 * (12 + 2 * 9) + 4) / 1000, "utilisation over a full window")


@pytest.mark.exercise("2.1")
def test_utilisation_above_the_peak_can_be_seen():
    close(counting.mfu(GPT2, 1e6, 1, counting.flops_per_token(GPT2) * 5e5), 2, "twice the peak")


# Days and money


@pytest.mark.exercise("2.1")
def test_days_by_hand():
    # 6 * 1e9 * 1e10 operations; 10 machines of 1e12 a second at a half: 12e6 s.
    actual = counting.training_days(1e9, 1e10, n_gpus=10, peak_flops=1e12, mfu=0.5)
    close(actual, 12e6 / 86_400, "days for 10^9 parameters and 10^10 tokens on 10 GPUs")
    actual = counting.training_cost(2.5, n_gpus=16, dollars_per_gpu_hour=3)
    close(actual, 2.5 * 24 * 16 * 3, "dollars for 16 GPUs over two days and a half")
    actual = counting.training_cost(0.125, n_gpus=1, dollars_per_gpu_hour=1.25)
    close(actual, 3.75, "dollars for a GPU over three hours")


@pytest.mark.exercise("2.1")
def test_days_of_a_published_run():
    # Touvron et al. 2023 (arXiv:2307.09288), table 2: Llama 2 70B on 2 * 10^12 tokens took
    # 1,720,320 hours of an A100 (312 * 10^12 operations a second): 43.5 % utilisation.
    days = counting.training_days(70e9, 2e12, n_gpus=2000, peak_flops=312e12, mfu=0.435)
    checks.close(days, 1_720_320 / 2000 / 24, "days of Llama 2 70B on 2000 A100s", rtol=0.01)
    dollars = counting.training_cost(1_720_320 / 2000 / 24, 2000, 2.0)
    close(dollars, 2 * 1_720_320, "dollars of Llama 2 70B, at 2 an hour")


@pytest.mark.exercise("2.1")
def test_impossible_machines():
    days = counting.training_days
    for mfu in (0, 1.2, 40):
        name = f"a utilisation of {mfu}"
        checks.raises(lambda mfu=mfu: days(1e9, 1e9, 1, 1e12, mfu), ValueError, name, match="mfu")
    checks.raises(lambda: days(1e9, 1e9, 0, 1e12, 0.4), ValueError, "no GPU", match="n_gpus")
