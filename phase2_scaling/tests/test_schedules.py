"""Orders of work by hand, laws in a simulated pipeline, and the order that a greedy rule finds."""

from collections import Counter
from itertools import pairwise

import pytest

from phase2_scaling.solution import schedules
from shared import checks

SHORT = {"forward": "F", "backward": "B"}
SHAPES = [(1, 3), (2, 1), (2, 5), (3, 4), (4, 2), (4, 8), (5, 5)]  # p, m


def say(actions):
    """Tell a list of actions as "F0 F1 B0 B1"; what is none is told in full."""
    try:
        return " ".join(f"{SHORT.get(kind, repr(kind))}{micro}" for kind, micro in actions)
    except (TypeError, ValueError):
        return actions


def all_stages(schedule, p, m):
    return [list(schedule(p, m, stage)) for stage in range(p)]


def needs(stage, action, p):
    """Say which (stage, action) another one has to wait for, besides those before it."""
    kind, micro = action
    if kind == "forward":
        return [(stage - 1, action)] if stage else []
    return [(stage, ("forward", micro))] + ([(stage + 1, action)] if stage < p - 1 else [])


def simulate(orders, t_f=1.0, t_b=2.0):
    """Run every stage's order; return when each (stage, action) ends, or None if all wait."""
    ends, queues, clocks = {}, [list(order) for order in orders], [0.0] * len(orders)
    moved = True
    while moved:
        moved = False
        for stage, queue in enumerate(queues):
            while queue and all(n in ends for n in needs(stage, queue[0], len(orders))):
                action = queue.pop(0)
                ready = [ends[n] for n in needs(stage, action, len(orders))]
                duration = t_f if action[0] == "forward" else t_b
                clocks[stage] = max([clocks[stage], *ready]) + duration
                ends[stage, tuple(action)] = clocks[stage]
                moved = True
    return None if any(queues) else ends


def most_held(order):
    """Count the micro-batches whose activations a stage holds, at most."""
    held = most = 0
    for kind, _ in order:
        held += 1 if kind == "forward" else -1
        most = max(most, held)
    return most


def require_step(schedule, p, m, name):
    """Check what any schedule of this kind obeys: nothing twice, no deadlock, the makespan."""
    orders = all_stages(schedule, p, m)
    wanted = sorted((kind, i) for kind in ("backward", "forward") for i in range(m))
    for stage, order in enumerate(orders):
        done = sorted((kind, micro) for kind, micro in order)
        what = f"{name}: work of stage {stage} of {p} with {m} micro-batches, sorted"
        checks.equal(say(done), say(wanted), what)
    ends = simulate(orders)
    case = f"{name} with p = {p}, m = {m}"
    checks.law(ends is not None, f"{case} comes to an end", [say(order) for order in orders])
    checks.close(max(ends.values()), 3.0 * (m + p - 1), f"{case}: time, if t_f = 1 and t_b = 2")
    return orders


# Exercise 2.22: orders


@pytest.mark.exercise("2.22")
@pytest.mark.parametrize("stage", [0, 1])
def test_gpipe_by_hand(stage):
    name = f"gpipe, stage {stage} of 2, 3 micro-batches"
    checks.equal(say(schedules.gpipe(2, 3, stage)), "F0 F1 F2 B0 B1 B2", name)


@pytest.mark.exercise("2.22")
@pytest.mark.parametrize(
    ("stage", "order"),
    [
        (2, "F0 B0 F1 B1 F2 B2 F3 B3"),
        (1, "F0 F1 B0 F2 B1 F3 B2 B3"),
        (0, "F0 F1 F2 B0 F3 B1 B2 B3"),
    ],
)
def test_one_f_one_b_by_hand(stage, order):
    name = f"one_f_one_b, stage {stage} of 3, 4 micro-batches"
    checks.equal(say(schedules.one_f_one_b(3, 4, stage)), order, name)


@pytest.mark.exercise("2.22")
@pytest.mark.parametrize(
    ("stage", "order"),
    [(0, "F0 F1 B0 B1"), (1, "F0 F1 B0 B1"), (2, "F0 F1 B0 B1"), (3, "F0 B0 F1 B1")],
)
def test_fewer_micro_batches_than_stages(stage, order):
    name = f"one_f_one_b, stage {stage} of 4, 2 micro-batches"
    checks.equal(say(schedules.one_f_one_b(4, 2, stage)), order, name)


@pytest.mark.exercise("2.22")
@pytest.mark.parametrize(("p", "m"), SHAPES)
def test_gpipe_holds_everything(p, m):
    for stage, order in enumerate(require_step(schedules.gpipe, p, m, "gpipe")):
        checks.equal(most_held(order), m, f"gpipe({p}, {m}, {stage}): micro-batches held")


