"""What phase 1 shows on the tour: a tokenizer and a GPT, trained from scratch on real text.

`python -m shared.course tour` (or `make tour`) runs it and puts it on the page.
"""

from __future__ import annotations

from pathlib import Path

from phase1_transformers.project import exhibits, look, merges
from phase1_transformers.project.config import Config
from phase1_transformers.project.presets import PRESETS
from phase1_transformers.project.record import Record, read_record
from phase1_transformers.project.train import Result, train
from phase1_transformers.project.trainer import Trainer
from shared.pages import Figure, Stage


def stage(folder: Path) -> Stage:
    """Train the smallest preset, draw, and say what one sees."""
    return show(folder, PRESETS["tiny"])


def show(folder: Path, config: Config) -> Stage:
    """Do what `stage` does with settings of one's own; the tokenizer must be one of byte pairs.

    Args:
        folder: where the run and the figures go.
        config: of the run.
    """
    result = train(config, root=folder)
    print(result.headline)
    record = read_record(result.path)
    before = Trainer(record.config, record.corpus).sample()  # one seed, so the same first weights
    subject = look.open_run(record, None, result.path / "look")
    subject.folder.mkdir(exist_ok=True)
    return Stage(
        title="Phase 1: a GPT, from the bytes up",
        headline=result.headline,
        paragraphs=paragraphs(result, record),
        figures=[
            show_merges(record, subject.folder),
            exhibits.learning(record, subject.folder),
            exhibits.samples(record, before),
            exhibits.attention(subject),
            exhibits.lens(subject),
            exhibits.plane(subject),
        ],
        numbers=numbers(result, record),
        next_step="make phase1-test",
    )


def paragraphs(result: Result, record: Record) -> list[str]:
    """What was done, and what is left behind."""
    config = record.model.config
    return [
        "First a tokenizer: it read the text as bytes, counted which two stand side by side most "
        "often, made one token of them, and began again, until it had "
        f"{config.vocab_size:,} tokens. Then a GPT of {config.n_layer} layers with "
        f"{config.n_head} heads each learned to guess the next one. Attention, normalisation, "
        "rotary positions, the loss, the optimiser's schedule and the sampling are the code of "
        "phase 1; what PyTorch gives is tensors and their gradients.",
        f"The text: {result.source}. Tokenizer and weights were fitted to one part of it, and all "
        "validation numbers are of the other. Who guesses blindly pays 8 bits for each byte; this "
        f"model pays {result.val_bits_per_byte:.2f}, so with it such a text could be packed to "
        f"{result.val_bits_per_byte / 8:.0%} of its size.",
        f"The folder {result.path / 'hf'} holds model and tokenizer in Hugging Face's format. "
        "AutoModelForCausalLM and AutoTokenizer open it, and so do the later phases of this "
        "course. make phase1-look shows more of any run's inside.",
    ]


def numbers(result: Result, record: Record) -> dict[str, str]:
    """The row of numbers."""
    return {
        "bits per byte": f"{result.val_bits_per_byte:.3f}",
        "nats per token": f"{result.val_loss:.3f}",
        "training": f"{result.seconds:.0f} s",
        "tokens per second": f"{result.tokens_per_s:,.0f}",
        "parameters": f"{result.n_parameters:,}",
        "vocabulary": f"{record.model.config.vocab_size:,} tokens",
    }


def show_merges(record: Record, folder: Path) -> Figure:
    """How a sentence's bytes become tokens."""
    found = merges.steps(record.corpus.tokenizer, merges.SENTENCE)
    path = folder / "merges.png"
    merges.draw(path, found)
    n_bytes, n_tokens = len(found[0].tokens), len(found[-1].tokens)
    text_bytes = record.corpus.n_val_bytes / len(record.corpus.val)
    caption = (
        "The sentence begins as bytes, at the top. Each line applies one merge, the earliest "
        f"learned first, until no known pair is left: {n_bytes} bytes end as {n_tokens} tokens. "
        f"In the validation text a token stands for {text_bytes:.2f} bytes in the mean. The model "
        "sees the numbers of the tokens and nothing else, which is why it has to learn by heart "
        "how a word is spelled."
    )
    return Figure(path, "From bytes to tokens", caption)
