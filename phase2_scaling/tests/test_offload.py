"""An offloaded optimiser: the plain step to the last bit, and where things are meanwhile."""

import pytest
import torch
from torch import nn

from phase2_scaling.solution import offload, tracker
from phase2_scaling.solution.rules import AdamW, WithMaster
from shared import checks

SIZES = [300, 1000, 200, 700]  # numbers per parameter


class Sum:
    """A rule by hand: `m` adds the gradients up, `n` counts, and the parameter goes down by m."""

    def __init__(self):
        self.seen = []

    def state(self, parameter):
        return {"m": torch.zeros_like(parameter), "n": torch.zeros(1)}

    def update(self, parameter, gradient, state, step):
        self.seen.append((len(parameter), step))
        state["n"] += 1
        state["m"] += gradient
        parameter -= state["m"]


class Watching(Sum):
    """The same, but it looks at how many bytes are alive during each update."""

    def __init__(self, memory):
        super().__init__()
        self.memory, self.alive = memory, []

    def update(self, parameter, gradient, state, step):
        super().update(parameter, gradient, state, step)
        self.alive.append(self.memory.live)


def make_parameters(dtype=torch.float32):
    g = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(n, generator=g).to(dtype)) for n in SIZES]


def set_gradients(parameters, seed, skip=None):
    g = torch.Generator().manual_seed(seed)
    for i, p in enumerate(parameters):
        gradient = torch.randn(p.shape, generator=g).to(p.dtype)
        p.grad = None if i == skip else gradient


def plain_steps(rule, parameters, n, skip=None):
    """Take n steps with the whole state beside the parameters."""
    with torch.no_grad():
        states = [rule.state(p) for p in parameters]
        for step in range(1, n + 1):
            set_gradients(parameters, step, skip)
            for p, state in zip(parameters, states, strict=True):
                if p.grad is not None:
                    rule.update(p, p.grad, state, step)
    return parameters, states


@pytest.mark.exercise("2.12")
def test_two_steps_by_hand():
    p, q = nn.Parameter(torch.tensor([1.0, 2.0])), nn.Parameter(torch.tensor([5.0]))
    rule = Sum()
    optimizer = offload.OffloadedOptimizer([p, q], rule)
    m = optimizer.resting[0]["m"]
    for _ in range(2):
        p.grad, q.grad = torch.tensor([0.5, -1.0]), torch.tensor([1.0])
        optimizer.step()
    checks.equal(rule.seen, [(2, 1), (1, 1), (2, 2), (1, 2)], "(size, step) of each update")
    # m is the gradient after one step, twice as much after two: 3 of them in all.
    checks.equal(p.data, torch.tensor([-0.5, 5.0]), "(1, 2) after two steps of (0.5, -1)")
    checks.equal(q.data, torch.tensor([2.0]), "(5) after two steps of (1)")
    checks.equal(optimizer.resting[0]["m"], torch.tensor([1.0, -2.0]), "m after two steps")
    checks.equal(m, torch.tensor([1.0, -2.0]), "m after two steps, in the tensor where it rested")
    checks.equal(optimizer.resting[1]["n"], torch.tensor([2.0]), "n after two steps")
    checks.equal(p.grad, torch.tensor([0.5, -1.0]), "a gradient after the step, left as it was")


@pytest.mark.exercise("2.12")
def test_a_parameter_without_a_gradient_stays():
    (expected, states) = plain_steps(AdamW(0.1), make_parameters(), 2, skip=1)
    parameters = make_parameters()
    optimizer = offload.OffloadedOptimizer(parameters, AdamW(0.1))
    for step in (1, 2):
        set_gradients(parameters, step, skip=1)
        optimizer.step()
    found = [p.data for p in parameters]
    checks.equal(found[1], expected[1].data, "a parameter that has no gradient")
    checks.equal(found, [p.data for p in expected], "parameters, one of which has no gradient")
    checks.equal(optimizer.resting, states, "their states")


