"""The mistakes of `mistakes/offload.py`, as others would write them."""

import torch
from torch.autograd.graph import saved_tensors_hooks

from phase2_scaling.solution.offload import bring
from phase2_scaling.solution.tracker import elsewhere
from shared.mistakes import attempt


def _fetch(resting, device):
    return {name: bring(tensor, device) for name, tensor in resting.items()}


def _put_back(resting, state):
    for name in state:
        resting[name].copy_(state[name])


def _address(tensor):
    return tensor.untyped_storage().data_ptr()


def _hooks(stays):
    """Hooks that move every tensor of which `stays` is not true."""

    def pack(tensor):
        return (tensor, None) if stays(tensor) else (elsewhere(tensor), tensor.device)

    def unpack(pair):
        tensor, device = pair
        return tensor if device is None else bring(tensor, device)

    return saved_tensors_hooks(pack, unpack)


@attempt("offloaded_step_forgets")
def _(self):
    self.steps = self.steps + 1
    for p, resting in zip(self.parameters, self.resting):
        if p.grad is not None:
            self.rule.update(p, p.grad, _fetch(resting, p.device), self.steps)


@attempt("offloaded_step_brings_all")
def _(self):
    self.steps = self.steps + 1
    here = []
    for p, resting in zip(self.parameters, self.resting):
        here.append(_fetch(resting, p.device))
    for i, p in enumerate(self.parameters):
        if p.grad is not None:
            self.rule.update(p, p.grad, here[i], self.steps)
            _put_back(self.resting[i], here[i])


@attempt("offloaded_step_stays")
def _(self):
    self.steps = self.steps + 1
    for p, resting in zip(self.parameters, self.resting):
        if p.grad is not None:
            resting.update(_fetch(resting, p.device))
            self.rule.update(p, p.grad, resting, self.steps)


@attempt("offloaded_step_makes_new_ones")
def _(self):
    self.steps = self.steps + 1
    for p, resting in zip(self.parameters, self.resting):
        if p.grad is None:
            continue
        state = _fetch(resting, p.device)
        self.rule.update(p, p.grad, state, self.steps)
        for name in list(state):
            resting[name] = elsewhere(state.pop(name))


@attempt("offloaded_step_never_brings")
def _(self):
    self.steps = self.steps + 1
    for p, resting in zip(self.parameters, self.resting):
        if p.grad is None:
            continue
        state = {name: tensor.to(p.device) for name, tensor in resting.items()}
        self.rule.update(p, p.grad, state, self.steps)
        _put_back(resting, state)


@attempt("offloaded_step_holds_two")
def _(self):
    self.steps = self.steps + 1
    for p, resting in zip(self.parameters, self.resting):
        if p.grad is not None:
            here = _fetch(resting, p.device)
            self.rule.update(p, p.grad, here, self.steps)
            _put_back(resting, here)


@attempt("offloaded_step_counts_parameters")
def _(self):
    for p, resting in zip(self.parameters, self.resting):
        if p.grad is not None:
            self.steps = self.steps + 1
            here = _fetch(resting, p.device)
            self.rule.update(p, p.grad, here, self.steps)
            _put_back(resting, here)
            here.clear()


@attempt("offloaded_step_counts_late")
def _(self):
    for p, resting in zip(self.parameters, self.resting):
        if p.grad is not None:
            here = _fetch(resting, p.device)
            self.rule.update(p, p.grad, here, self.steps)
            _put_back(resting, here)
            here.clear()
    self.steps = self.steps + 1


@attempt("offloaded_step_takes_zeros")
def _(self):
    self.steps = self.steps + 1
    for p, resting in zip(self.parameters, self.resting):
        here = _fetch(resting, p.device)
        gradient = torch.zeros_like(p) if p.grad is None else p.grad
        self.rule.update(p, gradient, here, self.steps)
        _put_back(resting, here)
        here.clear()


@attempt("offloaded_step_stops_early")
def _(self):
    self.steps = self.steps + 1
    for p, resting in zip(self.parameters, self.resting):
        if p.grad is None:
            return
        here = _fetch(resting, p.device)
        self.rule.update(p, p.grad, here, self.steps)
        _put_back(resting, here)
        here.clear()


