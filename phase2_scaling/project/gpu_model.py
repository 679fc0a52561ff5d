"""What a training step should take on a cluster of GPUs that nobody here has.

The hardware is that of the datasheets (`hardware.py`), layouts and their memory are those of
`layouts.py`; what waits and what overlaps is simulated (`training_step.py`). A GPU computes at
`KERNELS` of its peak; all-reduces within a cut layer are waited for; activations travel between
stages while others are computed; gradients travel in buckets during the last backward pass, with
ZeRO-2 and 3 during each; ZeRO-3 fetches the next block's weights while this one computes.

Left out: the optimiser, loading data, congestion, GPUs that fail, and that smaller matrices are
slower. So it is too friendly to everything, most of all to many cuts.
"""

from dataclasses import dataclass, replace

from phase2_scaling.project import layouts
from phase2_scaling.project.hardware import GPU
from phase2_scaling.project.layouts import Layout
from phase2_scaling.project.training_step import Step, long_step_seconds
from phase2_scaling.solution import cost_model, memory
from phase2_scaling.solution.cost_model import Link
from phase2_scaling.solution.counting import flops_per_token
from phase2_scaling.solution.model import GPTConfig

KERNELS = 0.6  # of the peak, while nothing waits; assumed
N_BUCKETS = 8  # of a stage's gradients
CANDIDATES = 6  # layouts that are simulated, the fastest by `layouts.step_s`


@dataclass(frozen=True)
class Forecast:
    """A layout and what becomes of it."""

    layout: Layout
    seconds: float
    """of a step"""
    mfu: float
    """model FLOPs utilisation; recomputed products are no use"""


def forecast(config: GPTConfig, layout: Layout, gpu: GPU) -> Forecast:
    """Simulate a step."""
    seconds = long_step_seconds(step_of(config, layout, gpu))
    useful_s = layouts.work_s(config, _without_recomputing(layout), gpu, mfu=1.0)
    return Forecast(layout, seconds, useful_s / seconds)


def step_of(config: GPTConfig, layout: Layout, gpu: GPU) -> Step:
    """Say what one replica does, part by part."""
    forward_s, backward_s = compute_s(config, layout, gpu)
    weights = layouts.NUMBER_BYTES * memory.n_parameters(
        config, memory.Plan(1, 1, tp=layout.tp, pp=layout.pp)
    )
    link = between_replicas(layout, gpu)
    if layout.zero >= 2:
        # The first block's weights and the last one's gradients are waited for; the others travel
        # while blocks compute.
        block_s = cost_model.all_gather_s(weights / config.n_layer, layout.dp, link)
        fetches = int(layout.zero == 3)
        forward_s = max(forward_s, fetches * config.n_layer * block_s) + fetches * block_s
        backward_s = max(backward_s, (fetches + 1) * config.n_layer * block_s) + block_s
        return Step(1, layout.n_micro, forward_s, backward_s)
    stream = layout.batch_size * config.block_size * config.n_embd * layouts.NUMBER_BYTES
    next_stage = Link(layouts.ALPHA_NETWORK_S, 1 / gpu.network_bytes_per_s)
    bucket_s = all_reduce_s(weights / N_BUCKETS, layout.dp, link)
    return Step(
        layout.pp,
        layout.n_micro,
        forward_s,
        backward_s,
        next_stage.message_s(stream / layout.tp),
        (bucket_s,) * N_BUCKETS,
    )


def compute_s(config: GPTConfig, layout: Layout, gpu: GPU) -> tuple[float, float]:
    """Seconds of one stage and micro-batch, forward and backward, sums of cut layers included.

    Each block has two sums forward and two backward (Shoeybi et al. 2019, section 3); what is
    recomputed is a second forward, within the backward pass.
    """
    both_s = layouts.work_s(config, layout, gpu, KERNELS) / layout.n_micro
    once = flops_per_token(config) / flops_per_token(config, recompute=layout.recompute)
    forward_s = both_s * once / 3
    stream = layout.batch_size * config.block_size * config.n_embd * layouts.NUMBER_BYTES
    inside = Link(layouts.ALPHA_LINK_S, 1 / gpu.link_bytes_per_s)
    sums_s = 2 * config.n_layer / layout.pp * all_reduce_s(stream, layout.tp, inside)
    return forward_s + sums_s, both_s - forward_s + (1 + layout.recompute) * sums_s


def between_replicas(layout: Layout, gpu: GPU) -> Link:
    """The ring of the replicas: as fast as its slowest part, as patient as its hops on average."""
    slowest = layouts.between_replicas(layout, gpu)
    in_node = max(1, gpu.gpus_per_node // layout.tp)
    if layout.dp <= in_node:
        return slowest
    alpha_s = ((in_node - 1) * layouts.ALPHA_LINK_S + layouts.ALPHA_NETWORK_S) / in_node
    return Link(alpha_s, slowest.beta_s_per_byte)


def all_reduce_s(n_bytes: float, n: int, link: Link) -> float:
    """Seconds of an all-reduce as NCCL chooses it: a ring, or on many ranks two trees at once.

    Two binary trees keep every link busy in both directions, so the bytes cost what they cost in
    a ring, and only 2 log2 n messages follow each other (Sanders, Speck, Träff 2009).
    """
    if n == 1:
        return 0.0
    trees_s = 2 * cost_model.tree_rounds(n) * link.alpha_s + 2 * n_bytes * link.beta_s_per_byte
    return min(cost_model.ring_all_reduce_s(n_bytes, n, link), trees_s)


# -- the best of many -------------------------------------------------------------------------

FAMILIES = {
    "replicas alone": lambda layout: layout.tp == layout.pp == 1,
    "and cut layers": lambda layout: layout.pp == 1,
    "and stages": lambda layout: layout.tp == 1,
    "all three": lambda layout: True,
}


def best_of_each(
    config: GPTConfig, gpu: GPU, n_gpus: int, batch_sequences: int
) -> dict[str, Forecast | None]:
    """Find each family's fastest layout that fits into memory; None where none does.

    Closed forms choose the `CANDIDATES` of each family, and what is simulated for one counts for
    every family that it belongs to.
    """
    found = [*layouts.layouts(config, n_gpus, batch_sequences, gpu.gpus_per_node)]
    found.sort(key=lambda layout: layouts.step_s(config, layout, gpu, KERNELS))
    fitting = [layout for layout in found if fits(config, layout, gpu)]
    chosen = {
        layout: None
        for belongs in FAMILIES.values()
        for layout in list(filter(belongs, fitting))[:CANDIDATES]
    }
    simulated = [forecast(config, layout, gpu) for layout in chosen]
    return {
        name: min(
            (one for one in simulated if belongs(one.layout)), key=lambda f: f.seconds, default=None
        )
        for name, belongs in FAMILIES.items()
    }


def fits(config: GPTConfig, layout: Layout, gpu: GPU) -> bool:
    """Whether the fullest GPU has room for its part."""
    n_bytes = sum(layouts.memory_bytes(config, layout).values())
    return n_bytes <= layouts.USABLE * gpu.memory_bytes


def _without_recomputing(layout: Layout) -> Layout:
    return replace(layout, recompute=False)
