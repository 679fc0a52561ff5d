"""Real data, offline first: `load("mnist")`, `load("text")`, `load("tinyshakespeare")`, ...

A name is looked for in this order, and one line says where it was found:
    1. `$COURSE_DATA/<name>/`, files in their published formats;
    2. the Hugging Face hub, if it answers; kept under `runs/data/` for the next time;
    3. the embedded default: real data that every installation has.
The path of a text file and the id of a hub data set (`owner/name`) are names too, without default.
A truncated or altered file is an error that names it; it is never half used.
"""

import gzip
import hashlib
import os
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from shared import texts
from shared.files import write_bytes
from shared.network import hub_answers
from shared.runs import RUNS
from shared.texts import DataError, Text

CACHE = RUNS / "data"
DIGITS_TEST_SHARE = 0.2


@dataclass(frozen=True)
class Images:
    """Labelled grey images. `*_x`: (N, H, W) uint8, 0 is background; `*_y`: (N,) uint8."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    source: str


@dataclass(frozen=True)
class Dataset:
    """How one name is found. A reader that is None means that this source does not have it."""

    default: Callable[[], Images | Text]
    read_folder: Callable[[Path], Images | Text] | None = None
    read_hub: Callable[[], Images | Text] | None = None


def load(name: str) -> Images | Text:
    """Find a dataset and print one line saying which source it was.

    Raises:
        DataError: the name is unknown, or a file that is there cannot be trusted.
    """
    dataset = DATASETS.get(name) or _dataset_of_anyone(name)
    found = _from_folder(name, dataset) or _from_hub(name, dataset)
    missing = dataset.read_folder is not None and found is None
    told = f"no {name} in $COURSE_DATA or on the hub, so " if missing else ""
    found = found or dataset.default()
    print(f"data: {told}{found.source}", flush=True)
    return found


def _dataset_of_anyone(name: str) -> Dataset:
    """How to find a text file, or a data set of the hub."""
    if Path(name).is_file():
        return Dataset(default=lambda: texts.read_file(Path(name)))
    if re.fullmatch(r"[\w-]+/[\w.-]+", name) and not Path(name).parent.is_dir():
        return Dataset(default=lambda: _unreachable(name), read_hub=lambda: texts.read_hub(name))
    raise DataError(
        f"no dataset is called {name!r}; there are {', '.join(sorted(DATASETS))}, and any text "
        "file or hub data set owner/name"
    )


def _unreachable(name: str) -> Text:
    raise DataError(f"the hub did not give {name}; try a text file, or {', '.join(DATASETS)}")


def _from_folder(name: str, dataset: Dataset) -> Images | Text | None:
    root = os.environ.get("COURSE_DATA")
    if not root:
        return None
    if not Path(root).is_dir():
        raise DataError(f"COURSE_DATA is {root}, which is not a folder")
    folder = Path(root) / name
    return dataset.read_folder(folder) if dataset.read_folder and folder.is_dir() else None


def _from_hub(name: str, dataset: Dataset) -> Images | Text | None:
    if dataset.read_hub is None:
        return None
    images, text = (CACHE / (name.replace("/", "--") + end) for end in (".safetensors", ".json"))
    if images.exists():
        return _read_cache(images)
    if text.exists():
        return texts.read_cache(text)
    if not hub_answers():
        return None
    try:
        found = dataset.read_hub()
    except DataError:
        raise
    except Exception as error:  # a hub fails in many ways; the default must still be had
        print(f"data: the hub failed ({type(error).__name__}), going on without it", flush=True)
        return None
    if isinstance(found, Text):
        texts.write_cache(text, found)
    else:
        _write_cache(images, found)
    return found


# MNIST: LeCun, Cortes, Burges 1998, in the idx format: big-endian magic number, sizes, bytes.

MNIST_SHA256 = {  # of the uncompressed files, so that any compression of them will do
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def read_mnist(folder: Path, sha256: Mapping[str, str] = MNIST_SHA256) -> Images:
    """Read the four idx files, `.gz` or not.

    Raises:
        DataError: a file is missing, cut short or not the published one.
    """
    arrays = [read_idx(_find(folder, name), expected) for name, expected in sha256.items()]
    return _images(f"MNIST from {folder}", *arrays)


def read_idx(path: Path, sha256: str) -> np.ndarray:
    """Read one idx file of unsigned bytes and check it against the sha256 of its plain content."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is truncated or damaged ({error}); fetch it again") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DataError(f"{path} is not the published file (its sha256 differs); fetch it again")
    n_axes = data[3]
    shape = struct.unpack(f">{n_axes}i", data[4 : 4 + 4 * n_axes])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * n_axes).reshape(shape)


def _find(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            return path
    raise DataError(f"{folder} has no {name}.gz; MNIST is four files: {', '.join(MNIST_SHA256)}")


def _mnist_from_hub() -> Images:
    from datasets import load_dataset

    splits = load_dataset("ylecun/mnist")
    arrays = []
    for split in ("train", "test"):
        arrays.append(np.stack([np.asarray(image, np.uint8) for image in splits[split]["image"]]))
        arrays.append(np.asarray(splits[split]["label"], np.uint8))
    return _images("MNIST from the Hugging Face hub", *arrays)


def read_digits() -> Images:
    """scikit-learn's 1,797 digits (8x8, values 0 to 16), a fixed fifth of each class for testing.

    Alpaydin and Kaynak 1998. No two images are equal, so none is on both sides; the writers are
    not recorded, so some have digits on both.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    x, y = digits.images.astype(np.uint8), digits.target.astype(np.uint8)
    split = train_test_split(x, y, test_size=DIGITS_TEST_SHARE, stratify=y, random_state=0)
    train_x, test_x, train_y, test_y = split
    told = "scikit-learn's handwritten digits (embedded)"
    return _images(told, train_x, train_y, test_x, test_y)


def _images(source: str, *arrays: np.ndarray) -> Images:
    """Bundle four arrays, read-only, with their sizes told."""
    for array in arrays:
        array.flags.writeable = False
    train_x, _, test_x, _ = arrays
    height, width = train_x.shape[1:]
    sizes = f"{len(train_x):,} + {len(test_x):,} images of {height}x{width}"
    return Images(*arrays, f"{source}, {sizes}")


def _write_cache(path: Path, images: Images) -> None:
    from safetensors.numpy import save

    arrays = {field.name: getattr(images, field.name) for field in fields(images)[:-1]}
    told = {"source": images.source, "sha256": _digest(arrays)}
    write_bytes(path, save(arrays, metadata=told))


def _read_cache(path: Path) -> Images:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            told = file.metadata()
    except SafetensorError as error:
        raise DataError(f"{path} is damaged ({error}); delete it") from None
    if _digest(arrays) != told["sha256"]:
        raise DataError(f"{path} differs from its checksum; delete it")
    return Images(**arrays, source=told["source"])


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()


DATASETS = {
    "mnist": Dataset(default=read_digits, read_folder=read_mnist, read_hub=_mnist_from_hub),
    "digits": Dataset(default=read_digits),
    "text": Dataset(default=texts.read_documentation),
    "python": Dataset(default=texts.read_library),
    "tinyshakespeare": Dataset(
        default=texts.read_documentation,
        read_folder=texts.read_shakespeare,
        read_hub=texts.shakespeare_from_hub,
    ),
    "tinystories": Dataset(
        default=texts.read_documentation,
        read_folder=texts.read_tinystories,
        read_hub=texts.tinystories_from_hub,
    ),
}
