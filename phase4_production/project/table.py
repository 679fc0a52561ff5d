"""The table that matters: what each way to quantise a model costs, and what it saves.

    python -m phase4_production.project.table
    python -m phase4_production.project.table --models FOLDER --methods int8 gptq

Model by method: bytes on disk, bytes in memory, perplexity on the whole validation text, tokens/s
of one answer. Perplexity and speed are those of the very layers that serve: our kernels where they
compile. It writes table.jsonl and table.png to runs/phase4/table.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from phase4_production.project import (
    corpora,
    generate,
    loading,
    methods,
    native_linears,
    perplexity,
    quantized_files,
)
from phase4_production.project.corpora import Corpus
from phase4_production.project.decoder import Decoder
from phase4_production.project.tokenizing import Tokenizer
from phase4_production.solution.sampling_params import SamplingParams
from shared import cli
from shared.drawing import COLOURS, GREY, write_figure
from shared.files import write_text
from shared.runs import RUNS

DENSE = ("float32", "bfloat16")
LONGEST = 512  # tokens of a calibration window
PROMPT = 32  # tokens before those that are timed
MARKERS = "osD^vP*"  # no multiple of the number of colours: no two methods look alike


@dataclass(frozen=True)
class Config:
    """Which models, by which methods."""

    models: tuple[Path, ...] = ()
    """model folders; by default all that phase 1 has written, and the story model if it is there"""
    methods: tuple[str, ...] = (*DENSE, *methods.METHODS)
    """float32, bfloat16, and those of quantize"""
    data: str | None = None
    """the text; by default the model's own, or TinyStories"""
    group: int = 64
    """weights of a row that share a scale, for int4, gptq and awq"""
    windows: int = 512
    """of the calibration text; 64 guide the rounding, all of them the tuning"""
    new_tokens: int = 128
    """that are timed"""

    def __post_init__(self) -> None:
        for method in self.methods:
            if method not in DENSE and method not in methods.METHODS:
                raise ValueError(f"there is no method {method!r}: {', '.join(type(self).methods)}")


@dataclass(frozen=True)
class Entry:
    """A line of the table.

    Attributes:
        disk_bytes: of the files of weights.
        memory_bytes: of the weights once loaded.
        perplexity: on the whole validation text.
        rise: of perplexity, as a share of that in float32.
        tokens_per_s: of one answer, prompt not counted.
    """

    model: str
    method: str
    disk_bytes: int
    memory_bytes: int
    perplexity: float
    rise: float
    tokens_per_s: float


def find(config: Config) -> list[Path]:
    """Return the folders of the models.

    Raises:
        ValueError: there is none.
    """
    trained = (c.parent for c in RUNS.glob("phase1/*/hf/config.json"))
    found = list(config.models) or sorted(f for f in trained if f.parent.suffix != ".previous")
    stories = Path(os.environ.get("COURSE_DATA", "")) / "weights"
    if not config.models and "COURSE_DATA" in os.environ and stories.is_dir():
        found.append(stories)
    if not found:
        raise ValueError("there is no model yet: name a folder by --models")
    return found


def name_of(folder: Path) -> str:
    """Name a model: the story model is "weights" on disk."""
    return "stories260K" if folder.name == "weights" else loading.name_of(folder)


def rows(folder: Path, config: Config) -> list[Entry]:
    """Measure one model in every way, and always in float32, to which the others are compared."""
    a = Decoder.load(folder).architecture
    tokenizer = Tokenizer.load(folder, a.vocab_size, a.eos_ids)
    corpus = corpora.load(config.data, folder, tokenizer)
    found, dense = [], None
    for method in dict.fromkeys(("float32", *config.methods)):
        entry = measure(folder, method, config, corpus, tokenizer)
        dense = dense or entry.perplexity
        found.append(dataclasses.replace(entry, rise=entry.perplexity / dense - 1))
    return found


