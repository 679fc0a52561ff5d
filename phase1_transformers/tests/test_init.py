"""Initial weights: the statistics that the papers ask for, and what follows from them."""

import math

import pytest
import torch

from phase1_transformers.solution import init
from phase1_transformers.solution.config import gpt2, modern
from phase1_transformers.solution.gpt import GPT
from shared import checks

# 2 n_layer = 8, n_layer = 4 and 1 give three different factors; no two fan-ins are equal.
GPT2 = gpt2(vocab_size=300, block_size=96, n_layer=4, n_head=4, n_embd=64)
MODERN = modern(
    vocab_size=300, block_size=96, n_layer=4, n_head=4, n_embd=64, head_dim=24, n_hidden=160
)


def drawn(config, scheme="gpt2", seed=0):
    """Draw the weights of a model whose weights were all 7 before."""
    model = GPT(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(7.0)
    init.init_weights(model, torch.Generator().manual_seed(seed), scheme)
    return model


def check_std(weight, expected, name):
    """Compare with five sigma of a standard deviation; record it coarsely, whatever the draws.

    Right answers draw in different orders. Three sigma would refuse one of 25 of them, as there
    are fifteen comparisons; five refuse none in 100,000.
    """
    ratio = float(weight.detach().double().std() / expected)
    coarse = 2 ** (round(4 * math.log2(max(ratio, 1e-6))) / 4)
    rtol = 5 / math.sqrt(2 * weight.numel())
    said = f"about {coarse:.2g} times the right value" if coarse != 1 else "a few percent off"
    said = said if ratio > 1e-5 else "the same number everywhere"
    checks.law(abs(ratio - 1) < rtol, f"std of {name}", actual=said)


def check_constant(weight, value, name):
    same = bool((weight == value).all())
    checks.law(
        same, f"{name} is {value} everywhere", None if same else f"{weight.unique().numel()} values"
    )


@pytest.mark.exercise("1.15")
def test_gpt2_tables():
    model = drawn(GPT2)
    check_std(model.token_embedding.weight, 0.02, "the token table, tied to the head")
    check_std(model.position_embedding.weight, 0.02, "the position table")


@pytest.mark.exercise("1.15")
def test_gpt2_linear_layers():
    block = drawn(GPT2).blocks[1]
    check_std(block.attention.qkv.weight, 0.02, "attention.qkv, gpt2")
    check_std(block.feedforward.up.weight, 0.02, "feedforward.up, gpt2")


@pytest.mark.exercise("1.15")
def test_gpt2_projections_into_the_residual_stream():
    block = drawn(GPT2).blocks[3]
    expected = 0.02 / math.sqrt(8)
    check_std(block.attention.proj.weight, expected, "attention.proj, gpt2, 4 layers")
    check_std(block.feedforward.proj.weight, expected, "feedforward.proj, gpt2, 4 layers")


@pytest.mark.exercise("1.15")
@pytest.mark.parametrize("scheme", ["gpt2", "modern"])
def test_biases_are_zero_and_norms_stay(scheme):
    model = drawn(GPT2, scheme)
    block = model.blocks[0]
    check_constant(block.attention.qkv.bias, 0.0, "the bias of attention.qkv")
    check_constant(block.feedforward.proj.bias, 0.0, "the bias of feedforward.proj")
    check_constant(block.attention_norm.weight, 7.0, "the weight of a norm, which was 7,")
    check_constant(model.norm.bias, 7.0, "the bias of a norm, which was 7,")


@pytest.mark.exercise("1.15")
def test_weights_are_normal_around_zero():
    weight = drawn(GPT2).token_embedding.weight.detach()
    off = float(weight.mean().abs()) / (0.02 / math.sqrt(weight.numel()))
    checks.law(off < 5, "the mean of the token table is 0", f"off by {round(off)} sigma")
    # 4.55 % of a normal distribution lie beyond two sigma, and nothing of a uniform one; for
    # 19,200 draws that share's own sigma is 0.15 %.
    share = float((weight.abs() > 0.04).double().mean())
    in_range = abs(share - 0.0455) < 0.0075
    checks.law(in_range, "4.55 % of the token table lie beyond two std", f"{100 * share:.0f} %")


@pytest.mark.exercise("1.15")
def test_loss_at_the_start_is_log_v():
    model = drawn(GPT2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:  # as they were made
                parameter.fill_(float(name.endswith("weight")))
        generator = torch.Generator().manual_seed(1)
        idx, targets = torch.randint(300, (2, 8, 96), generator=generator)
        _, loss = model(idx, targets)
    ratio = loss.item() / math.log(300)
    checks.law(abs(ratio - 1) < 0.03, "the loss at the start is ln V", f"{ratio:.1g} times ln V")


@pytest.mark.exercise("1.15")
def test_modern_linear_layers_follow_their_fan_in():
    block = drawn(MODERN, "modern").blocks[2]
    check_std(block.attention.qkv.weight, 1 / 8, "attention.qkv, modern, fan-in 64")
    check_std(block.feedforward.gate.weight, 1 / 8, "feedforward.gate, modern, fan-in 64")
    check_std(block.feedforward.up.weight, 1 / 8, "feedforward.up, modern, fan-in 64")


@pytest.mark.exercise("1.15")
def test_modern_blocks_begin_as_the_identity():
    block = drawn(MODERN, "modern").blocks[2]
    check_constant(block.attention.proj.weight, 0.0, "attention.proj, modern,")
    check_constant(block.feedforward.proj.weight, 0.0, "feedforward.proj, modern,")


@pytest.mark.exercise("1.15")
@pytest.mark.parametrize("tied", [True, False])
def test_modern_tables_and_head(tied):
    config = modern(vocab_size=300, block_size=8, n_layer=1, n_head=2, n_embd=64, tied=tied)
    model = drawn(config, "modern")
    how = "tied" if tied else "untied"
    check_std(model.token_embedding.weight, 0.02, f"the token table, modern, {how}")
    check_std(model.head.weight, 0.02, f"the head, modern, {how}")
    checks.equal(model.head.weight is model.token_embedding.weight, tied, "head and table are one")


@pytest.mark.exercise("1.15")
@pytest.mark.parametrize("scheme", ["gpt2", "modern"])
def test_the_generator_decides(scheme):
    torch.manual_seed(0)
    one = drawn(GPT2, scheme)
    torch.manual_seed(1)
    same, other = drawn(GPT2, scheme), drawn(GPT2, scheme, seed=1)
    for name in ("token_embedding.weight", "blocks.0.attention.qkv.weight"):
        a, b, c = (model.get_parameter(name) for model in (one, same, other))
        checks.law(torch.equal(a, b), f"the same generator gives the same {name}")
        checks.law(not torch.equal(a, c), f"another generator gives another {name}")
        checks.law(a.requires_grad, f"{name} can still be trained")
    first, second = (one.blocks[i].attention.qkv.weight for i in (0, 1))
    checks.law(not torch.equal(first, second), "two layers get weights of their own")


def test_an_unknown_scheme_is_refused():
    call = lambda: init.init_weights(GPT(GPT2), scheme="xavier")  # noqa: E731
    checks.raises(call, ValueError, "an unknown scheme", "gpt2 or modern, got 'xavier'")


def test_zero_projections_learn_in_the_first_step():
    model = GPT(MODERN, generator=torch.Generator().manual_seed(0))
    init.init_weights(model, torch.Generator().manual_seed(0), "modern")
    idx = torch.randint(300, (2, 8), generator=torch.Generator().manual_seed(1))
    x = torch.randn(2, 8, 64)
    angles = model.rotary(torch.arange(8))
    checks.close(model.blocks[0](x, angles), x, "a modern block at the start", rtol=0, atol=0)
    model(idx, idx)[1].backward()
    for name in ("attention", "feedforward"):
        gradient = getattr(model.blocks[0], name).proj.weight.grad
        checks.law((gradient != 0).any(), f"{name}.proj has a gradient")


@pytest.mark.slow
@pytest.mark.parametrize("n_layer", [1, 4, 16])
def test_the_residual_stream_does_not_grow_with_depth(n_layer):
    """Each of 2 n_layer additions has its variance divided by 2 n_layer."""
    config = gpt2(vocab_size=300, block_size=32, n_layer=n_layer, n_head=4, n_embd=256)
    model = GPT(config, generator=torch.Generator().manual_seed(0))
    x = torch.zeros(4, 32, 256)
    x[..., :] = torch.randn(4, 32, 256, generator=torch.Generator().manual_seed(1)) * 0.02
    start = x.clone()
    with torch.no_grad():
        for block in model.blocks:
            x = block(x)
    added = (x - start).std().item()
    checks.at_least(added, 0.03, f"what {n_layer} layers add")
    checks.at_most(added, 0.15, f"what {n_layer} layers add")
