"""Two sets of the same operations: the clear ones of this phase, and PyTorch's fused kernels.

A model takes either. `CLEAR` is the formula as the paper has it, and as you write it; `FUSED`
computes the same numbers in fewer passes over memory: it never stores the (T, T) table of weights,
and never copies a key head for the query heads that share it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from phase1_transformers.solution.attention import causal_mask
from phase1_transformers.solution.feedforward import gelu, silu
from phase1_transformers.solution.heads import grouped_attention
from phase1_transformers.solution.losses import IGNORED, next_token_loss
from phase1_transformers.solution.norms import layer_norm, rms_norm


@dataclass(frozen=True)
class Ops:
    """The operations that a GPT is made of, besides matrix products.

    Attributes:
        causal_attention: q (B, H, T_q, D), k and v (B, H_kv, T_k, D) to (B, H, T_q, D); the
            queries are the last T_q of the T_k tokens.
        layer_norm: x (..., C), weight, bias or None, eps to (..., C).
        rms_norm: x (..., C), weight, eps to (..., C).
        gelu, silu: element by element.
        next_token_loss: logits (..., V) and targets (...) to nats per token.
    """

    causal_attention: Callable[[Tensor, Tensor, Tensor], Tensor]
    layer_norm: Callable[[Tensor, Tensor, Tensor | None, float], Tensor]
    rms_norm: Callable[[Tensor, Tensor, float], Tensor]
    gelu: Callable[[Tensor], Tensor]
    silu: Callable[[Tensor], Tensor]
    next_token_loss: Callable[[Tensor, Tensor], Tensor]


CLEAR = Ops(grouped_attention, layer_norm, rms_norm, gelu, silu, next_token_loss)


SHORT = 512  # tokens


def _fused_causal_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    (H, T_q), (H_kv, T_k) = q.shape[1:3], k.shape[1:3]
    # On a CPU the kernel in bfloat16, forward and backward, takes 2.2 times the formula's time at
    # 64 tokens, and 1.3 times at 512.
    if q.requires_grad and q.device.type == "cpu" and q.dtype == torch.bfloat16 and T_q <= SHORT:
        return grouped_attention(q, k, v)
    # A lone query is the newest token and sees all. Where T_q < T_k, `is_causal` is of no use: it
    # takes the queries for the first T_q tokens.
    mask = None if T_q in (1, T_k) else causal_mask(T_q, T_k, q.device)
    is_causal = mask is None and T_q > 1
    return F.scaled_dot_product_attention(q, k, v, mask, is_causal=is_causal, enable_gqa=H_kv != H)


def _fused_next_token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    nats = F.cross_entropy(
        logits.flatten(0, -2), targets.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    return nats / (targets != IGNORED).sum().clamp(min=1)  # a mean over none would be NaN


FUSED = Ops(
    causal_attention=_fused_causal_attention,
    layer_norm=lambda x, weight, bias, eps: F.layer_norm(x, weight.shape, weight, bias, eps),
    # Under autocast x may be narrower than the weight, and then no fused kernel fits.
    rms_norm=lambda x, weight, eps: F.rms_norm(x, weight.shape, weight.to(x.dtype), eps),
    gelu=lambda x: F.gelu(x, approximate="tanh"),
    silu=F.silu,
    next_token_loss=_fused_next_token_loss,
)
