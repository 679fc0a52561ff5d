"""Data is found in the promised order, told in one line, and never half used."""

import gzip
import hashlib
import os
import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from shared import data, texts

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
    with pytest.raises(data.DataError, match="there are digits, mnist, python, text, tiny"):
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


def test_python_is_the_standard_library_shuffled_and_without_tests(capsys):
    text = data.load("python").text
    assert len(text) > 2_000_000
    assert text.count(texts.END) > 100
    assert "class JSONDecoder(" in text
    assert "class TestCase(" in text  # unittest is part of it, its tests are not
    assert "standard library (embedded)" in capsys.readouterr().out
    assert data.load("python").text == text


def test_a_console_without_utf8_can_print_the_source():
    for name in data.DATASETS:
        data.load(name).source.encode("cp1252")


# -- texts ------------------------------------------------------------------------------------


@pytest.fixture
def plays(tmp_path, monkeypatch):
    """A folder like $COURSE_DATA with a short tinyshakespeare."""
    folder = tmp_path / "published" / "tinyshakespeare"
    folder.mkdir(parents=True)
    (folder / "input.txt").write_text("First Citizen:\nSpeak.\n")
    digest = hashlib.sha256((folder / "input.txt").read_bytes()).hexdigest()
    found = data.Dataset(
        texts.read_documentation, lambda where: texts.read_shakespeare(where, digest)
    )
    monkeypatch.setitem(data.DATASETS, "tinyshakespeare", found)
    monkeypatch.setenv("COURSE_DATA", str(folder.parent))
    return folder / "input.txt"


def test_shakespeare_comes_from_the_folder(plays, capsys):
    found = data.load("tinyshakespeare")
    assert found == data.Text("First Citizen:\nSpeak.\n", found.source)
    assert capsys.readouterr().out == f"data: tinyshakespeare from {plays.parent}, 22 characters\n"


@pytest.mark.parametrize("text", ["First Citizen:\n", "First Citizen:\nSpeaks\n", ""])
def test_an_altered_play_is_named(plays, text):
    plays.write_text(text)
    with pytest.raises(data.DataError, match=r"input\.txt is not the published file"):
        data.load("tinyshakespeare")


def test_a_missing_play_is_named(plays):
    plays.unlink()
    with pytest.raises(data.DataError, match=r"has no input\.txt"):
        data.load("tinyshakespeare")


def test_stories_keep_their_validation_part(tmp_path):
    parts = {"train.txt.gz": "A cat.\n<|endoftext|>\n" * 3, "valid.txt.gz": "A dog.\n"}
    for name, text in parts.items():
        (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    sha256 = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in parts.items()}
    found = texts.read_tinystories(tmp_path, sha256)
    assert (found.text, found.validation) == tuple(parts.values())
    assert found.source.endswith("3 stories")
    whole = (tmp_path / "train.txt.gz").read_bytes()
    (tmp_path / "train.txt.gz").write_bytes(whole[:-9])
    with pytest.raises(data.DataError, match=r"train\.txt\.gz is truncated or damaged"):
        texts.read_tinystories(tmp_path, sha256)


@pytest.mark.parametrize("name", ["tinyshakespeare", "tinystories"])
def test_without_a_source_a_text_is_the_documentation(name, capsys):
    assert data.load(name).text == data.load("text").text
    assert f"no {name} in $COURSE_DATA or on the hub, so this Python's" in capsys.readouterr().out


def test_any_text_file_will_do(tmp_path, capsys):
    path = tmp_path / "poem.txt"
    path.write_bytes("Über allen Gipfeln\r\n".encode())
    assert data.load(str(path)).text == "Über allen Gipfeln\n"
    assert "poem.txt, 19 characters" in capsys.readouterr().out
    path.write_bytes(b"abc\xff")
    with pytest.raises(data.DataError, match=r"poem\.txt is not UTF-8 text .* at 3"):
        data.load(str(path))
    path.write_text("")
    with pytest.raises(data.DataError, match="is empty"):
        data.load(str(path))


