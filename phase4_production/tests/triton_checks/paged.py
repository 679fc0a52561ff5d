"""The paged kernels against the clear version, which gathers and takes a softmax."""

import pytest
import torch
from torch.testing import assert_close

from phase4_production.project import triton_paged
from phase4_production.project.runner import Runner
from phase4_production.solution import paged_attention, paged_cache
from phase4_production.tests.steps import draw_step
from phase4_production.tests.triton_checks.attention_oracle import DEVICE


def caches(step, H_kv, D, dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    shape = (2, step.n_blocks, step.block_size, H_kv, D)
    return torch.randn(shape, generator=generator).to(DEVICE, dtype)


@pytest.mark.parametrize(
    ("lengths", "new", "block_size", "H", "H_kv", "D"),
    [
        ([1], [1], 16, 1, 1, 16),
        ([300, 5, 17, 256, 70], [1, 1, 1, 1, 1], 16, 4, 2, 16),
        ([257, 9, 512], [3, 9, 1], 16, 2, 2, 32),
        ([40, 33], [1, 2], 8, 12, 1, 64),
        ([20], [1], 16, 40, 1, 128),  # more heads of a group than a product's 16 rows
    ],
)
def test_each_token_sees_its_own_sequence(lengths, new, block_size, H, H_kv, D):
    step = draw_step(lengths, new, block_size, DEVICE)
    k_cache, v_cache = caches(step, H_kv, D)
    q = torch.randn(sum(new), H, D, generator=torch.Generator().manual_seed(2)).to(DEVICE)
    look = triton_paged.PagedAttention(step.batch, block_size)
    assert_close(look(q, k_cache, v_cache), paged_attention.attend(q, k_cache, v_cache, step.batch))


def test_the_largest_score_may_come_in_the_last_of_many_splits():
    length = (triton_paged.MERGED + 1) * triton_paged.SPLIT  # one more than are merged at once
    step = draw_step([length], [1], 16, DEVICE)
    k_cache, v_cache = caches(step, 1, 16)
    q = torch.randn(1, 1, 16, generator=torch.Generator().manual_seed(2)).to(DEVICE)
    last = step.batch.block_tables[0, -1]
    k_cache[last] = q[0]  # |q|^2 / 4 is more than any other score
    found = triton_paged.PagedAttention(step.batch, 16)(q, k_cache, v_cache)
    assert_close(found, paged_attention.attend(q, k_cache, v_cache, step.batch))


def test_an_answer_does_not_depend_on_the_neighbours_to_the_last_bit():
    lengths = [600, 40, 300]
    step = draw_step(lengths, [1, 1, 1], 16, DEVICE)
    k_cache, v_cache = caches(step, 2, 16)
    q = torch.randn(3, 4, 16, generator=torch.Generator().manual_seed(2)).to(DEVICE)
    together = triton_paged.attend(
        q,
        k_cache,
        v_cache,
        step.batch.block_tables,
        torch.arange(3, dtype=torch.int32, device=DEVICE),
        step.batch.lengths,
    )
    for s, length in enumerate(lengths):
        table = step.batch.block_tables[s : s + 1, : -(-length // 16)]
        owner = torch.zeros(1, dtype=torch.int32, device=DEVICE)
        alone = triton_paged.attend(
            q[s : s + 1], k_cache, v_cache, table, owner, step.batch.lengths[s : s + 1]
        )
        assert torch.equal(alone[0], together[s])


def test_a_cache_of_half_precision():
    step = draw_step([50], [1], 16, DEVICE)
    k_cache, v_cache = caches(step, 1, 16, torch.bfloat16)
    q = torch.randn(1, 2, 16, generator=torch.Generator().manual_seed(2)).to(DEVICE)
    found = triton_paged.PagedAttention(step.batch, 16)(q, k_cache, v_cache)
    assert found.dtype == torch.float32
    assert_close(found, paged_attention.attend(q, k_cache, v_cache, step.batch))


def test_writing():
    step = draw_step([20, 7, 33], [3, 7, 1], 16, DEVICE)
    H_kv, D = 3, 16  # a row of 48, which is no power of two
    layers = torch.stack([caches(step, H_kv, D)] * 2, 1)  # k or v, layer, ...
    right = layers.clone()
    generator = torch.Generator().manual_seed(3)
    qkv = torch.randn(11, 3, H_kv, D, generator=generator).to(DEVICE)
    _, k, v = qkv.unbind(1)  # views of a product, as a decoder has them
    triton_paged.write(layers[0, 1], layers[1, 1], step.batch.slots, k, v)
    paged_cache.write(right[0, 1], step.batch.slots, k)
    paged_cache.write(right[1, 1], step.batch.slots, v)
    assert torch.equal(layers, right)


def test_caches_of_other_strides_are_refused():
    k_cache = torch.zeros(2, 16, 3, 16)
    with pytest.raises(ValueError, match="strides"):
        triton_paged._require_rows(k_cache, k_cache.transpose(1, 2).contiguous().transpose(1, 2))
    with pytest.raises(ValueError, match="strides"):
        triton_paged._require_rows(k_cache.mT, k_cache.mT)


def test_a_runner_takes_them(tmp_path):
    from phase4_production.project.decoder import Decoder
    from phase4_production.tests import tiny_models

    tiny_models.gpt2().save_pretrained(tmp_path)
    decoder = Decoder.load(tmp_path, device=DEVICE)
    step = draw_step([5, 9], [5, 9], 16, DEVICE)
    ours = Runner(decoder, step.n_blocks, 16, attention=triton_paged.PagedAttention)
    assert_close(ours.run(step.batch), Runner(decoder, step.n_blocks, 16).run(step.batch))
