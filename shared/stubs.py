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
from shared.given import missing
from shared.mistakes import Mistake, catalogue
from shared.source import Definition, Function, SourceFile
from shared.syllabus import CourseError, Exercise, Phase, find_root, load_phases

WIDTH = 100
INDENT = 4


# -- making a stub ----------------------------------------------------------------------------


def stub(phase: Phase, module: str) -> SourceFile:
    """Return the pristine exercise file of one module.

    Raises:
        CourseError: if an object or the bug of an exercise does not exist.
    """
    solution = SourceFile.read(phase.solution(module))
    edits = []
    for exercise in phase.exercises:
        bug = _bug(phase, exercise)
        for qualname in exercise.names(module):
            todo = f"TODO {exercise.id}: {exercise.objects[f'{module}.{qualname}']}"
            for name, function in _functions(exercise, solution, qualname):
                if bug is not None and bug.graft.target == f"{module}.{name}":
                    body = _body_lines(SourceFile.read(bug.graft.path), bug.graft.name)
                else:
                    body = [f'raise NotImplementedError("exercise {exercise.id}: {name}")\n']
                edits.append(_edit(solution, function, [*_comment(todo, function), *body]))
    lines = list(solution.lines)
    for start, end, replacement in sorted(edits, reverse=True):
        lines[start:end] = replacement
    return SourceFile(phase.learner(module), "".join(lines))


def _bug(phase: Phase, exercise: Exercise) -> Mistake | None:
    """Return the catalogued mistake that a debug exercise starts from."""
    if exercise.bug is None:
        return None
    for mistake in catalogue(phase.folder):
        if mistake.name == exercise.bug:
            return mistake
    raise CourseError(f"exercise {exercise.id}: no catalogued mistake is called {exercise.bug}")


def _functions(
    exercise: Exercise, solution: SourceFile, qualname: str
) -> list[tuple[str, Function]]:
    """Return the functions whose bodies an object's stub leaves out: itself, or its methods."""
    try:
        node = solution.find(qualname)
    except LookupError as error:
        raise CourseError(f"exercise {exercise.id}: {error}") from None
    if not isinstance(node, ast.ClassDef):
        return [(qualname, node)]
    return [(f"{qualname}.{n.name}", n) for n in node.body if isinstance(n, Function)]


def _edit(solution: SourceFile, function: Function, body: list[str]) -> tuple[int, int, list[str]]:
    """Return which lines of a function make way, and what stands there in the stub."""
    indent = " " * (function.col_offset + INDENT)
    body = [indent + line if line.strip() else line for line in body]
    kept, first = _kept(function), function.body[0]
    end = _end(solution, function)
    header = solution.lines[first.lineno - 1].encode()[: first.col_offset].decode()
    if header.strip():  # the body begins on the line of the signature
        given = [f"{indent}{ast.unparse(node)}\n" for node in function.body[:kept]]
        return first.lineno - 1, end, [header.rstrip() + "\n", *given, *body]
    if kept:
        return function.body[kept - 1].end_lineno, end, body
    start = min([first.lineno, *(d.lineno for d in getattr(first, "decorator_list", []))]) - 1
    while _is_comment_or_blank(solution.lines[start - 1]):  # it may explain the body
        start -= 1
    return start, end, body


def _end(solution: SourceFile, function: Function) -> int:
    """Return where a body ends, comments below its last statement included."""
    end = function.end_lineno
    for i in range(end, len(solution.lines)):
        line = solution.lines[i]
        if not _is_comment_or_blank(line):
            break
        if len(line) - len(line.lstrip()) > function.col_offset and line.strip():
            end = i + 1
    return end


def _is_comment_or_blank(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _kept(function: Function) -> int:
    """Count the statements that a stub keeps: the docstring, and all up to the last guard."""
    has_docstring = int(ast.get_docstring(function, clean=False) is not None)
    kept = has_docstring
    for i, statement in enumerate(function.body[has_docstring:], start=has_docstring + 1):
        if isinstance(statement, ast.If) and isinstance(statement.body[-1], ast.Raise):
            kept = i
        elif not isinstance(statement, ast.Assign):
            break
    return min(kept, len(function.body) - 1) if kept > has_docstring else kept


def _comment(text: str, function: Function) -> list[str]:
    width = WIDTH - function.col_offset - INDENT
    return [
        f"{line}\n"
        for line in textwrap.wrap(text, width, initial_indent="# ", subsequent_indent="# ")
    ]


def _body_lines(file: SourceFile, qualname: str) -> list[str]:
    """Return the lines of a function's body below its docstring, not indented."""
    function = file.find(qualname)
    statements = function.body[int(ast.get_docstring(function) is not None) :]
    lines = file.lines[statements[0].lineno - 1 : function.end_lineno]
    return textwrap.dedent("".join(lines)).splitlines(keepends=True)


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
            found.append(f"{short(path)}: no solution module has exercises under this name")
    for module in phase.modules:
        path, expected = phase.learner(module), stub(phase, module)
        if not path.exists():
            found.append(f"{short(path)}: missing; `make stubs` writes it")
            continue
        learner = SourceFile.read(path)
        objects = {name for exercise in phase.exercises for name in exercise.names(module)}
        if pristine and learner.text != expected.text:
            found.append(f"{short(path)}: not pristine; `make stubs FORCE=1` writes it")
        elif lines := missing(expected, learner, objects):
            found.append(f"{short(path)}: stale, the given code differs at: {lines[0]}")
    return found


def short(path: Path) -> str:
    """Name a file as a learner knows it, from its phase on."""
    return "/".join(path.parts[-3:])


# -- writing ----------------------------------------------------------------------------------


def write(phase: Phase, force: bool = False) -> list[str]:
    """Write a phase's stubs; return a line on each file written or left alone."""
    said = []
    for module in phase.modules:
        path, pristine = phase.learner(module), stub(phase, module)
        old = SourceFile.read(path) if path.exists() else None
        if old is not None and old.text == pristine.text:
            continue
        if old is not None and not force and _worked_in(phase, module, old, pristine):
            left = "left alone, somebody has worked in it (`make stubs FORCE=1` overwrites it)"
            said.append(f"{short(path)}: {left}")
            continue
        write_text(path, pristine.text)
        said.append(f"{short(path)}: written")
    return said


def _worked_in(phase: Phase, module: str, old: SourceFile, pristine: SourceFile) -> bool:
    """Tell whether an exercise file, perhaps of an older course, holds a learner's work."""
    for exercise in phase.exercises:
        for qualname in exercise.names(module):
            try:
                node = old.find(qualname)
            except SyntaxError:
                return True
            except LookupError:  # an older course did not ask for it
                continue
            if not _is_bare(node) and attempted(pristine, old, qualname):
                return True
    return bool(_defined(old.tree) - _defined(pristine.tree))


def _is_bare(node: Definition) -> bool:
    """Tell whether nothing stands in a body but what a stub puts there."""
    if isinstance(node, ast.ClassDef):
        return all(_is_bare(member) for member in node.body if isinstance(member, Function))
    rest = node.body[_kept(node) :]
    return len(rest) == 1 and ast.unparse(rest[0]).startswith("raise NotImplementedError(")


def _defined(scope: ast.Module | ast.ClassDef) -> set[str]:
    """Names of all functions, classes and methods."""
    nodes = [node for node in scope.body if isinstance(node, Definition)]
    inner = [_defined(node) for node in nodes if isinstance(node, ast.ClassDef)]
    return {node.name for node in nodes}.union(*inner)


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
