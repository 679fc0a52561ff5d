"""What `solution/clinic_quant.py` suffered from, and half-cures."""

import torch

from phase4_production.solution.clinic_quant import LARGEST, codes_of
from shared.mistakes import mistake


@mistake(
    "4.13",
    "clinic_quant.linear",
    "Every weight is rebuilt well, and the product is wrong. Write y[n, m] as a sum of codes and scales; try 2 x 3.",
)
def linear_quantises_by_columns(x, weight):
    token_scale = x.abs().amax(dim=1, keepdim=True) / LARGEST
    weight_scale = weight.abs().amax(dim=0) / LARGEST
    x_codes, weight_codes = codes_of(x, token_scale), codes_of(weight, weight_scale)
    sums = torch._int_mm(x_codes, weight_codes.T)
    return sums.float() * token_scale * weight_scale


@mistake(
    "4.13",
    "clinic_quant.linear",
    "The maximum is taken over the other axis now, and the division still runs along columns.",
)
def linear_mends_only_the_maximum(x, weight):
    token_scale = x.abs().amax(dim=1, keepdim=True) / LARGEST
    weight_scale = weight.abs().amax(dim=1) / LARGEST
    x_codes, weight_codes = codes_of(x, token_scale), codes_of(weight, weight_scale)
    sums = torch._int_mm(x_codes, weight_codes.T)
    return sums.float() * token_scale * weight_scale


@mistake(
    "4.13",
    "clinic_quant.linear",
    "The division runs along rows now, by scales that are still taken from columns.",
)
def linear_mends_only_the_division(x, weight):
    token_scale = x.abs().amax(dim=1, keepdim=True) / LARGEST
    weight_scale = weight.abs().amax(dim=0) / LARGEST
    x_codes, weight_codes = codes_of(x, token_scale), codes_of(weight, weight_scale[:, None])
    sums = torch._int_mm(x_codes, weight_codes.T)
    return sums.float() * token_scale * weight_scale


@mistake(
    "4.13",
    "clinic_quant.linear",
    "One scale for the whole weight has no axis to mistake; small outputs now pay for the large ones.",
)
def linear_with_one_scale(x, weight):
    token_scale = x.abs().amax(dim=1, keepdim=True) / LARGEST
    weight_scale = weight.abs().amax() / LARGEST
    x_codes, weight_codes = codes_of(x, token_scale), codes_of(weight, weight_scale)
    return torch._int_mm(x_codes, weight_codes.T).float() * token_scale * weight_scale


@mistake(
    "4.13",
    "clinic_quant.linear",
    "Scales of columns go back to columns, before the sum: right, but then the product is one of floats, not of codes.",
)
def linear_rebuilds_the_weight(x, weight):
    token_scale = x.abs().amax(dim=1, keepdim=True) / LARGEST
    weight_scale = weight.abs().amax(dim=0) / LARGEST
    x_codes, weight_codes = codes_of(x, token_scale), codes_of(weight, weight_scale)
    return (x_codes * token_scale) @ (weight_codes * weight_scale).T


@mistake(
    "4.13",
    "clinic_quant.linear",
    "Only the weight is in eight bits now; activations were to have codes as well, and were healthy.",
)
def linear_leaves_x_in_float(x, weight):
    weight_scale = weight.abs().amax(dim=1) / LARGEST
    weight_codes = codes_of(weight, weight_scale[:, None])
    return x @ weight_codes.float().T * weight_scale


@mistake(
    "4.13",
    "clinic_quant.linear",
    "The weight is healthy; all tokens now share one scale, and each was to have its own.",
)
def linear_gives_tokens_one_scale(x, weight):
    token_scale = x.abs().amax() / LARGEST
    weight_scale = weight.abs().amax(dim=1) / LARGEST
    x_codes, weight_codes = codes_of(x, token_scale), codes_of(weight, weight_scale[:, None])
    return torch._int_mm(x_codes, weight_codes.T).float() * token_scale * weight_scale


@mistake(
    "4.13",
    "clinic_quant.linear",
    "That is x W: the weight was transposed to make the scales fit.",
)
def linear_transposes_the_weight(x, weight):
    weight = weight.T
    token_scale = x.abs().amax(dim=1, keepdim=True) / LARGEST
    weight_scale = weight.abs().amax(dim=1) / LARGEST
    x_codes, weight_codes = codes_of(x, token_scale), codes_of(weight, weight_scale[:, None])
    return torch._int_mm(x_codes, weight_codes.T).float() * token_scale * weight_scale


@mistake(
    "4.13",
    "clinic_quant.linear",
    "The scales of the outputs stand in a column, as they were kept for the division: in front of the sums they belong in a row.",
)
def linear_leaves_the_scales_in_a_column(x, weight):
    token_scale = x.abs().amax(dim=1, keepdim=True) / LARGEST
    weight_scale = weight.abs().amax(dim=1, keepdim=True) / LARGEST
    x_codes, weight_codes = codes_of(x, token_scale), codes_of(weight, weight_scale)
    sums = torch._int_mm(x_codes, weight_codes.T)
    return sums.float() * token_scale * weight_scale


@mistake(
    "4.13",
    "clinic_quant.linear",
    "The product is right, and it came back in float64: outputs are float32, as the docstring says.",
)
def linear_in_float64(x, weight):
    token_scale = x.double().abs().amax(dim=1, keepdim=True) / LARGEST
    weight_scale = weight.double().abs().amax(dim=1, keepdim=True) / LARGEST
    x_codes, weight_codes = codes_of(x, token_scale), codes_of(weight, weight_scale)
    return (x_codes.double() @ weight_codes.double().T) * token_scale * weight_scale.T


@mistake(
    "4.13",
    "clinic_quant.linear_cause",
    "256 * 127 * 127 is 4 million, and an int32 holds 2,147 million.",
)
def linear_blames_the_sums():
    return "a"


@mistake(
    "4.13",
    "clinic_quant.linear_cause",
    "Cut-off codes would show in the rebuilt weight, and that one is about as good as eight bits can be.",
)
def linear_blames_the_rounding():
    return "b"


@mistake(
    "4.13",
    "clinic_quant.linear_cause",
    "In the last column the activations have no codes at all, and it is as ill as the one before.",
)
def linear_blames_the_activations():
    return "c"


@mistake(
    "4.13",
    "clinic_quant.linear_cause",
    "Were the steps too coarse, the rebuilt weight would tell; it is off by one percent.",
)
def linear_blames_the_step():
    return "d"
