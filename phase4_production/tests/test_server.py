import asyncio
import gzip
import json
import re
import time

import httpx2 as httpx
import numpy as np
import openai
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from phase4_production.project import loading, serve
from phase4_production.project.tokenizing import Tokenizer
from phase4_production.tests.served import server, write_model

PROMPT = "Once upon a time"
SLOW = {"max_tokens": 40, "extra_body": {"ignore_eos": True}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def url(folder):
    with server(folder, max_running=4, max_waiting=2) as (url, _):
        yield url


@pytest.fixture(scope="module")
def client(url):
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


@pytest.fixture(scope="module")
def theirs(folder):
    return AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)


def post(url, path, body):
    return httpx.post(f"{url}/v1/{path}", json={"model": "tiny"} | body, timeout=30)


def health(url):
    return httpx.get(f"{url}/health").json()


def wait_until_idle(url, patience_s=5.0):
    """Wait until nobody is answered any more; return the last look."""
    until = time.monotonic() + patience_s
    while (found := health(url))["open"] or found["running"] or found["blocks_used"]:
        assert time.monotonic() < until, found
        time.sleep(0.02)
    return found


def greedy(theirs, prompt_ids, n):
    model, _ = theirs
    with torch.inference_mode():
        made = model.generate(
            torch.tensor([prompt_ids]), max_new_tokens=n, do_sample=False, pad_token_id=256
        )
    return made[0, len(prompt_ids) :].tolist()


# -- the official client --------------------------------------------------------------------------


def test_models(client):
    (model,) = client.models.list().data
    assert model.id == "tiny"
    assert client.models.retrieve("tiny").id == "tiny"


def test_a_completion_is_what_transformers_generates(client, theirs):
    _, tokenizer = theirs
    expected = greedy(theirs, tokenizer(PROMPT)["input_ids"], 12)
    made = client.completions.create(model="tiny", prompt=PROMPT, max_tokens=12, temperature=0)
    assert len(made.choices) == 1
    assert made.usage.prompt_tokens == len(PROMPT)
    assert made.usage.completion_tokens == len(expected)
    assert made.choices[0].text == tokenizer.decode(expected, skip_special_tokens=True)


def test_a_chat_goes_through_the_template(client, theirs):
    _, tokenizer = theirs
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True)["input_ids"]
    made = client.chat.completions.create(
        model="tiny", messages=messages, max_tokens=8, temperature=0
    )
    expected = tokenizer.decode(greedy(theirs, ids, 8), skip_special_tokens=True)
    assert made.choices[0].message.content == expected
    assert made.choices[0].message.role == "assistant"
    assert made.usage.prompt_tokens == len(ids)


def test_a_stream_says_the_same_in_pieces(client):
    asked = {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 24}
    asked |= {"temperature": 0.9, "seed": 7, "logprobs": True, "top_logprobs": 2}
    whole = client.chat.completions.create(**asked)
    pieces = list(
        client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    )
    choices = [piece.choices[0] for piece in pieces if piece.choices]
    assert choices[0].delta.role == "assistant"
    assert "".join(c.delta.content or "" for c in choices) == whole.choices[0].message.content
    assert choices[-1].finish_reason == whole.choices[0].finish_reason
    assert [c.finish_reason for c in choices[:-1]] == [None] * (len(choices) - 1)
    assert pieces[-1].usage == whole.usage
    said = [t for c in choices if c.logprobs for t in c.logprobs.content]
    assert [t.logprob for t in said] == pytest.approx(
        [t.logprob for t in whole.choices[0].logprobs.content],
        rel=1e-5,  # the second time the prompt is in the cache, and sums have another order
    )
    assert len({piece.id for piece in pieces}) == 1


