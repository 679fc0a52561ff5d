"""Where a definition stands in a Python file, even when the rest of the file is broken.

A learner's file holds several exercises. A syntax error in one of them must not cost the others,
so a file that does not parse as a whole is parsed piece by piece: each top-level statement on its
own and, inside a class, each member on its own. Every node keeps the line numbers of the file.
"""

import ast
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
CONTINUES = re.compile(r"(\s|[#)\]}]|$|else\b|elif\b|except\b|finally\b)")


@dataclass
class SourceFile:
    """One Python file, parsed as far as it can be.

    Attributes:
        path: where the text came from; tracebacks name it.
        text: the text itself.
        broken: the pieces that do not parse, as (first line, last line, error); 1-based, inclusive.
    """

    path: Path
    text: str
    broken: list[tuple[int, int, SyntaxError]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "SourceFile":
        """Read a file; bytes that are no UTF-8 are a learner's slip and must not stop the rest."""
        return cls(path, path.read_text(encoding="utf-8", errors="replace"))

    @cached_property
    def lines(self) -> list[str]:
        """The text's lines, ends kept."""
        return self.text.splitlines(keepends=True)

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of the pieces that parse; the others are listed in `broken`."""
        try:
            return ast.parse(self.text, str(self.path))
        except (SyntaxError, ValueError):
            return ast.Module(self._pieces(0, len(self.lines), indent=""), type_ignores=[])

    def find(self, qualname: str) -> Definition:
        """Return the definition named `qualname` ("f" or "Class.method").

        Raises:
            SyntaxError: if it is there but does not parse.
            LookupError: if it is not there.
        """
        body: list[ast.stmt] = self.tree.body
        for name in qualname.split("."):
            found = [node for node in body if isinstance(node, Definition) and node.name == name]
            if not found:
                self._raise_if_broken(qualname)
                raise LookupError(f"{self.path.name} does not define {qualname}")
            node = found[-1]  # as in Python, the last definition wins
            body = node.body
        if isinstance(node, ast.ClassDef):
            self._raise_if_broken(qualname, node)
        return node

    def span(self, node: Definition) -> tuple[int, int]:
        """Return the lines of a definition, decorators included: 0-based start, exclusive end."""
        start = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        return start - 1, node.end_lineno

    # -- a file that does not parse ------------------------------------------------------------

    def _pieces(self, start: int, end: int, indent: str) -> list[ast.stmt]:
        """Parse lines[start:end], whose statements are indented by `indent`, one at a time."""
        nodes = []
        for first, last in _cut(self.lines, start, end, indent):
            header = "class _:\n" if indent else ""
            padding = "\n" * (first - bool(header))
            piece = "".join(self.lines[first:last])
            try:
                parsed = ast.parse(padding + header + piece, str(self.path)).body
                nodes += parsed[0].body if header else parsed
            except (SyntaxError, ValueError) as error:
                problem = error if isinstance(error, SyntaxError) else SyntaxError(str(error))
                if not indent and piece.startswith("class "):
                    nodes += self._class(first, last, problem)
                else:
                    self.broken.append((first + 1, last, problem))
        return nodes

    def _class(self, start: int, end: int, problem: SyntaxError) -> list[ast.ClassDef]:
        """Parse a class whose body is broken somewhere: keep the members that parse."""
        body = next((i for i in range(start + 1, end) if self.lines[i].strip()), end)
        indent = re.match(r"\s*", self.lines[body])[0] if body < end else ""
        try:
            head = "".join(self.lines[start:body]) + f"{indent or ' '}pass\n"
            node = ast.parse("\n" * start + head, str(self.path)).body[0]
        except SyntaxError:
            node = None
        if node is None or not indent:
            self.broken.append((start + 1, end, problem))
            return []
        node.body = self._pieces(body, end, indent) or node.body
        node.end_lineno = end
        return [node]

    def _raise_if_broken(self, qualname: str, within: ast.ClassDef | None = None) -> None:
        name = qualname.split(".")[-1]
        pattern = re.compile(rf"\s*(async\s+def|def|class)\s+{re.escape(name)}\b")
        for first, last, error in self.broken:
            piece = self.lines[first - 1 : last]
            inside = within and within.lineno <= first <= within.end_lineno
            if inside or any(pattern.match(line) for line in piece):
                raise error


def _cut(lines: list[str], start: int, end: int, indent: str) -> list[tuple[int, int]]:
    """Cut lines[start:end] before each line that begins a statement at exactly this indentation."""
    starts = []
    for i in range(start, end):
        line = lines[i]
        if not line.startswith(indent) or CONTINUES.match(line[len(indent) :]):
            continue
        decorated = starts and lines[starts[-1]][len(indent) :].startswith("@")
        if not (decorated and starts[-1] == i - 1):
            starts.append(i)
    return list(zip(starts, [*starts[1:], end], strict=True))
