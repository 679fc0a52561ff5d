"""The mistakes of `mistakes/sampling.py`, as others would write them."""

import torch
import torch.nn.functional as F

from shared.mistakes import attempt


def _row(row, k, keeps, fill=float("-inf")):
    """One row: `keeps(shares of the k first ranks)` says which of them stay."""
    order = torch.argsort(row, descending=True, stable=True)[: int(k)]
    stays = order[keeps(row[order].double().softmax(0))]
    out = torch.full_like(row, fill)
    out[stays] = row[stays]
    return out


def _standard(p, m):
    def keeps(shares):
        before = F.pad(shares.cumsum(0), (1, 0))[:-1]
        enough = torch.ones_like(shares, dtype=torch.bool) if p == 1 else before < p
        return enough & (shares >= m * shares[0])

    return keeps


def _rows(logits, top_k, top_p, min_p, make, fill=float("-inf")):
    wishes = zip(logits, top_k, top_p, min_p, strict=True)
    return torch.stack([_row(row, k, make(p, m), fill) for row, k, p, m in wishes])


@attempt("filter_drops_the_crossing")
def _(logits, top_k, top_p, min_p):
    def make(p, m):
        def keeps(shares):
            inside = (shares.cumsum(0) <= p) | (p == 1)
            inside[0] = True
            return inside & (shares >= m * shares[0])

        return keeps

    return _rows(logits, top_k, top_p, min_p, make)


@attempt("filter_goes_on_at_equality")
def _(logits, top_k, top_p, min_p):
    def make(p, m):
        def keeps(shares):
            too_far = F.pad(shares.cumsum(0) > p, (1, 0))[:-1]
            return ~too_far & (shares >= m * shares[0])

        return keeps

    return _rows(logits, top_k, top_p, min_p, make)


@attempt("filter_without_renormalising")
def _(logits, top_k, top_p, min_p):
    out = torch.full_like(logits, float("-inf"))
    for b, row in enumerate(logits):
        shares = row.double().softmax(0)
        mass = 0.0
        order = torch.argsort(row, descending=True, stable=True).tolist()
        for rank, i in enumerate(order[: int(top_k[b])]):
            if top_p[b] < 1 and mass >= top_p[b]:
                break
            if rank == 0 or shares[i] >= min_p[b] * shares[order[0]]:
                out[b, i] = row[i]
            mass += float(shares[i])
    return out


@attempt("filter_stays_sorted")
def _(logits, top_k, top_p, min_p):
    out = _rows(logits, top_k, top_p, min_p, _standard)
    return out.sort(dim=1, descending=True).values


@attempt("filter_gathers_back")
def _(logits, top_k, top_p, min_p):
    order = torch.argsort(logits, dim=1, descending=True, stable=True)
    out = _rows(logits, top_k, top_p, min_p, _standard)
    ranked = out.sort(dim=1, descending=True).values
    return torch.stack([row[place] for row, place in zip(ranked, order, strict=True)])


@attempt("filter_min_p_absolute")
def _(logits, top_k, top_p, min_p):
    def make(p, m):
        standard = _standard(p, 0)
        return lambda shares: standard(shares) & (shares >= m)

    return _rows(logits, top_k, top_p, min_p, make)


@attempt("filter_fills_with_zero")
def _(logits, top_k, top_p, min_p):
    return _rows(logits, top_k, top_p, min_p, _standard, fill=0.0)


@attempt("filter_in_place")
def _(logits, top_k, top_p, min_p):
    out = _rows(logits, top_k, top_p, min_p, _standard)
    logits[out == float("-inf")] = float("-inf")
    return logits


@attempt("filter_keeps_ties")
def _(logits, top_k, top_p, min_p):
    V = logits.shape[1]
    cut = logits.clone()
    for b, k in enumerate(top_k.tolist()):
        kth = logits[b].topk(min(k, V)).values[-1]
        cut[b][logits[b] < kth] = float("-inf")
    return _rows(cut, torch.full_like(top_k, V), top_p, min_p, _standard)


@attempt("filter_rounds_the_tail_away")
def _(logits, top_k, top_p, min_p):
    def make(p, m):
        def keeps(shares):
            before = F.pad(shares.cumsum(0), (1, 0))[:-1]
            return (before < p) & (shares >= m * shares[0])

        return keeps

    return _rows(logits, top_k, top_p, min_p, make)


@attempt("filter_by_the_first_row")
def _(logits, top_k, top_p, min_p):
    k, p, m = top_k[0], top_p[0], min_p[0]
    return torch.stack([_row(row, k, _standard(p, m)) for row in logits])


@attempt("filter_without_min_p")
def _(logits, top_k, top_p, min_p):
    return _rows(logits, top_k, top_p, torch.zeros_like(min_p), _standard)