def test_logprobs_are_the_models_own(client, theirs):
    model, tokenizer = theirs
    made = client.completions.create(
        model="tiny", prompt=PROMPT, max_tokens=5, temperature=0, logprobs=3,
        extra_body={"ignore_eos": True},
    )  # fmt: skip
    told = made.choices[0].logprobs
    ids = tokenizer(PROMPT)["input_ids"]
    with torch.inference_mode():
        ids = torch.tensor([ids + greedy(theirs, ids, 5)])
        expected = model(ids).logits[0, len(PROMPT) - 1 : -1].log_softmax(-1).max(-1).values
    n = min(len(told.token_logprobs), len(expected))
    np.testing.assert_allclose(told.token_logprobs[:n], expected[:n], rtol=1e-4, atol=1e-4)
    assert all(len(top) <= 3 for top in told.top_logprobs)
    assert all(max(top.values()) == lp for top, lp in zip(told.top_logprobs, told.token_logprobs))
    assert told.text_offset[0] == 0


def test_several_answers_differ_and_a_seed_repeats_them(client):
    asked = {"model": "tiny", "prompt": PROMPT, "n": 3, "max_tokens": 16, "seed": 5}
    first, second = (client.completions.create(**asked) for _ in range(2))
    texts = [choice.text for choice in first.choices]
    assert [choice.index for choice in first.choices] == [0, 1, 2]
    assert len(set(texts)) == 3
    assert texts == [choice.text for choice in second.choices]


def test_several_prompts_as_text_or_tokens(client):
    told = {"model": "tiny", "max_tokens": 6, "temperature": 0}
    both = client.completions.create(prompt=["Once", "Twice"], **told)
    alone = [client.completions.create(prompt=p, **told).choices[0].text for p in ("Once", "Twice")]
    assert [choice.text for choice in both.choices] == alone


def test_a_stop_string_ends_the_answer_and_is_not_in_it(client):
    told = {"model": "tiny", "prompt": PROMPT, "max_tokens": 40, "temperature": 0}
    told |= {"extra_body": {"ignore_eos": True}}
    text = client.completions.create(**told).choices[0].text
    stop = text[10:12]
    (choice,) = client.completions.create(stop=[stop], **told).choices
    assert choice.text == text[: text.index(stop)]
    assert choice.finish_reason == "stop"


def test_an_answer_can_be_held_to_a_schema(client):
    schema = {
        "type": "object",
        "properties": {"age": {"type": "integer", "minimum": 0, "maximum": 9}},
        "required": ["age"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
    for seed in range(3):
        made = client.chat.completions.create(
            model="tiny",
            messages=[{"role": "user", "content": "How old?"}],
            max_tokens=30,
            seed=seed,
            response_format=wanted,
        )
        assert 0 <= json.loads(made.choices[0].message.content)["age"] <= 9


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("completions", {"prompt": "x", "model": "gpt-9"}, 404, "no model 'gpt-9' here"),
        ("completions", {"prompt": ""}, 400, "prompt is empty"),
        ("completions", {"prompt": [1, 999]}, 400, "not below 257"),
        ("completions", {"prompt": "x", "temperature": 3}, 400, "temperature: "),
        ("completions", {"prompt": "x", "echo": True}, 400, "echo: "),
        ("completions", {"prompt": "x" * 70}, 400, "reads 64 tokens, and the prompt has 70"),
        ("completions", {"prompt": "x", "max_tokens": 64}, 400, "lower max_tokens"),
        ("completions", {"prompt": ["x"] * 9, "n": 2}, 400, "prompts times n is over 16"),
        ("completions", {"prompt": "x", "response_format": {"type": "regex"}}, 400, "regex"),
        ("chat/completions", {"messages": []}, 400, "messages: "),
        ("chat/completions", {"messages": [{"role": "king", "content": ""}]}, 400, "role"),
        ("chat/completions", {"messages": [{"role": "user", "content": "x"}], "tools": [{}]}, 400,
         "tools: "),
        ("chat/completions", {"messages": [{"role": "user", "content": "x"}], "functions": [{}]},
         400, "functions: "),
        ("completions", {"prompt": "x", "logit_bias": {"5": 100}}, 400, "logit_bias: "),
    ],
)  # fmt: skip
def test_a_bad_request_is_told_in_openais_shape(url, path, body, status, message):
    answer = post(url, path, body)
    assert answer.status_code == status
    told = answer.json()["error"]
    assert told.keys() == {"message", "type", "param", "code"}
    assert message in told["message"]
    assert "\n" not in told["message"]


