"""Classic wrong answers for merging: `solution/adapted.py` and `lora.delta_weight`."""

from torch import nn

from shared.mistakes import mistake


@mistake("3.2", "lora.delta_weight", "The product is not multiplied by the scaling.")
def delta_weight_without_scaling(adapter, transposed):
    delta = adapter.lora_B.detach() @ adapter.lora_A.detach()
    return delta.T if transposed else delta


@mistake(
    "3.2",
    "lora.delta_weight",
    "transposed is ignored: Conv1D keeps (in, out), and a square weight would hide this.",
)
def delta_weight_never_transposed(adapter, transposed):
    return adapter.scaling * adapter.lora_B.detach() @ adapter.lora_A.detach()


@mistake(
    "3.2",
    "lora.delta_weight",
    "It is the wrong way round: Linear keeps (out, in), Conv1D (in, out).",
)
def delta_weight_transposed_wrongly(adapter, transposed):
    delta = adapter.scaling * adapter.lora_B.detach() @ adapter.lora_A.detach()
    return delta if transposed else delta.T


@mistake(
    "3.2",
    "lora.delta_weight",
    "The delta drags the graph of A and B along: what goes into a weight needs no history.",
)
def delta_weight_with_history(adapter, transposed):
    delta = adapter.scaling * adapter.lora_B @ adapter.lora_A
    return delta.T if transposed else delta


@mistake(
    "3.2",
    "adapted.AdaptedLayer.merge",
    "The weight is changed in place: a head that shares it changes with it.",
)
def merge_in_place(self):
    weight = self.base_weight()
    if self.merged:
        return
    self._own.append(nn.Parameter(weight.detach().clone(), requires_grad=False))
    for name in self.active:
        adapter = self.adapters[name]
        weight.data.copy_(adapter.merged(self.base_layer, weight, self.transposed))


@mistake(
    "3.2",
    "adapted.AdaptedLayer.merge",
    "A copy is kept in place of the parameter: after unmerging, a tied head is tied no longer.",
)
def merge_keeps_a_copy(self):
    weight = self.base_weight()
    if self.merged:
        return
    self._own.append(nn.Parameter(weight.detach().clone(), requires_grad=False))
    for name in self.active:
        adapter = self.adapters[name]
        weight = adapter.merged(self.base_layer, weight, self.transposed)
    self.base_layer.weight = nn.Parameter(weight.detach(), requires_grad=False)


@mistake("3.2", "adapted.AdaptedLayer.merge", "A second merge adds the correction a second time.")
def merge_again(self):
    weight = self.base_weight()
    self._own.append(weight)
    for name in self.active:
        adapter = self.adapters[name]
        weight = adapter.merged(self.base_layer, weight, self.transposed)
    self.base_layer.weight = nn.Parameter(weight.detach(), requires_grad=False)


@mistake(
    "3.2", "adapted.AdaptedLayer.merge", "All adapters are merged, also those that are not active."
)
def merge_inactive_too(self):
    weight = self.base_weight()
    if self.merged:
        return
    self._own.append(weight)
    for adapter in self.adapters.values():
        weight = adapter.merged(self.base_layer, weight, self.transposed)
    self.base_layer.weight = nn.Parameter(weight.detach(), requires_grad=False)


@mistake(
    "3.2",
    "adapted.AdaptedLayer.merge",
    "Each adapter is added to the base's own weight, so that only the last one stays: they add up.",
)
def merge_last_only(self):
    own = weight = self.base_weight()
    if self.merged:
        return
    self._own.append(own)
    for name in self.active:
        weight = self.adapters[name].merged(self.base_layer, own, self.transposed)
    self.base_layer.weight = nn.Parameter(weight.detach(), requires_grad=False)


@mistake(
    "3.2",
    "adapted.AdaptedLayer.merge",
    "The merged weight is trainable: a new Parameter is, unless told.",
)
def merge_trainable(self):
    weight = self.base_weight()
    if self.merged:
        return
    self._own.append(weight)
    for name in self.active:
        adapter = self.adapters[name]
        weight = adapter.merged(self.base_layer, weight, self.transposed)
    self.base_layer.weight = nn.Parameter(weight.detach())


@mistake(
    "3.2",
    "adapted.AdaptedLayer.merge",
    "The own weight is not kept, so the layer does not know that it is merged and corrects once more.",
)
def merge_keeps_nothing(self):
    weight = self.base_weight()
    if self.merged:
        return
    for name in self.active:
        adapter = self.adapters[name]
        weight = adapter.merged(self.base_layer, weight, self.transposed)
    self.base_layer.weight = nn.Parameter(weight.detach(), requires_grad=False)


@mistake(
    "3.2",
    "adapted.AdaptedLayer.unmerge",
    "The correction is subtracted again: the sum was rounded, so some bits do not come back.",
)
def unmerge_subtracts(self):
    from phase3_alignment.solution.lora import delta_weight

    if self.merged:
        self._own.pop()
        for name in self.active:
            self.base_layer.weight.data -= delta_weight(self.adapters[name], self.transposed)


@mistake(
    "3.2",
    "adapted.AdaptedLayer.unmerge",
    "The own weight is back, yet still kept as well: the layer believes that it is merged.",
)
def unmerge_still_merged(self):
    if self.merged:
        self.base_layer.weight = self._own[-1]


@mistake(
    "3.2",
    "adapted.AdaptedLayer.unmerge",
    "The own values are copied into the merged parameter: equal bits, but what was tied is tied no longer.",
)
def unmerge_copies(self):
    if self.merged:
        self.base_layer.weight.data.copy_(self._own.pop())
