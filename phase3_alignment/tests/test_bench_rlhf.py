"""The RLHF benchmark: ours and trl's do the same work, and a missing trl is told."""

import pytest
import torch

from phase3_alignment.project import bench_rlhf, trl_peers
from phase3_alignment.project.bench_rlhf import GROUP, NEW, PROMPT, PROMPTS
from phase3_alignment.solution import padding
from phase3_alignment.solution.rollout import Rollout
from shared import checks


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(bench_rlhf, "TURNS", 1)


def needs_trl():
    if not trl_peers.is_installed():
        pytest.skip("trl is not installed")


def check_responses(prompts, responses):
    """4 prompts, 4 responses to each, of 32 tokens or up to the end token."""
    checks.equal(len(responses), PROMPTS * GROUP, "responses")
    assert all(prompts[i] == prompts[i - i % GROUP] for i in range(len(prompts)))
    checks.equal({len(prompt) for prompt in prompts}, {PROMPT}, "tokens of prompts")
    for ids in responses:
        assert len(ids) == NEW or ids[-1] == trl_peers.END
        assert trl_peers.END not in ids[:-1]


def test_what_ours_samples():
    found, scores = bench_rlhf.OurGRPO().sample()
    responses = [
        ids[real].tolist() for ids, real in zip(found.ids[:, PROMPT:], found.mask[:, PROMPT:])
    ]
    check_responses(found.ids[:, :PROMPT].tolist(), responses)
    checks.close(scores, bench_rlhf.reward(responses), "scores")


def test_ours_learns():
    """Every parameter has a gradient; those of the value head are PPO's alone."""
    for side in (bench_rlhf.OurGRPO(), bench_rlhf.OurPPO()):
        before = [p.clone() for p in side.actor.parameters()]
        side.step()
        assert all(not p.equal(q) for p, q in zip(side.actor.parameters(), before))
        assert all(p.grad is None for p in side.reference.parameters())


def test_a_missing_trl_is_told(monkeypatch, capsys):
    monkeypatch.setattr(trl_peers, "is_installed", lambda: False)
    monkeypatch.setattr(trl_peers, "rows_with_threads", lambda *_: bench_rlhf.rows_here())
    rows = bench_rlhf.rows()
    checks.equal([row.id for row in rows], list(bench_rlhf.ROWS), "rows")
    checks.equal({row.peer for row in rows}, {"trl GRPOTrainer: not installed"}, "peers")
    checks.equal(capsys.readouterr().out, f"{trl_peers.HOW}\n", "what is said")


@pytest.mark.slow
def test_rows():
    needs_trl()
    rows = bench_rlhf.rows_here()
    checks.equal([row.goal for row in rows], [3.0, None, None], "goals")
    assert all(row.ratio > 0 for row in rows)


@pytest.mark.slow
def test_the_same_responses_move_the_parameters_to_the_same_place(monkeypatch):
    needs_trl()
    seen = []

    def reward(prompts, completion_ids, **_):
        ids = [[int(word[1:]) for word in prompt.split()] for prompt in prompts]
        scores = bench_rlhf.reward(completion_ids)
        seen.append((ids, completion_ids, scores))
        return scores

    lr = 1e-3  # large, so that after a step there is a KL
    settings = {"learning_rate": lr, "lr_scheduler_type": "constant", "logging_steps": 1}
    monkeypatch.setattr(bench_rlhf, "reward", reward)
    same = bench_rlhf.PEERS["trl"] | settings
    with bench_rlhf.their_grpo(same) as held:
        monkeypatch.undo()
        ours, norms = bench_rlhf.OurGRPO(lr), []
        for step in range(3):
            held.step()
            prompts, responses, scores = seen[step]
            check_responses(prompts, responses)
            norms.append(ours.learn(as_rollout(prompts, responses), torch.tensor(scores)).item())
            moved = distance(ours.policy.parameters(), ours.reference.parameters())
            # Rounding, of which Adam makes a little more: it divides by small numbers.
            apart = distance(ours.policy.parameters(), held.trainer.model.parameters())
            assert apart < 1e-3 * moved
        logged = held.trainer.state.log_history  # a step is logged at the next one's beginning
        checks.equal([told["step"] for told in logged], [1, 2], "steps that were logged")
        told = [float(one["grad_norm"]) for one in logged]
        checks.close(norms[:2], told, "the gradient's length", rtol=1e-5, atol=0)
        read = PROMPTS * GROUP * PROMPT + sum(len(ids) for _, said, _ in seen[:2] for ids in said)
        checks.equal(logged[1]["num_tokens"], read + PROMPTS * GROUP * PROMPT, "tokens of 2 steps")
        assert float(logged[1]["kl"]) > 1e-3 > float(logged[0]["kl"])


def as_rollout(prompts, responses):
    ids, mask = padding.right([torch.tensor(p + r) for p, r in zip(prompts, responses)], 0)
    actions = mask[:, 1:].clone()
    actions[:, : PROMPT - 1] = False
    zeros = torch.zeros(actions.shape)
    return Rollout(ids, mask, actions, zeros, None, mask[:, 0])


def distance(ps, qs):
    return sum((p - q).square().sum() for p, q in zip(ps, qs)).sqrt().item()
