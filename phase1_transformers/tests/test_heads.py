"""Heads: layouts by hand, slices in a loop, PyTorch's own module, and what a single head adds."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from phase1_transformers.solution import heads, layers
from phase1_transformers.solution.config import gpt2, modern
from phase1_transformers.solution.ops import CLEAR
from phase1_transformers.tests.random_tensors import (
    check_arguments_are_left,
    check_dtype,
    check_shape,
    gradients,
    normal,
)
from shared import checks

EXACT = {"rtol": 1e-10, "atol": 1e-10}


# -- splitting and merging --------------------------------------------------------------------


@pytest.mark.exercise("1.9")
def test_split_by_hand():
    x = torch.tensor([[[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]])  # three tokens, four channels
    expected = torch.tensor([[[[1, 2], [5, 6], [9, 10]], [[3, 4], [7, 8], [11, 12]]]])
    actual = heads.split_heads(x, 2)
    check_shape(actual, (1, 2, 3, 2), "shape of (1, 3, 4) split into 2 heads")
    checks.equal(actual, expected, "three tokens of four channels, split into 2 heads")


@pytest.mark.exercise("1.9")
def test_merge_by_hand():
    x = torch.tensor([[[[1, 2], [5, 6], [9, 10]], [[3, 4], [7, 8], [11, 12]]]])
    expected = torch.tensor([[[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]])
    actual = heads.merge_heads(x)
    check_shape(actual, (1, 3, 4), "shape of 2 merged heads of 2 channels, 3 tokens")
    checks.equal(actual, expected, "2 heads of 2 channels, merged")


@pytest.mark.exercise("1.9")
def test_repeat_by_hand():
    x = torch.tensor([[[[1, 2]], [[3, 4]]]])  # two key heads, one token, two channels
    expected = torch.tensor([[[[1, 2]], [[1, 2]], [[3, 4]], [[3, 4]]]])
    checks.equal(heads.repeat_kv(x, 4), expected, "2 key heads for 4 query heads")
    checks.equal(heads.repeat_kv(x, 2), x, "2 key heads for 2 query heads")


@pytest.mark.exercise("1.9")
def test_heads_leave_their_arguments():
    check_arguments_are_left(lambda x: heads.split_heads(x, 2), "split_heads", x=normal(2, 3, 4))
    check_arguments_are_left(heads.merge_heads, "merge_heads", x=normal(2, 2, 3, 5))
    check_arguments_are_left(lambda x: heads.repeat_kv(x, 6), "repeat_kv", x=normal(2, 2, 3, 5))


@pytest.mark.exercise("1.9")
@pytest.mark.parametrize(("B", "H", "T", "D"), [(2, 3, 5, 4), (1, 4, 1, 2), (3, 1, 4, 2)])
def test_split_is_slices(B, H, T, D):
    x = normal(B, T, 3 * H * D, dtype=torch.float32)[..., H * D : 2 * H * D]  # as k lies in qkv
    expected = torch.stack([x[..., h * D : (h + 1) * D] for h in range(H)], dim=1)
    actual = heads.split_heads(x, H)
    check_dtype(actual, torch.float32, "dtype of split_heads")
    checks.equal(actual, expected, f"({B}, {T}, {H * D}) split into {H} heads")


@pytest.mark.exercise("1.9")
@pytest.mark.parametrize(("B", "H", "T", "D"), [(2, 3, 5, 4), (1, 4, 1, 2), (3, 1, 4, 2)])
def test_merge_is_slices_side_by_side(B, H, T, D):
    x = normal(B, H, T, D)
    expected = torch.cat([x[:, h] for h in range(H)], dim=-1)
    checks.equal(heads.merge_heads(x), expected, f"{H} heads of {D} channels, {T} tokens, merged")


@pytest.mark.exercise("1.9")
def test_merge_undoes_split():
    x = normal(2, 5, 12)
    for n_head in (1, 3, 4, 12):
        merged = heads.merge_heads(heads.split_heads(x, n_head))
        checks.equal(merged, x, f"12 channels split into {n_head} heads and merged again")


@pytest.mark.exercise("1.9")
@pytest.mark.parametrize(("H_kv", "H"), [(1, 3), (2, 6), (3, 6), (4, 4)])
def test_repeat_serves_neighbours(H_kv, H):
    x = normal(2, H_kv, 3, 4)
    expected = torch.stack([x[:, h * H_kv // H] for h in range(H)], dim=1)
    actual = heads.repeat_kv(x, H)
    checks.equal(actual, expected, f"{H_kv} key heads for {H} query heads")
    (grad,) = gradients(lambda x: heads.repeat_kv(x, H), x)
    shares = normal(2, H, 3, 4, seed=9).view(2, H_kv, H // H_kv, 3, 4).sum(dim=2)
    checks.close(grad, shares, f"gradient of {H_kv} key heads, each used {H // H_kv} times")


# -- what they are for ------------------------------------------------------------------------


def self_attention(n_head=3, n_embd=12):
    config = gpt2(vocab_size=5, block_size=8, n_layer=1, n_head=n_head, n_embd=n_embd)
    torch.manual_seed(0)
    return layers.SelfAttention(config, CLEAR, layer=0).double()


@pytest.mark.exercise("1.9")
def test_self_attention_is_torchs():
    ours, x = self_attention(), normal(2, 5, 12)
    theirs = torch.nn.MultiheadAttention(12, 3, batch_first=True, dtype=torch.float64)
    theirs.in_proj_weight, theirs.in_proj_bias = ours.qkv.weight, ours.qkv.bias
    theirs.out_proj.weight, theirs.out_proj.bias = ours.proj.weight, ours.proj.bias
    future = torch.ones(5, 5, dtype=torch.bool).triu(diagonal=1)
    expected, _ = theirs(x, x, x, attn_mask=future, need_weights=False)
    checks.close(ours(x), expected, "self-attention with 3 heads, against torch's module", **EXACT)


@pytest.mark.exercise("1.9")
def test_each_head_adds_its_own_part():
    layer, x = self_attention(), normal(2, 5, 12)
    q, k, v = layer.qkv(x).split(12, dim=-1)
    with torch.no_grad():
        whole = layer(x)
        for h in range(3):
            columns = slice(4 * h, 4 * h + 4)
            weight, rest = layer.proj.weight[:, columns].clone(), layer.proj.weight.clone()
            layer.proj.weight[:, columns] = 0
            one = [t[..., columns] for t in (q, k, v)]
            part = F.scaled_dot_product_attention(*one, is_causal=True) @ weight.T
            name = f"what is missing when the projection of head {h} is zero"
            checks.close(whole - layer(x), part, name, **EXACT)
            layer.proj.weight[:] = rest


@pytest.mark.exercise("1.9")
def test_grouped_attention_is_torchs():
    q, k, v = normal(2, 6, 3, 4), normal(2, 2, 3, 4, seed=1), normal(2, 2, 3, 4, seed=2)
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    checks.close(heads.grouped_attention(q, k, v), expected, "6 query heads, 2 key heads", **EXACT)


def test_shared_keys_are_copied_keys():
    config = modern(vocab_size=5, block_size=8, n_layer=1, n_head=4, n_embd=16, n_kv_head=2)
    torch.manual_seed(0)
    few = layers.SelfAttention(config, CLEAR, layer=0).double()
    many = layers.SelfAttention(dataclasses.replace(config, n_kv_head=4), CLEAR, layer=0).double()
    q, k, v = (w.view(-1, 4, 16) for w in few.qkv.weight.split(few.widths))
    copied = [q, k[[0, 0, 1, 1]], v[[0, 0, 1, 1]]]
    many.load_state_dict(few.state_dict() | {"qkv.weight": torch.cat(copied).flatten(0, 1)})
    x = normal(2, 5, 16)
    checks.close(few(x), many(x), "2 key heads against 4, of which pairs are equal", **EXACT)


def test_heads_refuse_what_does_not_divide():
    checks.raises(lambda: heads.split_heads(normal(1, 2, 7), 2), ValueError, "7 by 2", match="7")
    checks.raises(lambda: heads.repeat_kv(normal(1, 2, 3, 4), 3), ValueError, "3 by 2", match="3")
