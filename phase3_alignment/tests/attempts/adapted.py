"""The mistakes of `mistakes/adapted.py`, as others would write them."""

import torch
from torch import nn

from shared.mistakes import attempt


def combined(self, names, weight):
    for name in names:
        weight = self.adapters[name].merged(self.base_layer, weight, self.transposed)
    return weight.data


def frozen(values):
    return nn.Parameter(values, requires_grad=False)


@attempt("delta_weight_without_scaling")
def _(adapter, transposed):
    A, B = adapter.lora_A.data, adapter.lora_B.data
    return torch.einsum("or,ri->io" if transposed else "or,ri->oi", B, A)


@attempt("delta_weight_never_transposed")
@torch.no_grad()
def _(adapter, transposed):
    return (adapter.lora_B * adapter.scaling) @ adapter.lora_A


@attempt("delta_weight_transposed_wrongly")
@torch.no_grad()
def _(adapter, transposed):
    product = adapter.lora_B.mm(adapter.lora_A).mul(adapter.scaling)
    if not transposed:
        product = product.t()
    return product


@attempt("delta_weight_with_history")
def _(adapter, transposed):
    product = adapter.scaling * torch.matmul(adapter.lora_B, adapter.lora_A)
    if transposed:
        return product.transpose(0, 1)
    return product


@attempt("merge_in_place")
def _(self):
    own = self.base_weight()
    if not self.merged:
        self._own = [frozen(own.data.clone())]
        own.data[:] = combined(self, self.active, own)


@attempt("merge_keeps_a_copy")
def _(self):
    if not self.merged:
        before = self.base_weight().data.clone()
        self.base_layer.weight = frozen(combined(self, self.active, before))
        self._own = [frozen(before)]


@attempt("merge_again")
def _(self):
    own = self.base_weight()
    self.base_layer.weight = frozen(combined(self, self.active, own))
    self._own += [own]


@attempt("merge_inactive_too")
def _(self):
    own = self.base_weight()
    if not self.merged:
        self.base_layer.weight = frozen(combined(self, self.adapters, own))
        self._own = [own]


@attempt("merge_last_only")
def _(self):
    own = self.base_weight()
    if not self.merged:
        self.base_layer.weight = frozen(combined(self, self.active[-1:], own))
        self._own = [own]


@attempt("merge_trainable")
def _(self):
    own = self.base_weight()
    if not self.merged:
        self.base_layer.weight = nn.Parameter(combined(self, self.active, own))
        self._own = [own]


@attempt("merge_keeps_nothing")
def _(self):
    values = combined(self, self.active, self.base_weight())
    if not self.merged:
        self.base_layer.weight = frozen(values)


@attempt("unmerge_subtracts")
@torch.no_grad()
def _(self):
    if not self.merged:
        return
    weight = self.base_layer.weight
    for name in self.active:
        adapter = self.adapters[name]
        delta = adapter.scaling * adapter.lora_B @ adapter.lora_A
        weight.sub_(delta.T if self.transposed else delta)
    self._own.clear()


@attempt("unmerge_still_merged")
def _(self):
    for own in self._own:
        self.base_layer.weight = own


@attempt("unmerge_copies")
def _(self):
    if not self.merged:
        return
    own = self._own.pop()
    self.base_layer.weight.data = own.data.clone()
