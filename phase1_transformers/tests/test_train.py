"""The training program: it learns, it does not cheat, and it survives Ctrl-C and kill -9."""

import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from phase1_transformers.project import evaluate, hub, presets, train
from phase1_transformers.project.config import Config
from phase1_transformers.project.optimizers import Together, make_optimizer
from phase1_transformers.project.record import newest_run, read_record
from phase1_transformers.project.trainer import Trainer, choose_device, choose_dtype, schedule
from phase1_transformers.solution.config import gpt2, modern
from phase1_transformers.solution.gpt import GPT
from phase1_transformers.solution.ops import FUSED
from shared import cli, runs

ROOT = Path(__file__).resolve().parents[2]
TEXT = "".join(f"{n} and {n + 1} make {2 * n + 1}, says the {n % 7}th cat.\n" for n in range(300))
TINY = Config(
    preset="tiny",
    tokenizer="char",
    block_size=16,
    n_layer=2,
    n_head=2,
    n_kv_head=1,
    n_embd=16,
    dropout=0.1,
    batch_size=4,
    grad_accum_steps=2,
    max_steps=30,
    decay_steps=20,
    warmup_steps=3,
    eval_every=10,
    sample_tokens=8,
    device="cpu",
    name="a",
)


def tiny(folder):
    """TINY, and its text as a file in a folder."""
    path = Path(folder) / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return replace(TINY, data=str(path))


def losses(path):
    return [record["loss"] for record in runs.read_metrics(path) if "loss" in record]


# -- evaluation -------------------------------------------------------------------------------


class Bigram(torch.nn.Module):
    """A model whose loss can be worked out by hand: log-probabilities of the next token."""

    def __init__(self, table):
        super().__init__()
        self.table = torch.nn.Parameter(torch.tensor(table).log(), requires_grad=False)

    def forward(self, x, y):
        nats = -self.table[x, y]
        self.seen = [*getattr(self, "seen", []), *y.flatten().tolist()]
        return None, nats.mean()


@pytest.mark.parametrize("n", [2, 5, 9, 10, 100])
@pytest.mark.parametrize("block_size", [4, 7])
def test_every_token_but_the_first_is_predicted_once(n, block_size, monkeypatch):
    monkeypatch.setattr(evaluate, "BATCH_TOKENS", 12)
    table = np.random.default_rng(0).dirichlet(np.ones(3), size=3)
    tokens = np.random.default_rng(n).integers(0, 3, n).astype(np.uint16)
    model = Bigram(table)
    score = evaluate.score(model, tokens, block_size)
    assert score.n_tokens == n - 1
    assert model.seen == tokens[1:].tolist()
    by_hand = -np.mean([math.log(table[a, b]) for a, b in pairwise(tokens)])
    assert score.loss == pytest.approx(by_hand, rel=1e-6)
    assert score.bits_per_byte(2 * n) == pytest.approx(by_hand * (n - 1) / math.log(2) / (2 * n))


def test_evaluation_leaves_the_mode_and_drops_nothing():
    config = modern(vocab_size=7, block_size=8, n_layer=1, n_head=1, n_embd=8, dropout=0.5)
    model = GPT(config).train()
    tokens = np.arange(50, dtype=np.uint16) % 7
    assert evaluate.score(model, tokens, 8) == evaluate.score(model, tokens, 8)
    assert model.training


# -- optimisers -------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("shape", [gpt2, modern])
def test_every_parameter_has_exactly_one_optimiser(optimizer, shape):
    model = GPT(shape(vocab_size=7, block_size=8, n_layer=2, n_head=2, n_embd=8), FUSED)
    both = make_optimizer(replace(TINY, optimizer=optimizer), model)
    held = [p for o in both.optimizers for group in o.param_groups for p in group["params"]]
    assert sorted(map(id, held)) == sorted(map(id, model.parameters()))
    names = {id(p): name for name, p in model.named_parameters()}
    if optimizer == "muon":
        moved = {names[id(p)] for g in both.optimizers[0].param_groups for p in g["params"]}
        assert all(name.startswith("blocks.") and name.endswith(".weight") for name in moved)
        assert len(moved) == 2 * (4 if shape is gpt2 else 5)
    for o in both.optimizers:
        for group in o.param_groups:
            decays = group["weight_decay"] > 0
            assert all((p.ndim == 2) == decays for p in group["params"])


def test_the_learning_rates_keep_their_proportions():
    model = GPT(modern(vocab_size=7, block_size=8, n_layer=1, n_head=1, n_embd=8))
    both = make_optimizer(replace(TINY, lr=0.5, muon_lr=0.25), model)
    both.set_lr(0.5)
    assert {g["lr"] for g in both.optimizers[0].param_groups} == {0.125}
    assert {g["lr"] for g in both.optimizers[1].param_groups} == {0.25}
    both.set_lr(1.0)
    assert both.optimizers[1].param_groups[0]["lr"] == 0.5


