"""Constitutional AI: a model's answers, mended and compared by feedback that no person gives.

    python -m phase3_alignment.project.constitutional --model runs/phase3/sft/hf
    python -m phase3_alignment.project.constitutional --feedback HuggingFaceTB/SmolLM2-1.7B-Instruct

Bai et al. 2022 (arXiv:2212.08073), with any feedback model: one that chats, or, offline, a reward
model, which cannot write and chooses instead (see `feedback`). Four stages, one file each in
runs/phase3/<name>/, a line for each thing done; --resume goes on behind the last line.

    answers.jsonl     the policy answers each question a few times; the first answer is the draft
    revisions.jsonl   drafts mended, all that was said   -> sl-cai.jsonl, for `project.sft`
    labels.jsonl      answers compared                   -> rlaif-pairs.jsonl, for `project.reward`
    agreement.jsonl   pairs that people have judged      -> agreement.png

In the paper the pairs are by the model that the first half has trained: run this once more with
--model on what `sft` made of sl-cai.jsonl.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from zlib import crc32

from phase3_alignment.project import agreement, demonstrations, feedback, loop, policy, samples
from phase3_alignment.project.agreement import Agreement
from phase3_alignment.project.feedback import Feedback, Panel, Row, TooLong, each, write_lines
from phase3_alignment.project.fine_tuning import spread
from phase3_alignment.project.policy import Policy
from phase3_alignment.project.records import held_out
from phase3_alignment.project.samples import Answer, Question, Sample
from phase3_alignment.solution import constitution
from phase3_alignment.solution.chat import Message
from phase3_alignment.solution.constitution import Step
from shared import cli
from shared.files import write_text
from shared.runs import RUNS, as_json

PRINCIPLES = Path(__file__).parents[1] / "constitution.yaml"
CALLS = ("resume", "device")  # how the program is called, not what it makes
SL_CAI, RLAIF = "sl-cai.jsonl", "rlaif-pairs.jsonl"
SHOWN = 24  # drafts on the page
FILE_TEST_SHARE = 0.1  # of the prompts of any file, as `corpora.read_jsonl` has it
CHOOSES = "it has no words: of the policy's answers the best is kept, and no principle is read"
Rivals = tuple[Question, str, str]  # and two answers to it


@dataclass(frozen=True)
class Config:
    """Whose answers to what, and who says how good they are."""

    model: str | None = None
    """the policy: stories, a folder, a name on the hub; by default phase 1's newest model"""
    feedback: str | None = None
    """folder of a reward model, or a chat model; by default the judge of reward's preset helpful"""
    data: str = "documentation"
    """where questions are from: documentation, dolly, hh-rlhf, a .jsonl file; of each the first"""
    constitution: Path = PRINCIPLES
    """the principles, a YAML file"""
    n_questions: int = 200
    """questions that are asked"""
    n_answers: int = 4
    """answers of the policy to each; neighbours make the pairs"""
    n_principles: int = 2
    """by which a draft is revised, one after the other, or two answers compared; drawn each time"""
    n_human: int = 500
    """pairs of people's to agree with, at most"""
    max_new_tokens: int = 48
    """the longest answer"""
    max_feedback_tokens: int = 128
    """the longest critique, and the longest revision, of a feedback model that writes"""
    temperature: float = 1.0
    """of the answers"""
    seed: int = 0
    """of the answers, the principles and the order of two"""
    device: str = "auto"
    """cpu, cuda, or auto, which takes a GPU where there is one"""
    resume: bool = False
    """go on where the run of this name stopped"""
    name: str = "constitutional"
    """the run's folder under runs/phase3"""

    def __post_init__(self) -> None:
        for field in ("n_questions", "n_principles", "n_human", "max_feedback_tokens"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} must be positive, got {getattr(self, field)}")
        if self.n_answers < 2:
            raise ValueError(f"n_answers must be 2 at least, to compare; got {self.n_answers}")


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Attributes:
        path: its folder.
        numbers: what was done, see `agreement.numbers`.
        agreement: with people; None if the feedback could read none of their pairs.
        commands: with which to go on.
    """

    path: Path
    numbers: dict[str, float | None]
    agreement: Agreement | None
    commands: str


# -- the stages -----------------------------------------------------------------------------------


def find_questions(config: Config, subject: Policy) -> tuple[list[Question], str]:
    """Choose questions, each once, spread over the data; say where that is from.

    The next programs hold out by the hashes of this one, so what they are to test on comes along.

    Raises:
        ValueError: there is no such data, or none of it fits.
    """
    data = demonstrations.load(config.data)
    _, held_again = held_out(data.test, FILE_TEST_SHARE)
    records = (*data.train, *data.validation, *held_again)
    ready = demonstrations.prepare(records, subject.tokenizer, subject.context)
    asked = {question.text: question for question in samples.questions(ready.conversations)}
    fitting = samples.fitting(list(asked.values()), subject, config.max_new_tokens)
    return spread(fitting, config.n_questions), data.source


def ask(config: Config, subject: Policy, questions: Sequence[Question], path: Path) -> list[Row]:
    """Let the policy answer every question a few times."""

    def work(number: int, question: Question) -> Row:
        ids = samples.encode([question] * config.n_answers, subject)
        seed = random.Random(f"{config.seed}: answers to {number}").getrandbits(32)
        said = samples.answer(subject, ids, config.max_new_tokens, config.temperature, seed)
        texts, ended = [a.text.strip() for a in said], [a.ended for a in said]
        return {"question": question.text, "answers": texts, "ended": ended}

    return each(path, questions, work)


def revise(
    panel: Panel,
    n_principles: int,
    questions: Sequence[Question],
    answers: Sequence[Row],
    path: Path,
) -> list[Row]:
    """Mend every draft, and compare what came of it with the draft."""

    def work(number: int, question: Question) -> Row:
        said = answers[number]["answers"]
        drawn = panel.draw(f"revision {number}", n_principles)
        try:
            steps = panel.judge.mend(question, said, drawn)
        except TooLong as error:
            return {"question": question.text, "steps": [], "too_long": str(error)}
        _, new = constitution.training_pair(question.text, steps)
        told = {"question": question.text, "steps": [asdict(step) for step in steps]}
        return told | panel.opinion(question, new, said[0], drawn)

    return each(path, questions, work)


def label(panel: Panel, n_principles: int, pairs: Sequence[Rivals], path: Path) -> list[Row]:
    """Compare the answers of every pair."""

    def work(number: int, pair: Rivals) -> Row:
        question, one, other = pair
        drawn = panel.draw(f"label {number}", n_principles)
        told = {"question": question.text, "one": one, "other": other}
        return told | panel.opinion(question, one, other, drawn)

    return each(path, pairs, work)


def neighbours(questions: Sequence[Question], answers: Sequence[Row]) -> list[Rivals]:
    """Pair answers to the same question: two that differ, and both of which say something."""
    return [
        (question, one, other)
        for question, row in zip(questions, answers, strict=True)
        for one, other in zip(row["answers"][::2], row["answers"][1::2])
        if one and other and one != other
    ]


def training_data(questions: Sequence[Question], revisions: Sequence[Row]) -> list[Row]:
    """Make conversations for `project.sft`: the question and the last revision, nothing else."""
    found = []
    for question, row in zip(questions, revisions, strict=True):
        steps = [Step(**step) for step in row["steps"]]
        target = constitution.training_pair(question.text, steps)[1] if steps else ""
        if target:  # silence is not to be learnt
            messages = [*question.prompt, Message("assistant", target)]
            found.append({"messages": [asdict(message) for message in messages]})
    return found


def preference_data(labels: Sequence[Row]) -> list[Row]:
    """Make pairs for `project.reward`; `probability` is that of the label."""
    found = []
    for row in labels:
        share = row.get("preference", 0.5)
        best, worst = ("one", "other") if share > 0.5 else ("other", "one")
        if share != 0.5:
            pair = {"prompt": row["question"], "chosen": row[best], "rejected": row[worst]}
            found.append(pair | {"probability": max(share, 1 - share)})
    return found


# -- a run ----------------------------------------------------------------------------------------


def run(config: Config, root: Path = RUNS) -> Result:
    """Take the stages that are left, and write all that the next programs need.

    Raises:
        shared.runs.RunError: there is nothing to resume, or it had other settings.
        ValueError: there is no such model, data or constitution, or nothing fits.
    """
    principles = constitution.load(config.constitution)
    judge = feedback.load(config.feedback, config.max_feedback_tokens, config.device, root)
    subject = policy.load(config.model, device=config.device, runs=root)
    questions, source = find_questions(config, subject)
    people = agreement.human_pairs(config.n_human)
    print(describe(subject, judge, len(questions), len(principles)), flush=True)
    chosen = {name: value for name, value in asdict(config).items() if name not in CALLS}
    chosen |= {"model": subject.source, "feedback": judge.source, "data": source}
    chosen |= {"people": people.source, "principles": str(crc32(repr(principles).encode()))}
    opened, _ = loop.open_run(config.name, chosen, config.resume, root)
    with opened:
        opened.save(0, {}, {})  # from here on there is something to resume
    panel, path = Panel(judge, principles, config.seed), opened.path
    answers = ask(config, subject, questions, path / "answers.jsonl")
    revisions = revise(panel, config.n_principles, questions, answers, path / "revisions.jsonl")
    write_lines(path / SL_CAI, training_data(questions, revisions))
    pairs = neighbours(questions, answers)
    labels = label(panel, config.n_principles, pairs, path / "labels.jsonl")
    write_lines(path / RLAIF, preference_data(labels))
    opinions = agreement.ask(panel, people.pairs, config.n_principles, path / "agreement.jsonl")
    result = Result(
        path=path,
        numbers=agreement.numbers(answers, revisions, labels),
        agreement=agreement.measure(people, opinions, reads_order=judge.writes),
        commands=commands(config, path, subject.context),
    )
    finish(result, revisions)
    return result


def finish(result: Result, revisions: Sequence[Row]) -> None:
    """Write results.json, the figure, and a page of drafts and what replaced them."""
    write_text(result.path / "results.json", json.dumps(as_json(result), indent=1))
    if result.agreement:
        agreement.draw(result.agreement, result.path / "agreement.png")
    shown = [
        Sample(row["question"], Answer(steps[0]["answer"]), Answer(steps[-1]["revision"]))
        for row in revisions
        if (steps := row["steps"])
    ]
    page = result.path / "revisions.html"
    samples.write_page(page, "Draft and revision", shown[:SHOWN], ("draft", "kept"))


# -- what is said -----------------------------------------------------------------------------


def describe(subject: Policy, judge: Feedback, n_questions: int, n_principles: int) -> str:
    """Say who answers, who judges, and how."""
    how = f"asked in words, by {n_principles} principles" if judge.writes else CHOOSES
    return f"policy: {subject.source}, {n_questions:,} questions\nfeedback: {judge.source}; {how}"


def commands(config: Config, path: Path, context: int) -> str:
    """Say how to go on: learn the revisions, learn the labels, align by what was learnt."""
    n_new = config.max_new_tokens
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    base = f" --model {config.model}" if config.model else ""
    name, made = config.name, f"{path.parent / config.name}-"
    lines = (  # short and gentle: a few hundred answers are soon known by heart
        f"sft{base} --data {path / SL_CAI} --max-steps 20 --lr 1e-3 --name {name}-sl",
        f"reward{base} --data {path / RLAIF} --epochs 3 --name {name}-reward",
        f"align --reward {made}reward/reward --model {made}sl/hf --data {config.data} "
        f"--prompt-tokens {context - n_new - 1} --max-new-tokens {n_new} --name {name}-rl",
    )
    return "\n".join(f"python -m phase3_alignment.project.{line}" for line in lines)


def main(config: Config) -> None:
    """Answer, mend, compare; end in the table and in what to do next."""
    result = run(config)
    print(agreement.table(result.numbers, result.agreement))
    print(f"what was said: {result.path}; go on with\n{result.commands}")


if __name__ == "__main__":
    cli.run(__spec__.name)
