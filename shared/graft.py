"""The graft: the finished solution with some bodies replaced.

Grading, proof, diagnosis and `--blocks mine` are all one thing: import the solution with other
bodies in place of some of its functions, methods or classes. The replacement is made on the
syntax tree while the solution's module is imported, so every other module that uses it sees it.
The replaced code keeps the file name and the line numbers of the file it came from, and brings
along what it needs from there: helper functions, constants, imports, and new members of its
class. What it does not need stays behind: a broken line elsewhere in a learner's file costs
nothing.

    with installed([Graft("phase0_foundations.solution.linalg:matmul", path, "matmul")]): ...
"""

import ast
import copy
import importlib.abc
import importlib.machinery
import symtable
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

from shared.source import Definition, SourceFile

HELPERS = "__graft_helpers__"
MARKS = {"mistake", "attempt"}


@dataclass(frozen=True)
class Graft:
    """One replacement.

    Attributes:
        target: the object replaced, as "module.qualname" within a phase's solution.
        path: the file that holds the other body.
        name: its qualname in that file.
        line: its line, where several definitions share a name.
    """

    target: str
    path: Path
    name: str
    line: int | None = None

    @property
    def module(self) -> str:
        """The solution's module that changes."""
        return self.target.partition(".")[0]

    @property
    def qualname(self) -> str:
        """The object's name within its module."""
        return self.target.partition(".")[2]


def needed_source(graft: Graft, solution: Path) -> str:
    """Return a graft's code in a normal form, with all that it brings along."""
    donor = SourceFile.read(graft.path)
    tree = SourceFile.read(solution).tree
    replaced = _replace(tree, graft, donor)
    helpers = _needed(replaced, donor, _defined(tree.body))
    return "\n".join(ast.unparse(node) for node in [*helpers, *replaced])


@contextmanager
def installed(package: str, grafts: Iterable[Graft]) -> Iterator[None]:
    """Within the block, importing `package`.<module> gives the module with its grafts.

    Every module of the phase is imported anew, for whoever imported the solution before holds its
    old functions; at the end the modules of before are back.
    """
    finder = _Finder(package, grafts)
    before = _forget(package)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        _forget(package)
        sys.modules.update(before)


def _forget(package: str) -> dict[str, ModuleType]:
    """Take every module of the phase out of those imported; return them."""
    phase = package.partition(".")[0]
    names = [name for name in sys.modules if name == phase or name.startswith(phase + ".")]
    return {name: sys.modules.pop(name) for name in names}


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, package: str, grafts: Iterable[Graft]):
        self.by_module: dict[str, list[Graft]] = defaultdict(list)
        for graft in grafts:
            self.by_module[f"{package}.{graft.module}"].append(graft)

    def find_spec(self, fullname, path=None, target=None):
        if fullname not in self.by_module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None:
            spec.loader = _Loader(fullname, spec.origin, self.by_module[fullname])
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, grafts: list[Graft]):
        super().__init__(fullname, path)
        self.grafts = grafts

    def exec_module(self, module: ModuleType) -> None:
        code, helpers = build(SourceFile.read(Path(self.path)), self.grafts)
        module.__dict__[HELPERS] = lambda i: exec(helpers[i], module.__dict__)
        exec(code, module.__dict__)
        del module.__dict__[HELPERS]


def build(solution: SourceFile, grafts: Iterable[Graft]) -> tuple[CodeType, list[CodeType]]:
    """Compile a solution's module with its grafts, and the helpers that the grafts bring along.

    Helpers are code of their own, run by a call that stands beside the statement which is
    replaced, because a code object knows only one file name and theirs is the learner's. Those
    that stood above it in the learner's file run before it, the others after.

    Raises:
        SyntaxError: if a body does not compile.
        LookupError: if the solution or the other file does not define the object.
    """
    tree = SourceFile(solution.path, solution.text).tree  # to parse anew is quicker than to copy
    helpers: list[CodeType] = []
    donors: dict[str, Path] = {}
    for graft in grafts:
        donor = SourceFile.read(graft.path)
        replaced = _replace(tree, graft, donor)
        scope = graft.qualname.rpartition(".")[0]
        for node in replaced:
            donors |= {f"{scope}.{name}".lstrip("."): graft.path for name in _names(node)}
        needed = _needed(replaced, donor, _defined(tree.body))
        line = replaced[0].lineno
        for above in (True, False):
            chosen = [node for node in needed if (node.lineno < line) == above]
            if chosen:
                place = _position(tree, graft.qualname) + (not above)
                tree.body.insert(place, _call(len(helpers)))
                helpers.append(_compile_helpers(chosen, donor))
    code = compile(tree, str(solution.path), "exec")
    return _rename_files(code, donors), helpers