@attempt("offloaded_step_loop_variable")
def _(self):
    self.steps = self.steps + 1
    for p, resting in zip(self.parameters, self.resting):
        if p.grad is not None:
            here = _fetch(resting, p.device)
            self.rule.update(p, p.grad, here, self.steps)
            for (_, new), old in zip(here.items(), resting.values()):
                old.copy_(new)
            here.clear()


@attempt("offload_activations_moves_parameters")
def _(keep=(), min_bytes=2**12):
    return _hooks(lambda tensor: tensor.nbytes < min_bytes)


@attempt("offload_activations_moves_views")
def _(keep=(), min_bytes=2**12):
    parameters = tuple(keep)

    def stays(tensor):
        return tensor.nbytes < min_bytes or id(tensor) in map(id, parameters)

    return _hooks(stays)


@attempt("offload_activations_compares_addresses")
def _(keep=(), min_bytes=2**12):
    known = [one.data_ptr() for one in keep]
    return _hooks(lambda tensor: tensor.nbytes < min_bytes or tensor.data_ptr() in known)


@attempt("offload_activations_brings_all")
def _(keep=(), min_bytes=2**12):
    known = {_address(one) for one in keep}

    def pack(tensor):
        moves = tensor.nbytes >= min_bytes and _address(tensor) not in known
        return elsewhere(tensor) if moves else tensor

    return saved_tensors_hooks(pack, lambda tensor: bring(tensor, tensor.device))


@attempt("offload_activations_moves_all")
def _(keep=(), min_bytes=2**12):
    addresses = [_address(tensor) for tensor in keep]
    return _hooks(lambda tensor: _address(tensor) in addresses)


@attempt("offload_activations_off_by_one")
def _(keep=(), min_bytes=2**12):
    addresses = [_address(tensor) for tensor in keep]
    return _hooks(lambda tensor: not tensor.nbytes > min_bytes or _address(tensor) in addresses)


@attempt("offload_activations_counts_elements")
def _(keep=(), min_bytes=2**12):
    addresses = [_address(tensor) for tensor in keep]
    return _hooks(lambda tensor: len(tensor.view(-1)) < min_bytes or _address(tensor) in addresses)


@attempt("offload_activations_keeps_both")
def _(keep=(), min_bytes=2**12):
    addresses = [_address(tensor) for tensor in keep]

    def pack(tensor):
        moves = tensor.nbytes >= min_bytes and _address(tensor) not in addresses
        return {"original": tensor, "copy": elsewhere(tensor) if moves else None}

    def unpack(packed):
        if packed["copy"] is None:
            return packed["original"]
        return bring(packed["copy"], packed["original"].device)

    return saved_tensors_hooks(pack, unpack)


@attempt("offload_activations_never_brings")
def _(keep=(), min_bytes=2**12):
    addresses = [_address(tensor) for tensor in keep]

    def pack(tensor):
        moves = tensor.nbytes >= min_bytes and _address(tensor) not in addresses
        return (tensor.device, elsewhere(tensor)) if moves else (tensor.device, tensor)

    return saved_tensors_hooks(pack, lambda packed: packed[1].to(packed[0]))


@attempt("offload_activations_rounds")
def _(keep=(), min_bytes=2**12):
    addresses = [_address(tensor) for tensor in keep]

    def pack(tensor):
        stays = tensor.nbytes < min_bytes or _address(tensor) in addresses
        moved = tensor if stays else elsewhere(tensor.to(torch.bfloat16))
        return moved, stays, tensor.dtype, tensor.device

    def unpack(packed):
        moved, stays, dtype, device = packed
        return moved if stays else bring(moved, device).to(dtype)

    return saved_tensors_hooks(pack, unpack)


@attempt("offload_activations_exhausts")
def _(keep=(), min_bytes=2**12):
    def stays(tensor):
        return tensor.nbytes < min_bytes or any(_address(tensor) == _address(p) for p in keep)

    return _hooks(stays)
