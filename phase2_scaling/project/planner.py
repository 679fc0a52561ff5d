"""What to train with a budget: how large a model, how many tokens, on which layout of GPUs.

    python -m phase2_scaling.project.planner --gpu h100 --gpus 64 --days 7
    python -m phase2_scaling.project.planner --gpu a100 --gpus 8 --money 5000

prints the compute-optimal model; smaller ones that cost as much to train and less to use; what each
would reach by a scaling law; where its bytes go; and a layout that fits. With --served it says
which size is cheapest over its whole life. Plain arithmetic: nothing is trained or downloaded.
"""

import json
from dataclasses import dataclass, fields, replace
from math import isfinite
from pathlib import Path

from phase2_scaling.project import hardware, layouts, published
from phase2_scaling.project.chinchilla import as_table
from phase2_scaling.project.hardware import GPU
from phase2_scaling.project.layouts import Layout
from phase2_scaling.solution import counting, optimal
from phase2_scaling.solution.law import Law
from phase2_scaling.solution.model import GPTConfig
from shared import cli

LAWS = {"besiroglu": published.BESIROGLU, "hoffmann": published.HOFFMANN_SOURCE}
SHARES = (2.0, 1.0, 0.5, 0.25, 0.125)  # of the compute-optimal size
ASPECT = 100  # n_embd / n_layer; Kaplan et al. 2020, figure 5: from 30 to 300 hardly matters
HEAD_DIM = 128
MAX_HEADS = 256


@dataclass(frozen=True)
class Config:
    """The budget."""

    gpu: str = "h100"
    """t4, v100, a100, h100, h200, b200, l40s, 4090 or mi300x"""
    gpus: int = 8
    """how many"""
    days: float | None = None
    """how long; or say --money"""
    money: float | None = None
    """dollars; or say --days"""
    price: float | None = None
    """dollars for a GPU and hour; without it, an assumption"""
    mfu: float = 0.4
    """share of the peak that goes into the model"""
    law: str = "besiroglu"
    """besiroglu, hoffmann, or a results.json with a "law", such as chinchilla's"""
    served: float = 0.0
    """tokens that the model will read and write in use"""
    vocab_size: int = 32_000
    """V; Chinchilla's"""
    block_size: int = 2048
    """T; Chinchilla's"""
    batch_tokens: int = 2**21
    """tokens of a step"""

    def __post_init__(self) -> None:
        if (self.days is None) == (self.money is None):
            raise ValueError("say --days or --money, one of them")
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int | float):
                continue
            if not isfinite(value):
                raise ValueError(f"{field.name} must be a finite number, got {value}")
            if value < 0 or value == 0 != field.default:
                least = "0 or more" if field.default == 0 else "positive"
                raise ValueError(f"{field.name} must be {least}, got {value}")
        if self.mfu > 1:
            raise ValueError(f"mfu must be at most 1, got {self.mfu}")
        if self.batch_tokens % self.block_size:
            raise ValueError(f"batch_tokens must be a multiple of block_size, {self.block_size}")


@dataclass(frozen=True)
class Budget:
    """What is there to spend.

    Attributes:
        gpu: which.
        days: that all GPUs run.
        dollars: that they cost.
        flops: that go into the model.
    """

    gpu: GPU
    days: float
    dollars: float
    flops: float


def make_budget(config: Config) -> Budget:
    """Work out days from money or money from days, and the operations that they buy."""
    gpu = hardware.find(config.gpu)
    price = gpu.dollars_per_hour if config.price is None else config.price
    a_day = counting.training_cost(1, config.gpus, price)
    days = config.money / a_day if config.days is None else config.days
    flops = days * counting.SECONDS_PER_DAY * config.gpus * gpu.peak_flops * config.mfu
    return Budget(gpu, days, days * a_day, flops)


def find_law(name: str) -> Law:
    """A published law, or one that a run wrote down.

    Raises:
        ValueError: if there is neither.
    """
    if name in LAWS:
        return LAWS[name]
    try:
        return Law(**json.loads(Path(name).read_text(encoding="utf-8"))["law"])
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"law must be {', '.join(LAWS)} or a results.json: {error}") from None


def shape_for(n_params: float, vocab_size: int, block_size: int) -> GPTConfig:
    """Find the GPT of about this many parameters whose width is about ASPECT times its depth.

    Widths are multiples of HEAD_DIM. So that both can be cut, heads come in fours and blocks in
    pairs from 8 heads on, both in eights from 32 on.
    """

    def shape(n_head: int) -> GPTConfig:
        C = n_head * HEAD_DIM
        depth = (n_params - (vocab_size + block_size) * C) / (12 * C * C + 13 * C)
        step = 8 if n_head >= 32 else 2 if n_head >= 8 else 1
        n_layer = max(step, step * round(depth / step))
        return GPTConfig(vocab_size, block_size, n_layer, n_head, C)

    def oddness(config: GPTConfig) -> float:
        size = counting.n_parameters(config) / n_params
        aspect = config.n_embd / config.n_layer / ASPECT
        return 10 * abs(size - 1) + max(aspect, 1 / aspect)

    heads = [*range(1, 8), *range(8, 32, 4), *range(32, MAX_HEADS + 1, 8)]
    return min(map(shape, heads), key=oddness)


@dataclass(frozen=True)
class Candidate:
    """One way to spend the budget.

    Attributes:
        config: shape of the model.
        n_params: N, of that shape.
        n_tokens: D, what the budget leaves for it.
        loss: predicted, nats per token.
        layout: the fastest that fits into memory, or None.
    """

    config: GPTConfig
    n_params: int
    n_tokens: float
    loss: float
    layout: Layout | None


