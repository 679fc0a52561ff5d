"""The pictures of a trained GPT with what one sees in them, in words, with their own numbers.

Each function takes a `Subject`, computes (`insight.py`), draws (`pictures.py`) and describes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from phase1_transformers.project import curves as run_curves
from phase1_transformers.project import insight, pictures
from phase1_transformers.project.record import Record
from phase1_transformers.solution.gpt import GPT
from phase1_transformers.solution.tokenizer import Tokenizer
from shared import drawing
from shared.pages import Figure, Quote

PROMPT_TOKENS = 24
SCORED_TOKENS, OVERLAP = 2**15, 4  # of the text, at most; how often each is in a window
LOOKED_AT, NEIGHBOURS, MAPPED = 16, 5, 90  # tokens with neighbours, of each, on the plane
LONG = 3  # letters of a word that is worth looking at


@dataclass(frozen=True)
class Subject:
    """What is looked at, and where the pictures go.

    Attributes:
        model: in evaluation mode.
        tokenizer: the model's.
        tokens: ids of a text, best one that the model was not trained on.
        source: what text that is, for people to read.
        prompt: ids of the passage whose attention is drawn.
        folder: of the pictures.
    """

    model: GPT
    tokenizer: Tokenizer
    tokens: np.ndarray
    source: str
    prompt: tuple[int, ...]
    folder: Path

    @cached_property
    def idx(self) -> Tensor:
        """The prompt, (T,), where the model is."""
        return torch.tensor(self.prompt, device=self.model.token_embedding.weight.device)

    @cached_property
    def names(self) -> list[str]:
        """The prompt's tokens, for people to read."""
        return pictures.labels(self.tokenizer, self.prompt)

    @cached_property
    def maps(self) -> Tensor:
        """Attention weights over the prompt, (n_layer, H, T, T)."""
        return insight.attention_maps(self.model, self.idx).float().cpu()

    @cached_property
    def frequent(self) -> list[int]:
        """The tokens of the text, commonest first, without halves of characters."""
        special = set(self.tokenizer.specials.values())
        found = [int(token) for token, _ in Counter(self.tokens[: 2**20].tolist()).most_common()]
        return [t for t in found if t not in special and "\ufffd" not in self.tokenizer.decode([t])]


# -- how it learned ---------------------------------------------------------------------------


def learning(record: Record, folder: Path) -> Figure:
    """Loss, learning rate and length of the gradient, step by step."""
    folder.mkdir(parents=True, exist_ok=True)
    path = run_curves.draw_curves(record, folder / "curves.png")
    first, last = record.looks[0], record.looks[-1]
    norms = run_curves.column(record.steps, "grad_norm")
    clipped = float(np.mean(norms > record.config.grad_clip))
    uniform = np.log(record.model.config.vocab_size)
    caption = (
        f"A model that knows nothing pays ln V = {uniform:.2f} nats for each of V = "
        f"{record.model.config.vocab_size:,} tokens; the first step's loss was "
        f"{record.steps[0]['loss']:.2f}. The squares are the whole validation text, which the "
        f"weights were never fitted to: {first['val_loss']:.3f} after {first['step']:,} steps, "
        f"{last['val_loss']:.3f} at the end, when a stretch of the training text stood at "
        f"{last['train_loss']:.3f}. {gap(last['val_loss'] - last['train_loss'])} Below, the "
        "learning rate and the length of the gradient before clipping: "
        f"{clipped:.0%} of the steps had one longer than {record.config.grad_clip:g} and were "
        "shortened."
    )
    return Figure(path, "How it learned", caption)


def gap(nats: float) -> str:
    """Say what the distance between validation and training means."""
    if nats > 0.1:
        return f"The {nats:.2f} nats between the two are what it knows by heart."
    return "There is next to nothing between the two: it has learned, not memorised."


