"""What a model is made of, read from its `config.json`: GPT-2, Llama and Qwen3.

The names here are the course's (`n_layer`, `n_embd` ...), whatever a family calls them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

FAMILIES = ("gpt2", "llama", "qwen3")


@dataclass(frozen=True)
class Rope:
    """Rotary positions, Su et al. 2021 (arXiv:2104.09864).

    Attributes:
        theta: the base of the wavelengths.
        kind: "default", "linear", or "llama3", which stretches the long wavelengths alone.
        factor: how much longer than in training a text may be.
        low, high: wavelengths longer than original / low are stretched in full, those shorter than
            original / high not at all.
        original: the context of the training.
    """

    theta: float
    kind: str = "default"
    factor: float = 1.0
    low: float = 1.0
    high: float = 4.0
    original: int = 8192

    def frequencies(self, head_dim: int) -> Tensor:
        """Return the angle by which each pair turns from one position to the next, (D / 2,)."""
        powers = torch.arange(0, head_dim, 2, dtype=torch.int64).float() / head_dim
        frequencies = 1.0 / self.theta**powers
        if self.kind == "default":
            return frequencies
        if self.kind == "linear":
            return frequencies / self.factor
        turns = self.original * frequencies / (2 * math.pi)  # over the context of the training
        share = ((turns - self.low) / (self.high - self.low)).clamp(0, 1)
        return frequencies * (share + (1 - share) / self.factor)


@dataclass(frozen=True)
class Architecture:
    """The sizes of a model.

    Attributes:
        family: "gpt2", "llama" or "qwen3".
        n_mlp: width of the feed-forward layer.
        max_length: tokens that it was built to read.
        norm_eps: of all norms.
        tied: whether the output layer is the embedding.
        rope: None where positions are learnt.
        eos_ids: tokens that end a text.
    """

    family: str
    n_layer: int
    n_head: int
    n_kv_head: int
    head_dim: int
    n_embd: int
    n_mlp: int
    vocab_size: int
    max_length: int
    norm_eps: float
    tied: bool
    rope: Rope | None = None
    eos_ids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.n_head % self.n_kv_head:
            raise ValueError(f"{self.n_head} heads cannot share {self.n_kv_head} key-value heads")

    @property
    def n_qkv(self) -> int:
        """Rows of the layer that makes queries, keys and values."""
        return (self.n_head + 2 * self.n_kv_head) * self.head_dim

    @property
    def kv_values_per_token(self) -> int:
        """Numbers that a token leaves in the cache, all layers together."""
        return 2 * self.n_layer * self.n_kv_head * self.head_dim


def read(config: Mapping[str, Any], generation: Mapping[str, Any] | None = None) -> Architecture:
    """Understand a `config.json`, and the end-of-text tokens of a `generation_config.json`.

    Raises:
        ValueError: in one line, for a family or a setting that is not known here.
    """
    family = config.get("model_type")
    if family not in FAMILIES:
        raise ValueError(f"models of type {family!r} are not known; {', '.join(FAMILIES)} are")
    try:
        found = _gpt2(config) if family == "gpt2" else _llama(config)
    except KeyError as error:
        raise ValueError(f"the config has no {error.args[0]!r}") from None
    eos = (generation or {}).get("eos_token_id", config.get("eos_token_id"))
    V = config["vocab_size"]
    return Architecture(family=family, vocab_size=V, eos_ids=_ends(eos, V), **found)


def _ends(said: Any, vocab_size: int) -> tuple[int, ...]:
    """Understand the tokens that end a text: none, one, or a list."""
    ends = [] if said is None else said if isinstance(said, list) else [said]
    for end in ends:
        if type(end) is not int or not 0 <= end < vocab_size:  # true is an int of another type
            raise ValueError(
                f"eos_token_id must be a token from 0 to {vocab_size - 1}, or a list of them, "
                f"got {end!r}"
            )
    return tuple(ends)


def _gpt2(config: Mapping[str, Any]) -> dict[str, Any]:
    _only(config, "activation_function", ("gelu_new", "gelu_pytorch_tanh"), "gelu_new")
    _only(config, "scale_attn_weights", (True,), True)
    _only(config, "scale_attn_by_inverse_layer_idx", (False,), False)
    C, H = config["n_embd"], config["n_head"]
    return {
        "n_layer": config["n_layer"],
        "n_head": H,
        "n_kv_head": H,
        "head_dim": C // H,
        "n_embd": C,
        "n_mlp": config.get("n_inner") or 4 * C,
        "max_length": config["n_positions"],
        "norm_eps": config.get("layer_norm_epsilon", 1e-5),
        "tied": config.get("tie_word_embeddings", True),
    }


def _llama(config: Mapping[str, Any]) -> dict[str, Any]:
    _only(config, "hidden_act", ("silu",), "silu")
    if config.get("use_sliding_window", True):
        _only(config, "sliding_window", (None,), None)
    C, H = config["hidden_size"], config["num_attention_heads"]
    return {
        "n_layer": config["num_hidden_layers"],
        "n_head": H,
        "n_kv_head": config.get("num_key_value_heads") or H,
        "head_dim": config.get("head_dim") or C // H,
        "n_embd": C,
        "n_mlp": config["intermediate_size"],
        "max_length": config["max_position_embeddings"],
        "norm_eps": config.get("rms_norm_eps", 1e-6),
        "tied": config.get("tie_word_embeddings", False),
        "rope": _rope(config),
    }


def _rope(config: Mapping[str, Any]) -> Rope:
    """Read the rotary settings; transformers 5 keeps them in one place, older ones in two."""
    said = config.get("rope_parameters") or config.get("rope_scaling") or {}
    theta = said.get("rope_theta", config.get("rope_theta", 10_000.0))
    kind = said.get("rope_type", said.get("type", "default"))
    if kind not in ("default", "linear", "llama3"):
        raise ValueError(f"rotary positions of type {kind!r} are not known")
    if kind == "default":
        return Rope(theta)
    rope = Rope(theta, kind, said["factor"])
    if kind == "linear":
        return rope
    return Rope(
        theta,
        kind,
        said["factor"],
        said["low_freq_factor"],
        said["high_freq_factor"],
        said["original_max_position_embeddings"],
    )


def _only(config: Mapping[str, Any], name: str, known: tuple, default: Any) -> None:
    if config.get(name, default) not in known:
        raise ValueError(f"{name} is {config[name]!r}, and only {known[0]!r} is known here")
