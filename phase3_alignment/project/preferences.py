"""DPO as a task of the loop: pairs of the base's own responses, of which the judge prefers one.

Nothing is sampled while the policy learns. The pairs are made once, before: two responses of the
base to each prompt, the better scored one is the chosen one (Rafailov et al. 2023,
arXiv:2305.18290, section 6.1, do the same with a sentiment classifier).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from phase3_alignment.project import policy as policies
from phase3_alignment.project.learner import Learner
from phase3_alignment.project.policy import Policy
from phase3_alignment.project.reinforcement import Reinforcement, Sampling
from phase3_alignment.project.situations import Situation
from phase3_alignment.solution import dpo, logprobs
from phase3_alignment.solution.rollout import Rollout


class DPO(Reinforcement):
    """Direct preference optimisation; see `solution/dpo.py`.

    Args:
        policy, situation, sampling: who acts where, and how; `batch_size` counts responses, so a
            step learns from half as many pairs.
        learner: of `policy.model`.
        beta: the price of moving away from the reference, in reward per nat.
        n_steps_of_pairs: batches of responses that are sampled in all, as many as the others
            sample in a run of that many steps.
    """

    shown = ("loss", "margin")

    def __init__(
        self,
        policy: Policy,
        situation: Situation,
        sampling: Sampling,
        learner: Learner,
        beta: float,
        n_steps_of_pairs: int,
    ) -> None:
        super().__init__(policy, situation, sampling, learner)
        self.beta, self.pairs = beta, []
        with policies.reference(policy) as base:
            for _ in range(n_steps_of_pairs):
                self.collect(*self.sample(base.eval(), copies=2)[:3])
        if not self.pairs:
            raise ValueError("the judge has preferred none of the responses: there is no pair")

    def collect(self, found: Rollout, reference: Tensor, scores: Tensor) -> None:
        """Keep the pairs of a batch of which one response is the better one."""
        totals = reference.sum(dim=1)
        for first in range(0, len(scores), 2):
            best = first + int(scores[first + 1] > scores[first])
            worst = 2 * first + 1 - best
            if scores[best] == scores[worst]:
                continue
            rows = torch.tensor([best, worst])
            self.pairs.append(
                (found.ids[rows], found.mask[rows], found.actions[rows], totals[rows])
            )

    def step(self) -> dict[str, float]:
        """Learn from some of the pairs."""
        n = min(len(self.pairs), self.sampling.batch_size // 2)
        drawn = torch.randperm(len(self.pairs), generator=self.learner.generator)[:n]
        width = max(self.pairs[i][0].shape[1] for i in drawn)
        ids, mask, actions = (
            torch.cat([self.padded(self.pairs[i][k], width - (k == 2)) for i in drawn])
            for k in range(3)
        )
        reference = torch.cat([self.pairs[i][3] for i in drawn])
        self.learner.model.eval()
        said = logprobs.under(self.policy.model, ids, mask, actions)
        totals = dpo.sequence_logprobs(said, actions)
        loss = dpo.loss(totals[::2], totals[1::2], reference[::2], reference[1::2], self.beta)
        norm = self.learner.descend(loss)
        rewards = dpo.implicit_rewards(totals.detach(), reference, self.beta)
        return {
            "loss": loss.item(),
            "margin": (rewards[::2] - rewards[1::2]).mean().item(),
            "chosen_reward": rewards[::2].mean().item(),
            "rejected_reward": rewards[1::2].mean().item(),
            "accuracy": (rewards[::2] > rewards[1::2]).float().mean().item(),
            "grad_norm": norm,
        }

    def padded(self, rows: Tensor, width: int) -> Tensor:
        """Fill rows up on the right; what is filled in is masked, whatever it is."""
        return torch.nn.functional.pad(rows, (0, width - rows.shape[1]))

    def state(self) -> dict[str, Any]:
        """Return nothing: the pairs are made again, with the same luck, from the same base."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from another's state."""