@pytest.mark.parametrize("path", ["completions", "chat/completions"])
def test_a_prompt_that_cannot_fit_is_refused_before_it_is_encoded(url, path, monkeypatch):
    monkeypatch.setattr(Tokenizer, "encode", None)
    text = "x" * 900_000
    asked = {"messages": [{"role": "user", "content": text}]} if "chat" in path else {}
    answer = post(url, path, asked or {"prompt": text})
    assert answer.status_code == 400
    told = answer.json()["error"]
    assert told["code"] == "context_length_exceeded"
    # Its longest token is the end of text, of 13 letters.
    least = -(-900_000 // 13) if not asked else -(-900_018 // 13)
    assert f"reads 64 tokens, and the prompt has at least {least}, " in told["message"]


def test_the_clients_exceptions_are_the_right_ones(client):
    with pytest.raises(openai.NotFoundError):
        client.completions.create(model="other", prompt="x")
    with pytest.raises(openai.BadRequestError) as told:
        client.completions.create(model="tiny", prompt="x" * 100)
    assert told.value.code == "context_length_exceeded"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff\xfe", b'{"model": 1}', b"[" * 50_000, b'{"prompt": NaN}']
)
def test_what_is_no_request_is_refused(url, content):
    answer = httpx.post(
        f"{url}/v1/completions", content=content, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ({"prompt": 3}, "prompt", "a valid string, or Input should be a valid list"),
        ({"prompt": [-1]}, "prompt", "or Input should be greater than or equal to 0"),
        ({"prompt": "x", "stop": ""}, "stop", "at least 1 "),
        ({"prompt": "x", "stop": ["a"] * 5}, "stop", "at most 4 items"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages.0.content", "a valid string"),
        ({"prompt": "x", "response_format": {"type": "xml"}}, "response_format.type", "'text'"),
    ],
)
def test_a_field_has_the_name_that_the_client_gave_it(url, body, param, message):
    path = "chat/completions" if "messages" in body else "completions"
    told = post(url, path, body).json()["error"]
    assert told["param"] == param
    assert told["message"].startswith(f"{param}: ")
    assert message in told["message"]
    assert "0x" not in told["message"], "no address of anything in here"


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"", "application/json", "send a JSON object as the body"),
        (b'"x"', "application/json", "send a JSON object as the body"),
        (b'{"model": "tiny", "prompt": "x"}', "text/plain", "with Content-Type: application/json"),
        (b'{"model":', "application/json", "the body is no JSON: Expecting value, byte 9"),
    ],
)
def test_a_body_that_is_no_json_object(url, content, kind, message):
    head = {"content-type": kind}
    told = httpx.post(f"{url}/v1/completions", content=content, headers=head).json()["error"]
    assert message in told["message"]
    assert told["param"] is None


@pytest.mark.parametrize(
    "name", ["response_format", "min_p", "repetition_penalty", "ignore_eos", "max_tokens", "n"]
)
def test_null_is_the_same_as_not_said(url, name):
    body = {"prompt": PROMPT, "temperature": 0, "max_tokens": 4}
    said, left_out = (
        post(url, "completions", body | {name: None}),
        post(url, "completions", {key: body[key] for key in body if key != name}),
    )
    assert said.status_code == 200
    assert said.json()["choices"] == left_out.json()["choices"]


def test_half_a_character_is_refused(url):
    raw = b'{"model": "tiny", "prompt": "\\ud800"}'
    head = {"content-type": "application/json"}
    assert httpx.post(f"{url}/v1/completions", content=raw, headers=head).status_code == 400


