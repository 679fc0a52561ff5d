"""Tune what is no code: scales, zero points and norms learn to answer as the whole model did.

Rounding layer by layer knows nothing of the words that come out. Codes stay as they are; the few
floating numbers beside them are trained on a calibration text to bring the quantised model's next
token near that of the model as it was (Kim et al. 2023, "PEQA", arXiv:2305.14152, section 3, trains
the scales; Li et al. 2023, "Norm tweaking", arXiv:2309.02784, the norms; here both, with the
divergence of the two answers as the loss).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

from phase4_production.project import dense_attention
from phase4_production.project.decoder import Decoder
from phase4_production.project.quantized_linears import Quantized
from phase4_production.solution.quantized import Int4

LR = (
    3e-3  # as a share of a scale or a norm's weight; a zero point moves by ten times that, in codes
)
BATCH_TOKENS = 2048


def tune(decoder: Decoder, teacher: Decoder, windows: Tensor, steps: int, seed: int = 0) -> None:
    """Train the scales, zero points and norms of a quantised decoder, in place.

    Args:
        decoder: with `Int4` layers.
        teacher: the model as it was.
        windows: (B, T) int64, calibration text; each step takes a few of them.
        steps: of Adam, at a rate that falls to zero.
        seed: decides which.
    """
    tuned = _Tuned(decoder)
    optimizer = Adam(tuned.groups())
    schedule = CosineAnnealingLR(optimizer, steps)
    generator = torch.Generator().manual_seed(seed)
    size = max(BATCH_TOKENS // windows.shape[1], 1)
    for _ in range(steps):
        ids = windows[torch.randint(len(windows), (size,), generator=generator)]
        with torch.no_grad():
            wanted = _answers(teacher, ids)
        tuned.put_in()
        loss = (wanted.exp() * (wanted - _answers(decoder, ids))).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        tuned.put_in()


def _answers(decoder: Decoder, ids: Tensor) -> Tensor:
    return decoder.logits(dense_attention.hidden(decoder, ids)).log_softmax(-1)


class _Tuned:
    """Factors of scales and norms, which begin at 1, and shifts of zero points, at 0."""

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self.layers = {
            name: layer for name, layer in decoder.linears.items() if isinstance(layer.weight, Int4)
        }
        # Not Qwen3's norms of queries and keys: a decoder puts these together when it is made.
        self.norms = {
            name: norm
            for name, norm in decoder.tensors.items()
            if "norm" in name and "_norm" not in name
        }
        self.factors = {name: _ones(t.weight.scale) for name, t in self.layers.items()}
        self.factors |= {name: _ones(t) for name, t in self.norms.items()}
        self.shifts = {
            name: torch.zeros_like(t.weight.zero, requires_grad=True)
            for name, t in self.layers.items()
        }

    def groups(self) -> list[dict]:
        """Return what `torch.optim` takes."""
        factors, shifts = list(self.factors.values()), list(self.shifts.values())
        return [{"params": factors, "lr": LR}, {"params": shifts, "lr": 10 * LR}]

    def put_in(self) -> None:
        """Give the decoder the weights of the moment."""
        for name, layer in self.layers.items():
            scale = layer.weight.scale * self.factors[name]
            zero = layer.weight.zero + self.shifts[name]
            weight = replace(layer.weight, scale=scale, zero=zero)
            self.decoder.linears[name] = Quantized(weight, layer.bias)
        for name, norm in self.norms.items():
            self.decoder.tensors[name] = norm * self.factors[name]


def _ones(like: Tensor) -> Tensor:
    return torch.ones_like(like, requires_grad=True)
