"""The SFT benchmark: ours and trl's learn the same from the same, and a missing trl is told."""

from functools import cache

import pytest
import torch

from phase3_alignment.project import bench_sft, trl_peers
from phase3_alignment.project.bench_sft import BATCH, BATCHES, BLOCK
from phase3_alignment.solution import head_loss, packing, sft
from shared import checks


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(bench_sft, "TURNS", 1)


def needs_trl():
    if not trl_peers.is_installed():
        pytest.skip("trl is not installed")


def packed_loss(model, found, rows):
    batch = packing.fill(found, rows, trl_peers.PAD)
    with torch.no_grad():
        return head_loss.answer_loss(model, packing.inputs(batch), batch.labels).item()


def test_the_conversations():
    found = bench_sft.examples()
    checks.equal(len(found), BATCH * BATCHES, "conversations")
    assert all(2 < len(ids) <= BLOCK and ids.max() < bench_sft.VOCAB_SIZE for ids, _ in found)
    # A conversation ends in an end token that counts; a question's end does not.
    assert all(ids[-1] == trl_peers.END and answers[-1] for ids, answers in found)
    assert not any(answers[0] for _, answers in found)


def test_ours_learns_what_padded_rows_teach():
    """The loss of a step is that of 8 rows, padded, with all logits; then it falls."""
    ours = bench_sft.Ours(lr=1e-3)
    found = bench_sft.examples()[:BATCH]
    batch = packing.fill(found, [[i] for i in range(BATCH)], trl_peers.PAD)
    with torch.no_grad():
        expected = sft.loss(ours.model(batch.ids).logits, batch.labels).item()
    first = [ours.step() for _ in range(BATCHES)]
    checks.close(first[0], expected, "the loss of the first step", rtol=1e-5, atol=0)
    assert ours.step() < first[0]


def test_a_missing_trl_is_told(monkeypatch, capsys):
    monkeypatch.setattr(trl_peers, "is_installed", lambda: False)
    monkeypatch.setattr(trl_peers, "rows_with_threads", lambda *_: bench_sft.rows_here())
    rows = bench_sft.rows()
    checks.equal([row.id for row in rows], [f"3-sft-{name}" for name in bench_sft.PEERS], "rows")
    checks.equal({row.peer for row in rows}, {"trl SFTTrainer: not installed"}, "peers")
    checks.equal(capsys.readouterr().out, f"{trl_peers.HOW}\n", "what is said")


@pytest.mark.slow
def test_rows(monkeypatch):
    needs_trl()
    monkeypatch.setattr(bench_sft, "BATCHES", 1)
    monkeypatch.setattr(bench_sft, "examples", cache(bench_sft.examples.__wrapped__))
    rows = bench_sft.rows_here()
    checks.equal([row.goal for row in rows], [1.5, None, None], "goals")
    assert all(row.ratio > 0 for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("side", ["float32", "default"])
def test_trl_takes_the_same_steps(side):
    needs_trl()
    ours, lr, steps = [], 1e-3, 6
    settings = {"learning_rate": lr, "lr_scheduler_type": "constant", "logging_steps": 1}
    with bench_sft.theirs(bench_sft.PEERS[side][0] | settings, turns=1) as held:
        one = bench_sft.Ours(lr)
        for _ in range(steps):
            ours.append(one.step())
            held.step()
        logged = held.trainer.state.log_history  # a step is logged at the next one's beginning
    n = bench_sft.n_tokens(bench_sft.examples()[: BATCH * (steps - 1)])
    checks.equal(logged[steps - 2]["num_tokens"], n, "real tokens of all steps but the last")
    # bfloat16 has 8 bits of precision.
    rtol = 1e-5 if side == "float32" else 2**-8
    told = [float(step["loss"]) for step in logged[: steps - 1]]
    checks.close(ours[:-1], told, "losses", rtol=rtol, atol=0)


@pytest.mark.slow
def test_trl_packs_as_we_do():
    """It keeps documents apart too, on a CPU, and leaves none out."""
    needs_trl()
    settings = bench_sft.PEERS["packed"][0] | {"logging_steps": 1}
    with bench_sft.theirs(settings, turns=1) as held:
        held.step()
        held.step()
        data, logged = held.trainer.train_dataset, held.trainer.state.log_history
        n = bench_sft.n_tokens(bench_sft.examples())
        checks.equal(sum(map(len, data["input_ids"])), n, "tokens of all rows")
        assert max(map(len, data["input_ids"])) <= BLOCK
        found, rows = [], []
        for row in range(2):
            lengths = data["seq_lengths"][row]
            rows.append(list(range(len(found), len(found) + len(lengths))))
            ids, labels = (torch.tensor(data[name][row]) for name in ("input_ids", "labels"))
            counts = labels != sft.IGNORED
            found += zip(ids.split(lengths), counts.split(lengths))
        assert len(found) > 2
        expected = packed_loss(bench_sft.make_model(), found, rows)
        checks.close(float(logged[0]["loss"]), expected, "loss of packed rows", rtol=1e-5, atol=0)
