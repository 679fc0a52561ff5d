"""Data is found in the promised order, told in one line, and never half used."""

import gzip
import hashlib
import os
import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from shared import data

PUBLISHED = Path(os.environ.get("COURSE_DATA") or "nowhere")
SIZES = {"train": 12, "t10k": 5}


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setattr(data, "hub_answers", lambda: False)
    monkeypatch.setattr(data, "CACHE", tmp_path / "cache")


def make_idx(array):
    return struct.pack(f">HBB{array.ndim}i", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def small_mnist(tmp_path, monkeypatch):
    """A folder like $COURSE_DATA with a small MNIST, its images zipped and its labels plain."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "published" / "mnist"
    folder.mkdir(parents=True)
    sha256 = {}
    for split, n in SIZES.items():
        images = make_idx(rng.integers(0, 256, (n, 28, 28), dtype=np.uint8))
        labels = make_idx(rng.integers(0, 10, n, dtype=np.uint8))
        for name, plain in (
            (f"{split}-images-idx3-ubyte", images),
            (f"{split}-labels-idx1-ubyte", labels),
        ):
            sha256[name] = hashlib.sha256(plain).hexdigest()
            if "images" in name:
                (folder / f"{name}.gz").write_bytes(gzip.compress(plain))
            else:
                (folder / name).write_bytes(plain)
    monkeypatch.setattr(data, "MNIST_SHA256", sha256)
    mnist = data.Dataset(data.read_digits, lambda where: data.read_mnist(where, sha256))
    monkeypatch.setitem(data.DATASETS, "mnist", mnist)
    monkeypatch.setenv("COURSE_DATA", str(folder.parent))
    return folder


def test_the_folder_comes_first_and_one_line_says_so(small_mnist, capsys):
    images = data.load("mnist")
    assert images.train_x.shape == (12, 28, 28)
    assert images.test_y.shape == (5,)
    expected = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
    np.testing.assert_array_equal(images.train_x, expected, strict=True)
    assert capsys.readouterr().out == f"data: MNIST from {small_mnist}, 12 + 5 images of 28x28\n"


@pytest.mark.parametrize("keep", [10, 300, 0.5])
def test_a_truncated_file_is_named(small_mnist, keep):
    victim = small_mnist / "train-images-idx3-ubyte.gz"
    whole = victim.read_bytes()
    victim.write_bytes(whole[: int(keep * len(whole)) if keep < 1 else keep])
    with pytest.raises(
        data.DataError, match=r"train-images-idx3-ubyte\.gz is truncated or damaged"
    ):
        data.load("mnist")


def test_an_altered_file_is_named(small_mnist):
    victim = small_mnist / "t10k-labels-idx1-ubyte"
    victim.write_bytes(victim.read_bytes()[:-1] + b"\x0b")
    with pytest.raises(data.DataError, match="t10k-labels-idx1-ubyte is not the published file"):
        data.load("mnist")


def test_a_missing_file_is_named(small_mnist):
    (small_mnist / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(data.DataError, match="has no t10k-labels-idx1-ubyte"):
        data.load("mnist")


def test_a_wrong_course_data_is_not_passed_over(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(data.DataError, match="which is not a folder"):
        data.load("mnist")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(data.DataError, match="there are digits, mnist, text"):
        data.load("mnits")


def test_without_a_source_the_default_is_digits(capsys):
    images = data.load("mnist")
    assert images.train_x.shape == (1437, 8, 8)
    told = capsys.readouterr().out
    assert told.startswith("data: no mnist in $COURSE_DATA or on the hub, so scikit-learn's")
    assert told.count("\n") == 1


def test_digits_are_split_fairly_and_always_alike():
    first, second = data.read_digits(), data.read_digits()
    np.testing.assert_array_equal(first.test_x, second.test_x)
    train = {image.tobytes() for image in first.train_x}
    test = {image.tobytes() for image in first.test_x}
    assert not train & test
    assert len(train) + len(test) == 1797
    counts = Counter(first.test_y.tolist())
    assert counts.keys() == set(range(10))
    assert max(counts.values()) - min(counts.values()) <= 3
    assert first.train_x.dtype == np.uint8
    assert first.train_x.max() == 16


def hub_images():
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (3, 28, 28), dtype=np.uint8), np.arange(3, dtype=np.uint8)
    return data.Images(x, y, x[:1], y[:1], "MNIST from the hub")


@pytest.fixture
def hub(monkeypatch):
    asked = []

    def read():
        asked.append(1)
        return hub_images()

    monkeypatch.setattr(data, "hub_answers", lambda: True)
    monkeypatch.setitem(
        data.DATASETS, "mnist", data.Dataset(data.read_digits, data.read_mnist, read)
    )
    return asked


def test_the_hub_is_asked_once(hub):
    first, second = data.load("mnist"), data.load("mnist")
    assert len(hub) == 1
    np.testing.assert_array_equal(first.train_x, second.train_x)
    assert second.source == "MNIST from the hub"


@pytest.mark.parametrize("damage", [lambda raw: raw[:-7], lambda raw: raw[:-7] + b"\x00" * 7])
def test_a_damaged_copy_of_the_hub_is_named(hub, damage):
    data.load("mnist")
    kept = data.CACHE / "mnist.safetensors"
    kept.write_bytes(damage(kept.read_bytes()))
    with pytest.raises(data.DataError, match=r"mnist\.safetensors .*delete it"):
        data.load("mnist")


def test_a_failing_hub_gives_the_default(monkeypatch, capsys):
    def fail():
        raise ConnectionError("reset")

    monkeypatch.setattr(data, "hub_answers", lambda: True)
    monkeypatch.setitem(
        data.DATASETS, "mnist", data.Dataset(data.read_digits, data.read_mnist, fail)
    )
    assert data.load("mnist").train_x.shape[1:] == (8, 8)
    assert "the hub failed (ConnectionError)" in capsys.readouterr().out
    assert not data.CACHE.exists()


def test_text_is_the_documentation_of_this_python():
    text = data.load("text").text
    assert len(text) > 200_000
    assert "lambda" in text


def test_a_console_without_utf8_can_print_the_source():
    for name in data.DATASETS:
        data.load(name).source.encode("cp1252")


@pytest.mark.skipif(not (PUBLISHED / "mnist").is_dir(), reason="COURSE_DATA has no MNIST")
def test_the_published_mnist():
    images = data.read_mnist(PUBLISHED / "mnist")
    counts = np.bincount(images.train_y).tolist()
    assert counts == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(images.test_y).tolist()[:3] == [980, 1135, 1032]
    assert images.train_x.shape == (60_000, 28, 28)
