"""What a training step shared by several processes of this machine should take.

Four constants, whatever the way of sharing: how much slower a core computes when all cores do, the
alpha and beta of a message, and the share of the work that cut layers do not divide (norms, sums,
the calls themselves; Amdahl 1967). The cores are one resource: with more processes than cores,
everybody gets a share. Copying bytes between processes is work of the same cores, so unlike a
GPU's network it is not free while they compute.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from phase2_scaling.project.local_runs import Parts, Workload
from phase2_scaling.project.training_step import Step, step_seconds
from phase2_scaling.solution import counting
from phase2_scaling.solution.cost_model import Link, ring_all_reduce_s

FLOAT32 = 4  # bytes
LOWEST = (1.0, 1e-7, 1e-12, 1e-3)  # slowdown, alpha, beta, uncut, in the fit
START = (1.1, 1e-4, 1e-9, 0.2)
HIGHEST = (4.0, 1e-1, 1e-6, 1.0)


@dataclass(frozen=True)
class Machine:
    """This machine, as four constants and its cores."""

    cores: int
    """that processes may use"""
    slowdown: float
    """time of the same arithmetic when all cores compute, over that of one alone"""
    link: Link
    """between two processes; the seconds are a core's"""
    uncut: float = 0.0
    """share of the work that every slice does whole"""


@dataclass(frozen=True)
class Run:
    """A workload on n processes, and the parts of its step on a single one."""

    workload: Workload
    n: int
    alone: Parts


def predict(run: Run, machine: Machine) -> float:
    """Predict the seconds of a step on n processes from those of a single one."""
    # Replicas and slices do all the same: one of them with its share of the cores stands for all.
    sharing = 1 if run.workload.way == "stages" else run.n
    capacity = {"cores": machine.cores / sharing}
    return step_seconds(step_of(run, machine), lambda _: "cores", lambda _: "cores", capacity)


def step_of(run: Run, machine: Machine) -> Step:
    """Say what one process does."""
    workload, n, link = run.workload, run.n, machine.link
    slow = machine.slowdown if n > 1 else 1.0
    forward_s, backward_s, optimizer_s = (
        slow * run.alone[part] for part in ("forward", "backward", "optimizer")
    )
    config = workload.config
    stream_bytes = FLOAT32 * workload.rows * config.block_size * config.n_embd
    if workload.way == "replicas":
        n_bytes = FLOAT32 * counting.n_parameters(config)
        n_buckets = -(-n_bytes // workload.bucket_bytes)
        bucket_s = ring_all_reduce_s(n_bytes / n_buckets, n, link)
        return Step(1, 1, forward_s, backward_s, 0.0, (bucket_s,) * n_buckets, optimizer_s)
    if workload.way == "slices":
        # Two sums in each block, one for the embedding or the head, each way; all wait for them.
        sums_s = (2 * config.n_layer + 1) * ring_all_reduce_s(stream_bytes, n, link)
        part = machine.uncut + (1 - machine.uncut) / n
        forward_s, backward_s = part * forward_s + sums_s, part * backward_s + sums_s
        return Step(1, 1, forward_s, backward_s, optimizer_s=optimizer_s / n)
    share = n * workload.n_micro
    message_s = link.message_s(stream_bytes)
    return Step(
        n, workload.n_micro, forward_s / share, backward_s / share, message_s, (), optimizer_s / n
    )


def fit(runs: Sequence[Run], measured_s: Sequence[float], cores: int) -> Machine:
    """Find the constants that explain measured steps best, by least squares of relative errors."""
    from scipy.optimize import least_squares

    def machine(logs: np.ndarray) -> Machine:
        slowdown, alpha, beta, uncut = map(float, np.exp(logs))
        return Machine(cores, slowdown, Link(alpha, beta), uncut)

    def errors(logs: np.ndarray) -> list[float]:
        return [predict(run, machine(logs)) / s - 1 for run, s in zip(runs, measured_s)]

    bounds = (np.log(LOWEST), np.log(HIGHEST))
    return machine(least_squares(errors, np.log(START), bounds=bounds).x)