def _call(index: int) -> ast.stmt:
    return ast.parse(f"{HELPERS}({index})").body[0]


def _compile_helpers(statements: list[ast.stmt], donor: SourceFile) -> CodeType:
    futures = [node for node in donor.tree.body if _is_future(node)]
    return compile(ast.Module([*futures, *statements], type_ignores=[]), str(donor.path), "exec")


def _replace(tree: ast.Module, graft: Graft, donor: SourceFile) -> list[ast.stmt]:
    """Put the donor's definition into the tree; return it, and the new members of its class."""
    body = copy.deepcopy(_find(donor, graft))
    scope: ast.Module | Definition = tree
    *outer, name = graft.qualname.split(".")
    for part in outer:
        scope = _last(scope.body, part)
    original = _last(scope.body, name)
    body.name = name
    marked = [call for call in body.decorator_list if ast.unparse(call).split("(")[0] in MARKS]
    if marked or not body.decorator_list:
        body.decorator_list = original.decorator_list
    scope.body[scope.body.index(original)] = body
    members = _new_members(body, graft, donor, _defined(scope.body)) if outer else []
    scope.body += members
    return [body, *members]


def _new_members(
    body: Definition, graft: Graft, donor: SourceFile, known: set[str]
) -> list[ast.stmt]:
    """Return the members of the donor's class that `body` uses and the solution's class lacks."""
    owner = donor.find_parsed(graft.name.rpartition(".")[0] or graft.name)
    if not isinstance(owner, ast.ClassDef):
        return []
    taken: list[ast.stmt] = []
    search: list[ast.AST] = [body]
    while search:
        used = _mentioned(search.pop())
        for node in owner.body:
            new = _names(node) - known
            # Python calls a special method where no name is to be seen.
            if node not in taken and (new & used or any(map(_is_special, new))):
                taken.append(node)
                search.append(node)
    return [copy.deepcopy(node) for node in owner.body if node in taken]


def _mentioned(node: ast.AST) -> set[str]:
    """Names and attributes that occur in some code."""
    found = ast.walk(node)
    return {n.attr if isinstance(n, ast.Attribute) else getattr(n, "id", "") for n in found}


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _find(donor: SourceFile, graft: Graft) -> Definition:
    if graft.line is None:
        return donor.find(graft.name)
    return next(node for node in donor.tree.body if node.lineno == graft.line)


def _last(body: list[ast.stmt], name: str) -> Definition:
    found = [node for node in body if isinstance(node, Definition) and node.name == name]
    if not found:
        raise LookupError(f"the solution does not define {name}")
    return found[-1]


def _needed(replaced: list[ast.stmt], donor: SourceFile, known: set[str]) -> list[ast.stmt]:
    """Return the donor's top-level statements that grafted code needs and the solution lacks."""
    needed: dict[int, ast.stmt] = {}
    search = list(replaced)
    while search:
        wanted = _free_names(search.pop()) - known
        for index, statement in enumerate(donor.tree.body):
            names = _names(statement)
            if index not in needed and ("*" in names or names & wanted):
                needed[index] = statement
                search.append(statement)
    return [needed[index] for index in sorted(needed)]


def _free_names(statement: ast.stmt) -> set[str]:
    """Names that a statement takes from the module around it, at once or when it is called."""
    module = symtable.symtable(ast.unparse(statement), "", "exec")
    found: set[str] = set()
    tables = [module]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        symbols = [symbol for symbol in table.get_symbols() if symbol.is_referenced()]
        found |= {s.get_name() for s in symbols if s.is_global() or table is module}
    return found


def _names(statement: ast.stmt) -> set[str]:
    """Names that a statement binds in the scope where it stands."""
    if isinstance(statement, Definition):
        return {statement.name}
    if _is_future(statement):
        return set()
    found = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, Definition):
            found.add(node.name)
    return found


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _defined(body: list[ast.stmt]) -> set[str]:
    return set().union(*map(_names, body))


def _position(tree: ast.Module, qualname: str) -> int:
    top = qualname.partition(".")[0]
    return tree.body.index(_last(tree.body, top))


def _rename_files(code: CodeType, donors: dict[str, Path]) -> CodeType:
    """Give the code of each replaced object the file name that it came from."""

    def visit(code: CodeType, path: Path | None) -> CodeType:
        path = donors.get(code.co_qualname, path)
        constants = tuple(visit(c, path) if isinstance(c, CodeType) else c for c in code.co_consts)
        filename = code.co_filename if path is None else str(path)
        return code.replace(co_consts=constants, co_filename=filename)

    return visit(code, None)