def test_a_template_that_fails_refuses_the_conversation(tmp_path):
    with server(write_model(tmp_path, "{{ messages + 1 }}")) as (url, _):
        answer = post(url, "chat/completions", {"messages": [{"role": "user", "content": "x"}]})
        assert answer.status_code == 400
        told = answer.json()["error"]
        assert told["message"].startswith("messages: the model's chat template refuses this: Type")
        assert told["param"] == "messages"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/engines", 404),
        ("POST", "/v1/embeddings", 404),
        ("POST", "/v1/completions/", 404),
        ("DELETE", "/v1/files/7", 404),
        ("GET", "/nothing.js", 404),
        ("DELETE", "/v1/models", 405),
        ("GET", "/v1/completions", 405),
        ("POST", "/health", 405),
        ("POST", "/", 405),
    ],
)
def test_unknown_paths_and_methods(url, method, path, status):
    answer = httpx.request(method, url + path)
    assert answer.status_code == status
    told = answer.json()["error"]
    assert told["type"] == ("not_found_error" if status == 404 else "invalid_request_error")
    assert told["message"].startswith(f"{method} {path}: ")


def test_whether_it_lives_can_be_asked_without_a_body(url):
    answer = httpx.head(f"{url}/health")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("encoding", ["gzip", "br", "x"])
def test_a_compressed_body_is_refused(url, encoding):
    raw = gzip.compress(b'{"model": "tiny", "prompt": "x"}')
    head = {"content-type": "application/json", "content-encoding": encoding}
    answer = httpx.post(f"{url}/v1/completions", content=raw, headers=head)
    assert answer.status_code == 415
    assert "compressed" in answer.json()["error"]["message"]
    plain = {"content-encoding": "identity"}
    asked = {"model": "tiny", "prompt": "x", "max_tokens": 1}
    assert httpx.post(f"{url}/v1/completions", json=asked, headers=plain).status_code == 200


# -- limits ---------------------------------------------------------------------------------------


def test_a_body_that_is_too_large_is_refused(folder):
    with server(folder, max_body_mb=0.01) as (url, _):
        answer = post(url, "completions", {"prompt": "x" * 20_000})
        assert answer.status_code == 413

        def pieces():
            for _ in range(10):
                yield b" " * 5_000

        answer = httpx.post(f"{url}/v1/completions", content=pieces())
        assert answer.status_code == 413
        assert answer.json()["error"]["message"].endswith("10,485 bytes")


def test_a_full_queue_says_when_to_come_back(url):
    async def crowd():
        async with httpx.AsyncClient(timeout=30) as http:
            body = {"model": "tiny", "prompt": PROMPT, "ignore_eos": True, "max_tokens": 40}
            asked = [http.post(f"{url}/v1/completions", json=body) for _ in range(20)]
            return await asyncio.gather(*asked)

    answers = asyncio.run(crowd())
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert all(answer.headers["retry-after"] == "1" for answer in refused)
    assert refused[0].json()["error"]["type"] == "rate_limit_error"
    wait_until_idle(url)


def test_without_the_key_there_is_no_answer(folder):
    with server(folder, api_key="open sesame") as (url, _):
        assert httpx.get(f"{url}/v1/models").status_code == 401
        assert httpx.get(f"{url}/metrics").status_code == 401
        assert httpx.get(f"{url}/health").status_code == 200
        assert httpx.get(f"{url}/").status_code == 200, "the page asks for the key itself"
        wrong = openai.OpenAI(base_url=f"{url}/v1", api_key="wrong", max_retries=0)
        with pytest.raises(openai.AuthenticationError):
            wrong.models.list()
        right = openai.OpenAI(base_url=f"{url}/v1", api_key="open sesame")
        assert right.models.list().data


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("localhost:8000", 200), ("127.0.0.1:1", 200), ("[::1]:8000", 200),
        ("evil.example", 403), ("evil.example:8000", 403), ("[::1", 403), ("127.0.0.1.evil.x", 403),
        ("localhost@evil.example", 403), ("192.168.1.2", 403), (":8000", 403),
    ],
)  # fmt: skip
def test_without_a_key_no_other_name_leads_here(url, host, status):
    answer = httpx.get(f"{url}/v1/models", headers={"host": host})
    assert answer.status_code == status
    if status == 403:
        assert "without an API key" in answer.json()["error"]["message"]


