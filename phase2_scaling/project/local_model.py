"""What a training step shared by several processes of this machine should take.

Three constants, whatever the way of sharing: the alpha and beta of a message, and how long it keeps
a core busy. What blocks wait for goes on side by side; what is computed here, Python for the most
part, is measured on a single process. It and all messages are the work of the same few cores:
where processes outnumber them, everybody waits for a turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from phase2_scaling.project.local_runs import Parts, Workload
from phase2_scaling.project.training_step import Step, step_seconds
from phase2_scaling.solution import counting
from phase2_scaling.solution.cost_model import Link, ring_all_reduce_s

FLOAT32 = 4  # bytes
START = (2e-4, 1e-4, 1e-9)  # alpha, core, beta


@dataclass(frozen=True)
class Machine:
    """This machine: its cores, and what a message takes."""

    cores: int
    """that processes may use"""
    alpha_s: float
    """seconds that a message is on its way, however short, in which no core is busy with it"""
    core_s: float
    """seconds of a core that sender and receiver together need for it"""
    beta_s_per_byte: float
    """seconds of a core for each byte"""

    def crowd(self, n: int) -> float:
        """Processes to a core, if n of them want one."""
        return max(1.0, n / self.cores)

    def link(self, n: int) -> Link:
        """Alpha and beta as n processes find them that all send at once."""
        crowd = self.crowd(n)
        return Link(self.alpha_s + crowd * self.core_s, crowd * self.beta_s_per_byte)


@dataclass(frozen=True)
class Run:
    """A workload on n processes, and the parts of its step on a single one."""

    workload: Workload
    n: int
    alone: Parts


def predict(run: Run, machine: Machine) -> float:
    """Predict the seconds of a step on n processes from those of a single one."""
    return step_seconds(step_of(run, machine))


def step_of(run: Run, machine: Machine) -> Step:
    """Say what one process does."""
    workload, n, config, m = run.workload, run.n, run.workload.config, run.workload.n_micro
    crowd, link = machine.crowd(n), machine.link(n)
    wait_s = {"forward": m * workload.wait_s, "backward": 2 * m * workload.wait_s}
    here_s = {part: max(0.0, run.alone[part] - s) for part, s in wait_s.items()}
    optimizer_s = run.alone["optimizer"]
    stream_bytes = FLOAT32 * config.block_size * config.n_embd
    if workload.way == "replicas":
        forward_s, backward_s = (wait_s[part] + crowd * here_s[part] for part in wait_s)
        n_bytes = FLOAT32 * counting.n_parameters(config)
        n_buckets = -(-n_bytes // workload.bucket_bytes)
        bucket_s = ring_all_reduce_s(n_bytes / n_buckets, n, link)
        return Step(1, 1, forward_s, backward_s, 0.0, (bucket_s,) * n_buckets, crowd * optimizer_s)
    if workload.way == "slices":
        # Two sums in each block, one for the embedding or the head, each way; all wait for them.
        # Of what is computed here, matrices this small are the least part, so nothing is cut.
        sums_s = (2 * config.n_layer + 1) * ring_all_reduce_s(stream_bytes, n, link)
        forward_s, backward_s = (wait_s[p] / n + crowd * here_s[p] + sums_s for p in wait_s)
        return Step(1, 1, forward_s, backward_s, optimizer_s=crowd * optimizer_s)
    # Each stage has its share of what is computed here, and neighbours alone speak at a time.
    forward_s, backward_s = ((wait_s[part] + here_s[part]) / (n * m) for part in wait_s)
    message_s = machine.link(1).message_s(stream_bytes)
    return Step(n, m, forward_s, backward_s, message_s, (), optimizer_s / n)


def core_seconds(run: Run, machine: Machine) -> float:
    """Predict how long a core is busy with a step of one of the n processes."""
    workload, n, config, m = run.workload, run.n, run.workload.config, run.workload.n_micro
    work = Link(machine.core_s, machine.beta_s_per_byte)
    stream_bytes = FLOAT32 * config.block_size * config.n_embd
    if workload.way == "replicas":
        n_bytes = FLOAT32 * counting.n_parameters(config)
        n_buckets = -(-n_bytes // workload.bucket_bytes)
        return run.alone["core"] + n_buckets * ring_all_reduce_s(n_bytes / n_buckets, n, work)
    if workload.way == "slices":
        n_sums = 2 * (2 * config.n_layer + 1)
        return run.alone["core"] + n_sums * ring_all_reduce_s(stream_bytes, n, work)
    return run.alone["core"] / n + 2 * m * (n - 1) / n * work.message_s(stream_bytes)


def fit(runs: Sequence[Run], measured: Sequence[Parts], cores: int) -> Machine:
    """Find the constants that explain measured steps best, by least squares of relative errors.

    How long a step took and how long it kept a core busy count alike.
    """
    from scipy.optimize import least_squares

    def machine(logs: np.ndarray) -> Machine:
        return Machine(cores, *map(float, np.exp(logs)))

    def errors(logs: np.ndarray) -> list[float]:
        found = [
            (
                predict(run, machine(logs)) / parts["all"],
                core_seconds(run, machine(logs)) / parts["core"],
            )
            for run, parts in zip(runs, measured)
        ]
        return [ratio - 1 for both in found for ratio in both]

    return machine(least_squares(errors, np.log(START)).x)
