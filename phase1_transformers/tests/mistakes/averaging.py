"""Classic wrong answers for `solution/averaging.py`."""

import torch

from shared.mistakes import mistake


@mistake(
    "1.7",
    "averaging.average_loops",
    "Each position gets the mean of the whole sequence: the future leaks; stop after position t.",
)
def average_loops_takes_all(x):
    return x.mean(dim=1, keepdim=True).expand_as(x).clone()


@mistake(
    "1.7",
    "averaging.average_loops",
    "x[:t] ends before t: a position does not see itself, and the first has nothing to average.",
)
def average_loops_without_itself(x):
    B, T, _ = x.shape
    out = torch.zeros_like(x)
    for b in range(B):
        for t in range(1, T):
            out[b, t] = x[b, :t].mean(dim=0)
    return out


@mistake(
    "1.7",
    "averaging.average_loops",
    "Sums are divided by T at every position; position t has only t + 1 numbers to average.",
)
def average_loops_divides_by_T(x):
    B, T, _ = x.shape
    out = torch.zeros_like(x)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, : t + 1].sum(dim=0) / T
    return out


@mistake(
    "1.7",
    "averaging.average_loops",
    "The mean runs over the channels too: it must go along time only, each channel on its own.",
)
def average_loops_mixes_channels(x):
    B, T, _ = x.shape
    out = torch.zeros_like(x)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, : t + 1].mean()
    return out


@mistake(
    "1.7",
    "averaging.average_matrix",
    "The triangle is the upper one: each position averages itself and the future; the past is below the diagonal.",
)
def average_matrix_upper(x):
    T = x.shape[1]
    ones = torch.ones(T, T, dtype=x.dtype).triu()
    return (ones / ones.sum(dim=1, keepdim=True)) @ x


@mistake(
    "1.7",
    "averaging.average_matrix",
    "Ones below the diagonal add up, they do not average: each row of weights must sum to 1.",
)
def average_matrix_sums(x):
    T = x.shape[1]
    return torch.ones(T, T, dtype=x.dtype).tril() @ x


@mistake(
    "1.7",
    "averaging.average_matrix",
    "The columns were divided by their sums; a row holds the weights of one position, so the rows must sum to 1.",
)
def average_matrix_columns(x):
    T = x.shape[1]
    ones = torch.ones(T, T, dtype=x.dtype).tril()
    return (ones / ones.sum(dim=0, keepdim=True)) @ x


@mistake(
    "1.7",
    "averaging.average_matrix",
    "All weights are 1 / T; row t has t + 1 of them, so each must be 1 / (t + 1).",
)
def average_matrix_divides_by_T(x):
    T = x.shape[1]
    return torch.ones(T, T, dtype=x.dtype).tril() / T @ x


@mistake(
    "1.7",
    "averaging.average_softmax",
    "A score of 0 hides nothing, as e^0 is 1: what must get no weight needs the score -inf.",
)
def average_softmax_masks_with_zero(x):
    T = x.shape[1]
    scores = torch.zeros(T, T, dtype=x.dtype).tril()
    return scores.softmax(dim=-1) @ x


@mistake(
    "1.7",
    "averaging.average_softmax",
    "The mask came after the softmax: weights that were shared with the future are cut off, and the rows no longer sum to 1.",
)
def average_softmax_masks_late(x):
    T = x.shape[1]
    weights = torch.zeros(T, T, dtype=x.dtype).softmax(dim=-1)
    return weights.tril() @ x


@mistake(
    "1.7",
    "averaging.average_softmax",
    "The softmax runs down the columns; each row, the weights of one position, must sum to 1.",
)
def average_softmax_wrong_axis(x):
    T = x.shape[1]
    past = torch.ones(T, T, dtype=torch.bool).tril()
    scores = torch.zeros(T, T, dtype=x.dtype).masked_fill(~past, float("-inf"))
    return scores.softmax(dim=0) @ x


@mistake(
    "1.7",
    "averaging.average_softmax",
    "The mask hides the diagonal too: a position must see itself, or the first row is a softmax of nothing, NaN.",
)
def average_softmax_hides_itself(x):
    T = x.shape[1]
    hidden = torch.ones(T, T, dtype=torch.bool).triu()
    scores = torch.zeros(T, T, dtype=x.dtype).masked_fill(hidden, float("-inf"))
    return scores.softmax(dim=-1) @ x


@mistake(
    "1.7",
    "averaging.average_loops",
    "x[:t] ends before t: the first position averages nothing, which is NaN, and no position sees itself.",
)
def average_loops_of_nothing(x):
    B, T, _ = x.shape
    out = torch.zeros_like(x)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, :t].mean(dim=0)
    return out


@mistake(
    "1.7",
    "averaging.average_loops",
    "Only the first position sees itself: all the others average what stands before them; include position t.",
)
def average_loops_first_alone(x):
    B, T, _ = x.shape
    out = x.clone()
    for b in range(B):
        for t in range(1, T):
            out[b, t] = x[b, :t].mean(dim=0)
    return out


@mistake(
    "1.7",
    "averaging.average_matrix",
    "torch.ones is float32 unless it is told otherwise: the weights need the dtype of x.",
)
def average_matrix_in_float32(x):
    T = x.shape[1]
    ones = torch.ones(T, T).tril()
    return (ones / ones.sum(dim=1, keepdim=True)) @ x


@mistake(
    "1.7",
    "averaging.average_softmax",
    "The softmax is of a triangle of ones: its zeros, the future, still weigh e^0; they must be -inf, and the ones 0.",
)
def average_softmax_of_ones(x):
    T = x.shape[1]
    return torch.ones(T, T, dtype=x.dtype).tril().softmax(dim=-1) @ x
