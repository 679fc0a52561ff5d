"""Adam in eight bits: by hand, its step in float64, laws of the blocks, bitsandbytes, a task."""

import math

import pytest
import torch
from torch import nn

from phase3_alignment.solution import adam8bit, double_quant, nf4
from shared import checks

ZERO = {True: 127, False: 0}  # the index of the level 0 in the signed and the unsigned map


def randn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def levels_of(signed):
    return adam8bit.SIGNED if signed else adam8bit.UNSIGNED


def numbers(n, signed, seed=0):
    """Numbers whose sizes differ from block to block."""
    x = randn(n, seed=seed) * 10.0 ** -(torch.arange(n) // 256)
    return x if signed else x.square()


def brute_force(x, levels):
    """Codes and scales: every number against every level, in float64."""
    flat, levels = x.double().flatten(), levels.double()
    scales = [part.abs().max().item() for part in flat.split(256)]
    spread = torch.tensor(scales).double().repeat_interleave(256)[: len(flat)]
    scaled = flat / spread.where(spread > 0, 1)
    return (scaled[:, None] - levels).abs().argmin(1).tolist(), scales


def decoded(codes, scales, levels):
    """What codes and scales stand for."""
    levels = levels.tolist()
    return torch.tensor([levels[c] * scales[i // 256] for i, c in enumerate(codes)])


def quantized(x, levels):
    """Call `adam8bit.quantize`; say so if it does not return two things."""
    found = adam8bit.quantize(x, levels)
    pair = isinstance(found, tuple) and len(found) == 2
    checks.law(pair, "quantize returns two tensors, codes and scales", found)
    return found


@pytest.mark.exercise("3.8")
def test_four_numbers_by_hand():
    """Over 2 they are 1, -1 (the map ends at -0.993), 0, and 1/2 (its 0.4867 is nearer)."""
    x = torch.tensor([[2.0, -2.0], [0.0, 0.98]])
    kept = x.clone()
    codes, absmax = quantized(x, adam8bit.SIGNED)
    checks.equal(x, kept, "the numbers after quantize, left as they were")
    checks.equal(absmax, torch.tensor([2.0]), "the scale of (2, -2, 0, 0.98)")
    nearest = min(range(256), key=lambda k: abs(0.49 - adam8bit.SIGNED[k].item()))
    checks.equal(codes.tolist(), [255, 0, 127, nearest], "the codes of (2, -2, 0, 0.98)")
    checks.equal(str(codes.dtype), "torch.uint8", "dtype of the codes")
    codes, absmax = quantized(torch.tensor([1.0, -4.0]), adam8bit.SIGNED)
    checks.equal(absmax, torch.tensor([4.0]), "the scale of (1, -4)")


@pytest.mark.exercise("3.8")
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("n", [1, 255, 256, 257, 600])
def test_codes_are_those_of_brute_force(n, signed):
    x = numbers(n, signed)
    name = f"{n} {'signed' if signed else 'positive'} numbers"
    codes, absmax = quantized(x, levels_of(signed))
    expected, scales = brute_force(x, levels_of(signed))
    checks.equal(absmax, torch.tensor(scales), f"scales of {name}")
    checks.equal(codes.tolist(), expected, f"codes of {name}")


@pytest.mark.exercise("3.8")
def test_blocks_follow_a_matrix_row_by_row():
    x = numbers(600, True).view(20, 30)
    codes, absmax = quantized(x, adam8bit.SIGNED)
    expected, scales = brute_force(x, adam8bit.SIGNED)
    checks.equal(absmax, torch.tensor(scales), "scales of a matrix of 20 x 30")
    checks.equal(codes.tolist(), expected, "codes of a matrix of 20 x 30")


@pytest.mark.exercise("3.8")
@pytest.mark.parametrize("signed", [True, False])
def test_zeros_stay_zeros(signed):
    x = numbers(600, signed)
    x[256:512], x[::5] = 0.0, 0.0
    codes, absmax = quantized(x, levels_of(signed))
    zeros = codes[x == 0]
    checks.equal(zeros.tolist(), [ZERO[signed]] * len(zeros), "codes of zeros")
    checks.equal(absmax[1], torch.tensor(0.0), "the scale of a block of zeros")


@pytest.mark.exercise("3.8")
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("n", [1, 256, 257, 600])
def test_numbers_come_back(n, signed):
    levels = levels_of(signed)
    codes, scales = brute_force(numbers(n, signed), levels)
    kept = torch.tensor(codes, dtype=torch.uint8)
    found = adam8bit.dequantize(kept.clone(), torch.tensor(scales), levels)
    # One product, relative to each: the numbers reach down to 1e-10.
    expected = decoded(codes, scales, levels)
    checks.close(found, expected, f"{n} numbers from their codes", rtol=1.3e-6, atol=0)


def optimizer(parameters, steps=0, **settings):
    """An optimiser whose moments are already something, after so many steps."""
    made = adam8bit.Adam8bit(parameters, **settings)
    made.steps = steps
    for i, (p, state) in enumerate(zip(made.parameters, made.state, strict=True)):
        if steps:
            n = p.numel()
            m, v = 0.1 * numbers(n, True, seed=i), 0.02 * numbers(n, False, seed=i) + 1e-3
            codes, scales = brute_force(m, adam8bit.SIGNED)
            state["m"] = torch.tensor(codes, dtype=torch.uint8), torch.tensor(scales)
            codes, scales = brute_force(v, adam8bit.UNSIGNED)
            state["v"] = torch.tensor(codes, dtype=torch.uint8), torch.tensor(scales)
    return made


def exact_step(parameter, state, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """One step in float64 from eight-bit moments: the new parameter, m and v."""
    m, v = (
        decoded(codes.tolist(), scales.tolist(), levels).double()
        for (codes, scales), levels in [
            (state["m"], adam8bit.SIGNED),
            (state["v"], adam8bit.UNSIGNED),
        ]
    )
    g = parameter.grad.double().flatten()
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g * g
    m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
    w = parameter.detach().double().flatten() * (1 - lr * weight_decay)
    return (w - lr * m_hat / (v_hat.sqrt() + eps)).view(parameter.shape), m, v


def check_step(parameter, made, name, **settings):
    """Take one step and compare parameter and moments with the exact ones.

    Scales to 1e-4: 1 - beta2, where it is taken in float32, is off by half of that.
    """
    state = made.state[0]
    expected, m, v = exact_step(parameter, state, made.steps + 1, **settings)
    made.step()
    found = parameter.detach()
    checks.close(found, expected.to(found.dtype), f"the parameter after {name}")
    for moment, exact, signed in [("m", m, True), ("v", v, False)]:
        codes, scales = made.state[0][moment]
        want = brute_force(exact, levels_of(signed))[1]
        what = f"the scales of {moment} after {name}"
        checks.close(scales, torch.tensor(want), what, rtol=1e-4, atol=0)
        levels = levels_of(signed).double()
        scaled = exact / torch.tensor(want).double().repeat_interleave(256)[: len(exact)]
        nearest = (scaled[:, None] - levels).abs().amin(1)
        error = (scaled - levels[codes.long()]).abs()
        # Float32 may take the neighbour of a number that lies on the border of two levels.
        what = f"the codes of {moment} after {name} are those of the nearest levels"
        checks.law((error <= nearest + 1e-5).all(), what, codes)


@pytest.mark.exercise("3.8")
def test_the_first_step_by_hand():
    """With moments of zero the corrections undo the decay: lr times the sign of the gradient."""
    p = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))
    p.grad = torch.tensor([0.5, -0.25, 0.0])
    made = adam8bit.Adam8bit([p], lr=0.1)
    made.step()
    checks.close(p.detach(), torch.tensor([0.9, 2.1, 3.0]), "(1, 2, 3) after the first step")
    checks.equal(p.grad, torch.tensor([0.5, -0.25, 0.0]), "the gradient after it, left as it was")
    checks.equal(made.steps, 1, "steps taken")
    checks.close(made.state[0]["m"][1], torch.tensor([0.05]), "the scale of m after the first step")
    expected = torch.tensor([0.00025])
    # 1 - 0.999, taken in float32, is off by 5e-5.
    checks.close(made.state[0]["v"][1], expected, "the scale of v after it", rtol=1e-4, atol=0)


@pytest.mark.exercise("3.8")
def test_a_later_step():
    p = nn.Parameter(randn(600, seed=7))
    p.grad = 0.1 * randn(600, seed=8)
    check_step(p, optimizer([p], steps=6), "step 7")


@pytest.mark.exercise("3.8")
def test_a_step_of_a_matrix_with_every_setting():
    p = nn.Parameter(randn(20, 30, seed=7))
    p.grad = 0.1 * randn(20, 30, seed=8)
    settings = {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-2, "weight_decay": 0.5}
    check_step(p, optimizer([p], steps=2, **settings), "step 3 with weight decay", **settings)


@pytest.mark.exercise("3.8")
def test_several_parameters_share_the_step():
    first, idle, last = (nn.Parameter(randn(300, seed=i)) for i in range(3))
    made = optimizer([first, idle, last], steps=1)
    idle_state = [part.clone() for moment in made.state[1].values() for part in moment]
    kept = idle.detach().clone()
    first.grad, last.grad = 0.1 * randn(300, seed=4), 0.1 * randn(300, seed=5)
    expected = [exact_step(p, made.state[i], 2)[0].float() for i, p in [(0, first), (2, last)]]
    made.step()
    checks.close(first.detach(), expected[0], "the first of three parameters after step 2")
    checks.equal(idle.detach(), kept, "the parameter that has no gradient")
    state = [part for moment in made.state[1].values() for part in moment]
    checks.equal(state, idle_state, "the moments of the parameter that has no gradient")
    checks.close(last.detach(), expected[1], "the last of three parameters after step 2")


@pytest.mark.exercise("3.8")
def test_sixteen_bit_parameters():
    p = nn.Parameter(randn(300, seed=7).to(torch.bfloat16))
    p.grad = (0.1 * randn(300, seed=8)).to(torch.bfloat16)
    made = optimizer([p], steps=3, lr=0.5, weight_decay=0.1)
    exact = exact_step(p, made.state[0], 4, lr=0.5, weight_decay=0.1)[0]
    before = p.detach().double()
    made.step()
    checks.equal(str(p.dtype), "torch.bfloat16", "dtype of the parameter after the step")
    rounded = exact.to(torch.bfloat16).double()
    # Float32 may fall on the other side where two bfloat16 are equally near: one of 300 at most.
    wrong = int((p.detach().double() != rounded).sum())
    checks.at_most(wrong, 1, "bfloat16 parameters that were not rounded once, from the exact step")
    checks.law((p.detach().double() != before).any(), "a bfloat16 parameter moves")


@pytest.mark.exercise("3.8")
def test_what_never_had_a_gradient_never_moves():
    p = nn.Parameter(randn(600, seed=7))
    kept = p.detach().clone()
    made = adam8bit.Adam8bit([p], lr=0.1)
    for seed in range(5):
        p.grad = randn(600, seed=seed)
        p.grad[100:400:3] = 0.0
        made.step()
    checks.equal(p.detach()[100:400:3], kept[100:400:3], "numbers whose gradient was always zero")


@pytest.mark.exercise("3.8")
def test_the_state_is_small():
    p = nn.Parameter(randn(64, 64))
    made = adam8bit.Adam8bit([p])
    for seed in range(2):
        p.grad = randn(64, 64, seed=seed)
        made.step()
    n_bytes = sum(part.nbytes for moment in made.state[0].values() for part in moment)
    checks.equal(n_bytes, 2 * (4096 + 16 * 4), "bytes of the moments of 4096 parameters")


# -- proofs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("signed", [True, False])
def test_codes_are_those_of_bitsandbytes_in_float64(signed):
    """Its path for other dtypes searches the nearest level, where the others ask a grid."""
    pytest.importorskip("bitsandbytes", reason="the oracle")
    x, levels = numbers(5000, signed), levels_of(signed)
    expected, scales = torch.ops.bitsandbytes.quantize_blockwise(x.double(), levels, 256)
    codes, absmax = adam8bit.quantize(x, levels)
    assert torch.equal(codes, expected)
    assert torch.equal(absmax, scales)
    found = adam8bit.dequantize(codes, absmax, levels)
    back = torch.ops.bitsandbytes.dequantize_blockwise(codes, absmax, levels, 256, torch.float32)
    assert torch.equal(found, back)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_a_step_is_that_of_bitsandbytes(weight_decay):
    """The parameter is; of its moments the grid moves a code here and there to a neighbour."""
    pytest.importorskip("bitsandbytes", reason="the oracle")
    p = nn.Parameter(randn(5000))
    p.grad = 0.1 * randn(5000, seed=8)
    made = optimizer([p], steps=6, lr=0.01, weight_decay=weight_decay)
    theirs, state = p.detach().clone(), made.state[0]
    (m, m_scales), (v, v_scales) = (tuple(part.clone() for part in state[k]) for k in "mv")
    torch.ops.bitsandbytes.optimizer_update_8bit_blockwise(
        *("adam", p.grad, theirs, m, v, 0.9, 0.999, 0.0, 0.0, 1e-8, 7, 0.01),
        *(adam8bit.SIGNED, adam8bit.UNSIGNED, m_scales, v_scales, weight_decay, 1.0, False),
    )
    made.step()
    torch.testing.assert_close(p.detach(), theirs)
    for name, codes, scales in [("m", m, m_scales), ("v", v, v_scales)]:
        torch.testing.assert_close(state[name][1], scales)
        levels = levels_of(name == "m")
        exact = adam8bit.dequantize(*state[name], levels)
        found = adam8bit.dequantize(codes, scales, levels)
        assert (codes != state[name][0]).float().mean() < 0.1
        # Half the widest gap on either side: they are neighbours at most.
        assert ((exact - found).abs() <= 0.0142 * scales.max()).all()


def test_it_learns_what_adam_learns():
    """A small network, 300 steps: the losses differ by less than 5 %."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(512, 64, generator=g)
    y = torch.tanh(x @ torch.randn(64, 32, generator=g) * torch.logspace(-1, 0.5, 32))
    losses = {}
    for kind in (torch.optim.Adam, adam8bit.Adam8bit):
        torch.manual_seed(1)
        net = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 32))
        made = kind(net.parameters(), lr=3e-3)
        for _ in range(300):
            made.zero_grad()
            loss = (net(x) - y).square().mean()
            loss.backward()
            made.step()
        losses[kind.__name__] = loss.item()
    checks.close(losses["Adam8bit"], losses["Adam"], "loss after 300 steps", rtol=0.05, atol=0)
    n = sum(p.numel() for p in net.parameters())
    assert made.state_bytes() / n == pytest.approx(2 * (1 + 4 / 256), rel=1e-2)


def test_small_beside_large_steps_too_far():
    """A v below 1.6e-7 of its block's largest is stored as zero, and m is not: steps of 31 lr.

    With v forgotten at each step, v' tends to (1 - beta2) g^2, and the step to lr / sqrt(0.001).
    Li et al. 2023 (arXiv:2309.01507) call it the zero-point problem and leave zero out of v's map.
    """
    p = nn.Parameter(torch.zeros(2))
    made = adam8bit.Adam8bit([p], lr=1e-6)
    for _ in range(3000):
        p.grad = torch.tensor([1.0, 1e-4])
        before = p.detach().clone()
        made.step()
    steps = (before - p.detach()) / made.lr
    torch.testing.assert_close(steps, torch.tensor([1.0, math.sqrt(1000)]), rtol=0.15, atol=0)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"256 levels, got \(16,\)"):
        adam8bit.quantize(torch.ones(3), nf4.LEVELS)
    codes = torch.zeros(300, dtype=torch.uint8)
    with pytest.raises(ValueError, match="1 scales do not fit 300 codes"):
        adam8bit.dequantize(codes, torch.ones(1), double_quant.dynamic_map())
