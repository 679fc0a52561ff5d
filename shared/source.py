"""Where a definition stands in a Python file, even when the rest of the file is broken.

A learner's file holds several exercises. A syntax error in one of them must not cost the others,
so a file that does not parse as a whole is parsed piece by piece: each top-level statement on its
own and, inside a class, each member on its own. Every node keeps the line numbers of the file.
"""

import ast
import io
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef
CONTINUES = re.compile(r"(\s|[#)\]}]|$|else\b|elif\b|except\b|finally\b)")
# What Python says of a piece that ends too early.
UNFINISHED = re.compile("unterminated triple|never closed|line continuation")
HEADER = re.compile(r"\s*(?:async\s+def|def|class)\s+(\w+)")


@dataclass
class SourceFile:
    r"""One Python file, parsed as far as it can be.

    Attributes:
        path: where the text came from; tracebacks name it.
        text: the text itself, its lines ended by "\n".
        broken: the pieces that do not parse, as (first line, last line, error); 1-based, inclusive.
    """

    path: Path
    text: str
    broken: list[tuple[int, int, SyntaxError]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "SourceFile":
        """Read a file; bytes that are no UTF-8 are a learner's slip and must not stop the rest."""
        return cls(path, path.read_text(encoding="utf-8-sig", errors="replace"))

    @cached_property
    def lines(self) -> list[str]:
        """The text's lines, ends kept, counted as Python counts them (a form feed ends none)."""
        return io.StringIO(self.text).readlines()

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
            SyntaxError: if it is there but does not compile, all of it.
            LookupError: if it is not there.
        """
        found = self.find_parsed(qualname)
        if found is None:
            self._raise_if_broken(qualname)
            raise LookupError(f"{self.path.name} does not define {qualname}")
        if isinstance(found, ast.ClassDef):
            self._raise_if_broken(qualname, found)
        # A `break` outside a loop parses; only the compiler minds.
        compile(ast.Module([found], type_ignores=[]), str(self.path), "exec")
        return found

    def find_parsed(self, qualname: str) -> Definition | None:
        """Return a definition, of a class perhaps without members that do not parse, or None."""
        found: ast.Module | Definition = self.tree
        for name in qualname.split("."):
            named = [n for n in found.body if isinstance(n, Definition) and n.name == name]
            if not named:
                return None
            found = named[-1]  # as in Python, the last definition wins
        return found

    def span(self, qualname: str) -> tuple[int, int]:
        """Return the lines of a definition, decorators included: 0-based start, exclusive end.

        One that does not parse ends before the next line that is indented no deeper.

        Raises:
            LookupError: if it is not there.
        """
        node = self.find_parsed(qualname)
        if node is not None:
            start = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            return start - 1, node.end_lineno
        name = qualname.rpartition(".")[2]
        for first, last, _ in self.broken:
            for i in range(first - 1, last):
                header = HEADER.match(self.lines[i])
                if header and header[1] == name:
                    return self._broken_span(i, last)
        raise LookupError(f"{self.path.name} does not define {qualname}")

    # -- a file that does not parse ------------------------------------------------------------

    def _pieces(self, start: int, end: int, indent: str) -> list[ast.stmt]:
        """Parse lines[start:end], whose statements are indented by `indent`, one at a time."""
        nodes = []
        cuts = [*self._cuts(start, end, indent), end]
        while len(cuts) > 1:
            n_pieces, parsed = self._first(cuts, indent)
            if isinstance(parsed, SyntaxError):
                parsed = self._salvage(cuts[0], cuts[1], indent, parsed)
            nodes += parsed
            cuts = cuts[n_pieces:]
        return nodes

    def _first(self, cuts: list[int], indent: str) -> tuple[int, list[ast.stmt] | SyntaxError]:
        """Parse the first piece, joined with the next ones where a string holds the cut."""
        alone = self._parse(cuts[0], cuts[1], indent)
        if isinstance(alone, SyntaxError) and UNFINISHED.search(alone.msg):
            for n_pieces, last in enumerate(cuts[2:], start=2):
                parsed = self._parse(cuts[0], last, indent)
                if not isinstance(parsed, SyntaxError):
                    return n_pieces, parsed
        return 1, alone

    def _cuts(self, start: int, end: int, indent: str) -> list[int]:
        """List the lines that begin a statement at exactly this indentation."""
        cuts, after_decorator = [], False
        for i in range(start, end):
            line = self.lines[i]
            if not line.startswith(indent) or CONTINUES.match(line[len(indent) :]):
                continue
            decorator = line[len(indent) :].startswith("@")
            if not (after_decorator and (decorator or HEADER.match(line))):
                cuts.append(i)
            after_decorator = decorator
        return cuts

    def _parse(self, first: int, last: int, indent: str) -> list[ast.stmt] | SyntaxError:
        header = "class _:\n" if indent else ""
        padding = "\n" * (first - bool(header))
        try:
            text = padding + header + "".join(self.lines[first:last])
            parsed = ast.parse(text, str(self.path)).body
        except (SyntaxError, ValueError) as error:
            return error if isinstance(error, SyntaxError) else SyntaxError(str(error))
        return parsed[0].body if header else parsed

    def _salvage(self, first: int, last: int, indent: str, problem: SyntaxError) -> list[ast.stmt]:
        """Note a piece that does not parse; of a top-level class keep the members that do."""
        header = next((i for i in range(first, last) if HEADER.match(self.lines[i])), None)
        if not indent and header is not None and self.lines[header].startswith("class "):
            node = self._class(first, header, last)
            if node is not None:
                return [node]
        self.broken.append((first + 1, last, problem))
        return []

    def _class(self, first: int, header: int, last: int) -> ast.ClassDef | None:
        """Parse a class whose body is broken somewhere, if at least its header is whole."""
        for body in range(header + 1, last):
            line = self.lines[body]
            indent = re.match(r"\s*", line)[0] if line.strip() else ""
            text = "\n" * first + "".join(self.lines[first:body]) + f"{indent}pass\n"
            try:
                node = ast.parse(text, str(self.path)).body[0] if indent else None
            except SyntaxError:
                continue  # the header goes on
            if node is not None:
                node.body = self._pieces(body, last, indent) or node.body
                node.end_lineno = last
                return node
        return None

    def _broken_span(self, header: int, last: int) -> tuple[int, int]:
        """Return the lines of the definition whose header is there, judged by indentation."""
        depth = _depth(self.lines[header])
        start, end = header, header + 1
        while start > 0 and re.match(rf"\s{{{depth}}}@", self.lines[start - 1]):
            start -= 1
        for i in range(header + 1, last):
            line = self.lines[i].strip()
            if line and _depth(self.lines[i]) <= depth and not line.startswith((")", "]", "}")):
                break
            if line:
                end = i + 1
        return start, end

    def _raise_if_broken(self, qualname: str, within: ast.ClassDef | None = None) -> None:
        name = qualname.rpartition(".")[2]
        for first, last, error in self.broken:
            headers = map(HEADER.match, self.lines[first - 1 : last])
            inside = within and within.lineno <= first <= within.end_lineno
            if inside or any(header and header[1] == name for header in headers):
                raise error


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())
