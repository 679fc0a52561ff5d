"""An assistant, from a model that only goes on with texts: SFT, reward model, PPO, and the duels.

    python -m phase3_alignment.project.assistant                    # phase 1's newest model
    python -m phase3_alignment.project.assistant --model stories
    python -m phase3_alignment.project.assistant --preset gpt2      # the hub's, on a GPU
    python -m phase3_alignment.project.assistant --resume

The three steps of Ouyang et al. 2022 (arXiv:2203.02155, figure 2), by the programs `sft`, `reward`
and `align`, each with its own folder: <name>-sft, <name>-reward, <name>-ppo. A second reward model,
<name>-judge, learns from the other half of the pairs, and PPO never sees it. On held-out prompts
both judges compare what the model says before and after PPO. The win rates, samples.html, wins.png
and results.json go to runs/phase3/<name>/. Killed anywhere, it goes on with --resume.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from phase3_alignment.project import (
    align,
    corpora,
    demonstrations,
    duels,
    loop,
    models,
    policy,
    reward,
    samples,
    sft,
)
from phase3_alignment.project.duels import Result
from phase3_alignment.project.fine_tuning import spread
from phase3_alignment.project.records import Pair
from shared import cli
from shared.runs import RUNS, has_begun
from shared.texts import DataError

LR_ENCODER, LR_OWN = 1e-3, 3e-3  # of a reward model: on minilm, and on a body of a few millions


@dataclass(frozen=True)
class Config:
    """Of what to make an assistant, and with how much work."""

    preset: str = "default"
    """where the other values start from: default, for a few million parameters; gpt2, for more"""
    name: str = "assistant"
    """folder of the result under runs/phase3; those of the steps are called <name>-sft, ..."""
    model: str | None = None
    """the base: stories, a folder, a name on the hub; by default phase 1's newest model"""
    data: str = "dolly"
    """conversations: what to answer like, and what to be asked"""
    pairs: str = "hh-rlhf"
    """pairs of answers, of which people preferred one"""
    body: str | None = None
    """of the reward models; by default minilm where it is installed, else the base"""
    sft_lora: bool = False
    """train an adapter in step 1; otherwise all parameters"""
    sft_steps: int = 200
    """of 8 rows of conversations"""
    sft_lr: float | None = None
    """by default that of `sft`"""
    reward_epochs: int = 1
    """times through a half of the pairs"""
    reward_lr: float | None = None
    """by default 1e-3 on minilm, else 3e-3"""
    reward_tokens: int = 64
    """that a reward model reads: the end of a dialogue"""
    ppo_steps: int = 60
    """batches of responses"""
    batch_size: int = 64
    """responses in one"""
    ppo_lr: float = 1e-3
    """the greatest learning rate of PPO's adapter"""
    n_looked_at: int = 64
    """prompts at a look of PPO; the duels have their own"""
    kl_coef: float = 0.05
    """price of a nat at the start, in units of the normalised score"""
    target_kl: float = 8.0
    """nats per response to which PPO steers"""
    missing_end_penalty: float = 1.0
    """taken off the normalised score of an answer that does not come to its end"""
    prompt_tokens: int = 64
    """of a question at most; longer ones are not asked"""
    max_new_tokens: int = 48
    """of an answer"""
    n_duels: int = 400
    """held-out prompts that both models answer, if there are as many"""
    temperature: float = 1.0
    """of those answers; PPO samples at 1"""
    seed: int = 0
    """of everything random; the second judge has the next one"""
    device: str = "auto"
    """cpu, cuda, or auto, which takes a GPU where there is one"""
    resume: bool = False
    """keep the steps that are finished, and go on with the one that is not"""

    def __post_init__(self) -> None:
        counts = (self.sft_steps, self.reward_epochs, self.ppo_steps, self.n_duels)
        sizes = (self.batch_size, self.prompt_tokens, self.max_new_tokens)
        if min(*counts, *sizes) < 1 or self.temperature <= 0:
            raise ValueError("steps, epochs, sizes, counts and temperature must be positive")


PRESETS = {
    "default": Config(),
    "gpt2": Config(
        preset="gpt2", model="openai-community/gpt2", sft_lora=True, sft_steps=1500, sft_lr=2e-4,
        reward_lr=5e-4, reward_tokens=256, ppo_steps=200, ppo_lr=1e-4, max_new_tokens=96,
    ),
}  # fmt: skip


