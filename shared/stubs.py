"""Write `exercises/` from `solution/`: the same files with the learner's bodies taken out.

    python -m shared.stubs            write the stubs that nobody has worked in yet
    python -m shared.stubs --check    say what is stale; exit 1 if anything is
    python -m shared.stubs --force    write all of them, whatever they hold

Only the lines of the bodies change, so comments and formatting everywhere else are the solution's
to the byte. What stays of a body: its docstring and its leading guards, up to the last top-level
`if ...: raise` at its start. A debug exercise keeps a body too: the wrong one that the catalogue
holds under the name in `bug`.
"""

import ast
import os
import sys
import textwrap
from pathlib import Path

from shared.files import write_text
from shared.mistakes import catalogue
from shared.source import Definition, SourceFile
from shared.syllabus import CourseError, Exercise, Phase, find_root, load_phases

WIDTH = 100


# -- making a stub ----------------------------------------------------------------------------


def stub(phase: Phase, module: str) -> SourceFile:
    """Return the pristine exercise file of one module."""
    solution = SourceFile.read(phase.solution(module))
    edits = []
    for exercise in phase.exercises:
        for qualname in exercise.names(module):
            says = exercise.objects[f"{module}.{qualname}"]
            edits += _edits(phase, exercise, module, qualname, solution, says)
    lines = list(solution.lines)
    for start, end, replacement in sorted(edits, reverse=True):
        lines[start:end] = replacement
    return SourceFile(phase.learner(module), "".join(lines))


def _edits(
    phase: Phase, exercise: Exercise, module: str, qualname: str, solution: SourceFile, says: str
) -> list[tuple[int, int, list[str]]]:
    """Return the line ranges of one object's bodies and what stands there in the stub."""
    try:
        node = solution.find(qualname)
    except LookupError as error:
        raise CourseError(f"exercise {exercise.id}: {error}") from None
    bug = next((m for m in catalogue(phase.folder) if m.name == exercise.bug), None)
    if exercise.bug and bug is None:
        raise CourseError(f"exercise {exercise.id}: no catalogued mistake is called {exercise.bug}")
    functions = [(qualname, node)]
    if isinstance(node, ast.ClassDef):
        members = [n for n in node.body if isinstance(n, ast.FunctionDef)]
        functions = [(f"{qualname}.{member.name}", member) for member in members]
    edits = []
    for name, function in functions:
        kept = _kept(function)
        first = function.body[kept - 1].end_lineno if kept else function.body[0].lineno - 1
        indent = " " * (function.col_offset + 4)
        todo = _comment(f"TODO {exercise.id}: {says}", indent)
        if bug is not None and bug.graft.target == f"{module}.{name}":
            body = _body_lines(SourceFile.read(bug.graft.path), bug.graft.name, indent)
        else:
            body = [f'{indent}raise NotImplementedError("exercise {exercise.id}: {name}")\n']
        edits.append((first, function.end_lineno, todo + body))
    return edits


def _kept(function: ast.FunctionDef) -> int:
    """Count the statements that a stub keeps: the docstring, and all up to the last guard."""
    has_docstring = int(ast.get_docstring(function, clean=False) is not None)
    kept = has_docstring
    for i, statement in enumerate(function.body[has_docstring:], start=has_docstring + 1):
        if isinstance(statement, ast.If) and isinstance(statement.body[-1], ast.Raise):
            kept = i
        elif not isinstance(statement, ast.Assign):
            break
    return min(kept, len(function.body) - 1) if kept > has_docstring else kept


def _comment(text: str, indent: str) -> list[str]:
    prefix = f"{indent}# "
    wrapped = textwrap.wrap(text, WIDTH, initial_indent=prefix, subsequent_indent=prefix)
    return [line + "\n" for line in wrapped]


def _body_lines(file: SourceFile, qualname: str, indent: str) -> list[str]:
    """Return the lines of a function's body below its docstring, indented anew."""
    function = file.find(qualname)
    statements = function.body[int(ast.get_docstring(function) is not None) :]
    lines = file.lines[statements[0].lineno - 1 : function.end_lineno]
    return textwrap.indent(textwrap.dedent("".join(lines)), indent).splitlines(keepends=True)


# -- comparing a learner's file with it -------------------------------------------------------


def attempted(pristine: SourceFile, learner: SourceFile, qualname: str) -> bool:
    """Tell whether a learner has changed the body of an object."""
    try:
        return ast.dump(learner.find(qualname)) != ast.dump(pristine.find(qualname))
    except (LookupError, SyntaxError):
        return True


def problems(phase: Phase, pristine: bool = False) -> list[str]:
    """Say, a line each, where `exercises/` is not what `solution/` gives.

    Learners' own bodies, helpers and imports are no problem, unless the stubs must be pristine.
    """
    found = []
    folder = phase.folder / "exercises"
    allowed = {f"{module}.py" for module in phase.modules} | {"__init__.py"}
    for path in sorted(folder.glob("*.py")):
        if path.name not in allowed and pristine:
            found.append(f"{_short(path)}: no solution module has exercises under this name")
    for module in phase.modules:
        path, expected = phase.learner(module), stub(phase, module)
        if not path.exists():
            found.append(f"{_short(path)}: missing; `python -m shared.stubs` writes it")
            continue
        learner = SourceFile.read(path)
        objects = {name for exercise in phase.exercises for name in exercise.names(module)}
        if pristine and learner.text != expected.text:
            found.append(
                f"{_short(path)}: not pristine; `python -m shared.stubs --force` writes it"
            )
        elif line := _stale(expected, learner, objects):
            found.append(f"{_short(path)}: stale, the given code differs at: {line}")
    return found


