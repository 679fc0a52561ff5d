"""The handwritten digits in three heaps: to train on, to decide by, and to be judged by once."""

from dataclasses import dataclass

import numpy as np

from shared import data

VALIDATION_SHARE = 0.1
N_CLASSES = 10


@dataclass(frozen=True)
class Digits:
    """Images (N, H, W), float32 from 0 (paper) to 1 (ink), and labels (N,), int64.

    Attributes:
        train_x, train_y: what the weights are fitted to.
        val_x, val_y: what every choice (size of the network, learning rate, steps) is made by.
        test_x, test_y: looked at once, when everything is decided.
        source: where the images come from, for people to read.
    """

    train_x: np.ndarray
    train_y: np.ndarray
    val_x: np.ndarray
    val_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    source: str

    @property
    def n_pixels(self) -> int:
        """Numbers in one image."""
        return self.train_x[0].size


def load_digits(name: str) -> Digits:
    """Find the images by `shared.data.load` ("mnist" or "digits") and split them.

    Raises:
        shared.data.DataError: the name is unknown, or a file cannot be trusted.
    """
    return split(data.load(name))


def split(images: data.Images) -> Digits:
    """Take a tenth of the training images away for validation, the same ones every time."""
    order = np.random.default_rng(0).permutation(len(images.train_y))
    n_val = round(VALIDATION_SHARE * len(order))
    val, train = order[:n_val], order[n_val:]
    ink = np.float32(images.train_x.max())
    x, test_x = (pixels.astype(np.float32) / ink for pixels in (images.train_x, images.test_x))
    y, test_y = (labels.astype(np.int64) for labels in (images.train_y, images.test_y))
    return Digits(x[train], y[train], x[val], y[val], test_x, test_y, images.source)
