import pytest
import torch

from phase1_transformers.solution import cache
from phase1_transformers.solution.config import modern
from phase1_transformers.tests.tiny_models import BLOCK_SIZE, CONFIGS, random_ids, tiny_model
from shared import checks

CONFIG = modern(vocab_size=9, block_size=8, n_layer=3, n_head=4, n_kv_head=2, n_embd=8)  # D = 2


def new_keys(T, seed, B=1):
    """Draw keys and values of T tokens, (B, H_kv, T, D) each."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, B, 2, T, 2, generator=generator).unbind()


def is_pair(stored):
    return isinstance(stored, tuple | list) and len(stored) == 2


def append(kv, layer, k, v, name):
    """Append, and make sure that two tensors come back."""
    stored = kv.append(layer, k, v)
    checks.law(is_pair(stored), f"{name}: append returns keys and values", stored)
    return stored


@pytest.mark.exercise("1.21")
def test_first_tokens_come_back():
    kv, (k, v) = cache.KVCache(CONFIG, 1), new_keys(3, seed=0)
    k_all, v_all = append(kv, 0, k, v, "3 tokens into an empty cache")
    checks.equal(k_all, k, "3 tokens into an empty cache: the keys")
    checks.equal(v_all, v, "3 tokens into an empty cache: the values")
    checks.equal((k, v), new_keys(3, seed=0), "k and v, which must stay as they are")


@pytest.mark.exercise("1.21")
def test_length_is_for_advance():
    kv = cache.KVCache(CONFIG, 1)
    kv.append(0, *new_keys(3, seed=0))
    checks.equal(kv.length, 0, "length after the first of three layers has stored 3 tokens")
    for layer in (1, 2):
        kv.append(layer, *new_keys(3, seed=layer))
    checks.equal(kv.length, 0, "length after all three layers have stored 3 tokens")


@pytest.mark.exercise("1.21")
def test_later_tokens_follow_the_earlier():
    kv, (k, v), (k_new, v_new) = cache.KVCache(CONFIG, 2), new_keys(3, 0, B=2), new_keys(2, 1, B=2)
    kv.append(0, k, v)
    kv.length = 3
    k_all, v_all = append(kv, 0, k_new, v_new, "2 tokens after 3")
    checks.equal(k_all, torch.cat([k, k_new], dim=2), "2 tokens after 3: all keys, in order")
    checks.equal(v_all, torch.cat([v, v_new], dim=2), "2 tokens after 3: all values, in order")
    kv.length = 5
    k_last, v_last = new_keys(3, 2, B=2)
    k_all, v_all = append(kv, 0, k_last, v_last, "3 tokens that fill the cache")
    checks.equal(k_all, torch.cat([k, k_new, k_last], dim=2), "the cache filled: all keys")
    checks.equal(v_all, torch.cat([v, v_new, v_last], dim=2), "the cache filled: all values")


@pytest.mark.exercise("1.21")
def test_layers_keep_their_own():
    kv, stored = cache.KVCache(CONFIG, 1), [new_keys(2, seed=layer) for layer in range(3)]
    for layer, (k, v) in enumerate(stored):
        append(kv, layer, k, v, f"layer {layer}")
    kv.length = 2
    for layer, (k, v) in enumerate(stored):
        k_new, v_new = new_keys(1, seed=10 + layer)
        k_all, v_all = append(kv, layer, k_new, v_new, f"layer {layer}")
        checks.equal(k_all, torch.cat([k, k_new], dim=2), f"keys of layer {layer} of 3")
        checks.equal(v_all, torch.cat([v, v_new], dim=2), f"values of layer {layer} of 3")


@pytest.mark.exercise("1.21")
def test_new_tokens_take_the_place_of_cropped_ones():
    kv, (k, v), (k_new, v_new) = cache.KVCache(CONFIG, 1), new_keys(4, 0), new_keys(1, 1)
    kv.append(1, k, v)
    kv.length = 4
    kv.crop(2)
    k_all, v_all = append(kv, 1, k_new, v_new, "4 tokens, cropped to 2, 1 more")
    checks.equal(k_all, torch.cat([k[:, :, :2], k_new], dim=2), "4 tokens, cropped to 2, 1 more")
    checks.equal(v_all, torch.cat([v[:, :, :2], v_new], dim=2), "the same, values")


@pytest.mark.exercise("1.21")
def test_nothing_is_copied():
    kv, (k, v) = cache.KVCache(CONFIG, 1), new_keys(3, seed=0)
    own = [kv.k.data_ptr(), kv.v.data_ptr()]
    stored = append(kv, 0, k, v, "3 tokens")
    now = [kv.k.data_ptr(), kv.v.data_ptr()]
    checks.law(now == own, "append writes into the k and v that the cache has had from the start")
    inside = [tensor.data_ptr() for tensor in stored] == own
    checks.law(inside, "what append returns are views of the cache's own k and v")


@pytest.mark.exercise("1.21")
@pytest.mark.parametrize("kind", CONFIGS)
@torch.no_grad()
def test_any_split_gives_the_logits_of_one_pass(kind):
    model, idx = tiny_model(kind), random_ids(2, BLOCK_SIZE)
    whole, _ = model(idx)  # (B, T, V), without a cache
    for steps in ([12], [11, 1], [1, 11], [5, 7], [4, 1, 1, 6], [1] * 12):
        kv, name = cache.KVCache(model.config, 2, dtype=torch.float64), f"read as {steps}"
        for end in torch.tensor(steps).cumsum(0).tolist():
            logits = cache.next_logits(model, idx[:, :end], kv)
            checks.close(logits, whole[:, end - 1], f"{kind}, {name}: logits after {end} tokens")
            checks.equal(kv.length, end, f"{kind}, {name}: tokens in the cache")
    checks.equal(idx, random_ids(2, BLOCK_SIZE), "idx, which must stay as it is")


@pytest.mark.exercise("1.21")
@torch.no_grad()
def test_only_new_tokens_are_read():
    model, idx, read = tiny_model(), random_ids(1, 8), []
    kv = cache.KVCache(model.config, 1, dtype=torch.float64)

    def spy(new, *args, **kwargs):
        read.append(new.tolist() if isinstance(new, torch.Tensor) else new)
        return model(new, *args, **kwargs)

    for end in (5, 6, 8):
        cache.next_logits(spy, idx[:, :end], kv)
    parts = [idx[:, :5].tolist(), idx[:, 5:6].tolist(), idx[:, 6:8].tolist()]
    checks.equal(read, parts, "tokens that the model reads for texts of 5, 6 and 8")


def test_a_text_without_new_tokens_is_refused():
    model, idx, kv = tiny_model(), random_ids(1, 3), cache.KVCache(CONFIGS["gpt2"], 1)
    kv.advance(3)
    told = "3 tokens were read already"
    checks.raises(lambda: cache.next_logits(model, idx, kv), ValueError, "nothing new", match=told)


@pytest.mark.parametrize("kind", CONFIGS)
@torch.no_grad()
def test_another_end_after_a_crop(kind):
    model, idx, other = tiny_model(kind), random_ids(2, 10), random_ids(2, 10, seed=1)
    kv = cache.KVCache(model.config, 2, dtype=torch.float64)
    cache.next_logits(model, idx, kv)
    kv.crop(4)
    text = torch.cat([idx[:, :4], other[:, 4:]], dim=1)
    checks.close(cache.next_logits(model, text, kv), model(text)[0][:, -1], "logits")


def test_crop_keeps_what_was_read():
    kv = cache.KVCache(CONFIG, 1)
    kv.advance(3)
    checks.raises(lambda: kv.crop(4), ValueError, "keep 4 of 3", match="3 tokens were read")
    checks.raises(lambda: kv.crop(-1), ValueError, "keep -1 of 3")
    kv.crop(3)
    kv.crop(0)
    checks.equal(kv.length, 0, "length after crop(0)")


def test_room_and_bytes():
    full = cache.KVCache(CONFIG, 1, max_tokens=2)
    told = "room for 2 tokens, not for 3"
    checks.raises(lambda: full.append(0, *new_keys(3, 0)), ValueError, "3 tokens", match=told)
    kv = cache.KVCache(CONFIG, 2, max_tokens=5, dtype=torch.bfloat16)
    checks.equal(kv.k.shape, (3, 2, 2, 5, 2), "shape of the keys")
    checks.equal(kv.n_bytes, 2 * 3 * 2 * 2 * 5 * 2 * 2, "bytes: k and v, bfloat16")
    checks.equal(cache.KVCache(CONFIG, 2, max_tokens=0).max_tokens, 0, "no room at all")


def test_agrees_with_transformers_cache():
    """The oracle: the same sequence through Hugging Face's DynamicCache."""
    from transformers import DynamicCache

    theirs, ours = DynamicCache(), cache.KVCache(CONFIG, 2)
    for step, T in enumerate((3, 1, 2)):
        for layer in range(3):
            k, v = new_keys(T, seed=10 * step + layer, B=2)
            expected = theirs.update(k, v, layer)
            checks.equal(ours.append(layer, k, v), tuple(expected), f"layer {layer}, step {step}")
        ours.advance(T)
