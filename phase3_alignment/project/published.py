"""Readers of published data: from files in their published formats, and from the hub.

A file is read whole, compared with its sha256, and only then parsed.
"""

import csv
import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from phase3_alignment.project.records import Conversation, Corpus, Labelled, Pair, held_out
from phase3_alignment.solution.chat import Message
from shared.texts import DataError

SHA256 = {  # of the plain content, so that any compression of it will do
    "databricks-dolly-15k.jsonl": (
        "de836f14a7070b43b99d0ebcabc5fb8e2aa8c78ff4ee18a61e0b5fc0a89efeed"
    ),
    "helpful-base-test.jsonl": "3e0bee4ace0451d8a4425f29cd6a56a851c2abe6c66c18d35b05d515901bf9bf",
    "stsa.binary.train": "71c04bcc41291fa47454dd670df701b14ee9249156babeaac404cfe2c8d74338",
    "stsa.binary.dev": "02fedc82855dbdcabe82c65ed1af6c6570788eaac51073cdb35ee8c7784426d1",
    "stsa.binary.test": "6a80dc9b9a0db2d3b37f2f809304febad31c90ab67a5b4157b7d9f881c53ef5b",
    "train.csv": "b06e26ac675513959a63135f11b94ea7786ed02da65db93a5650d8838cbc664b",
    "test.csv": "d12d6e3bc4c3103966ae786dc435913c0c563dfa328f5a3646d0e62cfeeb474d",
    "categories.json": "53261da888122daf2d120d925458631d9619e15d82e56052e7a42e535ce32b63",
    "instruction-data.json": "7e09a9af353722ca15c18bc580f093f9c39d3178335a75177319cb1e1d163944",
    "instruction-data-with-preference.json": (
        "305315abf14f65fa42c01a0877572f832606571c2a7d49f152ac1d758b16756e"
    ),
}
SENTIMENTS = ("negative", "positive")
TURN = re.compile(r"\n\n(Human|Assistant): ?")
ROLES = {"Human": "user", "Assistant": "assistant"}


def read_checked(folder: Path, name: str, sha256: Mapping[str, str] = SHA256) -> str:
    """Read a file, or the `.gz` of it, if its plain content is the published one.

    Raises:
        DataError: it is missing, cut short or altered; one line that names it.
    """
    paths = [path for path in (folder / f"{name}.gz", folder / name) if path.is_file()]
    if not paths:
        raise DataError(f"{folder} has no {name}, and no {name}.gz")
    path = paths[0]
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is truncated or damaged ({error}); fetch it again") from None
    if hashlib.sha256(data).hexdigest() != sha256[name]:
        raise DataError(f"{path} is not the published file (its sha256 differs); fetch it again")
    return data.decode()


def lines_of(text: str) -> list[str]:
    """Cut at line ends and nowhere else: `splitlines` would also cut at other characters."""
    return [line for line in text.split("\n") if line]


# -- rows to records --------------------------------------------------------------------------


def instruction(row: Mapping[str, str], context: str) -> tuple[Message, ...]:
    """The user's turn: an instruction, and what it is about below it, if anything."""
    parts = [row["instruction"].strip(), row[context].strip()]
    return (Message("user", "\n\n".join(filter(None, parts))),)


def dolly(rows: Iterable[Mapping[str, str]]) -> list[Conversation]:
    """Conover et al. 2023 (databricks-dolly-15k): instruction, context, response."""
    return [
        Conversation((*instruction(row, "context"), Message("assistant", row["response"].strip())))
        for row in rows
    ]


def preference(row: Mapping[str, str]) -> Pair:
    """Take apart two transcripts of hh-rlhf (Bai et al. 2022, arXiv:2204.05862).

    The prompt is what both have in common, up to the last turn of the person; each answer is the
    rest, whole. A few rows go on after it, with turns that differ: those stay text of the answer.
    """
    both = [_turns(row[name]) for name in ("chosen", "rejected")]
    common = 0
    while common < min(map(len, both)) and both[0][common] == both[1][common]:
        common += 1
    while common and both[0][common - 1][0] != "Human":
        common -= 1
    prompt = tuple(Message(ROLES[who], text) for who, text in both[0][:common])
    return Pair(prompt, *(_rest(turns[common:]) for turns in both))


def _turns(transcript: str) -> list[tuple[str, str]]:
    _, *parts = TURN.split(transcript)
    return [(who, text.strip()) for who, text in zip(parts[::2], parts[1::2], strict=True)]


def _rest(turns: list[tuple[str, str]]) -> str:
    (_, answer), *others = turns
    return "".join([answer, *(f"\n\n{who}: {text}" for who, text in others)]).strip()


