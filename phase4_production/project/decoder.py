"""GPT-2, Llama and Qwen3 on tokens laid end to end; where the past is kept is not their concern.

A decoder sees N tokens of any number of sequences, each with its position. Everything but attention
treats a token alone, so it needs nothing else; attention is a function that it is handed:

    attend(layer, q, k, v) -> what each token found

q is (N, H, D), k and v are (N, H_kv, D). A cache in pages, windows of a validation text, or a
calibration run bring one each.

Written for batch 1 on a CPU, where a small operation costs as much as its call: one product makes
q, k and v, one makes gate and up, and queries and keys are normed and turned together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from phase4_production.project import checkpoint, stories
from phase4_production.project.architecture import Architecture
from phase4_production.project.linears import Dense, Linear

Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]
Turn = tuple[Tensor, Tensor]  # cosines and sines of the tokens' positions, (N, 1, D / 2) each


class Decoder:
    """A model without a cache.

    Args:
        architecture: its sizes.
        tensors: its weights under the names of `checkpoint`.
        linears: layers that take the place of dense ones, by name without ".weight".

    Attributes:
        linears: every linear layer by name ("blocks.3.qkv", "head"); put another in its place to
            quantise it, or to see what goes in.
    """

    def __init__(
        self,
        architecture: Architecture,
        tensors: Mapping[str, Tensor],
        linears: Mapping[str, Linear] | None = None,
    ) -> None:
        self.architecture = architecture
        self.linears: dict[str, Linear] = dict(linears or {})
        self.tensors: dict[str, Tensor] = {}
        for name, tensor in tensors.items():
            layer, _, kind = name.rpartition(".")
            if not is_linear(layer):
                self.tensors[name] = tensor
            elif kind == "weight" and layer not in self.linears:
                self.linears[layer] = Dense(tensor, tensors.get(f"{layer}.bias"))
        a = architecture
        make = _Gpt2Block if a.family == "gpt2" else _LlamaBlock
        self._blocks = [make(self, i) for i in range(a.n_layer)]
        if a.rope is not None:
            angles = torch.outer(torch.arange(a.max_length).float(), a.rope.frequencies(a.head_dim))
            angles = angles.to(self.device)
            self._cos, self._sin = (
                f(angles)[:, None].to(self.dtype) for f in (torch.cos, torch.sin)
            )

    @classmethod
    def load(cls, folder: Path, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Self:
        """Read a model folder in Hugging Face's format or in that of the story model.

        Raises:
            CheckpointError: there is none, or it cannot be read.
        """
        files = stories if stories.is_story_folder(folder) else checkpoint
        architecture, tensors = files.read(folder, dtype)
        moved = {id(tensor): tensor.to(device) for tensor in tensors.values()}  # a tied head once
        return cls(architecture, {name: moved[id(tensor)] for name, tensor in tensors.items()})

    @property
    def dtype(self) -> torch.dtype:
        """Of what flows between the layers; the embedding may be kept in another."""
        return self.tensors["norm.weight"].dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.tensors["embed"].device

    @property
    def nbytes(self) -> int:
        """Of all weights; a tied output layer that is the embedding counts once."""
        head = self.linears["head"]
        shared = isinstance(head, Dense) and head.weight is self.tensors["embed"]
        linears = sum(one.nbytes for one in self.linears.values()) - shared * head.nbytes
        return linears + sum(tensor.nbytes for tensor in self.tensors.values())

    def halve_embedding(self) -> None:
        """Keep it in bfloat16: a row of it is looked up, and most models are published so."""
        self.tensors["embed"] = self.tensors["embed"].bfloat16()

    def hidden(self, ids: Tensor, positions: Tensor, attend: Attend) -> Tensor:
        """Run all blocks and the last norm.

        Args:
            ids: (N,) int64.
            positions: (N,) int64, each below `architecture.max_length`.
            attend: looks at the past.

        Returns:
            (N, C), the dtype of the weights.
        """
        x = F.embedding(ids, self.tensors["embed"]).to(self.dtype)
        if self.architecture.rope is None:
            x, turn = x + F.embedding(positions, self.tensors["positions"]), None
        else:
            turn = self._cos[positions], self._sin[positions]
        for block in self._blocks:
            x = block(x, turn, attend)
        return self.norm("norm", x)

    def logits(self, hidden: Tensor) -> Tensor:
        """Turn (M, C) into scores of every token, (M, V)."""
        return self.linears["head"](hidden)

    def norm(self, name: str, x: Tensor) -> Tensor:
        """Apply a LayerNorm (GPT-2) or RMSNorm (the others)."""
        weight, eps = self.tensors[f"{name}.weight"], self.architecture.norm_eps
        if self.architecture.family == "gpt2":
            return F.layer_norm(x, weight.shape, weight, self.tensors[f"{name}.bias"], eps)
        return F.rms_norm(x, weight.shape, weight, eps)


def is_linear(name: str) -> bool:
    """Whether a layer of this name multiplies by a matrix."""
    return name.rpartition(".")[2] in ("qkv", "out", "up", "down", "head")


class _Gpt2Block:
    """Radford et al. 2019: LayerNorm first, learnt positions, GELU."""

    def __init__(self, model: Decoder, number: int) -> None:
        self.model, self.number, self.name = model, number, f"blocks.{number}"

    def __call__(self, x: Tensor, turn: Turn | None, attend: Attend) -> Tensor:
        model, linears, name = self.model, self.model.linears, self.name
        H, D = model.architecture.n_head, model.architecture.head_dim
        qkv = linears[f"{name}.qkv"](model.norm(f"{name}.norm1", x))
        q, k, v = qkv.view(len(x), 3, H, D).unbind(1)
        x = x + linears[f"{name}.out"](attend(self.number, q, k, v).reshape(len(x), H * D))
        wide = linears[f"{name}.up"](model.norm(f"{name}.norm2", x))
        return x + linears[f"{name}.down"](F.gelu(wide, approximate="tanh"))


class _LlamaBlock:
    """Touvron et al. 2023 (arXiv:2302.13971): RMSNorm, RoPE, SwiGLU; and Qwen3's norm of q, k."""

    def __init__(self, model: Decoder, number: int) -> None:
        self.model, self.number, self.name = model, number, f"blocks.{number}"
        a = model.architecture
        self.qk_norm = None
        if a.family == "qwen3":
            q, k = (model.tensors[f"{self.name}.{which}_norm.weight"] for which in "qk")
            self.qk_norm = torch.cat([q.expand(a.n_head, -1), k.expand(a.n_kv_head, -1)])

    def __call__(self, x: Tensor, turn: Turn | None, attend: Attend) -> Tensor:
        model, linears, name = self.model, self.model.linears, self.name
        a = model.architecture
        qkv = linears[f"{name}.qkv"](model.norm(f"{name}.norm1", x))
        qk, v = qkv.view(len(x), -1, a.head_dim).split([a.n_head + a.n_kv_head, a.n_kv_head], 1)
        if self.qk_norm is not None:
            qk = F.rms_norm(qk, (a.head_dim,), None, a.norm_eps) * self.qk_norm
        q, k = rotate(qk, *turn).split([a.n_head, a.n_kv_head], 1)
        found = attend(self.number, q, k, v).reshape(len(x), a.n_head * a.head_dim)
        x = x + linears[f"{name}.out"](found)
        gate, up = linears[f"{name}.up"](model.norm(f"{name}.norm2", x)).chunk(2, dim=-1)
        return x + linears[f"{name}.down"](F.silu(gate) * up)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (i, i + D / 2) by the angle of its token's position.

    Args:
        x: (N, heads, D).
        cos, sin: (N, 1, D / 2).
    """
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
