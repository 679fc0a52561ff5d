"""The count of live bytes, against what one can count by hand."""

import gc

import pytest
import torch

from phase2_scaling.solution.model import GPT, GPTConfig
from phase2_scaling.solution.tracker import MIB, MemoryTracker, OutOfMemory, elsewhere

KIB = 2**10


def kib(n):
    """Make a tensor of n KiB."""
    return torch.zeros(n, 256)


def test_a_tensor_counts_until_nobody_refers_to_it():
    with MemoryTracker() as memory:
        a = kib(3)
        b = kib(4)
        assert memory.live == 7 * KIB
        del a
        assert memory.live == 4 * KIB
        c = b + 1
        del b, c
    assert memory.live == 0
    assert memory.peak == 8 * KIB


def test_views_count_once_and_keep_their_storage_alive():
    with MemoryTracker() as memory:
        a = kib(4)
        views = [a[1:], a.T, a.view(-1), a.detach(), a.unflatten(1, (2, 128)).transpose(0, 1)]
        assert memory.live == 4 * KIB
        del a
        assert memory.live == 4 * KIB
        del views
        assert memory.live == 0


def test_operations_in_place_make_nothing():
    with MemoryTracker() as memory:
        a = kib(4)
        a.add_(1).mul_(2)
        torch.add(a, a, out=a)
        assert memory.peak == 4 * KIB


def test_a_copy_of_a_part_frees_the_whole():
    with MemoryTracker() as memory:
        a = kib(8)
        a = a[:2].clone()
        assert memory.live == 2 * KIB
    del a


def test_what_was_there_before_counts_when_it_is_held():
    before = kib(2)
    with MemoryTracker() as memory:
        memory.hold("parameters", [before, before[1:]])
        made = kib(1)
        assert memory.live == 3 * KIB
        assert +memory.by_label == {"parameters": 2 * KIB, "other": KIB}
        memory.hold("kept", [made])
        assert +memory.by_label == {"parameters": 2 * KIB, "kept": KIB}


def test_phases_label_what_they_make_and_each_operation_has_its_place_in_time():
    with MemoryTracker() as memory:
        with memory.phase("forward"):
            a = kib(2)
            with memory.phase("inner"):
                b = a + 1
            c = b * 2
        del a
        d = c + 1
    expected = [("forward", 2), ("inner", 4), ("forward", 6), ("other", 6)]
    assert memory.timeline == [(label, n * KIB) for label, n in expected]
    assert memory.at_peak == {"forward": 4 * KIB, "inner": 2 * KIB}
    del b, d


def test_a_step_leaves_parameters_and_gradients():
    config = GPTConfig(vocab_size=11, block_size=8, n_layer=2, n_head=2, n_embd=12)
    model, idx = GPT(config), torch.zeros(3, 8, dtype=torch.long)
    size = sum(4 * p.numel() for p in model.parameters())
    with MemoryTracker() as memory:
        memory.hold("parameters", model.parameters())
        memory.hold("batch", [idx])
        with memory.phase("forward"):
            logits, loss = model(idx, idx)
        with memory.phase("backward"):
            loss.backward()
        del logits, loss
        gc.collect()
        assert memory.live == 2 * size + idx.nbytes
        assert memory.by_label["backward"] == size
    assert memory.peak > memory.live


def test_the_budget_is_kept_and_the_message_says_what_was_alive():
    with MemoryTracker(budget=3 * MIB) as memory:
        with memory.phase("forward"):
            alive = kib(2048)
        told = (
            r"Tried to allocate 1\.50 MiB\. The budget is 3\.00 MiB, of which 1\.00 MiB is free\. "
            r"Alive, in MiB: forward 2\.00\."
        )
        with pytest.raises(OutOfMemory, match=told):
            kib(1536)
        assert memory.live == memory.peak == 2 * MIB
        exactly = kib(1024)
        assert memory.live == memory.budget
    assert issubclass(OutOfMemory, torch.OutOfMemoryError)
    del alive, exactly


def test_resized_storages_count_as_they_are():
    with MemoryTracker(budget=10 * KIB) as memory:
        a = kib(4)
        a.untyped_storage().resize_(0)
        b = kib(5)
        assert (memory.live, memory.peak) == (5 * KIB, 5 * KIB)
        a.untyped_storage().resize_(4 * KIB)
        a.zero_()
        assert memory.live == 9 * KIB
        del a
        assert memory.live == 5 * KIB
        b.untyped_storage().resize_(12 * KIB)
        with pytest.raises(OutOfMemory, match="Alive"):
            b.zero_()


def test_what_is_elsewhere_never_counts():
    for source in (torch.randn(5, 7), torch.randn(7, 5).T, torch.randn(35)[::2], torch.tensor(3.0)):
        with MemoryTracker(budget=source.untyped_storage().nbytes()) as memory:
            memory.hold("here", [source])
            away = elsewhere(source)
            views = [away[...], away.detach()]
            memory.hold("there", [away, *views])
            assert memory.live == memory.peak == source.untyped_storage().nbytes()
        assert torch.equal(away, source)
        with MemoryTracker() as memory:
            away.mul_(1)
            assert memory.live == 0
            back = torch.empty_like(away).copy_(away)
            assert memory.live == back.nbytes


def test_elsewhere_has_no_history_and_stays_as_it_is():
    w = torch.ones(3, requires_grad=True)
    away = elsewhere(w)
    assert not away.requires_grad
    with torch.no_grad():
        w += 1
    assert away.tolist() == [1.0, 1.0, 1.0]


def test_trackers_nest():
    with MemoryTracker() as outer:
        a = kib(1)
        with MemoryTracker() as inner:
            b = kib(2)
        assert inner.peak == 2 * KIB
    assert outer.peak == 3 * KIB
    del a, b
