"""Real data by name, offline first: `load("dolly")`, `load("hh-rlhf")`, `load("my.jsonl")`, ...

A name is looked for in this order, and one line says where it was found:
    1. `$COURSE_DATA/<name>/`, files in their published formats, checked by sha256;
    2. the Hugging Face hub, if it answers;
    3. the embedded default: questions and answers of this Python's own documentation.
The path of a file of JSON lines is a name, too: {"messages": [{"role", "content"}, ...]},
{"prompt", "chosen", "rejected"} or {"text", "label"}, one kind a file.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from phase3_alignment.project import documentation, published
from phase3_alignment.project.records import Conversation, Corpus, Labelled, Pair, held_out
from phase3_alignment.solution.chat import Message
from shared.network import hub_answers
from shared.texts import DataError

EMBEDDED = "this Python's documentation (embedded)"


def documented_conversations() -> Corpus:
    """What is it, how is it called."""
    return Corpus(*held_out(documentation.conversations(), 0.2), EMBEDDED)


def documented_pairs() -> Corpus:
    """The answer, and the answer to something else."""
    return Corpus(*held_out(documentation.pairs(), 0.2), f"{EMBEDDED}, right and wrong answers")


def documented_labels() -> Corpus:
    """Which module a sentence describes a part of."""
    texts, names = documentation.labelled()
    return Corpus(*held_out(texts, 0.2), f"{EMBEDDED}, by module", names=names)


@dataclass(frozen=True)
class Dataset:
    """How one name is found: a default of the same kind of records, and, if any, other sources."""

    default: Callable[[], Corpus]
    folder: str = ""
    read_folder: Callable[[Path], Corpus] | None = None
    read_hub: Callable[[], Corpus] | None = None


DATASETS = {
    "documentation": Dataset(documented_conversations),
    "documentation-pairs": Dataset(documented_pairs),
    "documentation-labels": Dataset(documented_labels),
    "dolly": Dataset(
        documented_conversations, "dolly", published.dolly_from, published.dolly_from_hub
    ),
    "instruct-small": Dataset(
        documented_conversations, "instruct-small", published.instruct_small_from
    ),
    "instruct-small-pairs": Dataset(
        documented_pairs, "instruct-small", published.instruct_pairs_from
    ),
    "hh-rlhf": Dataset(
        documented_pairs, "hh-rlhf", published.hh_rlhf_from, published.hh_rlhf_from_hub
    ),
    "sst2": Dataset(documented_labels, "sst2", published.sst2_from, published.sst2_from_hub),
    "banking77": Dataset(
        documented_labels, "banking77", published.banking77_from, published.banking77_from_hub
    ),
}


def load(name: str) -> Corpus:
    """Find data and print one line saying what it is.

    Raises:
        DataError: the name is unknown, or a file that is there cannot be trusted.
    """
    if name in DATASETS:
        corpus = _find(name, DATASETS[name])
    elif Path(name).is_file():
        corpus = read_jsonl(Path(name))
    else:
        known = ", ".join(sorted(DATASETS))
        raise DataError(f"no data is called {name!r}; there are {known}, and any .jsonl file")
    sizes = f"{len(corpus.train):,} to learn from, {len(corpus.test):,} to test on"
    print(f"data: {corpus.source}, {sizes}", flush=True)
    return corpus


def _find(name: str, dataset: Dataset) -> Corpus:
    if dataset.read_folder is None:
        return dataset.default()
    if root := os.environ.get("COURSE_DATA"):
        if not Path(root).is_dir():
            raise DataError(f"COURSE_DATA is {root}, which is not a folder")
        if (folder := Path(root) / dataset.folder).is_dir():
            return dataset.read_folder(folder)
    if dataset.read_hub is not None and hub_answers():
        try:
            return dataset.read_hub()
        except Exception as error:  # a hub fails in many ways; the default must still be had
            print(f"data: the hub failed ({type(error).__name__}), going on without it", flush=True)
    print(f"data: no {name} in $COURSE_DATA or on the hub, so the default", flush=True)
    return dataset.default()


# -- a file of anyone -------------------------------------------------------------------------


def read_jsonl(path: Path) -> Corpus:
    """Read JSON lines of one kind; a tenth of the prompts is held out.

    Raises:
        DataError: a line is no record, or of another kind than the first; it is named.
    """
    records, names = [], {}
    for number, line in enumerate(published.lines_of(path.read_text(encoding="utf-8")), start=1):
        try:
            record = _record(json.loads(line), names)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}:{number} is no record ({error!r})") from None
        if records and type(record) is not type(records[0]):
            raise DataError(f"{path}:{number} is of another kind than the lines before it")
        records.append(record)
    return Corpus(*held_out(records, 0.1), f"{path}", names=tuple(names))


def _record(row: dict, names: dict[str, int]) -> Conversation | Pair | Labelled:
    """Make a record of a row; labels are numbered as they come."""
    if "messages" in row:
        return Conversation(tuple(Message(m["role"], m["content"]) for m in row["messages"]))
    if "chosen" in row:
        return Pair((Message("user", row["prompt"]),), row["chosen"], row["rejected"])
    return Labelled(row["text"], names.setdefault(str(row["label"]), len(names)))
