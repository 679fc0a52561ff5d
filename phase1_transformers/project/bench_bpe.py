"""How fast merges are learned here, and by the programs that one would pick instead.

Shakespeare's plays (1.1 MB) and the interpreter's own source (10 MB), with GPT-4's pattern and 512,
1024 and 8192 tokens. Ours is one process; `tokenizers` and `rustbpe` use all cores. minbpe, whose
folder the environment variable MINBPE names, would take minutes to hours. Of it, and of our own
clear trainer, one merge is timed on the text as it is *after* all merges, and multiplied: as
merging makes the text shorter, no merge is cheaper, so the real time is longer still.

Memory: the peak of a process that learns 8192 tokens from the source, above what it held when the
text was read. Run `make phase1-bench`, or `python -m phase1_transformers.project.bench_bpe`.
"""

import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from phase1_transformers.project import bpe_peers
from phase1_transformers.project.bpe_texts import Corpus, corpora, interpreter_source
from phase1_transformers.solution import bpe, bpe_fast
from phase1_transformers.solution.pretokenize import split_blocks
from phase1_transformers.solution.splitting import GPT2_PATTERN, GPT4_PATTERN
from shared.bench import ROOT, Contender, Row, Timing, interleave

VOCAB_SIZES = (512, 1024, 8192)
TRAINERS = {
    "ours": bpe_fast.train,
    "tokenizers": bpe_peers.train_tokenizers,
    "rustbpe": bpe_peers.train_rustbpe,
}


def rows() -> list[Row]:
    """Measure everything."""
    found = []
    for corpus in corpora():
        for vocab_size in VOCAB_SIZES:
            found += training_rows(corpus, vocab_size, GPT4_PATTERN)
        found += training_rows(corpus, VOCAB_SIZES[-1], GPT2_PATTERN)
    return found + memory_rows()


# -- training ---------------------------------------------------------------------------------


def training_rows(corpus: Corpus, vocab_size: int, pattern: str) -> list[Row]:
    """Compare the trainers, the slow ones with GPT-4's pattern only."""
    names = ["ours", "tokenizers"] + ["rustbpe"] * is_installed("rustbpe")
    contenders = [
        Contender(name, lambda train=TRAINERS[name]: train(corpus.texts, vocab_size, pattern))
        for name in names
    ]
    times = interleave(contenders, turns=corpus.turns)
    gpt2 = "-gpt2" if pattern == GPT2_PATTERN else ""
    id = f"1-bpe-train-{corpus.name}-{vocab_size}{gpt2}"
    what = f"BPE training, {corpus.what}, vocab {vocab_size}{gpt2 and ', GPT-2 pattern'}"
    found = [
        _seconds_row(id, what, times, "tokenizers", corpus.turns, goal=1.0),
        _seconds_row(f"{id}-rustbpe", what, times, "rustbpe", corpus.turns, goal=None),
    ]
    merges = bpe_fast.train(corpus.texts, vocab_size, pattern)
    found.append(agreement_row(f"{id}-agree", what, corpus, vocab_size, pattern, merges))
    if not gpt2:
        found += slow_rows(id, what, times["ours"].median, corpus, merges)
    return found


def _seconds_row(
    id: str, what: str, times: dict[str, Timing], peer: str, turns: int, goal: float | None
) -> Row:
    value = times[peer].median if peer in times else None
    ours = times["ours"].median
    return Row.compare(
        id, what, "s", ours, peer, value, higher_is_better=False, goal=goal, runs=turns
    )


def agreement_row(
    id: str,
    what: str,
    corpus: Corpus,
    vocab_size: int,
    pattern: str,
    merges: Sequence[bpe.Pair],
) -> Row:
    """Count the merges that `tokenizers`, which breaks ties by another order of bytes, has too."""
    vocab = bpe.vocabulary(merges)
    ours = {(vocab[left], vocab[right]) for left, right in merges}
    theirs = bpe_peers.merges_of(bpe_peers.train_tokenizers(corpus.texts, vocab_size, pattern))
    return Row.compare(
        id,
        f"{what}: merges in common",
        "merges",
        len(ours.intersection(theirs)),
        "tokenizers, all merges",
        len(theirs),
        higher_is_better=True,
    )


def slow_rows(
    id: str, what: str, ours: float, corpus: Corpus, merges: Sequence[bpe.Pair]
) -> list[Row]:
    """Compare with trainers that look at the whole text for each merge, by their last merge."""
    pieces = merged_pieces(corpus, merges)
    found = []
    for name, step, goal in slow_trainers():
        seconds = step and len(merges) * processor_seconds(lambda step=step: step(pieces))
        peer = f"{name}, last merge x {len(merges)}" if step else f"{name} (MINBPE is not set)"
        row = Row.compare(
            f"{id}-{name}", what, "s", ours, peer, seconds, higher_is_better=False, goal=goal
        )
        found.append(row)
    return found


def slow_trainers() -> list[tuple[str, bpe_peers.Step | None, float | None]]:
    """Return name, one merge, and the goal of each; minbpe only where MINBPE says where it is."""
    folder = os.environ.get("MINBPE")
    minbpe = bpe_peers.minbpe_step(Path(folder)) if folder else None
    return [("minbpe", minbpe, 200.0), ("bpe.train", bpe_peers.clear_step, None)]


def merged_pieces(corpus: Corpus, merges: Sequence[bpe.Pair]) -> bpe_peers.Pieces:
    """Return the ids of every pre-token after all merges."""
    ids_of = bpe_fast.FastBytePairTokenizer(merges).pieces
    lists = (pieces for text in corpus.texts for pieces in split_blocks(text, GPT4_PATTERN))
    return [ids_of[piece] for pieces in lists for piece in pieces]


def processor_seconds(run: Callable[[], object]) -> float:
    """Time one call by what it takes of a processor: never more than the clock says."""
    began = time.process_time()
    run()
    return time.process_time() - began


# -- memory -----------------------------------------------------------------------------------


def memory_rows() -> list[Row]:
    """Compare the peaks of processes that train; none where the system does not tell."""
    if not is_installed("resource"):
        return []
    names = ["ours", "tokenizers"] + ["rustbpe"] * is_installed("rustbpe")
    peaks = {name: child_peak(name) for name in names}
    return [
        Row.compare(
            f"1-bpe-memory-{peer}",
            f"BPE training, Python's source, vocab {VOCAB_SIZES[-1]}, peak above the text",
            "MB",
            peaks["ours"],
            peer,
            peaks.get(peer),
            higher_is_better=False,
        )
        for peer in ("tokenizers", "rustbpe")
    ]


def child_peak(trainer: str) -> float:
    """Return the megabytes that `print_peak` finds in a process of its own."""
    program = f"from {__spec__.name} import print_peak; print_peak({trainer!r})"
    command = [sys.executable, "-c", program]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def print_peak(trainer: str) -> None:
    """Train on the interpreter's source and print by how many megabytes the peak rose."""
    texts = interpreter_source()
    before = peak_megabytes()
    TRAINERS[trainer](texts, VOCAB_SIZES[-1], GPT4_PATTERN)
    print(peak_megabytes() - before)


def peak_megabytes() -> float:
    """Return the most memory that this process has ever held."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux, what `resource` says begins with the parent's peak
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) * 1024 / 1e6
    import resource  # Windows has no such module

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def is_installed(module: str) -> bool:
    """Whether a module can be imported."""
    return importlib.util.find_spec(module) is not None


if __name__ == "__main__":
    for row in rows():
        print(row)
