"""PPO and GRPO as tasks of the loop: sample, score, learn. One step is one batch of responses.

Both see the same prompts, judge and reference, and sample as many responses in a step, so that they
can be compared at equal cost. PPO has a value head and learns several times from a batch; GRPO
answers each prompt several times instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from phase3_alignment.project import outcome
from phase3_alignment.project.learner import Learner
from phase3_alignment.project.outcome import Outcome
from phase3_alignment.project.policy import Policy
from phase3_alignment.project.situations import Situation
from phase3_alignment.solution import grpo, logprobs, ppo_update, rollout
from phase3_alignment.solution.grpo import GRPOConfig
from phase3_alignment.solution.kl import AdaptiveController
from phase3_alignment.solution.ppo_update import PPOConfig
from phase3_alignment.solution.rollout import Rollout
from phase3_alignment.solution.token_rewards import RunningMoments
from phase3_alignment.solution.value_head import ActorCritic


@dataclass(frozen=True)
class Sampling:
    """How a batch of responses is made.

    Attributes:
        batch_size: responses in a step.
        max_new_tokens: the longest response.
        temperature: of the sampling.
        missing_end_penalty: taken off the score of a response that does not come to its end.
        n_test: prompts, the last ones of the situation, kept for looking.
        look_every: steps from one look to the next.
    """

    batch_size: int = 64
    max_new_tokens: int = 32
    temperature: float = 1.0
    missing_end_penalty: float = 0.0
    n_test: int = 128
    look_every: int = 10


class Reinforcement:
    """What the two methods share: the batch, the reference, the look."""

    shown: tuple[str, ...] = ("score", "kl")

    def __init__(
        self, policy: Policy, situation: Situation, sampling: Sampling, learner: Learner
    ) -> None:
        if len(situation.prompts) <= sampling.n_test:
            raise ValueError(
                f"{len(situation.prompts)} prompts, and {sampling.n_test} of them for looking: "
                "none is left to learn from"
            )
        self.policy, self.situation, self.sampling = policy, situation, sampling
        self.learner, self.look_every = learner, sampling.look_every
        n = len(situation.prompts)
        self.train = range(n - sampling.n_test)
        self.test = range(n - sampling.n_test, n)

    def sample(self, model: Any, copies: int = 1) -> tuple[Rollout, Tensor, Tensor, list[str]]:
        """Draw prompts and let the model respond `copies` times to each.

        Returns:
            The rollout, the reference's log-probabilities (B, T - 1), the scores (B,), the texts.
        """
        generator, sampling = self.learner.generator, self.sampling
        shape = (sampling.batch_size // copies,)
        drawn = torch.randint(len(self.train), shape, generator=generator)
        numbers = drawn.repeat_interleave(copies).tolist()
        ids, mask = (t.to(self.policy.device) for t in self.situation.batch(numbers))
        # A generator of the model's device, with a seed of ours: one source of chance in the end.
        seed = int(torch.randint(2**31, (), generator=generator))
        found = rollout.sample(
            model,
            ids,
            mask,
            sampling.max_new_tokens,
            self.policy.end_id,
            temperature=sampling.temperature,
            generator=torch.Generator(self.policy.device).manual_seed(seed),
        )
        reference = outcome.reference_logprobs(self.policy, found, sampling.temperature)
        responses = self.situation.responses(found)
        scores = self.situation.score(numbers, responses).to(self.policy.device)
        return found, reference, scores, responses

    def look(self) -> dict[str, Any]:
        """Measure the policy on the prompts that are kept for it."""
        seen = self.measure()
        says = (
            f"score {seen.score:.3f}, sigmoid {seen.probability:.3f}, "
            f"KL {seen.kl:.2f} nats, distinct pairs {seen.distinct:.2f}"
        )
        return {f"val_{name}": value for name, value in seen.numbers().items()} | {"says": says}

    def measure(self) -> Outcome:
        """Respond to the test prompts, with the same luck every time."""
        sampling = self.sampling
        return outcome.measure(
            self.policy,
            self.situation,
            self.test,
            sampling.max_new_tokens,
            temperature=sampling.temperature,
        )

    @staticmethod
    def told(found: Rollout, reference: Tensor, scores: Tensor) -> dict[str, float]:
        """Return the metrics of a batch that both methods have."""
        return {
            "score": scores.mean().item(),
            "score_std": scores.std(correction=0).item(),
            "kl": (found.logprobs - reference).sum(dim=1).mean().item(),
            "response_length": found.lengths.float().mean().item(),
            "ended": found.ended.float().mean().item(),
        }


class PPO(Reinforcement):
    """Proximal policy optimisation; see `solution/ppo_update.py`.

    Args:
        policy, situation, sampling: who acts where, and how.
        learner: of `ActorCritic(policy.model)`.
        config: the numbers of an update.
        controller: the price of a nat, which steers the KL to a target.
    """

    def __init__(
        self,
        policy: Policy,
        situation: Situation,
        sampling: Sampling,
        learner: Learner,
        config: PPOConfig,
        controller: AdaptiveController,
    ) -> None:
        super().__init__(policy, situation, sampling, learner)
        if not isinstance(learner.model, ActorCritic):
            raise ValueError("PPO learns values: give it the learner of an ActorCritic")
        self.config, self.controller, self.moments = config, controller, RunningMoments()

    def step(self) -> dict[str, float]:
        """Sample a batch, turn scores into advantages, learn from it for some epochs."""
        actor = self.learner.model.eval()
        found, reference, scores, _ = self.sample(actor)
        self.moments.update(scores)
        experience = ppo_update.prepare(
            found.ids,
            found.mask,
            found.actions,
            found.logprobs,
            found.values,
            reference,
            self.moments.normalise(scores),
            found.ended,
            self.config,
            self.controller.kl_coef,
            self.sampling.missing_end_penalty,
        )
        stats = ppo_update.update(
            actor, self.learner.optimizer, experience, self.config, self.learner.generator
        )
        metrics = self.told(found, reference, scores) | {"kl_coef": self.controller.kl_coef}
        self.controller.update(metrics["kl"])
        for field in fields(stats[0]):
            values = [getattr(one, field.name) for one in stats]
            finite = [value for value in values if math.isfinite(value)]
            metrics[field.name] = fmean(finite) if finite else 0.0
        return metrics | {"minibatches": len(stats)}

    def state(self) -> dict[str, Any]:
        """Return the price of a nat, and the scores' moments."""
        return {"kl_coef": self.controller.kl_coef, "moments": self.moments.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from another's state."""
        self.controller.kl_coef = state["kl_coef"]
        self.moments.load_state_dict(state["moments"])


class GRPO(Reinforcement):
    """Group relative policy optimisation; see `solution/grpo.py`.

    Args:
        policy, situation, sampling: who acts where, and how.
        learner: of `policy.model`.
        config: the numbers of the loss.
        group_size: responses to each prompt.
    """

    def __init__(
        self,
        policy: Policy,
        situation: Situation,
        sampling: Sampling,
        learner: Learner,
        config: GRPOConfig,
        group_size: int,
    ) -> None:
        super().__init__(policy, situation, sampling, learner)
        if sampling.batch_size % group_size:
            raise ValueError(f"groups of {group_size} do not fill a batch of {sampling.batch_size}")
        self.config, self.group_size = config, group_size

    def step(self) -> dict[str, float]:
        """Sample groups, compare within them, take one step."""
        model = self.learner.model.eval()
        found, reference, scores, _ = self.sample(model, self.group_size)
        final = scores - self.sampling.missing_end_penalty * ~found.ended
        advantages = grpo.advantages(final, self.group_size)
        said = self.logprobs(found)
        loss = grpo.loss(said, said.detach(), reference, advantages, found.actions, self.config)
        norm = self.learner.descend(loss)
        return self.told(found, reference, scores) | {"loss": loss.item(), "grad_norm": norm}

    def logprobs(self, found: Rollout) -> Tensor:
        """Ask the policy, with a gradient, how likely what it said was; (B, T - 1)."""
        positions = (found.mask.cumsum(-1) - 1).clamp(min=0)
        output = self.policy.model(
            input_ids=found.ids, attention_mask=found.mask.long(), position_ids=positions
        )
        logits = output.logits / self.sampling.temperature
        return logprobs.of_tokens(logits, found.ids, found.actions)

    def state(self) -> dict[str, Any]:
        """Return nothing: all of it is the learner's."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from another's state."""
