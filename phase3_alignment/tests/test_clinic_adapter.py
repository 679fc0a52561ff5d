import pytest
import torch
import torch.nn.functional as F
from torch import nn

from phase3_alignment.solution import clinic_adapter, inject
from phase3_alignment.solution.adapter_config import AdapterConfig
from shared import checks
from shared.checks import Sealed

LR = 0.1


def network(width=8, hidden=32):
    torch.manual_seed(0)
    first, second = nn.Linear(width, hidden), nn.Linear(hidden, hidden)
    return nn.Sequential(first, nn.Tanh(), second, nn.Tanh(), nn.Linear(hidden, 4)).double()


def examples(n=64, width=8, seed=1):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, width, generator=generator, dtype=torch.float64)
    return x, torch.randint(4, (n,), generator=generator)


def expected(model, adapters, batches, lr, scaling):
    """Gradient descent on (A, B) of the first two layers, from the definition."""
    layers = [model[0], model[2], model[4]]
    weights = [(layer.weight.detach(), layer.bias.detach()) for layer in layers]
    pairs = [[p.clone().requires_grad_() for p in pair] for pair in adapters]
    losses = []
    for x, y in batches:
        for (W, b), (A, B) in zip(weights, pairs, strict=False):
            x = torch.tanh(x @ (W + scaling * B @ A).T + b)
        loss = F.cross_entropy(x @ weights[2][0].T + weights[2][1], y)
        flat = [p for pair in pairs for p in pair]
        for p, gradient in zip(flat, torch.autograd.grad(loss, flat), strict=True):
            p.data -= lr * gradient
        losses.append(loss.item())
    return losses, pairs


def run(config=None, n=3):
    """Train; return losses, the model after, and what an independent descent gives."""
    model, start = network(), network()
    batches = [examples(16, seed=i) for i in range(n)]
    config = config or AdapterConfig(targets=("0", "2"), r=2, alpha=6)
    torch.manual_seed(5)
    twin = network()
    torch.manual_seed(5)
    inject.inject(twin, config)
    adapters = [[m.lora_A.data, m.lora_B.data] for m in corrections(twin)]
    torch.manual_seed(5)
    losses = clinic_adapter.train(model, config, batches, LR)
    return losses, model, expected(start, adapters, batches, LR, 3.0)


def corrections(model):
    return [m for m in model.modules() if hasattr(m, "lora_A")]


@pytest.mark.exercise("3.9")
def test_the_adapter_learns():
    losses, model, (true_losses, pairs) = run()
    found = [[m.lora_A.detach(), m.lora_B.detach()] for m in corrections(model)]
    checks.equal(len(found), 2, "adapted layers after training")
    # Sums in another order, in float64.
    for name, layer, pair in zip(("first", "second"), found, pairs, strict=True):
        for kind, mine, true in zip("BA", layer[::-1], pair[::-1], strict=True):
            what = f"{kind} of the {name} layer after 3 steps"
            checks.close(mine, true.detach(), what, rtol=1e-9, atol=1e-11)
    checks.close(losses, true_losses, "losses", rtol=1e-9, atol=1e-11)


@pytest.mark.exercise("3.9")
def test_the_base_keeps_its_bits():
    _, model, _ = run()
    inject.activate(model)
    base = [m.weight.detach() for m in model.modules() if isinstance(m, nn.Linear)]
    start = [m.weight.detach() for m in network().modules() if isinstance(m, nn.Linear)]
    checks.equal(base, start, "weights of the base after training")


@pytest.mark.exercise("3.9")
def test_heads_train_too():
    _, model, _ = run(AdapterConfig(targets=("0",), r=2, heads=("4",)))
    head, original = model[4].current().weight.detach(), network()[4].weight.detach()
    checks.law(bool((head != original).any()), "the head that the config names has moved")
    untouched = model[4].original.weight.detach()
    checks.equal(untouched, original, "the base's own head")


@pytest.mark.exercise("3.9")
def test_nothing_is_left_behind():
    _, model, _ = run()
    left = [name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()]
    checks.equal(left, [], "parameters with a gradient after training")
    trains = [name for name, p in model.named_parameters() if p.requires_grad]
    wrong = [name for name in trains if "lora_" not in name]
    checks.equal((len(trains), wrong), (4, []), "parameters that train, and those of the base")


@pytest.mark.exercise("3.9")
def test_cause():
    checks.guess(clinic_adapter.train_cause(), Sealed("3.9", "f899489b6a9c677e"), "the cause")


# -- the story that the patient tells ---------------------------------------------------------


def ill(r=4, alpha=8, lr=LR, steps=100):
    """Losses and gradient norms of the patient, whose list was made before the injection."""
    model, (x, y) = network(), examples()
    parameters = list(model.parameters())
    torch.manual_seed(2)
    inject.inject(model, AdapterConfig(targets=("0", "2"), r=r, alpha=alpha))
    rows = []
    for _ in range(steps):
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        for p in parameters:
            if p.grad is not None:
                p.data -= lr * p.grad
                p.grad = None
        adapter = corrections(model)[0]
        norms = adapter.lora_B.grad.norm(), adapter.lora_A.grad.norm()
        rows.append([loss.item(), *(norm.item() for norm in norms)])
    return rows, inject.summary(model)


def test_the_story_is_true():
    rows, told = ill()
    assert sum(p.numel() for p in network().parameters()) == 1476
    assert told == "416 of 1,892 parameters train (21.99 %)"
    told = {1: 0.0639, 2: 0.1278, 3: 0.1917, 50: 3.1946, 100: 6.3891}
    for step, norm in told.items():  # told with four digits after the point
        checks.close(rows[step - 1], [1.4414, norm, 0.0], f"step {step}", rtol=0, atol=5e-5)
    assert {row[0] for row in rows} == {row[0] for row in ill(lr=10 * LR)[0]}
    assert {row[0] for row in rows} == {row[0] for row in ill(r=16)[0]}
