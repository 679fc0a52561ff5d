"""The mistakes of `mistakes/sampling.py`, as others would write them."""

import torch

from shared.mistakes import attempt

INF = float("inf")


def as_mask(x, keep):
    return torch.where(keep, x, torch.full_like(x, -INF))


@attempt("top_k_keeps_ties")
def _(logits, k):
    values = torch.sort(logits, dim=-1, descending=True)[0]
    bar = values[..., min(k, values.size(-1)) - 1].unsqueeze(-1)
    return as_mask(logits, logits >= bar)


@attempt("top_k_sets_zero")
def _(logits, k):
    best = logits.sort(descending=True, stable=True).indices[..., :k]
    return torch.zeros_like(logits).scatter(-1, best, logits.gather(-1, best))


@attempt("top_k_keeps_the_lowest")
def _(logits, k):
    best = logits.sort(stable=True).indices[..., :k]
    return torch.full_like(logits, -INF).scatter(-1, best, logits.gather(-1, best))


@attempt("top_k_in_place")
def _(logits, k):
    rest = (-logits).argsort(stable=True)[..., k:]
    logits.scatter_(-1, rest, -INF)
    return logits


@attempt("top_k_keeps_one_more")
def _(logits, k):
    best = logits.sort(descending=True, stable=True).indices[..., : k + 1]
    return torch.full_like(logits, -INF).scatter(-1, best, logits.gather(-1, best))


@attempt("top_k_of_the_whole_batch")
def _(logits, k):
    flat = logits.reshape(-1)
    best = (-flat).argsort(stable=True)[:k]
    keep = torch.zeros(flat.shape, dtype=torch.bool)
    keep[best] = True
    return as_mask(flat, keep).reshape(logits.shape)


@attempt("top_p_drops_the_crossing_token")
def _(logits, p):
    if p == 1:
        return logits.clone()
    order = (-logits).argsort(dim=-1, stable=True)
    total = torch.softmax(logits, -1).gather(-1, order).cumsum(-1)
    keep = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, order, total <= p)
    return as_mask(logits, keep)


@attempt("top_p_unsorted")
def _(logits, p):
    total = torch.cumsum(torch.softmax(logits, -1), -1)
    before = torch.cat([torch.zeros_like(total[..., :1]), total[..., :-1]], -1)
    return as_mask(logits, before < p) if p < 1 else logits


@attempt("top_p_stays_sorted")
def _(logits, p):
    ranked = torch.sort(logits, dim=-1, descending=True).values
    total = torch.softmax(ranked, -1).cumsum(-1)
    before = torch.cat([torch.zeros_like(total[..., :1]), total[..., :-1]], -1)
    return as_mask(ranked, before < p) if p < 1 else ranked


@attempt("top_p_from_the_tail")
def _(logits, p):
    if p == 1:
        return logits
    order = logits.argsort(dim=-1, stable=True)
    total = torch.softmax(logits, -1).gather(-1, order).cumsum(-1)
    before = torch.cat([torch.zeros_like(total[..., :1]), total[..., :-1]], -1)
    return as_mask(
        logits, torch.zeros_like(before, dtype=torch.bool).scatter(-1, order, before < p)
    )


@attempt("top_p_of_each_token")
def _(logits, p):
    probs = torch.softmax(logits, -1)
    best = probs == probs.max(-1, keepdim=True).values
    return as_mask(logits, (probs >= p) | best)


@attempt("top_p_keeps_one_more")
def _(logits, p):
    if p == 1:
        return logits
    order = (-logits).argsort(dim=-1, stable=True)
    total = torch.softmax(logits, -1).gather(-1, order).cumsum(-1)
    n_kept = (total < p).sum(-1, keepdim=True) + 2
    keep = torch.arange(logits.shape[-1]) < n_kept
    return as_mask(
        logits, torch.zeros_like(logits, dtype=torch.bool).scatter(-1, order, keep.expand_as(order))
    )


@attempt("top_p_of_one_drops_the_tail")
def _(logits, p):
    order = (-logits).argsort(dim=-1, stable=True)
    total = torch.softmax(logits, -1).gather(-1, order).cumsum(-1)
    before = torch.cat([torch.zeros_like(total[..., :1]), total[..., :-1]], -1)
    return as_mask(
        logits, torch.zeros_like(before, dtype=torch.bool).scatter(-1, order, before < p)
    )


@attempt("top_p_returns_probabilities")
def _(logits, p):
    probs = torch.softmax(logits, -1)
    order = (-logits).argsort(dim=-1, stable=True)
    total = probs.gather(-1, order).cumsum(-1)
    before = torch.cat([torch.zeros_like(total[..., :1]), total[..., :-1]], -1)
    keep = torch.zeros_like(before, dtype=torch.bool).scatter(-1, order, (before < p) | (p == 1))
    kept = probs * keep
    return kept / kept.sum(-1, keepdim=True)


@attempt("min_p_absolute")
def _(logits, p):
    return as_mask(logits, torch.softmax(logits, -1) >= p)


@attempt("min_p_of_logits")
def _(logits, p):
    bar = p * logits.max(-1, keepdim=True).values
    return as_mask(logits, logits >= bar)


