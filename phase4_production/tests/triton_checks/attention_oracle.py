"""Attention in float64 with its whole matrix, and inputs to compare on."""

import math

import torch

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
HALF = torch.bfloat16 if DEVICE == "cuda" else torch.float16  # the interpreter knows only float16

# B, H, H_kv, T_q, T_k, D, causal; the interpreter's tiles are of 32 queries and 16 keys.
SHAPES = [
    (1, 1, 1, 1, 1, 16, True),
    (1, 1, 1, 64, 64, 16, False),
    (1, 2, 2, 64, 64, 32, True),
    (2, 2, 1, 70, 70, 64, True),  # ragged, two query heads on one
    (1, 6, 2, 33, 50, 16, True),  # fewer queries than keys
    (1, 1, 1, 50, 21, 16, True),  # more queries than keys: the first 29 see none
    (1, 1, 1, 90, 17, 16, True),  # whole tiles of queries see none
    (1, 2, 1, 31, 75, 32, False),
    (1, 1, 1, 1, 40, 128, True),
]


def draw(B, H, H_kv, T_q, T_k, D, dtype=torch.float32, seed=0):
    """Return q, k, v and a gradient of O."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [(B, H, T_q, D), (B, H_kv, T_k, D), (B, H_kv, T_k, D), (B, H, T_q, D)]
    return [torch.randn(s, generator=generator).to(DEVICE, dtype) for s in shapes]


def sees(T_q, T_k, causal):
    """(T_q, T_k) bool: position by position, no formula of a mask."""
    return torch.tensor(
        [[not causal or T_k - 1 - j >= T_q - 1 - i for j in range(T_k)] for i in range(T_q)]
    ).to(DEVICE)


def exact(q, k, v, causal, scale=None):
    """Return O and L in float64; a row without a key gets 0 and -inf."""
    q, k, v = q.double(), k.double(), v.double()
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    scores = q @ k.mT * (scale or 1 / math.sqrt(q.shape[-1]))
    mask = sees(q.shape[2], k.shape[2], causal)
    scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1).masked_fill(~mask, 0.0)  # 0 in place of nan in an empty row
    return weights @ v, scores.logsumexp(-1)


def worst(found, right):
    """Largest error."""
    return (found.double() - right.double()).abs().max().item()
