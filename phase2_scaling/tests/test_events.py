"""The simulator by hand, against the closed forms of pipelines, and as laws."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phase2_scaling.project.events import Task, simulate
from phase2_scaling.project.training_step import Step, long_step_seconds, step_seconds
from phase2_scaling.solution.schedules import bubble
from shared import checks


def test_tasks_by_hand():
    # Two share a worker until the shorter one ends at 2; then the longer one is alone.
    assert simulate([Task("a", 1.0), Task("a", 3.0)]) == [2.0, 4.0]
    assert simulate([Task("a", 1.0), Task("b", 3.0)]) == [1.0, 3.0]
    assert simulate([Task("a", 1.0), Task("a", 3.0, (0,))]) == [1.0, 4.0]
    assert simulate([Task("a", 1.0), Task("a", 3.0)], {"a": 2}) == [1.0, 3.0]
    assert simulate([Task("a", 1.0)], {"a": 0.25}) == [4.0]
    assert simulate([Task("a", 1.0), Task("b", 2.0), Task("c", 0.0, (0, 1))]) == [1.0, 2.0, 2.0]
    assert simulate([]) == []


@pytest.mark.parametrize("after", [(1,), (2,), (-1,)])
def test_who_waits_for_the_future_is_refused(after):
    tasks = [Task("a", 1.0), Task("a", 1.0, after)]
    checks.raises(lambda: simulate(tasks), ValueError, f"after {after}", "come before")


@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=8), st.integers(1, 4))
def test_a_shared_resource_is_never_idle_and_never_too_fast(seconds, capacity):
    total = max(simulate([Task("a", s) for s in seconds], {"a": capacity}))
    checks.at_least(total * (1 + 1e-9), max(max(seconds), sum(seconds) / capacity), "makespan")
    checks.at_most(total, sum(seconds) * (1 + 1e-9), "makespan")
    alone = max(simulate([Task("a", s) for s in seconds]))
    checks.close(alone, sum(seconds), "makespan of one worker", rtol=1e-9)


@pytest.mark.parametrize(("p", "m"), [(1, 3), (2, 1), (4, 8), (3, 2)])
def test_a_pipeline_takes_what_the_formula_says(p, m):
    step = Step(p, m, forward_s=1.0, backward_s=2.0)
    checks.close(step_seconds(step), 3.0 * (m + p - 1), "makespan")
    checks.close(1 - 3.0 * m / step_seconds(step), bubble(p, m), "bubble")


def test_messages_overlap_where_they_can():
    # Both stages have each message behind other work, but for the first forward, the last backward.
    step = Step(2, 6, 1.0, 2.0, message_s=0.1)
    checks.at_most(step_seconds(step), 3.0 * 7 + 0.1 * 7, "makespan with messages")
    checks.at_least(step_seconds(step), 3.0 * 7 + 0.2, "makespan with messages")


def test_buckets_by_hand():
    # Backward ends at 1 + 2; its quarters leave at 1.5, 2, 2.5 and 3, each for a quarter second.
    step = Step(1, 1, 1.0, 2.0, buckets_s=(0.25,) * 4)
    checks.close(step_seconds(step), 3.25, "buckets that keep up")
    # On a slow wire they queue up from 1.5 on.
    slow = replace(step, buckets_s=(1.0,) * 4, optimizer_s=0.5)
    checks.close(step_seconds(slow), 1.5 + 4 + 0.5, "buckets that do not keep up")
    # Where computing and sending are work of the same core nothing is hidden.
    same = {"worker": lambda _: "core", "wire": lambda _: "core"}
    checks.close(step_seconds(slow, **same), 1 + 2 + 4 + 0.5, "one core for both")
    checks.close(step_seconds(slow, **same, capacity={"core": 0.5}), 15.0, "half a core for both")


@pytest.mark.parametrize(("p", "m"), [(1, 40), (2, 40), (5, 41), (5, 39), (7, 24)])
def test_the_long_step_is_the_short_one_and_its_rhythm(p, m):
    step = Step(p, m, 1.0, 2.2, message_s=0.3, buckets_s=(0.7,) * 3, optimizer_s=0.4)
    checks.close(long_step_seconds(step), step_seconds(step), f"a step of {m} micro-batches")
    few = replace(step, n_micro=2)
    checks.close(long_step_seconds(few), step_seconds(few), "a step of 2 micro-batches")
