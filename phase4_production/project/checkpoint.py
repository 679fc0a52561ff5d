"""Read a Hugging Face folder: config, and weights under names that all families share.

    embed                      (V, C)
    positions                  (max_length, C), of GPT-2
    blocks.3.norm1.weight      and .bias, of GPT-2
    blocks.3.qkv.weight        (n_qkv, C): queries, then keys, then values
    blocks.3.q_norm.weight     (D,), and k_norm, of Qwen3
    blocks.3.out.weight        (C, n_head * D)
    blocks.3.norm2.weight
    blocks.3.up.weight         (F, C); of Llama and Qwen3 gate and up in one, (2 F, C)
    blocks.3.down.weight       (C, F)
    norm.weight
    head.weight                (V, C)

Every matrix is (out, in), also GPT-2's, which its files have the other way round. A tied output
layer is the embedding itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from phase4_production.project import architecture as architectures
from phase4_production.project.architecture import Architecture

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
Tensors = dict[str, Tensor]


class CheckpointError(ValueError):
    """A folder that holds no model that can be read; the message is one line."""


def read(folder: Path, dtype: torch.dtype = torch.float32) -> tuple[Architecture, Tensors]:
    """Read a model.

    Args:
        folder: with `config.json` and one `model.safetensors`, or several and their index.
        dtype: of all tensors.

    Raises:
        CheckpointError: a file is missing, cut short, or of another model.
    """
    architecture = read_architecture(folder)
    theirs = _load(folder, dtype)
    try:
        ours = (_from_gpt2 if architecture.family == "gpt2" else _from_llama)(architecture, theirs)
    except KeyError as error:
        raise CheckpointError(f"{folder}: the weights have no {error.args[0]}") from None
    check(ours, architecture, folder)
    return architecture, ours


def read_architecture(folder: Path) -> Architecture:
    """Read the sizes of a model.

    Raises:
        CheckpointError: there is no `config.json`, or it is of a kind that is not known.
    """
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"{folder} is no model folder: it has no config.json")
    try:
        return architectures.read(
            _read_json(folder / "config.json"), _read_json(folder / "generation_config.json")
        )
    except ValueError as error:
        raise CheckpointError(f"{folder}: {error}") from None


def check(tensors: Mapping[str, Tensor], architecture: Architecture, folder: Path) -> None:
    """Compare the shapes of all tensors with what the config promises.

    Raises:
        CheckpointError: one differs.
    """
    for name, shape in shapes(architecture).items():
        if name in tensors and tuple(tensors[name].shape) != shape:
            got = tuple(tensors[name].shape)
            raise CheckpointError(f"{folder}: {name} is {got}, and the config says {shape}")


def shapes(a: Architecture) -> dict[str, tuple[int, ...]]:
    """Say which shape each matrix has."""
    wide = a.n_mlp if a.family == "gpt2" else 2 * a.n_mlp
    found = {"embed": (a.vocab_size, a.n_embd), "head.weight": (a.vocab_size, a.n_embd)}
    if a.rope is None:
        found["positions"] = (a.max_length, a.n_embd)
    for i in range(a.n_layer):
        block = f"blocks.{i}"
        found[f"{block}.qkv.weight"] = (a.n_qkv, a.n_embd)
        found[f"{block}.out.weight"] = (a.n_embd, a.n_head * a.head_dim)
        found[f"{block}.up.weight"] = (wide, a.n_embd)
        found[f"{block}.down.weight"] = (a.n_embd, a.n_mlp)
    return found


# -- files ----------------------------------------------------------------------------------------


def _read_json(path: Path) -> dict:
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name} is no JSON: {error}") from None


def _load(folder: Path, dtype: torch.dtype) -> Tensors:
    """Read every tensor of every file, under the names in the files."""
    names = [WEIGHTS]
    if (folder / INDEX).is_file():
        names = sorted(set(_read_json(folder / INDEX)["weight_map"].values()))
    found: Tensors = {}
    for name in names:
        path = folder / name
        if not path.is_file():
            raise CheckpointError(f"{path} is missing")
        try:
            with safe_open(path, "pt") as file:
                for key in file.keys():  # noqa: SIM118  (it is no mapping)
                    found[key] = file.get_tensor(key).to(dtype)
        except SafetensorError as error:
            raise CheckpointError(f"{path} is damaged or cut short: {error}") from None
    return found


# -- names ----------------------------------------------------------------------------------------


def _from_gpt2(a: Architecture, theirs: Tensors) -> Tensors:
    """Rename; GPT-2's Conv1D keeps its matrices as (in, out)."""
    body = {name.removeprefix("transformer."): tensor for name, tensor in theirs.items()}
    ours = {"embed": body["wte.weight"], "positions": body["wpe.weight"]}
    pieces = {
        "norm1": "ln_1",
        "qkv": "attn.c_attn",
        "out": "attn.c_proj",
        "norm2": "ln_2",
        "up": "mlp.c_fc",
        "down": "mlp.c_proj",
    }
    for i in range(a.n_layer):
        for name, their in pieces.items():
            weight = body[f"h.{i}.{their}.weight"]
            ours[f"blocks.{i}.{name}.weight"] = weight.T.contiguous() if weight.ndim > 1 else weight
            ours[f"blocks.{i}.{name}.bias"] = body[f"h.{i}.{their}.bias"]
    ours["norm.weight"], ours["norm.bias"] = body["ln_f.weight"], body["ln_f.bias"]
    ours["head.weight"] = ours["embed"] if a.tied else body["lm_head.weight"]
    return ours


def _from_llama(a: Architecture, theirs: Tensors) -> Tensors:
    """Rename; what is multiplied with the same input becomes one matrix."""
    body = {name.removeprefix("model."): tensor for name, tensor in theirs.items()}
    ours = {"embed": body["embed_tokens.weight"]}
    pieces = {
        "norm1": ("input_layernorm",),
        "qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        "out": ("self_attn.o_proj",),
        "norm2": ("post_attention_layernorm",),
        "up": ("mlp.gate_proj", "mlp.up_proj"),
        "down": ("mlp.down_proj",),
    }
    if a.family == "qwen3":
        pieces |= {"q_norm": ("self_attn.q_norm",), "k_norm": ("self_attn.k_norm",)}
    for i in range(a.n_layer):
        for name, parts in pieces.items():
            weights = [body[f"layers.{i}.{part}.weight"] for part in parts]
            ours[f"blocks.{i}.{name}.weight"] = torch.cat(weights)
            if f"layers.{i}.{parts[0]}.bias" in body:
                biases = [body[f"layers.{i}.{part}.bias"] for part in parts]
                ours[f"blocks.{i}.{name}.bias"] = torch.cat(biases)
    ours["norm.weight"] = body["norm.weight"]
    ours["head.weight"] = ours["embed"] if a.tied else body["lm_head.weight"]
    return ours
