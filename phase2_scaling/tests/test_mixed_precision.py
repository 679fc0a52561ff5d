"""Mixed precision: closed forms of what rounds away, and PyTorch's own scaler."""

import math

import pytest
import torch
from torch import nn

from phase2_scaling.solution import mixed_precision
from phase2_scaling.solution.mixed_precision import LossScaler, MasterWeights
from shared import checks

NO_CLIP = 1e9
HALF = [torch.bfloat16, torch.float16]


class Numbers(nn.Module):
    """Four numbers and one that nothing depends on; the loss is their product with `inputs`."""

    def __init__(self, *values):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(values))
        self.unused = nn.Parameter(torch.ones(2))

    def forward(self, inputs):
        return (self.weight * inputs).float().sum()


class Momentum:
    """Moves the masters by the sum of all gradients so far; counts its calls."""

    def __init__(self, masters, lr=1.0):
        self.masters, self.lr, self.calls = masters, lr, 0
        self.moments = [torch.zeros_like(p) for p in masters]

    def step(self):
        self.calls += 1
        for p, moment in zip(self.masters, self.moments, strict=True):
            if p.grad is not None:
                moment += p.grad
                p.data -= self.lr * moment


def make(*values, dtype=torch.float16, scale=2.0**10, lr=1.0, growth_interval=2000):
    module = Numbers(*values)
    weights = MasterWeights(module, dtype)
    return module, weights, LossScaler(scale, growth_interval), Momentum(weights.masters, lr)


