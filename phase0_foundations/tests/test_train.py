"""The training program: it learns, it does not cheat, and it survives Ctrl-C and kill -9."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from phase0_foundations.project import augment, digits, inspection, mlp, sanity, train
from phase0_foundations.project.config import Config
from phase0_foundations.project.record import read_record
from phase0_foundations.project.trainer import Trainer
from shared import runs
from shared.data import Images

ROOT = Path(__file__).resolve().parents[2]
TINY = Config(
    hidden=(32, 16), max_steps=60, warmup_steps=5, batch_size=32, lr=5e-3, eval_every=20, name="a"
)


def make_digits(n=400, n_test=100, noise=0.1):
    """Blurred pictures of ten random prototypes, 8x8."""
    prototypes = np.random.default_rng(0).random((10, 8, 8)) > 0.6
    rng = np.random.default_rng(1)

    def draw(n):
        y = rng.permutation(np.arange(n) % 10).astype(np.uint8)
        x = np.clip(prototypes[y] + noise * rng.standard_normal((n, 8, 8)), 0, 1)
        return (16 * x).astype(np.uint8), y

    return digits.split(Images(*draw(n), *draw(n_test), source="prototypes"))


@pytest.fixture(scope="module")
def images():
    return make_digits()


def losses(path):
    return [record["loss"] for record in runs.read_metrics(path) if "loss" in record]


# -- data -------------------------------------------------------------------------------------


def test_the_three_heaps_share_no_image():
    n = 200
    numbered = np.arange(n, dtype=np.uint8).repeat(4).reshape(n, 2, 2)
    split = digits.split(Images(numbered, np.zeros(n, np.uint8), numbered[:5], np.zeros(5), "x"))
    train_ids, val_ids = (set((199 * x[:, 0, 0]).round()) for x in (split.train_x, split.val_x))
    assert len(val_ids) == 20
    assert train_ids | val_ids == set(range(n))
    assert not train_ids & val_ids


def test_moving_by_nothing_changes_nothing(images):
    x = images.train_x[:5]
    y, x_places = np.mgrid[:8, :8].reshape(2, 1, 64).astype(np.float32)
    np.testing.assert_array_equal(augment.sample(x, y, x_places), x.reshape(5, 64))


def test_moving_by_a_pixel_is_a_shift_with_background_coming_in(images):
    x = images.train_x[:5]
    y, x_places = np.mgrid[:8, :8].reshape(2, 1, 64).astype(np.float32)
    moved = augment.sample(x, y + 1, x_places).reshape(5, 8, 8)
    np.testing.assert_array_equal(moved[:, :-1], x[:, 1:])
    np.testing.assert_array_equal(moved[:, -1], 0)


def test_moved_images_stay_images(images):
    moved = augment.move(images.train_x, np.random.default_rng(0))
    assert moved.shape == images.train_x.shape
    assert moved.dtype == np.float32
    assert 0 <= moved.min() <= moved.max() <= 1
    assert (moved != images.train_x).any(axis=(1, 2)).all()


def test_only_training_images_are_moved(images, monkeypatch):
    moved = []
    monkeypatch.setattr(augment, "move", lambda x, rng: moved.append(len(x)) or x)
    trainer = Trainer(TINY, images)
    trainer.step()
    assert moved == [32]
    trainer.evaluate()
    assert moved == [32]


# -- learning ---------------------------------------------------------------------------------


def test_it_learns_and_writes_everything(images, tmp_path, capsys):
    result = train.train(TINY, images, root=tmp_path)
    assert result.test_accuracy > 0.95
    told = capsys.readouterr().out
    assert "shifted by up to 7%" in told
    assert "40 images for validation, 100 for one last test" in told
    assert {path.name for path in result.path.iterdir()} == {
        "config.json",
        "metrics.jsonl",
        "checkpoints",
        "model.safetensors",
        "results.json",
    }
    assert len(losses(result.path)) == 60
    record = read_record(result.path, images)
    right = np.mean(record.test_probabilities.argmax(axis=1) == images.test_y)
    assert (
        right
        == result.test_accuracy
        == json.loads((result.path / "results.json").read_text())["test_accuracy"]
    )


def test_permuted_labels_teach_nothing(images, tmp_path):
    # What leaks from the test or validation images into training would show here.
    permuted = np.random.default_rng(3).permutation(images.train_y)
    result = train.train(TINY, replace(images, train_y=permuted), root=tmp_path)
    # Chance is 0.1 of 100 images; 0.25 is five standard deviations above it.
    assert result.test_accuracy < 0.25


def test_one_batch_is_learned_by_heart(images, capsys):
    assert sanity.overfit_one_batch(TINY, images) == 1.0
    assert capsys.readouterr().out.count("loss") == 5


def test_a_broken_network_does_not_pass_the_sanity_check(images, monkeypatch):
    monkeypatch.setattr(sanity, "load_digits", lambda _: images)
    monkeypatch.setattr(Trainer, "step", lambda self: None)
    with pytest.raises(SystemExit, match="cannot even learn one batch"):
        sanity.main(TINY)


# -- inspection -------------------------------------------------------------------------------


def test_confusion_by_hand():
    counts = inspection.confusion_matrix(np.array([4, 4, 9, 4]), np.array([9, 4, 9, 9]))
    assert counts.sum() == 4
    assert counts[4, 9] == 2
    assert inspection.commonest_confusion(counts) == (4, 9, 2)


def test_a_unit_that_never_fires_is_called_dead(images):
    trainer = Trainer(TINY, images)
    first = trainer.model.layers[0]
    first.weight.data[:, 3], first.bias.data[3] = -1.0, -1.0  # pixels are not negative
    anatomy = inspection.dissect(trainer.model, images.train_x, images.train_y)
    assert 3 in anatomy.dead_units()[0]
    assert not anatomy.gradients[0][:, 3].any()
    assert anatomy.gradients[0].any()


def test_neighbour_correlation_of_noise_and_of_stripes():
    noise = np.random.default_rng(0).standard_normal((64, 500))
    assert abs(inspection.neighbour_correlation(noise, (8, 8))) < 0.02
    stripes = np.repeat(noise.reshape(8, 8, 500)[:, :1], 8, axis=1).reshape(64, 500)
    assert inspection.neighbour_correlation(stripes, (8, 8)) > 0.99


def test_the_model_scores_the_same_in_one_batch_or_many(images, monkeypatch):
    model = Trainer(TINY, images).model
    whole = mlp.logits(model, images.train_x)
    monkeypatch.setattr(mlp, "EVAL_BATCH", 7)
    np.testing.assert_allclose(mlp.logits(model, images.train_x), whole, rtol=1e-5, atol=1e-6)
    assert model.training


# -- interruptions ----------------------------------------------------------------------------

PROGRAM = """
import sys
from pathlib import Path
from dataclasses import replace
from phase0_foundations.project import train
from phase0_foundations.project.trainer import Trainer
from phase0_foundations.tests.test_train import TINY, make_digits
step = Trainer.step
def told(self):
    metrics = step(self)
    print("step", self.done, flush=True)
    return metrics
