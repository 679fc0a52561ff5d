"""What phase 3 shows on the tour: a base becomes an assistant, a judge is trained, PPO pleases it.

`python -m shared.course tour` (or `make tour`) runs it and puts it on the page.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from phase3_alignment.project import align, exhibits, models, reward, sft
from phase3_alignment.project.align import Row
from shared.pages import Quote, Stage
from shared.runs import RUNS
from shared.texts import DataError

SFT = sft.Config(max_steps=60, look_every=30)
REWARD = reward.Config(epochs=3)
# Cheap nats and large steps: it is to be seen within a minute what a judge can be talked into.
PPO = align.Config(
    reward=Path(),
    data="documentation",
    prompt_tokens=32,
    n_steps=15,
    lr=1e-3,
    kl_coef=0.05,
    target_kl=8.0,
    n_test=64,
    look_every=5,
    name="ppo",
)


@dataclass(frozen=True)
class Settings:
    """How much is done, so that a test can do less; models and judge are filled in."""

    sft: sft.Config = SFT
    reward: reward.Config = REWARD
    align: align.Config = PPO


def stage(folder: Path, settings: Settings = Settings()) -> Stage:
    """Fine-tune, train a judge, align; and say what one sees.

    Args:
        folder: for everything that is written; phase 1's stage has left a model beside it.
        settings: how much is done.

    Raises:
        shared.texts.DataError: phase 1 has trained no model yet.
    """
    base = find_base(folder)
    tuned = sft.fine_tune(replace(settings.sft, model=str(base)), folder)
    print(tuned.headline)
    assistant = str(tuned.path / "hf")
    judge = reward.train(replace(settings.reward, model=assistant), folder)
    print(reward.table(judge.reports))
    how = replace(settings.align, model=assistant, reward=judge.path / reward.REWARD)
    rows = align.align(how, folder)
    aligned = tuned.path.parent / how.name
    return Stage(
        title="Phase 3: an assistant, a judge, and what happens when one pleases the other",
        headline=headline(rows),
        paragraphs=paragraphs(tuned, judge, aligned),
        figures=[
            *retitled(
                exhibits.quote(tuned.path, 4),
                "Before and after fine-tuning",
                "Held-out questions. The base goes on with whatever comes to its mind, up to the "
                "limit; the fine-tuned model answers and stops. A model of this size knows the "
                "form of an answer, and next to nothing of what is in it.",
            ),
            *exhibits.pictures(judge.path, "calibration.png"),
            *exhibits.pictures(aligned, "frontier.png", "curves.png"),
            *retitled(
                exhibits.quote(aligned, 8),
                "Before and after PPO",
                "The same questions and the same luck, and in brackets what the judge thinks of "
                "each answer. It asks one thing: does this sound like a sentence about Python's "
                f"{judge.positive}? It never reads the question. So the policy learns to say what "
                "always fits, whatever it is asked: this is reward hacking, and the share of "
                "distinct pairs of words tells it. The price of a nat is what holds it back.",
            ),
        ],
        numbers=numbers(tuned, judge, rows),
        next_step="make phase3-test",
    )


def find_base(folder: Path) -> Path:
    """Find the model of this tour's phase 1, or else the newest that there is."""
    try:
        return models.newest(folder.parent / "phase1_transformers")
    except DataError:
        return models.newest(RUNS)


def retitled(quotes: list[Quote], title: str, caption: str) -> list[Quote]:
    """Say more of a quote than its program could."""
    return [replace(quote, title=title, caption=caption) for quote in quotes]


def headline(rows: list[Row]) -> str:
    """What PPO bought, beside what costs no training."""
    base, best, aligned = rows
    return (
        f"the judge's probability {base.probability:.2f} -> {aligned.probability:.2f} by PPO at "
        f"{aligned.kl:.1f} nats per answer; {best.name} of the base: {best.probability:.2f} at "
        f"{best.kl:.1f}"
    )


def paragraphs(tuned: sft.Result, judge: reward.Result, aligned: Path) -> list[str]:
    """What was done, and what is left behind."""
    return [
        "The three steps of Ouyang et al. (2022), on the GPT of phase 1. First supervised "
        f"fine-tuning on questions and answers ({tuned.source}), with the loss on the answers "
        "alone and low-rank adapters beside every linear layer. Then a reward model: the same "
        f"body with a head of one number, the log-odds that a sentence is of {judge.positive!r}; "
        f"it judges {judge.reports[reward.OURS].accuracy:.0%} of held-out sentences rightly. Then "
        "PPO: sample answers, judge them, and make what was better than expected likelier, at a "
        "price for every nat away from where it began. Adapters, losses, advantages and the "
        "clipped update are the code of phase 3.",
        f"The folder {aligned / 'adapter'} holds what was learnt, a few hundred kilobytes that "
        f"peft opens too; {aligned / 'hf'} holds the model with it merged in. That is what phase 4 "
        "quantises and serves. make phase3-look shows more of any run.",
    ]


def numbers(tuned: sft.Result, judge: reward.Result, rows: list[Row]) -> dict[str, str]:
    """The row of numbers."""
    base, _, aligned = rows
    return {
        "loss of answers": f"{tuned.before.loss:.2f} to {tuned.after.loss:.2f} nats per token",
        "answers that end": f"{tuned.before.ended:.0%} to {tuned.after.ended:.0%}",
        "judge right": f"{judge.reports[reward.OURS].accuracy:.0%}",
        "judged positive": f"{base.probability:.2f} to {aligned.probability:.2f}",
        "moved by": f"{aligned.kl:.1f} nats per answer",
        "distinct pairs": f"{base.distinct:.2f} to {aligned.distinct:.2f}",
    }
