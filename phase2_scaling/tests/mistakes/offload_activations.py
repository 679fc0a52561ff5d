"""Classic wrong answers for `solution/offload.py`: activations."""

import torch
from torch.autograd.graph import saved_tensors_hooks

from phase2_scaling.solution import tracker
from phase2_scaling.solution.offload import bring
from shared.mistakes import mistake


@mistake(
    "2.12",
    "offload.offload_activations",
    "The parameters are moved, too: they are on the device anyway, so that costs time and frees nothing.",
)
def offload_activations_moves_parameters(keep=(), min_bytes=2**12):
    def pack(tensor):
        if tensor.nbytes < min_bytes:
            return tensor
        return tensor.device, tracker.elsewhere(tensor)

    def unpack(packed):
        return packed if isinstance(packed, torch.Tensor) else bring(packed[1], packed[0])

    return saved_tensors_hooks(pack, unpack)


@mistake(
    "2.12",
    "offload.offload_activations",
    "A view of a parameter, such as the transpose that a linear layer saves, is another tensor in the same storage: compare storages.",
)
def offload_activations_moves_views(keep=(), min_bytes=2**12):
    kept = list(keep)

    def pack(tensor):
        if tensor.nbytes < min_bytes or any(tensor is one for one in kept):
            return tensor
        return tensor.device, tracker.elsewhere(tensor)

    def unpack(packed):
        return packed if isinstance(packed, torch.Tensor) else bring(packed[1], packed[0])

    return saved_tensors_hooks(pack, unpack)


@mistake(
    "2.12",
    "offload.offload_activations",
    "A view may begin in the middle of its storage, and has another address then: what it shares with the parameter is the storage.",
)
def offload_activations_compares_addresses(keep=(), min_bytes=2**12):
    kept = {tensor.data_ptr() for tensor in keep}

    def pack(tensor):
        if tensor.nbytes < min_bytes or tensor.data_ptr() in kept:
            return tensor
        return tensor.device, tracker.elsewhere(tensor)

    def unpack(packed):
        return packed if isinstance(packed, torch.Tensor) else bring(packed[1], packed[0])

    return saved_tensors_hooks(pack, unpack)


@mistake(
    "2.12",
    "offload.offload_activations",
    "Everything is moved, the smallest tensors too; `min_bytes` says from which size it is worth it.",
)
def offload_activations_moves_all(keep=(), min_bytes=2**12):
    kept = {tensor.untyped_storage().data_ptr() for tensor in keep}

    def pack(tensor):
        if tensor.untyped_storage().data_ptr() in kept:
            return tensor
        return tensor.device, tracker.elsewhere(tensor)

    def unpack(packed):
        return packed if isinstance(packed, torch.Tensor) else bring(packed[1], packed[0])

    return saved_tensors_hooks(pack, unpack)


@mistake(
    "2.12",
    "offload.offload_activations",
    "A tensor of exactly min_bytes stays: only smaller ones do.",
)
def offload_activations_off_by_one(keep=(), min_bytes=2**12):
    kept = {tensor.untyped_storage().data_ptr() for tensor in keep}

    def pack(tensor):
        if tensor.nbytes <= min_bytes or tensor.untyped_storage().data_ptr() in kept:
            return tensor
        return tensor.device, tracker.elsewhere(tensor)

    def unpack(packed):
        return packed if isinstance(packed, torch.Tensor) else bring(packed[1], packed[0])

    return saved_tensors_hooks(pack, unpack)


@mistake(
    "2.12",
    "offload.offload_activations",
    "min_bytes is compared with a number of elements: one of float32 has four bytes, one of float64 eight.",
)
def offload_activations_counts_elements(keep=(), min_bytes=2**12):
    kept = {tensor.untyped_storage().data_ptr() for tensor in keep}

    def pack(tensor):
        if tensor.numel() < min_bytes or tensor.untyped_storage().data_ptr() in kept:
            return tensor
        return tensor.device, tracker.elsewhere(tensor)

    def unpack(packed):
        return packed if isinstance(packed, torch.Tensor) else bring(packed[1], packed[0])

    return saved_tensors_hooks(pack, unpack)


@mistake(
    "2.12",
    "offload.offload_activations",
    "The tensor itself is kept beside its copy, so it never leaves the device.",
)
def offload_activations_keeps_both(keep=(), min_bytes=2**12):
    kept = {tensor.untyped_storage().data_ptr() for tensor in keep}

    def pack(tensor):
        if tensor.nbytes < min_bytes or tensor.untyped_storage().data_ptr() in kept:
            return tensor, None
        return tensor, tracker.elsewhere(tensor)

    def unpack(packed):
        tensor, resting = packed
        return tensor if resting is None else bring(resting, tensor.device)

    return saved_tensors_hooks(pack, unpack)


@mistake(
    "2.12",
    "offload.offload_activations",
    "What rests elsewhere is handed to the backward pass as it is: on a GPU that is a tensor of the wrong device. Bring it.",
)
def offload_activations_never_brings(keep=(), min_bytes=2**12):
    kept = {tensor.untyped_storage().data_ptr() for tensor in keep}

    def pack(tensor):
        if tensor.nbytes < min_bytes or tensor.untyped_storage().data_ptr() in kept:
            return tensor
        return tracker.elsewhere(tensor)

    return saved_tensors_hooks(pack, lambda packed: packed)


@mistake(
    "2.12",
    "offload.offload_activations",
    "All that is saved is brought, also what never left: that is a second copy on the device. Pack has to note which tensors it moved.",
)
def offload_activations_brings_all(keep=(), min_bytes=2**12):
    kept = {tensor.untyped_storage().data_ptr() for tensor in keep}

    def pack(tensor):
        if tensor.nbytes < min_bytes or tensor.untyped_storage().data_ptr() in kept:
            return tensor.device, tensor
        return tensor.device, tracker.elsewhere(tensor)

    return saved_tensors_hooks(pack, lambda packed: bring(packed[1], packed[0]))


@mistake(
    "2.12",
    "offload.offload_activations",
    "Copies of 16 bits take half the room, and other gradients come out: what returns must be what left, to the last bit.",
)
def offload_activations_rounds(keep=(), min_bytes=2**12):
    kept = {tensor.untyped_storage().data_ptr() for tensor in keep}

    def pack(tensor):
        if tensor.nbytes < min_bytes or tensor.untyped_storage().data_ptr() in kept:
            return tensor
        return tensor.device, tensor.dtype, tracker.elsewhere(tensor.bfloat16())

    def unpack(packed):
        if isinstance(packed, torch.Tensor):
            return packed
        device, dtype, resting = packed
        return bring(resting, device).to(dtype)

    return saved_tensors_hooks(pack, unpack)


@mistake(
    "2.12",
    "offload.offload_activations",
    "`keep` may be a generator, such as model.parameters(): after one walk through it nothing is left. Note the storages once, at the start.",
)
def offload_activations_exhausts(keep=(), min_bytes=2**12):
    def pack(tensor):
        storage = tensor.untyped_storage().data_ptr()
        if tensor.nbytes < min_bytes or storage in (t.untyped_storage().data_ptr() for t in keep):
            return tensor
        return tensor.device, tracker.elsewhere(tensor)

    def unpack(packed):
        return packed if isinstance(packed, torch.Tensor) else bring(packed[1], packed[0])

    return saved_tensors_hooks(pack, unpack)
