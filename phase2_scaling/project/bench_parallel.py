"""Our data parallelism and our sharding against PyTorch's, on the same model and the same bytes.

The work is a GPT of 4 layers, 128 wide, on two ranks of this machine (gloo, one thread each), 12 x
64 tokens a rank and step, float32, AdamW as `torch.optim` has it, on both sides: `DataParallel`
against `DistributedDataParallel`, `FullySharded` against FSDP2's `fully_shard` on each block and on
the root. For the time, both sides live in the same two processes and take turns. Their losses must
agree. For the memory, each side has its processes to itself, and a `MemoryTracker` sees the peak of
a step. Rank 0 speaks for both.

Memory is counted alike on both sides: PyTorch's buckets as views of which the gradients lie, a
DTensor as its local part.

A last row holds the bytes that a sharded AdamW keeps a rank, with a master copy of bfloat16
parameters, against 12 Psi / n (Rajbhandari et al. 2019, arXiv:1910.02054, figure 1).

Run `make phase2-bench`, or `python -m phase2_scaling.project.bench_parallel` for these rows alone.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from itertools import islice

import torch
import torch.distributed as dist
from torch import Tensor, nn

from phase2_scaling.solution.data_parallel import DataParallel
from phase2_scaling.solution.fully_sharded import FullySharded
from phase2_scaling.solution.model import GPT, GPTConfig
from phase2_scaling.solution.tracker import MemoryTracker
from phase2_scaling.solution.zero import ShardedOptimizer
from shared import ranks
from shared.bench import Row

CONFIG = GPTConfig(vocab_size=256, block_size=64, n_layer=4, n_head=4, n_embd=128)
BATCH = 12
N, OPTIMIZER_N = 2, 4  # ranks
TURNS, STEPS = 15, 4
GOAL = 0.95  # at most 1.05 times their time, or their bytes

Step = Callable[[Tensor, Tensor], float]  # one step of training on (B, T) ids and targets: the loss
Maker = Callable[[], Step]


# -- the sides --------------------------------------------------------------------------------


def make_model() -> GPT:
    """Draw the same weights each time."""
    return GPT(CONFIG, torch.Generator().manual_seed(0))


def stepper(model: Callable, parameters: Iterator[nn.Parameter]) -> Step:
    """Make the step that all sides take."""
    optimizer = torch.optim.AdamW(parameters, lr=1e-3)

    def step(idx: Tensor, targets: Tensor) -> float:
        optimizer.zero_grad()
        _, loss = model(idx, targets)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def our_ddp() -> Step:
    """Make a replica of ours, with buckets as large as the first of PyTorch's."""
    model = DataParallel(make_model(), bucket_bytes=2**20)
    return stepper(model, model.parameters())


def torch_ddp() -> Step:
    """Make a replica of PyTorch's, gradients as views of its buckets as ours are."""
    model = nn.parallel.DistributedDataParallel(make_model(), gradient_as_bucket_view=True)
    return stepper(model, model.parameters())


def our_fsdp() -> Step:
    """Shard a model our way."""
    model = FullySharded(make_model())
    return stepper(model, model.parameters())


def torch_fsdp() -> Step:
    """Shard a model by FSDP2, as its documentation does."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    model, mesh = make_model(), init_device_mesh("cpu", (dist.get_world_size(),))
    for module in (*model.blocks, model):
        fully_shard(module, mesh=mesh)
    return stepper(model, model.parameters())


def batches() -> Iterator[tuple[Tensor, Tensor]]:
    """Draw this rank's batches, for ever."""
    generator = torch.Generator().manual_seed(dist.get_rank())
    while True:
        ids = torch.randint(CONFIG.vocab_size, (BATCH, CONFIG.block_size + 1), generator=generator)
        yield ids[:, :-1], ids[:, 1:]


# -- on a rank --------------------------------------------------------------------------------


