"""What a trained network does, in numbers: what it confuses, which units sleep, where gradients go.

Only arrays come in and go out here; `figures.py` draws them.
"""

from dataclasses import dataclass

import numpy as np

from phase0_foundations.solution.layers import Linear, ReLU
from phase0_foundations.solution.losses import cross_entropy
from phase0_foundations.solution.module import Sequential
from phase0_foundations.solution.tensor import Tensor


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, n_classes: int = 10) -> np.ndarray:
    """Count: entry (i, j) is how often an i was read as a j; (n_classes, n_classes) int64."""
    counts = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def commonest_confusion(counts: np.ndarray) -> tuple[int, int, int]:
    """Return (true digit, what it was read as, how often) for the most frequent mistake."""
    wrong = counts - np.diag(np.diag(counts))
    true, read = np.unravel_index(wrong.argmax(), wrong.shape)
    return int(true), int(read), int(wrong[true, read])


def hardest(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the indices of all images, the one whose true digit seemed least likely first."""
    return np.argsort(probabilities[np.arange(len(labels)), labels], kind="stable")


def neighbour_correlation(weights: np.ndarray, shape: tuple[int, int]) -> float:
    """Correlate the weights of pixels that lie side by side, over all units.

    Args:
        weights: (pixels, units) of a first layer.
        shape: height and width of the images.

    Returns:
        About 0 for random weights; the nearer to 1, the smoother the weights as images.
    """
    tiles = weights.reshape(*shape, -1)
    return float(np.corrcoef(tiles[:, 1:].ravel(), tiles[:, :-1].ravel())[0, 1])


@dataclass(frozen=True)
class Anatomy:
    """What happens inside of a network on some images.

    Attributes:
        n_images: how many there were.
        activations: for each ReLU layer, its output, (n_images, units).
        gradients: for each Linear layer, the gradient of the mean loss with respect to its weights.
    """

    n_images: int
    activations: list[np.ndarray]
    gradients: list[np.ndarray]

    def dead_units(self) -> list[np.ndarray]:
        """For each ReLU layer, the units that gave 0 for every image.

        Such a unit passes no gradient back to its own weights, so it cannot learn its way out.
        """
        return [np.flatnonzero((layer == 0).all(axis=0)) for layer in self.activations]

    def silence(self) -> list[float]:
        """For each ReLU layer, the share of outputs that are 0."""
        return [float((layer == 0).mean()) for layer in self.activations]


def dissect(model: Sequential, images: np.ndarray, labels: np.ndarray) -> Anatomy:
    """Run images forward and the loss backward, in evaluation mode, and keep what passes.

    Args:
        model: Linear, ReLU and other layers in a row; its gradients are left as they were: none.
        images: (N, H, W).
        labels: (N,).
    """
    model.eval()
    x, activations = Tensor(images.reshape(len(images), -1)), []
    for layer in model.layers:
        x = layer(x)
        if isinstance(layer, ReLU):
            activations.append(x.data)
    cross_entropy(x, labels).backward()
    linear = [layer for layer in model.layers if isinstance(layer, Linear)]
    gradients = [layer.weight.grad for layer in linear]
    for parameter in model.parameters():
        parameter.grad = None
    return Anatomy(len(images), activations, gradients)
