"""Weights before the first step."""

import math

import torch
from torch import nn

STD = 0.02


def init_weights(model: nn.Module, generator: torch.Generator | None = None) -> None:
    """Draw a GPT's weights as GPT-2 does, in place.

    Radford et al. 2019, section 2.3: N(0, 0.02) for Linear and Embedding, 0 for biases; the two
    projections of each block that write into the residual stream are smaller by
    1 / sqrt(2 n_layer), so that the stream does not grow with depth. Norms start as the identity.
    """
    residual = STD / math.sqrt(2 * model.config.n_layer)
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            std = residual if name.endswith(".proj") else STD
            nn.init.normal_(module.weight, std=std, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
