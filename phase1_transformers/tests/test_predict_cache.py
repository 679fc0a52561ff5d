import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from phase1_transformers.solution import predict_cache
from phase1_transformers.solution.cache import KVCache, next_logits
from phase1_transformers.solution.config import gpt2
from phase1_transformers.solution.gpt import GPT
from phase1_transformers.solution.ops import FUSED
from shared import checks
from shared.checks import Near, Sealed


@pytest.mark.exercise("1.22")
def test_bytes_of_gpt2_cache():
    answer = Sealed("gpt2-cache", "90fc70af14ce575c")
    actual = predict_cache.bytes_of_gpt2_cache()
    checks.guess(actual, answer, "bytes of GPT-2's cache for 1024 tokens")


@pytest.mark.exercise("1.22")
def test_tokens_in_a_gibibyte():
    answer = Sealed("gibibyte", "40b39cb62af247f8")
    actual = predict_cache.tokens_in_a_gibibyte()
    checks.guess(actual, answer, "tokens of Llama 3 8B's cache in a GiB")


@pytest.mark.exercise("1.22")
def test_tokens_read_without_cache():
    answer = Sealed("read", "ff32f657b7eb5844")
    actual = predict_cache.tokens_read_without_cache()
    checks.guess(actual, answer, "tokens read without a cache")


@pytest.mark.exercise("1.22")
def test_flops_of_a_cached_token():
    answer = Near(12 * (24 * 768**2 + 4 * 768 * 1024) + 2 * 768 * 50257, rtol=0.1)
    actual = predict_cache.flops_of_a_cached_token()
    checks.guess(actual, answer, "operations of one token with 1023 in the cache")


@pytest.mark.exercise("1.22")
def test_tokens_per_s_at_most():
    answer = Near(20e9 / (4 * 124_439_808), rtol=0.05)
    actual = predict_cache.tokens_per_s_at_most()
    checks.guess(actual, answer, "tokens a second at 20 GB/s")


def test_the_answers_are_those_of_the_real_model():
    """The oracle: PyTorch counts the operations and bytes of the model itself, without memory."""
    with torch.device("meta"):
        model, idx = GPT(gpt2(), FUSED), torch.zeros(1, 1024, dtype=torch.int64)
        cache = KVCache(model.config, batch_size=1, device="meta")
    cache.advance(1023)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        next_logits(model, idx, cache)
    flops = predict_cache.flops_of_a_cached_token()
    checks.equal(counter.get_total_flops(), flops, "operations counted by PyTorch")
    n_bytes = sum(parameter.nbytes for parameter in model.parameters())
    checks.close(predict_cache.tokens_per_s_at_most(), 20e9 / n_bytes, "tokens a second")
