"""One step of RLHF, rollout and update, against trl's GRPOTrainer: samples a second.

The work, the same on all sides: GPT-2's architecture with 4 layers, 128 wide, 4 heads and 5,000
tokens, random, float32, no dropout; all parameters train. 4 prompts of 16 tokens are answered 4
times each, by 32 tokens drawn at temperature 1 with a KV cache. A reward function in Python looks
at each response's ids. The reference, a second copy of the first weights, says how likely they
were: it enters with beta 0.04. Then one update: one forward and one backward pass, the gradient
clipped to length 1, one fused step of AdamW at 1e-6. So 16 samples a step and an update for each
16 samples.

- trl: a whole step of its trainer, with its defaults but for what makes the work the same: float32,
  no recomputation of activations, the KL's plain estimate, 4 answers of 32 tokens, beta.
- trl-default: 4 answers of 32 tokens and beta alone, so bfloat16 and recomputation, as it comes.
- GRPO: `solution/grpo.py`, with the loss that trl's defaults mean, a mean over all tokens.
- PPO: `solution/ppo_update.py` with a value head, one epoch, one minibatch: also one update.

Both of ours sample and learn through `project/fast_gpt2.py`, which gives what transformers gives,
with the products of `project/fast_linear.py`. GRPO reads a prompt once for its 4 answers; PPO, in
which prompts differ as a rule, only asks its reference so. Given the same responses, our GRPO and
trl's move the parameters to the same place (see the tests). Run `make phase3-bench`, or `python -m
phase3_alignment.project.bench_rlhf` for these rows alone.
"""

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from phase3_alignment.project import fast_gpt2, trl_peers
from phase3_alignment.project.fast_gpt2 import FastGPT2, OncePerGroup
from phase3_alignment.solution import grpo, ppo_update, rollout
from phase3_alignment.solution.grpo import GRPOConfig
from phase3_alignment.solution.ppo_update import PPOConfig
from phase3_alignment.solution.rollout import Rollout
from phase3_alignment.solution.value_head import ActorCritic
from shared.bench import Contender, Row, interleave

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MODULE = "phase3_alignment.project.bench_rlhf"
VOCAB_SIZE = 5000
PROMPTS, GROUP, PROMPT, NEW = 4, 4, 16, 32  # prompts, answers to each, tokens of both
BETA, LR, MAX_GRAD_NORM = 0.04, 1e-6, 1.0
TURNS = 15
GOAL = 3.0
WORK = f"{PROMPTS * GROUP} x ({PROMPT} + {NEW}) tokens, GPT-2 of 4 layers, 128 wide, 1 update"
# Against which of trl's settings, and what is asked for.
ROWS = {
    "3-rlhf-grpo": ("grpo", "trl", "GRPO", GOAL),
    "3-rlhf-ppo": ("ppo", "trl", "PPO against GRPO", None),
    "3-rlhf-grpo-default": ("grpo", "trl-default", "GRPO; trl in bfloat16, recomputing", None),
}
SAME_LOSS = {"bf16": False, "gradient_checkpointing": False, "use_bias_correction_kl": False}
PEERS = {"trl": SAME_LOSS, "trl-default": {}}

Step = Callable[[], Any]


def make_model() -> "PreTrainedModel":
    """Draw the same policy each time."""
    from transformers import GPT2Config, GPT2LMHeadModel

    shape = {"n_layer": 4, "n_head": 4, "n_embd": 128, "n_positions": 64}
    silent = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    special = {"bos_token_id": None, "eos_token_id": trl_peers.END, "pad_token_id": trl_peers.PAD}
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=VOCAB_SIZE, **shape, **silent, **special)).eval()