def batch_sequences(config: Config) -> int:
    """Sequences of a step: about batch_tokens, in a number that the GPUs can share evenly.

    With more GPUs than sequences it is enough if some replicas of several GPUs each can.
    """
    wanted = config.batch_tokens // config.block_size
    odd = config.gpus // (config.gpus & -config.gpus)  # what no halving takes out
    unit = config.gpus if config.gpus <= wanted else odd
    return max(1, round(wanted / unit)) * unit


def candidate(n_params: float, budget: Budget, config: Config, law: Law) -> Candidate:
    """Shape a model of about n_params, give it the whole budget, find a layout for it."""
    shape = shape_for(n_params, config.vocab_size, config.block_size)
    n = counting.n_parameters(shape)
    n_tokens = budget.flops / (6 * n)
    sequences = batch_sequences(config)
    layout = layouts.best_layout(shape, budget.gpu, config.gpus, sequences, config.mfu)
    return Candidate(shape, n, n_tokens, law.loss(n, n_tokens), layout)


# -- what is shown ----------------------------------------------------------------------------


def number(x: float) -> str:
    """Three digits and a unit: 1.31 T, 73.2 B, 560 M."""
    for power, unit in ((1e12, " T"), (1e9, " B"), (1e6, " M")):
        if x >= power * 0.9995:
            return f"{x / power:.3g}{unit}"
    return f"{x:.3g}"


def size_table(candidates: list[Candidate], best: Candidate, budget: Budget, law: Law) -> str:
    """What each size reaches, what it costs in use, and what it takes to be as good as the best."""

    def as_good(c: Candidate) -> str:
        if best.loss <= law.limit(c.n_params):
            return "never"
        work = 6 * c.n_params * optimal.tokens_to_reach(law, c.n_params, best.loss)
        return f"{work / budget.flops:.2f} x"

    def row(c: Candidate) -> list[str]:
        return [
            number(c.n_params),
            number(c.n_tokens),
            f"{c.n_tokens / c.n_params:.3g}",
            f"{c.loss:.4f}",
            f"{c.n_params / best.n_params:.2f} x",
            as_good(c),
        ]

    head = ["N", "D", "D / N", "loss", "work in use", "training to the best loss"]
    return as_table([head, *map(row, candidates)])


def layout_table(candidates: list[Candidate], budget: Budget, config: Config) -> str:
    """Where each size's bytes go on the fullest GPU, and how the step is cut."""
    parts = ("parameters", "gradients", "optimiser", "activations", "logits")

    def row(c: Candidate) -> list[str]:
        shape = f"{c.config.n_layer} x {c.config.n_embd}"
        if c.layout is None:
            return [number(c.n_params), shape, *["-"] * (len(parts) + 2), "no layout fits"]
        found = layouts.memory_bytes(c.config, c.layout)
        gigabytes = [f"{found[part] / 1e9:.1f}" for part in parts]
        plain = replace(c.layout, recompute=False)
        work_s = layouts.work_s(c.config, plain, budget.gpu, config.mfu)
        waiting = layouts.step_s(c.config, c.layout, budget.gpu, config.mfu) / work_s - 1
        total = f"{sum(found.values()) / 1e9:.1f}"
        return [number(c.n_params), shape, *gigabytes, total, f"{waiting:.0%}", str(c.layout)]

    head = ["N", "layers x width", *parts, "in all", "overhead", "layout"]
    return as_table([head, *map(row, candidates)])


def use_line(config: Config, law: Law, best: Candidate) -> str:
    """Which size is cheapest, once its use is counted as well."""
    sizes = [best.n_params * 2 ** (i / 20) for i in range(-100, 21)]
    n_params, n_tokens = optimal.cheapest_in_use(law, best.loss, sizes, config.served)
    training, use = 6 * n_params * n_tokens, 2 * n_params * config.served
    return (
        f"To serve {number(config.served)} tokens at a loss of {best.loss:.4f}, the least work is "
        f"N = {number(n_params)} on D = {number(n_tokens)}: {training:.3g} operations to train "
        f"and {use:.3g} in use. The compute-optimal size would take "
        f"{6 * best.n_params * best.n_tokens:.3g} and {2 * best.n_params * config.served:.3g}."
    )


def main(config: Config) -> None:
    """Print the plan."""
    budget, law = make_budget(config), find_law(config.law)
    n_params, _ = optimal.optimal_allocation(law, budget.flops)
    candidates = [candidate(n_params * share, budget, config, law) for share in SHARES]
    best = candidates[SHARES.index(1.0)]
    print(
        f"{config.gpus} x {budget.gpu.name} for {budget.days:.3g} days, ${budget.dollars:,.0f}, "
        f"at {config.mfu:.0%} of {budget.gpu.peak_flops / 1e12:.0f} TFLOP/s: "
        f"{budget.flops:.3g} operations\n"
    )
    print("The same budget, spent on several sizes (the second row is compute-optimal):\n")
    print(size_table(candidates, best, budget, law))
    size = f"{budget.gpu.memory_bytes / 1e9:.0f} GB"
    print(f"\nGB on the fullest GPU, of {size}, at the moment when most is held:\n")
    print(layout_table(candidates, budget, config))
    if config.served:
        print(f"\n{use_line(config, law, best)}")
    print(
        f"\nGPU: {budget.gpu.source}. Law: {config.law}, "
        f"L = {law.E:.3f} + {law.A:.1f} / N^{law.alpha:.3f} + {law.B:.1f} / D^{law.beta:.3f}. "
        "Overhead: recomputing, bubble and wire over the work alone, as if nothing overlapped."
    )


if __name__ == "__main__":
    cli.run(__spec__.name)