Trainer.step = told
resume = len(sys.argv) > 2
train.train(replace(TINY, resume=resume), make_digits(), root=Path(sys.argv[1]))
"""


def start(root, *flags):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(root), *flags],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_step(process, step):
    while process.stdout.readline() != f"step {step}\n":
        assert process.poll() is None, process.stderr.read()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_resume_after_kill_9_gives_the_same_losses_bit_for_bit(images, tmp_path):
    whole = train.train(TINY, images, root=tmp_path / "whole")
    killed = start(tmp_path / "killed")
    wait_for_step(killed, 31)
    killed.kill()
    killed.communicate()
    resumed = start(tmp_path / "killed", "resume")
    out, err = resumed.communicate(timeout=60)
    assert resumed.returncode == 0, err
    path = tmp_path / "killed" / "phase0" / "a"
    assert losses(path) == losses(whole.path)
    model = "model.safetensors"
    assert (path / model).read_bytes() == (whole.path / model).read_bytes()
    assert "step 21\n" in out
    assert "step 20\n" not in out  # it went on from the checkpoint, not from the start


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C in another way")
def test_ctrl_c_saves_and_stops(images, tmp_path):
    stopped = start(tmp_path)
    wait_for_step(stopped, 27)
    stopped.send_signal(signal.SIGINT)
    out, err = stopped.communicate(timeout=60)
    saved = runs.load_checkpoint(tmp_path / "phase0" / "a")
    assert 27 <= saved.step < 60
    assert f"stopped and saved after step {saved.step}; go on with --resume" in out
    assert err.strip().endswith("KeyboardInterrupt")  # which shared.cli turns into exit code 130
    again = train.train(replace(TINY, resume=True), images, root=tmp_path)
    assert losses(again.path) == losses(train.train(TINY, images, root=tmp_path / "b").path)


# -- the command line -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ({"data": "cifar"}, "mnist or digits"),
        ({"hidden": ()}, "hidden"),
        ({"hidden": (8, 0)}, "hidden"),
        ({"max_steps": 0}, "max_steps"),
        ({"lr": float("nan")}, "lr"),
        ({"warmup_steps": 60}, "warmup_steps"),
        ({"dropout": 1.0}, "dropout"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"name": "a/b"}, "folder name"),
        ({"name": ""}, "folder name"),
    ],
)
def test_bad_settings_are_named(setting, word):
    with pytest.raises(ValueError, match=word):
        replace(TINY, **setting)


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        ("--lr -1", "lr must be positive, got -1.0"),
        ("--learning-rate 1", "--learning-rate"),
        ("--data digits --resume --name never-started", "nothing to resume"),
    ],
)
def test_a_bad_command_is_one_line_and_exit_code_2(flags, word):
    command = [sys.executable, "-m", "phase0_foundations.project.train", *flags.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert word in line


def test_training_does_not_import_torch():
    code = "import sys, phase0_foundations.project.tour; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
