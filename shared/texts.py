"""Real texts to train a language model on, for `shared.data`; and any text file or hub data set.

text             this Python's own documentation, on every machine
python           the source code of its standard library, about 8 MB, on every machine
tinyshakespeare  40,000 lines of plays (Karpathy 2015)
tinystories      stories in a small child's words (Eldan and Li 2023, arXiv:2305.07759)
"""

import gzip
import hashlib
import json
import sysconfig
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.files import write_text

END = "<|endoftext|>"  # stands between documents, as in GPT-2's training data

NO_SOURCE = {"encodings", "pydoc_data"}  # tables, and the documentation once more
NO_SOURCE |= {"test", "tests", "site-packages", "dist-packages"}

SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
TINYSTORIES_SHA256 = {  # of the plain text, so that any compression of it will do
    "train.txt.gz": "d9294f004ebff4638ba67a18597be9bebd1a061c362d09b10635da999e4139dc",
    "valid.txt.gz": "f7929ee610f26788b4f56d65a25f0f30679c956291a4593935a9b93beece0ff9",
}


class DataError(ValueError):
    """Data that is missing, truncated or altered; the message is one line that names the file."""


@dataclass(frozen=True)
class Text:
    """A text, and where it came from.

    Attributes:
        text: documents, with `<|endoftext|>` after each where there are several.
        source: for people to read.
        validation: what its publisher keeps apart for validation; empty where nobody does.
    """

    text: str
    source: str
    validation: str = ""


def read_documentation() -> Text:
    """The running interpreter's own documentation, about 0.5 MB of prose."""
    from pydoc_data.topics import topics

    text = "\n".join(topics[name] for name in sorted(topics))
    return Text(text, f"this Python's documentation (embedded), {len(text):,} characters")


def read_library() -> Text:
    """The source code of the running interpreter's standard library, without its tests.

    One document a file, in an order that has nothing to do with the alphabet, so that a part cut
    off for validation is like the rest.
    """
    folder = Path(sysconfig.get_paths()["stdlib"])
    paths = (path.relative_to(folder) for path in folder.rglob("*.py"))
    names = (path.as_posix() for path in paths if not NO_SOURCE & set(path.parts))
    shuffled = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    files = [(folder / name).read_text(encoding="utf-8", errors="ignore") for name in shuffled]
    text = END.join([*files, ""])
    source = f"this Python's standard library (embedded), {len(files)} files, "
    return Text(text, f"{source}{len(text):,} characters")


def read_shakespeare(folder: Path, sha256: str = SHAKESPEARE_SHA256) -> Text:
    """Read `input.txt` of tinyshakespeare.

    Raises:
        DataError: it is missing, cut short or not the published one.
    """
    text = _read_checked(folder / "input.txt", sha256)
    return Text(text, f"tinyshakespeare from {folder}, {len(text):,} characters")


def shakespeare_from_hub() -> Text:
    """Join the three parts that the hub keeps of tinyshakespeare.

    The data set's own page holds a script, which nobody runs any more; the hub keeps what it gave
    on a branch, as tables.
    """
    from datasets import load_dataset

    splits = load_dataset("karpathy/tiny_shakespeare", revision="refs/convert/parquet")
    text = "".join("".join(splits[name]["text"]) for name in ("train", "validation", "test"))
    if hashlib.sha256(text.encode()).hexdigest() != SHAKESPEARE_SHA256:
        raise DataError("karpathy/tiny_shakespeare on the hub is not the published text any more")
    return Text(text, f"tinyshakespeare from the Hugging Face hub, {len(text):,} characters")


def read_tinystories(folder: Path, sha256: Mapping[str, str] = TINYSTORIES_SHA256) -> Text:
    """Read `train.txt.gz` and `valid.txt.gz`; every story ends with a line `<|endoftext|>`.

    Raises:
        DataError: a file is missing, cut short or not the expected one.
    """
    train, valid = (_read_checked(folder / name, digest) for name, digest in sha256.items())
    return Text(train, f"TinyStories from {folder}, {train.count(END):,} stories", valid)


def tinystories_from_hub() -> Text:
    """TinyStories as its authors publish it, 2 GB."""
    return read_hub("roneneldan/TinyStories")


def read_hub(name: str) -> Text:
    """Any data set of the hub that has a column `text`; its validation part, if there is one.

    Raises:
        DataError: it has no training part or no such column.
    """
    from datasets import load_dataset

    splits = load_dataset(name)
    if "train" not in splits or "text" not in splits["train"].column_names:
        raise DataError(f"{name} on the hub has no part `train` with a column `text`")
    parts = {part: splits[part]["text"] for part in ("train", "validation") if part in splits}
    train, valid = (_join(parts.get(part, ())) for part in ("train", "validation"))
    return Text(train, f"{name} from the Hugging Face hub, {len(train):,} characters", valid)


def read_file(path: Path) -> Text:
    """Any text file in UTF-8.

    Raises:
        DataError: it is empty or not UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text ({error.reason} at {error.start})") from None
    if not text:
        raise DataError(f"{path} is empty")
    return Text(text, f"{path}, {len(text):,} characters")


def write_cache(path: Path, text: Text) -> None:
    """Keep a text that came from the hub."""
    told = asdict(text)
    write_text(path, json.dumps({**told, "sha256": _digest(text)}))


def read_cache(path: Path) -> Text:
    """Read what `write_cache` wrote.

    Raises:
        DataError: the file is damaged.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        whole, text = told.pop("sha256"), Text(**told)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f"{path} is damaged; delete it") from None
    if _digest(text) != whole:
        raise DataError(f"{path} differs from its checksum; delete it")
    return text


def _join(documents: object) -> str:
    return "".join(f"{document}\n{END}\n" for document in documents)


def _digest(text: Text) -> str:
    return hashlib.sha256(f"{text.text}\0{text.validation}".encode()).hexdigest()


def _read_checked(path: Path, sha256: str) -> str:
    """Read a text, `.gz` or not, if its plain content has that sha256."""
    if not path.is_file():
        raise DataError(f"{path.parent} has no {path.name}")
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is truncated or damaged ({error}); fetch it again") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DataError(f"{path} is not the published file (its sha256 differs); fetch it again")
    return data.decode()
