"""Quantise a model and write it as a folder of its own.

    python -m phase4_production.project.quantize --model runs/phase1/tiny/hf --method gptq
    python -m phase4_production.project.quantize --model FOLDER --method awq --out FOLDER2

`methods.py` says what the methods are. The calibration text is training text of the model's own
corpus, or TinyStories; what the result is worth, `perplexity` and `table` measure on validation
text.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from phase4_production.project import corpora, loading, methods, quantized_files
from phase4_production.project.decoder import Decoder
from phase4_production.project.tokenizing import Tokenizer
from shared import cli
from shared.runs import RUNS

LONGEST = 512  # tokens of a calibration window


@dataclass(frozen=True)
class Config:
    """Which model, how, and where the result goes."""

    model: Path | None = None
    """a model folder; by default the newest that phases 1 and 3 have written"""
    method: str = "gptq"
    """int8, int4, gptq, gptq-tuned, awq, nf4, int8-dynamic or smoothquant"""
    group: int = 64
    """weights of a row that share a scale, for int4, gptq and awq"""
    data: str | None = None
    """the calibration text; by default the model's own, or TinyStories"""
    windows: int = 512
    """of calibration text, 512 tokens at most; 64 guide the rounding, all of them the tuning"""
    seed: int = 0
    """decides which windows are taken"""
    out: Path | None = None
    """by default runs/phase4/<model>-<method>"""

    def __post_init__(self) -> None:
        if self.method not in methods.METHODS:
            raise ValueError(f"there is no method {self.method!r}: {', '.join(methods.METHODS)}")
        if self.group < 2 or self.group % 2 or self.windows < 1:
            raise ValueError("group must be even and positive, and there must be a window")


def main(config: Config) -> None:
    """Quantise, write, and say how large it was and is."""
    folder = loading.find(config.model)
    if quantized_files.is_quantized_folder(folder):
        raise ValueError(f"{folder} is quantised already")
    decoder, began = Decoder.load(folder), time.perf_counter()
    before, a = decoder.nbytes, decoder.architecture
    corpus = corpora.load(config.data, folder, Tokenizer.load(folder, a.vocab_size, a.eos_ids))
    windows = corpus.windows(min(a.max_length, LONGEST), config.windows, config.seed)
    methods.quantize(decoder, config.method, config.group, windows)
    out = config.out or RUNS / "phase4" / f"{loading.name_of(folder)}-{config.method}"
    quantized_files.write(out, decoder, config.method, config.group, folder)
    print(
        f"{out}: {before / 2**20:.2f} -> {decoder.nbytes / 2**20:.2f} MiB by {config.method}, "
        f"in {time.perf_counter() - began:.1f} s"
    )


if __name__ == "__main__":
    cli.run(__spec__.name)
