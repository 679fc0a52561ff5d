"""The parts of a block as modules: norms, self-attention, feed-forward."""

import torch
from torch import Tensor, nn

from phase1_transformers.solution.cache import KVCache
from phase1_transformers.solution.config import GPTConfig
from phase1_transformers.solution.heads import merge_heads, split_heads
from phase1_transformers.solution.ops import Ops
from phase1_transformers.solution.rotary import apply_rotary

Rotary = tuple[Tensor, Tensor]  # cosines and sines, (T, D / 2) each


class Norm(nn.Module):
    """LayerNorm or RMSNorm over the last axis, as the config says."""

    def __init__(self, config: GPTConfig, ops: Ops) -> None:
        super().__init__()
        self.eps, self.ops, self.kind = config.norm_eps, ops, config.norm
        self.weight = nn.Parameter(torch.ones(config.n_embd))
        has_bias = config.norm == "layer" and config.bias
        self.bias = nn.Parameter(torch.zeros(config.n_embd)) if has_bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (..., C)."""
        if self.kind == "rms":
            return self.ops.rms_norm(x, self.weight, self.eps)
        return self.ops.layer_norm(x, self.weight, self.bias, self.eps)


class SelfAttention(nn.Module):
    """Multi-head causal self-attention; grouped queries, QK-norm and rotary positions by config.

    Args:
        config: shape and choices.
        ops: clear or fused operations.
        layer: number of the block, which the cache needs.
    """

    def __init__(self, config: GPTConfig, ops: Ops, layer: int) -> None:
        super().__init__()
        self.config, self.ops, self.layer = config, ops, layer
        D, H, H_kv = config.head_dim, config.n_head, config.n_kv_head
        self.widths = (H * D, H_kv * D, H_kv * D)
        self.qkv = nn.Linear(config.n_embd, sum(self.widths), bias=config.bias)
        self.proj = nn.Linear(H * D, config.n_embd, bias=config.bias)
        self.q_norm = nn.Parameter(torch.ones(D)) if config.qk_norm else None
        self.k_norm = nn.Parameter(torch.ones(D)) if config.qk_norm else None

    def forward(
        self, x: Tensor, rotary: Rotary | None = None, cache: KVCache | None = None
    ) -> Tensor:
        """Let each token of (B, T, C) gather from itself and the tokens before it."""
        config, ops = self.config, self.ops
        q, k, v = self.qkv(x).split(self.widths, dim=-1)
        q = split_heads(q, config.n_head)  # (B, H, T, D)
        k, v = split_heads(k, config.n_kv_head), split_heads(v, config.n_kv_head)
        if config.qk_norm:
            q = ops.rms_norm(q, self.q_norm, config.norm_eps)
            k = ops.rms_norm(k, self.k_norm, config.norm_eps)
        if rotary is not None:
            q, k = apply_rotary(q, *rotary), apply_rotary(k, *rotary)
        if cache is not None:
            k, v = cache.append(self.layer, k, v)
        return self.proj(merge_heads(ops.causal_attention(q, k, v)))


class GeluMLP(nn.Module):
    """GPT-2's feed-forward layer: widen, GELU, narrow."""

    def __init__(self, config: GPTConfig, ops: Ops) -> None:
        super().__init__()
        self.ops = ops
        self.up = nn.Linear(config.n_embd, config.n_hidden, bias=config.bias)
        self.proj = nn.Linear(config.n_hidden, config.n_embd, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., C)."""
        return self.proj(self.ops.gelu(self.up(x)))


class SwiGLU(nn.Module):
    """A feed-forward layer in which one half decides how much of the other half passes.

    Shazeer 2020 (arXiv:2002.05202), equation 6: (Swish(x W) * x V) W_2, where the product * is
    taken number by number, W is `gate`, V is `up`, W_2 is `proj`, and Swish is `ops.silu`.
    """

    def __init__(self, config: GPTConfig, ops: Ops) -> None:
        super().__init__()
        self.ops = ops
        self.gate = nn.Linear(config.n_embd, config.n_hidden, bias=config.bias)
        self.up = nn.Linear(config.n_embd, config.n_hidden, bias=config.bias)
        self.proj = nn.Linear(config.n_hidden, config.n_embd, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., C)."""
        # TODO 1.11: Equation 6 of the paper: the gate, through Swish, multiplies what comes up, and
        # proj leads back to C channels.
        raise NotImplementedError("exercise 1.11: SwiGLU.forward")


FEEDFORWARDS = {"gelu": GeluMLP, "swiglu": SwiGLU}
