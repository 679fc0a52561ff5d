"""Classic wrong answers for `solution/layers.py`."""

import numpy as np

from shared.mistakes import mistake


@mistake(
    "0.15",
    "layers.dropout_mask",
    "What is kept is not rescaled: the activations shrink by 1 - p in training but not in evaluation.",
)
def dropout_not_rescaled(shape, p, rng, dtype=np.float32):
    return (rng.random(shape) >= p).astype(dtype)


@mistake(
    "0.15",
    "layers.dropout_mask",
    "p is taken for the probability of keeping; it is that of being dropped.",
)
def dropout_keeps_with_p(shape, p, rng, dtype=np.float32):
    return ((rng.random(shape) < p) / (1 - p)).astype(dtype)


@mistake(
    "0.15",
    "layers.dropout_mask",
    "What is kept is divided by p; a share of 1 - p is kept, so that is what the mean must be divided by.",
)
def dropout_divides_by_p(shape, p, rng, dtype=np.float32):
    return ((rng.random(shape) >= p) / p).astype(dtype)


@mistake(
    "0.15",
    "layers.dropout_mask",
    "p is taken for the share that is kept, in the draw and in the division; p is the share that is dropped.",
)
def dropout_p_is_kept(shape, p, rng, dtype=np.float32):
    return ((rng.random(shape) < p) / p).astype(dtype)


@mistake(
    "0.15",
    "layers.dropout_mask",
    "Always the same number of elements is dropped, so they are not drawn one by one: each must be dropped on its own.",
)
def dropout_exact_count(shape, p, rng, dtype=np.float32):
    mask = np.full(int(np.prod(shape)), 1 / (1 - p), dtype)
    mask[: int(mask.size * p)] = 0
    return rng.permutation(mask).reshape(shape)


@mistake(
    "0.15",
    "layers.dropout_mask",
    "What is kept is multiplied by 1 - p, which shrinks it a second time; divide.",
)
def dropout_shrinks(shape, p, rng, dtype=np.float32):
    return ((rng.random(shape) >= p) * (1 - p)).astype(dtype)


@mistake(
    "0.15",
    "layers.dropout_mask",
    "One decision for each feature serves the whole batch; every element is dropped on its own.",
)
def dropout_drops_columns(shape, p, rng, dtype=np.float32):
    kept = np.broadcast_to(rng.random(shape[-1]) >= p, shape)
    return kept.astype(dtype) / (1 - p)


@mistake(
    "0.15",
    "layers.dropout_mask",
    "Exactly the same elements are dropped each time: the generator that was passed in is not used.",
)
def dropout_own_seed(shape, p, rng, dtype=np.float32):
    kept = np.random.default_rng(0).random(shape) >= p
    return kept.astype(dtype) / (1 - p)
