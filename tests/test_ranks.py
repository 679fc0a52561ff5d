"""A function on several ranks: results, exceptions with their lines, deadlocks that are named."""

import faulthandler
import os
import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from shared import checks, ranks
from shared.failure import describe


def test_each_rank_returns_its_value_and_tensors_come_back():
    def total(x):
        mine = x * (dist.get_rank() + 1)
        dist.all_reduce(mine)
        return mine

    for got in ranks.run(3, total, torch.tensor([1.0, 2.0])):
        assert got.tolist() == [6.0, 12.0]


def test_ranks_draw_different_numbers():
    first, second = ranks.run(2, lambda: torch.rand(3))
    assert not torch.equal(first, second)


def test_a_gradient_after_one_in_the_parent():
    torch.ones(2, requires_grad=True).sum().backward()

    def gradient():
        x = torch.ones(2, requires_grad=True)
        (3 * x).sum().backward()
        return x.grad

    assert ranks.run(2, gradient)[1].tolist() == [3.0, 3.0]


def test_the_lowest_failing_rank_is_told_with_its_line_while_others_wait():
    def fail():
        if dist.get_rank():
            raise ValueError(f"rank {dist.get_rank()}")
        dist.barrier()

    with pytest.raises(ValueError, match="rank 1") as found:
        ranks.run(3, fail)
    file, _, function, text = found.value.frames[-1]
    assert (file, function, text.split("(")[0]) == (__file__, "fail", "raise ValueError")


def test_a_failed_check_keeps_what_it_saw():
    def wrong():
        checks.equal(dist.get_rank(), 7, "the rank")

    with pytest.raises(checks.CheckFailed, match="the rank: got 0, expected 7") as found:
        ranks.run(2, wrong)
    told = describe(found.value, ())
    assert (told["outcome"], told["check"]) == ("wrong", "the rank")


def test_an_exception_that_cannot_be_sent_is_told_in_words():
    class Local(Exception):
        pass

    def fail():
        raise Local("mine")

    with pytest.raises(ranks.RankFailed, match="Local: mine"):
        ranks.run(1, fail)


def test_a_deadlock_is_found_soon_and_its_lines_are_named():
    def both_receive():
        dist.recv(torch.empty(1), 1 - dist.get_rank())

    began = time.monotonic()
    with pytest.raises(checks.CheckFailed, match=r"ranks \[0, 1\] wait for each other") as found:
        ranks.run(2, both_receive)
    assert f"rank 1 in both_receive, {Path(__file__).name}:" in str(found.value)
    assert time.monotonic() - began < 30


def test_work_is_no_deadlock():
    def work():
        end = time.process_time() + 2 * ranks.QUIET_S
        while time.process_time() < end:
            pass
        return True

    assert ranks.run(1, work) == [True]


def test_a_rank_that_dies_is_named():
    def die():
        os._exit(3)

    with pytest.raises(ranks.RankFailed, match="ended without a word, with exit code 3"):
        ranks.run(2, die)


def test_a_message_that_is_too_long_is_told_and_not_what_it_breaks():
    def misfit():
        faulthandler.disable()  # pytest's, which would print a page
        numbers = torch.ones(4 - 2 * dist.get_rank())  # 4 on rank 0, 2 on rank 1
        dist.broadcast(numbers, 0)
        dist.recv(numbers, 1)

    with pytest.raises(ranks.RankFailed, match=r"(?s)rank 1 ended .* message is longer"):
        ranks.run(2, misfit)


def test_one_that_waits_for_a_rank_that_is_done_is_told_so():
    def wait_in_vain():
        if dist.get_rank():
            dist.barrier()

    with pytest.raises(checks.CheckFailed, match=r"ranks \[1\] wait for others, which are done"):
        ranks.run(2, wait_in_vain)


def test_an_endless_loop_is_ended():
    def loop():
        while True:
            pass

    with pytest.raises(checks.CheckFailed, match="not done in time"):
        ranks.run(1, loop, timeout_s=1)
