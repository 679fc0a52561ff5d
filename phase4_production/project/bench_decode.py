"""How fast the engine writes on a CPU with weights of GPT-2's shape, beside what one would install.

The work: a prompt of 64 random tokens and 128 greedy ones, the prompt's reading included, on the
same random weights for all. Ours is the whole engine, with its scheduler, sampling and text.

The limit is the bytes of the weights over the rate at which this machine reads memory: every token
needs all of them once. Run `make phase4-bench`, or `python -m
phase4_production.project.bench_decode` for these rows alone.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from phase4_production.project import native_linears, peers
from phase4_production.project.decoder import Decoder
from phase4_production.project.engine import Engine, Request
from phase4_production.project.engine_config import EngineConfig
from phase4_production.project.linears import Dense
from phase4_production.project.peers import Apart, Generate, Prompts
from phase4_production.project.quantized_linears import Quantized
from phase4_production.project.runner import Runner
from phase4_production.solution.quantized import Int4, Int8, Stored
from phase4_production.solution.sampling_params import SamplingParams
from shared.bench import Contender, Row, interleave, rows_with_threads
from shared.machine import usable_cores

MODULE = "phase4_production.project.bench_decode"  # also where this file runs as __main__
PROMPT, NEW, BATCH = 64, 128, 16
VOCAB = 50_257
TURNS = 3
QUIET_S = 0.3
METHODS: dict[str, Callable[[torch.Tensor], Stored] | None] = {
    "float32": None,
    "int8": Int8.of,
    "int4": lambda weight: Int4.of(weight, 64),
}


class NoText:
    """A tokenizer for random weights: their tokens mean nothing."""

    eos_ids = frozenset()

    def __init__(self, vocab_size: int) -> None:
        self.vocab_size = vocab_size

    def bytes_of(self, token: int) -> bytes:
        """Every token is a letter."""
        return b"x"

    def text_of(self, token: int) -> str:
        """Every token is a letter."""
        return "x"


def decoder(folder: Path, method: str) -> Decoder:
    """Load the model with weights of a kind; the output layer has eight bits where others have."""
    made, quantize = Decoder.load(folder), METHODS[method]
    for name, layer in made.linears.items():
        if quantize is not None and isinstance(layer, Dense):
            chosen = Int8.of if name == "head" else quantize
            made.linears[name] = Quantized(chosen(layer.weight), layer.bias)
    native_linears.exchange(made)
    return made


def ours(folder: Path, method: str) -> Generate:
    """Answer all prompts at once by a new engine, each time: nothing is in the cache yet."""
    model = decoder(folder, method)
    n_blocks = BATCH * (PROMPT + NEW) // 16 + BATCH
    runner = Runner(model, n_blocks)
    config = EngineConfig(n_blocks=n_blocks, max_tokens=512, max_length=PROMPT + NEW)

    def generate(prompts: Prompts, n: int) -> list[list[int]]:
        engine = Engine(runner, NoText(model.architecture.vocab_size), config)
        params = SamplingParams(temperature=0, max_tokens=n, ignore_eos=True)
        for i, prompt in enumerate(prompts):
            engine.add(Request(str(i), tuple(prompt), params))
        found: list[list[int]] = [[] for _ in prompts]
        while engine.has_work:
            for output in engine.step():
                found[int(output.request)] += [token.id for token in output.tokens]
        return found

    return generate


def weight_bytes(model: Decoder) -> int:
    """Bytes that are read for one token."""
    return sum(layer.nbytes for layer in model.linears.values())


def read_bandwidth(n_bytes: int = 2**29) -> float:
    """Measure how many bytes a second come out of memory: the best of several sums."""
    numbers = torch.ones(n_bytes // 4)
    seconds = []
    for _ in range(9):
        began = time.perf_counter()
        numbers.sum()
        seconds.append(time.perf_counter() - began)
    return n_bytes / min(seconds)


def prompts(n: int) -> list[list[int]]:
    """Draw n prompts that have nothing in common."""
    source = torch.Generator().manual_seed(n)
    return torch.randint(VOCAB, (n, PROMPT), generator=source).tolist()


def rows() -> list[Row]:
    """Time everything with all cores, in a process of its own."""
    return rows_with_threads(MODULE, "speed_rows", usable_cores())


def speed_rows() -> list[Row]:
    """Time with the number of threads that this process was started with."""
    with tempfile.TemporaryDirectory() as folder:
        return rows_of(peers.write_gpt2(Path(folder)))


def rows_of(folder: Path) -> list[Row]:
    """Time one prompt on all sides, and sixteen against one after the other."""
    threads = torch.get_num_threads()
    sizes = {method: weight_bytes(decoder(folder, method)) for method in METHODS}
    sides = {method: Apart(ours, folder, method) for method in METHODS} | {
        "transformers float32": Apart(peers.transformers, folder),
        "CTranslate2 int8": Apart(peers.ctranslate2, folder, threads),
        "llama.cpp Q8_0": Apart(peers.llama_cpp, folder, "Q8_0", threads),
        "llama.cpp Q4_0": Apart(peers.llama_cpp, folder, "Q4_0", threads),
    }
    try:
        return _rows({name: side for name, side in sides.items() if side.installed}, sizes)
    finally:
        for side in sides.values():
            side.close()


def _rows(sides: dict[str, Apart], sizes: dict[str, int]) -> list[Row]:
    require_same(sides["float32"], sides["transformers float32"])
    one, bandwidth = prompts(1), read_bandwidth()
    timed = compare({name: (side, one, NEW) for name, side in sides.items()})
    rates = {name: NEW / seconds for name, seconds in timed.items()}
    limits = {method: bandwidth / size for method, size in sizes.items()}
    pairs = [
        ("float32", "transformers float32", None),
        ("int8", "transformers float32", None),
        ("int4", "transformers float32", 6.0),
        ("int8", "CTranslate2 int8", 1.5),
        ("int8", "llama.cpp Q8_0", 0.9),
        ("int4", "llama.cpp Q4_0", 0.9),
    ]
    found = [_row(method, peer, rates, limits[method], goal) for method, peer, goal in pairs]
    for method, goal in (("float32", 0.55), ("int8", 0.45), ("int4", None)):
        found.append(_share(method, sides[method], sizes[method], bandwidth, goal))
    return [*found, _batch_row(sides["int8"], sides["transformers float32"])]


def compare(sides: dict[str, tuple[Apart, Prompts, int]], turns: int = TURNS) -> dict[str, float]:
    """Time sides in turns; return the median seconds of each call."""
    contenders = [
        # Threads of the side before wait a while for more work before they sleep.
        Contender(name, lambda s=side: s[0](*s[1:]), prepare=lambda: time.sleep(QUIET_S))
        for name, side in sides.items()
    ]
    return {name: timing.median for name, timing in interleave(contenders, turns=turns).items()}


def require_same(one: Apart, other: Apart) -> None:
    """Check that both sides do the same work, before it is timed.

    Raises:
        AssertionError: they say different things in float32.
    """
    asked = prompts(2)
    assert one(asked, 16) == other(asked, 16), "the engine and transformers differ in float32"


def _row(method: str, peer: str, rates: dict[str, float], limit: float, goal: float | None) -> Row:
    return Row.compare(
        f"4-decode-{method}-{peer.split()[0].lower()}",
        f"GPT-2 124M, {PROMPT} + {NEW} greedy tokens, {method}",
        "tokens/s",
        rates[method],
        peer,
        rates.get(peer),
        higher_is_better=True,
        goal=goal,
        limit=limit,
        runs=TURNS,
    )


def _share(method: str, side: Apart, size: int, bandwidth: float, goal: float | None) -> Row:
    """Time the writing alone: the difference of a long and a short answer."""
    timed = compare({str(n): (side, prompts(1), n) for n in (8, NEW)}, turns=2 * TURNS)
    rate = (NEW - 8) / (timed[str(NEW)] - timed["8"]) * size / 1e9
    return Row.compare(
        f"4-bandwidth-{method}",
        f"writing with {method} weights, bytes of weights a second",
        "GB/s",
        rate,
        "reading memory",
        bandwidth / 1e9,
        higher_is_better=True,
        goal=goal,
        limit=bandwidth / 1e9,
        runs=2 * TURNS,
    )


def _batch_row(mine: Apart, peer: Apart) -> Row:
    """Sixteen prompts at once, against one after the other."""
    asked = prompts(BATCH)
    # The peer's rate is the same for each of the sixteen; one of them is timed.
    timed = compare({"ours": (mine, asked, NEW), "peer": (peer, asked[:1], NEW)})
    return Row.compare(
        "4-batch-16",
        f"{BATCH} prompts at once, int8, tokens of all together",
        "tokens/s",
        BATCH * NEW / timed["ours"],
        "transformers float32, one after the other",
        NEW / timed["peer"],
        higher_is_better=True,
        goal=5.0,
        runs=TURNS,
    )


def main() -> None:
    """Print these rows alone."""
    for row in rows():
        peer = f"{row.peer_value:8.1f}" if row.peer_value else "       -"
        ratio = f"{row.ratio:6.2f}x" if row.ratio else "      -"
        print(f"{row.id:36} {row.ours:8.1f} {row.unit:8} {row.peer:40} {peer} {ratio}")


if __name__ == "__main__":
    main()
