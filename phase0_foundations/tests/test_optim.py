import math

import numpy as np
import pytest
import torch

from phase0_foundations.solution import optim
from phase0_foundations.solution.tensor import Parameter
from shared import checks

ADAM = {"betas": (0.9, 0.999), "eps": 1e-8}


def parameter(*values):
    return Parameter(np.array(values, dtype=np.float64))


def walk(optimiser, weight, grads):
    """Take one step for each gradient of a single weight; return where it has been."""
    path = []
    for grad in grads:
        weight.grad = np.array([grad], dtype=np.float64)
        optimiser.step()
        path.append(weight.data[0])
    return np.array(path)


def fresh_state(like):
    return {"m": np.zeros_like(like), "v": np.zeros_like(like), "t": 0}


# -- SGD by hand ------------------------------------------------------------------------------


@pytest.mark.exercise("0.16")
def test_sgd_steps_against_the_gradient():
    weight = parameter(1.0, 2.0)
    array = weight.data
    grad = np.array([0.5, -1.0])
    weight.grad = grad
    optim.SGD([weight], lr=0.1).step()
    checks.close(weight.data, np.array([0.95, 2.1]), "SGD: [1, 2] after one step, g = [0.5, -1]")
    checks.law(weight.data is array, "SGD changes the weight array in place")
    checks.equal(grad, np.array([0.5, -1.0]), "SGD leaves the gradient as it is")


@pytest.mark.exercise("0.16")
def test_momentum_by_hand():
    weight = parameter(1.0)
    sgd = optim.SGD([weight], lr=0.1, momentum=0.5)
    # v = 1, 1.5, 1.75 and w falls by a tenth of it each time.
    path = walk(sgd, weight, [1.0, 1.0, 1.0])
    checks.close(
        path, np.array([0.9, 0.75, 0.575]), "SGD with momentum 0.5: w from 1, three gradients of 1"
    )


@pytest.mark.exercise("0.16")
def test_momentum_when_lr_changes():
    weight = parameter(1.0)
    sgd = optim.SGD([weight], lr=0.1, momentum=0.5)
    path = walk(sgd, weight, [1.0])
    sgd.groups[0]["lr"] = 0.01
    path = np.append(path, walk(sgd, weight, [1.0]))  # the velocity is 1.5, whatever lr has been
    checks.close(path, np.array([0.9, 0.885]), "SGD with momentum 0.5: lr falls from 0.1 to 0.01")


@pytest.mark.exercise("0.16")
def test_nesterov_by_hand():
    weight = parameter(1.0)
    sgd = optim.SGD([weight], lr=0.1, momentum=0.5, nesterov=True)
    # v = 1, 1.5 and the steps are g + v / 2 = 1.5, 1.75.
    path = walk(sgd, weight, [1.0, 1.0])
    checks.close(
        path, np.array([0.85, 0.675]), "SGD, Nesterov, momentum 0.5: w from 1, two gradients of 1"
    )


@pytest.mark.exercise("0.16")
def test_sgd_weight_decay_by_hand():
    weight = parameter(1.0)
    sgd = optim.SGD([weight], lr=0.1, momentum=0.5, weight_decay=0.2)
    # g + 0.2 w = 0.2, w = 0.98; then v = 0.1 + 0.196 = 0.296, w = 0.9504.
    path = walk(sgd, weight, [0.0, 0.0])
    checks.close(
        path, np.array([0.98, 0.9504]), "SGD, weight_decay 0.2, momentum 0.5: w from 1, g = 0"
    )


# -- Adam by hand -----------------------------------------------------------------------------


@pytest.mark.exercise("0.16")
def test_adam_first_direction_is_the_sign():
    grad = np.array([1000.0, -1.0, 0.001])
    direction = optim.adam_direction(grad, fresh_state(grad), **ADAM)
    expected = np.array([1.0, -1.0, 1.0])
    checks.close(direction, expected, "Adam's first direction, g = [1000, -1, 0.001]", rtol=1e-4)
    checks.equal(
        grad, np.array([1000.0, -1.0, 0.001]), "adam_direction leaves the gradient as it is"
    )


@pytest.mark.exercise("0.16")
def test_adam_second_direction_by_hand():
    grad, state = np.array([1.0]), fresh_state(np.zeros(1))
    optim.adam_direction(grad, state, betas=(0.5, 0.75), eps=0.0)
    direction = optim.adam_direction(2 * grad, state, betas=(0.5, 0.75), eps=0.0)
    # m = 1/2, then 5/4; v = 1/4, then 19/16; 1 - beta^2 = 3/4 and 7/16: (5/3) / sqrt(19/7).
    expected = np.array([5 / 3 / math.sqrt(19 / 7)])
    checks.close(direction, expected, "Adam's second direction, g = 1 then 2, betas (0.5, 0.75)")
    checks.equal(int(state["t"]), 2, "t after two steps")