def measure(
    folder: Path, method: str, config: Config, corpus: Corpus, tokenizer: Tokenizer
) -> Entry:
    """Make the model, and measure it; its `rise` is for the caller to fill in."""
    if method in DENSE:
        decoder, _ = loading.load(folder, method)
        disk = decoder.nbytes
    else:
        decoder = Decoder.load(folder)
        length = min(decoder.architecture.max_length, LONGEST)
        methods.quantize(decoder, method, config.group, corpus.windows(length, config.windows))
        disk = _written_bytes(folder, decoder, method, config.group)
    memory = decoder.nbytes
    native_linears.exchange(decoder)
    score = perplexity.score(decoder, corpus.validation).perplexity
    speed = tokens_per_s(decoder, tokenizer, corpus.validation[:PROMPT].tolist(), config.new_tokens)
    return Entry(name_of(folder), method, disk, memory, score, 0.0, speed)


def _written_bytes(folder: Path, decoder: Decoder, method: str, group: int) -> int:
    with tempfile.TemporaryDirectory() as out:
        quantized_files.write(Path(out), decoder, method, group, folder)
        return (Path(out) / quantized_files.WEIGHTS).stat().st_size


def tokens_per_s(decoder: Decoder, tokenizer: Tokenizer, prompt: list[int], n: int) -> float:
    """Time one greedy answer in the engine, from its first token on; the better of two runs."""
    n = min(n, decoder.architecture.max_length - len(prompt))
    params = SamplingParams(temperature=0, max_tokens=n, ignore_eos=True)
    best = 0.0
    for _ in range(2):
        arrivals = [
            time.perf_counter() for _ in generate.stream(decoder, tokenizer, prompt, params)
        ]
        best = max(best, (len(arrivals) - 1) / (arrivals[-1] - arrivals[0]))
    return best


def draw(entries: list[Entry], path: Path) -> Path:
    """Draw how much perplexity rises over how small a model becomes, a panel for each model."""
    models = list(dict.fromkeys(e.model for e in entries))
    columns = min(len(models), 2)
    height = math.ceil(len(models) / columns)

    def fill(figure) -> None:
        panels = figure.subplots(height, columns, squeeze=False)
        for axes, model in itertools.zip_longest(panels.flat, models):
            if model is None:
                axes.axis("off")
            else:
                _panel(axes, [e for e in entries if e.model == model])
        handles, labels = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=8)
        figure.suptitle("What fewer bits cost", x=0.01, ha="left", fontsize=11)

    return write_figure(path, (4 * columns + 0.5, 3 * height + 0.8), fill)


def _panel(axes, entries: list[Entry]) -> None:
    """Draw the methods of one model: a colour and a marker for each."""
    whole = next(e for e in entries if e.method == "float32").memory_bytes
    axes.axhline(0, color=GREY, linewidth=0.5, zorder=0)
    for e in entries:
        at = Config.methods.index(e.method)
        axes.scatter(
            e.memory_bytes / whole,
            100 * e.rise,
            s=36,
            alpha=0.8,
            color=COLOURS[at % len(COLOURS)],
            marker=MARKERS[at % len(MARKERS)],
            label=e.method,
        )
    axes.set_xlim(0, 1.05)
    axes.set_xlabel("weights in memory, as a share of float32", fontsize=8)
    axes.set_ylabel("rise of perplexity, %", fontsize=8)
    axes.set_title(entries[0].model)


def main(config: Config) -> None:
    """Measure, print the table, write and draw it."""
    entries: list[Entry] = []
    print(f"{'model':26}{'method':14}{'disk':>10}{'memory':>10}{'perplexity':>12}", end="")
    print(f"{'rise':>9}{'tokens/s':>10}")
    for folder in find(config):
        for e in rows(folder, config):
            entries.append(e)
            print(f"{e.model:26}{e.method:14}{e.disk_bytes / 2**20:7.2f}MiB", end="")
            print(f"{e.memory_bytes / 2**20:7.2f}MiB{e.perplexity:12.4f}", end="")
            print(f"{100 * e.rise:+8.2f}%{e.tokens_per_s:10.0f}", flush=True)
    out = RUNS / "phase4" / "table"
    out.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(dataclasses.asdict(entry)) + "\n" for entry in entries]
    write_text(out / "table.jsonl", "".join(lines))
    print(draw(entries, out / "table.png"))


if __name__ == "__main__":
    cli.run(__spec__.name)
