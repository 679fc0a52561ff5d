"""Send thousands of bad requests to the server, and see whether it is still as it was.

    python -m phase4_production.project.fuzz                              # a server of its own
    python -m phase4_production.project.fuzz --url http://127.0.0.1:8000  # one that runs

Half of the requests are made by schemathesis from the application's own OpenAPI, half by hand in
`hostile`. None may be answered by 5xx, by anything but OpenAI's shape of an error, or not at all;
at the end nobody is being answered, no block is held, and a question that was asked before gets the
answer it got then. Memory may grow, but not over a limit. The exit code is 1 if something of this
does not hold; what was sent is then in runs/phase4/<name>/faults/, to be sent again by `nc`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from multiprocessing import get_context

import httpx2 as httpx

from phase4_production.project import hostile, tiny_server, wire
from phase4_production.project.tiny_server import Running
from phase4_production.project.wire import Answer, Shot
from shared import cli
from shared.files import write_bytes
from shared.runs import RUNS

KEPT = 20  # faults that are written down
AT_ONCE = 16  # open connections
DRAWN_AT_ONCE = 250
CALM_S = 10.0  # until nobody is answered any more


@dataclass(frozen=True)
class Config:
    """Whom to treat badly, and how often."""

    n: int = 10_000
    """requests"""
    seed: int = 0
    """of all of them"""
    url: str | None = None
    """of a server that runs; by default one is started over a tiny random model"""
    growth_mb: float = 512.0
    """MiB that the server may take on: a costly grammar holds up to 40 of them, some are followed
    at the same time, and the allocator keeps much of what they give back; 290 to 360 are usual"""
    name: str = "fuzz"
    """folder under runs/phase4"""

    def __post_init__(self) -> None:
        if self.n < 1 or not self.growth_mb > 0:
            raise ValueError("n must be at least 1, and growth_mb above 0")


@dataclass
class Tally:
    """What came back so far."""

    statuses: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[str, Shot]] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "none")

    def add(self, shot: Shot, answer: Answer | None) -> None:
        """Count an answer; None is one that did not come in time."""
        self.kinds[shot.kind] += 1
        found = "no answer in time" if answer is None else wire.fault(answer)
        if found:
            self.faults.append((found, shot))
        if answer is not None:
            self.statuses[str(answer.status or "hung up")] += 1
            self.slowest = max(self.slowest, (answer.seconds, shot.kind))


def main(config: Config) -> None:
    """Fuzz, report, and exit with 1 if the server was hurt."""
    own = tiny_server.running("--max-waiting", "64") if config.url is None else None
    with own or nullcontext(Running(str(config.url).rstrip("/"))) as server:
        if not asyncio.run(run(config, server)):
            sys.exit(1)


async def run(config: Config, server: Running) -> bool:
    """Send everything; say whether the server is unharmed."""
    tally, began = Tally(), time.perf_counter()
    async with httpx.AsyncClient(base_url=server.url, timeout=wire.PATIENCE_S) as client:
        model = (await client.get("/v1/models")).json()["data"][0]["id"]
        said, memory = await _canary(client, model), [server.memory_mb]
        schema = (await client.get("/openapi.json")).json()
        drawn = _shots(config, schema, model)
        while shots := list(islice(drawn, 500)):
            await send(server.url, shots, tally)
            memory.append(server.memory_mb)
            print(f"{tally.kinds.total():7,} sent, {len(tally.faults)} faults", flush=True)
        harm = [f"{fault} ({shot.kind})" for fault, shot in tally.faults]
        harm += await left(client)
        if await _canary(client, model) != said:
            harm.append("what was asked before is now answered otherwise")
    if "Traceback" in server.complaints:
        harm.append("its log holds a traceback:\n" + server.complaints[-3000:])
    if (grown_mb := growth(memory)) > config.growth_mb:
        harm.append(f"its memory grew by {grown_mb:.0f} MiB, over {config.growth_mb:.0f}")
    report(tally, memory, time.perf_counter() - began)
    _keep(config, tally)
    for what, times in Counter(harm).most_common():
        print(f"HARM: {what}, {times} times")
    print("the server is unharmed" if not harm else "the server was harmed")
    return not harm


def _shots(config: Config, schema: dict, model: str) -> Iterable[Shot]:
    """Mix what schemathesis makes with what is made by hand."""
    by_hand = hostile.shots(config.seed, model)
    n_left = config.n
    try:
        for shot in _drawn(config, schema, model):
            yield shot
            yield next(by_hand)
            n_left -= 2
    except ImportError:
        print("schemathesis is missing (pip install -e .[dev]): all requests are made by hand")
    yield from islice(by_hand, n_left)


def _drawn(config: Config, schema: dict, model: str) -> Iterator[Shot]:
    """Let schemathesis draw half of the requests, in a process that is gone afterwards."""
    n = config.n // 2
    sizes = [min(DRAWN_AT_ONCE, n - begin) for begin in range(0, n, DRAWN_AT_ONCE)]
    seeds = range(config.seed, config.seed + len(sizes))
    with ProcessPoolExecutor(1, get_context("spawn")) as child:
        for drawn in child.map(partial(_draw, schema, model), sizes, seeds):
            yield from drawn


def _draw(schema: dict, model: str, n: int, seed: int) -> list[Shot]:
    from phase4_production.project import from_openapi

    return from_openapi.shots(schema, model, n, seed)


async def send(url: str, shots: Sequence[Shot], tally: Tally) -> None:
    """Send requests, some at a time."""
    waiting = iter(shots)

    async def work() -> None:
        for shot in waiting:
            try:
                tally.add(shot, await wire.fire(url, shot))
            except TimeoutError:
                tally.add(shot, None)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def _canary(client: httpx.AsyncClient, model: str) -> str:
    """Ask what has one right answer."""
    body = {"model": model, "prompt": "Is all well?", "max_tokens": 24, "temperature": 0}
    return (await client.post("/v1/completions", json=body)).json()["choices"][0]["text"]


async def left(client: httpx.AsyncClient) -> list[str]:
    """Say what the server still holds when nobody asks any more."""
    until = time.monotonic() + CALM_S
    while True:
        found = (await client.get("/health")).json()
        left = [name for name in ("open", "waiting", "running", "blocks_used") if found[name]]
        if not left or time.monotonic() > until:
            return [f"{name} is still {found[name]}" for name in left]
        await asyncio.sleep(0.05)


def growth(memory_mb: Sequence[float | None]) -> float:
    """Return how far memory rose over where it began; 0 for a server whose memory nobody sees."""
    seen = [one for one in memory_mb if one is not None]
    return max(seen) - seen[0] if seen else 0.0


def report(tally: Tally, memory_mb: Sequence[float | None], seconds: float) -> None:
    """Print what came of it."""
    print(f"{tally.kinds.total():,} requests in {seconds:.0f} s")
    print("by kind:   " + ", ".join(f"{kind} {n}" for kind, n in tally.kinds.most_common()))
    print(
        "by status: " + ", ".join(f"{status}: {n}" for status, n in sorted(tally.statuses.items()))
    )
    print(f"slowest:   {tally.slowest[0]:.2f} s ({tally.slowest[1]})")
    if None not in memory_mb:
        first, *_, last = memory_mb
        print(f"memory:    {first:.0f} MiB before, {max(memory_mb):.0f} at most, {last:.0f} after")


def _keep(config: Config, tally: Tally) -> None:
    folder = RUNS / "phase4" / config.name / "faults"
    for old in folder.glob("*.http"):
        old.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    for number, (_, shot) in enumerate(tally.faults[:KEPT]):
        write_bytes(folder / f"{number}.http", shot.raw)


if __name__ == "__main__":
    cli.run(__spec__.name)
