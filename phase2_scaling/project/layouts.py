"""Which ways of cutting a training step over GPUs fit into their memory, and which waits least.

A layout is a number of replicas (dp), of cuts through each layer (tp) and of stages in a row (pp),
ZeRO's stage, and what one GPU works on at a time. Memory is `memory.peak`. Time is work at a given
utilisation, stretched by the pipeline's bubble, plus every byte on the wire by `cost_model`, as if
nothing overlapped: too long for what overlaps well, and good enough to tell layouts apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from phase2_scaling.project.hardware import GPU
from phase2_scaling.solution import cost_model, memory
from phase2_scaling.solution.cost_model import Link
from phase2_scaling.solution.counting import flops_per_token
from phase2_scaling.solution.model import GPTConfig

USABLE = 0.9  # of a GPU's memory: CUDA's context, NCCL's buffers and gaps take the rest
NUMBER_BYTES = 2  # bfloat16, of activations and gradients on the wire
ALPHA_LINK_S, ALPHA_NETWORK_S = 5e-6, 15e-6  # before the first byte of a message; assumed
BATCH_SIZES = (8, 4, 2, 1)  # sequences of a micro-batch; the larger, the better for the chip


@dataclass(frozen=True)
class Layout:
    """How one training step is cut."""

    dp: int
    """replicas, each with its share of the batch"""
    tp: int
    """GPUs that share each layer"""
    pp: int
    """stages"""
    zero: int
    """ZeRO's stage among the replicas"""
    recompute: bool
    """whether blocks keep their inputs alone"""
    batch_size: int
    """sequences of a micro-batch"""
    n_micro: int
    """micro-batches of a replica's step"""

    def __str__(self) -> str:
        degrees = {"dp": self.dp, "tp": self.tp, "pp": self.pp}
        parts = [f"{name} {degree}" for name, degree in degrees.items() if degree > 1]
        parts += [f"ZeRO-{self.zero}"] * (self.zero > 0)
        parts += [f"{self.n_micro} x {self.batch_size} sequences"]
        return ", ".join(parts + ["recomputing"] * self.recompute)

    @property
    def bubble(self) -> float:
        """The time that a stage waits, over the time that it works: (p - 1) / m."""
        return (self.pp - 1) / self.n_micro