@attempt("min_p_of_the_whole_batch")
def _(logits, p):
    probs = torch.softmax(logits, -1)
    return as_mask(logits, probs >= p * torch.max(probs))


@attempt("min_p_keeps_the_tail")
def _(logits, p):
    ratio = torch.exp(logits - logits.max(-1, keepdim=True).values)
    return as_mask(logits, ratio < p)


@attempt("min_p_is_strict")
def _(logits, p):
    ratio = torch.exp(logits - logits.max(-1, keepdim=True).values)
    return as_mask(logits, ratio > p)


def drawn(x, how, generator):
    for rule, value in ((top_k, how.top_k), (top_p, how.top_p), (min_p, how.min_p)):
        if value is not None:
            x = rule(x, value)
    return torch.multinomial(torch.softmax(x, -1), num_samples=1, generator=generator)[:, 0]


@attempt("sample_multiplies")
def _(logits, sampling, generator=None):
    T = sampling.temperature
    return drawn(logits.to(torch.float32).mul(T), sampling, generator) if T else logits.argmax(-1)


@attempt("sample_divides_probabilities")
def _(logits, sampling, generator=None):
    T = sampling.temperature
    return drawn(logits.to(torch.float32), sampling, generator) if T else logits.max(-1).indices


@attempt("sample_filters_first")
def _(logits, sampling, generator=None):
    T, x = sampling.temperature, logits.to(torch.float32)
    if T == 0.0:
        return torch.argmax(x, -1)
    for rule, value in ((top_k, sampling.top_k), (top_p, sampling.top_p), (min_p, sampling.min_p)):
        x = x if value is None else rule(x, value)
    return torch.multinomial(torch.softmax(x / T, -1), 1, generator=generator)[:, 0]


@attempt("sample_top_p_first")
def _(logits, sampling, generator=None):
    T, x = sampling.temperature, logits.to(torch.float32)
    if T == 0.0:
        return torch.argmax(x, -1)
    x = x / T
    for rule, value in ((top_p, sampling.top_p), (top_k, sampling.top_k), (min_p, sampling.min_p)):
        x = x if value is None else rule(x, value)
    return torch.multinomial(torch.softmax(x, -1), 1, generator=generator)[:, 0]


@attempt("sample_always_greedy")
def _(logits, sampling, generator=None):
    return torch.max(logits, dim=1)[1]


@attempt("sample_without_generator")
def _(logits, sampling, generator=None):
    T = sampling.temperature
    return drawn(logits.float() / T, sampling, None) if T > 0 else logits.argmax(1)


@attempt("sample_divides_by_zero")
def _(logits, sampling, generator=None):
    return drawn(logits.float() / (sampling.temperature + 1e-8), sampling, generator)


@attempt("sample_keeps_an_axis")
def _(logits, sampling, generator=None):
    T = sampling.temperature
    ids = drawn(logits.float() / T, sampling, generator) if T > 0 else logits.argmax(1)
    return ids.reshape(-1, 1)


@attempt("sample_in_narrow_dtype")
def _(logits, sampling, generator=None):
    T = sampling.temperature
    return drawn(logits / T, sampling, generator) if T > 0 else logits.argmax(1)


@attempt("top_p_goes_on_at_equality")
def _(logits, p):
    order = logits.argsort(dim=-1, descending=True, stable=True)
    total = logits.softmax(-1).gather(-1, order).cumsum(-1)
    before = torch.cat([torch.zeros_like(total[..., :1]), total[..., :-1]], dim=-1)
    keep = (before <= p) | (p == 1)
    return as_mask(logits, torch.zeros_like(keep).scatter(-1, order, keep))


@attempt("top_p_gathers_back")
def _(logits, p):
    x, order = torch.sort(logits, dim=-1, descending=True, stable=True)
    total = torch.softmax(x, -1).cumsum(-1)
    keep = torch.cat([torch.ones_like(total[..., :1]).bool(), total[..., :-1] < p], -1) | (p == 1)
    return torch.gather(as_mask(x, keep), -1, order)


@attempt("top_p_ties_to_larger_ids")
def _(logits, p):
    x, order = torch.sort(logits, dim=-1, stable=True)
    drop = torch.softmax(x, -1).cumsum(-1) <= 1 - p
    drop[..., -1:] = False
    drop = torch.zeros_like(drop) if p == 1 else drop
    return as_mask(logits, ~drop.scatter(-1, order, drop))


@attempt("sample_first_row_for_all")
def _(logits, sampling, generator=None):
    T, rows = sampling.temperature, len(logits)
    if T == 0:
        return logits.argmax(1)
    return drawn(logits[0].float().repeat(rows, 1) / T, sampling, generator)


@attempt("sample_keeps_the_drawn_axis")
def _(logits, sampling, generator=None):
    T = sampling.temperature
    if T > 0:
        return drawn(logits.float() / T, sampling, generator).unsqueeze(-1)
    return logits.argmax(1)


@attempt("sample_has_no_greedy_branch")
def _(logits, sampling, generator=None):
    return drawn(logits.float().div(sampling.temperature), sampling, generator)


@attempt("sample_divides_in_place")
def _(logits, sampling, generator=None):
    T, x = sampling.temperature, logits.to(torch.float32)
    return drawn(x.div_(T), sampling, generator) if T > 0 else logits.argmax(1)
