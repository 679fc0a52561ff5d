"""What must not hurt the server: bad requests, clients that go, poison, faults of its own."""

import asyncio
import contextlib
import itertools
import json
import signal
import socket
import time
import types
from concurrent.futures import ThreadPoolExecutor as Crowd

import httpx2 as httpx
import psutil
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from phase4_production.project import (
    fuzz,
    guards,
    hostile,
    listening,
    loading,
    serve,
    soak,
    tiny_server,
    wire,
)
from phase4_production.project.engine import Engine
from phase4_production.project.tiny_server import NAME, Running
from phase4_production.project.wire import Shot
from phase4_production.tests import live_server
from phase4_production.tests.test_server import wait_until_idle

POISON = "\x07"  # a token whose embedding is not a number
PROMPT = "Once upon a time"
SLOW = {"ignore_eos": True, "max_tokens": 100}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_server.write_model(tmp_path_factory.mktemp("model") / NAME)


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory):
    folder = tiny_server.write_model(tmp_path_factory.mktemp("poisoned") / NAME)
    tensors = load_file(folder / "model.safetensors")
    _, tokenizer = loading.load(folder)
    poison = tokenizer.encode(POISON)
    tensors["model.embed_tokens.weight"][poison] = torch.nan
    tensors["lm_head.weight"][poison] = 0.0  # nobody else comes to say it
    save_file(tensors, folder / "model.safetensors")
    return folder


class Server:
    """A server in this process, whose engine can be got at."""

    def __init__(self, folder, http="auto", **changes):
        self._http = http
        config = serve.Config(**({"model": folder, "name": NAME, "cache_mb": 4} | changes))
        self.decoder, self.tokenizer = loading.load(folder)
        self.app = serve.build(config, folder, self.decoder, self.tokenizer)

    def __enter__(self):
        self._live = live_server.serve(self.app, http=self._http)
        self.url = self._live.__enter__()
        return self

    def __exit__(self, *told):
        self._live.__exit__(*told)


def body(prompt, **changes):
    return {"model": NAME, "prompt": prompt, "temperature": 0} | changes


def ask(url, prompt, **changes):
    return httpx.post(f"{url}/v1/completions", json=body(prompt, **changes), timeout=30)


def text(answer):
    return answer.json()["choices"][0]["text"]


def events(raw):
    """Read a stream's events."""
    said = [line.removeprefix("data: ") for line in raw.splitlines() if line.startswith("data: ")]
    return [json.loads(one) if one != "[DONE]" else one for one in said]


def text_of(events):
    assert events[-1] == "[DONE]"
    return "".join(one["choices"][0]["text"] for one in events[:-1])


# -- bad requests ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain(folder):
    with Server(folder) as server:
        yield server


def test_bad_requests_leave_the_server_as_it_was(plain, monkeypatch, tmp_path):
    monkeypatch.setattr(fuzz, "RUNS", tmp_path)
    config = fuzz.Config(n=250, seed=1)
    assert asyncio.run(fuzz.run(config, Running(plain.url)))


def test_fuzzing_sees_what_is_wrong(monkeypatch, tmp_path):
    async def app(scope, receive, send):
        path = scope["path"]
        if path == "/v1/models":
            told, status = {"data": [{"id": NAME}]}, 200
        elif path == "/health":
            told, status = {"open": 1, "waiting": 0, "running": 0, "blocks_used": 3}, 200
        else:
            told, status = {"choices": [{"text": "yes"}], "detail": "no"}, 200
            if (await receive()).get("body", b"").find(b"Is all well?") < 0:
                status = 500
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})

    monkeypatch.setattr(fuzz, "RUNS", tmp_path)
    monkeypatch.setattr(fuzz, "_shots", lambda *_: itertools.islice(hostile.shots(0, NAME), 5))
    monkeypatch.setattr(fuzz, "CALM_S", 0.1)
    with live_server.serve(app, lifespan="off") as url:
        assert not asyncio.run(fuzz.run(fuzz.Config(), Running(url)))
    assert list((tmp_path / "phase4/fuzz/faults").glob("*.http"))


