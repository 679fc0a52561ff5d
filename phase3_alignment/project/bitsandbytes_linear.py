"""bitsandbytes' four-bit layer in place of ours: the same weight, the same call, CUDA kernels.

    model.layer = bitsandbytes_linear.from_linear(model.layer)

It takes a sequence of features and has `in_features` and `out_features`, so adapters go beside it
as they do beside `linear4bit.Linear4Bit`. On a GPU it is the one to use.
"""

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D


def from_linear(linear: nn.Linear | Conv1D) -> nn.Module:
    """Quantise a layer of either kind to NF4 with double quantisation; it stays as it is.

    Returns:
        A frozen `bitsandbytes.nn.Linear4bit` on the same device, which computes in the dtype of
        its input.

    Raises:
        ImportError: if bitsandbytes is not installed.
    """
    from bitsandbytes.nn import Linear4bit, Params4bit  # seconds, for those who ask for it alone

    weight = linear.weight.T if isinstance(linear, Conv1D) else linear.weight
    out_features, in_features = weight.shape
    layer = Linear4bit(in_features, out_features, linear.bias is not None, device="meta")
    layer.weight = Params4bit(
        weight.detach().clone(memory_format=torch.contiguous_format),
        requires_grad=False,
        quant_type="nf4",
        compress_statistics=True,
        module=layer,
    ).to(linear.weight.device)  # where it is quantised
    if linear.bias is not None:
        layer.bias = nn.Parameter(linear.bias.detach().clone(), requires_grad=False)
    return layer