def with_gradients(*gradients):
    """Parameters that have these gradients; None for none."""
    parameters = [nn.Parameter(torch.zeros(2 if g is None else len(g))) for g in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = None if gradient is None else torch.tensor(gradient)
    return parameters


# -- masters and copies -----------------------------------------------------------------------


@pytest.mark.exercise("2.9")
@pytest.mark.parametrize("dtype", HALF)
def test_gradients_move_to_the_masters(dtype):
    module, weights, *_ = make(1.0, 2.0, dtype=dtype)
    for master in weights.masters:
        master.grad = torch.ones(2)  # of some step before
    # 3 and 1 + 1/4 have few bits, so that both dtypes hold them.
    module(torch.tensor([3.0, 1.25], dtype=dtype)).backward()
    weights.collect_gradients()
    found = weights.masters[0].grad
    checks.equal(found, torch.tensor([3.0, 1.25]), "gradient of a master")
    checks.equal(str(found.dtype), "torch.float32", "dtype of a master's gradient")
    checks.law(module.weight.grad is None, "the copy has no gradient left", module.weight.grad)
    stale = weights.masters[1].grad
    checks.law(stale is None, "a master whose copy has no gradient has none", stale)


@pytest.mark.exercise("2.9")
@pytest.mark.parametrize("dtype", HALF)
def test_masters_are_rounded_into_the_copies(dtype):
    module, weights, *_ = make(1.0, 2.0, dtype=dtype)
    copy, moved = module.weight, torch.tensor([1 / 3, 2 + 2**-20])
    weights.masters[0].data.copy_(moved)
    address = copy.data_ptr()
    weights.publish()
    checks.equal(weights.masters[0].data, moved, "masters after publish keep every bit")
    checks.equal(copy.float(), moved.to(dtype).float(), "copies of 1/3 and 2 + 2^-20")
    checks.equal(str(copy.dtype), str(dtype), "dtype of a copy")
    checks.law(module.weight is copy and copy.requires_grad, "the copy is still the same parameter")
    shared = copy.data_ptr() == weights.masters[0].data_ptr()
    checks.law(not shared, "a copy and its master do not share their memory")
    checks.law(copy.data_ptr() == address, "a copy is in the memory where it was: in place")


@pytest.mark.exercise("2.9")
@pytest.mark.parametrize("dtype", HALF)
def test_small_steps_add_up(dtype):
    """A step of 2^-12 is lost on a 1.0 of 16 bits, sixteen of them together are not."""
    module, weights, *_ = make(1.0, dtype=dtype)
    with torch.no_grad():
        for _ in range(16):
            weights.masters[0].add_(2**-12)
            weights.publish()
    checks.equal(weights.masters[0].data, torch.tensor([1 + 2**-8]), "master after 16 steps")
    # bfloat16 has 8 bits, and 1 + 2^-8 lies between two of its numbers: to the even one, 1.
    expected = 1.0 if dtype == torch.bfloat16 else 1 + 2**-8
    checks.equal(module.weight.float(), torch.tensor([expected]), "copy after 16 steps")


# -- the scaler -------------------------------------------------------------------------------


@pytest.mark.exercise("2.9")
def test_unscale_by_hand():
    parameters = with_gradients([8.0, -4.0], None, [2.0])
    finite = LossScaler(scale=4.0).unscale(iter(parameters))
    checks.equal(parameters[0].grad, torch.tensor([2.0, -1.0]), "(8, -4) with a scale of 4")
    checks.equal(parameters[2].grad, torch.tensor([0.5]), "(2) with a scale of 4")
    checks.law(parameters[1].grad is None, "a gradient that is None stays None")
    checks.equal(finite, True, "what unscale tells of finite gradients")


@pytest.mark.exercise("2.9")
@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("where", [0, 1, 2])
def test_one_bad_number_is_found(bad, where):
    gradients = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    gradients[where][0] = bad
    parameters = with_gradients(None, *gradients)
    finite = LossScaler(scale=2.0).unscale(p for p in parameters)
    checks.equal(finite, False, f"what unscale tells of a {bad} in gradient {where} of three")


@pytest.mark.exercise("2.9")
def test_infinities_of_both_signs_do_not_cancel():
    found = LossScaler().unscale(with_gradients([math.inf, -math.inf], [1e30, 1e30]))
    checks.equal(found, False, "what unscale tells of an inf and a -inf")
    found = LossScaler().unscale(with_gradients([3e38, 3e38], [-3e38, 3e38]))
    checks.equal(found, True, "what unscale tells of large gradients that are finite")


@pytest.mark.exercise("2.9")
def test_scale_halves_and_doubles():
    scaler = LossScaler(scale=16.0, growth_interval=3)
    seen = []
    for finite in [True, True, False, True, True, True, True, False, False, True, True, True]:
        scaler.update(finite)
        seen.append(scaler.scale)
    expected = [16, 16, 8, 8, 8, 16, 16, 8, 4, 4, 4, 8]
    checks.equal(
        seen, [float(s) for s in expected], "scale: good, good, bad, good x 4, bad x 2, good x 3"
    )


@pytest.mark.exercise("2.9")
def test_the_count_begins_again_after_each_change():
    scaler = LossScaler(scale=1.0, growth_interval=2)
    seen = []
    for finite in [True] * 5 + [False] * 4 + [True]:
        scaler.update(finite)
        seen.append((scaler.scale, scaler.good_steps))
    expected = [(1.0, 1), (2.0, 0), (2.0, 1), (4.0, 0), (4.0, 1), (2.0, 0), (1.0, 0), (0.5, 0)]
    checks.equal(seen, [*expected, (0.25, 0), (0.25, 1)], "scale and good steps, growing every 2")


# -- the step ---------------------------------------------------------------------------------


@pytest.mark.exercise("2.9")
def test_a_step_by_hand():
    module, weights, scaler, optimizer = make(1.0, 2.0, lr=0.5)
    inputs = torch.tensor([2.0, -1.0], dtype=torch.float16)
    loss = mixed_precision.training_step(
        weights, scaler, lambda: module(inputs), optimizer.step, NO_CLIP
    )
    checks.equal(loss, 0.0, "loss of (1, 2) times (2, -1)")
    checks.equal(type(loss).__name__, "float", "type of the loss")
    checks.equal(weights.masters[0].data, torch.tensor([0.0, 2.5]), "masters after a step of 1/2")
    checks.equal(module.weight.float(), torch.tensor([0.0, 2.5]), "copies after a step of 1/2")
    checks.equal(scaler.good_steps, 1, "good steps that the scaler knows of")
    loss = mixed_precision.training_step(
        weights, scaler, lambda: module(inputs), optimizer.step, NO_CLIP
    )
    checks.equal(loss, -2.5, "loss before the second step, not scaled")
    checks.equal(weights.masters[0].data, torch.tensor([-2.0, 3.5]), "masters after two steps")


@pytest.mark.exercise("2.9")
def test_a_small_gradient_survives():
    """2^-16 times 2^-10 is 2^-26, which float16 rounds to 0; 2^10 times it is kept."""
    module, weights, scaler, optimizer = make(0.0, 0.0)
    inputs = torch.tensor([2.0**-16, 0.0], dtype=torch.float16)
    mixed_precision.training_step(
        weights, scaler, lambda: module(inputs) * 2**-10, optimizer.step, NO_CLIP
    )
    expected = torch.tensor([-(2.0**-26), 0.0])
    checks.equal(weights.masters[0].data, expected, "masters after a gradient of 2^-26")


@pytest.mark.exercise("2.9")
def test_the_true_gradient_is_clipped():
    module, weights, scaler, optimizer = make(0.0, 0.0)
    inputs = torch.tensor([3.0, 4.0], dtype=torch.float16)
    for max_norm, expected in [(10.0, [-3.0, -4.0]), (2.5, [-7.5, -10.0])]:
        optimizer.moments[0].zero_()
        if max_norm < 10:
            optimizer.lr, expected = 3.0, [-3.0 - 4.5, -4.0 - 6.0]
        mixed_precision.training_step(
            weights, scaler, lambda: module(inputs), optimizer.step, max_norm
        )
        name = f"masters after a gradient (3, 4), clipped to {max_norm}"
        checks.close(weights.masters[0].data, torch.tensor(expected), name)


@pytest.mark.exercise("2.9")
@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_a_step_that_overflows_is_skipped(bad):
    module, weights, scaler, optimizer = make(1.0, 2.0)
    good, broken = (torch.tensor([1.0, x], dtype=torch.float16) for x in (0.5, bad))
    mixed_precision.training_step(weights, scaler, lambda: module(good), optimizer.step, NO_CLIP)
    before = [weights.masters[0].clone(), optimizer.moments[0].clone(), module.weight.clone()]
    mixed_precision.training_step(weights, scaler, lambda: module(broken), optimizer.step, NO_CLIP)
    checks.equal(optimizer.calls, 1, "calls of the optimiser after a good step and a bad one")
    after = [weights.masters[0].data, optimizer.moments[0], module.weight.data]
    for name, one, other in zip(["masters", "moments", "copies"], after, before, strict=True):
        checks.equal(one, other, f"{name} after a step that was skipped")
    checks.equal(scaler.scale, 2.0**9, "scale after a step that was skipped, 2^10 before")
    mixed_precision.training_step(weights, scaler, lambda: module(good), optimizer.step, NO_CLIP)
    # Momentum: the good gradient (1, 1/2) counts twice by now.
    expected = before[0] - 2 * torch.tensor([1.0, 0.5])
    checks.equal(weights.masters[0].data, expected, "masters after the step that follows")


@pytest.mark.exercise("2.9")
def test_the_scale_finds_its_way_down():
    """float16 ends at 65,504: with a gradient of 1, scales of 2^20 to 2^16 are too much for it."""
    module, weights, scaler, optimizer = make(0.0, scale=2.0**20, growth_interval=3)
    inputs = torch.tensor([1.0], dtype=torch.float16)
    scales = []
    for _ in range(8):
        mixed_precision.training_step(
            weights, scaler, lambda: module(inputs), optimizer.step, NO_CLIP
        )
        scales.append(math.log2(scaler.scale))
    expected = [19.0, 18.0, 17.0, 16.0, 15.0, 15.0, 15.0, 16.0]
    checks.equal(scales, expected, "log2 of the scale after each of eight steps")
    checks.equal(optimizer.calls, 3, "steps of the optimiser among the eight")
    # Gradients of 1 with momentum: steps of 1, 2 and 3.
    checks.equal(weights.masters[0].data, torch.tensor([-6.0]), "masters after the eight")


# -- proofs -----------------------------------------------------------------------------------


def test_it_does_what_torchs_scaler_does():
    """Forty steps with overflows on the way: weights, scales and skipped steps are the same."""
    torch.manual_seed(0)
    inputs = torch.randn(40, 4)
    inputs[7, 2], inputs[8, 0], inputs[20, 3] = math.inf, math.nan, 1e6
    reference = nn.Parameter(torch.ones(4))
    theirs = torch.amp.GradScaler("cpu", init_scale=2.0**14, growth_interval=5)
    their_optimizer = torch.optim.SGD([reference], lr=0.1, momentum=0.9)
    module, weights, ours, _ = make(1.0, 1.0, 1.0, 1.0, scale=2.0**14, growth_interval=5)
    optimizer = torch.optim.SGD(weights.masters, lr=0.1, momentum=0.9)
    for row in inputs.half():
        mixed_precision.training_step(
            weights, ours, lambda row=row: module(row), optimizer.step, 1.0
        )
        their_optimizer.zero_grad()
        theirs.scale((reference.half() * row).float().sum()).backward()
        theirs.unscale_(their_optimizer)
        nn.utils.clip_grad_norm_([reference], 1.0)
        theirs.step(their_optimizer)
        theirs.update()
        checks.equal(ours.scale, theirs.get_scale(), "scale")
        checks.close(weights.masters[0].data, reference.data, "masters")
    checks.law(ours.scale != 2.0**14, "the scale has moved")


@pytest.mark.parametrize(
    ("dtype", "tiny"), [(torch.float16, 2.0**-24), (torch.bfloat16, 2.0**-133)]
)
def test_what_is_the_smallest_gradient(dtype, tiny):
    """float16 ends at 2^-24; bfloat16 goes as far down as float32, with fewer bits on the way."""
    checks.equal(torch.tensor(tiny).to(dtype).float(), torch.tensor(tiny), "the smallest number")
    checks.equal(torch.tensor(tiny / 2).to(dtype).float(), torch.tensor(0.0), "half of it")


def test_a_tied_parameter_has_one_master():
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.BatchNorm1d(3))
    module[1].weight = module[0].weight
    module[0].bias.requires_grad_(False)
    weights = MasterWeights(module, torch.bfloat16)
    assert module[1].weight is module[0].weight
    assert len(weights.masters) == 5
    assert [p.requires_grad for p in weights.masters] == [p.requires_grad for p in weights.copies]
    assert module[2].running_var.dtype == torch.float32
