"""See a reward model hacked: optimise a proxy, and ask gold, which it learnt from, how that went.

    python -m phase3_alignment.project.hacking                     # the embedded default
    python -m phase3_alignment.project.hacking --preset stories    # sentiment, and a story teller
    python -m phase3_alignment.project.hacking --resume

The experiment of Gao, Schulman, Hilton 2022 (arXiv:2210.10760), small. PPO climbs the proxy, free
and at two prices of a nat; beside it stands the best of n. Each run has a folder,
runs/phase3/<name>-kl<price>-seed<seed>/; figure and page are in runs/phase3/<name>/.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from phase3_alignment.project import curves, loop, outcome, reward, situations
from phase3_alignment.project import hacking_judges as judges
from phase3_alignment.project import hacking_report as report
from phase3_alignment.project import policy as policies
from phase3_alignment.project.hacking_judges import Scene
from phase3_alignment.project.hacking_report import Curve, Fit, Look, Said
from phase3_alignment.project.learner import Learner
from phase3_alignment.project.reinforcement import PPO, Sampling
from phase3_alignment.project.situations import Situation
from phase3_alignment.solution.adapter_config import AdapterConfig
from phase3_alignment.solution.kl import AdaptiveController
from phase3_alignment.solution.ppo_update import PPOConfig
from phase3_alignment.solution.value_head import ActorCritic
from shared import cli, runs
from shared.files import write_text
from shared.runs import RUNS


@dataclass(frozen=True)
class Config:
    """Who judges, who learns, and how hard it tries."""

    preset: str = "default"
    """where the other values start from"""
    gold: Path | None = None
    """folder of a reward model of texts; by default one is trained, on the documentation"""
    model: str | None = None
    """the base: stories, a folder, a name on the hub; by default phase 1's newest model"""
    proxy: str | None = None
    """the proxy's body, as --model takes it; by default the base's own"""
    data: str = "documentation-labels"
    """texts whose beginnings are the prompts: a text, or labelled texts"""
    labels: int = 128
    """pairs of responses that gold chooses from, for the proxy: the fewer, the sooner it breaks"""
    penalties: tuple[float, ...] = (0.0, 0.05, 0.2)
    """prices of a nat, each a run; they stay as they are"""
    seeds: int = 2
    """runs at each price"""
    prompt_tokens: int = 8
    """of a text's beginning"""
    max_new_tokens: int = 32
    """the longest response"""
    n_steps: int = 40
    """batches of responses that PPO learns from"""
    batch_size: int = 64
    """responses in a batch"""
    lr: float = 2e-3
    """the greatest learning rate of the policy's adapter"""
    r: int = 16
    """its rank, beside every linear layer"""
    n_epochs: int = 2
    """times that PPO learns from a batch"""
    best_of: int = 64
    """the largest n of the baseline"""
    n_test: int = 128
    """prompts that are kept for looking"""
    look_every: int = 4
    """steps from one look, and checkpoint, to the next"""
    seed: int = 0
    """of the proxy, and the first of the runs' seeds"""
    device: str = "auto"
    """cpu, cuda, or auto, which takes a GPU where there is one"""
    resume: bool = False
    """keep finished runs, and go on with one that has stopped"""
    name: str = "hacking"
    """beginning of all folders under runs/phase3"""

    def __post_init__(self) -> None:
        sizes = (self.labels, self.seeds, self.prompt_tokens, self.max_new_tokens, self.n_steps)
        more = (self.batch_size, self.r, self.n_epochs, self.best_of, self.n_test, self.look_every)
        if min(*sizes, *more) < 1:
            raise ValueError("labels, seeds, sizes, steps, rank and epochs must be positive")
        if not self.penalties or min(self.penalties) < 0:
            raise ValueError("there must be prices of a nat, and none below 0")

    def settings(self, price: float, seed: int) -> dict[str, Any]:
        """What must be the same for a run to go on, or to be kept."""
        others = ("preset", "penalties", "seeds", "resume", "name")
        same = {key: value for key, value in asdict(self).items() if key not in others}
        return runs.as_json(same | {"price": price, "run_seed": seed})

    @property
    def proxy_config(self) -> reward.Config:
        """How the proxy is trained; four epochs, and it knows most of its labels by heart."""
        return reward.Config(
            name=f"{self.name}-proxy",
            model=self.proxy or self.model,
            epochs=4,
            batch_size=16,
            device=self.device,
            seed=self.seed,
            resume=self.resume,
        )


