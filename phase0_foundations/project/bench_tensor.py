"""How fast the tensor engine trains the digit MLP, against PyTorch and against bare NumPy.

The work: one SGD step of an MLP 784-128-10 with relu and cross-entropy in float32. The limit is the
same arithmetic written by hand in NumPy, every buffer made once: what an engine on NumPy could
reach if remembering the graph were free. Most of it is two matrix products, so the distance to
PyTorch depends on which BLAS kernels each of the two picks for this processor.
Run `make phase0-bench`; `python -m phase0_foundations.project.bench_tensor` for these rows alone.
"""

from __future__ import annotations

import importlib.util
import os
import tracemalloc
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from phase0_foundations.solution.layers import Linear, ReLU
from phase0_foundations.solution.losses import cross_entropy
from phase0_foundations.solution.module import Sequential
from phase0_foundations.solution.optim import SGD
from phase0_foundations.solution.tensor import Tensor
from shared.bench import THREAD_VARIABLES, Contender, Row, interleave, rows_with_threads

SIZES = (784, 128, 10)
LR = 0.1
BATCH_SIZES = (64, 128)
N_BATCHES = 20  # 4 and 8 MB: the data does not sit in the inner caches, as real data would not
TURNS = 11
STEPS = 60  # in each turn
MODULE = "phase0_foundations.project.bench_tensor"  # also where this file runs as __main__

Batches = list[tuple[np.ndarray, np.ndarray]]


def make_batches(B: int, seed: int = 0) -> Batches:
    """Draw N_BATCHES pairs of images (B, 784) float32 and labels (B,) int64."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((N_BATCHES, B, SIZES[0]), dtype=np.float32)
    y = rng.integers(0, SIZES[-1], (N_BATCHES, B))
    return list(zip(x, y, strict=True))


def cycle(step: Callable, batches: list) -> Callable[[], None]:
    """Turn step(x, y) into step(), which takes one batch after the other, for ever."""
    position = 0

    def run() -> None:
        nonlocal position
        step(*batches[position])
        position = (position + 1) % len(batches)

    return run


def ours(batches: Batches) -> Callable[[], None]:
    """Run a training step as a learner would write it with the engine."""
    rng = np.random.default_rng(0)
    model = Sequential(Linear(SIZES[0], SIZES[1], rng), ReLU(), Linear(SIZES[1], SIZES[2], rng))
    optimizer = SGD(model.parameters(), lr=LR)

    def step(x: np.ndarray, y: np.ndarray) -> None:
        optimizer.zero_grad()
        cross_entropy(model(Tensor(x)), y).backward()
        optimizer.step()

    return cycle(step, batches)


def by_hand(batches: Batches) -> Callable[[], None]:
    """Run forward, backward and update in NumPy with every buffer reused: the limit."""
    rng = np.random.default_rng(0)
    B = len(batches[0][1])
    w1, w2 = (
        rng.standard_normal(shape, dtype=np.float32) * np.float32(np.sqrt(2 / shape[0]))
        for shape in pairwise(SIZES)
    )
    b1, b2 = (np.zeros(size, np.float32) for size in SIZES[1:])
    dw1, db1, dw2, db2 = (np.empty_like(p) for p in (w1, b1, w2, b2))
    h, dh = np.empty((2, B, SIZES[1]), np.float32)
    p, rows = np.empty((B, SIZES[2]), np.float32), np.arange(B)

    def step(x: np.ndarray, y: np.ndarray) -> np.floating:
        np.matmul(x, w1, out=h)
        np.add(h, b1, out=h)
        np.maximum(h, 0, out=h)
        np.matmul(h, w2, out=p)
        np.add(p, b2, out=p)
        np.subtract(p, p.max(axis=1, keepdims=True), out=p)
        np.exp(p, out=p)
        np.divide(p, p.sum(axis=1, keepdims=True), out=p)
        loss = -np.log(p[rows, y]).mean()
        p[rows, y] -= 1
        np.divide(p, B, out=p)
        np.matmul(h.T, p, out=dw2)
        np.sum(p, axis=0, out=db2)
        np.matmul(p, w2.T, out=dh)
        np.multiply(dh, h > 0, out=dh)
        np.matmul(x.T, dh, out=dw1)
        np.sum(dh, axis=0, out=db1)
        for weight, grad in ((w1, dw1), (b1, db1), (w2, dw2), (b2, db2)):
            np.multiply(grad, LR, out=grad)
            np.subtract(weight, grad, out=weight)
        return loss

    return cycle(step, batches)


def with_torch(batches: Batches, threads: int) -> Callable[[], None]:
    """Run the same step in eager PyTorch with its own autograd and SGD."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(threads)
    model = torch.nn.Sequential(
        torch.nn.Linear(SIZES[0], SIZES[1]), torch.nn.ReLU(), torch.nn.Linear(SIZES[1], SIZES[2])
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, foreach=True)

    def step(x: torch.Tensor, y: torch.Tensor) -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return cycle(step, [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in batches])


def peak_bytes(build: Callable[[Batches], Callable[[], None]], batches: Batches) -> int:
    """Measure the most memory that a model and its training steps hold at once, data aside."""
    tracemalloc.start()
    try:
        run = build(batches)
        for _ in range(3):
            run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def rows() -> list[Row]:
    """Return the speed with one and with two threads, and the memory."""
    speed = [row for n in (1, 2) for row in rows_with_threads(MODULE, "speed_rows", n)]
    return speed + memory_rows()


def speed_rows() -> list[Row]:
    """Time both batch sizes with the number of threads that this process was started with."""
    threads = int(os.environ[THREAD_VARIABLES[0]])
    return [row for B in BATCH_SIZES for row in rows_of_one_batch_size(B, threads)]


def rows_of_one_batch_size(B: int, threads: int) -> list[Row]:
    """Time ours, PyTorch and the limit in turns, on the same batches."""
    batches = make_batches(B)
    sides = [Contender("ours", ours(batches)), Contender("limit", by_hand(batches))]
    if importlib.util.find_spec("torch"):
        sides.append(Contender("torch", with_torch(batches, threads)))
    timings = interleave(sides, turns=TURNS, number=STEPS, warmup=N_BATCHES)
    rates = {name: timing.per_second for name, timing in timings.items()}
    return [
        Row.compare(
            f"tensor-{id}-b{B}-t{threads}",
            f"MLP 784-128-10, SGD steps, batch {B}, threads {threads}",
            "steps/s",
            rates["ours"],
            peer,
            rates.get(id),
            higher_is_better=True,
            goal=goal,
            limit=rates["limit"],
            runs=TURNS,
        )
        for id, peer, goal in (
            ("torch", "PyTorch eager", 1.5),
            ("limit", "NumPy by hand, buffers reused", 1 / 1.3),
        )
    ]


def memory_rows() -> list[Row]:
    """Compare the peaks; NumPy tells tracemalloc of every array."""
    rows = []
    for B in BATCH_SIZES:
        batches = make_batches(B)
        mine, limit = (peak_bytes(build, batches) / 1e6 for build in (ours, by_hand))
        rows.append(
            Row.compare(
                f"tensor-memory-b{B}",
                f"MLP 784-128-10, peak of a step, batch {B}",
                "MB",
                mine,
                "NumPy by hand, buffers reused",
                limit,
                higher_is_better=False,
                goal=1 / 1.5,
                limit=limit,
            )
        )
    return rows


def main() -> None:
    """Print these rows alone."""
    for row in rows():
        print(f"{row.id:22} {row.ours:8.2f} {row.unit:8} {row.peer:30} {row.ratio or 0:6.2f} x")


if __name__ == "__main__":
    main()
