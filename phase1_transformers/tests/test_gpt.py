"""The block and the GPT against their equations, written once more with PyTorch's functions."""

import itertools
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from phase1_transformers.solution import gpt
from phase1_transformers.solution.cache import KVCache
from phase1_transformers.solution.config import gpt2, modern
from phase1_transformers.solution.losses import IGNORED
from phase1_transformers.solution.ops import CLEAR, FUSED
from shared import checks

V, BLOCK_SIZE = 29, 12
GPT2 = gpt2(vocab_size=V, block_size=BLOCK_SIZE, n_layer=2, n_head=2, n_embd=12)
MODERN = modern(
    vocab_size=V, block_size=BLOCK_SIZE, n_layer=2, n_head=4, n_embd=12, n_kv_head=2, head_dim=6
)
CONFIGS = {"GPT-2": GPT2, "modern": MODERN}


def randomised(module, seed=0):
    """Give every parameter, norms and biases too, a value of its own, in float64."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double().eval()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.normal_(mean=float("norm" in name), std=0.3, generator=generator)
    return module


def make_block(config, seed=0):
    return randomised(gpt.Block(config, CLEAR, layer=0), seed)


def make_gpt(config, seed=0):
    return randomised(gpt.GPT(config), seed)


def stream(T=7, C=12, seed=1):
    return torch.randn(2, T, C, generator=torch.Generator().manual_seed(seed)).double()


def tokens(T=7, seed=1):
    return torch.randint(V, (2, T), generator=torch.Generator().manual_seed(seed))


def turns(T, config=MODERN):
    """Angles p * theta^(-2i / D) as complex numbers, (T, D / 2)."""
    D = config.head_dim
    speeds = torch.tensor([config.rope_theta ** (-i / D) for i in range(0, D, 2)]).double()
    angles = torch.arange(T)[:, None] * speeds
    return torch.polar(torch.ones_like(angles), angles)


# -- the oracle -------------------------------------------------------------------------------


def weights_of(module):
    return {name: parameter.detach() for name, parameter in module.named_parameters()}


def gpt2_block(x, w, n_head, prefix=""):
    """Radford et al. 2019, section 2.3: x + attn(ln(x)), then x + mlp(ln(x))."""
    w = {name.removeprefix(prefix): value for name, value in w.items() if name.startswith(prefix)}
    B, T, C = x.shape
    h = F.layer_norm(x, (C,), w["attention_norm.weight"], w["attention_norm.bias"])
    qkv = F.linear(h, w["attention.qkv.weight"], w["attention.qkv.bias"])
    q, k, v = qkv.view(B, T, 3, n_head, C // n_head).permute(2, 0, 3, 1, 4)
    h = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, C)
    x = x + F.linear(h, w["attention.proj.weight"], w["attention.proj.bias"])
    h = F.layer_norm(x, (C,), w["feedforward_norm.weight"], w["feedforward_norm.bias"])
    h = F.linear(h, w["feedforward.up.weight"], w["feedforward.up.bias"])
    h = F.gelu(h, approximate="tanh")
    return x + F.linear(h, w["feedforward.proj.weight"], w["feedforward.proj.bias"])


def rotated(x, turns):
    """Multiply the pairs (i, i + D / 2) as complex numbers, (B, H, T, D)."""
    first, second = x.chunk(2, dim=-1)
    z = torch.complex(first.contiguous(), second.contiguous()) * turns
    return torch.cat([z.real, z.imag], dim=-1)


def modern_block(x, w, config, turns, prefix=""):
    """Yang et al. 2025: RMSNorm, QK-norm, rotary positions, grouped keys, SwiGLU."""
    w = {name.removeprefix(prefix): value for name, value in w.items() if name.startswith(prefix)}
    (B, T, C), D, eps = x.shape, config.head_dim, config.norm_eps
    h = F.rms_norm(x, (C,), w["attention_norm.weight"], eps)
    qkv = F.linear(h, w["attention.qkv.weight"]).view(B, T, -1, D).transpose(1, 2)
    q, k, v = qkv.split([config.n_head, config.n_kv_head, config.n_kv_head], dim=1)
    q = rotated(F.rms_norm(q, (D,), w["attention.q_norm"], eps), turns)
    k = rotated(F.rms_norm(k, (D,), w["attention.k_norm"], eps), turns)
    h = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    x = x + F.linear(h.transpose(1, 2).reshape(B, T, -1), w["attention.proj.weight"])
    h = F.rms_norm(x, (C,), w["feedforward_norm.weight"], eps)
    gate = F.silu(F.linear(h, w["feedforward.gate.weight"]))
    h = gate * F.linear(h, w["feedforward.up.weight"])
    return x + F.linear(h, w["feedforward.proj.weight"])


def expected_logits(model, idx):
    config, w = model.config, weights_of(model)
    x, C = w["token_embedding.weight"][idx], config.n_embd
    T = idx.shape[1]
    if config.positions == "learned":
        x = x + w["position_embedding.weight"][:T]
    for i in range(config.n_layer):
        if config.positions == "learned":
            x = gpt2_block(x, w, config.n_head, f"blocks.{i}.")
        else:
            x = modern_block(x, w, config, turns(T, config), f"blocks.{i}.")
    if config.norm == "layer":
        x = F.layer_norm(x, (C,), w["norm.weight"], w["norm.bias"])
    else:
        x = F.rms_norm(x, (C,), w["norm.weight"], config.norm_eps)
    return x @ w.get("head.weight", w["token_embedding.weight"]).T


def pair(output, name="GPT.forward"):
    """Return (logits, loss), after checking that there are two."""
    is_pair = isinstance(output, tuple) and len(output) == 2
    checks.law(is_pair, f"{name} returns the pair (logits, loss)", actual=type(output).__name__)
    return output


# Exercise 1.13: the block


@pytest.mark.exercise("1.13")
def test_block_whose_sublayers_give_nothing_is_the_identity():
    block = make_block(GPT2)
    with torch.no_grad():
        for linear in (block.attention.proj, block.feedforward.proj):
            linear.weight.zero_()
            linear.bias.zero_()
    x = stream()
    given = x.clone()
    name = "a block whose two sublayers return 0"
    checks.close(block(x), given, name, rtol=0, atol=0)
    checks.equal(x, given, "x after Block.forward, which leaves it as it was")


@pytest.mark.exercise("1.13")
def test_block_is_gpt2s():
    block, x = make_block(GPT2), stream()
    given = x.clone()
    checks.close(block(x), gpt2_block(given, weights_of(block), n_head=2), "GPT-2's block")
    checks.equal(x, given, "x after Block.forward, which leaves it as it was")


@pytest.mark.exercise("1.13")
def test_block_passes_the_rotary_angles_on():
    block, x, z = make_block(MODERN), stream(), turns(7)
    expected = modern_block(x, weights_of(block), MODERN, z)
    checks.close(block(x, (z.real, z.imag)), expected, "the modern block, with rotary angles")


@pytest.mark.exercise("1.13")
def test_block_passes_the_cache_on():
    block, x = make_block(GPT2), stream()
    cache = KVCache(GPT2, batch_size=2, dtype=torch.float64)
    parts = []
    for start, end in itertools.pairwise((0, 4, 5, 7)):
        part = block(x[:, start:end], None, cache)
        checks.equal(tuple(getattr(part, "shape", ())), (2, end - start, 12), "shape of a part")
        parts.append(part)
        cache.advance(end - start)
    name = "tokens 0-3, 4 and 5-6 read one after the other, with a cache"
    checks.close(torch.cat(parts, dim=1), gpt2_block(x, weights_of(block), n_head=2), name)


@pytest.mark.exercise("1.13")
def test_block_drops_from_what_it_adds_only():
    block = make_block(replace(GPT2, dropout=0.5)).train()
    torch.manual_seed(0)
    x = stream()
    full = block.eval()(x)
    dropped = block.train()(x)
    differs = not torch.equal(torch.as_tensor(dropped), torch.as_tensor(full))
    checks.law(differs, "dropout acts on what a block adds, while it trains")
    with torch.no_grad():
        for linear in (block.attention.proj, block.feedforward.proj):
            linear.weight.zero_()
            linear.bias.zero_()
    kept = torch.equal(block(x), x)
    checks.law(kept, "dropout leaves the residual stream itself alone")


@pytest.mark.exercise("1.13")
@pytest.mark.parametrize("sublayer", ["attention", "feedforward"])
def test_block_drops_from_both_sublayers(sublayer):
    block = make_block(replace(GPT2, dropout=0.5)).train()
    torch.manual_seed(0)
    linear = getattr(block, sublayer).proj
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.fill_(1.0)  # this sublayer adds 1 everywhere
        other = block.feedforward if sublayer == "attention" else block.attention
        other.proj.weight.zero_()
        other.proj.bias.zero_()
    x = stream()
    added = (block(x) - x).round(decimals=6).unique().tolist()
    checks.close(added, [0.0, 2.0], f"values that the {sublayer} adds: 1, dropped or doubled")


# Exercise 1.13: the GPT


@pytest.mark.exercise("1.13")
@pytest.mark.parametrize("kind", CONFIGS)
def test_gpt_without_blocks_scores_the_normed_embedding(kind):
    model = make_gpt(CONFIGS[kind])
    del model.blocks[:]
    idx = tokens()
    logits, _ = pair(model(idx))
    expected = expected_logits_of_no_blocks(model, idx)
    checks.close(logits, expected, f"logits of a {kind} without blocks")


def expected_logits_of_no_blocks(model, idx):
    w = weights_of(model)
    x = w["token_embedding.weight"][idx]
    if model.config.positions == "learned":
        x = x + w["position_embedding.weight"][: idx.shape[1]]
        normed = F.layer_norm(x, x.shape[-1:], w["norm.weight"], w["norm.bias"])
    else:
        normed = F.rms_norm(x, x.shape[-1:], w["norm.weight"], model.config.norm_eps)
    return normed @ w["token_embedding.weight"].T


@pytest.mark.exercise("1.13")
@pytest.mark.parametrize("T", [1, 7, BLOCK_SIZE])
@pytest.mark.parametrize("kind", CONFIGS)
def test_gpt_follows_its_equations(kind, T):
    model, idx = make_gpt(CONFIGS[kind]), tokens(T)
    given = idx.clone()
    logits, loss = pair(model(idx))
    checks.close(logits, expected_logits(model, given), f"logits of a {kind}, {T} tokens")
    checks.law(loss is None, "the loss is None without targets", loss)
    checks.equal(idx, given, "idx after GPT.forward, which leaves it as it was")


@pytest.mark.exercise("1.13")
def test_gpt_with_a_head_of_its_own():
    model, idx = make_gpt(replace(GPT2, tied=False)), tokens()
    logits, _ = pair(model(idx))
    checks.close(logits, expected_logits(model, idx), "logits, the head being no embedding")


@pytest.mark.exercise("1.13")
def test_gpt_loss_is_the_mean_over_targets_that_count():
    model, idx, targets = make_gpt(GPT2), tokens(), tokens(seed=2)
    targets[0, 2:] = IGNORED
    logits, loss = pair(model(idx, targets))
    expected = expected_logits(model, idx)
    checks.close(logits, expected, "logits, with targets")
    nats = [
        expected[b, t].logsumexp(0) - expected[b, t, targets[b, t]]
        for b, t in itertools.product(range(2), range(7))
        if targets[b, t] != IGNORED
    ]
    checks.close(loss, sum(nats) / len(nats), "loss of 9 targets, 5 more being ignored")


@pytest.mark.exercise("1.13")
@pytest.mark.parametrize("kind", CONFIGS)
def test_gpt_reads_on_from_a_cache(kind):
    model, idx = make_gpt(CONFIGS[kind]), tokens(9)
    cache = KVCache(model.config, batch_size=2, dtype=torch.float64)
    expected = expected_logits(model, idx)
    for start, end in itertools.pairwise((0, 5, 6, 9)):
        logits, _ = pair(model(idx[:, start:end], cache=cache))
        name = f"{kind} logits of tokens {start} to {end - 1}, those before being in the cache"
        checks.close(logits, expected[:, start:end], name)
        checks.equal(cache.length, end, "tokens that the cache counts as read")


@pytest.mark.exercise("1.13")
def test_gpt_uses_the_ops_it_was_given():
    seen = []
    spy = replace(CLEAR, next_token_loss=lambda logits, targets: seen.append(1) or logits.sum())
    model = gpt.GPT(GPT2, spy)
    pair(model(tokens(), tokens()))
    checks.equal(len(seen), 1, "calls of ops.next_token_loss")


@pytest.mark.exercise("1.13")
def test_gpt_drops_from_the_embedding():
    model = make_gpt(replace(GPT2, dropout=0.5))
    del model.blocks[:]
    torch.manual_seed(0)
    kept, _ = pair(model.eval()(tokens()))
    dropped, _ = pair(model.train()(tokens()))
    checks.law(not torch.equal(kept, dropped), "dropout acts on the embedding, while it trains")


@pytest.mark.exercise("1.13")
def test_gpt_drops_from_positions_too():
    model = make_gpt(replace(GPT2, dropout=0.5)).train()
    del model.blocks[:]
    with torch.no_grad():
        model.token_embedding.weight.zero_()
        model.position_embedding.weight.fill_(1.0)
    streams = []
    model.norm.register_forward_pre_hook(lambda norm, args: streams.extend(args))
    torch.manual_seed(0)
    pair(model(tokens()))
    found = sorted({value for stream in streams for value in stream.flatten().tolist()})
    checks.close(found, [0.0, 2.0], "stream of tokens 0 + positions 1, dropped or doubled")


@pytest.mark.exercise("1.13")
def test_gpt_refuses_more_than_block_size():
    model = make_gpt(GPT2)
    too_long = lambda: model(torch.zeros(1, BLOCK_SIZE + 1, dtype=torch.long))  # noqa: E731
    checks.raises(too_long, ValueError, "13 tokens", match="block_size")
    cache = KVCache(GPT2, batch_size=1, max_tokens=20, dtype=torch.float64)
    model(torch.zeros(1, BLOCK_SIZE, dtype=torch.long), cache=cache)
    one_more = lambda: model(torch.zeros(1, 1, dtype=torch.long), cache=cache)  # noqa: E731
    checks.raises(one_more, ValueError, "12 cached tokens and one more", match="block_size")


# What the solution keeps besides


@pytest.mark.parametrize("ops", [CLEAR, FUSED], ids=["clear", "fused"])
@pytest.mark.parametrize("kind", CONFIGS)
def test_future_tokens_do_not_leak(kind, ops):
    model = randomised(gpt.GPT(CONFIGS[kind], ops))
    idx = tokens(9)
    before, _ = model(idx)
    idx[:, 5:] = (idx[:, 5:] + 1) % V
    after, _ = model(idx)
    checks.equal(after[:, :5], before[:, :5], "logits before the tokens that changed")
    checks.law((after[:, 5:] != before[:, 5:]).any(dim=-1).all(), "logits from there on changed")


@pytest.mark.parametrize("kind", CONFIGS)
def test_clear_and_fused_agree_in_value_and_gradient(kind):
    idx, targets = tokens(9), tokens(9, seed=2)
    targets[1, 3:] = IGNORED
    gradients = []
    for ops in (CLEAR, FUSED):
        model = randomised(gpt.GPT(CONFIGS[kind], ops))
        model(idx, targets)[1].backward()
        gradients.append({name: p.grad for name, p in model.named_parameters()})
    checks.close(gradients[1], gradients[0], "gradients, fused against clear")
    checks.law(all(g.abs().max() > 0 for g in gradients[0].values()), "every parameter learns")


def test_a_tied_table_is_one_parameter_and_gets_both_gradients():
    model, idx = make_gpt(GPT2), torch.zeros(1, 4, dtype=torch.long)
    checks.law(model.head.weight is model.token_embedding.weight, "head and table are one")
    model(idx, idx)[1].backward()
    gradient = model.token_embedding.weight.grad
    checks.law((gradient[1:] != 0).any(), "tokens that were not read learn through the head")


def test_overfits_one_batch():
    torch.manual_seed(0)
    model = gpt.GPT(GPT2, FUSED, torch.Generator().manual_seed(0))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-2)
    idx = tokens(9)
    for _ in range(40):
        _, loss = model(idx[:, :-1], idx[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    checks.at_most(loss.item(), 0.05, "loss after learning one batch by heart")
