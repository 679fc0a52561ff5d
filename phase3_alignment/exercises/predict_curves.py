"""Before you look at the curves: what do they say when something is wrong? Five questions.

Answer by returning literals. The finished file does it: it runs PPO on the smallest language model
there is, a table, with each of the faults in turn, and sees whose curves are the ones below.
"""

from dataclasses import dataclass, replace
from functools import cache
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from phase3_alignment.solution import gae, ppo_update

# -- the toy, and what may be wrong with it -----------------------------------------------------

# Six tokens, all equally likely at the start. A response is sixteen of them, and its score is six
# times the share of ones. Of 16 responses, two epochs of two minibatches.
V, N_TOKENS, N_ROWS, N_UPDATES = 6, 16, 16, 9
CONFIG = ppo_update.PPOConfig(n_epochs=2, minibatch_size=8)
KL_COEF = 0.1

# Columns: update; mean score; KL to the reference in nats per response; entropy in nats per token;
# approximate KL to the sampling policy in the first minibatch and in the last one of the update;
# mean clip fraction.
Row = tuple[int, float, float, float, float, float, float]
CURVES_1: tuple[Row, ...] = (
    (1, 0.75, 0.00, 1.79, 0.000, 0.000, 0.00),
    (3, 1.12, -0.14, 1.74, 0.000, 0.000, 0.00),
    (5, 1.90, 2.13, 1.62, 0.000, 0.000, 0.00),
    (7, 2.91, 5.29, 1.48, 0.000, 0.000, 0.00),
    (9, 2.62, 5.76, 1.38, 0.000, 0.000, 0.00),
)
CURVES_2: tuple[Row, ...] = (
    (1, 0.75, 0.00, 1.79, 0.000, 0.010, 0.05),
    (3, 1.17, 0.37, 1.78, 0.000, 0.008, 0.04),
    (5, 0.87, 0.88, 1.76, 0.000, 0.009, 0.03),
    (7, 0.77, 0.38, 1.76, 0.000, 0.008, 0.03),
    (9, 0.98, 0.54, 1.75, 0.000, 0.004, 0.01),
)
CURVES_3: tuple[Row, ...] = (
    (1, 0.75, 0.00, 1.79, 0.000, 0.010, 0.04),
    (3, 1.36, 0.26, 1.76, 0.010, 0.011, 0.13),
    (5, 1.24, -0.04, 1.75, 0.011, 0.016, 0.15),
    (7, 1.15, 0.13, 1.74, 0.012, 0.022, 0.12),
    (9, 1.36, 0.06, 1.75, 0.012, 0.015, 0.18),
)


@dataclass(frozen=True)
class Fault:
    """How a run differs from a right one.

    Attributes:
        renewed: the old log-probabilities are computed again before every step.
        temperature: at which the responses are sampled; they are learnt from at 1.
        sign: multiplies the advantages.
        rows_off: by how many rows the scores are moved against the responses.
        entropy_coef: of the bonus.
    """

    renewed: bool = False
    temperature: float = 1.0
    sign: float = 1.0
    rows_off: int = 0
    entropy_coef: float = 0.0


FAULTS = {
    "a": Fault(),
    "b": Fault(renewed=True),
    "c": Fault(temperature=2.0),
    "d": Fault(sign=-1.0),
    "e": Fault(rows_off=1),
    "f": Fault(entropy_coef=-0.3),
}


