"""How the server starts, and what it says when it cannot."""

import json
import socket

import pytest

from phase4_production.project import listening, loading, serve, tiny_server


@pytest.fixture
def folder(tmp_path):
    return tiny_server.write_model(tmp_path / "tiny")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"port": 65536}, "port must be from 0"),
        ({"cache_mb": 0}, "cache_mb must be at least 1"),
        ({"block_size": 0}, "block_size must be at least 1"),
        ({"max_running": 0}, "max_running must be at least 1"),
        ({"max_output": 0}, "max_output must be at least 1"),
        ({"max_waiting": -1}, "max_waiting must be at least 0"),
        ({"n_guesses": -1}, "n_guesses must be at least 0"),
        ({"drain_s": -1}, "drain_s must be at least 0"),
        ({"max_body_mb": 0.0}, "max_body_mb must be above 0"),
        ({"max_body_mb": float("nan")}, "max_body_mb must be above 0"),
        ({"max_body_mb": float("inf")}, "max_body_mb must be above 0"),
        ({"threads": -1}, "threads must be from 0"),
        ({"threads": 1_000_000}, "threads must be from 0"),
        ({"draft": "elsewhere"}, "a draft guesses nothing without n_guesses"),
        ({"device": "tpu"}, "device must be cpu or cuda, got 'tpu'"),
        ({"graphs": True}, "graphs are recorded on a GPU"),
        ({"name": ""}, "the name is empty"),
        ({"api_key": "cl\u00e9"}, "a key travels in a header"),
        ({"api_key": "two\nlines"}, "a key travels in a header"),
        ({"api_key": "\udcff"}, "a key travels in a header"),
        ({"api_key": "end "}, "a key travels in a header"),
    ],
)
def test_a_size_out_of_its_range_is_refused(flags, message):
    with pytest.raises(ValueError, match=message):
        serve.Config(**flags)


def test_without_a_gpu_there_is_no_cuda(monkeypatch, folder):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match="no CUDA device here; try --device cpu"):
        serve.main(serve.Config(model=folder, device="cuda"))


def change(**changes):
    """Return what changes a config; None takes a setting out."""

    def at(folder):
        path = folder / "config.json"
        config = json.loads(path.read_text()) | changes
        path.write_text(json.dumps({k: v for k, v in config.items() if v is not None}))

    return at


def put(name, text):
    return lambda folder: (folder / name).write_text(text)


@pytest.mark.parametrize(
    "damage",
    [
        put("config.json", ""),
        put("config.json", "[]"),
        put("config.json", "[" * 100_000),
        change(model_type="bert"),
        change(vocab_size=None),
        change(vocab_size="many"),
        change(num_hidden_layers="two"),
        change(num_hidden_layers=3),
        change(max_position_embeddings=10**12),
        put("model.safetensors", "no weights"),
        put("model.safetensors.index.json", "[]"),
        put("model.safetensors.index.json", '{"weight_map": null}'),
        put("tokenizer.json", "{}"),
        put("tokenizer_config.json", "[]"),
        put("tokenizer_config.json", '{"chat_template": [1]}'),
    ],
)
def test_a_damaged_folder_is_named_in_one_line(folder, damage):
    damage(folder)
    with pytest.raises(ValueError) as caught:
        loading.load(folder)
    assert "tiny" in str(caught.value) or "model.safetensors" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_address_of_its_own():
    with listening.listen("127.0.0.1", 0) as mine:
        port = mine.getsockname()[1]
        with pytest.raises(
            ValueError, match=f"cannot listen on '127.0.0.1', port {port}: .*in use"
        ):
            listening.listen("127.0.0.1", port)
    with pytest.raises(ValueError, match="try another --host"):
        listening.listen("192.0.2.7", 0)
    with pytest.raises(ValueError, match=r"cannot listen on 'box\.invalid'"):
        listening.listen("box.invalid", 0)


def test_a_port_that_is_taken_is_told_before_the_model_is_loaded(monkeypatch, folder):
    monkeypatch.setattr(serve.loading, "load", None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = serve.Config(model=folder, port=taken.getsockname()[1])
        with pytest.raises(ValueError, match="cannot listen on"):
            serve.main(config)