@pytest.mark.exercise("2.22")
@pytest.mark.parametrize(("p", "m"), SHAPES)
def test_one_f_one_b_holds_no_more_than_there_are_stages(p, m):
    for stage, order in enumerate(require_step(schedules.one_f_one_b, p, m, "one_f_one_b")):
        name = f"one_f_one_b({p}, {m}, {stage}): micro-batches held"
        checks.equal(most_held(order), min(m, p - stage), name)


# Exercise 2.22: the bubble


@pytest.mark.exercise("2.22")
def test_bubble_by_hand():
    # 4 stages, 8 micro-batches: each stage works for 8 slots of 11 and is idle for 3.
    checks.close(schedules.bubble(4, 8), 3 / 11, "bubble of 4 stages and 8 micro-batches")
    checks.close(schedules.bubble(2, 1), 1 / 2, "bubble of 2 stages and 1 micro-batch")
    checks.close(schedules.bubble(1, 5), 0.0, "bubble of a single stage")


@pytest.mark.exercise("2.22")
@pytest.mark.parametrize(("p", "m"), SHAPES)
def test_bubble_is_what_the_simulated_stages_idle(p, m):
    for t_f, t_b in [(1.0, 2.0), (3.0, 1.0)]:
        orders = [[(kind, i) for kind in ("forward", "backward") for i in range(m)]] * p
        total = max(simulate(orders, t_f, t_b).values())
        idle = 1 - m * (t_f + t_b) / total
        checks.close(schedules.bubble(p, m), idle, f"bubble of {p} stages, {m} micro-batches")


# Proofs


def greedy(p, m, t_f=1, t_b=2):
    """Let each stage take a backward if there is one, else a forward, and hold at most p - s."""
    orders, ends, now = [[] for _ in range(p)], {}, 0
    while any(len(order) < 2 * m for order in orders):
        for stage, order in enumerate(orders):
            if order and ends[stage, order[-1]] > now:
                continue
            done = Counter(kind for kind, _ in order)
            for kind in ("backward", "forward"):
                action = (kind, done[kind])
                full = kind == "forward" and done["forward"] - done["backward"] >= p - stage
                waits = any(ends.get(n, now + 1) > now for n in needs(stage, action, p))
                if done[kind] < m and not full and not waits:
                    ends[stage, action] = now + (t_f if kind == "forward" else t_b)
                    order.append(action)
                    break
        now += 1
    return orders


@pytest.mark.parametrize(("p", "m"), SHAPES)
def test_one_f_one_b_is_what_greed_under_a_limit_of_memory_finds(p, m):
    for stage, order in enumerate(greedy(p, m)):
        assert say(schedules.one_f_one_b(p, m, stage)) == say(order)


def test_a_deadlock_is_seen_by_the_simulator():
    backward_first = [[("backward", 0), ("forward", 0)]]
    assert simulate(backward_first) is None


def partners(stage, before, after, p):
    """List the messages that a stage sends or awaits between two actions: (kind, micro, link)."""
    links = []
    if after and (neighbour := stage - 1 if after[0] == "forward" else stage + 1) in range(p):
        links.append((*after, frozenset((stage, neighbour))))
    if before and (neighbour := stage + 1 if before[0] == "forward" else stage - 1) in range(p):
        links.append((*before, frozenset((stage, neighbour))))
    return links


@pytest.mark.parametrize("schedule", [schedules.gpipe, schedules.one_f_one_b])
def test_no_deadlock_even_if_every_send_waits_for_its_receiver(schedule):
    # `pipeline.py` and NCCL exchange in batches: what was made goes out while the next comes in.
    for p in range(1, 8):
        for m in range(1, 12):
            queues = [
                [partners(s, *pair, p) for pair in pairwise([None, *order, None])]
                for s, order in enumerate(all_stages(schedule, p, m))
            ]
            while any(queues):
                heads = Counter(link for queue in queues for link in (queue[0] if queue else []))
                met = {link for link, ends in heads.items() if ends == 2}
                assert met or any(queue and not queue[0] for queue in queues), f"p = {p}, m = {m}"
                for queue in filter(None, queues):
                    queue[0] = [link for link in queue[0] if link not in met]
                    if not queue[0]:
                        queue.pop(0)


def test_what_cannot_be_is_refused():
    for schedule in (schedules.gpipe, schedules.one_f_one_b):
        for arguments in [(2, 3, 2), (2, 3, -1), (0, 3, 0), (2, 0, 0)]:
            call = lambda f=schedule, a=arguments: f(*a)  # noqa: E731
            checks.raises(call, ValueError, f"{schedule.__name__}{arguments}", "micro-batches")
    checks.raises(lambda: schedules.bubble(0, 3), ValueError, "bubble(0, 3)", "no pipeline")
    checks.raises(lambda: schedules.bubble(3, 0), ValueError, "bubble(3, 0)", "no pipeline")
