"""Two sets of the same operations: the clear ones of this phase, and PyTorch's fused kernels.

A model takes either. `CLEAR` is the formula as the paper has it, and as you write it; `FUSED`
computes the same numbers in fewer passes over memory.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from phase1_transformers.solution.attention import causal_attention
from phase1_transformers.solution.feedforward import gelu, silu
from phase1_transformers.solution.losses import IGNORED, next_token_loss
from phase1_transformers.solution.norms import layer_norm, rms_norm


@dataclass(frozen=True)
class Ops:
    """The operations that a GPT is made of, besides matrix products."""

    causal_attention: Callable[[Tensor, Tensor, Tensor], Tensor]
    layer_norm: Callable[[Tensor, Tensor, Tensor | None, float], Tensor]
    rms_norm: Callable[[Tensor, Tensor, float], Tensor]
    gelu: Callable[[Tensor], Tensor]
    silu: Callable[[Tensor], Tensor]
    next_token_loss: Callable[[Tensor, Tensor], Tensor]


CLEAR = Ops(causal_attention, layer_norm, rms_norm, gelu, silu, next_token_loss)


def _fused_causal_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    T_q, T_k = q.shape[-2], k.shape[-2]
    if T_q == 1 or T_q == T_k:  # the newest token sees all; is_causal aligns at the first token
        return F.scaled_dot_product_attention(q, k, v, is_causal=T_q > 1)
    mask = torch.ones(T_q, T_k, dtype=torch.bool, device=q.device).tril(T_k - T_q)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def _fused_next_token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, -2), targets.flatten(), ignore_index=IGNORED)


FUSED = Ops(
    causal_attention=_fused_causal_attention,
    layer_norm=lambda x, weight, bias, eps: F.layer_norm(x, weight.shape, weight, bias, eps),
    rms_norm=lambda x, weight, eps: F.rms_norm(x, weight.shape, weight, eps),
    gelu=lambda x: F.gelu(x, approximate="tanh"),
    silu=F.silu,
    next_token_loss=_fused_next_token_loss,
)