def preferences(rows: Iterable[Mapping[str, str]]) -> list[Pair]:
    """Pairs of hh-rlhf, without the few in which somebody says nothing."""
    pairs = map(preference, rows)
    return [pair for pair in pairs if pair.prompt and pair.chosen and pair.rejected]


# -- files ------------------------------------------------------------------------------------


def dolly_from(folder: Path) -> Corpus:
    """Read Dolly; a tenth of the prompts is held out."""
    text = read_checked(folder, "databricks-dolly-15k.jsonl")
    parts = held_out(dolly(map(json.loads, lines_of(text))), 0.1)
    return Corpus(*parts, f"Dolly from {folder}")


def hh_rlhf_from(folder: Path) -> Corpus:
    """Read the helpful test split of hh-rlhf; a fifth of its prompts is held out once more."""
    text = read_checked(folder, "helpful-base-test.jsonl")
    parts = held_out(preferences(map(json.loads, lines_of(text))), 0.2)
    return Corpus(*parts, f"hh-rlhf (helpful, its test split) from {folder}")


def instruct_small_from(folder: Path) -> Corpus:
    """Read Raschka's small instruction set; a tenth of the prompts is held out."""
    rows = json.loads(read_checked(folder, "instruction-data.json"))
    records = [
        Conversation((*instruction(row, "input"), Message("assistant", row["output"].strip())))
        for row in rows
    ]
    return Corpus(*held_out(records, 0.1), f"instruct-small from {folder}")


def instruct_pairs_from(folder: Path) -> Corpus:
    """Read its pairs, a polite and an impolite answer each; a fifth of the prompts is held out."""
    rows = json.loads(read_checked(folder, "instruction-data-with-preference.json"))
    pairs = [
        Pair(instruction(row, "input"), row["chosen"].strip(), row["rejected"].strip())
        for row in rows
    ]
    return Corpus(*held_out(pairs, 0.2), f"instruct-small with preferences from {folder}")


def sst2_from(folder: Path) -> Corpus:
    """Read SST-2, whole sentences (Socher et al. 2013), in its published three parts."""
    parts = []
    for name in ("train", "test", "dev"):
        lines = lines_of(read_checked(folder, f"stsa.binary.{name}"))
        parts.append(tuple(Labelled(line[2:], int(line[0])) for line in lines))
    train, test, validation = parts
    return Corpus(train, test, f"SST-2 from {folder}", validation, SENTIMENTS)


def banking77_from(folder: Path) -> Corpus:
    """Read Banking77 (Casanueva et al. 2020), in its published two parts."""
    names = json.loads(read_checked(folder, "categories.json"))
    number = {name: i for i, name in enumerate(names)}
    parts = []
    for name in ("train.csv", "test.csv"):
        rows = csv.DictReader(io.StringIO(read_checked(folder, name), newline=""))
        parts.append(tuple(Labelled(row["text"], number[row["category"]]) for row in rows))
    return Corpus(*parts, f"Banking77 from {folder}", names=tuple(names))


# -- the hub ----------------------------------------------------------------------------------


def _hub(name: str, **options: str) -> Mapping[str, Iterable]:
    from datasets import load_dataset

    return load_dataset(name, **options)


def dolly_from_hub() -> Corpus:
    """Dolly, as its publisher keeps it; the split is that of the file."""
    rows = _hub("databricks/databricks-dolly-15k")["train"]
    return Corpus(*held_out(dolly(rows), 0.1), "Dolly from the Hugging Face hub")


def hh_rlhf_from_hub() -> Corpus:
    """The helpful part of hh-rlhf in its published two parts, 43,835 and 2,354 pairs."""
    splits = _hub("Anthropic/hh-rlhf", data_dir="helpful-base")
    parts = (tuple(preferences(splits[name])) for name in ("train", "test"))
    return Corpus(*parts, "hh-rlhf (helpful) from the Hugging Face hub")


def sst2_from_hub() -> Corpus:
    """SST-2 of GLUE: 67,349 phrases; its test labels are secret, so the dev part is for testing."""
    splits = _hub("stanfordnlp/sst2")
    train, test = (
        tuple(Labelled(row["sentence"].strip(), row["label"]) for row in splits[name])
        for name in ("train", "validation")
    )
    return Corpus(train, test, "SST-2 from the Hugging Face hub", names=SENTIMENTS)


def banking77_from_hub() -> Corpus:
    """Banking77; its page holds a script, and a branch keeps what that gave, as tables."""
    splits = _hub("PolyAI/banking77", revision="refs/convert/parquet")
    names = tuple(splits["train"].features["label"].names)
    train, test = (
        tuple(Labelled(row["text"], row["label"]) for row in splits[name])
        for name in ("train", "test")
    )
    return Corpus(train, test, "Banking77 from the Hugging Face hub", names=names)