PRESETS = {
    "default": Config(),
    "stories": Config(
        preset="stories",
        gold=RUNS / "phase3" / "sst2" / "reward",
        model="stories",
        data="tinystories",
        labels=64,
        lr=1e-3,
        name="hacking-stories",
    ),
}


def set_scene(config: Config, root: Path = RUNS) -> Scene:
    """Open gold, train the proxy, and bring both to one scale on responses of the base.

    Raises:
        ValueError: a model, a judge or data are not there, or do not fit together.
    """
    gold = judges.open_gold(config.gold, config.model, f"{config.name}-gold", config.resume, root)
    base = policies.load(config.model, device=config.device, runs=root)
    if config.prompt_tokens + config.max_new_tokens >= base.context:
        raise ValueError(f"prompt and response do not fit into the {base.context} tokens it reads")
    texts = judges.find_texts(config.data)
    place = situations.beginnings(texts, base.tokenizer, config.prompt_tokens, gold)
    n_train = len(place.prompts) - config.n_test
    if n_train < 1:
        raise ValueError(f"{len(place.prompts)} prompts, and {config.n_test} of them for looking")
    length = config.max_new_tokens
    asked = {"gold": config.gold, "base": config.model, "texts": config.data, "n_train": n_train}
    asked |= {"prompt_tokens": config.prompt_tokens, "max_new_tokens": length}
    questions = judges.Questions(place, base, n_train, length)
    proxy = judges.train_proxy(config.proxy_config, questions, config.labels, asked, root)
    numbers = [i for i in range(n_train, len(place.prompts)) for _ in range(config.best_of)]
    seen = outcome.measure(base, place, numbers, length, seed=config.seed)
    other = judges.judged_by(place, proxy)
    scores = other.score(numbers, seen.responses)
    return Scene(
        place,
        other,
        seen.responses,
        judges.on_one_scale(gold, seen.scores).view(config.n_test, -1),
        judges.on_one_scale(proxy, scores).view(config.n_test, -1),
    )


# -- a run ------------------------------------------------------------------------------------


class Watched(PPO):
    """PPO for the proxy, at a fixed price of a nat, while gold looks on."""

    def __init__(self, gold: Situation, *rest: Any) -> None:
        super().__init__(*rest)
        self.gold = gold

    def look(self) -> dict[str, Any]:
        """Let both judge the same responses."""
        seen = self.measure()
        gold = self.gold.score(self.test, seen.responses).mean().item()
        says = f"proxy {seen.score:+.2f}, gold {gold:+.2f}, KL {seen.kl:.2f} nats"
        numbers = seen.numbers() | {"gold_score": gold}
        return {f"val_{name}": value for name, value in numbers.items()} | {"says": says}


def climb(
    config: Config, scene: Scene, price: float, seed: int, root: Path = RUNS
) -> tuple[Curve, Said]:
    """Train one policy, or take the one that is finished.

    Raises:
        KeyboardInterrupt: Ctrl-C, after everything is saved.
    """
    name = f"{config.name}-kl{price:g}-seed{seed}"
    path, settings = root / loop.PHASE / name, config.settings(price, seed)
    if not (config.resume and judges.is_finished(path, settings)):
        print(f"{name}:")
        task = make_task(config, scene, price, seed, root)
        begun = config.resume and runs.has_begun(path)
        run, saved = loop.open_run(name, settings, begun, root)
        with run:
            loop.fit(task, run, saved)
        policies.save(task.policy, path)
        curves.draw_run(path)
        write_text(path / judges.RESULTS, json.dumps(asdict(ending(task)), indent=1))
    kept = json.loads((path / judges.RESULTS).read_text(encoding="utf-8"))
    looks = (record for record in runs.read_metrics(path) if "val_gold_score" in record)
    seen = (Look(r["val_kl"], r["val_score"], r["val_gold_score"]) for r in looks)
    return Curve(price, seed, tuple(seen)), Said(**{k: tuple(v) for k, v in kept.items()})