def samples(record: Record, before: str) -> Quote:
    """What the model wrote before training, on the way, and at the end."""
    shown = [("before the first step", before)]
    shown += [(f"after {s['step']:,} steps", s["sample"]) for s in pick(record.samples, 3)]
    prompt = record.config.prompt
    asked = f"Asked to go on after {prompt!r}" if prompt.strip() else "Asked to write"
    caption = (
        f"{asked}, with the same luck each time. Spelling comes first, then words, then which "
        "word follows which; what a sentence is about comes last, and a model of this size gets "
        "there by accident only."
    )
    text = "\n\n".join(f"--- {when}\n{printable(sample.strip())}" for when, sample in shown)
    return Quote(text, "What it writes", caption)


def printable(text: str) -> str:
    """Put a replacement in the place of control characters, which an untrained model likes."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def pick(records: list, n: int) -> list:
    """Take n of some records, evenly spread, the last among them."""
    chosen = np.unique(np.linspace(0, len(records) - 1, n).round().astype(int))
    return [records[i] for i in chosen]


# -- what it does with a text -----------------------------------------------------------------


def attention(subject: Subject) -> Figure:
    """Every head over the prompt."""
    maps = subject.maps
    n_layer, n_head = maps.shape[:2]
    side = min(pictures.SIDE, 10 / n_head)
    path = drawing.write_figure(
        subject.folder / "attention.png",
        (side * n_head + 0.8, side * n_layer + 0.8),
        lambda figure: pictures.draw_attention(figure, maps.numpy(), subject.names),
    )
    told = "; ".join(favourite(name, shares) for name, shares in insight.habits(maps).items())
    caption = (
        "A row is a token that looks, a column one that is looked at, and darker is more. Each "
        "row sums to 1; what lies to the right of the diagonal is the future. Which head looks "
        f"most {told}. Heads that look at the first token often do so for want of anything better: "
        "a softmax must put its weight somewhere."
    )
    return Figure(path, f"Attention, {n_layer * n_head} heads", caption)


def favourite(habit: str, shares: Tensor) -> str:
    """Name the head that has a habit most."""
    layer, number = divmod(int(shares.argmax()), shares.shape[1])
    return f"at {habit}: head {number} of layer {layer}, {shares.max():.0%} of its weight"


def head(subject: Subject) -> Figure:
    """The head that does something else, in full."""
    layer, number = insight.odd_one(insight.habits(subject.maps))
    weights = subject.maps[layer, number]
    path = drawing.write_figure(
        subject.folder / "head.png",
        (6.6, 5.6),
        lambda figure: pictures.draw_head(figure, weights.numpy(), subject.names),
    )
    apart = weights.tril(-2)[:, 1:]
    query, key = divmod(int(apart.argmax()), apart.shape[1])
    caption = (
        "The head of the picture above that is explained least by looking at itself, at the token "
        "before or at the first one. Its most determined look back: token "
        f"{query}, {subject.names[query]!r}, at token {key + 1}, {subject.names[key + 1]!r}, with "
        f"{apart.max():.0%} of its weight."
    )
    return Figure(path, f"One head in full: layer {layer}, head {number}", caption)


def lens(subject: Subject) -> Figure:
    """The model's guess after every layer."""
    logits = insight.logit_lens(subject.model, subject.idx[:-1]).float().cpu()
    best = logits.softmax(dim=-1).max(dim=-1)
    targets = subject.idx[1:].cpu()
    hits = best.indices == targets
    guesses = [pictures.labels(subject.tokenizer, layer, longest=6) for layer in best.indices]
    size = (9.5, 1.9 + 0.36 * len(guesses))
    path = drawing.write_figure(
        subject.folder / "lens.png",
        size,
        lambda figure: pictures.draw_lens(
            figure, best.values.numpy(), guesses, subject.names, hits.numpy()
        ),
    )
    nats = -logits.log_softmax(dim=-1).gather(-1, targets.expand(len(logits), -1)[..., None])
    first, middle, last = (float(nats[i].mean()) for i in (0, len(nats) // 2, -1))
    tied = (
        "The lowest row sees a token and nothing else; where head and embeddings are one table, as "
        "here, that token is nearest to itself. "
        if subject.model.config.tied
        else ""
    )
    caption = (
        "The residual stream has one shape from the embeddings to the end, so the output head can "
        "be asked after every layer, as if it were the last. Each cell is the likeliest next token "
        "there, darker if more certain, framed where it is the one that comes. "
        f"{tied}On this passage "
        f"the mean loss is {first:.1f} nats right after the embeddings, {middle:.1f} half way up "
        f"and {last:.1f} at the top, where {int(hits[-1].sum())} of {len(targets)} are right."
    )
    return Figure(path, "The logit lens: a guess takes shape", caption)


def positions(subject: Subject) -> Figure:
    """Loss by position in the context."""
    T = subject.model.config.block_size
    text = subject.tokens[: max(SCORED_TOKENS, T + 1)]
    losses = insight.loss_by_position(subject.model, text, max(1, T // OVERLAP))
    pools = insight.pooled(losses, OVERLAP)
    path = drawing.write_figure(
        subject.folder / "positions.png",
        (7.5, 3.8),
        lambda figure: pictures.draw_positions(figure, pools),
    )
    contexts, means, _ = pools
    half = int(np.argmax(means <= (means[0] + means.min()) / 2))
    caption = (
        f"{len(losses):,} windows of {T} tokens from {subject.source}. The first guess "
        f"of a window has one token to go by and costs {means[0]:.2f} nats; half of what context "
        f"can give is there after about {contexts[half]:.0f} tokens, and at the far end a token "
        f"costs {means[-1]:.2f}. The band is two standard errors. Where the curve is flat, the "
        "model makes nothing of a longer memory."
    )
    return Figure(path, "What context is worth", caption)


# -- what it knows about tokens ---------------------------------------------------------------


def neighbours(subject: Subject) -> Quote:
    """The tokens whose embeddings are nearest, as a table."""
    chosen = by_kind(subject, LOOKED_AT)
    n = min(NEIGHBOURS, subject.model.config.vocab_size - 1)
    ids, cosines = insight.neighbours(subject.model.token_embedding.weight.cpu(), chosen, n)
    rows = [
        [name, *(f"{label} {cosine:.2f}" for label, cosine in zip(near, values))]
        for name, near, values in zip(
            pictures.labels(subject.tokenizer, chosen),
            [pictures.labels(subject.tokenizer, row) for row in ids.tolist()],
            cosines.tolist(),
        )
    ]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["   ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows]
    caption = (
        "In front a common token, behind it those whose embeddings point most nearly the same way, "
        "with the cosine of the angle (␣ is a space, ↵ a line break). Nobody told the model what a "
        "letter, a digit or a verb is; tokens that can stand in for each other end up together, "
        "because the same things follow and precede them."
    )
    return Quote("\n".join(lines), "Neighbours among the embeddings", caption)


def by_kind(subject: Subject, n: int) -> list[int]:
    """The commonest tokens of each kind, of words those of some length if there are any."""
    found: dict[str, list[int]] = {kind: [] for kind in pictures.KINDS}
    for token in subject.frequent:
        found[pictures.kind(subject.tokenizer.decode([token]))].append(token)
    long = [t for t in found["word"] if len(subject.tokenizer.decode([t]).strip()) >= LONG]
    found["word"] = long or found["word"]
    return [token for kind in found.values() for token in kind[: n // len(found)]]


def plane(subject: Subject) -> Figure:
    """The commonest tokens' embeddings, laid flat."""
    chosen = subject.frequent[:MAPPED]
    flat = insight.principal_plane(subject.model.token_embedding.weight.cpu(), chosen)
    texts = [subject.tokenizer.decode([token]) for token in chosen]
    names = pictures.labels(subject.tokenizer, chosen)
    path = drawing.write_figure(
        subject.folder / "plane.png",
        (8, 5.4),
        lambda figure: pictures.draw_plane(figure, flat.numpy(), texts, names),
    )
    caption = (
        f"The {len(chosen)} commonest tokens, each where the first two principal components of "
        "their embeddings put it: words in blue, capitals in green, digits in orange, signs in "
        f"grey. A plane is little for {subject.model.config.n_embd} dimensions, and still kinds "
        "keep together."
    )
    return Figure(path, "A map of the embeddings", caption)
