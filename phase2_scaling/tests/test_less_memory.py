"""The five ways to need less memory, in one step: the plain step, and less at its peak."""

import pytest
import torch

from phase2_scaling.solution.accumulation import accumulate
from phase2_scaling.solution.checkpointing import recompute
from phase2_scaling.solution.chunked_loss import chunked_cross_entropy
from phase2_scaling.solution.clipping import clip_grad_norm
from phase2_scaling.solution.mixed_precision import MasterWeights
from phase2_scaling.solution.model import GPT, IGNORED, GPTConfig, next_token_loss
from phase2_scaling.solution.offload import OffloadedOptimizer, offload_activations
from phase2_scaling.solution.rules import AdamW, WithMaster
from phase2_scaling.solution.tracker import MemoryTracker
from shared import checks

CONFIG = GPTConfig(vocab_size=512, block_size=32, n_layer=3, n_head=2, n_embd=32)
RULE = AdamW(lr=1e-2, eps=1e-4)  # a large eps, so that rounding of tiny gradients stays rounding


def make_model(dtype):
    return GPT(CONFIG, torch.Generator().manual_seed(0)).to(dtype)


def make_batch():
    """Eight rows, from the fifth on with fewer and fewer targets."""
    idx, targets = torch.randint(512, (2, 8, 32), generator=torch.Generator().manual_seed(1))
    for row in range(4, 8):
        targets[row, 32 - 9 * (row - 3) :] = IGNORED
    return idx, targets


def frugal_loss(model, idx, targets):
    x = model.embed(idx)
    for block in model.blocks:
        x = recompute(block, x)
    return chunked_cross_entropy(model.norm(x), model.head.weight, targets, 16, reduction="sum")


def plain_steps(model, n):
    """Steps on the whole batch at once, by PyTorch's optimiser."""
    idx, targets = make_batch()
    optimizer = torch.optim.AdamW(
        model.parameters(), RULE.lr, RULE.betas, RULE.eps, RULE.weight_decay, foreach=False
    )
    losses = []
    for _ in range(n):
        optimizer.zero_grad()
        loss = next_token_loss(model(idx)[0], targets)
        loss.backward()
        clip_grad_norm(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


def frugal_steps(model, n, rule):
    idx, targets = make_batch()
    micro_batches = list(zip(idx.split(2), targets.split(2)))
    optimizer = OffloadedOptimizer(model.parameters(), rule)
    losses = []
    for _ in range(n):
        with offload_activations(keep=model.parameters(), min_bytes=1024):
            losses.append(accumulate(model, micro_batches, frugal_loss, max_norm=1.0))
        optimizer.step()
    return losses


def peak(steps, model, *args):
    with MemoryTracker() as memory:
        memory.hold("parameters", model.parameters())
        steps(model, *args)
    return memory.peak


def test_all_together_are_the_plain_step():
    plain, frugal = make_model(torch.float64), make_model(torch.float64)
    expected = plain_steps(plain, 3)
    checks.close(frugal_steps(frugal, 3, RULE), expected, "losses", rtol=1e-9)
    wanted = list(plain.parameters())
    checks.close(list(frugal.parameters()), wanted, "parameters", rtol=0, atol=1e-9)


def test_all_together_need_a_fraction():
    plainly = peak(plain_steps, make_model(torch.float32), 2)
    frugally = peak(frugal_steps, make_model(torch.bfloat16), 2, WithMaster(RULE))
    checks.at_most(frugally, plainly / 6, f"peak bytes of two steps ({plainly} without)")


def test_bfloat16_follows_float32():
    expected = plain_steps(make_model(torch.float32), 10)
    found = frugal_steps(make_model(torch.bfloat16), 10, WithMaster(RULE))
    # Eight bits of every activation: the losses fall together, some percent apart.
    checks.close(found, expected, "losses of ten steps in bfloat16", rtol=0.05)
    checks.at_most(found[-1], 0.7 * found[0], "the loss after ten steps")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_masters_on_the_device_or_elsewhere(dtype):
    """`MasterWeights` with the rule, and `WithMaster` offloaded: one rounding, one result."""
    one, other = make_model(torch.float32), make_model(torch.float32).to(dtype)
    weights = MasterWeights(one, dtype)
    with torch.no_grad():
        for master, copy in zip(weights.masters, weights.copies):
            master.copy_(copy)  # both begin with the rounded weights
    on_device = OffloadedOptimizer(weights.masters, RULE)
    elsewhere = OffloadedOptimizer(other.parameters(), WithMaster(RULE))
    for _ in range(3):
        for model in (one, other):
            accumulate(model, [make_batch()], frugal_loss)
        weights.collect_gradients()
        on_device.step()
        weights.publish()
        elsewhere.step()
    checks.equal(list(one.parameters()), list(other.parameters()), "parameters of 16 bits")