def layouts(config: GPTConfig, n_gpus: int, batch_sequences: int, node: int) -> Iterator[Layout]:
    """Go through the ways to cut a step that are in use.

    Tensor parallelism stays within a server. ZeRO-1 goes with everything; ZeRO-2 and 3 need the
    gradients and the weights between micro-batches, and stand alone.

    Args:
        config: of the model; heads and vocabulary must be divisible by tp, blocks by pp.
        n_gpus: all of them are used.
        batch_sequences: of one step, divisible by dp.
        node: GPUs of a server.
    """
    for tp in _powers_of_two(min(node, n_gpus)):
        for pp in _powers_of_two(n_gpus // tp):
            dp, rest = divmod(n_gpus, tp * pp)
            cuttable = config.n_head % tp == config.vocab_size % tp == config.n_layer % pp == 0
            if rest or not cuttable or batch_sequences % dp:
                continue
            for zero in (0,) if dp == 1 else (1,) if tp * pp > 1 else (0, 1, 2, 3):
                for batch_size in BATCH_SIZES:
                    n_micro, rest = divmod(batch_sequences // dp, batch_size)
                    if n_micro and not rest:
                        for recompute in (False, True):
                            yield Layout(dp, tp, pp, zero, recompute, batch_size, n_micro)


def _powers_of_two(most: int) -> list[int]:
    return [2**i for i in range(most.bit_length())]


def memory_bytes(config: GPTConfig, layout: Layout) -> dict[str, int]:
    """Bytes on the fullest GPU, part by part: mixed precision, Adam, 1F1B."""

    def of_stage(stage: int) -> dict[str, int]:
        plan = memory.Plan(
            batch_size=layout.batch_size,
            n_tokens=config.block_size,
            dtype=torch.bfloat16,
            accumulates=layout.n_micro > 1,
            recompute=layout.recompute,
            zero=layout.zero,
            dp=layout.dp,
            tp=layout.tp,
            pp=layout.pp,
            stage=stage,
            in_flight=min(layout.n_micro, layout.pp - stage),
        )
        return memory.peak(config, plan)

    return max(map(of_stage, {0, layout.pp - 1}), key=lambda parts: sum(parts.values()))


def work_s(config: GPTConfig, layout: Layout, gpu: GPU, mfu: float) -> float:
    """Seconds that the products of a step take, what is recomputed included, without waiting."""
    n_tokens = layout.dp * layout.n_micro * layout.batch_size * config.block_size
    flops = n_tokens * flops_per_token(config, recompute=layout.recompute)
    return flops / (layout.dp * layout.tp * layout.pp * gpu.peak_flops * mfu)


def wire_s(config: GPTConfig, layout: Layout, gpu: GPU) -> float:
    """Seconds on the wire in a step, if nothing overlaps; the messages between stages are small.

    Tensor parallelism needs two all-reduces of the stream forward and two backward in each block
    (Shoeybi et al. 2019, section 3), two more if the block is recomputed. Replicas all-reduce the
    gradients once a step, which for ZeRO-1 is a reduce-scatter and a gathering of new weights. From
    stage 2 on gradients are scattered for every micro-batch, as there is no room to wait; in stage
    3 the weights are gathered for it, too, forward and backward (Rajbhandari et al. 2019, section
    7).
    """
    stream = layout.batch_size * config.block_size * config.n_embd * NUMBER_BYTES
    times = (6 if layout.recompute else 4) * config.n_layer // layout.pp * layout.n_micro
    inside = Link(ALPHA_LINK_S, 1 / gpu.link_bytes_per_s)
    cut_layers = times * cost_model.ring_all_reduce_s(stream, layout.tp, inside)

    plan = memory.Plan(1, 1, tp=layout.tp, pp=layout.pp)
    weights = memory.n_parameters(config, plan) * NUMBER_BYTES
    link = between_replicas(layout, gpu)
    scatters = layout.n_micro if layout.zero >= 2 else 1
    gathers = 2 * layout.n_micro if layout.zero == 3 else 1
    return (
        cut_layers
        + scatters * cost_model.reduce_scatter_s(weights, layout.dp, link)
        + gathers * cost_model.all_gather_s(weights, layout.dp, link)
    )


def between_replicas(layout: Layout, gpu: GPU) -> Link:
    """The slowest part of a ring of replicas; those of one server use its network cards together.

    Ranks are numbered as in `mesh.py`: tp first, then dp, then pp.
    """
    in_node = max(1, gpu.gpus_per_node // layout.tp)
    if layout.dp <= in_node:
        return Link(ALPHA_LINK_S, 1 / gpu.link_bytes_per_s)
    together = min(gpu.link_bytes_per_s, in_node * gpu.network_bytes_per_s)
    return Link(ALPHA_NETWORK_S, 1 / together)


def step_s(config: GPTConfig, layout: Layout, gpu: GPU, mfu: float) -> float:
    """Seconds of a step: work and bubble, then the wire."""
    return work_s(config, layout, gpu, mfu) * (1 + layout.bubble) + wire_s(config, layout, gpu)


def best_layout(
    config: GPTConfig, gpu: GPU, n_gpus: int, batch_sequences: int, mfu: float
) -> Layout | None:
    """Of all layouts that fit into memory, the one with the shortest step; None if none fits.

    Of equally fast ones it is the first in the order of `layouts`.
    """
    found = layouts(config, n_gpus, batch_sequences, gpu.gpus_per_node)
    room = USABLE * gpu.memory_bytes
    fitting = (layout for layout in found if sum(memory_bytes(config, layout).values()) <= room)
    return min(fitting, key=lambda layout: step_s(config, layout, gpu, mfu), default=None)
