"""Draw the graph behind a `Value`: every number, every operation, every gradient.

    python -m phase0_foundations.project.draw_graph

draws one neuron, relu(w₁x₁ + w₂x₂ + b), after its backward pass, to runs/phase0/graph/neuron.png:
with Graphviz where its `dot` program is installed, with matplotlib otherwise.
"""

import shutil
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from phase0_foundations.solution.value import Value, topological_order
from shared import cli
from shared.runs import RUNS


@dataclass(frozen=True)
class Config:
    """Where to draw, and with what."""

    output: Path = RUNS / "phase0" / "graph" / "neuron.png"
    """The picture to write (.png, .svg or .pdf)."""
    graphviz: bool = True
    """Use Graphviz if it is installed."""


def describe(node: Value, names: Mapping[Value, str]) -> str:
    """Return the text of a node's box: its name or operation, its number, its gradient."""
    title = " = ".join(part for part in (names.get(node, ""), node.op) if part) or "constant"
    return f"{title}\ndata {node.data:.4g}\ngrad {node.grad:.4g}"


def to_dot(root: Value, names: Mapping[Value, str]) -> str:
    """Return the graph in Graphviz's language, operands on the left, the root on the right."""
    order = topological_order(root)
    number = {node: i for i, node in enumerate(order)}
    lines = ["digraph {", "  rankdir=LR; node [shape=box, fontname=monospace];"]
    for node in order:
        text = describe(node, names).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        lines.append(f'  n{number[node]} [label="{text}"];')
        for child, slope in zip(node.children, node.local_grads):
            lines.append(f'  n{number[child]} -> n{number[node]} [label="{slope:.4g}"];')
    return "\n".join([*lines, "}"])


def layout(root: Value) -> dict[Value, tuple[float, float]]:
    """Place nodes in columns: one step right of the rightmost child, columns centred on y = 0."""
    columns: dict[int, list[Value]] = defaultdict(list)
    column: dict[Value, int] = {}
    for node in topological_order(root):
        column[node] = max((column[child] + 1 for child in node.children), default=0)
        columns[column[node]].append(node)
    return {
        node: (float(x), (len(nodes) - 1) / 2 - y)
        for x, nodes in columns.items()
        for y, node in enumerate(nodes)
    }


def draw(root: Value, path: Path, names: Mapping[Value, str], graphviz: bool = True) -> None:
    """Draw the graph under root to a file; each arrow carries its local derivative.

    Args:
        root: the result at the right end.
        path: the picture; the suffix says the format.
        names: what to call the nodes that have a name.
        graphviz: use the `dot` program if it is there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if graphviz and shutil.which("dot"):
        command = ["dot", f"-T{path.suffix[1:]}", "-o", str(path)]
        subprocess.run(command, input=to_dot(root, names), text=True, check=True)
    else:
        _draw_with_matplotlib(root, path, names)


def _draw_with_matplotlib(root: Value, path: Path, names: Mapping[Value, str]) -> None:
    import matplotlib.pyplot as plt

    places = layout(root)
    width = 1 + max(x for x, _ in places.values())
    height = 1 + 2 * max(y for _, y in places.values())
    figure, axes = plt.subplots(figsize=(2.2 * width, 1.2 * height), layout="constrained")
    for node, place in places.items():
        for child, slope in zip(node.children, node.local_grads):
            start = places[child]
            arrow = {"arrowstyle": "->", "color": "gray", "shrinkA": 32, "shrinkB": 32}
            axes.annotate("", place, start, arrowprops=arrow)
            middle = [(a + b) / 2 for a, b in zip(start, place)]
            axes.text(*middle, f"{slope:.4g}", color="gray", ha="center", va="bottom", fontsize=8)
        box = {"boxstyle": "round", "facecolor": "white"}
        text = describe(node, names)
        axes.text(*place, text, ha="center", va="center", fontsize=8, family="monospace", bbox=box)
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(-height / 2, height / 2)
    axes.axis("off")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def neuron() -> tuple[Value, dict[Value, str]]:
    """Build relu(w₁x₁ + w₂x₂ + b) out of single operations; return the root and the names."""
    w1, x1, w2, x2, b = (Value(x) for x in (-3.0, 2.0, 1.0, 0.5, 6.9))
    root = (w1 * x1 + w2 * x2 + b).relu()
    return root, {w1: "w₁", x1: "x₁", w2: "w₂", x2: "x₂", b: "b", root: "out"}


def main(config: Config) -> None:
    """Draw one neuron after its backward pass."""
    root, names = neuron()
    root.backward()
    draw(root, config.output, names, config.graphviz)
    print(f"drawn: {config.output}")


if __name__ == "__main__":
    cli.run(__spec__.name)
