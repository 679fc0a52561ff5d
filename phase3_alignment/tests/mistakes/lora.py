"""Classic wrong answers for `solution/lora.py`, the correction itself."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from shared.mistakes import mistake


@mistake(
    "3.1", "lora.scaling", "alpha is not divided by the rank: doubling r then doubles the step."
)
def scaling_without_rank(r, alpha, rslora=False):
    return float(alpha)


@mistake("3.1", "lora.scaling", "The fraction is upside down: the rank divides, alpha multiplies.")
def scaling_upside_down(r, alpha, rslora=False):
    return math.sqrt(r) / alpha if rslora else r / alpha


@mistake("3.1", "lora.scaling", "rslora is ignored: rank-stabilised LoRA divides by the root of r.")
def scaling_without_rslora(r, alpha, rslora=False):
    return alpha / r


@mistake("3.1", "lora.scaling", "The root is taken of alpha too: only the rank stands under it.")
def scaling_root_of_all(r, alpha, rslora=False):
    return math.sqrt(alpha / r) if rslora else alpha / r


@mistake(
    "3.1",
    "lora.LoRA.reset_parameters",
    "A and B are both 0: each one's gradient is a product with the other, so neither ever moves.",
)
def reset_parameters_both_zero(self):
    nn.init.zeros_(self.lora_A)
    nn.init.zeros_(self.lora_B)


@mistake(
    "3.1",
    "lora.LoRA.reset_parameters",
    "Both are random: the model is damaged before the first step. One of the two must be 0.",
)
def reset_parameters_both_random(self):
    nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
    nn.init.kaiming_uniform_(self.lora_B, a=math.sqrt(5))


@mistake(
    "3.1",
    "lora.LoRA.reset_parameters",
    "A and B have changed places: here A is drawn and B is 0, as in the paper.",
)
def reset_parameters_swapped(self):
    nn.init.zeros_(self.lora_A)
    nn.init.kaiming_uniform_(self.lora_B, a=math.sqrt(5))


@mistake(
    "3.1",
    "lora.LoRA.reset_parameters",
    "A is drawn from the unit normal: a sum over in_features inputs needs numbers of 1 / sqrt(in_features).",
)
def reset_parameters_unit_normal(self):
    nn.init.normal_(self.lora_A)
    nn.init.zeros_(self.lora_B)


@mistake("3.1", "lora.LoRA.forward", "The correction is not multiplied by the scaling.")
def forward_without_scaling(self, x):
    x = x.to(self.lora_A.dtype)
    if self.dropout and self.training:
        x = F.dropout(x, self.dropout)
    return F.linear(F.linear(x, self.lora_A), self.lora_B)


@mistake("3.1", "lora.LoRA.forward", "The scaling is applied twice, once to each product.")
def forward_scales_twice(self, x):
    x = x.to(self.lora_A.dtype)
    if self.dropout and self.training:
        x = F.dropout(x, self.dropout)
    return F.linear(F.linear(x, self.lora_A) * self.scaling, self.lora_B) * self.scaling


@mistake("3.1", "lora.LoRA.forward", "Dropout acts in evaluation too: it is for training only.")
def forward_dropout_always(self, x):
    x = F.dropout(x.to(self.lora_A.dtype), self.dropout)
    return F.linear(F.linear(x, self.lora_A) * self.scaling, self.lora_B)


@mistake("3.1", "lora.LoRA.forward", "There is no dropout.")
def forward_without_dropout(self, x):
    x = x.to(self.lora_A.dtype)
    return F.linear(F.linear(x, self.lora_A) * self.scaling, self.lora_B)


@mistake(
    "3.1",
    "lora.LoRA.forward",
    "Dropout acts on the correction: it belongs on the input, so that all outputs miss the same elements.",
)
def forward_dropout_on_output(self, x):
    y = F.linear(F.linear(x.to(self.lora_A.dtype), self.lora_A) * self.scaling, self.lora_B)
    return F.dropout(y, self.dropout, self.training)


@mistake(
    "3.1",
    "lora.LoRA.forward",
    "Dropout acts between A and B, on the few numbers of the thin product: it belongs on the input.",
)
def forward_dropout_in_between(self, x):
    low_rank = F.linear(x.to(self.lora_A.dtype), self.lora_A) * self.scaling
    return F.linear(F.dropout(low_rank, self.dropout, self.training), self.lora_B)


@mistake(
    "3.1",
    "lora.LoRA.forward",
    "B A is multiplied out, a matrix as large as the layer's: take x through A first, then through B.",
)
def forward_makes_the_matrix(self, x):
    x = x.to(self.lora_A.dtype)
    if self.dropout and self.training:
        x = F.dropout(x, self.dropout)
    return F.linear(x, self.scaling * self.lora_B @ self.lora_A)


@mistake(
    "3.1",
    "lora.LoRA.forward",
    "The correction is cut off from its graph, by detach, .data or no_grad: nothing can learn.",
)
def forward_without_history(self, x):
    x = x.to(self.lora_A.dtype)
    if self.dropout and self.training:
        x = F.dropout(x, self.dropout)
    with torch.no_grad():
        return F.linear(F.linear(x, self.lora_A) * self.scaling, self.lora_B)
