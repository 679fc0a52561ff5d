"""An exported folder generates the same tokens in Hugging Face's hands as in ours."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from phase1_transformers.project import config, export, train
from phase1_transformers.solution.bpe import BytePairTokenizer
from phase1_transformers.solution.characters import CharTokenizer
from phase1_transformers.solution.config import gpt2, modern
from phase1_transformers.solution.generate import generate
from phase1_transformers.solution.gpt import GPT
from phase1_transformers.solution.sampling import Sampling
from phase1_transformers.solution.splitting import GPT2_PATTERN
from phase1_transformers.solution.tokenizer import END
from shared import checks
from shared.runs import RunError

# Not among the imports, for the grader preloads what any test imports there.
transformers = pytest.importorskip("transformers", reason="the oracle of these tests")
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

TEXT = "To be, or not to be, that is the question.\n"
TOKENIZERS = {
    "characters": CharTokenizer(sorted(set(TEXT)), {END: len(set(TEXT))}),
    "byte pairs": BytePairTokenizer([(116, 111), (32, 98)], GPT2_PATTERN, {END: 258}),
}
SHAPES = {
    "gpt2": lambda V: gpt2(vocab_size=V, block_size=32, n_layer=2, n_head=2, n_embd=16),
    "modern": lambda V: modern(
        vocab_size=V, block_size=32, n_layer=2, n_head=4, n_embd=16, n_kv_head=2
    ),
}


def outspoken(shape, vocab_size):
    """Build a model whose best token stands out; a tied one would repeat the last token."""
    shape = replace(SHAPES[shape](vocab_size), tied=False)
    model = GPT(shape, generator=torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(15)
    return model


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_hugging_face_generates_the_same_greedy_tokens(shape, kind, tmp_path):
    tokenizer = TOKENIZERS[kind]
    model = outspoken(shape, tokenizer.vocab_size)
    export.export(model, tokenizer, tmp_path)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    their_tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    ids = tokenizer.encode("to be, or")
    checks.equal(their_tokenizer("to be, or")["input_ids"], ids, "ids of the prompt")
    checks.equal(theirs.generation_config.eos_token_id, tokenizer.specials[END], "end token")
    steps = generate(model, torch.tensor([ids]), 20, sampling=Sampling(temperature=0))
    ours = [int(step) for step in steps]
    checks.law(len(set(ours)) > 3, "the model says more than one thing", ours)
    out = theirs.generate(
        torch.tensor([ids]),
        attention_mask=torch.ones(1, len(ids), dtype=torch.long),
        max_new_tokens=20,
        do_sample=False,
        eos_token_id=None,  # go on to the last of the 20, as generate does
        pad_token_id=0,
    )
    checks.equal(out[0, len(ids) :].tolist(), ours, "greedy tokens")
    checks.equal(their_tokenizer.decode(ours), tokenizer.decode(ours), "their text")


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(tmp_path):
    model = outspoken("modern", 10)
    call = lambda: export.export(model, TOKENIZERS["characters"], tmp_path / "hf")  # noqa: E731
    checks.raises(call, ValueError, "a model of 10 tokens", "the model knows 10")
    checks.law(not (tmp_path / "hf").exists(), "nothing is written")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Train for two steps; return the run's folder."""
    root = tmp_path_factory.mktemp("runs")
    text = root / "text.txt"
    text.write_text(TEXT * 100)
    tiny = config.Config(
        data=str(text),
        tokenizer="char",
        block_size=16,
        n_layer=1,
        n_head=2,
        n_embd=16,
        max_steps=2,
        warmup_steps=1,
        decay_steps=1,
        batch_size=2,
        eval_every=2,
        device="cpu",
        name="two-steps",
    )
    return train.train(tiny, root=root).path


def test_a_run_exports_its_newest_checkpoint(run, tmp_path):
    checks.equal(export.newest_checkpointed(run.parent), run, "the newest run")
    folder = export.export_run(run, tmp_path / "hf")
    ours = load_file(folder / "model.safetensors")
    for name, tensor in load_file(run / "hf" / "model.safetensors").items():
        checks.equal(ours[name], tensor, f"{name}, against what the run wrote at its end")
    names = sorted(path.name for path in folder.iterdir())
    checks.equal(names, sorted(path.name for path in (run / "hf").iterdir()), "files")


def test_no_checkpoint_is_one_line(tmp_path):
    for call in (lambda: export.export_run(tmp_path), lambda: export.newest_checkpointed(tmp_path)):
        checks.raises(call, RunError, "a folder without a checkpoint", "no checkpoint under")