def test_a_hub_text_is_fetched_once_and_a_damaged_copy_named(monkeypatch):
    asked = []
    told = data.Text("some text", "owner/name from the hub", "held out")
    monkeypatch.setattr(data, "hub_answers", lambda: True)
    monkeypatch.setattr(texts, "read_hub", lambda name: asked.append(name) or told)
    assert data.load("owner/name") == told
    assert data.load("owner/name") == told
    assert asked == ["owner/name"]
    kept = data.CACHE / "owner--name.json"
    kept.write_text(kept.read_text().replace("some", "same"))
    with pytest.raises(data.DataError, match=r"owner--name\.json differs from its checksum"):
        data.load("owner/name")
    kept.write_text(kept.read_text()[:-5])
    with pytest.raises(data.DataError, match=r"owner--name\.json is damaged"):
        data.load("owner/name")


def test_a_hub_text_without_network_is_an_error_not_another_text():
    with pytest.raises(data.DataError, match="the hub did not give owner/name"):
        data.load("owner/name")


def test_what_the_hub_lacks_is_told(monkeypatch):
    def fail(name):
        raise data.DataError(f"{name} on the hub has no part `train`")

    monkeypatch.setattr(data, "hub_answers", lambda: True)
    monkeypatch.setattr(texts, "read_hub", fail)
    with pytest.raises(data.DataError, match="has no part `train`"):
        data.load("owner/name")


def fake_hub(monkeypatch, splits):
    import datasets

    made = {part: datasets.Dataset.from_dict(columns) for part, columns in splits.items()}
    monkeypatch.setattr(
        datasets, "load_dataset", lambda name, revision=None: datasets.DatasetDict(made)
    )


def test_the_columns_of_a_hub_data_set(monkeypatch):
    fake_hub(monkeypatch, {"train": {"text": ["a", "b"]}, "validation": {"text": ["c"]}})
    found = texts.read_hub("owner/name")
    assert found.text == "a\n<|endoftext|>\nb\n<|endoftext|>\n"
    assert found.validation == "c\n<|endoftext|>\n"
    fake_hub(monkeypatch, {"train": {"sentence": ["a"]}})
    with pytest.raises(data.DataError, match="has no part `train` with a column `text`"):
        texts.read_hub("owner/name")


def test_the_hubs_shakespeare_is_put_together_and_checked(monkeypatch):
    parts = {name: {"text": [name]} for name in ("test", "train", "validation")}
    fake_hub(monkeypatch, parts)
    digest = hashlib.sha256(b"trainvalidationtest").hexdigest()
    monkeypatch.setattr(texts, "SHAKESPEARE_SHA256", digest)
    assert texts.shakespeare_from_hub().text == "trainvalidationtest"
    parts["test"]["text"] = ["rest"]
    fake_hub(monkeypatch, parts)
    with pytest.raises(data.DataError, match="not the published text"):
        texts.shakespeare_from_hub()


@pytest.mark.skipif(
    not (PUBLISHED / "tinyshakespeare").is_dir(), reason="COURSE_DATA has no tinyshakespeare"
)
def test_the_published_texts():
    plays = texts.read_shakespeare(PUBLISHED / "tinyshakespeare").text
    assert (len(plays), len(set(plays))) == (1_115_394, 65)
    assert plays.startswith("First Citizen:\n")
    stories = texts.read_tinystories(PUBLISHED / "tinystories")
    assert stories.text.count("<|endoftext|>") == 7357
    assert stories.validation.count("<|endoftext|>") == 598


@pytest.mark.skipif(not (PUBLISHED / "mnist").is_dir(), reason="COURSE_DATA has no MNIST")
def test_the_published_mnist():
    images = data.read_mnist(PUBLISHED / "mnist")
    counts = np.bincount(images.train_y).tolist()
    assert counts == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(images.test_y).tolist()[:3] == [980, 1135, 1032]
    assert images.train_x.shape == (60_000, 28, 28)
