"""Where the optimisers step: by hand, against closed forms, against torch."""

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
    checks.law(np.array_equal(grad, [0.5, -1.0]), "SGD leaves the gradient as it is")


@pytest.mark.exercise("0.16")
@pytest.mark.parametrize(
    "options",
    [{"weight_decay": 0.5}, {"momentum": 0.5}, {"momentum": 0.5, "nesterov": True}],
    ids=["weight_decay", "momentum", "nesterov"],
)
def test_sgd_leaves_the_gradient_alone(options):
    weight = parameter(1.0, 2.0)
    sgd = optim.SGD([weight], lr=0.1, **options)
    for _ in range(2):
        weight.grad = np.array([0.5, -1.0])
        sgd.step()
        untouched = np.array_equal(weight.grad, [0.5, -1.0])
        checks.law(untouched, f"SGD with {' and '.join(options)} leaves the gradient as it is")


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
    untouched = np.array_equal(grad, [1000.0, -1.0, 0.001])
    checks.law(untouched, "adam_direction leaves the gradient as it is")


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


# -- against closed forms ---------------------------------------------------------------------


@pytest.mark.exercise("0.16")
@pytest.mark.parametrize("weight_decay", [0.0, 0.2])
@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)])
def test_sgd_on_a_parabola(momentum, nesterov, weight_decay):
    # For w^2 / 2 the gradient is w: one step maps (w, velocity) to step @ (w, velocity).
    lr, slope = 0.1, 1 + weight_decay
    velocity = np.array([slope, momentum])
    along = np.array([slope, 0.0]) + momentum * velocity if nesterov else velocity
    step = np.array([np.array([1.0, 0.0]) - lr * along, velocity])
    expected = [(np.linalg.matrix_power(step, t) @ [2.0, 0.0])[0] for t in range(1, 21)]
    weight = parameter(2.0)
    options = {"momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
    sgd = optim.SGD([weight], lr=lr, **options)
    path = np.array([walk(sgd, weight, [weight.data[0]])[0] for _ in range(20)])
    shown = {name: value for name, value in options.items() if value}
    checks.close(path, np.array(expected), f"SGD {shown or 'plain'}: 20 steps on w^2 / 2 from 2")


@pytest.mark.exercise("0.16")
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.9), (0.0, 0.99)])
def test_adam_directions_are_weighted_means(betas):
    # Without its bias, an average that forgets is a mean in which a gradient t steps old has the
    # weight beta^t.
    grads = np.random.default_rng(0).normal(size=(8, 3))
    state, eps = fresh_state(grads[0]), 1e-3
    for t in range(1, len(grads) + 1):
        age = np.arange(t)[::-1]
        m_hat = np.average(grads[:t], axis=0, weights=betas[0] ** age)
        v_hat = np.average(grads[:t] ** 2, axis=0, weights=betas[1] ** age)
        direction = optim.adam_direction(grads[t - 1].copy(), state, betas, eps)
        expected = m_hat / (np.sqrt(v_hat) + eps)
        checks.close(direction, expected, f"Adam's direction after {t} gradients, betas {betas}")


@pytest.mark.exercise("0.16")
def test_adamw_under_a_constant_gradient():
    # Both corrected averages are constant: each step is w <- 0.95 w - 0.1, whose rest point is -2.
    weight = parameter(3.0)
    path = walk(optim.AdamW([weight], lr=0.1, weight_decay=0.5), weight, [7.0] * 20)
    expected = -2 + 5 * 0.95 ** np.arange(1, 21)
    checks.close(path, expected, "AdamW, lr 0.1, weight_decay 0.5: w from 3, twenty gradients of 7")


@pytest.mark.exercise("0.16")
@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
def test_float32_stays_float32(kind):
    weight = Parameter(np.ones(3, np.float32))
    weight.grad = np.ones(3, np.float32)
    getattr(optim, kind)([weight], lr=0.1).step()
    checks.equal(str(weight.data.dtype), "float32", f"dtype of the weight after a step of {kind}")


# -- against torch ----------------------------------------------------------------------------


def both_descend(kind, options, steps, seed=0):
    """Minimise w' A w / 2 - b' w in some steps, in two groups; return our path and torch's."""
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
    paths = np.empty((2, steps, 2, 5))
    for step in range(steps):
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


@pytest.mark.parametrize(("kind", "first", "second"), TORCH_CASES)
def test_200_steps_are_torchs(kind, first, second):
    ours, theirs = both_descend(kind, (first, second), steps=200)
    checks.close(ours, theirs, f"{kind} {first} and {second}: 200 steps against torch")
