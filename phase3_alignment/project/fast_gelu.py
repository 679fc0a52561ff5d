"""GPT-2's activation in one pass over memory: the same function, fused.

transformers writes GPT-2's GELU out (Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2, the
approximation with tanh): eight operations, each of which reads and writes the widest tensor of the
model, and five of which keep one for the backward pass. PyTorch has the same formula as one.
"""

from torch import nn


def exchange(model: nn.Module) -> int:
    """Put PyTorch's activation wherever a model has transformers' spelled-out one.

    Args:
        model: of transformers; changed in place. It computes the same, to rounding.

    Returns:
        How many were exchanged; 0 for a model with another activation.
    """
    from transformers.activations import NewGELUActivation

    places = [name for name, m in model.named_modules() if type(m) is NewGELUActivation]
    for name in places:
        model.set_submodule(name, nn.GELU(approximate="tanh"))
    return len(places)