def test_what_optimisers_remember_can_be_taken_out_and_put_back():
    def make():
        torch.manual_seed(0)
        p, q = (torch.nn.Parameter(torch.randn(3)) for _ in range(2))
        both = Together(torch.optim.AdamW([p], lr=0.1), torch.optim.AdamW([q], lr=0.2))
        return p, q, both

    def step(p, q, both, t):
        p.grad, q.grad = torch.full((3,), float(t)), torch.arange(3.0) + t
        both.step()

    p, q, whole = make()
    for t in range(4):
        step(p, q, whole, t)
    p1, q1, first = make()
    for t in range(2):
        step(p1, q1, first, t)
    p2, q2, second = make()
    p2.data.copy_(p1.data)
    q2.data.copy_(q1.data)
    second.load_tensors({name: tensor.clone() for name, tensor in first.tensors().items()})
    for t in range(2, 4):
        step(p2, q2, second, t)
    assert torch.equal(p, p2)
    assert torch.equal(q, q2)


@pytest.mark.parametrize("kind", ["cosine", "wsd"])
def test_the_schedule_rises_and_falls(kind):
    config = replace(TINY, schedule=kind, min_lr_share=0.1)
    shares = [schedule(config, step) for step in range(config.max_steps + 1)]
    assert shares[:4] == [0.25, 0.5, 0.75, 1.0] if kind == "cosine" else shares[3] == 1.0
    assert shares[-1] == pytest.approx(0.1)
    assert all(later <= earlier for earlier, later in pairwise(shares[3:]))


# -- learning ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One run of TINY from beginning to end."""
    root = tmp_path_factory.mktemp("whole")
    return train.train(tiny(root), root=root)


def test_it_learns_and_writes_everything(finished):
    assert {path.name for path in finished.path.iterdir()} == {
        *("config.json", "metrics.jsonl", "results.json", "curves.png"),
        *("data", "checkpoints", "hf"),
    }
    found = losses(finished.path)
    assert len(found) == 30
    assert found[0] == pytest.approx(math.log(30), abs=0.2)  # 29 characters and the end
    assert finished.val_loss < 2.8
    assert finished.n_tokens == 30 * 2 * 4 * 16


def test_the_record_agrees_with_the_result(finished):
    record = read_record(finished.path)
    assert record.config.settings() == tiny(finished.path.parents[1]).settings()
    assert record.looks[-1]["val_loss"] == finished.val_loss
    assert [sample["step"] for sample in record.samples] == [10, 20, 30]
    assert record.results["sample"] == record.samples[-1]["sample"] == finished.sample
    assert {"step", "loss", "lr", "grad_norm", "tokens_per_s"} == set(record.steps[0])
    assert newest_run(finished.path.parent) == finished.path


def test_what_it_exports_is_what_it_trained(finished):
    record = read_record(finished.path)
    model = hub.load_pretrained(finished.path / "hf")
    score = evaluate.score(model, record.corpus.val, TINY.block_size)
    assert score.loss == pytest.approx(finished.val_loss, rel=1e-6)
    assert score.bits_per_byte(record.corpus.n_val_bytes) == finished.val_bits_per_byte


def test_a_text_without_order_teaches_nothing_but_its_letters(tmp_path):
    # What leaks from the validation text, or from the future, would show here.
    letters = np.random.default_rng(0).integers(0, 4, 20_000)
    path = tmp_path / "noise.txt"
    path.write_text("".join("abcd"[i] for i in letters))
    result = train.train(replace(TINY, data=str(path), sample_tokens=0, prompt="a"), root=tmp_path)
    # Of 2,000 random letters, log2(4) = 2 bits each; a leak would go far below.
    assert 1.95 < result.val_bits_per_byte < 2.3


def test_bfloat16_learns_the_same(finished, tmp_path):
    narrow = train.train(replace(tiny(tmp_path), dtype="bfloat16"), root=tmp_path)
    wide = train.train(replace(tiny(tmp_path), dtype="float32", name="b"), root=tmp_path)
    # bfloat16 has 3 digits; dropout and batches are the same in both.
    assert narrow.val_loss == pytest.approx(wide.val_loss, abs=0.05)
    assert losses(narrow.path) != losses(wide.path)


# -- interruptions ----------------------------------------------------------------------------

PROGRAM = """
import sys
from pathlib import Path
from dataclasses import replace
from itertools import pairwise
from phase1_transformers.project import train
from phase1_transformers.project.trainer import Trainer
from phase1_transformers.tests.test_train import tiny
step = Trainer.step
def told(self):
    metrics = step(self)
    print("step", self.done, flush=True)
    return metrics
Trainer.step = told
root, resume = Path(sys.argv[1]), len(sys.argv) > 2
train.train(replace(tiny(root.parent), resume=resume), root=root)
"""


