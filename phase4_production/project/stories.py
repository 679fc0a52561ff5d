"""The published story model in its own binary format, as llama2.c (Karpathy 2023) writes it.

A small Llama that tells stories for children (Eldan and Li 2023, arXiv:2305.07759). One file holds
seven integers and then every array of all layers, float32; another the tokens with their scores:

    stories260K.bin   C, F, layers, heads, kv heads, V, T; the arrays of `_layout`
    tok512.bin        length of the longest token; for each token score, length, bytes

`Decoder.load` and `Tokenizer.load` take such a folder like any other.
"""

from __future__ import annotations

import struct
from math import prod
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer as Engine
from tokenizers import decoders, models, normalizers, processors
from torch import Tensor

from phase4_production.project.architecture import Architecture, Rope
from phase4_production.project.checkpoint import CheckpointError

HEADER_BYTES = 28
UNKNOWN, BEGIN, END = "<unk>", "<s>", "</s>"  # the tokens 0, 1, 2
ENDS = (1, 2)  # in its training a story was followed by the beginning of another one
LAYERED = ("norm1", "q", "k", "v", "out", "norm2", "gate", "down", "up")
FIRST_LEARNT = 259  # after these three and 256 bytes


def is_story_folder(folder: Path) -> bool:
    """Whether a folder holds a model in this format."""
    return any(folder.glob("stories*.bin")) and not (folder / "config.json").is_file()


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise CheckpointError(f"{folder} has {len(found)} files {pattern}, and one is needed")
    return found[0]


# -- weights --------------------------------------------------------------------------------------


def read(
    folder: Path, dtype: torch.dtype = torch.float32
) -> tuple[Architecture, dict[str, Tensor]]:
    """Read the sizes and all weights.

    Raises:
        CheckpointError: in one line, if there is no such file or another one beside it, or it is
            not as long as its first numbers say.
    """
    path = _only(folder, "stories*.bin")
    content = path.read_bytes()
    if len(content) < HEADER_BYTES:
        raise CheckpointError(f"{path} is cut short: it has {len(content)} bytes")
    C, F, n_layer, n_head, n_kv_head, V, T = struct.unpack("<7i", content[:HEADER_BYTES])
    if min(C, F, n_layer, n_head, n_kv_head, abs(V), T) < 1 or C % n_head or n_head % n_kv_head:
        raise CheckpointError(f"{path} is no story model: its first numbers are not sizes")
    a = Architecture(
        family="llama",
        n_layer=n_layer,
        n_head=n_head,
        n_kv_head=n_kv_head,
        head_dim=C // n_head,
        n_embd=C,
        n_mlp=F,
        vocab_size=abs(V),
        max_length=T,
        norm_eps=1e-5,
        tied=V > 0,  # the format's own sign for it
        rope=Rope(10_000.0),
        eos_ids=ENDS,
    )
    layout = _layout(a)
    expected = HEADER_BYTES + 4 * sum(map(prod, layout.values()))
    if len(content) != expected:
        raise CheckpointError(
            f"{path} is cut short or another model's: {len(content)} bytes, expected {expected}"
        )
    numbers = torch.from_numpy(np.frombuffer(content, "<f4", offset=HEADER_BYTES).copy()).to(dtype)
    arrays = numbers.split([prod(shape) for shape in layout.values()])
    named = {name: x.view(s) for (name, s), x in zip(layout.items(), arrays, strict=True)}
    return a, _ours(a, named)


def _layout(a: Architecture) -> dict[str, tuple[int, ...]]:
    """List the arrays in the order of the file."""
    C, F, N = a.n_embd, a.n_mlp, a.n_layer
    narrow = a.n_kv_head * a.head_dim
    return {
        "embed": (a.vocab_size, C),
        "norm1": (N, C),
        "q": (N, C, C),
        "k": (N, narrow, C),
        "v": (N, narrow, C),
        "out": (N, C, C),
        "norm2": (N, C),
        "gate": (N, F, C),
        "down": (N, C, F),
        "up": (N, F, C),
        "norm": (C,),
        "angles": (2, a.max_length, a.head_dim // 2),  # cosines and sines, which we make ourselves
    } | ({} if a.tied else {"head": (a.vocab_size, C)})


def _ours(a: Architecture, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
    """Cut the arrays into layers, and put together what is multiplied with the same input."""
    found = {"embed": arrays["embed"], "norm.weight": arrays["norm"]}
    found["head.weight"] = arrays["embed" if a.tied else "head"]
    for i in range(a.n_layer):
        one = {name: array[i] for name, array in arrays.items() if name in LAYERED}
        q, k = halves(one["q"], a.head_dim), halves(one["k"], a.head_dim)
        found[f"blocks.{i}.qkv.weight"] = torch.cat([q, k, one["v"]])
        found[f"blocks.{i}.up.weight"] = torch.cat([one["gate"], one["up"]])
        for name in ("norm1", "out", "norm2", "down"):
            found[f"blocks.{i}.{name}.weight"] = one[name]
    return found


def halves(weight: Tensor, head_dim: int) -> Tensor:
    """Bring the rows of each head into the order in which our rotary positions turn them.

    The file pairs neighbours, rows 2 i and 2 i + 1 of a head; we pair i and i + D / 2, as
    transformers does. A score sums over pairs, and does not see their order.

    Args:
        weight: (heads * D, C), of queries or keys.
        head_dim: D.
    """
    pairs = weight.unflatten(0, (-1, head_dim // 2, 2))
    return pairs.transpose(1, 2).reshape(weight.shape)


# -- tokenizer ------------------------------------------------------------------------------------


def read_tokenizer(folder: Path, vocab_size: int) -> Engine:
    """Make a tokenizer of scored tokens, as SentencePiece's BPE: the best-scored pair is merged.

    Raises:
        CheckpointError: in one line, if there is no such file or another one beside it, it is cut
            short, or has not as many tokens as the model.
    """
    path = _only(folder, "tok*.bin")
    try:
        scored = _scored(path.read_bytes())
    except (struct.error, UnicodeDecodeError):
        raise CheckpointError(f"{path} is cut short or damaged") from None
    if len(scored) != vocab_size:
        raise CheckpointError(f"{path} has {len(scored)} tokens, and the model {vocab_size}")
    names = [UNKNOWN, BEGIN, END, *(piece.replace(" ", "▁") for piece, _ in scored[3:])]
    vocab = {name: i for i, name in enumerate(names)}
    by_score = sorted(range(FIRST_LEARNT, vocab_size), key=lambda i: -scored[i][1])
    merges = [
        (names[i][:cut], names[i][cut:])
        for i in by_score
        for cut in range(1, len(names[i]))
        if names[i][:cut] in vocab and names[i][cut:] in vocab
    ]
    engine = Engine(models.BPE(vocab, merges, unk_token=UNKNOWN, byte_fallback=True))
    engine.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    engine.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback()])
    engine.add_special_tokens([UNKNOWN, BEGIN, END])
    engine.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", special_tokens=[(BEGIN, 1)]
    )
    return engine


def _scored(content: bytes) -> list[tuple[str, float]]:
    """List the text and score of each token."""
    found, place = [], 4  # the first number is the length of the longest
    while place < len(content):
        score, length = struct.unpack_from("<fi", content, place)
        (text,) = struct.unpack_from(f"{length}s", content, place + 8)
        found.append((text.decode(), score))
        place += 8 + length
    return found
