import asyncio
import json
import statistics

import numpy as np
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse

from phase4_production.project import load, load_client, load_report
from phase4_production.project.load_client import Sample, Target
from phase4_production.project.load_report import Slo
from phase4_production.tests.live_server import serve

FIRST_S, TOKEN_S = 0.05, 0.01  # what the server below takes
SLACK_S = 0.15  # what a busy machine may add


def pretended(refuse_every=0, breaks=False, one_at_a_time=False):
    """Make a server whose latencies are known."""
    app, lock, seen = FastAPI(), asyncio.Lock(), []

    @app.get("/v1/models")
    async def models():
        return {"data": [{"id": "pretended"}]}

    @app.post("/v1/completions")
    async def completions(request: Request):
        seen.append(await request.json())
        if refuse_every and len(seen) % refuse_every == 0:
            return JSONResponse({"error": {"message": "full"}}, 429)
        return StreamingResponse(pieces(seen[-1]["max_tokens"]), media_type="text/event-stream")

    async def pieces(n):
        if one_at_a_time:
            await lock.acquire()
        await asyncio.sleep(FIRST_S)
        for i in range(n):
            if i:
                await asyncio.sleep(TOKEN_S)
            yield f"data: {json.dumps({'choices': [{'text': ' word'}]})}\n\n"
            if breaks:
                yield f"data: {json.dumps({'error': {'message': 'it broke'}})}\n\n"
        yield f"data: {json.dumps({'choices': [], 'usage': {'completion_tokens': n}})}\n\n"
        yield "data: [DONE]\n\n"
        if one_at_a_time:
            lock.release()

    app.seen = seen
    return app


def ask(app, moments, max_tokens=5):
    with serve(app) as url:
        prompts = [f"prompt {i}" for i in range(len(moments))]
        return asyncio.run(load_client.run(Target(url, "pretended", max_tokens), prompts, moments))


# -- asking ---------------------------------------------------------------------------------------


def test_arrivals_are_a_poisson_process():
    moments = load_client.arrivals(4.0, 4000, seed=1)
    gaps = np.diff([0.0, *moments])
    assert np.mean(gaps) == pytest.approx(1 / 4, rel=0.05)  # 3 standard errors of 1.6 %
    # Exponential: the standard deviation is the mean, and 1 - 1/e of the gaps are below it.
    assert np.std(gaps) == pytest.approx(1 / 4, rel=0.07)
    assert np.mean(gaps < 1 / 4) == pytest.approx(1 - np.exp(-1), abs=0.025)
    assert moments == load_client.arrivals(4.0, 4000, seed=1)


def test_latencies_are_those_of_the_server():
    (sample,) = ask(pretended(), [0.0])
    assert sample.outcome == "ok"
    assert sample.n_tokens == 5
    assert FIRST_S <= sample.ttft_s <= FIRST_S + SLACK_S
    assert TOKEN_S <= sample.tpot_s <= TOKEN_S + SLACK_S


def test_a_queue_is_seen_because_the_loop_is_open():
    samples = ask(pretended(one_at_a_time=True), [0.0] * 5)
    served = FIRST_S + 4 * TOKEN_S
    waits = sorted(sample.ttft_s for sample in samples)
    assert waits[-1] >= FIRST_S + 4 * served, "the fifth waits for four answers"
    assert statistics.median(waits) >= FIRST_S + 2 * served


def test_refusals_and_failures_are_no_answers():
    samples = ask(pretended(refuse_every=2), [0.0, 0.1, 0.2, 0.3])
    assert [sample.outcome for sample in samples] == ["ok", "refused"] * 2
    (broken,) = ask(pretended(breaks=True), [0.0])
    assert (broken.outcome, broken.error) == ("failed", "it broke")


def test_nobody_there_fails_and_is_told():
    target = Target("http://127.0.0.1:9", "none", 4)
    (sample,) = asyncio.run(load_client.run(target, ["hello"], [0.0]))
    assert sample.outcome == "failed"
    assert sample.error
    with pytest.raises(ValueError, match=r"http://127\.0\.0\.1:9/v1/models"):
        asyncio.run(load_client.first_model(target))


# -- summing up -----------------------------------------------------------------------------------


def sample(ttft_s, total_s, n_tokens=11, outcome="ok"):
    return Sample(outcome, ttft_s, total_s, n_tokens)


def test_a_level_by_hand():
    samples = [
        sample(0.1, 1.1),  # 0.1 s a token
        sample(0.2, 0.7),  # 0.05
        sample(2.0, 2.5),  # too late
        Sample("refused", None, 0.01),
    ]
    level = load_report.level(2.0, [0.0, 1.0, 1.5, 2.0], samples, Slo(1.0, 0.08))
    assert level.seconds == 4.0  # 1.5 + 2.5
    assert level.tokens_per_s == pytest.approx(33 / 4)
    assert level.goodput_per_s == pytest.approx(1 / 4), "one is in time in both"
    assert (level.n, level.n_refused, level.n_failed) == (4, 1, 0)
    assert level.ttft_s == pytest.approx((0.2, 1.82, 1.964))  # linear between 0.1, 0.2, 2.0
    assert level.tpot_s == pytest.approx((0.05, 0.095, 0.099))


def test_one_token_has_no_time_per_token_and_can_be_good():
    assert sample(0.1, 0.1, n_tokens=1).tpot_s is None
    assert Slo(1.0, 0.01).holds(sample(0.1, 0.1, n_tokens=1))
    assert not Slo(1.0, 0.01).holds(Sample("refused", None, 0.0))


def test_nothing_answered_is_told_as_such():
    level = load_report.level(1.0, [0.0], [Sample("failed", None, 1.0)], Slo(1, 1))
    assert level.ttft_s is None
    assert " - " in load_report.line(level)
    assert len(load_report.line(level)) == len(load_report.HEAD)


# -- the program ----------------------------------------------------------------------------------


def test_the_program_writes_table_samples_and_figure(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(load, "RUNS", tmp_path)
    app = pretended()
    with serve(app) as url:
        config = load.Config(url=url, rates=(20.0, 40.0), n_requests=4, max_tokens=3, warm_up=1)
        levels = load.main(config)
    out = capsys.readouterr().out
    assert [level.rate_per_s for level in levels] == [20.0, 40.0]
    assert "model pretended" in out
    assert len(out.splitlines()) == 5
    folder = tmp_path / "phase4" / "load"
    assert len((folder / "samples.jsonl").read_text().splitlines()) == 8
    assert json.loads((folder / "results.json").read_text())["levels"][0]["n"] == 4
    assert (folder / "load.png").stat().st_size > 10_000
    prompts = [asked["prompt"] for asked in app.seen]
    assert len(set(prompts)) == len(prompts) == 9, "no prompt twice, or a prefix cache answers"


def test_bad_settings_are_one_line():
    with pytest.raises(ValueError, match="must be positive"):
        load.Config(rates=())
