import pytest
import torch
import torch.distributed as dist

from phase2_scaling.solution import clinic_sync
from phase2_scaling.solution.model import GPT, GPTConfig
from phase2_scaling.tests.groups import watch_all_reduces
from shared import checks, ranks
from shared.checks import Sealed

TINY = GPTConfig(vocab_size=7, block_size=5, n_layer=1, n_head=2, n_embd=8)
N_PARAMETERS = len(list(GPT(TINY).parameters()))
LR = 0.5


def make_rows(steps, n_ranks, micro_batches):
    """Rows of two for each micro-batch: (steps, ranks, micro-batches, 2, T + 1)."""
    generator = torch.Generator().manual_seed(3)
    shape = (steps, n_ranks, micro_batches, 2, TINY.block_size + 1)
    return torch.randint(TINY.vocab_size, shape, generator=generator)


def flat(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def trained(rows):
    """Parameters before and after, losses, messages, and rows of each forward pass of this rank."""
    model, sent, met = GPT(TINY).double(), watch_all_reduces(), []  # each rank draws its own
    model.register_forward_pre_hook(lambda _, args: met.append(len(args[0])))
    before = flat(model)
    losses = clinic_sync.train(model, rows[:, dist.get_rank()], LR)
    return before, flat(model), losses, len(sent), met


def alone(start, rows):
    """A single process that meets the rows of all ranks and micro-batches at once."""
    model, losses = GPT(TINY).double(), []
    torch.nn.utils.vector_to_parameters(start, model.parameters())
    for step in rows:
        step = step.flatten(0, 2)
        loss = model(step[:, :-1], step[:, 1:])[1]
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        for p, gradient in zip(model.parameters(), gradients, strict=True):
            p.data -= LR * gradient
        losses.append(loss.item())
    return flat(model), losses


@pytest.mark.exercise("2.16")
@pytest.mark.parametrize(("n", "steps", "k"), [(2, 1, 1), (2, 1, 2), (1, 2, 3), (3, 2, 3)])
def test_does_what_a_single_process_does(n, steps, k):
    rows = make_rows(steps, n, k)
    results = ranks.run(n, trained, rows)
    expected, losses = alone(results[0][0], rows)
    how = f"{n} ranks, {steps} steps of {k} micro-batches"
    # Sums in another order, in float64.
    for rank, (_, after, told, *_) in enumerate(results):
        name = f"parameters on rank {rank} of {how}, against a single process"
        checks.close(after, expected, name, rtol=1e-12, atol=1e-12)
        checks.close(told, losses, f"losses on rank {rank} of {how}", rtol=1e-12, atol=1e-12)


@pytest.mark.exercise("2.16")
def test_the_last_micro_batch_speaks_for_all():
    steps, k = 2, 3
    results = ranks.run(2, trained, make_rows(steps, 2, k))
    messages = [result[3] for result in results]
    # One for each parameter and one for the loss; one to ask who has a gradient, for `ddp`.
    most = steps * (N_PARAMETERS + 2)
    name = f"messages in {steps} steps of {k} micro-batches of {N_PARAMETERS} parameters"
    checks.at_most(max(messages), most, name)
    name = f"rows in the forward passes of {steps} steps of {k} micro-batches"
    checks.equal(results[0][4], [2] * k * steps, name)


@pytest.mark.exercise("2.16")
def test_cause():
    checks.guess(clinic_sync.train_cause(), Sealed("2.16", "02f3f7d3ddec1969"), "the cause")


# -- the story that the patient tells ---------------------------------------------------------

LETTERS = GPTConfig(vocab_size=16, block_size=16, n_layer=1, n_head=2, n_embd=32)


def walks(n, generator):
    """Random walks among the letters, (n, T + 1): the next one depends on the present one."""
    V = LETTERS.vocab_size
    table = (2.5 * torch.randn(V, V, generator=torch.Generator().manual_seed(0))).softmax(-1)
    letters = [torch.randint(V, (n,), generator=generator)]
    for _ in range(LETTERS.block_size):
        chances = table[letters[-1]]
        letters.append(torch.multinomial(chances, 1, generator=generator)[:, 0])
    return torch.stack(letters, dim=1)


def told(micro_batches):
    """The loss on unseen texts after 100 steps of 8 rows, and the parameters."""
    n, rank = dist.get_world_size(), dist.get_rank()
    rows = walks(800, torch.Generator().manual_seed(1)).view(100, n, micro_batches, -1, 17)
    torch.manual_seed(rank)
    model, unseen = GPT(LETTERS).double(), walks(256, torch.Generator().manual_seed(9))
    clinic_sync.train(model, rows[:, rank], 1.0)
    return round(model(unseen[:, :-1], unseen[:, 1:])[1].item(), 3), flat(model)


def forward_with_an_old_flag(replica, *args):
    """Note what the flag was one forward pass ago, as if it were set after each."""
    replica._averages = getattr(replica, "_later", True)
    replica._later = replica.require_backward_grad_sync
    return replica.module(*args)


def test_the_story_is_true(monkeypatch):
    healthy = [[loss for loss, _ in ranks.run(n, told, k)] for n, k in [(1, 1), (1, 4), (2, 1)]]
    checks.close(healthy, [[1.685], [1.685], [1.685, 1.685]], "healthy", rtol=0, atol=2e-3)
    monkeypatch.setattr(clinic_sync.Replica, "forward", forward_with_an_old_flag)
    (first, one), (second, other) = ranks.run(2, told, 4)
    checks.close([first, second], [1.817, 1.823], "ill", rtol=0, atol=2e-3)
    checks.close((one - other).norm().item(), 8.0, "how far apart the ranks end", rtol=0, atol=0.05)
    checks.close(one.norm().item(), 11.6, "norm of the parameters", rtol=0, atol=0.05)