@pytest.mark.exercise("0.16")
def test_adam_eps_is_outside_the_root():
    grad = np.array([1e-7])  # v_hat is 1e-14, its root 1e-7
    direction = optim.adam_direction(grad, fresh_state(grad), **ADAM)
    checks.close(direction, np.array([1 / 1.1]), "Adam's first direction, g = 1e-7, eps = 1e-8")


@pytest.mark.exercise("0.16")
def test_adamw_decays_without_a_gradient():
    weight = parameter(1.0, -2.0)
    array = weight.data
    weight.grad = np.zeros(2)
    optim.AdamW([weight], lr=0.1, weight_decay=0.5).step()
    shrunk = np.array([0.95, -1.9])
    checks.close(weight.data, shrunk, "AdamW: g = 0 shrinks w by lr * weight_decay = 0.05")
    checks.law(weight.data is array, "AdamW changes the weight array in place")


@pytest.mark.exercise("0.16")
def test_adamw_by_hand():
    weight = parameter(1.0)
    adamw = optim.AdamW([weight], lr=0.1, weight_decay=0.5)
    # Shrunk by 5 %, then a first step of lr: 0.95 - 0.1.
    path = walk(adamw, weight, [3.0])
    checks.close(path, np.array([0.85]), "AdamW, lr 0.1, weight_decay 0.5: w from 1, g = 3")


# -- against torch ----------------------------------------------------------------------------


def both_descend(kind, options, seed=0):
    """Minimise w' A w / 2 - b' w for 200 steps, in two groups; return our path and torch's."""
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(2, 5, 5))
    hessians = roots @ roots.transpose(0, 2, 1) / 5
    targets, starts = rng.normal(size=(2, 2, 5))
    ours = [Parameter(start.copy()) for start in starts]
    theirs = [torch.tensor(start, requires_grad=True) for start in starts]
    idle = [Parameter(np.ones(3)), torch.ones(3, dtype=torch.float64, requires_grad=True)]
    first, second = options
    our_groups = [{"parameters": [ours[0], idle[0]], **first}, {"parameters": [ours[1]], **second}]
    their_groups = [{"params": [theirs[0], idle[1]], **first}, {"params": [theirs[1]], **second}]
    our_optimiser = getattr(optim, kind)(our_groups, lr=0.05)
    their_optimiser = getattr(torch.optim, kind)(their_groups, lr=0.05)
    paths = np.empty((2, 200, 2, 5))
    for step in range(200):
        for i in range(2):
            ours[i].grad = hessians[i] @ ours[i].data - targets[i]
            theirs[i].grad = torch.tensor(hessians[i] @ theirs[i].detach().numpy() - targets[i])
        our_optimiser.step()
        their_optimiser.step()
        paths[0, step] = [weight.data for weight in ours]
        paths[1, step] = [weight.detach().numpy() for weight in theirs]
    checks.equal(idle[0].data, np.ones(3), "a parameter whose grad is None")
    return paths


TORCH_CASES = [
    ("SGD", {}, {"lr": 0.01}),
    ("SGD", {"lr": 0.0, "momentum": 0.9}, {"momentum": 0.8, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "nesterov": True}, {"momentum": 0.5, "nesterov": True, "lr": 0.01}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}, {"weight_decay": 0.3}),
    ("AdamW", {}, {"lr": 0.0}),
    ("AdamW", {"weight_decay": 0.0}, {"weight_decay": 0.5, "lr": 0.1}),
    ("AdamW", {"betas": (0.5, 0.9)}, {"betas": (0.0, 0.99), "eps": 1e-3}),
    ("Adam", {}, {"weight_decay": 0.1}),
]


@pytest.mark.exercise("0.16")
@pytest.mark.parametrize(("kind", "first", "second"), TORCH_CASES)
def test_200_steps_are_torchs(kind, first, second):
    ours, theirs = both_descend(kind, (first, second))
    what = f"{kind} {first} and {second}: 200 steps against torch"
    checks.close(ours, theirs, what)


@pytest.mark.exercise("0.16")
@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
def test_float32_stays_float32(kind):
    weight = Parameter(np.ones(3, np.float32))
    weight.grad = np.ones(3, np.float32)
    getattr(optim, kind)([weight], lr=0.1).step()
    checks.equal(str(weight.data.dtype), "float32", f"dtype of the weight after a step of {kind}")


# -- groups, state, clipping ------------------------------------------------------------------


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
    walk(adam, weight, [1.0])
    saved = adam.state_dict()
    checks.equal(sorted(saved), ["0.m", "0.t", "0.v"], "names of the state")
    walk(adam, weight, [1.0])
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