# -- the steps --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """A config whose choices are made, and where the runs are.

    Attributes:
        model, body: of the language model and of the reward models, by name.
        root: folder of all runs.
    """

    config: Config
    model: str
    body: str
    root: Path

    @property
    def path(self) -> Path:
        """Where the result goes."""
        return self.root / loop.PHASE / self.config.name

    def folder(self, step: str) -> Path:
        """Return where a step keeps its run."""
        return self.path.with_name(f"{self.config.name}-{step}")

    def settings(self) -> dict[str, Any]:
        """What must be the same for the work to go on."""
        chosen = {k: v for k, v in asdict(self.config).items() if k != "resume"}
        return chosen | {"model": self.model, "body": self.body}


def make_plan(config: Config, root: Path) -> Plan:
    """Choose the models and find out, before hours of work, whether everything fits.

    Raises:
        ValueError: no such model or data, of the wrong kind, or too long for the model.
    """
    model = config.model or str(models.newest(root))
    body = config.body or default_body(model)
    base = policy.load(model, device="cpu", runs=root)
    if config.prompt_tokens + config.max_new_tokens >= base.context:
        raise ValueError(
            f"prompts of {config.prompt_tokens} and answers of {config.max_new_tokens} tokens do "
            f"not fit into the {base.context} that {model} reads"
        )
    learnt = demonstrations.load(config.data).train
    fitting = demonstrations.prepare(spread(learnt, 1000), base.tokenizer, base.context)
    if fitting.n_unwritable:
        raise DataError(f"{model} has no tokens for all characters of {config.data}; take another")
    if not all(isinstance(record, Pair) for record in corpora.load(config.pairs).train):
        raise DataError(f"{config.pairs} has no pairs of answers; take hh-rlhf")
    return Plan(config, model, body, root)


def default_body(model: str) -> str:
    """Take minilm, where it is installed: it has read far more than the base."""
    try:
        models.encoder_folder()
    except DataError:
        return model
    return "minilm"


def fine_tune(plan: Plan, common: dict[str, Any]) -> None:
    """Step 1: learn to answer, and to stop."""
    c = plan.config
    chosen = sft.Config(
        model=plan.model,
        data=c.data,
        lora=c.sft_lora,
        max_steps=c.sft_steps,
        lr=c.sft_lr,
        max_new_tokens=c.max_new_tokens,
        seed=c.seed,
        **common,
    )
    print(sft.table(sft.fine_tune(chosen, plan.root)))


def learn_reward(plan: Plan, common: dict[str, Any], half: str) -> None:
    """Step 2: learn which answer people prefer, from one half of the pairs."""
    c = plan.config
    chosen = reward.Config(
        model=plan.body,
        data=c.pairs,
        half=half,
        lr=c.reward_lr or (LR_ENCODER if plan.body == "minilm" else LR_OWN),
        epochs=c.reward_epochs,
        max_length=c.reward_tokens,
        looks=2,
        seed=c.seed + (half == "second"),
        **common,
    )
    print(reward.table(reward.train(chosen, plan.root).reports))


def optimise(plan: Plan, common: dict[str, Any]) -> None:
    """Step 3: PPO, beginning with step 1's model, against the first judge."""
    c = plan.config
    chosen = align.Config(
        model=str(plan.folder("sft") / policy.MERGED),
        reward=plan.folder("reward") / reward.REWARD,
        data=c.data,
        prompt_tokens=c.prompt_tokens,
        max_new_tokens=c.max_new_tokens,
        n_steps=c.ppo_steps,
        batch_size=c.batch_size,
        lr=c.ppo_lr,
        kl_coef=c.kl_coef,
        target_kl=c.target_kl,
        missing_end_penalty=c.missing_end_penalty,
        n_test=c.n_looked_at,
        seed=c.seed,
        **common,
    )
    align.align(chosen, plan.root)


STEPS = {
    "sft": fine_tune,
    "reward": partial(learn_reward, half="first"),
    "judge": partial(learn_reward, half="second"),
    "ppo": optimise,
}


def set_aside(plan: Plan) -> None:
    """Rename what an earlier run of this name has left, as `runs.start` does with a single one."""
    for folder in filter(Path.exists, map(plan.folder, STEPS)):
        previous = folder.with_name(f"{folder.name}.previous")
        shutil.rmtree(previous, ignore_errors=True)
        folder.rename(previous)


# -- the duels --------------------------------------------------------------------------------


def compare(plan: Plan) -> Result:
    """Let the model before and after PPO answer held-out prompts, and both judges read that."""
    c, folder = plan.config, plan.folder
    base, adapter = folder("sft") / policy.MERGED, folder("ppo") / policy.ADAPTER
    subject = duels.load_aligned(base, adapter, c.device)
    asked = samples.questions(demonstrations.load(c.data).test)
    asked = spread(duels.short(asked, subject, c.prompt_tokens), c.n_duels)
    found = duels.fight(subject, asked, c.max_new_tokens, c.temperature, c.seed)
    told = f"Held-out prompts of {c.data}, temperature {c.temperature:g}"
    return duels.report(found, folder("reward"), folder("judge"), plan.path, told)


# -- the run ----------------------------------------------------------------------------------


def make(config: Config, root: Path = RUNS) -> Result:
    """Take the steps that are left, compare, and write everything down.

    Raises:
        KeyboardInterrupt: Ctrl-C, after everything is saved.
        shared.runs.RunError: there is nothing to resume, or it had other settings.
        ValueError: there is no such model or data, or nothing fits.
    """
    plan = make_plan(config, root)
    print(f"base: {plan.model}; the reward models' body: {plan.body}", flush=True)
    run, saved = loop.open_run(config.name, plan.settings(), config.resume, root)
    with run:
        if saved is None:
            set_aside(plan)
            run.save(0, {}, {})  # from here on there is something to resume
        n_kept = saved.step if saved else 0
        for number, (step, take) in enumerate(STEPS.items(), start=1):
            folder = plan.folder(step)
            print(f"\n{folder.name}:{' kept' * (number <= n_kept)}", flush=True)
            if number > n_kept:
                begun = has_begun(folder)
                take(plan, {"name": folder.name, "device": config.device, "resume": begun})
                run.save(number, {}, {})
    result = compare(plan)
    print(f"\n{result}")
    print(f"answers and figure: {plan.path}; PPO's curves: {plan.folder('ppo') / 'curves.png'}")
    return result


def main(config: Config) -> None:
    """Make an assistant."""
    make(config)


if __name__ == "__main__":
    cli.run(__spec__.name)
