"""A training step as tasks for the simulator: stages, micro-batches, gradients that travel early.

Whoever predicts a step, on this machine (`local_model.py`) or on GPUs (`gpu_model.py`), says how
long its parts take alone; what waits for what, and what overlaps, is said here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from phase2_scaling.project.events import Task, simulate
from phase2_scaling.solution.schedules import Action, one_f_one_b

Naming = Callable[[int], str]  # which resource serves a stage


@dataclass(frozen=True)
class Step:
    """One step of one replica; the seconds are what each part takes alone.

    What a stage must wait for in any case, such as the all-reduces within a layer that is cut, is
    part of its forward and backward.
    """

    n_stages: int
    """p, each on a rank or on several that share its layers"""
    n_micro: int
    """m"""
    forward_s: float
    """of one stage and micro-batch"""
    backward_s: float
    """of one stage and micro-batch"""
    message_s: float = 0.0
    """of one activation, or its gradient, to the neighbour"""
    buckets_s: tuple[float, ...] = ()
    """of each bucket of a stage's gradients to the other replicas, in order"""
    optimizer_s: float = 0.0
    """of one stage's update"""


def step_seconds(
    step: Step,
    worker: Naming = "worker {}".format,
    wire: Naming = "wire {}".format,
    capacity: dict[str, float] | None = None,
) -> float:
    """Simulate a step and return how long it takes.

    Args:
        step: what is done.
        worker: the resource on which a stage computes; by default each has its own.
        wire: the resource on which its messages and gradients travel.
        capacity: of the resources, for `simulate`.
    """
    return max(simulate(step_tasks(step, worker, wire), capacity))


def long_step_seconds(step: Step) -> float:
    """Do the same as `step_seconds` in less time, for stages with resources of their own.

    Once the pipeline is full its rhythm repeats every p micro-batches, since the first stage lets
    in no more than that before one comes back. So a few rounds are simulated, and what the last of
    them added is added for each of the others.
    """
    p, m = step.n_stages, step.n_micro
    few = 2 * p + m % p
    rounds = (m - few) // p
    if rounds <= 1:
        return step_seconds(step)
    shorter, short = (step_seconds(replace(step, n_micro=n)) for n in (few, few + p))
    return short + (rounds - 1) * (short - shorter)


def step_tasks(step: Step, worker: Naming, wire: Naming) -> list[Task]:
    """List what a step consists of, each task after those that it waits for."""
    p, m = step.n_stages, step.n_micro
    queues = [one_f_one_b(p, m, stage) for stage in range(p)]
    tasks: list[Task] = []
    latest: list[tuple[int, ...]] = [()] * p  # what each stage did last
    arrived: dict[tuple[int, Action], tuple[int, ...]] = {}
    for action in (Action("forward", i) for i in range(m)):
        arrived[0, action] = ()  # tokens are everywhere
    for i in range(m):
        arrived[p - 1, Action("backward", i)] = ()  # so are targets

    def add(resource: str, seconds: float, *after: int) -> int:
        tasks.append(Task(resource, seconds, after))
        return len(tasks) - 1

    def act(stage: int, action: Action) -> None:
        """Compute, then send on; gradients of the stage leave during its last backward."""
        seconds = step.forward_s if action.kind == "forward" else step.backward_s
        buckets = step.buckets_s if action == Action("backward", m - 1) else ()
        before = {*latest[stage], *arrived[stage, action]}
        sent: tuple[int, ...] = ()
        for bucket_s in buckets or (None,):
            done = add(worker(stage), seconds / max(1, len(buckets)), *before)
            before = {done}
            if bucket_s is not None:
                sent = (add(wire(stage), bucket_s, done, *sent),)
        latest[stage] = (done, *sent)
        neighbour = stage + (1 if action.kind == "forward" else -1)
        if 0 <= neighbour < p:
            arrived[neighbour, action] = (add(wire(stage), step.message_s, done),)

    while any(queues):
        for stage, queue in enumerate(queues):
            while queue and (stage, queue[0]) in arrived:
                act(stage, queue.pop(0))
    for stage in range(p):
        add(worker(stage), step.optimizer_s, *latest[stage])
    return tasks
