"""A model made ready to generate on a CPU: the same numbers, read from memory in better order.

To generate one token is to read every weight once, so what counts is how fast weights come out of
memory. `pack` stores the matrices as oneDNN's kernels want to read them, in blocks that fit vector
registers, instead of reordering them or skipping through them at each product. The clear model
stays as it is in `solution/`; here its parts are exchanged, one kind at a time.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from phase1_transformers.solution.gpt import GPT
from phase1_transformers.solution.layers import GeluMLP
from phase1_transformers.solution.ops import FUSED

# The kernel is chosen for so many rows (texts side by side). That for 8 is also the fastest for
# one row, and for the hundreds of a prompt.
ROWS = 8


class PackedLinear(nn.Module):
    """A Linear whose weights lie in memory as oneDNN reads them; only for inference.

    Args:
        linear: on the CPU; its weights are copied.
        activation: applied to the result before it is written, "none" or "gelu" (by tanh).
    """

    def __init__(self, linear: nn.Linear, activation: str = "none") -> None:
        super().__init__()
        self.activation = activation, "tanh" if activation == "gelu" else ""
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), ROWS)
        self.bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C_in) to (..., C_out)."""
        name, algorithm = self.activation
        weight, bias = self.weight, self.bias
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, name, [], algorithm)


class LastToken(nn.Module):
    """A head that scores only the token after the last: all that generating asks for."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, C) to (B, 1, V)."""
        return self.head(x[:, -1:])


def decode_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention that knows a short way for one new token, which may look at everything.

    The query heads that share a key head are the columns of one matrix, so that keys and values
    are read once and never repeated.

    Args:
        q: (B, H, T_q, D).
        k, v: (B, H_kv, T_k, D).
    """
    B, H, T_q, D = q.shape
    if T_q > 1:
        return FUSED.causal_attention(q, k, v)
    groups = q.reshape(B, k.shape[1], -1, D) * D**-0.5
    scores = k @ groups.transpose(-2, -1)  # (B, H_kv, T_k, H / H_kv)
    return (scores.transpose(-2, -1).softmax(dim=-1) @ v).view(B, H, 1, D)


def can_pack(dtype: torch.dtype) -> bool:
    """Whether oneDNN has kernels for it here; where it has none, a model keeps its matrices."""
    if not torch.backends.mkldnn.is_available():
        return False
    if dtype == torch.bfloat16:
        return torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return dtype == torch.float32


def pack(model: GPT) -> GPT:
    """Make a model on the CPU fast at generating, in place; from then on it does nothing else.

    It scores only the token after the last, its weights can no longer be trained or saved, and
    their first form is freed.

    Returns:
        The model.

    Raises:
        ValueError: if it is not on the CPU.
    """
    weight = model.token_embedding.weight
    if weight.device.type != "cpu":
        raise ValueError(f"only a model on the CPU can be packed, this one is on {weight.device}")
    for block in model.blocks:
        block.attention.ops = replace(block.attention.ops, causal_attention=decode_attention)
    if can_pack(weight.dtype):
        _fuse_gelu(model)
        _pack_linears(model)
    model.head = LastToken(model.head)
    return model


def _fuse_gelu(model: GPT) -> None:
    for block in model.blocks:
        mlp = block.feedforward
        if isinstance(mlp, GeluMLP):
            mlp.up = PackedLinear(mlp.up, "gelu")
            mlp.ops = replace(mlp.ops, gelu=lambda x: x)


def _pack_linears(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            setattr(module, name, PackedLinear(child))
        else:
            _pack_linears(child)
