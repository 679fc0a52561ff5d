"""What phase 4 shows on the tour: the model of the phases before, quantised, served and asked.

`python -m shared.course tour` (or `make tour`) runs it and puts it on the page.
"""

from __future__ import annotations

import dataclasses
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from phase4_production.project import (
    corpora,
    interview,
    loading,
    quantize,
    roofline,
    serve,
    table,
    tiny_server,
)
from phase4_production.project.corpora import Corpus
from phase4_production.project.decoder import Decoder
from phase4_production.project.interview import Answer
from phase4_production.project.roofline import Roof
from phase4_production.project.table import Entry
from phase4_production.project.tokenizing import Tokenizer
from shared import machine
from shared.pages import Figure, Quote, Stage
from shared.runs import RUNS

SERVED = "gptq"
QUESTIONS = ("What is a list?", "How do I open a file?", "What does a function return?")
MIB = 2**20


@dataclass(frozen=True)
class Settings:
    """How much is done, so that a test can do less.

    Attributes:
        methods: lines of the table; the served one must be among them.
        n_tokens: of the validation text, from its beginning.
        windows: of the calibration text.
        new_tokens: that are timed, and of the longest answer.
        width, length, turns: of the roofline.
        runs: where older models are looked for.
    """

    methods: tuple[str, ...] = ("float32", "int8", "int4", SERVED)
    n_tokens: int = 8192
    windows: int = 16
    new_tokens: int = 64
    width: int = 2048
    length: int = 1024
    turns: int = 3
    runs: Path = RUNS


def stage(folder: Path, settings: Settings = Settings()) -> Stage:
    """Quantise, draw the roofline, serve, ask; and say what one sees.

    Args:
        folder: for everything that is written; the stages before have left models beside it.
        settings: how much is done.
    """
    model, told = find_model(folder, settings.runs)
    print(f"the model: {model}, {told}")
    entries, source = measure(model, settings)
    lines = table_of(entries)
    print(lines)
    quantized = folder / "phase4" / f"{loading.name_of(model)}-{SERVED}"
    quantize.main(
        quantize.Config(model=model, method=SERVED, windows=settings.windows, out=quantized)
    )
    roof, picture = draw_roof(folder, settings)
    with serving(quantized) as url:
        answers = interview.ask(
            url, QUESTIONS, max_tokens=settings.new_tokens, temperature=0.7, seed=0
        )
    print(conversation(answers))
    return Stage(
        title="Phase 4: the same model in fewer bits, behind a server",
        headline=headline(entries, answers),
        paragraphs=paragraphs(told, source, quantized),
        figures=[
            Quote(
                lines,
                "What fewer bits cost",
                f"Measured on {settings.n_tokens:,} tokens at most of {source}. GPTQ keeps as many "
                "bits as int4; each column of a weight makes up for the rounding of those before "
                "it. The embedding keeps 16 bits, and in a small model it is a large part.",
            ),
            Figure(
                table.draw(entries, folder / "table.png"),
                "Size against perplexity",
                "Each point is one way to keep the weights. Down is better, and so is left. The "
                "aim of every method is the lower left corner.",
            ),
            Figure(
                picture,
                "The roofline of this machine",
                "The slope is memory, the flat part is arithmetic, and both were measured here. "
                "Writing one token at a time reads every weight for a handful of operations, so "
                "it stands far left, on the slope: there only fewer bytes help. That is why a "
                "quantised model writes faster once it no longer fits into a cache.",
            ),
            Quote(
                conversation(answers),
                "Three questions to the server",
                f"Asked over HTTP with {interview.client_name()}, one after the other, at "
                "temperature 0.7. TTFT is the time to the first token, as the client sees it. What "
                "the model says is what the phases before have taught it.",
            ),
        ],
        numbers=numbers(entries, answers, roof),
        next_step=f"make serve MODEL={shown(quantized)}",
    )


# -- the model ------------------------------------------------------------------------------------


def find_model(folder: Path, runs: Path = RUNS) -> tuple[Path, str]:
    """Find what this tour's phase 3 or 1 made, else the newest there is, else a random one."""
    tour = folder.parent
    places = {
        tour / "phase3_alignment": "aligned by this tour's phase 3",
        tour / "phase1_transformers": "trained by this tour's phase 1",
        runs: "the newest that the phases before have left",
    }
    for place, told in places.items():
        try:
            return loading.find(None, place), told
        except ValueError:
            continue
    made = folder / "random"
    if not made.is_dir():
        tiny_server.write_model(made)
    return made, "made of random numbers, for no phase has trained one yet: what it says is noise"