@attempt("probabilities_filter_first")
def _(logits, temperature, top_k, top_p, min_p):
    rows = []
    for b, t in enumerate(temperature.tolist()):
        if t == 0:
            row = F.one_hot(logits[b].argmax(), logits.shape[1]).double()
        else:
            one = slice(b, b + 1)
            row = filter_logits(logits[one], top_k[one], top_p[one], min_p[one])[0].double()
            row = (row / t).softmax(0)
        rows.append(row)
    return torch.stack(rows)


@attempt("probabilities_multiply")
def _(logits, temperature, top_k, top_p, min_p):
    rows = []
    for b, t in enumerate(temperature.tolist()):
        one = slice(b, b + 1)
        if t == 0:
            rows.append(F.one_hot(logits[b].argmax(), logits.shape[1]).double())
        else:
            row = filter_logits(logits[one] * t, top_k[one], top_p[one], min_p[one])[0]
            rows.append(F.softmax(row.double(), dim=0))
    return torch.stack(rows)


@attempt("probabilities_divide_by_zero")
def _(logits, temperature, top_k, top_p, min_p):
    logits = logits.double() / temperature.double().unsqueeze(1)
    out = filter_logits(logits, top_k, top_p, min_p)
    return F.softmax(out, dim=1)


@attempt("probabilities_almost_greedy")
def _(logits, temperature, top_k, top_p, min_p):
    temperature = torch.where(temperature == 0, 1e-4, temperature.double())
    out = filter_logits(logits.double() / temperature[:, None], top_k, top_p, min_p)
    return torch.softmax(out, dim=1)


@attempt("probabilities_greedy_for_all")
def _(logits, temperature, top_k, top_p, min_p):
    if temperature.min() == 0:
        out = torch.zeros_like(logits, dtype=torch.float64)
        out[torch.arange(len(out)), logits.max(dim=1).indices] = 1
        return out
    out = filter_logits(logits / temperature.unsqueeze(1), top_k, top_p, min_p)
    return F.softmax(out.double(), dim=1)


@attempt("probabilities_overflow")
def _(logits, temperature, top_k, top_p, min_p):
    cold = temperature == 0
    temperature = torch.where(cold, torch.ones_like(temperature), temperature)
    top_k = torch.where(cold, torch.ones_like(top_k), top_k)
    logits = torch.div(logits, temperature.unsqueeze(-1))
    return F.softmax(filter_logits(logits, top_k, top_p, min_p).double(), dim=-1)


@attempt("probabilities_overwrite")
def _(logits, temperature, top_k, top_p, min_p):
    top_k = torch.where(temperature == 0, torch.ones_like(top_k), top_k)
    temperature += (temperature == 0).to(temperature.dtype)
    out = filter_logits(logits / temperature.unsqueeze(1), top_k, top_p, min_p)
    return F.softmax(out.double(), dim=1)


@attempt("sample_argmax")
def _(weights, uniforms):
    return torch.stack([row.max(0).indices for row in weights])


@attempt("sample_shares_a_number")
def _(weights, uniforms):
    u = uniforms[0].item()
    probs = weights.double() / weights.double().sum(1, keepdim=True)
    return (probs.cumsum(1) <= u).sum(1)


@attempt("sample_left")
def _(weights, uniforms):
    ends = weights.double().cumsum(1)
    return (ends / ends[:, -1:] < uniforms[:, None]).sum(1)


@attempt("sample_without_total")
def _(weights, uniforms):
    V = weights.shape[1]
    found = (weights.double().cumsum(1) <= uniforms[:, None]).sum(1)
    return torch.minimum(found, torch.tensor(V - 1))


@attempt("sample_by_rank")
def _(weights, uniforms):
    found = []
    for row, u in zip(weights.double(), uniforms, strict=True):
        order = torch.argsort(row, descending=True, stable=True)
        ends = row[order].cumsum(0)
        found.append(order[int((ends / ends[-1] <= u).sum())])
    return torch.stack(found)


@attempt("sample_multinomial")
def _(weights, uniforms):
    g = torch.Generator().manual_seed(0)
    return torch.multinomial(weights.double(), num_samples=1, generator=g)[:, 0]


@attempt("filter_min_p_cuts_equals")
def _(logits, top_k, top_p, min_p):
    def keeps(p, m):
        return lambda shares: _standard(p, 0.0)(shares) & (shares / shares[0] > m)

    wishes = zip(logits, top_k, top_p, min_p, strict=True)
    return torch.stack([_row(row, k, keeps(float(p), float(m))) for row, k, p, m in wishes])


@attempt("sample_sums_as_it_comes")
def _(weights, uniforms):
    line = torch.cumsum(weights, dim=1)
    at = uniforms.unsqueeze(1) * line[:, -1:].double()
    return torch.searchsorted(line.double(), at, right=True).squeeze(1)


