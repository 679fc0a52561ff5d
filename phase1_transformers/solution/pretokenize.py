"""Counting the pre-tokens of more text than memory holds: in pieces, fast where it is ASCII.

Three ideas, none of which may change a single pre-token:

*Cut where no pre-token goes on.* After a letter or digit, before anything that is neither, both
patterns of `splitting` always end a pre-token, and what comes after does not look back. So a file
can be read block by block, and the blocks can be split in any process, in any order.
*Let the standard library match ASCII.* `re` is about twice as fast as `regex` but knows no Unicode
classes. On a block of ASCII it needs none.
*Keep counts, not text.* Ten megabytes of source code have some 56,000 different pre-tokens.

Other patterns than those two are served as well, without the first two ideas: each text is split
whole, by `splitting.split`.
"""

import multiprocessing
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path

import regex

from phase1_transformers.solution.splitting import GPT2_PATTERN, GPT4_PATTERN, split

BLOCK_SIZE = 1 << 10  # characters split at once: few, so that one accent slows little text down
BATCH_SIZE = 1 << 21  # characters read at once, and sent to another process
BATCHES_AHEAD = 2  # that wait for each process, so that none is ever idle

Texts = str | Path | Iterable[str | Path]

CUT = regex.compile(r"[\p{L}\p{N}](?=[^\p{L}\p{N}])")

# What the classes of `regex` mean among the 128 characters of ASCII. Its \s has no \x1c to \x1f,
# unlike that of `re`, hence plain ranges; \t to \r are the tab, line feed, and three more.
ASCII_CLASSES = (
    (r"[^\s\p{L}\p{N}]", r"[^ \t-\rA-Za-z0-9]"),
    (r"[^\r\n\p{L}\p{N}]", r"[^\r\nA-Za-z0-9]"),
    (r"\p{L}", "[A-Za-z]"),
    (r"\p{N}", "[0-9]"),
    (r"\s", r"[ \t-\r]"),
    (r"\S", r"[^ \t-\r]"),
)


def in_ascii(pattern: str) -> re.Pattern[str]:
    """Translate one of the two patterns into one of `re` that agrees with it on ASCII text."""
    for unicode_class, ascii_class in ASCII_CLASSES:
        pattern = pattern.replace(unicode_class, ascii_class)
    return re.compile(pattern, re.ASCII)


KNOWN_PATTERNS = {
    pattern: (in_ascii(pattern), regex.compile(pattern)) for pattern in (GPT2_PATTERN, GPT4_PATTERN)
}


def blocks(text: str, size: int = BLOCK_SIZE) -> Iterator[str]:
    """Cut text where a known pattern ends a pre-token, at the first chance after each `size`.

    Returns:
        Strings that joined give the text; they are longer than `size` where there is no chance.
    """
    start = 0
    while cut := CUT.search(text, start + size):
        yield text[start : cut.end()]
        start = cut.end()
    yield text[start:]


def split_blocks(text: str, pattern: str) -> Iterator[list[str]]:
    """Give the pre-tokens of `splitting.split`, one list for each block of the text."""
    if pattern not in KNOWN_PATTERNS:
        yield split(text, pattern)
        return
    ascii_only, any_text = KNOWN_PATTERNS[pattern]
    for block in blocks(text):
        # No text lies between the matches of these two patterns, so findall has all of it.
        yield (ascii_only if block.isascii() else any_text).findall(block)


def count(texts: Texts, pattern: str, processes: int = 1) -> Counter[str]:
    """Count pre-tokens, holding a few batches of text at a time and never all of it.

    Args:
        texts: a text, a UTF-8 file, or any number of them; no pre-token spans two.
        pattern: one of `splitting`, or any other; files are read whole with any other.
        processes: how many do the work. Above 1, the program's main module must be one that can
            be imported, as always with `multiprocessing`.

    Returns:
        How often each pre-token occurs.

    Raises:
        ValueError: if a file is not UTF-8.
        OSError: if a file cannot be read.
    """
    batches = read_batches(texts, cut=pattern in KNOWN_PATTERNS)
    if processes == 1:
        return _total(_count_batch(batch, pattern) for batch in batches)
    with ProcessPoolExecutor(processes, mp_context=_context()) as pool:
        return _total(bounded_map(pool, processes * BATCHES_AHEAD, batches, pattern))


def read_batches(texts: Texts, cut: bool, size: int = BATCH_SIZE) -> Iterator[list[str]]:
    """Gather texts, or with `cut` parts of texts, into lists of about `size` characters."""
    batch, length = [], 0
    for text in _read(texts, size if cut else None):
        batch.append(text)
        length += len(text)
        if length >= size:
            yield batch
            batch, length = [], 0
    yield batch


def _read(texts: Texts, size: int | None) -> Iterator[str]:
    if isinstance(texts, str):
        yield from blocks(texts, size) if size else [texts]
    elif isinstance(texts, Path):
        yield from _read_file(texts, size)
    else:
        for text in texts:
            yield from _read(text, size)


def _read_file(path: Path, size: int | None) -> Iterator[str]:
    """Read a file in parts that end at a cut, or whole; newline="" leaves line ends alone."""
    rest = ""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            while size and (more := file.read(size)):
                *parts, rest = blocks(rest + more, size)
                yield from parts
            yield rest + file.read()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error}") from None


def _count_batch(batch: list[str], pattern: str) -> Counter[str]:
    counts = Counter()
    for text in batch:
        for pieces in split_blocks(text, pattern):
            counts.update(pieces)
    return counts


def _total(parts: Iterable[Counter[str]]) -> Counter[str]:
    counts = Counter()
    for part in parts:
        counts.update(part)
    return counts


def bounded_map(
    pool: Executor, n_ahead: int, batches: Iterable[list[str]], pattern: str
) -> Iterator[Counter[str]]:
    """Like pool.map, which would read all batches at once; this one reads as far as needed."""
    waiting = deque()
    for batch in batches:
        if len(waiting) == n_ahead:
            yield waiting.popleft().result()
        waiting.append(pool.submit(_count_batch, batch, pattern))
    while waiting:
        yield waiting.popleft().result()


def _context() -> multiprocessing.context.BaseContext:
    """A server that forks workers, from a state without threads; a fresh Python on Windows."""
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload([__name__])
    return context