def make_task(config: Config, scene: Scene, price: float, seed: int, root: Path = RUNS) -> Watched:
    """Put a new adapter into the base, and a price on its nats that stays as it is."""
    adapter = AdapterConfig(targets=(), r=config.r, alpha=2 * config.r)
    policy = policies.load(config.model, adapter, device=config.device, seed=seed, runs=root)
    actor = ActorCritic(policy.model)
    warmup = max(1, config.n_steps // 20)
    learner = Learner(actor, config.lr, config.n_steps, warmup_steps=warmup, eps=1e-5, seed=seed)
    sampling = Sampling(
        config.batch_size,
        config.max_new_tokens,
        n_test=config.n_test,
        look_every=config.look_every,
    )
    numbers = PPOConfig(n_epochs=config.n_epochs, minibatch_size=max(1, config.batch_size // 2))
    controller = AdaptiveController(price, target=1.0, k_beta=0.0)
    return Watched(scene.gold, policy, scene.proxy, sampling, learner, numbers, controller)


def ending(task: Watched) -> Said:
    """Look at the policy once more, response by response."""
    seen = task.measure()
    gold = task.gold.score(task.test, seen.responses)
    return Said(seen.responses, tuple(seen.scores.tolist()), tuple(gold.tolist()))


# -- all of it --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """What came out.

    Attributes:
        path: folder of the figure and the page.
        curves: the best of n, then the runs, price by price.
        fits: of Gao et al.'s forms to gold, by what was fitted; None from too few points.
        told: how the policies changed, in words.
    """

    path: Path
    curves: tuple[Curve, ...]
    fits: dict[str, Fit | None]
    told: tuple[str, ...]


def hack(config: Config, root: Path = RUNS) -> Result:
    """Run everything, and write the figure, the page and the results.

    Raises:
        KeyboardInterrupt: Ctrl-C; go on with --resume.
        ValueError: a model, a judge or data are not there, or do not fit together.
    """
    scene = set_scene(config, root)
    best = report.best_of_curve(scene.base_proxy, scene.base_gold)
    seeds = range(config.seed, config.seed + config.seeds)
    found = [climb(config, scene, price, s, root) for price in config.penalties for s in seeds]
    climbs = [curve for curve, _ in found]
    fits = {"best of n": report.fit([best])}
    for price in config.penalties:
        fits[f"price {price:g}"] = report.fit([c for c in climbs if c.price == price])
    path = root / loop.PHASE / config.name
    path.mkdir(parents=True, exist_ok=True)
    report.draw([best, *climbs], path / "hacking.png")
    cheapest = [said for curve, said in found if curve.price == min(config.penalties)]
    told = write_page(config, scene, cheapest, path / "samples.html")
    result = Result(path, (best, *climbs), fits, tuple(told))
    kept = {"curves": result.curves, "fits": fits, "told": told}
    write_text(path / "results.json", json.dumps(kept, default=asdict, indent=1))
    return result


def write_page(config: Config, scene: Scene, fooled: list[Said], path: Path) -> list[str]:
    """Put the first of the base's responses to each prompt beside what the policies say."""
    first = slice(None, None, config.best_of)
    proxy, gold = (t[:, 0].tolist() for t in (scene.base_proxy, scene.base_gold))
    base = Said(scene.base[first], tuple(proxy), tuple(gold))
    n = len(scene.gold.prompts)
    prompts = [scene.gold.prompt(i) for i in range(n - config.n_test, n)]
    return report.write_page(prompts, base, fooled, path)


def main(config: Config) -> None:
    """Run, and end in the table."""
    result = hack(config)
    print(report.table(result.curves))
    for name, found in result.fits.items():
        print(f"gold, {name}: {found or 'too few points for a fit'}")
    print(result.told[-1])
    print(f"the figure and the page: {result.path}")


if __name__ == "__main__":
    cli.run(__spec__.name)