@pytest.mark.exercise("2.12")
@pytest.mark.parametrize(
    ("rule", "dtype"), [(AdamW(0.1), torch.float32), (WithMaster(AdamW(1e-3)), torch.bfloat16)]
)
def test_the_result_is_that_of_the_plain_rule(rule, dtype):
    expected, states = plain_steps(rule, make_parameters(dtype), 4)
    parameters = make_parameters(dtype)
    optimizer = offload.OffloadedOptimizer(parameters, rule)
    for step in range(1, 5):
        set_gradients(parameters, step)
        optimizer.step()
    name = f"parameters after four steps of {type(rule).__name__}, to the last bit"
    checks.equal([p.data for p in parameters], [p.data for p in expected], name)
    checks.equal(optimizer.resting, states, "their states, to the last bit")


@pytest.mark.exercise("2.12")
def test_one_state_at_a_time_is_on_the_device():
    parameters = make_parameters()
    with tracker.MemoryTracker() as memory:
        memory.hold("parameters", parameters)
        rule = Watching(memory)
        optimizer = offload.OffloadedOptimizer(parameters, rule)
        at_rest = memory.live
        for step in (1, 2):
            set_gradients(parameters, step)
            before = memory.live
            memory.peak = before
            optimizer.step()
            left = memory.live - before
            name = f"bytes of state on the device during the update of each of {SIZES} numbers"
            # float32: m, and the one number n.
            expected = [before + 4 * (n + 1) for n in SIZES]
            checks.equal(rule.alive[-4:], expected, name)
            checks.equal(left, 0, "bytes that step leaves on the device")
            largest = 4 * (max(SIZES) + 1)
            checks.at_most(memory.peak - before, largest, "bytes above those at rest, at the peak")
    checks.equal(at_rest, 4 * sum(SIZES), "bytes on the device before the first step: parameters")


# -- proofs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_rule_is_torchs_adamw(dtype):
    parameters, theirs = make_parameters(dtype), make_parameters(dtype)
    reference = torch.optim.AdamW(
        theirs, lr=0.1, betas=(0.9, 0.95), weight_decay=0.1, foreach=False
    )
    optimizer = offload.OffloadedOptimizer(parameters, AdamW(0.1))
    for step in range(1, 20):
        set_gradients(parameters, step)
        set_gradients(theirs, step)
        reference.step()
        optimizer.step()
    checks.equal([p.data for p in parameters], [p.data for p in theirs], "after several steps")


def test_master_weights_take_steps_that_the_parameter_cannot_show():
    parameter = nn.Parameter(torch.ones(1, dtype=torch.bfloat16))
    rule = WithMaster(AdamW(lr=2**-12, weight_decay=0.0))
    optimizer = offload.OffloadedOptimizer([parameter], rule)
    for _ in range(64):
        parameter.grad = torch.ones_like(parameter)
        optimizer.step()
    # A gradient that is always 1 makes steps of lr: 64 of them are 2^-6.
    checks.close(optimizer.resting[0]["master"], torch.tensor([1 - 2**-6]), "the master")
    checks.equal(parameter.float().item(), 1 - 2**-6, "the parameter")


@pytest.mark.gpu
def test_the_state_is_in_the_hosts_memory():
    parameters = [nn.Parameter(p.detach().cuda()) for p in make_parameters()]
    expected, _ = plain_steps(AdamW(0.1), [nn.Parameter(p.detach().clone()) for p in parameters], 3)
    optimizer = offload.OffloadedOptimizer(parameters, AdamW(0.1))
    for step in range(1, 4):
        set_gradients(parameters, step)
        for p in parameters:
            p.grad = p.grad.cuda()
        optimizer.step()
    checks.equal([p.data for p in parameters], [p.data for p in expected], "after three steps")
    assert {t.device.type for state in optimizer.resting for t in state.values()} == {"cpu"}
