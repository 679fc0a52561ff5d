"""Arrays for property tests: every layout in memory that NumPy allows, and its copy in torch."""

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

shapes = array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
filled_shapes = array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=4)


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...], low: float = -2, high: float = 2) -> np.ndarray:
    """Draw a float64 array, in C or Fortran order, with positive or negative strides."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    x = rng.uniform(low, high, shape)
    layout = draw(st.sampled_from(["plain", "fortran", "negative strides"]))
    if layout == "fortran":
        return np.asfortranarray(x)
    return np.flip(x) if layout == "negative strides" else x


def to_torch(x: np.ndarray) -> torch.Tensor:
    """Copy to a leaf (torch has no negative strides)."""
    return torch.tensor(x.copy(), requires_grad=True)
