"""What a learner was given and must not change: everything but the bodies of exercises.

The stub and a learner's file are compared statement by statement, so that comments, layout, and
whatever a learner adds (bodies, helpers, imports) make no difference.
"""

import ast

from shared.source import Function, SourceFile


def missing(expected: SourceFile, learner: SourceFile, objects: set[str]) -> list[str]:
    """Return the first line of each given statement that a learner's file lacks or has changed.

    Args:
        expected: the stub.
        learner: the file compared with it; one that does not parse cannot be compared.
        objects: qualnames of what the learner writes; given of them are signature and docstring.
    """
    given, found = _given(expected, objects), _given(learner, objects)
    if learner.broken:
        return []
    return [line for key, line in given.items() if key not in found]


def changed(expected: SourceFile, learner: SourceFile, objects: set[str]) -> list[str]:
    """Return what `missing` does, but for the objects: in place of the rest the original runs."""
    names = [name.rpartition(".")[2] for name in objects]
    headers = {f"{word} {name}" for word in ("def", "class") for name in names}
    return [line for line in missing(expected, learner, objects) if line not in headers]


def _given(file: SourceFile, objects: set[str]) -> dict[str, str]:
    """Map a normal form of each given statement, import, member and signature to its first line."""
    return _of_body(file.tree.body, objects, scope="")


def _of_body(body: list[ast.stmt], objects: set[str], scope: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for node in body:
        name = scope + getattr(node, "name", "")
        if isinstance(node, Function) and name in objects:
            signature = f"def {name}({ast.dump(node.args)}): {ast.get_docstring(node)}"
            given[signature] = f"def {node.name}"
        elif isinstance(node, ast.ClassDef):
            bases = ", ".join(map(ast.dump, [*node.bases, *node.decorator_list]))
            given[f"class {name}({bases})"] = f"class {node.name}"
            given |= {} if name in objects else _of_body(node.body, objects, f"{name}.")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            given |= {f"{scope}{line}": line for line in _imports(node)}
        else:
            given[scope + ast.dump(node)] = ast.unparse(node).splitlines()[0]
    return given


def _imports(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Write an import as one line a name, so that a name added to it changes no other."""
    single = [type(node)(**{**vars(node), "names": [alias]}) for alias in node.names]
    return [ast.unparse(statement) for statement in single]
