"""Classic wrong answers for `solution/llm_int8.py`."""

import torch

from phase4_production.solution import absmax
from phase4_production.solution.llm_int8 import THRESHOLD, int_matmul, outlier_columns
from shared.mistakes import mistake


@mistake(
    "4.9",
    "llm_int8.outlier_columns",
    "Outliers below zero are overlooked: it is the absolute value that spoils a scale.",
)
def columns_without_sign(x, threshold=THRESHOLD):
    return (x >= threshold).any(dim=0).nonzero().flatten()


@mistake(
    "4.9",
    "llm_int8.outlier_columns",
    "These are the tokens that hold an outlier; asked for are the columns.",
)
def columns_are_tokens(x, threshold=THRESHOLD):
    return (x.abs() >= threshold).any(dim=1).nonzero().flatten()


@mistake(
    "4.9",
    "llm_int8.outlier_columns",
    "One token is enough: a column counts if any of its numbers is an outlier, not only if all are.",
)
def columns_of_all_tokens(x, threshold=THRESHOLD):
    return (x.abs() >= threshold).all(dim=0).nonzero().flatten()


@mistake(
    "4.9",
    "llm_int8.outlier_columns",
    "A number that equals the threshold is an outlier, too.",
)
def columns_above_the_threshold(x, threshold=THRESHOLD):
    return (x.abs() > threshold).any(dim=0).nonzero().flatten()


@mistake(
    "4.9",
    "llm_int8.outlier_columns",
    "A mask where indices are asked for.",
)
def columns_as_a_mask(x, threshold=THRESHOLD):
    return (x.abs() >= threshold).any(dim=0)


@mistake(
    "4.9",
    "llm_int8.outlier_columns",
    "The threshold is written down here; it is an argument.",
)
def columns_from_six_on(x, threshold=THRESHOLD):
    return (x.abs() >= 6.0).any(dim=0).nonzero().flatten()


@mistake(
    "4.9",
    "llm_int8.outlier_columns",
    "A column of several outliers is listed several times, and would be multiplied as often.",
)
def columns_are_repeated(x, threshold=THRESHOLD):
    return (x.abs() >= threshold).nonzero()[:, 1].sort().values


@mistake(
    "4.9",
    "llm_int8.matmul",
    "The token's scale is taken before the outliers are gone: all others still share a scale with them.",
)
def matmul_scales_with_outliers(x, codes, scale, threshold=THRESHOLD):
    x = x.float()
    columns = outlier_columns(x, threshold)
    exact = x[:, columns] @ absmax.dequantize(codes[:, columns], scale).T
    token_scale = absmax.scale(x, 1, x.shape[1])
    rest = x.index_fill(1, columns, 0.0)
    sums = int_matmul(absmax.quantize(rest, token_scale), codes)
    return exact + sums.float() * token_scale * scale.T


@mistake(
    "4.9",
    "llm_int8.matmul",
    "The outlier columns are left out of the eight bits, and then never multiplied at all.",
)
def matmul_drops_outliers(x, codes, scale, threshold=THRESHOLD):
    x = x.float()
    rest = x.index_fill(1, outlier_columns(x, threshold), 0.0)
    token_scale = absmax.scale(rest, 1, rest.shape[1])
    sums = int_matmul(absmax.quantize(rest, token_scale), codes)
    return sums.float() * token_scale * scale.T


@mistake(
    "4.9",
    "llm_int8.matmul",
    "Outlier columns count twice: once as floats, and once more among the integers.",
)
def matmul_counts_outliers_twice(x, codes, scale, threshold=THRESHOLD):
    x = x.float()
    columns = outlier_columns(x, threshold)
    exact = x[:, columns] @ absmax.dequantize(codes[:, columns], scale).T
    rest = x.index_fill(1, columns, 0.0)
    token_scale = absmax.scale(rest, 1, rest.shape[1])
    sums = int_matmul(absmax.quantize(x, token_scale), codes)
    return exact + sums.float() * token_scale * scale.T


@mistake(
    "4.9",
    "llm_int8.matmul",
    "No split: with an outlier in it, a token keeps a handful of codes for everything else.",
)
def matmul_without_a_split(x, codes, scale, threshold=THRESHOLD):
    x = x.float()
    token_scale = absmax.scale(x, 1, x.shape[1])
    sums = int_matmul(absmax.quantize(x, token_scale), codes)
    return sums.float() * token_scale * scale.T


@mistake(
    "4.9",
    "llm_int8.matmul",
    "Everything is multiplied in float: exact, and no product of integers is left to be fast.",
)
def matmul_in_float(x, codes, scale, threshold=THRESHOLD):
    return x.float() @ absmax.dequantize(codes, scale).T