def test_with_a_key_any_name_leads_here(folder):
    with server(folder, api_key="sesame") as (url, _):
        head = {"host": "box.example", "authorization": "Bearer sesame"}
        assert httpx.get(f"{url}/v1/models", headers=head).status_code == 200


def test_others_are_let_in_with_a_key_only(monkeypatch):
    monkeypatch.delenv(serve.KEY_VARIABLE, raising=False)
    with pytest.raises(ValueError, match="lets others in: set LLM_API_KEY"):
        serve.Config(host="0.0.0.0")
    monkeypatch.setenv(serve.KEY_VARIABLE, "secret")
    assert serve.Config(host="0.0.0.0").key == "secret"
    assert all(serve.is_local(host) for host in ("localhost", "127.0.0.1", "::1", "127.8.8.8"))
    assert not any(serve.is_local(host) for host in ("0.0.0.0", "::", "192.168.1.2", "box"))


# -- who goes before the answer is done -----------------------------------------------------------


def test_a_stream_that_nobody_reads_is_cancelled(url, client):
    stream = client.completions.create(model="tiny", prompt=PROMPT, stream=True, **SLOW)
    next(iter(stream))
    stream.close()
    wait_until_idle(url)


def test_an_answer_that_nobody_waits_for_is_cancelled(url):
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{url}/v1/completions",
            json={"model": "tiny", "prompt": PROMPT, "n": 4, "max_tokens": 47, "ignore_eos": True},
            timeout=0.01,
        )
    wait_until_idle(url)


# -- what it says of itself -----------------------------------------------------------------------


def test_metrics_and_health_count_what_happened(folder):
    with server(folder) as (url, _):
        for _ in range(3):
            post(url, "completions", {"prompt": PROMPT, "max_tokens": 5, "ignore_eos": True})
        post(url, "completions", {"prompt": ""})
        text = httpx.get(f"{url}/metrics").text
        found = wait_until_idle(url)
    assert "llm_time_to_first_token_seconds_count 3.0" in text
    assert "llm_time_per_output_token_seconds_count 12.0" in text
    assert "llm_generation_tokens_total 15.0" in text
    assert 'llm_requests_finished_total{reason="length"} 3.0' in text
    assert 'llm_requests_refused_total{status="400"} 1.0' in text
    assert found["status"] == "ok"
    assert 0 < found["ttft_p95_s"] < 10
    assert 0 < found["time_per_token_p95_s"] < 1


@pytest.mark.parametrize("cache", ["bfloat16", "int8"])
def test_a_smaller_cache_holds_more_and_answers(folder, cache):
    decoder, _ = loading.load(folder)
    sizes = {"model": folder, "cache_mb": 1, "max_running": 1000}
    dense, small = (
        serve.make_runner(serve.Config(**sizes, cache=kind), decoder) for kind in ("float", cache)
    )
    assert small.n_blocks > 1.9 * dense.n_blocks
    assert small.cache_nbytes <= 2**20
    with server(folder, cache=cache) as (url, _):
        asked = {"prompt": PROMPT, "max_tokens": 5, "ignore_eos": True}
        assert post(url, "completions", asked).json()["usage"]["completion_tokens"] == 5


def test_guesses_are_counted(folder):
    with server(folder, n_guesses=3) as (url, _):
        asked = {"prompt": "ab" * 8, "max_tokens": 30, "temperature": 0, "ignore_eos": True}
        post(url, "completions", asked)
        text = httpx.get(f"{url}/metrics").text
    guessed, accepted = (
        float(re.search(rf"^llm_{name}_tokens (\S+)$", text, re.M)[1])
        for name in ("draft", "accepted")
    )
    assert guessed >= accepted >= 0
    assert guessed > 0


def test_the_page_may_load_nothing_from_elsewhere(url):
    page = httpx.get(f"{url}/")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "<main" in page.text
    assert httpx.get(f"{url}/chat.js").status_code == 200
    assert "http" not in page.text.replace("charset", "")
