"""A simulator of work that waits for other work, and of what the work is done on.

A task takes some seconds of a resource (a GPU, a link, the cores of a machine) and begins when
those before it have ended. Tasks that are under way on one resource at once share it equally, and
no task goes faster than alone.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Task(NamedTuple):
    """A piece of work."""

    resource: str
    seconds: float  # that it takes alone
    after: tuple[int, ...] = ()  # indices of the tasks that must have ended


def simulate(tasks: Sequence[Task], capacity: Mapping[str, float] | None = None) -> list[float]:
    """Work through all tasks and return when each of them ends.

    Args:
        tasks: in any order that has each after those that it waits for.
        capacity: how many tasks a resource works on at full speed; 1 if it is not named. With more
            under way than that, each gets an equal share; with a capacity below 1, even one task
            alone goes slower.

    Raises:
        ValueError: if a task waits for one that does not come before it.
    """
    ends, left = [0.0] * len(tasks), [len(task.after) for task in tasks]
    followers = defaultdict(list)
    for i, task in enumerate(tasks):
        if any(not 0 <= before < i for before in task.after):
            raise ValueError(f"task {i} waits for {task.after}, which do not all come before it")
        for before in task.after:
            followers[before].append(i)
    under_way: dict[str, dict[int, float]] = defaultdict(dict)  # seconds left, by resource and task
    for i, task in enumerate(tasks):
        if not task.after:
            under_way[task.resource][i] = task.seconds
    now = 0.0
    while under_way:
        speeds = {name: _speed(len(at), name, capacity) for name, at in under_way.items()}
        step = min(min(at.values()) / speeds[name] for name, at in under_way.items())
        now += step
        for i in _advance(under_way, speeds, step):
            ends[i] = now
            for follower in followers[i]:
                left[follower] -= 1
                if not left[follower]:
                    task = tasks[follower]
                    under_way[task.resource][follower] = task.seconds
    return ends


def _speed(n: int, name: str, capacity: Mapping[str, float] | None) -> float:
    return min(1.0, (capacity or {}).get(name, 1.0) / n)


def _advance(
    under_way: dict[str, dict[int, float]], speeds: dict[str, float], step: float
) -> list[int]:
    """Let everything go on for so many seconds; take out, and return, what has ended."""
    ended = []
    for name, at in list(under_way.items()):
        for i in at:
            at[i] -= step * speeds[name]
        # The task that set the length of the step has nothing left but a rounding error.
        done = [i for i, seconds in at.items() if seconds <= 1e-12]
        for i in done:
            del at[i]
        if not at:
            del under_way[name]
        ended += done
    return ended
