"""The fast form of a model says what the clear one says."""

import copy

import pytest
import torch

from phase1_transformers.project import packed
from phase1_transformers.solution.cache import KVCache, next_logits
from phase1_transformers.solution.generate import generate
from phase1_transformers.solution.gpt import GPT
from phase1_transformers.solution.ops import CLEAR, FUSED
from phase1_transformers.solution.sampling import GREEDY
from phase1_transformers.tests.tiny_models import BLOCK_SIZE, CONFIGS, random_ids, tiny_model
from shared import checks


def both(kind, dtype=torch.float32):
    """Build a model and its packed copy."""
    model = tiny_model(kind).to(dtype)
    return model, packed.pack(copy.deepcopy(model))


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("B", [1, 2, 9])
@torch.no_grad()
def test_scores_are_those_of_the_clear_model(kind, B):
    model, fast = both(kind)
    idx, kv = random_ids(B, BLOCK_SIZE), KVCache(model.config, B)
    for end in (5, 6, 7, 9, BLOCK_SIZE):
        logits = model(idx[:, :end])[0][:, -1]
        name = f"scores after {end} tokens, batch {B}"
        # Logits of about 30, sums of other orders: 1e-6 of the largest, not of each.
        checks.close(next_logits(fast, idx[:, :end], kv), logits, name, atol=1e-4)


@pytest.mark.parametrize("kind", CONFIGS)
def test_generates_the_same_tokens(kind):
    model, fast = both(kind)
    one, two = (list(generate(m, random_ids(3, 4), 30, sampling=GREEDY)) for m in (model, fast))
    checks.equal(torch.stack(two, 1), torch.stack(one, 1), "30 greedy tokens")


@torch.no_grad()
def test_bfloat16():
    """As near to float64 as the unpacked model is: rounding differs, its size does not."""
    exact, (plain, fast), idx = tiny_model(), both("gpt2", torch.bfloat16), random_ids(4, 8)
    truth, usual, ours = (m(idx)[0][:, -1].double() for m in (exact, plain, fast))
    checks.at_most((ours - truth).norm() / (usual - truth).norm(), 1.5, "error, over the usual")


@pytest.mark.parametrize(("H", "H_kv"), [(4, 4), (4, 2), (4, 1)])
@pytest.mark.parametrize("T_q", [1, 3])
def test_decode_attention(H, H_kv, T_q):
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(2, H, T_q, 8, generator=generator)
    k, v = torch.randn(2, 2, H_kv, 7, 8, generator=generator)
    expected = CLEAR.causal_attention(q, k, v)
    checks.close(packed.decode_attention(q, k, v), expected, f"{T_q} of 7, {H} and {H_kv} heads")


def test_works_without_kernels():
    model = tiny_model()  # float64
    fast = packed.pack(copy.deepcopy(model))
    one, two = (list(generate(m, random_ids(2, 4), 5, sampling=GREEDY)) for m in (model, fast))
    checks.equal(torch.stack(two, 1), torch.stack(one, 1), "5 greedy tokens")


def test_refuses_other_devices():
    with torch.device("meta"):
        model = GPT(CONFIGS["gpt2"], FUSED)
    checks.raises(lambda: packed.pack(model), ValueError, "a model on meta", match="on meta")
