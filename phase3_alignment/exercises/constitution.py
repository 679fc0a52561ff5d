"""A constitution: principles in a file, with which a model mends its answers and judges them.

Bai et al. 2022 (arXiv:2212.08073). First half: the model answers, criticises its answer by a
principle, revises it; the last revisions become training data. Second half: the model says which
of two answers is better by a principle; its log-probabilities of "A" and "B" become the label on
which a reward model is trained.

Who writes and who judges is the caller's choice: a `Writer` is anything that continues a prompt,
a `Judge` anything that gives options log-probabilities.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import torch
import yaml

Writer = Callable[[str], str]
Judge = Callable[[str, Sequence[str]], Sequence[float]]

OPTIONS = ("A", "B")

CRITIQUE = """\
Question: {question}

Answer: {answer}

Critique request: {critique_request}

Critique:"""

REVISION = """\
Question: {question}

Answer: {answer}

Critique request: {critique_request}

Critique: {critique}

Revision request: {revision_request}

Revision:"""

PREFERENCE = """\
Question: {question}

A. {first}

B. {second}

{request} Reply with one letter, A or B.
"""


@dataclass(frozen=True)
class Principle:
    """One principle, in the three forms in which a model is asked with it."""

    name: str
    critique: str
    revision: str
    preference: str


@dataclass(frozen=True)
class Step:
    """One round: an answer, what is wrong with it by a principle, the answer that replaces it."""

    principle: str
    answer: str
    critique: str
    revision: str


def load(path: Path) -> list[Principle]:
    """Read the principles of a YAML file, in order.

    Raises:
        ValueError: in one line that names file and principle, if the file is no mapping with a list
            `principles`, or one of them lacks a text, has one too many, or a name that is taken.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or list(content) != ["principles"]:
        raise ValueError(f"{path}: expected one key, principles, with a list below it")
    if not isinstance(content["principles"], list) or not content["principles"]:
        raise ValueError(f"{path}: principles must be a list, and not an empty one")
    found: dict[str, Principle] = {}
    for number, entry in enumerate(content["principles"], start=1):
        principle = _principle(entry, f"{path}: principle {number}")
        if principle.name in found:
            raise ValueError(f"{path}: principle {number}: the name {principle.name!r} is taken")
        found[principle.name] = principle
    return list(found.values())


def _principle(entry: object, where: str) -> Principle:
    """Check one entry of the file."""
    wanted = [field.name for field in fields(Principle)]
    if not isinstance(entry, dict) or set(entry) != set(wanted):
        got = list(entry) if isinstance(entry, dict) else repr(entry)
        raise ValueError(f"{where}: expected {', '.join(wanted)}; got {got}")
    for key, text in entry.items():
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"{where}: {key} must be a text, got {text!r}")
    return Principle(**{key: text.strip() for key, text in entry.items()})


# -- critique and revision ----------------------------------------------------------------------


def critique_prompt(question: str, answer: str, principle: Principle) -> str:
    """Ask what is wrong with an answer: `CRITIQUE`, filled in.

    The texts stand in the prompt as they are, also one that contains "{answer}" or any other brace.
    """
    # TODO 3.24: CRITIQUE with question, answer and the principle's request for a critique in it,
    # each as it is.
    raise NotImplementedError("exercise 3.24: critique_prompt")


def revision_prompt(question: str, answer: str, critique: str, principle: Principle) -> str:
    """Ask for a better answer in the light of a critique: `REVISION`, filled in.

    The texts stand in the prompt as they are, also one that contains "{answer}" or any other brace.
    """
    # TODO 3.24: REVISION with question, answer, critique and both requests of the principle in it,
    # each as it is.
    raise NotImplementedError("exercise 3.24: revision_prompt")


def revise(question: str, draft: str, principles: Sequence[Principle], write: Writer) -> list[Step]:
    """Mend an answer once for each principle, in order; each round starts from the last revision.

    Bai et al. 2022, section 3.1, where the principles of a few rounds are drawn at random. In each
    round `write` is called twice, with the prompt for a critique and with that for a revision.
    White space around what it writes is dropped.

    Returns:
        A step for each principle: all that was said, so that a run can be read and replayed.
    """
    # TODO 3.24: A Step for each principle, each round starting from the revision before.
    raise NotImplementedError("exercise 3.24: revise")


def training_pair(question: str, steps: Sequence[Step]) -> tuple[str, str]:
    """What the model is trained on: the user's question and the last revision, and nothing else.

    The model is to give the better answer at once; drafts and critiques are how it was found.

    Raises:
        ValueError: if there is no step.
    """
    if not steps:
        raise ValueError("there is no revision to train on")
    # TODO 3.24: The user's question and the last revision; no draft, no critique.
    raise NotImplementedError("exercise 3.24: training_pair")


# -- preference ---------------------------------------------------------------------------------


def preference_prompt(question: str, first: str, second: str, principle: Principle) -> str:
    """Ask which of two answers is better: `PREFERENCE`, filled in."""
    request = principle.preference
    return PREFERENCE.format(question=question, first=first, second=second, request=request)


def says_first(question: str, first: str, second: str, principle: Principle, judge: Judge) -> float:
    """How likely a judge is to say "A" of the two answers, if it says either "A" or "B".

    Bai et al. 2022, section 4.1: the log-probabilities of the two `OPTIONS` after
    `preference_prompt`, normalised. What the judge would otherwise say does not count, however
    likely that is; log-probabilities of -1000 are fine.

    Args:
        question, first, second, principle: for the prompt; `first` is its answer A.
        judge: called once, as judge(prompt, OPTIONS); gives a log-probability in nats for each.

    Returns:
        A number from 0 to 1.
    """
    # TODO 3.24: The judge's probability of A out of A and B, whatever else it would say.
    raise NotImplementedError("exercise 3.24: says_first")


def preference(question: str, one: str, other: str, principle: Principle, judge: Judge) -> float:
    """How much better `one` is than `other`: the mean of two probabilities, one for each order.

    Models like to say "A". Asked twice, with the answers in both orders, and averaged (Lee et al.
    2023, arXiv:2309.00267), a judge that always says the same letter gives exactly 1/2.

    Returns:
        The probability that `one` is the better answer; swapping the two gives 1 minus that.
    """
    # TODO 3.24: The probability that `one` is better, from both orders; 1/2 if the judge names one
    # letter always.
    raise NotImplementedError("exercise 3.24: preference")


def language_model_judge(
    model: torch.nn.Module,
    encode: Callable[[str], Sequence[int]],
    render: Callable[[str], str] = str,
) -> Judge:
    """Make a judge of a causal language model.

    Args:
        model: called as model(input_ids=...), with `.logits` in its result; in evaluation mode.
        encode: text to token ids, with nothing added at either end.
        render: puts a prompt into the model's chat format, up to where its reply begins.

    Returns:
        A judge that gives the log-probability of each option as the continuation of the prompt,
        summed over the option's tokens.
    """

    @torch.no_grad()
    def judge(prompt: str, options: Sequence[str]) -> list[float]:
        before = list(encode(render(prompt)))
        return [_logprob(model, before, list(encode(option))) for option in options]

    return judge


def _logprob(model: torch.nn.Module, before: list[int], after: list[int]) -> float:
    """Log-probability of the tokens `after` once `before` has been said."""
    ids = torch.tensor([before + after], device=next(model.parameters()).device)
    logprobs = model(input_ids=ids).logits[0, len(before) - 1 : -1].log_softmax(dim=-1)
    return logprobs.gather(1, ids[0, len(before) :, None]).sum().item()
