"""More training images out of the ones there are: each is turned and shifted a little, every time.

A digit stays the same digit when the pen starts a bit further left. A multi-layer perceptron does
not know that, for it sees 784 unrelated numbers; showing it moved copies is how it learns. Only
training images are moved: validation and test images stay as they were written.
"""

import numpy as np

MAX_TURN_DEGREES = 10.0
MAX_SHIFT = 0.07  # of the image's width: 2 of MNIST's 28 pixels, half of one of 8


def move(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn each image by up to 10 degrees and shift it by up to 7 % of its width, at random.

    Args:
        images: (B, H, W) float32 with a background of 0, which also comes in at the borders.
        rng: draws one angle and one shift per image.

    Returns:
        (B, H, W) float32.
    """
    B, H, W = images.shape
    angle = np.radians(rng.uniform(-MAX_TURN_DEGREES, MAX_TURN_DEGREES, (B, 1)))
    shift = MAX_SHIFT * W * rng.uniform(-1, 1, (2, B, 1))
    middle = np.array([H - 1, W - 1]).reshape(2, 1, 1) / 2
    y, x = np.mgrid[:H, :W].reshape(2, 1, H * W) - middle
    # Backwards, as every renderer does it: for each new pixel, the place that it comes from.
    from_y, from_x = shift + middle
    from_y = from_y + np.cos(angle) * y - np.sin(angle) * x
    from_x = from_x + np.sin(angle) * y + np.cos(angle) * x
    return sample(images, from_y.astype(np.float32), from_x.astype(np.float32)).reshape(B, H, W)


def sample(images: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Read images between their pixels, by bilinear interpolation; outside they are 0.

    Args:
        images: (B, H, W) float32.
        y, x: (B, N) float32, places in pixels; (0, 0) is the centre of the first pixel.

    Returns:
        (B, N) float32.
    """
    B, H, W = images.shape
    framed = np.pad(images, ((0, 0), (1, 1), (1, 1))).ravel()  # one pixel of background all round
    y, x = np.clip(y + 1, 0, H + 1), np.clip(x + 1, 0, W + 1)
    top, left = np.minimum(np.floor(y), H), np.minimum(np.floor(x), W)
    down, right = y - top, x - left  # from 0 to 1: how far into the next pixel
    rows = np.arange(B, dtype=np.int32)[:, None] * (H + 2) + top.astype(np.int32)
    corner = rows * (W + 2) + left.astype(np.int32)
    upper = mix(framed[corner], framed[corner + 1], right)
    lower = mix(framed[corner + W + 2], framed[corner + W + 3], right)
    return mix(upper, lower, down)


def mix(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Go from a (share 0) to b (share 1) in a straight line."""
    return a + share * (b - a)