def draw_prompts(n: int) -> Tensor:
    """Draw n prompts, (n, PROMPT), without special tokens."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(2, VOCAB_SIZE, (n, PROMPT), generator=generator)


def reward(completion_ids: list[list[int]], **_: object) -> list[float]:
    """Score each response: the share of its ids that are even."""
    return [sum(id % 2 == 0 for id in ids) / len(ids) for ids in completion_ids]


# -- ours -------------------------------------------------------------------------------------


class Ours:
    """What our two methods share: policy, reference, prompts, and the optimiser.

    Args:
        wrap: turns the policy into what is optimised.
        lr: of AdamW.
    """

    def __init__(self, wrap: Callable[[nn.Module], nn.Module], lr: float = LR) -> None:
        self.policy = FastGPT2(make_model())
        self.reference = copy.deepcopy(self.policy).requires_grad_(False)
        self.actor = self.sampler = wrap(self.policy).eval()
        options = {"lr": lr, "weight_decay": 0.0, "fused": True}  # trl's choice, too
        self.optimizer = torch.optim.AdamW(self.actor.parameters(), **options)
        self.generator = torch.Generator().manual_seed(0)
        self.prompts = draw_prompts(PROMPTS * 256)

    def sample(self) -> tuple[Rollout, Tensor]:
        """Answer some prompts, score the responses."""
        drawn = torch.randint(len(self.prompts), (PROMPTS,), generator=self.generator)
        ids = self.prompts[drawn].repeat_interleave(GROUP, dim=0)
        mask = torch.ones_like(ids, dtype=torch.bool)
        model = self.sampler
        found = rollout.sample(model, ids, mask, NEW, trl_peers.END, generator=self.generator)
        rows = zip(found.ids[:, PROMPT:], found.mask[:, PROMPT:])
        return found, torch.tensor(reward([ids[real].tolist() for ids, real in rows]))

    @torch.no_grad()
    def asked_reference(self, found: Rollout) -> Tensor:
        """Ask the reference how likely the responses were, (B, T - 1)."""
        return self.logprobs(self.reference, found)

    @staticmethod
    def logprobs(model: FastGPT2, found: Rollout) -> Tensor:
        """Ask a model how likely the responses are, (B, T - 1)."""
        batch = found.ids, found.mask, found.actions
        return fast_gpt2.group_logprobs(model, *batch, PROMPT, GROUP)


class OurGRPO(Ours):
    """Rollout and update by GRPO.

    Args:
        lr: of AdamW.
    """

    config = GRPOConfig(kl_coef=BETA, aggregation="token")

    def __init__(self, lr: float = LR) -> None:
        super().__init__(lambda policy: policy, lr)
        self.sampler = OncePerGroup(self.policy, GROUP)

    def step(self) -> Tensor:
        """Sample and learn; return the gradient's length."""
        return self.learn(*self.sample())

    def learn(self, found: Rollout, scores: Tensor) -> Tensor:
        """Take one update; return the gradient's length before it was clipped."""
        reference = self.asked_reference(found)
        said = self.logprobs(self.policy, found)
        advantages = grpo.advantages(scores, GROUP)
        loss = grpo.loss(said, said.detach(), reference, advantages, found.actions, self.config)
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.policy.parameters(), MAX_GRAD_NORM)
        self.optimizer.step()
        return norm


class OurPPO(Ours):
    """Rollout and update by PPO."""

    config = PPOConfig(n_epochs=1, minibatch_size=PROMPTS * GROUP, max_grad_norm=MAX_GRAD_NORM)

    def __init__(self) -> None:
        super().__init__(ActorCritic)

    def step(self) -> list[ppo_update.StepStats]:
        """Sample and learn."""
        found, scores = self.sample()
        experience = ppo_update.prepare(
            found.ids,
            found.mask,
            found.actions,
            found.logprobs,
            found.values,
            self.asked_reference(found),
            scores,
            found.ended,
            self.config,
            BETA,
        )
        return ppo_update.update(
            self.actor, self.optimizer, experience, self.config, self.generator
        )


# -- trl --------------------------------------------------------------------------------------


def their_grpo(settings: dict[str, Any]) -> AbstractContextManager[trl_peers.Held]:
    """Keep a GRPOTrainer of trl that does the same."""
    same = {
        "per_device_train_batch_size": PROMPTS * GROUP,
        "num_generations": GROUP,
        "max_completion_length": NEW,
        "beta": BETA,
        "learning_rate": LR,
        "max_grad_norm": MAX_GRAD_NORM,
        "max_steps": 10**6,
    }
    prompts = [" ".join(map(trl_peers.word, row)) for row in draw_prompts(PROMPTS * 256).tolist()]
    return trl_peers.holding(
        make_model(), lambda folder: trl_peers.grpo(folder, prompts, reward, same | settings)
    )


# -- the rows ---------------------------------------------------------------------------------


def rows() -> list[Row]:
    """Time with all cores, in a process of its own."""
    return trl_peers.rows_of(MODULE)


def rows_here() -> list[Row]:
    """Time ours and trl's in turns, with the number of threads of this process."""
    with ExitStack() as stack:
        sides = {"grpo": OurGRPO().step, "ppo": OurPPO().step}
        for name, settings in PEERS.items():
            if trl_peers.is_installed():
                sides[name] = stack.enter_context(their_grpo(settings)).step
        contenders = [Contender(name, step) for name, step in sides.items()]
        found = interleave(contenders, turns=TURNS, warmup=2)
    rates = {name: PROMPTS * GROUP * timing.per_second for name, timing in found.items()}
    return [
        Row.compare(
            id,
            f"{what}, rollout and update, {WORK}",
            "samples/s",
            rates[ours],
            "trl GRPOTrainer",
            rates.get(peer),
            higher_is_better=True,
            goal=goal,
            runs=TURNS,
        )
        for id, (ours, peer, what, goal) in ROWS.items()
    ]


def main() -> None:
    """Print these rows alone."""
    for row in rows():
        values = f"{row.ours:6.1f} against {row.peer_value or 0:6.1f} {row.unit}"
        print(f"{row.id:20} {values}, {row.ratio or 0:5.2f} x")


if __name__ == "__main__":
    main()
