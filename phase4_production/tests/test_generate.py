import dataclasses

import pytest
import torch

from phase4_production.project import generate
from phase4_production.project.decoder import Decoder
from phase4_production.project.tokenizing import Tokenizer
from phase4_production.solution.sampling_params import SamplingParams
from phase4_production.tests import tiny_models
from shared import cli

TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model of transformers, its tokenizer, and the folder of both."""
    model, tokenizer = tiny_models.qwen3(), tiny_models.tokenizer(TEMPLATE)
    folder = tmp_path_factory.mktemp("model")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model, tokenizer, folder


def run(folder, capsys, **changes):
    config = generate.Config(folder, prompt="Tell", temperature=0, max_tokens=12)
    generate.main(dataclasses.replace(config, **changes))
    return capsys.readouterr()


@torch.inference_mode()
def answered(model, prompt, n=12):
    """What transformers answers by taking the likeliest token."""
    ids = torch.tensor([prompt])
    return model.generate(ids, max_new_tokens=n, do_sample=False)[0, len(prompt) :].tolist()


def test_greedy_tokens_are_those_of_transformers(made):
    model, _, folder = made
    decoder = Decoder.load(folder)
    prompt = list(b"Tell me more")
    steps = generate.stream(
        decoder,
        Tokenizer.load(folder, tiny_models.VOCAB),
        prompt,
        SamplingParams(temperature=0, max_tokens=40),
    )
    assert [token.id for step in steps for token in step.tokens] == answered(model, prompt, 40)


def test_it_prints_the_prompt_the_text_and_how_fast_it_was(made, capsys):
    model, tokenizer, folder = made
    out, err = run(folder, capsys)
    expected = tokenizer.decode(answered(model, list(tokenizer("Tell")["input_ids"])))
    assert out == "Tell" + expected
    assert "[4 tokens read, first token after" in err
    assert "tokens/s" in err


def test_a_chat_prints_the_answer_alone(made, capsys):
    model, tokenizer, folder = made
    out, _ = run(folder, capsys, chat=True)
    assert out == tokenizer.decode(answered(model, list(tokenizer("user: Tell\n")["input_ids"])))


def test_a_seed_makes_it_repeatable(made, capsys):
    outs = [run(made[2], capsys, temperature=1.0, seed=seed).out for seed in (1, 1, 2)]
    assert outs[0] == outs[1] != outs[2]


def test_a_long_answer_ends_where_the_model_does(made, capsys):
    _, err = run(made[2], capsys, max_tokens=10_000)
    assert "[4 tokens read" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "nowhere"], "nowhere is no model folder"),
        (["--prompt", ""], "the prompt is empty"),
        (["--prompt", "x" * 99], "the prompt has 99 tokens"),
        (["--temperature", "-1"], "temperature must be at least 0"),
        (["--method", "int3"], "'int3'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(made, capsys, monkeypatch, words, message):
    program = "phase4_production.project.generate"
    monkeypatch.setattr("sys.argv", ["generate", "--model", str(made[2]), *words])
    with pytest.raises(SystemExit) as stop:
        cli.run(program)
    told = capsys.readouterr().err
    assert stop.value.code == 2
    assert message in told
    assert told.count("\n") == 1
