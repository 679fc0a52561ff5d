"""Look at a trained GPT: one page of pictures, for a run or for any model that Hugging Face has.

    python -m phase1_transformers.project.look
    python -m phase1_transformers.project.look --run shakespeare-char --prompt "ROMEO: But soft"
    python -m phase1_transformers.project.look --model gpt2

writes index.html into runs/phase1/<run>/look, or into runs/phase1/look/<model>. The page needs
nothing else: its pictures are in it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phase1_transformers.project import exhibits, formats, hub
from phase1_transformers.project.corpus import find_text
from phase1_transformers.project.exhibits import PROMPT_TOKENS, Subject
from phase1_transformers.project.record import FOLDER, Record, newest_run, read_record
from phase1_transformers.solution.tokenizer import Tokenizer
from shared import cli
from shared.pages import Stage, write_page

SEARCHED = 2**12  # tokens among which the default prompt is found
TEXT_TOKENS = 2**14  # of a text that is encoded for the occasion


@dataclass(frozen=True)
class Config:
    """What to look at."""

    run: str | None = None
    """folder of a run under runs/phase1; by default the one that was finished last"""
    model: str | None = None
    """in place of a run: a folder in Hugging Face's format, or a hub id"""
    data: str = "text"
    """the text to try a --model on, as in train; a run has its own"""
    prompt: str | None = None
    """the passage whose attention is drawn; by default one of the validation text"""

    def __post_init__(self) -> None:
        if self.run and self.model:
            raise ValueError("look at a --run or at a --model, one at a time")


def open_run(record: Record, prompt: str | None, folder: Path) -> Subject:
    """Make a run the subject: its model, and its own validation text."""
    corpus = record.corpus
    return Subject(
        model=record.model,
        tokenizer=corpus.tokenizer,
        tokens=corpus.val,
        source=f"the validation part of {corpus.source}",
        prompt=prompt_ids(corpus.tokenizer, prompt, corpus.val, record.model.config.block_size),
        folder=folder,
    )


def open_model(config: Config, folder: Path) -> Subject:
    """Make a model in Hugging Face's format the subject, and a text that it has perhaps seen."""
    exported = hub.find_folder(config.model)
    model, tokenizer = hub.load_pretrained(exported), formats.load_tokenizer(exported)
    source, parts = find_text(config.data)
    pieces = (tokenizer.encode(piece, allowed_special=True) for piece in parts["val"])
    tokens = np.array(list(itertools.islice(itertools.chain.from_iterable(pieces), TEXT_TOKENS)))
    prompt = prompt_ids(tokenizer, config.prompt, tokens, model.config.block_size)
    return Subject(model, tokenizer, tokens, source, prompt, folder)


def prompt_ids(
    tokenizer: Tokenizer, prompt: str | None, tokens: np.ndarray, block_size: int
) -> tuple[int, ...]:
    """Encode the prompt, or take a passage of the text, as long as can be drawn.

    Raises:
        ValueError: the prompt is too short, or too long for the model.
    """
    if prompt is None:
        return prose(tokenizer, tokens, min(PROMPT_TOKENS, block_size))
    ids = tuple(tokenizer.encode(prompt))
    if not 4 <= len(ids) <= block_size:
        raise ValueError(f"the prompt has {len(ids)} tokens; it needs 4 to {block_size}")
    return ids


def prose(tokenizer: Tokenizer, tokens: np.ndarray, n: int) -> tuple[int, ...]:
    """Find the n tokens with the most letters near a text's beginning: not a table, not code."""
    passages = [tokens[i : i + n].tolist() for i in range(0, min(len(tokens), SEARCHED) - n + 1, n)]
    return tuple(max(passages, key=lambda ids: sum(map(str.isalpha, tokenizer.decode(ids)))))


def stage(subject: Subject, title: str, headline: str, record: Record | None = None) -> Stage:
    """Draw everything, and say what there is."""
    subject.folder.mkdir(parents=True, exist_ok=True)
    config = subject.model.config
    return Stage(
        title=title,
        headline=headline,
        paragraphs=[
            "The page reads from the outside in: how the model learned, what a longer context is "
            "worth to it, where its heads look, how a guess takes shape from layer to layer, and "
            "what it has made of its tokens.",
        ],
        figures=[
            *([exhibits.learning(record, subject.folder)] if record else []),
            exhibits.positions(subject),
            exhibits.attention(subject),
            exhibits.head(subject),
            exhibits.lens(subject),
            exhibits.plane(subject),
            exhibits.neighbours(subject),
        ],
        numbers={
            "parameters": f"{sum(p.numel() for p in subject.model.parameters()):,}",
            "layers": f"{config.n_layer}",
            "heads in each": f"{config.n_head}",
            "width": f"{config.n_embd}",
            "context": f"{config.block_size:,} tokens",
            "vocabulary": f"{config.vocab_size:,} tokens",
        },
        next_step="python -m phase1_transformers.project.generate --help",
    )


def look(config: Config) -> Path:
    """Write the page; return where it is.

    Raises:
        ValueError: there is no such run or model, or the prompt does not fit.
    """
    if config.model:
        name = Path(config.model).name
        subject = open_model(config, FOLDER / "look" / name)
        shown = stage(subject, f"A look at {name}", f"tried on {subject.source}")
    else:
        path = FOLDER / config.run if config.run else newest_run()
        record = read_record(path)
        subject = open_run(record, config.prompt, path / "look")
        bits = record.looks[-1]["val_bits_per_byte"]
        headline = (
            f"validation loss {record.looks[-1]['val_loss']:.3f} nats per token, "
            f"{bits:.2f} bits per byte, on {subject.source}"
        )
        shown = stage(subject, f"A look at {path.name}", headline, record)
    return write_page(subject.folder / "index.html", "look", stage=shown)


def main(config: Config) -> None:
    """Write the page and say where it is."""
    print(f"the page: {look(config)}")


if __name__ == "__main__":
    cli.run(__spec__.name)
