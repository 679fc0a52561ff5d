"""Random tensors for the tests of plain functions, and what holds for any of these."""

import torch

from shared import checks


def normal(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def check_arguments_are_left(call, name, **tensors):
    """Check that a call leaves the tensors that it is given as they were."""
    given = {key: tensor.clone() for key, tensor in tensors.items()}
    call(**given)
    for key, tensor in tensors.items():
        checks.equal(given[key], tensor, f"{name} leaves {key} as it was")


def check_shape(actual, expected, name):
    """Compare shapes as texts, so that anything at all may stand where a tensor was expected."""
    shape = tuple(actual.shape) if hasattr(actual, "shape") else type(actual).__name__
    checks.equal(str(shape), str(tuple(expected)), name)


def check_dtype(actual, expected, name):
    checks.equal(str(getattr(actual, "dtype", type(actual).__name__)), str(expected), name)


def gradients(call, *leaves, seed=9):
    """Send the same random gradient into whatever call returns; return those of the leaves."""
    leaves = [leaf.clone().requires_grad_() for leaf in leaves]
    out = call(*leaves)
    checks.law(getattr(out, "requires_grad", False), "the result depends on its arguments", out)
    weights = normal(*out.shape, seed=seed).to(out.dtype)
    return torch.autograd.grad((out * weights).sum(), leaves)
