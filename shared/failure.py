"""An exception in a candidate's test, told: to do, wrong or error, where, and with which input."""

import ast
import contextlib
import re
import traceback
from collections.abc import Iterator
from pathlib import Path

from shared.checks import CheckFailed
from shared.graft import Graft
from shared.source import SourceFile

UNUSABLE = "the test could not use what your code returned: "
UNCALLED = "the test could not call your code: "
SIGNATURE = re.compile(r"\S+\(\) (takes|missing|got an unexpected|got multiple)")  # Python's words
LONG = 60  # characters of one value of a hypothesis example that are shown


def describe(error: BaseException, grafts: tuple[Graft, ...], in_test: bool = True) -> dict:
    """Sort an exception into to do, wrong or error, and find the line that it came from.

    Args:
        error: what was raised.
        grafts: the candidate's bodies; their files are the learner's.
        in_test: it was raised while a test ran, not by an import before it.
    """
    files = {str(graft.path) for graft in grafts}
    where = _where(error, files)
    message = str(error) or type(error).__name__
    # The number may be that of an older course: only this exercise's objects are the learner's.
    if isinstance(error, NotImplementedError) and re.match(r"exercise \d+\.\d+: ", message):
        return {"outcome": "todo", "message": message, "where": where}
    found = {"message": message[:2000], "where": where, "notes": [*_case(error)]}
    if isinstance(error, CheckFailed):
        return {"outcome": "wrong", "check": error.name, "seen": error.seen, **found}
    if isinstance(error, AssertionError) and not _raised_within(error, files):
        return {"outcome": "wrong", "check": None, "seen": message, **found}
    seen = f"{type(error).__name__}: {message[:2000]}"
    found["message"] = seen
    # A group is hypothesis's, on an answer that differs from call to call.
    if files and in_test and where is None and not isinstance(error, BaseExceptionGroup):
        found["message"] = (UNCALLED if SIGNATURE.match(message) else UNUSABLE) + seen
    if isinstance(error, NameError) and where:
        found["notes"] += _failing_imports(SourceFile.read(Path(where["file"])))
    return {"outcome": "error", "check": None, "seen": seen, **found}


def frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Return an exception's traceback, outermost first: that of the rank it was raised on, if any.

    An exception that came from another process (see `shared.ranks`) brings it along as `frames`.
    """
    if told := getattr(error, "frames", None):
        return [traceback.FrameSummary(f, n, name, line=text) for f, n, name, text in told]
    return list(traceback.extract_tb(error.__traceback__))


def _raised_within(error: BaseException, files: set[str]) -> bool:
    stack = frames(error)
    return bool(stack) and stack[-1].filename in files


def _where(error: BaseException, files: set[str]) -> dict | None:
    """Return the innermost line of a learner's file in a traceback."""
    if isinstance(error, SyntaxError) and error.filename in files:
        return {"file": error.filename, "line": error.lineno, "text": (error.text or "").strip()}
    for frame in reversed(frames(error)):
        if frame.filename in files:
            return {"file": frame.filename, "line": frame.lineno, "text": frame.line or ""}
    return None


# -- the input --------------------------------------------------------------------------------


def _case(error: BaseException) -> Iterator[str]:
    """Yield one line with the input that hypothesis found, if it did and it can be written so."""
    notes = getattr(error, "__notes__", [])
    values: list[str] = []
    for note in notes:
        if match := re.match(r"(?:Falsifying|Failing) [a-z ]+: (\w+\(.*\))$", note, re.DOTALL):
            values = _arguments(match[1])
        elif match := re.match(r"Draw \d+(?: \((.+?)\))?: (.*)$", note, re.DOTALL):
            values.append(f"{match[1] or 'drawn'}={_short(match[2])}")
    if values:
        yield f"case: {', '.join(values)}"


def _arguments(call: str) -> list[str]:
    """Return the arguments of a call as "name=value", without those that hold no input."""
    with contextlib.suppress(SyntaxError, ValueError):
        given = [(k.arg, ast.unparse(k.value)) for k in ast.parse(call, mode="eval").body.keywords]
        return [f"{name}={_short(value)}" for name, value in given if value != "data(...)"]
    return []


def _short(value: str) -> str:
    text = " ".join(value.split())
    return text if len(text) <= LONG else text[: LONG - 3] + "..."


# -- a name that is missing -------------------------------------------------------------------


def _failing_imports(file: SourceFile) -> Iterator[str]:
    """Yield a line on each import at the top of a learner's file that fails."""
    for node in file.tree.body:
        if not isinstance(node, ast.Import | ast.ImportFrom) or getattr(node, "level", 0):
            continue
        try:
            exec(compile(ast.Module([node], type_ignores=[]), str(file.path), "exec"), {})
        except Exception as error:  # an imported module may raise whatever it likes
            text = ast.unparse(node)
            yield f"line {node.lineno}, `{text}`, fails: {type(error).__name__}: {error}"
