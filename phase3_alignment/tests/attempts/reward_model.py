"""The mistakes of `mistakes/reward_model.py`, as others would write them."""

import torch
import torch.nn.functional as F

from shared.mistakes import attempt


@attempt("last_token_column")
def _(x, mask):
    _, T = mask.shape
    return x.select(1, T - 1)


@attempt("last_token_counted")
def _(x, mask):
    rows = []
    for row, m in zip(x, mask):
        n = int(m.sum())
        rows.append(row[n - 1] if n else torch.zeros_like(row[0]))
    return torch.stack(rows)


@attempt("last_token_before_padding")
def _(x, mask):
    pads = (~mask).float().argmax(-1) - 1
    out = torch.stack([x[b, int(i)] for b, i in enumerate(pads)])
    out = out.clone()
    out[~mask.any(-1)] = 0
    return out


@attempt("last_token_first")
def _(x, mask):
    rows = []
    for row, m in zip(x, mask):
        real = row[m]
        rows.append(real[0] if len(real) else torch.zeros_like(row[0]))
    return torch.stack(rows)


@attempt("last_token_off_by_one")
def _(x, mask):
    rows = []
    for row, m in zip(x, mask):
        where = m.nonzero()[:, 0].tolist()
        rows.append(row[where[-1] - 1] if where else row[0].new_zeros(row[0].shape))
    return torch.stack(rows)


@attempt("last_token_mean")
def _(x, mask):
    rows = []
    for row, m in zip(x, mask):
        real = row[m]
        rows.append(real.mean(0) if len(real) else torch.zeros_like(row[0]))
    return torch.stack(rows)


@attempt("last_token_mean_of_all")
def _(x, mask):
    return x.sum(1) / mask.shape[1]


@attempt("last_token_of_nothing")
def _(x, mask):
    T = mask.shape[1]
    from_the_right = mask.flip(1).int().argmax(1)
    last = torch.where(mask.any(1), T - 1 - from_the_right, 0)
    return torch.stack([row[i] for row, i in zip(x, last.tolist())])


@attempt("last_token_multiplied")
def _(x, mask):
    is_last = mask & (mask.flip(1).cumsum(1).flip(1) == 1)
    if x.ndim == 3:
        return torch.einsum("bt,btc->bc", is_last.to(x.dtype), x)
    return (is_last * x).sum(-1)


@attempt("last_token_in_place")
def _(x, mask):
    x[mask.logical_not()] = 0.0
    rows = []
    for row, m in zip(x, mask):
        where = m.nonzero()[:, 0].tolist() or [0]
        rows.append(row[where[-1]])
    return torch.stack(rows)


@attempt("bradley_terry_swapped")
def _(chosen, rejected):
    return F.softplus(chosen - rejected).mean()


@attempt("bradley_terry_sum")
def _(chosen, rejected):
    total = 0
    for d in chosen - rejected:
        total = total + F.softplus(-d)
    return total


@attempt("bradley_terry_no_minus")
def _(chosen, rejected):
    return -F.softplus(rejected - chosen).mean()


@attempt("bradley_terry_log_of_sigmoid")
def _(chosen, rejected):
    p = 1 / (1 + torch.exp(rejected - chosen))
    return torch.mean(-torch.log(p))


@attempt("bradley_terry_epsilon")
def _(chosen, rejected):
    p = torch.sigmoid(chosen - rejected)
    return -(p + 1e-8).log().sum() / len(p)


@attempt("bradley_terry_squared")
def _(chosen, rejected):
    p = torch.sigmoid(chosen - rejected)
    return F.mse_loss(p, torch.ones_like(p))


@attempt("bradley_terry_no_log")
def _(chosen, rejected):
    return torch.sigmoid(rejected - chosen).mean()


@attempt("bradley_terry_hinge")
def _(chosen, rejected):
    return (1 - chosen + rejected).clamp(min=0).mean()


@attempt("bradley_terry_each_alone")
def _(chosen, rejected):
    good = F.binary_cross_entropy_with_logits(chosen, torch.ones_like(chosen))
    bad = F.binary_cross_entropy_with_logits(rejected, torch.zeros_like(rejected))
    return good + bad


@attempt("bradley_terry_mean_first")
def _(chosen, rejected):
    return F.softplus(rejected.mean() - chosen.mean())


@attempt("bradley_terry_bits")
def _(chosen, rejected):
    return F.softplus(rejected - chosen).mean() / torch.log(torch.tensor(2.0))
