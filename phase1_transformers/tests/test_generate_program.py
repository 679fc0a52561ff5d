"""The program of `project/generate.py`: a folder in, text out."""

import pytest
import torch

from phase1_transformers.project import formats, generate, hub
from phase1_transformers.project.generate import Config
from phase1_transformers.solution.bpe import BytePairTokenizer
from phase1_transformers.solution.config import modern
from phase1_transformers.solution.gpt import GPT
from shared import checks


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """Write a run's folder, with a fresh model that knows nothing."""
    folder = tmp_path_factory.mktemp("run")
    tokenizer = BytePairTokenizer.train("the cat sat on the mat " * 9, 280)
    sizes = {"vocab_size": tokenizer.vocab_size, "block_size": 16, "n_layer": 1}
    config = modern(n_head=2, n_embd=16, **sizes)
    model = GPT(config, generator=torch.Generator().manual_seed(0))
    hub.save_pretrained(model, folder / "hf")
    formats.save_tokenizer(tokenizer, folder / "hf")
    return folder


def printed(capsys, model, **settings):
    settings = {"max_new_tokens": 40, "prompt": "the cat", **settings}
    generate.main(Config(str(model), device="cpu", **settings))
    return capsys.readouterr()


def test_prints_the_prompt_and_what_follows(run_folder, capsys):
    out = {name: printed(capsys, run_folder, seed=seed) for name, seed in [("one", 1), ("two", 2)]}
    checks.law(out["one"].out.startswith("the cat"), "the prompt comes first", out["one"].out)
    checks.law(out["one"].out != out["two"].out, "another seed, another text")
    checks.equal(printed(capsys, run_folder, seed=1).out, out["one"].out, "the same seed again")
    checks.law(
        "tokens/s" in out["one"].err, "the speed is told apart from the text", out["one"].err
    )


def test_the_folder_itself_will_do(run_folder, capsys):
    there = printed(capsys, run_folder / "hf", temperature=0.0).out
    checks.equal(there, printed(capsys, run_folder, temperature=0.0).out, "text from run/hf")
    plain = printed(capsys, run_folder, temperature=0.0, cache=False).out
    checks.equal(plain, there, "text without a cache")


def test_stops(run_folder, capsys):
    text = printed(capsys, run_folder, seed=1).out.removesuffix("\n")
    stop = text[20:22]
    cut = printed(capsys, run_folder, seed=1, stop=(stop,)).out.removesuffix("\n")
    expected = "the cat" + text.removeprefix("the cat").partition(stop)[0]
    checks.equal(cut, expected, f"text up to {stop!r}")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_dtypes(run_folder, dtype):
    model, _ = generate.load(str(run_folder), getattr(torch, dtype), torch.device("cpu"))
    checks.equal(str(model.token_embedding.weight.dtype), f"torch.{dtype}", "dtype of the weights")


def test_bfloat16_speaks(run_folder, capsys):
    out = printed(capsys, run_folder, dtype="bfloat16").out
    checks.at_least(len(out), len("the cat") + 5, "characters printed")


def test_bad_settings_are_refused():
    checks.raises(lambda: Config("x", max_new_tokens=0), ValueError, "no tokens", match="1 or more")
    checks.raises(lambda: Config("x", top_k=0), ValueError, "top_k 0", match="top_k")


def test_a_folder_without_a_tokenizer(run_folder, tmp_path):
    hub.save_pretrained(hub.load_pretrained(run_folder / "hf"), tmp_path)
    call = (str(tmp_path), torch.float32, torch.device("cpu"))
    checks.raises(lambda: generate.load(*call), ValueError, "no tokenizer", match="tokenizer.json")