@mistake(
    "4.9",
    "llm_int8.matmul",
    "The outliers meet the weight's codes without its scale.",
)
def matmul_forgets_the_scale_of_outliers(x, codes, scale, threshold=THRESHOLD):
    x = x.float()
    columns = outlier_columns(x, threshold)
    exact = x[:, columns] @ codes[:, columns].float().T
    rest = x.index_fill(1, columns, 0.0)
    token_scale = absmax.scale(rest, 1, rest.shape[1])
    sums = int_matmul(absmax.quantize(rest, token_scale), codes)
    return exact + sums.float() * token_scale * scale.T


@mistake(
    "4.9",
    "llm_int8.matmul",
    "The sums get the token's scale and not the output's: both sides of the product were divided by theirs.",
)
def matmul_forgets_a_scale(x, codes, scale, threshold=THRESHOLD):
    x = x.float()
    columns = outlier_columns(x, threshold)
    exact = x[:, columns] @ absmax.dequantize(codes[:, columns], scale).T
    rest = x.index_fill(1, columns, 0.0)
    token_scale = absmax.scale(rest, 1, rest.shape[1])
    sums = int_matmul(absmax.quantize(rest, token_scale), codes)
    return exact + sums.float() * token_scale


@mistake(
    "4.9",
    "llm_int8.matmul",
    "All tokens share one scale here; each has its own, or the small ones lose their digits.",
)
def matmul_with_one_scale(x, codes, scale, threshold=THRESHOLD):
    x = x.float()
    columns = outlier_columns(x, threshold)
    exact = x[:, columns] @ absmax.dequantize(codes[:, columns], scale).T
    rest = x.index_fill(1, columns, 0.0)
    token_scale = absmax.scale(rest, *rest.shape)
    sums = int_matmul(absmax.quantize(rest, token_scale), codes)
    return exact + sums.float() * token_scale * scale.T


@mistake(
    "4.9",
    "llm_int8.matmul",
    "int8 times int8 is added up in int8 here, which wraps around after the first product.",
)
def matmul_sums_in_int8(x, codes, scale, threshold=THRESHOLD):
    x = x.float()
    columns = outlier_columns(x, threshold)
    exact = x[:, columns] @ absmax.dequantize(codes[:, columns], scale).T
    rest = x.index_fill(1, columns, 0.0)
    token_scale = absmax.scale(rest, 1, rest.shape[1])
    sums = (absmax.quantize(rest, token_scale) @ codes.T).to(torch.int8)
    return exact + sums.float() * token_scale * scale.T


@mistake(
    "4.9",
    "llm_int8.matmul",
    "The sums are kept in int16, which ends at 32,767: three products of the largest codes.",
)
def matmul_sums_in_int16(x, codes, scale, threshold=THRESHOLD):
    x = x.float()
    columns = outlier_columns(x, threshold)
    exact = x[:, columns] @ absmax.dequantize(codes[:, columns], scale).T
    rest = x.index_fill(1, columns, 0.0)
    token_scale = absmax.scale(rest, 1, rest.shape[1])
    sums = int_matmul(absmax.quantize(rest, token_scale), codes).to(torch.int16)
    return exact + sums.float() * token_scale * scale.T


@mistake(
    "4.9",
    "llm_int8.matmul",
    "The outlier columns are set to zero in the caller's own tensor.",
)
def matmul_changes_x(x, codes, scale, threshold=THRESHOLD):
    columns = outlier_columns(x, threshold)
    exact = x[:, columns].float() @ absmax.dequantize(codes[:, columns], scale).T
    x[:, columns] = 0
    rest = x.float()
    token_scale = absmax.scale(rest, 1, rest.shape[1])
    sums = int_matmul(absmax.quantize(rest, token_scale), codes)
    return exact + sums.float() * token_scale * scale.T


@mistake(
    "4.9",
    "llm_int8.matmul",
    "Only the outliers themselves go to floats, and their columns' other numbers stay: the split is by columns.",
)
def matmul_splits_by_number(x, codes, scale, threshold=THRESHOLD):
    x = x.float()
    outliers = torch.where(x.abs() >= threshold, x, 0.0)
    exact = outliers @ absmax.dequantize(codes, scale).T
    rest = x - outliers
    token_scale = absmax.scale(rest, 1, rest.shape[1])
    sums = int_matmul(absmax.quantize(rest, token_scale), codes)
    return exact + sums.float() * token_scale * scale.T
