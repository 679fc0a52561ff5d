"""What the programs of the clinic share: a small set of pictures to learn, and how to score.

The pictures are made up, so that the clinic needs no data and no patience: ten random prototypes of
64 pixels, seen through noise.
"""

import numpy as np

from phase0_foundations.solution.module import Module
from phase0_foundations.solution.tensor import Tensor, no_grad

CLASSES, PIXELS = 10, 64


def make_pictures(n: int, rng: np.random.Generator, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Make n pictures of the ten classes, equally often.

    Args:
        n: number of pictures.
        rng: draws the noise and the order; the prototypes are always the same.
        noise: standard deviation of the noise on each pixel; the prototypes' own is 1.

    Returns:
        Pictures (n, 64), float32, and labels (n,), int64.
    """
    prototypes = np.random.default_rng(0).normal(size=(CLASSES, PIXELS))
    labels = rng.permutation(np.arange(n) % CLASSES)
    pictures = prototypes[labels] + noise * rng.normal(size=(n, PIXELS))
    return pictures.astype(np.float32), labels


def accuracy(net: Module, pictures: np.ndarray, labels: np.ndarray) -> float:
    """Measure the share of pictures whose largest logit is that of their label."""
    with no_grad():
        logits = net(Tensor(pictures)).data
    return float(np.mean(logits.argmax(axis=1) == labels))