@attempt("filter_sums_in_the_logits_dtype")
def _(logits, top_k, top_p, min_p):
    rows = []
    for row, k, p, m in zip(logits, top_k, top_p, min_p, strict=True):
        order = torch.argsort(row, descending=True, stable=True)[: int(k)]
        shares = F.softmax(row[order], dim=0)
        inside = (shares.cumsum(0).sub(shares) < p) | (p == 1)
        stays = order[inside & (shares >= m * shares[0])]
        rows.append(torch.full_like(row, -torch.inf).index_copy(0, stays, row[stays]))
    return torch.stack(rows)


@attempt("filter_returns_its_argument")
def _(logits, top_k, top_p, min_p):
    if bool((min_p <= 0).all() and (top_p >= 1).all() and (top_k >= logits.size(1)).all()):
        return logits
    return _rows(logits, top_k, top_p, min_p, _standard)


@attempt("filter_shares_across_the_batch")
def _(logits, top_k, top_p, min_p):
    order = torch.argsort(logits, dim=1, descending=True, stable=True)
    places = order.argsort(dim=1)
    cut = logits.masked_fill(places >= top_k[:, None], -torch.inf)
    shares = F.softmax(cut.gather(1, order).double(), dim=0)
    ends = shares.cumsum(1)
    stays = (ends - shares < top_p[:, None]) | (top_p[:, None] == 1)
    stays &= shares >= min_p[:, None] * shares[:, :1]
    return cut.masked_fill(~stays.gather(1, places), -torch.inf)


@attempt("filter_turns_ties_round")
def _(logits, top_k, top_p, min_p):
    mirrored = _rows(logits.flip(-1), top_k, top_p, min_p, _standard)
    return mirrored.flip(-1)


def _draws_from(logits, temperature, top_k, top_p, min_p, greedy):
    """Every row from its scaled logits; a greedy one keeps one token."""
    t = torch.where(greedy, 1.0, temperature.double())
    scaled = (logits - logits.max(dim=-1, keepdim=True).values).double() / t.unsqueeze(-1)
    cut = filter_logits(scaled, torch.where(greedy, 1, top_k), top_p, min_p)
    return F.softmax(cut, dim=-1)


@attempt("probabilities_greedy_when_small")
def _(logits, temperature, top_k, top_p, min_p):
    greedy = torch.isclose(temperature, torch.zeros_like(temperature), atol=1e-6)
    return _draws_from(logits, temperature, top_k, top_p, min_p, greedy)


@attempt("probabilities_raise_small_temperatures")
def _(logits, temperature, top_k, top_p, min_p):
    raised = torch.maximum(temperature, torch.full_like(temperature, 1e-5))
    return _draws_from(logits, raised, top_k, top_p, min_p, temperature == 0)


@attempt("probabilities_widen_too_late")
def _(logits, temperature, top_k, top_p, min_p):
    greedy = temperature.eq(0)
    t = torch.where(greedy, 1.0, temperature.double())[:, None]
    scaled = ((logits.double() - logits.double().max(-1, keepdim=True).values) / t).float()
    cut = filter_logits(scaled, torch.where(greedy, 1, top_k), top_p, min_p)
    return F.softmax(cut, dim=-1).to(torch.float64)


@attempt("probabilities_overwrite_top_k")
def _(logits, temperature, top_k, top_p, min_p):
    greedy = ~temperature.bool()
    top_k.masked_fill_(greedy, 1)
    return _draws_from(logits, temperature, top_k, top_p, min_p, greedy)


@attempt("probabilities_overwrite_logits")
def _(logits, temperature, top_k, top_p, min_p):
    greedy = ~temperature.bool()
    logits.sub_(logits.max(-1, keepdim=True).values).div_(temperature.where(~greedy, 1.0)[:, None])
    cut = filter_logits(logits, torch.where(greedy, 1, top_k), top_p, min_p)
    return F.softmax(cut, dim=-1, dtype=torch.float64)


@attempt("probabilities_overflow_later")
def _(logits, temperature, top_k, top_p, min_p):
    greedy = temperature == 0
    t = torch.where(greedy, 1.0, temperature.double())
    divided = torch.div(logits.double(), t.unsqueeze(1))
    divided = divided - divided.max(dim=1, keepdim=True).values
    cut = filter_logits(divided, torch.where(greedy, 1, top_k), top_p, min_p)
    return F.softmax(cut, dim=1)


@attempt("sample_ends_below_one")
def _(weights, uniforms):
    weights = weights.to(torch.float64)
    ends = torch.cumsum(weights / weights.sum(1)[:, None], dim=1)
    return torch.searchsorted(ends, uniforms[:, None], right=True).flatten()


@attempt("sample_clamps_to_the_last")
def _(weights, uniforms):
    weights = weights.to(torch.float64)
    ends = torch.cumsum(weights / weights.sum(1)[:, None], dim=1)
    found = torch.searchsorted(ends, uniforms[:, None], right=True).flatten()
    return torch.minimum(found, torch.tensor(weights.size(1) - 1))
