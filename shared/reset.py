"""Put exercises back as they were given: `make reset EX=0.7`.

Only the lines of the exercise's own objects change, in a file that parses or not.
"""

import time
from pathlib import Path

from shared.files import write_bytes, write_text
from shared.source import Definition, SourceFile
from shared.stubs import short, stub
from shared.syllabus import Exercise, Phase


def reset(phase: Phase, exercise: Exercise) -> list[str]:
    """Put an exercise's objects back as they were given, and leave every other line alone.

    What stood there is kept in runs/reset/.
    """
    said = []
    for module in exercise.modules:
        path, pristine = phase.learner(module), stub(phase, module)
        if not path.exists():
            write_text(path, pristine.text)
            said.append(f"{short(path)}: written anew")
            continue
        names = exercise.names(module)
        replaced = [_put_back(path, pristine, qualname) for qualname in names]
        said += [f"{short(path)}: {qualname} is again as it was given" for qualname in names]
        if kept := b"\n\n".join(filter(None, replaced)):
            backup = _backup(phase.folder.parent, module)
            write_bytes(backup, kept)
            said.append(f"what stood there is in {short(backup)}")
    return said


def _backup(root: Path, module: str) -> Path:
    """Return a new file's name for what a reset takes out of a module."""
    folder = root / "runs" / "reset"
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{module}-{time.strftime('%Y%m%d-%H%M%S')}"
    taken = sum(1 for _ in folder.glob(f"{stem}*"))
    return folder / (f"{stem}_{taken}.py" if taken else f"{stem}.py")


def _put_back(path: Path, pristine: SourceFile, qualname: str) -> bytes:
    """Put one object back; return what was in its place, if that is not what was given."""
    first, last, lines = _replacement(SourceFile.read(path), pristine, qualname)
    # In bytes, for a learner's file may have other line ends, or characters that are no UTF-8.
    old = path.read_bytes().splitlines(keepends=True)
    end = b"\r\n" if b"".join(old[:1]).endswith(b"\r\n") else b"\n"
    if first and not old[first - 1].endswith((b"\n", b"\r")):
        old[first - 1] += end
    new = [line.rstrip("\n").encode() + end for line in lines]
    write_bytes(path, b"".join([*old[:first], *new, *old[last:]]))
    return b"" if old[first:last] == new else b"".join(old[first:last])


def _replacement(
    learner: SourceFile, pristine: SourceFile, qualname: str
) -> tuple[int, int, list[str]]:
    """Return which lines of a learner's file make way for an object, and the lines it had."""
    start, end = pristine.span(qualname)
    if _has(learner, qualname):
        return *learner.span(qualname), pristine.lines[start:end]
    scope = qualname.rpartition(".")[0]
    if scope and not _has(learner, scope):
        return _replacement(learner, pristine, scope)
    place = _place(learner, pristine, qualname)
    distance = ["\n"] if scope else ["\n", "\n"]
    return place, place, [*distance, *pristine.lines[start:end]]


def _place(learner: SourceFile, pristine: SourceFile, qualname: str) -> int:
    """Return where an object that is gone belongs: below what stood above it, or at the end."""
    scope, _, name = qualname.rpartition(".")
    siblings = pristine.find(scope).body if scope else pristine.tree.body
    named = [node.name for node in siblings if isinstance(node, Definition)]
    for previous in reversed(named[: named.index(name)]):
        sibling = f"{scope}.{previous}".lstrip(".")
        if _has(learner, sibling):
            return learner.span(sibling)[1]
    return learner.span(scope)[1] if scope else len(learner.lines)


def _has(file: SourceFile, qualname: str) -> bool:
    try:
        file.span(qualname)
    except LookupError:
        return False
    return True
