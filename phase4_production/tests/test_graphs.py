"""Recorded decoding steps: on a CPU with a recorder that only remembers, on a GPU with graphs."""

from dataclasses import fields

import pytest
import torch
from torch.testing import assert_close

from phase4_production.project import graphs
from phase4_production.solution import paged_attention, paged_cache
from phase4_production.tests.steps import draw_step
from shared import checks


class Toy:
    """A runner with a real paged cache and one head of attention; its logits are what it found."""

    def __init__(self, n_blocks, block_size):
        generator = torch.Generator().manual_seed(4)
        self.cache = torch.randn(2, n_blocks, block_size, 1, 16, generator=generator)
        self.tables = torch.randn(3, 200, 1, 16, generator=generator)
        self.seen = []

    def run(self, batch):
        self.seen.append(batch)
        q, k, v = self.tables[:, batch.ids] + batch.positions[:, None, None] / 100
        for cache, new in zip(self.cache, (k, v)):
            paged_cache.write(cache, batch.slots, new)
        return paged_attention.attend(q, *self.cache, batch).flatten(1)[batch.wanted]


def recorder(counts):
    """Count what is recorded; a replay runs the step again, and reads what it read."""

    def record(step):
        counts.append(1)
        return step

    return record


def twins(step, **options):
    counts = []
    toy, plain = (Toy(step.n_blocks, step.block_size) for _ in range(2))
    runner = graphs.GraphedRunner(toy, device="cpu", record=recorder(counts), **options)
    return runner, toy, plain, counts


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_logits_and_cache_are_those_of_the_runner(n):
    step = draw_step([5, 40, 17, 33, 9][:n], [1] * n, 16)
    runner, toy, plain, counts = twins(step, max_blocks=6, sizes=(1, 4, 8))
    found = runner.run(step.batch)
    assert_close(found, plain.run(step.batch))
    assert_close(toy.cache, plain.cache)
    checks.equal(counts, [1], "recorded steps")
    checks.equal(len(toy.seen[0].ids), {1: 1, 2: 4, 3: 4, 5: 8}[n], "sequences of the graph")
    checks.equal(toy.seen[0].block_tables.shape[1], 6, "columns of its block table")


def test_a_size_is_recorded_once_and_reads_what_is_new():
    first, second = draw_step([5, 40], [1, 1], 16), draw_step([7, 20, 40], [1, 1, 1], 16)
    runner, toy, plain, counts = twins(second, max_blocks=3, sizes=(4,))
    for batch in (first.batch, second.batch, first.batch):
        assert_close(runner.run(batch), plain.run(batch))
    checks.equal(counts, [1], "recorded steps")
    where = {
        field.name: len({getattr(seen, field.name).data_ptr() for seen in toy.seen})
        for field in fields(toy.seen[0])
    }
    checks.equal(set(where.values()), {1}, "addresses that each input was read from")


@pytest.mark.parametrize(
    ("lengths", "new", "why"),
    [
        ([5, 40], [5, 1], "a prompt is read"),
        ([5] * 5, [1] * 5, "more sequences than the largest size"),
        ([5, 100], [1, 1], "a sequence that is too long"),
    ],
)
def test_other_steps_run_unrecorded(lengths, new, why):
    step = draw_step(lengths, new, 16)
    runner, toy, plain, counts = twins(step, max_blocks=3, sizes=(1, 2, 4))
    assert_close(runner.run(step.batch), plain.run(step.batch))
    checks.equal(counts, [], f"recorded steps, {why}")
    checks.equal(len(toy.seen[0].ids), len(step.batch.ids), "rows")


def test_a_step_whose_logits_nobody_wants_runs_unrecorded():
    step = draw_step([5, 40], [1, 1], 16)
    batch = graphs.Batch(**(vars(step.batch) | {"wanted": torch.tensor([1])}))
    runner, _, plain, counts = twins(step, max_blocks=3)
    assert_close(runner.run(batch), plain.run(batch))
    checks.equal(counts, [], "recorded steps")


def test_the_batch_stays_as_it_is():
    step = draw_step([5, 40, 17], [1, 1, 1], 16)
    before = {name: tensor.clone() for name, tensor in vars(step.batch).items()}
    graphs.fill_up(step.batch, 8, 6)
    for name, tensor in before.items():
        assert torch.equal(getattr(step.batch, name), tensor)


@pytest.mark.gpu
def test_graphs_of_a_decoder(tmp_path):
    pytest.importorskip("triton", reason="Triton is not installed")
    from phase4_production.project.decoder import Decoder
    from phase4_production.project.runner import Runner
    from phase4_production.project.triton_paged import PagedAttention
    from phase4_production.tests import tiny_models

    tiny_models.llama().save_pretrained(tmp_path)
    decoder = Decoder.load(tmp_path, device="cuda")
    steps = [draw_step([5, 40, 17][:n], [1] * n, 16) for n in (3, 2, 1, 3)]
    n_blocks = max(step.n_blocks for step in steps)
    plain, recorded = (Runner(decoder, n_blocks, 16, attention=PagedAttention) for _ in range(2))
    runner = graphs.GraphedRunner(recorded, max_blocks=4, sizes=(1, 4))
    for step in steps:
        on_gpu = graphs.moved(step.batch, torch.device("cuda"))
        assert_close(runner.run(step.batch), plain.run(on_gpu))
