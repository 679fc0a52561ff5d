"""One function for each picture of a trained GPT: it gets numbers and fills a figure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from phase1_transformers.solution.tokenizer import Tokenizer
from shared.drawing import BLUE, GREEN, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VISIBLE = str.maketrans({" ": "␣", "\n": "↵", "\t": "→", "\r": "←"})
REPEATED = re.compile(r"(.)\1{3,}")
KINDS = {"word": BLUE, "capital": GREEN, "digit": ORANGE, "sign": GREY}
LABELLED_HEADS = 6  # side by side; with more of them the tokens' names would not fit
SIDE = 2.1  # inches of a map among others
MONO = {"family": "DejaVu Sans Mono"}


def labels(tokenizer: Tokenizer, ids: Iterable[int], longest: int = 12) -> list[str]:
    """Name tokens: spaces and line breaks can be seen, runs are counted, long ones end in dots."""
    return [label(tokenizer.decode([int(token)]), longest) for token in ids]


def label(text: str, longest: int) -> str:
    """Name one token."""
    text = text.translate(VISIBLE)
    text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    text = REPEATED.sub(lambda run: f"{run[1]}×{len(run[0])}", text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def kind(text: str) -> str:
    """Sort a token into word, capital, digit or sign."""
    bare = text.strip()
    if bare.isdigit():
        return "digit"
    if not bare.isalpha():
        return "sign"
    return "word" if bare[0].islower() else "capital"


# -- attention --------------------------------------------------------------------------------


def draw_attention(figure: Figure, maps: np.ndarray, names: list[str]) -> None:
    """Every head of every layer: (n_layer, H, T, T) weights, a row of maps for each layer."""
    n_layer, n_head = maps.shape[:2]
    grid = figure.subplots(n_layer, n_head, squeeze=False)
    for layer in range(n_layer):
        for head in range(n_head):
            axes = grid[layer, head]
            draw_map(axes, maps[layer, head])
            if n_head <= LABELLED_HEADS:
                name_tokens(axes, names, rows=head == 0, columns=layer == n_layer - 1)
            if layer == 0:
                axes.set_title(f"head {head}", loc="center", fontsize=9)
            if head == 0:
                axes.set_ylabel(f"layer {layer}", fontsize=9)


def draw_head(figure: Figure, weights: np.ndarray, names: list[str]) -> None:
    """One head in full: (T, T) weights."""
    axes = figure.subplots()
    image = draw_map(axes, weights)
    name_tokens(axes, names, rows=True, columns=True)
    axes.set(xlabel="token looked at", ylabel="token that looks")
    figure.colorbar(image, ax=axes, label="attention weight", shrink=0.6)


def draw_map(axes: Axes, weights: np.ndarray):
    """One map; what lies in the future stays white."""
    past = np.ma.masked_where(~np.tri(len(weights), dtype=bool), weights)
    axes.set(xticks=[], yticks=[])
    return axes.imshow(past, cmap="Blues", vmin=0, vmax=1)


def name_tokens(axes: Axes, names: list[str], rows: bool, columns: bool) -> None:
    """Write the tokens along the axes."""
    width = axes.get_figure().get_figwidth() / axes.get_subplotspec().get_gridspec().ncols
    size = min(8.0, 0.8 * 72 * width / len(names))
    ticks = range(len(names))
    if rows:
        axes.set_yticks(ticks, names, fontsize=size, **MONO)
    if columns:
        axes.set_xticks(ticks, names, fontsize=size, rotation=upright(names), **MONO)
    axes.tick_params(length=0, pad=1.5)


def upright(names: list[str]) -> int:
    """Degrees by which names must be turned to stand side by side."""
    return 0 if max(map(len, names)) < 2 else 90


# -- the other pictures -----------------------------------------------------------------------


def draw_lens(
    figure: Figure,
    probabilities: np.ndarray,
    guesses: list[list[str]],
    names: list[str],
    hits: np.ndarray,
) -> None:
    """The likeliest next token after every layer, framed where it is the one that comes.

    Args:
        figure: to fill.
        probabilities: (layers, T) of each layer's best guess, the embeddings' first.
        guesses: names of the guesses, layer by layer.
        names: of the T tokens read and the one after them.
        hits: (layers, T) whether the guess is the token that comes.
    """
    from matplotlib.patches import Rectangle

    axes, size = figure.subplots(), 10 if upright(names) == 0 else 7
    # Up to 1.5: the darkest blues would swallow the names.
    axes.imshow(probabilities, cmap="Blues", vmin=0, vmax=1.5, aspect="auto", origin="lower")
    for layer, t in np.ndindex(probabilities.shape):
        place = {"ha": "center", "va": "center", "fontsize": size}
        axes.text(t, layer, guesses[layer][t], **place, **MONO)
        if hits[layer, t]:
            frame = Rectangle(
                (t - 0.46, layer - 0.44), 0.92, 0.88, fill=False, color=ORANGE, lw=1.5
            )
            axes.add_patch(frame)
    layers = ["embeddings", *(f"layer {layer}" for layer in range(len(probabilities) - 1))]
    axes.set_yticks(range(len(layers)), layers, fontsize=8)
    ticks, turn = range(len(names) - 1), {"fontsize": size + 1, "rotation": upright(names)}
    axes.set_xticks(ticks, names[:-1], **turn, **MONO)
    above = axes.secondary_xaxis("top")
    above.set_xticks(ticks, names[1:], **turn, **MONO)
    for side in (axes, above):
        side.tick_params(length=0)
        side.spines[:].set_visible(False)
    axes.set_xlabel("token that is read")
    above.set_xlabel("token that comes next")


def draw_positions(figure: Figure, losses: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Loss against tokens of context, as `insight.pooled` gives it."""
    contexts, means, errors = losses
    axes = figure.subplots()
    axes.fill_between(contexts, means - 2 * errors, means + 2 * errors, color=BLUE, alpha=0.15)
    axes.plot(contexts, means, color=BLUE, marker="o", markersize=3.5)
    axes.set(
        xscale="log",
        xlabel="tokens of context",
        ylabel="loss (nats per token)",
        title=f"From {means[0]:.2f} nats behind one token to {means[-1]:.2f} behind many",
    )
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")


def draw_plane(figure: Figure, plane: np.ndarray, texts: list[str], names: list[str]) -> None:
    """Tokens where `insight.principal_plane` puts them, coloured by kind."""
    axes = figure.subplots()
    axes.set(xlim=padded(plane[:, 0]), ylim=padded(plane[:, 1]), xticks=[], yticks=[])
    for (x, y), text, name in zip(plane, texts, names):
        axes.text(x, y, name, ha="center", va="center", fontsize=8, color=KINDS[kind(text)], **MONO)
    axes.spines[:].set_visible(False)


def padded(values: np.ndarray) -> tuple[float, float]:
    """Limits of an axis that leaves room for names at its ends."""
    room = 0.06 * (values.max() - values.min()) + 1e-6
    return float(values.min() - room), float(values.max() + room)
