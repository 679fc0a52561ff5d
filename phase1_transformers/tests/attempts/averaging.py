"""The mistakes of `mistakes/averaging.py`, as others would write them."""

import torch
import torch.nn.functional as F

from shared.mistakes import attempt


@attempt("average_loops_takes_all")
def _(x):
    B, T, _ = x.shape
    result = []
    for sequence in x:
        result.append(torch.stack([sequence.sum(0) / T for _ in range(T)]))
    return torch.stack(result)


@attempt("average_loops_without_itself")
def _(x):
    y = torch.zeros(x.shape, dtype=x.dtype)
    for i in range(x.size(0)):
        for j in range(x.size(1)):
            if j > 0:
                y[i, j, :] = x[i, 0:j, :].sum(0) / j
    return y


@attempt("average_loops_divides_by_T")
def _(x):
    total, out = torch.zeros_like(x[:, 0]), []
    for t in range(x.shape[1]):
        total = total + x[:, t]
        out.append(total / x.shape[1])
    return torch.stack(out, dim=1)


@attempt("average_loops_mixes_channels")
def _(x):
    rows = [[sequence[: t + 1].mean() for t in range(len(sequence))] for sequence in x]
    means = torch.tensor(rows, dtype=x.dtype)
    return means[:, :, None].repeat(1, 1, x.shape[2])


@attempt("average_matrix_upper")
def _(x):
    weights = torch.triu(torch.ones(x.shape[1], x.shape[1]).to(x))
    for row in weights:
        row /= row.sum()
    return torch.einsum("ts,bsc->btc", weights, x)


@attempt("average_matrix_sums")
def _(x):
    positions = torch.arange(x.shape[1])
    weights = (positions[None, :] <= positions[:, None]).to(x.dtype)
    return torch.matmul(weights, x)


@attempt("average_matrix_columns")
def _(x):
    weights = torch.tril(torch.ones(x.shape[1], x.shape[1])).to(x.dtype)
    weights = weights / weights.sum(0)
    return weights @ x


@attempt("average_matrix_divides_by_T")
def _(x):
    T = x.size(1)
    weights = torch.full((T, T), 1 / T, dtype=x.dtype)
    return torch.tril(weights) @ x


@attempt("average_softmax_masks_with_zero")
def _(x):
    T = x.shape[1]
    mask = torch.tril(torch.ones(T, T)) == 0
    wei = torch.zeros((T, T)).masked_fill(mask, 0.0)
    return F.softmax(wei, dim=1).to(x.dtype) @ x


@attempt("average_softmax_masks_late")
def _(x):
    T = x.shape[1]
    wei = F.softmax(torch.zeros((T, T), dtype=x.dtype), dim=-1)
    wei = wei.masked_fill(torch.tril(torch.ones(T, T)) == 0, 0.0)
    return wei @ x


@attempt("average_softmax_wrong_axis")
def _(x):
    T = x.shape[1]
    wei = torch.full((T, T), float("-inf"), dtype=x.dtype).triu(1)
    return torch.einsum("ts,bsc->btc", F.softmax(wei, dim=-2), x)


@attempt("average_softmax_hides_itself")
def _(x):
    T = x.shape[1]
    tril = torch.tril(torch.ones(T, T), diagonal=-1)
    wei = torch.zeros((T, T), dtype=x.dtype).masked_fill(tril == 0, float("-inf"))
    return F.softmax(wei, dim=-1) @ x


@attempt("average_loops_of_nothing")
def _(x):
    rows = [[sequence[:t].sum(0) / t for t in range(len(sequence))] for sequence in x]
    return torch.stack([torch.stack(row) for row in rows])


@attempt("average_loops_first_alone")
def _(x):
    y = torch.zeros_like(x)
    for i in range(x.size(0)):
        for j in range(x.size(1)):
            y[i, j] = x[i, 0 : max(j, 1)].mean(0)
    return y


@attempt("average_matrix_in_float32")
def _(x):
    wei = torch.tril(torch.ones(x.shape[1], x.shape[1]))
    wei = wei / wei.sum(1, keepdim=True)
    return torch.matmul(wei, x)


@attempt("average_softmax_of_ones")
def _(x):
    tril = torch.tril(torch.ones(x.shape[1], x.shape[1], dtype=x.dtype))
    return F.softmax(tril, dim=1) @ x
