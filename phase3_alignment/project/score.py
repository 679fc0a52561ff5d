r"""Ask a trained reward model what it thinks of a text.

    python -m phase3_alignment.project.score --reward runs/phase3/sst2/reward "a warm, funny film"
    python -m phase3_alignment.project.score --reward runs/phase3/helpful/reward \
        --prompt "How do I boil an egg?" "Ask somebody." "Ten minutes in boiling water."

Other programs ask the same by `Judge.load(folder)`, in their own tokens: what goes in is text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import tyro
from torch import Tensor

from phase3_alignment.project import calibration, templates
from phase3_alignment.solution.chat import Message
from phase3_alignment.solution.reward_model import RewardModel
from shared import cli
from shared.files import write_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

READING_FILE = "reading.json"


@dataclass(frozen=True)
class Config:
    """Which model to ask, and about what."""

    texts: tyro.conf.Positional[tuple[str, ...]]
    """texts, or answers to the prompt; in quotation marks"""
    reward: Path
    """folder of the reward model, such as runs/phase3/sst2/reward"""
    prompt: str = ""
    """what the texts are answers to, if the model was trained on answers"""

    def __post_init__(self) -> None:
        if not self.texts:
            raise ValueError('there is no text to score; give one: "a text"')


class Reader:
    """How a text becomes ids for a reward model: with an end token last, where the score is read.

    A text that is too long loses its beginning: the end has the answer.

    Args:
        tokenizer: gets an end token if it has none: BERT ends a text with what separates two.
        max_length: tokens of a text at most.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, max_length: int) -> None:
        if tokenizer.eos_token_id is None:
            tokenizer.eos_token = tokenizer.sep_token
        self.tokenizer, self.max_length = tokenizer, max_length

    def text(self, text: str) -> Tensor:
        """Encode a text that stands for itself; (T,) int64."""
        ids = self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        return self._between_ends(torch.tensor([*ids, self.tokenizer.eos_token_id]))

    def answer(self, prompt: Sequence[Message], answer: str) -> Tensor:
        """Encode an answer and what it answers, by the chat template; (T,) int64."""
        ids, _ = templates.render([*prompt, Message("assistant", answer)], self.tokenizer)
        return self._between_ends(ids)

    def _between_ends(self, ids: Tensor) -> Tensor:
        """Put the tokenizer's begin token before the ids, if it has one and they do not have it."""
        cls, bos = self.tokenizer.cls_token_id, self.tokenizer.bos_token_id
        begin = bos if cls is None else cls
        if begin is None:
            return ids[-self.max_length :]
        ids = ids[1:] if ids[0] == begin else ids
        return torch.cat([ids.new_tensor([begin]), ids[-self.max_length + 1 :]])


@dataclass(frozen=True)
class Judge:
    """A reward model, and all that it takes to ask it in words.

    Attributes:
        model: the reward model.
        reader: makes its ids.
        positive: the class whose log-odds its score is, None if it compares answers.
    """

    model: RewardModel
    reader: Reader
    positive: str | None = None

    def texts(self, texts: Sequence[str]) -> Tensor:
        """Score texts that stand for themselves; (N,) float32."""
        return calibration.score(self.model, [self.reader.text(text) for text in texts])

    def answers(self, prompts: Sequence[Sequence[Message]], answers: Sequence[str]) -> Tensor:
        """Score each answer to its prompt; (N,) float32."""
        pairs = zip(prompts, answers, strict=True)
        return calibration.score(self.model, [self.reader.answer(*pair) for pair in pairs])

    def log_odds(self, scores: Tensor) -> Tensor:
        """Take off the scale that `RewardModel.normalise` put on."""
        return (scores - self.model.bias.cpu()) / self.model.gain.cpu()

    def save(self, folder: Path) -> None:
        """Write model, tokenizer and how to read; adapters must be merged and unloaded."""
        folder.mkdir(parents=True, exist_ok=True)
        self.reader.tokenizer.save_pretrained(folder)
        reading = {"max_length": self.reader.max_length, "positive": self.positive}
        write_text(folder / READING_FILE, json.dumps(reading))
        self.model.save(folder)  # last: where its head is, all is

    @classmethod
    def load(cls, folder: Path) -> Judge:
        """Open a folder that `save` wrote.

        Raises:
            FileNotFoundError: if it has no reward model.
        """
        from transformers import AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        model = RewardModel.load(folder).eval()
        reading = json.loads((Path(folder) / READING_FILE).read_text(encoding="utf-8"))
        reader = Reader(AutoTokenizer.from_pretrained(folder), reading["max_length"])
        return cls(model, reader, reading["positive"])


def told(judge: Judge, texts: Sequence[str], prompt: str = "") -> list[str]:
    """Score texts, a line each, and say what the scores mean.

    Raises:
        ValueError: a prompt for a model that reads texts alone, or none for one that reads answers.
    """
    if judge.positive is not None and prompt:
        raise ValueError("this reward model reads texts that stand for themselves: no --prompt")
    if judge.positive is None and not prompt:
        raise ValueError("this reward model compares answers: what to? --prompt says it")
    if judge.positive is not None:
        scores = judge.texts(texts)
        shares = judge.log_odds(scores).sigmoid().tolist()
        means = [f"  {share:6.1%} {judge.positive}" for share in shares]
    else:
        prompts = [[Message("user", prompt)]] * len(texts)
        scores = judge.answers(prompts, texts)
        # A score alone means nothing, so each is compared with the best of them.
        lead = judge.log_odds(scores) - judge.log_odds(scores).max()
        means = [f"  {share:6.1%} against the best" for share in lead.sigmoid().tolist()]
    lines = zip(scores.tolist(), means, texts, strict=True)
    return [f"{score:+7.2f}{mean}  {text}" for score, mean, text in lines]


def main(config: Config) -> None:
    """Print a line for each text."""
    judge = Judge.load(config.reward)
    print("\n".join(told(judge, config.texts, config.prompt)))


if __name__ == "__main__":
    cli.run(__spec__.name)
