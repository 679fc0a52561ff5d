"""How soon an answer begins, and how fast it is written, when eight people ask at once.

The whole road: `serve` in a process of its own, HTTP, the scheduler, sampling, text, and a client
that shares the cores with it. Eight chats arrive as a Poisson burst of half a second; each has a
prompt of 64 random tokens, which shares nothing with any other, and gets 128 new ones. Then the
next round. Times count from the moment at which a question was due.

A budget in milliseconds means little without the machine. So each row also says how fast this one
reads memory and multiplies, measured before the server starts. The ratio is budget over p95: above
1, the budget is kept.

Run `make phase4-bench`, or `python -m phase4_production.project.bench_latency` for these rows
alone.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from phase4_production.project import bench_decode, load_client, peers, tiny_server
from phase4_production.project.load_client import Sample, Target
from phase4_production.project.load_report import percentiles
from shared.bench import Row, rows_with_threads
from shared.machine import usable_cores

MODULE = "phase4_production.project.bench_latency"  # also where this file runs as __main__
CHATS, PROMPT, NEW = 8, 64, 128
RATE_PER_S = 16.0  # so that eight arrive within half a second
ROUNDS = 6
WIDTH = 2048  # of the matrices whose product is timed


@dataclass(frozen=True)
class Work:
    """A model to serve, and what is asked of it.

    Attributes:
        id: of the rows.
        what: for people.
        write: makes the folder.
        method: how `serve` keeps the weights.
        ttft_s, per_token_s: the budgets.
    """

    id: str
    what: str
    write: Callable[[Path], Path]
    method: str
    ttft_s: float
    per_token_s: float


@dataclass(frozen=True)
class Machine:
    """How fast this machine is, so that a budget can be read.

    Attributes:
        bytes_per_s: read from memory.
        flops_per_s: of one large float32 product.
    """

    bytes_per_s: float
    flops_per_s: float

    def __str__(self) -> str:
        return f"{self.bytes_per_s / 1e9:.0f} GB/s, {self.flops_per_s / 1e9:.0f} GFLOP/s"


# -- the models -----------------------------------------------------------------------------------


def write_gpt2(folder: Path) -> Path:
    """Write random weights of GPT-2's shape, 124 M."""
    return write_words(peers.write_gpt2(folder), 50_257)


def write_modern(folder: Path, **changes: int) -> Path:
    """Write random weights in the shape of phase 1's preset `modern-30m`, as it is exported."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    sizes = {
        "vocab_size": 16_384,
        "hidden_size": 512,
        "intermediate_size": 1376,
        "num_hidden_layers": 8,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 64,
        "max_position_embeddings": 512,
        "bos_token_id": 0,
        "eos_token_id": 0,
    } | changes
    Qwen3ForCausalLM(Qwen3Config(**sizes, tie_word_embeddings=True)).save_pretrained(folder)
    return write_words(folder, sizes["vocab_size"])


def write_words(folder: Path, vocab_size: int) -> Path:
    """Give a model a tokenizer in which "t17" is token 17, so that a prompt's length is known."""
    engine = Tokenizer(models.WordLevel({f"t{i}": i for i in range(vocab_size)}, unk_token="t0"))
    engine.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    engine.save(str(folder / "tokenizer.json"))
    return folder


WORKS = (
    Work("gpt2", "GPT-2 124M, int8", write_gpt2, "int8", 1.0, 0.080),
    Work("30m", "phase 1's modern-30m, float32", write_modern, "float32", 0.250, 0.025),
)


# -- measuring ------------------------------------------------------------------------------------


def calibrate() -> Machine:
    """Measure this machine with the threads that it has now."""
    left, right = torch.ones(WIDTH, WIDTH), torch.ones(WIDTH, WIDTH)
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - began)
    return Machine(bench_decode.read_bandwidth(), 2 * WIDTH**3 / min(seconds))


def ask(folder: Path, method: str, rounds: int = ROUNDS, new: int = NEW) -> list[Sample]:
    """Serve a model, and ask it in rounds, one of which goes before the clock starts."""
    with tiny_server.running("--method", method, model=folder) as server:
        target = Target(server.url, tiny_server.NAME, new, ignore_eos=True)
        return asyncio.run(_rounds(target, rounds, vocab_size_of(folder)))


async def _rounds(target: Target, rounds: int, vocab_size: int) -> list[Sample]:
    found: list[Sample] = []
    for number in range(rounds + 1):
        moments = load_client.arrivals(RATE_PER_S, CHATS, seed=number)
        samples = await load_client.run(target, prompts(vocab_size, number), moments)
        found += samples if number else []
    return found


def vocab_size_of(folder: Path) -> int:
    """Count the words of a folder that `write_words` has finished."""
    return Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()


def prompts(vocab_size: int, seed: int) -> list[str]:
    """Draw prompts of so many tokens, which have nothing in common."""
    source = random.Random(seed)
    return [
        " ".join(f"t{source.randrange(vocab_size)}" for _ in range(PROMPT)) for _ in range(CHATS)
    ]


# -- rows -----------------------------------------------------------------------------------------


def rows() -> list[Row]:
    """Measure all with all cores, in a process of its own."""
    return rows_with_threads(MODULE, "latency_rows", usable_cores())


def latency_rows() -> list[Row]:
    """Measure with the number of threads that this process was started with."""
    machine, found = calibrate(), []
    for work in WORKS:
        with tempfile.TemporaryDirectory() as folder:
            made = work.write(Path(folder) / work.id)
            found += rows_of(work, ask(made, work.method), machine)
    return found


def rows_of(work: Work, samples: list[Sample], machine: Machine) -> list[Row]:
    """Set the tails beside their budgets.

    Raises:
        RuntimeError: a question was not answered; percentiles of the rest would flatter.
    """
    lost = [sample for sample in samples if sample.outcome != "ok" or sample.tpot_s is None]
    if lost:
        raise RuntimeError(f"{len(lost)} of {len(samples)} questions failed: {lost[0].error}")
    (_, ttft_s, _), (_, per_token_s, _) = (
        percentiles([getattr(s, name) for s in samples]) for name in ("ttft_s", "tpot_s")
    )
    tails = {
        "ttft": (ttft_s, work.ttft_s, "time to first token"),
        "token": (per_token_s, work.per_token_s, "time per token"),
    }
    return [
        Row.compare(
            f"4-latency-{work.id}-{kind}",
            f"{work.what}, {CHATS} chats at once, p95 {name}, on {machine}",
            "ms",
            1e3 * measured,
            "budget",
            1e3 * budget,
            higher_is_better=False,
            goal=1.0,
            runs=len(samples),
        )
        for kind, (measured, budget, name) in tails.items()
    ]


def main() -> None:
    """Print these rows alone."""
    for row in rows():
        print(
            f"{row.id:24} {row.ours:8.1f} ms of {row.peer_value:6.0f}, {row.ratio:5.2f}x  ", end=""
        )
        print(row.what)


if __name__ == "__main__":
    main()