def start(root, *flags):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(root), *flags],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_step(process, step):
    while (line := process.stdout.readline()) != f"step {step}\n":
        assert line or process.poll() is None, process.stderr.read()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_resume_after_kill_9_gives_the_same_losses_bit_for_bit(finished, tmp_path):
    killed = start(tmp_path / "killed")
    wait_for_step(killed, 16)
    killed.kill()
    killed.communicate()
    resumed = start(tmp_path / "killed", "resume")
    out, err = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, err
    path = tmp_path / "killed" / "phase1" / "a"
    assert losses(path) == losses(finished.path)
    model = Path("hf") / "model.safetensors"
    assert (path / model).read_bytes() == (finished.path / model).read_bytes()
    assert "step 11\n" in out
    assert "step 10\n" not in out  # it went on from the checkpoint, not from the start


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C in another way")
def test_ctrl_c_saves_and_stops(tmp_path):
    stopped = start(tmp_path / "stopped")
    wait_for_step(stopped, 13)
    stopped.send_signal(signal.SIGINT)
    out, err = stopped.communicate(timeout=120)
    saved = runs.load_checkpoint(tmp_path / "stopped" / "phase1" / "a")
    assert 13 <= saved.step < 30
    assert f"stopped and saved after step {saved.step}; go on with --resume" in out
    assert err.strip().endswith("KeyboardInterrupt")  # which shared.cli turns into exit code 130


def test_a_resumed_run_needs_its_settings(finished):
    changed = replace(tiny(finished.path.parents[1]), lr=0.5, resume=True)
    with pytest.raises(runs.RunError, match=r"changed: lr 0\.003 -> 0\.5"):
        train.train(changed, root=finished.path.parents[1])


# -- the command line -------------------------------------------------------------------------


def run_program(monkeypatch, *flags):
    """Run the program as `python -m` does, without waiting for another Python; return its code."""
    monkeypatch.setattr(sys, "argv", ["train", *flags])
    with pytest.raises(SystemExit) as stopped:
        cli.run("phase1_transformers.project.train")
    return stopped.value.code


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--preset", "huge"], "there is no preset 'huge'; there are tiny, shakespeare-char"),
        (["--preset=shakespeare-char", "--lr", "-1"], "lr must be positive, got -1.0"),
        (["--data", "nowhere.txt"], "no dataset is called 'nowhere.txt'"),
        (["--resume", "--name", "never-run"], "has no checkpoint; start without --resume"),
        (["--device", "warp"], "this machine has no device 'warp'"),
        (["--steps", "3"], "Unrecognized options: --steps"),
    ],
)
def test_a_mistake_is_told_in_one_line(flags, told, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(train.train, "__defaults__", (tmp_path,))
    assert run_program(monkeypatch, *flags) == 2
    line = capsys.readouterr().err.strip()
    assert told in line
    assert line.startswith("error: ")
    assert "\n" not in line


def test_help_shows_the_values_of_the_preset(monkeypatch, capsys):
    assert run_program(monkeypatch, "--preset", "shakespeare-char", "--help") == 0
    words = capsys.readouterr().out.replace("│", "").split()
    assert "(default: tinyshakespeare)" in " ".join(words)


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ({"n_head": 5}, "n_embd must be a multiple of n_head, got 16 and 5"),
        ({"n_head": 4, "n_kv_head": 3}, "multiple of n_kv_head"),
        ({"max_steps": 0}, "max_steps must be positive"),
        ({"warmup_steps": 30}, "warmup_steps must be less than max_steps"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\)"),
        ({"betas": (0.9, 1.0)}, "betas"),
        ({"seed": -1}, "seed must not be negative"),
        ({"name": "a/b"}, "plain folder name"),
    ],
)
def test_bad_settings_are_refused(setting, word):
    with pytest.raises(ValueError, match=word):
        replace(TINY, **setting)


@pytest.mark.parametrize("name", list(presets.PRESETS))
def test_every_preset_is_a_model(name):
    config = presets.PRESETS[name]
    assert config.name == config.preset == name
    shape = config.model(config.vocab_size)
    with torch.device("meta"):
        n = sum(p.numel() for p in GPT(shape).parameters())
    assert n > 100_000


def test_shakespeare_has_no_more_parameters_than_nanogpt_and_not_much_fewer():
    config = presets.PRESETS["shakespeare-char"].model(vocab_size=66)
    n = sum(p.numel() for p in GPT(config).parameters())
    # nanoGPT: 4 layers of 12 * 128^2, 9 gains of 128, 65 rows of 128; positions not counted.
    theirs = 4 * 12 * 128**2 + 9 * 128 + 65 * 128
    assert 0.9 * theirs < n <= theirs


def test_devices_and_dtypes():
    assert choose_device("cpu").type == "cpu"
    with pytest.raises(ValueError, match="no device 'warp'"):
        choose_device("warp")
    assert choose_dtype("float32", torch.device("cpu")) is None
    assert choose_dtype("bfloat16", torch.device("cpu")) is torch.bfloat16


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_it_learns_on_a_gpu(tmp_path):
    result = train.train(replace(tiny(tmp_path), device="cuda"), root=tmp_path)
    assert result.val_loss < 2.8


def test_a_trainer_can_be_restored(finished):
    config, corpus = tiny(finished.path.parents[1]), read_record(finished.path).corpus
    trainer = Trainer(config, corpus)
    trainer.restore(runs.load_checkpoint(finished.path))
    assert trainer.done == 30
    assert trainer.evaluate()["val_loss"] == finished.val_loss