class Table(nn.Module):
    """A row of scores and a value for each token: what comes next depends on the last one only."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(V, V))
        self.value = nn.Parameter(torch.zeros(V))
        self.eval()

    def forward(self, input_ids: Tensor, **_: Tensor) -> SimpleNamespace:
        """Look up the scores, (B, T, V), and the values, (B, T)."""
        return SimpleNamespace(logits=self.scores[input_ids], values=self.value[input_ids])


class Descent:
    """Plain gradient descent; to import torch's takes longer than all the runs here."""

    def __init__(self, model: nn.Module, lr: float = 4.0) -> None:
        self.parameters, self.lr = list(model.parameters()), lr

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for p in self.parameters:
            p.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Go downhill."""
        for p in self.parameters:
            p -= self.lr * p.grad


@cache
def run(letter: str) -> tuple[Row, ...]:
    """Train a table with a fault; return all rows of its curves."""
    fault, model, reference = FAULTS[letter], Table(), Table()
    optimizer, generator = Descent(model), torch.Generator().manual_seed(0)
    config = replace(CONFIG, entropy_coef=fault.entropy_coef)
    rows = []
    for update in range(1, N_UPDATES + 1):
        ids = _sample(model, fault.temperature, generator)
        mask = torch.ones_like(ids, dtype=torch.bool)
        text = ids, mask, mask[:, 1:]
        with torch.no_grad():
            hot = replace(config, temperature=fault.temperature)
            old, _, values = ppo_update.evaluate(model, *text, hot)
            ref, _, _ = ppo_update.evaluate(reference, *text, config)
        scores = (ids[:, 1:] == 1).float().mean(dim=-1) * 6
        experience = ppo_update.prepare(
            *text, old, values, ref, scores.roll(fault.rows_off), mask[:, 0], config, KL_COEF
        )
        experience = replace(experience, advantages=fault.sign * experience.advantages)
        stats = _learn(model, optimizer, experience, config, generator, fault.renewed)
        clipped = sum(one.clip_fraction for one in stats) / len(stats)
        kl = (old - ref).sum(dim=-1).mean().item()
        ends = stats[0].approx_kl, stats[-1].approx_kl
        rows.append((update, scores.mean().item(), kl, stats[0].entropy, *ends, clipped))
    return tuple(rows)


@torch.no_grad()
def _sample(model: Table, temperature: float, generator: torch.Generator) -> Tensor:
    """Write a batch of responses behind a token 0: (N_ROWS, 1 + N_TOKENS)."""
    ids = torch.zeros(N_ROWS, 1 + N_TOKENS, dtype=torch.int64)
    for t in range(N_TOKENS):
        p = (model.scores[ids[:, t]] / temperature).softmax(dim=-1)
        ids[:, t + 1] = torch.multinomial(p, 1, generator=generator)[:, 0]
    return ids


def _learn(
    model: Table,
    optimizer: Descent,
    experience: ppo_update.Experience,
    config: ppo_update.PPOConfig,
    generator: torch.Generator,
    renewed: bool,
) -> list[ppo_update.StepStats]:
    if not renewed:
        return ppo_update.update(model, optimizer, experience, config, generator)
    stats, once = [], replace(config, n_epochs=1)
    for rows in torch.arange(N_ROWS).split(config.minibatch_size) * config.n_epochs:
        part = experience.rows(rows)
        with torch.no_grad():
            now, _, _ = ppo_update.evaluate(model, part.ids, part.mask, part.actions, config)
        stats += ppo_update.update(model, optimizer, replace(part, logprobs=now), once, generator)
    return stats


def _whose(curves: tuple[Row, ...]) -> str:
    """Return the letter of the fault whose run comes closest, each column in its own range."""
    shown = torch.tensor(curves)
    updates = shown[:, 0].long() - 1
    runs = {letter: torch.tensor(run(letter))[updates] for letter in FAULTS}
    size = torch.stack([*runs.values()]).abs().amax(dim=(0, 1))
    return min(runs, key=lambda letter: ((runs[letter] - shown) / size).square().sum().item())


# -- the questions ------------------------------------------------------------------------------


def advantage_of_the_first_token() -> float:
    """How much better than expected was the first of three tokens?

    The rewards are 0, 0 and 1; the value head said 0.5 before each token. Gamma is 1, lambda is
    0.5, and nothing comes after the end.

    Return a number, right to 1 %.
    """
    # TODO 3.20: Return the advantage of the first token.
    raise NotImplementedError("exercise 3.20: advantage_of_the_first_token")


def return_when_padding_counts() -> float:
    """What does the value head learn to say if the value of padding counts as the future?

    A response of one token has the reward 1. Behind it comes padding, and there the value head,
    which nobody teaches, happens to say 3. The code takes the next column's value for what comes
    next, whatever it is; gamma is 1. The value head says 0.5 before the token.

    Return the token's return, advantage plus value, right to 1 %.
    """
    # TODO 3.20: Return the token's return, as the faulty code computes it.
    raise NotImplementedError("exercise 3.20: return_when_padding_counts")


def fault_of_the_first_curves() -> str:
    """Which fault has the run that printed CURVES_1, above?

    Each set of curves is of one run of the toy that is described beside them. At the start all
    tokens are equally likely, so the mean score is about 1, and the entropy is ln 6 = 1.79.

    a. None: this is PPO as it should be.
    b. The old log-probabilities are computed again before every step.
    c. The responses are sampled at temperature 2, and learnt from as if it had been 1.
    d. The sign of the advantages is turned around.
    e. Each response gets the score of another one.
    f. The entropy bonus is added to the loss instead of taken off, with a weight of 0.3.

    Return a letter.
    """
    # TODO 3.20: Return the letter of the fault behind CURVES_1.
    raise NotImplementedError("exercise 3.20: fault_of_the_first_curves")


def fault_of_the_second_curves() -> str:
    """Which fault has the run that printed CURVES_2? The letters are those of the first question.

    Return a letter.
    """
    # TODO 3.20: Return the letter of the fault behind CURVES_2.
    raise NotImplementedError("exercise 3.20: fault_of_the_second_curves")


def fault_of_the_third_curves() -> str:
    """Which fault has the run that printed CURVES_3? The letters are those of the first question.

    Return a letter.
    """
    # TODO 3.20: Return the letter of the fault behind CURVES_3.
    raise NotImplementedError("exercise 3.20: fault_of_the_third_curves")