def times(ours: Maker, theirs: Maker) -> list[float]:
    """Median seconds of a step of each, in turns.

    Raises:
        AssertionError: if their losses differ by more than rounding in float32 explains.
    """
    sides = [(ours(), batches()), (theirs(), batches())]
    seconds, losses = ([], []), ([], [])
    for turn in range(TURNS + 1):
        for side in (turn % 2, 1 - turn % 2):
            step, data = sides[side]
            work = list(islice(data, STEPS))
            dist.barrier()
            began = time.perf_counter()
            losses[side].extend(step(*batch) for batch in work)
            seconds[side].append((time.perf_counter() - began) / STEPS)
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-4, atol=0)
    return [statistics.median(values[1:]) for values in seconds]  # the first turn warms up


def peak_bytes(make: Maker) -> int:
    """Return the most bytes of tensors that are alive during a step, once all state is there."""
    with MemoryTracker() as memory:
        step, data = make(), batches()
        for _ in range(3):
            memory.peak = memory.live
            step(*next(data))
    return memory.peak


def optimizer_bytes() -> list[int]:
    """Return the bytes that a sharded AdamW adds to this rank, and its share of 12 a parameter."""
    with MemoryTracker() as memory:
        model = make_model().bfloat16()
        params = list(model.parameters())
        before = memory.live
        optimizer = ShardedOptimizer(params, torch.optim.AdamW, master=torch.float32)
        for p in params:
            p.grad = torch.zeros_like(p)
        optimizer.step()
        optimizer.zero_grad()
        return [memory.live - before, 12 * sum(p.numel() for p in params) // optimizer.n]


# -- the rows ---------------------------------------------------------------------------------


def rows() -> list[Row]:
    """Measure all of them; in processes of their own."""
    ddp, fsdp = "torch DistributedDataParallel", "torch fully_shard (FSDP2)"
    return [
        *rows_of("ddp", ddp, our_ddp, torch_ddp),
        *rows_of("fsdp", fsdp, our_fsdp, torch_fsdp),
        optimizer_row(),
    ]


def rows_of(name: str, peer: str, ours: Maker, theirs: Maker) -> list[Row]:
    """Compare the time of a step, and the peak of its memory."""
    seconds = ranks.run(N, times, ours, theirs, timeout_s=600)[0]
    peaks = [ranks.run(N, peak_bytes, make, timeout_s=600)[0] for make in (ours, theirs)]
    work = f"GPT of 4 layers, 128 wide, {BATCH} x {CONFIG.block_size} tokens a rank, {N} ranks"
    values = {"time": [s * 1e3 for s in seconds], "memory": [peak / 2**20 for peak in peaks]}
    units = {"time": "ms/step", "memory": "MiB"}
    runs = {"time": TURNS, "memory": 1}
    return [
        Row.compare(
            f"2-parallel-{name}-{N}-{kind}",
            f"{name.upper()}, {work}: {'a step' if kind == 'time' else 'peak of a rank'}",
            units[kind],
            mine,
            peer,
            other,
            higher_is_better=False,
            goal=GOAL,
            runs=runs[kind],
        )
        for kind, (mine, other) in values.items()
    ]


def optimizer_row() -> Row:
    """Compare what the sharded optimiser holds with the formula."""
    held, formula = ranks.run(OPTIMIZER_N, optimizer_bytes)[0]
    return Row.compare(
        f"2-parallel-zero-{OPTIMIZER_N}-memory",
        f"sharded AdamW with a master copy, {OPTIMIZER_N} ranks: what a rank holds",
        "MiB",
        held / 2**20,
        "12 bytes a parameter, over the ranks",
        formula / 2**20,
        higher_is_better=False,
        goal=GOAL,
    )


if __name__ == "__main__":
    for row in rows():
        print(f"{row.id:30} {row.ours:8.2f} {row.peer_value:8.2f} {row.unit:8} {row.ratio:5.2f} x")