@pytest.mark.parametrize(
    ("status", "head", "said", "wrong"),
    [
        (200, b"", b"{}", None),
        (None, b"", b"", None),
        (404, b"", b'{"error": {"message": "", "type": "", "param": null, "code": null}}', None),
        (400, b"", wire.RUBBISH, None),
        (503, b"", b"{}", "status 503"),
        (404, b"", b'{"detail": "Not Found"}', "not in OpenAI's shape"),
        (404, b"", b"[]", "not in OpenAI's shape"),
        (200, b"", b"Traceback (most recent", "a traceback"),
        (200, b"text/event-stream", b'data: {"type": "server_error"}', "error in a stream"),
    ],
)
def test_faults_of_an_answer(status, head, said, wrong):
    found = wire.fault(wire.Answer(status, head, said, 0.0))
    assert (found is None) if wrong is None else (wrong in found)


def test_every_kind_of_bad_request_is_drawn_and_a_seed_repeats_them():
    drawn = [list(itertools.islice(hostile.shots(seed, NAME), 300)) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len({shot.kind for shot in drawn[0]}) == len(set(hostile.KINDS))


class Growing:
    """A process that takes 300 MiB more at every look."""

    def __init__(self):
        self._looks = itertools.count(1)

    def memory_info(self):
        return types.SimpleNamespace(rss=next(self._looks) * 300 * 2**20)


@pytest.mark.parametrize(("growth_mb", "unharmed"), [(299, False), (301, True)])
def test_memory_that_grows_over_its_limit_is_harm(
    plain, growth_mb, unharmed, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(fuzz, "RUNS", tmp_path)
    monkeypatch.setattr(fuzz, "_shots", lambda *_: itertools.islice(hostile.shots(0, NAME), 5))
    config = fuzz.Config(growth_mb=growth_mb)
    assert asyncio.run(fuzz.run(config, Running(plain.url, Growing()))) is unharmed
    told = capsys.readouterr().out
    assert ("HARM: its memory grew by 300 MiB, over 299" in told) is not unharmed
    assert "memory:    300 MiB before, 600 at most, 600 after" in told


def test_growth_is_to_the_highest_look():
    assert fuzz.growth([100.0, 90.0, 700.0, 110.0]) == 600.0
    assert fuzz.growth([None, None]) == 0.0


def test_schemathesis_draws_and_hypothesis_still_says_which_case_failed(plain):
    openapi = httpx.get(f"{plain.url}/openapi.json").json()
    drawn = list(fuzz._shots(fuzz.Config(n=8), openapi, NAME))
    assert len(drawn) == 8
    assert sum(shot.kind.startswith("OpenAPI, ") for shot in drawn) == 4

    @given(n=st.integers())
    def fails(n):
        raise AssertionError

    with pytest.raises(AssertionError) as caught:
        fails()
    assert "n=0" in "".join(caught.value.__notes__)


@pytest.mark.parametrize(
    "wanted",
    [
        {"type": "regex", "regex": r"[^\s\S]"},
        {"type": "json_schema", "json_schema": {"schema": {"$ref": "#"}}},
        {"type": "json_schema", "json_schema": {"schema": {"enum": ["\ud800"]}}},
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_grammar_that_allows_nothing_is_the_clients_fault(plain, wanted, stream):
    raw = json.dumps(body("a", response_format=wanted, stream=stream)).encode()
    head = {"content-type": "application/json"}
    answer = httpx.post(f"{plain.url}/v1/completions", content=raw, headers=head, timeout=30)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert "response_format: " in answer.json()["error"]["message"]


def test_a_grammar_that_fails_midway_is_the_clients_fault_too(plain):
    wanted = {"type": "regex", "regex": "(a{999}){999}"}
    answer = ask(plain.url, "a", response_format=wanted, max_tokens=100)
    assert answer.status_code == 400
    assert "too many expressions" in answer.json()["error"]["message"]
    streamed = events(ask(plain.url, "a", response_format=wanted, stream=True, max_tokens=99).text)
    assert streamed[-1]["error"]["type"] == "invalid_request_error"
    wait_until_idle(plain.url)


# -- clients that go ------------------------------------------------------------------------------


def test_of_200_streams_half_go_and_the_others_are_right(folder):
    n = 200
    prompts = [f"{number} little birds" for number in range(n)]
    with Server(folder, max_running=64, max_waiting=n) as server:
        alone = [text(ask(server.url, prompt, **SLOW)) for prompt in prompts[1::50]]
        found = asyncio.run(_crowd(server.url, prompts))
        assert wait_until_idle(server.url)["blocks_used"] == 0
        again = asyncio.run(_crowd(server.url, prompts[1::2], leave=False))
    stayed = [text_of(events(raw.decode())) for raw in found[1::2]]
    assert stayed[::25] == alone
    assert stayed == [text_of(events(raw.decode())) for raw in again]
    assert all(b"[DONE]" not in raw for raw in found[::2])


async def _crowd(url, prompts, leave=True):
    """Ask all prompts at once; every other client hangs up after a few hundred bytes."""

    async def one(number, prompt):
        raw = json.dumps(body(prompt, stream=True, **SLOW)).encode()
        patience = 300 + 10 * number if leave and number % 2 == 0 else None
        answer = await wire.fire(
            url, Shot("stream", wire.request("POST", "/v1/completions", raw), patience)
        )
        return answer.body

    return await asyncio.gather(*(one(*asked) for asked in enumerate(prompts)))


# -- a poisoned prompt ----------------------------------------------------------------------------


def test_a_poisoned_prompt_fails_alone(poisoned):
    prompts = [f"{number} {PROMPT}" for number in range(6)]
    bad = POISON * 3 + PROMPT

    async def ask_all(url):
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            asked = [body(bad if i % 2 else prompts[i // 2], **SLOW) for i in range(12)]
            return await asyncio.gather(
                *(client.post("/v1/completions", json=one) for one in asked)
            )

    with Server(poisoned, cache_mb=1) as server:
        alone = [text(ask(server.url, prompt, **SLOW)) for prompt in prompts]
        for _ in range(2):  # the second time in blocks that the poison was in
            answers = asyncio.run(ask_all(server.url))
            assert [text(answer) for answer in answers[::2]] == alone
            assert {answer.status_code for answer in answers[1::2]} == {500}
        told = answers[1].json()["error"]
        assert told["type"] == "server_error"
        assert told["message"] == "the model's numbers are not finite"
        streamed = ask(server.url, bad, stream=True)
        assert streamed.status_code == 200
        assert events(streamed.text) == [{"error": told}]
        assert wait_until_idle(server.url)["status"] == "ok"


# -- the server's own faults ----------------------------------------------------------------------


def test_a_step_that_fails_fails_those_who_wait_and_no_others(folder, monkeypatch):
    with Server(folder) as server:
        before = text(ask(server.url, PROMPT))
        steps, step = itertools.count(), Engine.step

        def failing(engine):
            if next(steps) == 3:
                raise RuntimeError("out of luck")
            return step(engine)

        monkeypatch.setattr(Engine, "step", failing)
        streamed = events(ask(server.url, PROMPT, stream=True, **SLOW).text)
        assert len(streamed) > 1
        assert streamed[-1]["error"]["type"] == "server_error"
        assert "Traceback" not in str(streamed)
        assert wait_until_idle(server.url)["status"] == "ok"
        assert text(ask(server.url, PROMPT)) == before


def test_sigterm_lets_the_running_stream_finish():
    with tiny_server.running() as server:
        asked = body(PROMPT, stream=True, n=8, **SLOW)
        with httpx.stream("POST", f"{server.url}/v1/completions", json=asked) as answer:
            pieces = answer.iter_text()
            first = next(pieces)
            server.process.send_signal(signal.SIGTERM)
            rest = "".join(pieces)
        finished = [one for one in events(first + rest)[:-1] if one["choices"][0]["finish_reason"]]
        assert len(finished) == 8
        assert (first + rest).endswith("data: [DONE]\n\n")
        assert server.process.wait(10) == 0
        place = httpx.URL(server.url)
        with pytest.raises(ConnectionRefusedError), socket.socket() as knocking:
            knocking.connect((place.host, place.port))
        assert "Traceback" not in server.complaints


def test_answers_that_outlast_the_drain_are_cut_off_and_told_so(tmp_path):
    long = {"ignore_eos": True, "max_tokens": 2000, "n": 16}
    folder = tiny_server.write_model(tmp_path / NAME)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 4096}))
    with tiny_server.running("--drain-s", "0", model=folder) as server, Crowd(2) as crowd:
        whole = crowd.submit(ask, server.url, PROMPT, **long)
        streamed = crowd.submit(ask, server.url, PROMPT, stream=True, **long)
        until = time.monotonic() + 20
        while httpx.get(f"{server.url}/health").json()["running"] < 32:
            assert time.monotonic() < until
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        told = whole.result().json()["error"]
        assert whole.result().status_code == 503
        assert told["message"] == "the server was shut down before the answer was done"
        assert events(streamed.result().text)[-1] == {"error": told}
        assert server.complaints == ""


def connect(server, sent):
    place = httpx.URL(server.url)
    open_one = socket.create_connection((place.host, place.port))
    open_one.settimeout(20)
    open_one.sendall(sent)
    return open_one


def test_half_a_request_is_not_waited_for_after_the_drain():
    raw = wire.request("POST", "/v1/completions", b'{"model"', {"Content-Length": "999"})
    with tiny_server.running("--drain-s", "0") as server, connect(server, raw) as half:
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        with contextlib.suppress(ConnectionResetError):
            assert half.recv(4096) == b""
        assert server.complaints == ""


@pytest.mark.parametrize("stream", [False, True])
def test_a_second_ctrl_c_does_not_wait(tmp_path, stream):
    folder = tiny_server.write_model(tmp_path / NAME)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 4096}))
    long = body(PROMPT, ignore_eos=True, max_tokens=4000, n=16, stream=stream)
    raw = wire.request("POST", "/v1/completions", json.dumps(long).encode())
    with tiny_server.running("--drain-s", "60", model=folder) as server, connect(server, raw):
        until = time.monotonic() + 20
        while httpx.get(f"{server.url}/health").json()["running"] < 16:
            assert time.monotonic() < until
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert server.process.is_running(), "the first lets the answers finish"
        began = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(20) == 130
        assert time.monotonic() - began < 10
        assert server.complaints == ""


def test_a_body_that_does_not_arrive_is_not_waited_for(folder, monkeypatch):
    monkeypatch.setattr(guards, "BODY_S", 0.2)
    raw = wire.request("POST", "/v1/completions", b'{"model"', {"Content-Length": "999"})
    with Server(folder) as server:
        answer = asyncio.run(wire.fire(server.url, Shot("slow", raw)))
        assert answer.status == 408
        assert "has not arrived within 0.2 seconds" in json.loads(answer.body)["error"]["message"]
        slow = ask(server.url, PROMPT, **SLOW | {"n": 16})
        assert slow.status_code == 200, "an answer may take longer than its question"


def test_who_does_not_ask_is_hung_up_on(folder, monkeypatch):
    monkeypatch.setattr(listening, "HEAD_S", 0.3)
    half = Shot("half", b"GET /health HTTP/1.1\r\nX: ", whole=False)
    with Server(folder, http=listening.Connection) as server:
        began = time.monotonic()
        asyncio.run(wire.fire(server.url, half))
        assert time.monotonic() - began < wire.PATIENCE_FOR_HALF_S
        with httpx.Client(base_url=server.url) as client, socket.socket() as raw:
            place = httpx.URL(server.url)
            raw.settimeout(5)
            raw.connect((place.host, place.port))
            raw.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /health HT")
            while raw.recv(4096):  # the first is answered, the second half is not waited for
                assert client.get("/health").status_code == 200
        monkeypatch.setattr(listening, "HEAD_S", 0.005)
        answer = ask(server.url, PROMPT, n=16, **SLOW)
        assert answer.elapsed.total_seconds() > 4 * listening.HEAD_S, "or this says nothing"
        assert answer.status_code == 200


def test_one_connection_too_many_is_closed_at_once(folder, monkeypatch):
    monkeypatch.setattr(listening, "MAX_CONNECTIONS", 5)
    with Server(folder, http=listening.Connection) as server:
        place = httpx.URL(server.url)
        idle = [socket.create_connection((place.host, place.port)) for _ in range(5)]
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{server.url}/health")
        idle.pop().close()
        time.sleep(0.1)
        assert httpx.get(f"{server.url}/health").status_code == 200
        for one in idle:
            one.close()


# -- memory ---------------------------------------------------------------------------------------


def test_the_slope_is_that_of_the_memory_after_the_warm_up():
    looks = [soak.Look(n, 100.0 + min(n, 30) + 0.5 * max(n - 30, 0)) for n in range(0, 100, 10)]
    assert soak.slope(looks, 0.3) == pytest.approx(0.5)


def test_a_short_soak_leaves_nothing_behind(capsys, monkeypatch, tmp_path, plain):
    monkeypatch.setattr(soak, "RUNS", tmp_path)
    here = Running(plain.url, psutil.Process())
    harm = asyncio.run(soak.run(soak.Config(minutes=0.5, growth_mb=1e6), here))
    assert harm == []
    assert "MiB an hour" in capsys.readouterr().out
    assert (tmp_path / "phase4/soak/memory.png").is_file()