def measure(model: Path, settings: Settings) -> tuple[list[Entry], str]:
    """Fill the table; also return where its text is from."""
    a = Decoder.load(model).architecture
    tokenizer = Tokenizer.load(model, a.vocab_size, a.eos_ids)
    whole = corpora.load(None, model, tokenizer)
    corpus = Corpus(whole.train, whole.validation[: settings.n_tokens], whole.source)
    config = table.Config(
        methods=settings.methods, windows=settings.windows, new_tokens=settings.new_tokens
    )
    found = [table.measure(model, m, config, corpus, tokenizer) for m in settings.methods]
    dense = found[0].perplexity
    return [dataclasses.replace(e, rise=e.perplexity / dense - 1) for e in found], whole.source


def draw_roof(folder: Path, settings: Settings) -> tuple[Roof, Path]:
    """Measure this machine's processor, with matrices that take seconds."""
    config = roofline.Config("cpu", settings.width, settings.length, settings.turns, folder)
    roof, places = roofline.measure(config)
    print(roofline.table(roof, places))
    picture = roofline.draw(roof, places, folder / "roofline.png", machine.facts()["cpu"])
    return roof, picture


# -- the server -----------------------------------------------------------------------------------


@contextmanager
def serving(model: Path) -> Iterator[str]:
    """Serve a model from a thread on a free port, as `serve` does; give the URL.

    In this process, so that on your own tour it is your own blocks that answer.
    """
    app = serve.build(serve.Config(model=model), model, *loading.load(model))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            while not server.started:
                if not thread.is_alive():
                    raise RuntimeError("the server has not started")
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


# -- words ----------------------------------------------------------------------------------------


def table_of(entries: list[Entry]) -> str:
    """Write the table."""
    lines = [f"{'method':10}{'on disk':>12}{'in memory':>12}{'perplexity':>12}{'tokens/s':>10}"]
    lines += [
        f"{e.method:10}{e.disk_bytes / MIB:8.2f} MiB{e.memory_bytes / MIB:8.2f} MiB"
        f"{e.perplexity:12.2f}{e.tokens_per_s:10.0f}"
        for e in entries
    ]
    return "\n".join(lines)


def conversation(answers: list[Answer]) -> str:
    """Write questions and answers, with the time that each took."""
    return "\n\n".join(
        f"> {a.question}\n{' '.join(a.text.split())}\n"
        f"[{a.n_tokens} tokens, {_ttft(a)}, {1e3 * a.total_s:.0f} ms in all]"
        for a in answers
    )


def _ttft(answer: Answer) -> str:
    return "no text" if answer.ttft_s is None else f"TTFT {1e3 * answer.ttft_s:.0f} ms"


def slowest(answers: list[Answer]) -> str:
    """The longest time to a first token."""
    times = [a.ttft_s for a in answers if a.ttft_s is not None]
    return f"{1e3 * max(times):.0f} ms" if times else "no text came"


def served(entries: list[Entry]) -> Entry:
    """The line of the model that is served."""
    return next(e for e in entries if e.method == SERVED)


def headline(entries: list[Entry], answers: list[Answer]) -> str:
    """What the bits saved, and how soon an answer begins."""
    e = served(entries)
    return (
        f"{entries[0].memory_bytes / MIB:.1f} -> {e.memory_bytes / MIB:.1f} MiB by {SERVED}, "
        f"perplexity {e.rise:+.1%}; first token after {slowest(answers)} at most"
    )


def paragraphs(told: str, source: str, quantized: Path) -> list[str]:
    """What was done, and what is left behind."""
    return [
        f"The model is the one {told}. Its weights were rounded to eight bits and to four, and "
        f"each result was made to predict a text it had not seen ({source}). Then a server was "
        "started over the smaller model: a scheduler that lets many answers share each step, a "
        "cache in pages, attention over these pages, sampling, and OpenAI's paths on top. Three "
        "questions went through all of it.",
        f"The folder {shown(quantized)} holds the quantised model as safetensors, and says what "
        f"it is. make serve MODEL={shown(quantized)} serves it again; the chat page is then at "
        "http://127.0.0.1:8000/, and any OpenAI client takes base_url http://127.0.0.1:8000/v1.",
    ]


def numbers(entries: list[Entry], answers: list[Answer], roof: Roof) -> dict[str, str]:
    """The row of numbers."""
    e = served(entries)
    return {
        "weights": f"{entries[0].memory_bytes / MIB:.1f} to {e.memory_bytes / MIB:.1f} MiB",
        "perplexity": f"{entries[0].perplexity:.2f} to {e.perplexity:.2f}",
        "speed": f"{entries[0].tokens_per_s:.0f} to {e.tokens_per_s:.0f} tokens/s",
        "time to first token": slowest(answers),
        "memory": f"{roof.bytes_per_s / 1e9:.0f} GB/s",
        "arithmetic": f"{roof.flops_per_s / 1e9:.0f} GFLOP/s",
        "corner": f"{roof.corner:.0f} operations a byte",
    }


def shown(path: Path) -> Path:
    """Write a path as one types it in the course's folder."""
    return path.relative_to(RUNS.parent) if path.is_relative_to(RUNS.parent) else path
