"""A model and its optimiser as whole arrays, however they lie on the ranks.

`torch.distributed.checkpoint.state_dict` names every tensor by its parameter and puts shards
together, so that a checkpoint does not know how many processes wrote it, nor whether they held
replicas (DDP) or shards (FSDP2). All ranks call these functions; rank 0 gets the arrays.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    get_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)

WHOLE = StateDictOptions(full_state_dict=True)
WHOLE_ON_RANK_0 = StateDictOptions(full_state_dict=True, cpu_offload=True)
MODEL, OPTIMIZER = "model.", "optimizer."


def gather(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, np.ndarray]:
    """Collect the weights, and what the optimiser remembers of each, on rank 0.

    Before its first step an optimiser remembers nothing, and asking it would make it take one.
    """
    optimizers = optimizer if optimizer.state else ()
    weights, memory = get_state_dict(model, optimizers, options=WHOLE_ON_RANK_0)
    tensors = {MODEL + name: tensor for name, tensor in weights.items()}
    for name, kept in memory.get("state", {}).items():
        tensors |= {f"{OPTIMIZER}{name}.{key}": tensor for key, tensor in kept.items()}
    return {name: tensor.cpu().numpy() for name, tensor in tensors.items()}


def scatter(
    arrays: dict[str, np.ndarray], model: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Put whole arrays back into a model and an optimiser, on every rank its part."""
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    set_model_state_dict(model, _part(tensors, MODEL), options=WHOLE)
    memory = _part(tensors, OPTIMIZER)
    if not memory:
        return
    whole = get_optimizer_state_dict(model, optimizer, options=WHOLE)  # for the groups' settings
    for name, tensor in memory.items():
        parameter, _, key = name.rpartition(".")
        whole["state"][parameter][key] = tensor
    set_optimizer_state_dict(model, optimizer, whole, options=WHOLE)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