def _stale(expected: SourceFile, learner: SourceFile, objects: set[str]) -> str | None:
    """Return the first given line that a learner's file lacks; bodies of objects do not count."""
    lines = iter(_given(learner.tree.body, objects))
    for dump, line in _given(expected.tree.body, objects):
        if learner.broken:
            return None  # a file that does not parse cannot be compared; the grader says so
        if not any(dump == other for other, _ in lines):
            return line
    return None


def _given(body: list[ast.stmt], objects: set[str], scope: str = "") -> list[tuple[str, str]]:
    """List (dump, first line) of what is given: statements, class members, names of objects."""
    given = []
    for node in body:
        name = scope + getattr(node, "name", "")
        if isinstance(node, ast.ClassDef):
            given.append((f"class {name}", f"class {node.name}"))
            given += _given(node.body, objects, f"{name}.")
        elif isinstance(node, ast.FunctionDef) and name in objects:
            given.append((f"def {name}", f"def {node.name}"))
        else:
            given.append((ast.dump(node), ast.unparse(node).splitlines()[0]))
    return given


def _short(path: Path) -> str:
    return "/".join(path.parts[-3:])


# -- putting back -----------------------------------------------------------------------------


def write(phase: Phase, force: bool = False) -> list[str]:
    """Write a phase's stubs; return a line on each file written or left alone."""
    said = []
    for module in phase.modules:
        path, pristine = phase.learner(module), stub(phase, module)
        old = SourceFile.read(path) if path.exists() else None
        if old is not None and old.text == pristine.text:
            continue
        if old is not None and not force and _worked_in(phase, module, old, pristine):
            said.append(
                f"{_short(path)}: left alone, somebody has worked in it (--force overwrites)"
            )
            continue
        write_text(path, pristine.text)
        said.append(f"{_short(path)}: written")
    return said


def _worked_in(phase: Phase, module: str, old: SourceFile, pristine: SourceFile) -> bool:
    """Tell whether a body in an exercise file, perhaps of an older course, is a learner's."""
    for exercise in phase.exercises:
        for qualname in exercise.names(module):
            try:
                untouched = "raise NotImplementedError" in ast.unparse(old.find(qualname))
            except (LookupError, SyntaxError):
                untouched = False
            if not untouched and attempted(pristine, old, qualname):
                return True
    return False


def reset(phase: Phase, exercise: Exercise) -> list[str]:
    """Put an exercise's objects back as they were given, and leave every other line alone."""
    said = []
    for module in exercise.modules:
        path, pristine = phase.learner(module), stub(phase, module)
        if not path.exists():
            write_text(path, pristine.text)
            said.append(f"{_short(path)}: written anew")
            continue
        for qualname in exercise.names(module):
            start, end = pristine.span(pristine.find(qualname))
            learner = SourceFile.read(path)
            first, last = _span(learner, pristine, qualname)
            lines = [*learner.lines[:first], *pristine.lines[start:end], *learner.lines[last:]]
            write_text(path, "".join(lines))
            said.append(f"{_short(path)}: {qualname} is as it was given")
    return said


def _span(learner: SourceFile, pristine: SourceFile, qualname: str) -> tuple[int, int]:
    """Return the lines that hold an object, or where it belongs if it is gone."""
    try:
        return learner.span(learner.find(qualname))
    except SyntaxError as error:
        first, last, _ = next(piece for piece in learner.broken if piece[2] is error)
        blank = 0
        while last - blank > first and not learner.lines[last - blank - 1].strip():
            blank += 1
        return first - 1, last - blank
    except LookupError:
        scope, _, name = qualname.rpartition(".")
        siblings = pristine.find(scope).body if scope else pristine.tree.body
        named = [node.name for node in siblings if isinstance(node, Definition)]
        for previous in reversed(named[: named.index(name)]):
            try:
                _, end = learner.span(learner.find(f"{scope}.{previous}".lstrip(".")))
                return end, end
            except (LookupError, SyntaxError):
                continue
        raise CourseError(
            f"{_short(learner.path)}: {qualname} is gone and its place with it; "
            "`python -m shared.stubs --force` writes the whole phase anew"
        ) from None


def main(arguments: list[str]) -> int:
    """Run the command line; return its exit code."""
    if unknown := set(arguments) - {"--check", "--force"}:
        raise CourseError(f"unknown argument {', '.join(sorted(unknown))}: --check or --force")
    phases = load_phases(find_root())
    if "--check" in arguments:
        pristine = os.environ.get("CI") == "true"
        found = [line for phase in phases for line in problems(phase, pristine)]
        print("\n".join(found) if found else "the stubs match the solution")
        return int(bool(found))
    for phase in phases:
        for line in write(phase, force="--force" in arguments):
            print(line)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
