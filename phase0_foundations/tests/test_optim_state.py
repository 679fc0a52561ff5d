"""What surrounds an optimiser's step: its saved state, its groups, the clipping of gradients."""

import numpy as np
import pytest
import torch

from phase0_foundations.solution import optim
from phase0_foundations.solution.tensor import Parameter
from shared import checks


def parameter(*values):
    return Parameter(np.array(values, dtype=np.float64))


@pytest.mark.parametrize("options", [{"momentum": 0.9}, {"momentum": 0.0}])
def test_sgd_resumes_bit_for_bit(options):
    check_resume(lambda weights: optim.SGD(weights, lr=0.1, **options))


@pytest.mark.parametrize("kind", ["Adam", "AdamW"])
def test_adam_resumes_bit_for_bit(kind):
    check_resume(lambda weights: getattr(optim, kind)(weights, lr=0.1))


def check_resume(make):
    rng = np.random.default_rng(0)
    grads = rng.normal(size=(20, 2, 4)).astype(np.float32)

    def run(weights, optimiser, steps):
        for step in steps:
            for weight, grad in zip(weights, grads[step]):
                weight.grad = grad.copy()
            optimiser.step()

    through = [Parameter(np.ones(4, np.float32)) for _ in range(2)]
    run(through, make(through), range(20))
    before = [Parameter(np.ones(4, np.float32)) for _ in range(2)]
    stopped = make(before)
    run(before, stopped, range(10))
    after = [Parameter(weight.data.copy()) for weight in before]
    resumed = make(after)
    resumed.load_state_dict(stopped.state_dict())
    run(after, resumed, range(10, 20))
    for one, other in zip(through, after):
        checks.equal(other.data, one.data, "weights of a resumed run")


def test_state_dict_is_a_copy():
    weight = parameter(1.0)
    adam = optim.Adam([weight])
    weight.grad = np.ones(1)
    adam.step()
    saved = adam.state_dict()
    checks.equal(sorted(saved), ["0.m", "0.t", "0.v"], "names of the state")
    adam.step()
    checks.close(saved["0.m"], np.array([0.1]), "m as it was when it was saved")


def test_state_of_another_model_is_refused():
    adam = optim.Adam([parameter(1.0)])
    narrow = {"0.m": np.zeros(2), "0.v": np.zeros(2), "0.t": np.array(1)}
    checks.raises(lambda: adam.load_state_dict(narrow), ValueError, "another shape", match="m")
    other = {"1.m": np.zeros(1)}
    checks.raises(lambda: adam.load_state_dict(other), ValueError, "a parameter too many")
    half = {"0.m": np.zeros(1)}
    checks.raises(lambda: adam.load_state_dict(half), ValueError, "half a state")


def test_wrong_arguments():
    weight = parameter(1.0)
    wrong = {
        "unknown option": lambda: optim.SGD([{"parameters": [weight], "beta": 1}], lr=1.0),
        "each of them once": lambda: optim.SGD([weight, weight], lr=1.0),
        "needs parameters": lambda: optim.SGD([], lr=1.0),
        "negative": lambda: optim.SGD([weight], lr=-1.0),
    }
    for message, call in wrong.items():
        checks.raises(call, ValueError, f"an optimiser with a mistake: {message}", match=message)


def test_zero_grad():
    weight = parameter(1.0)
    weight.grad = np.ones(1)
    optim.SGD([weight], lr=1.0).zero_grad()
    checks.equal(weight.grad, None, "gradient after zero_grad")


def test_step_tells_an_older_graph():
    weight = parameter(2.0)
    loss = weight * weight
    weight.grad = np.ones(1)
    optim.SGD([weight], lr=0.1).step()
    checks.raises(loss.backward, RuntimeError, "backward after the weights moved", match="in place")


@pytest.mark.parametrize("max_norm", [0.5, 3.0, 100.0])
def test_clip_is_torchs(max_norm):
    rng = np.random.default_rng(0)
    ours = [Parameter(np.zeros(shape)) for shape in ((3, 4), (5,), ())]
    theirs = [torch.zeros(weight.shape, dtype=torch.float64) for weight in ours]
    for our, their in zip(ours, theirs):
        our.grad = rng.normal(size=our.shape)
        their.grad = torch.tensor(our.grad)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm).item()
    checks.close(optim.clip_grad_norm(ours, max_norm), expected, "norm before clipping")
    for our, their in zip(ours, theirs):
        # torch adds 1e-6 to the norm that it divides by.
        checks.close(our.grad, their.grad, f"gradient clipped to {max_norm}", rtol=2e-6)


def test_clip_leaves_small_gradients_alone():
    weights = [parameter(0.0, 0.0), parameter(0.0)]
    weights[0].grad = np.array([0.3, 0.4])
    before = weights[0].grad.copy()
    checks.close(optim.clip_grad_norm(weights, 0.5), 0.5, "norm of (0.3, 0.4), one grad None")
    checks.equal(weights[0].grad, before, "a gradient within the bound")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_clip_refuses_what_no_factor_mends(bad):
    weight = parameter(0.0)
    weight.grad = np.array([bad])
    call = lambda: optim.clip_grad_norm([weight], 1.0)  # noqa: E731
    checks.raises(call, FloatingPointError, "a gradient that is not finite", match="norm")
    checks.raises(lambda: optim.clip_grad_norm([weight], 0.0), ValueError, "a bound of 0")
