"""Classic wrong answers for `solution/sampling.py`."""

import torch

from shared.mistakes import mistake


def _ranked(logits, top_k):
    ranked, order = logits.sort(dim=-1, descending=True, stable=True)
    keep = torch.arange(logits.shape[1], device=logits.device) < top_k[:, None]
    return ranked, order, keep


def _back(logits, order, ranked, keep):
    kept = ranked.masked_fill(~keep, -torch.inf)
    return torch.empty_like(logits).scatter_(-1, order, kept)


def _before(probs):
    return probs.cumsum(-1) - probs


@mistake(
    "4.17",
    "sampling.filter_logits",
    "The token that reaches top_p is cut off with the rest; it is the last that stays.",
)
def filter_drops_the_crossing(logits, top_k, top_p, min_p):
    ranked, order, keep = _ranked(logits, top_k)
    probs = ranked.masked_fill(~keep, -torch.inf).softmax(-1, dtype=torch.float64)
    keep &= (probs.cumsum(-1) <= top_p[:, None]) | (top_p[:, None] == 1)
    keep &= probs >= min_p[:, None] * probs[:, :1]
    keep[:, 0] = True
    return _back(logits, order, ranked, keep)


@mistake(
    "4.17",
    "sampling.filter_logits",
    "A share of exactly top_p is enough; here one token more stays.",
)
def filter_goes_on_at_equality(logits, top_k, top_p, min_p):
    ranked, order, keep = _ranked(logits, top_k)
    probs = ranked.masked_fill(~keep, -torch.inf).softmax(-1, dtype=torch.float64)
    keep &= _before(probs) <= top_p[:, None]
    keep &= probs >= min_p[:, None] * probs[:, :1]
    return _back(logits, order, ranked, keep)


@mistake(
    "4.17",
    "sampling.filter_logits",
    "Top-p looks at all tokens; it must see only those that top-k has left, with shares that sum to 1.",
)
def filter_without_renormalising(logits, top_k, top_p, min_p):
    ranked, order, keep = _ranked(logits, top_k)
    probs = ranked.softmax(-1, dtype=torch.float64)
    keep &= (_before(probs) < top_p[:, None]) | (top_p[:, None] == 1)
    keep &= probs >= min_p[:, None] * probs[:, :1]
    return _back(logits, order, ranked, keep)


@mistake(
    "4.17",
    "sampling.filter_logits",
    "The result still lies in the order of the ranks; every logit has to go back to its own id.",
)
def filter_stays_sorted(logits, top_k, top_p, min_p):
    ranked, _, keep = _ranked(logits, top_k)
    probs = ranked.masked_fill(~keep, -torch.inf).softmax(-1, dtype=torch.float64)
    keep &= (_before(probs) < top_p[:, None]) | (top_p[:, None] == 1)
    keep &= probs >= min_p[:, None] * probs[:, :1]
    return ranked.masked_fill(~keep, -torch.inf)


@mistake(
    "4.17",
    "sampling.filter_logits",
    "order says which id has a rank; the way back needs the inverse: scatter, not gather.",
)
def filter_gathers_back(logits, top_k, top_p, min_p):
    ranked, order, keep = _ranked(logits, top_k)
    probs = ranked.masked_fill(~keep, -torch.inf).softmax(-1, dtype=torch.float64)
    keep &= (_before(probs) < top_p[:, None]) | (top_p[:, None] == 1)
    keep &= probs >= min_p[:, None] * probs[:, :1]
    return ranked.masked_fill(~keep, -torch.inf).gather(-1, order)


@mistake(
    "4.17",
    "sampling.filter_logits",
    "min_p is a share of the largest probability, not a probability.",
)
def filter_min_p_absolute(logits, top_k, top_p, min_p):
    ranked, order, keep = _ranked(logits, top_k)
    probs = ranked.masked_fill(~keep, -torch.inf).softmax(-1, dtype=torch.float64)
    keep &= (_before(probs) < top_p[:, None]) | (top_p[:, None] == 1)
    keep &= probs >= min_p[:, None]
    return _back(logits, order, ranked, keep)


@mistake(
    "4.17",
    "sampling.filter_logits",
    "A logit of 0 is a likely token; only -inf takes its probability away.",
)
def filter_fills_with_zero(logits, top_k, top_p, min_p):
    ranked, order, keep = _ranked(logits, top_k)
    probs = ranked.masked_fill(~keep, -torch.inf).softmax(-1, dtype=torch.float64)
    keep &= (_before(probs) < top_p[:, None]) | (top_p[:, None] == 1)
    keep &= probs >= min_p[:, None] * probs[:, :1]
    return torch.empty_like(logits).scatter_(-1, order, ranked * keep)


@mistake(
    "4.17",
    "sampling.filter_logits",
    "The caller's logits are overwritten, and it still needs them, for the log-probabilities say.",
)
def filter_in_place(logits, top_k, top_p, min_p):
    ranked, order, keep = _ranked(logits, top_k)
    probs = ranked.masked_fill(~keep, -torch.inf).softmax(-1, dtype=torch.float64)
    keep &= (_before(probs) < top_p[:, None]) | (top_p[:, None] == 1)
    keep &= probs >= min_p[:, None] * probs[:, :1]
    return logits.scatter_(-1, order, ranked.masked_fill(~keep, -torch.inf))


@mistake(
    "4.17",
    "sampling.filter_logits",
    "A threshold keeps all that equal the k-th logit: more than k. Cut by rank.",
)
def filter_keeps_ties(logits, top_k, top_p, min_p):
    ranked, order, _ = _ranked(logits, top_k)
    last = ranked.gather(1, (top_k - 1).clamp(max=logits.shape[1] - 1)[:, None])
    keep = ranked >= last
    probs = ranked.masked_fill(~keep, -torch.inf).softmax(-1, dtype=torch.float64)
    keep &= (_before(probs) < top_p[:, None]) | (top_p[:, None] == 1)
    keep &= probs >= min_p[:, None] * probs[:, :1]
    return _back(logits, order, ranked, keep)


@mistake(
    "4.17",
    "sampling.filter_logits",
    "With top_p = 1 a rounded sum reaches 1 too early, and the rarest tokens are lost.",
)
def filter_rounds_the_tail_away(logits, top_k, top_p, min_p):
    ranked, order, keep = _ranked(logits, top_k)
    probs = ranked.masked_fill(~keep, -torch.inf).softmax(-1, dtype=torch.float64)
    keep &= _before(probs) < top_p[:, None]
    keep &= probs >= min_p[:, None] * probs[:, :1]
    return _back(logits, order, ranked, keep)


@mistake(
    "4.17",
    "sampling.filter_logits",
    "The limits of the first row are used for all; each row has its own.",
)
def filter_by_the_first_row(logits, top_k, top_p, min_p):
    ranked, order, keep = _ranked(logits, top_k[:1].expand_as(top_k))
    probs = ranked.masked_fill(~keep, -torch.inf).softmax(-1, dtype=torch.float64)
    keep &= (_before(probs) < top_p[0]) | (top_p[0] == 1)
    keep &= probs >= min_p[0] * probs[:, :1]
    return _back(logits, order, ranked, keep)


@mistake(
    "4.17",
    "sampling.filter_logits",
    "min_p is not applied: very unlikely tokens stay however sure the model is.",
)
def filter_without_min_p(logits, top_k, top_p, min_p):
    ranked, order, keep = _ranked(logits, top_k)
    probs = ranked.masked_fill(~keep, -torch.inf).softmax(-1, dtype=torch.float64)
    keep &= (_before(probs) < top_p[:, None]) | (top_p[:, None] == 1)
    return _back(logits, order, ranked, keep)


@mistake(
    "4.17",
    "sampling.probabilities",
    "The temperature comes after the limits; it changes the shares that they look at, so it is first.",
)
def probabilities_filter_first(logits, temperature, top_k, top_p, min_p):
    greedy = temperature == 0
    filtered = filter_logits(logits, top_k.masked_fill(greedy, 1), top_p, min_p)
    scaled = filtered / temperature.masked_fill(greedy, 1)[:, None]
    return scaled.softmax(-1, dtype=torch.float64)


@mistake(
    "4.17",
    "sampling.probabilities",
    "The logits are multiplied by the temperature; divide: a low one makes the model surer.",
)
def probabilities_multiply(logits, temperature, top_k, top_p, min_p):
    greedy = temperature == 0
    scaled = logits * temperature.masked_fill(greedy, 1)[:, None]
    filtered = filter_logits(scaled, top_k.masked_fill(greedy, 1), top_p, min_p)
    return filtered.softmax(-1, dtype=torch.float64)


@mistake(
    "4.17",
    "sampling.probabilities",
    "A greedy row is divided by 0, which makes it NaN.",
)
def probabilities_divide_by_zero(logits, temperature, top_k, top_p, min_p):
    filtered = filter_logits(logits / temperature[:, None], top_k, top_p, min_p)
    return filtered.softmax(-1, dtype=torch.float64)


@mistake(
    "4.17",
    "sampling.probabilities",
    "A tiny temperature is not greedy: equal largest logits still share the probability.",
)
def probabilities_almost_greedy(logits, temperature, top_k, top_p, min_p):
    scaled = logits / temperature.clamp(min=1e-5)[:, None]
    return filter_logits(scaled, top_k, top_p, min_p).softmax(-1, dtype=torch.float64)


@mistake(
    "4.17",
    "sampling.probabilities",
    "One greedy row makes the whole batch greedy; ask each row.",
)
def probabilities_greedy_for_all(logits, temperature, top_k, top_p, min_p):
    if (temperature == 0).any():
        return torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[1]).double()
    filtered = filter_logits(logits / temperature[:, None], top_k, top_p, min_p)
    return filtered.softmax(-1, dtype=torch.float64)


@mistake(
    "4.17",
    "sampling.probabilities",
    "Logits divided by a tiny temperature are infinite; take the largest off first, and it stays 0.",
)
def probabilities_overflow(logits, temperature, top_k, top_p, min_p):
    greedy = temperature == 0
    scaled = logits / temperature.masked_fill(greedy, 1)[:, None]
    filtered = filter_logits(scaled, top_k.masked_fill(greedy, 1), top_p, min_p)
    return filtered.softmax(-1, dtype=torch.float64)


@mistake(
    "4.17",
    "sampling.probabilities",
    "The caller's temperatures are overwritten: a greedy request is none in its next step.",
)
def probabilities_overwrite(logits, temperature, top_k, top_p, min_p):
    greedy = temperature == 0
    temperature[greedy] = 1
    top_k = top_k.masked_fill(greedy, 1)
    filtered = filter_logits(logits / temperature[:, None], top_k, top_p, min_p)
    return filtered.softmax(-1, dtype=torch.float64)


@mistake(
    "4.17",
    "sampling.sample",
    "Always the heaviest token: the random number is not used.",
)
def sample_argmax(weights, uniforms):
    return weights.argmax(-1)


@mistake(
    "4.17",
    "sampling.sample",
    "One random number for all rows: neighbours of one distribution then always say the same.",
)
def sample_shares_a_number(weights, uniforms):
    ends = weights.cumsum(-1, dtype=torch.float64)
    points = uniforms[:1] * ends[:, -1]
    return torch.searchsorted(ends, points[:, None], right=True).squeeze(1)


@mistake(
    "4.17",
    "sampling.sample",
    "A point between two parts belongs to the later one; else u = 0 draws a token without weight.",
)
def sample_left(weights, uniforms):
    ends = weights.cumsum(-1, dtype=torch.float64)
    ends = ends / ends[:, -1:]
    return torch.searchsorted(ends, uniforms[:, None]).squeeze(1)


@mistake(
    "4.17",
    "sampling.sample",
    "The weights need not sum to 1: u has to be stretched to each row's total.",
)
def sample_without_total(weights, uniforms):
    ends = weights.cumsum(-1, dtype=torch.float64)
    found = torch.searchsorted(ends, uniforms[:, None], right=True).squeeze(1)
    return found.clamp(max=weights.shape[1] - 1)


@mistake(
    "4.17",
    "sampling.sample",
    "The parts are laid out from the heaviest on; they lie in the order of their ids.",
)
def sample_by_rank(weights, uniforms):
    ranked, order = weights.sort(dim=-1, descending=True, stable=True)
    ends = ranked.cumsum(-1, dtype=torch.float64)
    ends = ends / ends[:, -1:]
    rank = torch.searchsorted(ends, uniforms[:, None], right=True)
    return order.gather(1, rank).squeeze(1)


@mistake(
    "4.17",
    "sampling.sample",
    "A new random number is drawn here; then neither seed nor caller decide what comes.",
)
def sample_multinomial(weights, uniforms):
    g = torch.Generator(weights.device).manual_seed(0)
    return torch.multinomial(weights.double(), 1, generator=g).squeeze(1)


@mistake(
    "4.17",
    "sampling.filter_logits",
    "A token that is exactly min_p as likely as the first is cut off; at least so much is enough to stay.",
)
def filter_min_p_cuts_equals(logits, top_k, top_p, min_p):
    ranked, order, keep = _ranked(logits, top_k)
    probs = ranked.masked_fill(~keep, -torch.inf).softmax(-1, dtype=torch.float64)
    keep &= (_before(probs) < top_p[:, None]) | (top_p[:, None] == 1)
    keep &= probs > min_p[:, None] * probs[:, :1]
    return _back(logits, order, ranked, keep)


@mistake(
    "4.17",
    "sampling.sample",
    "The weights were summed in their own dtype: small ones are lost beside a large sum. Sum in float64.",
)
def sample_sums_as_it_comes(weights, uniforms):
    ends = weights.cumsum(-1).double()
    points = uniforms[:, None] * ends[:, -1:]
    return (ends <= points).sum(-1)


@mistake(
    "4.17",
    "sampling.filter_logits",
    "Shares were summed in the dtype of the logits: in bfloat16 a sum soon stands still. Widen before the softmax.",
)
def filter_sums_in_the_logits_dtype(logits, top_k, top_p, min_p):
    ranked, order, keep = _ranked(logits, top_k)
    probs = ranked.masked_fill(~keep, -torch.inf).softmax(-1)
    keep &= (_before(probs) < top_p[:, None]) | (top_p[:, None] == 1)
    keep &= probs >= min_p[:, None] * probs[:, :1]
    return _back(logits, order, ranked, keep)


@mistake(
    "4.17",
    "sampling.filter_logits",
    "Where no limit cuts, the caller's own logits came back: a new tensor was promised, and may be written to.",
)
def filter_returns_its_argument(logits, top_k, top_p, min_p):
    if (top_k >= logits.shape[1]).all() and (top_p == 1).all() and (min_p == 0).all():
        return logits
    ranked, order, keep = _ranked(logits, top_k)
    probs = ranked.masked_fill(~keep, -torch.inf).softmax(-1, dtype=torch.float64)
    keep &= (_before(probs) < top_p[:, None]) | (top_p[:, None] == 1)
    keep &= probs >= min_p[:, None] * probs[:, :1]
    return _back(logits, order, ranked, keep)


@mistake(
    "4.17",
    "sampling.filter_logits",
    "The softmax runs down the batch: shares are those of one row's tokens, along the last axis.",
)
def filter_shares_across_the_batch(logits, top_k, top_p, min_p):
    ranked, order, keep = _ranked(logits, top_k)
    probs = ranked.masked_fill(~keep, -torch.inf).softmax(0, dtype=torch.float64)
    keep &= (_before(probs) < top_p[:, None]) | (top_p[:, None] == 1)
    keep &= probs >= min_p[:, None] * probs[:, :1]
    return _back(logits, order, ranked, keep)


@mistake(
    "4.17",
    "sampling.filter_logits",
    "A sort from the smallest, turned round, turns ties round as well: among equals the smaller id comes first.",
)
def filter_turns_ties_round(logits, top_k, top_p, min_p):
    order = logits.argsort(dim=-1, stable=True).flip(-1)
    ranked = logits.gather(-1, order)
    keep = torch.arange(logits.shape[1], device=logits.device) < top_k[:, None]
    probs = ranked.masked_fill(~keep, -torch.inf).softmax(-1, dtype=torch.float64)
    keep &= (_before(probs) < top_p[:, None]) | (top_p[:, None] == 1)
    keep &= probs >= min_p[:, None] * probs[:, :1]
    return _back(logits, order, ranked, keep)


def _scaled(logits, temperature):
    return (logits.double() - logits.double().amax(-1, keepdim=True)) / temperature[:, None]


@mistake(
    "4.17",
    "sampling.probabilities",
    "A small temperature was taken for 0: only 0 is greedy, and logits may lie close together.",
)
def probabilities_greedy_when_small(logits, temperature, top_k, top_p, min_p):
    greedy = temperature < 1e-5
    scaled = _scaled(logits, temperature.masked_fill(greedy, 1))
    filtered = filter_logits(scaled, top_k.masked_fill(greedy, 1), top_p, min_p)
    return filtered.softmax(-1)


@mistake(
    "4.17",
    "sampling.probabilities",
    "Small temperatures were raised to a smallest one: each row is divided by its own, whatever it is.",
)
def probabilities_raise_small_temperatures(logits, temperature, top_k, top_p, min_p):
    greedy = temperature == 0
    scaled = _scaled(logits, temperature.masked_fill(greedy, 1).clamp(min=1e-5))
    filtered = filter_logits(scaled, top_k.masked_fill(greedy, 1), top_p, min_p)
    return filtered.softmax(-1)


@mistake(
    "4.17",
    "sampling.probabilities",
    "The softmax was float32, and only its result was widened: its rounding stays. Widen first.",
)
def probabilities_widen_too_late(logits, temperature, top_k, top_p, min_p):
    greedy = temperature == 0
    scaled = _scaled(logits, temperature.masked_fill(greedy, 1)).float()
    filtered = filter_logits(scaled, top_k.masked_fill(greedy, 1), top_p, min_p)
    return filtered.softmax(-1).double()


@mistake(
    "4.17",
    "sampling.probabilities",
    "The caller's top_k are overwritten: a greedy request would keep one token in all of its steps.",
)
def probabilities_overwrite_top_k(logits, temperature, top_k, top_p, min_p):
    greedy = temperature == 0
    top_k[greedy] = 1
    scaled = _scaled(logits, temperature.masked_fill(greedy, 1))
    return filter_logits(scaled, top_k, top_p, min_p).softmax(-1)


@mistake(
    "4.17",
    "sampling.probabilities",
    "The caller's logits are overwritten, and it still needs them, for the log-probabilities say.",
)
def probabilities_overwrite_logits(logits, temperature, top_k, top_p, min_p):
    greedy = temperature == 0
    logits -= logits.amax(-1, keepdim=True)
    logits /= temperature.masked_fill(greedy, 1)[:, None]
    filtered = filter_logits(logits, top_k.masked_fill(greedy, 1), top_p, min_p)
    return filtered.softmax(-1, dtype=torch.float64)


@mistake(
    "4.17",
    "sampling.probabilities",
    "float64 only puts the overflow off: take the largest logit off before you divide, not after.",
)
def probabilities_overflow_later(logits, temperature, top_k, top_p, min_p):
    greedy = temperature == 0
    scaled = logits.double() / temperature.masked_fill(greedy, 1)[:, None].double()
    scaled = scaled - scaled.amax(-1, keepdim=True)
    filtered = filter_logits(scaled, top_k.masked_fill(greedy, 1), top_p, min_p)
    return filtered.softmax(-1)


@mistake(
    "4.17",
    "sampling.sample",
    "Shares that are rounded can sum up to less than 1, and a point may lie behind them all: end the line exactly at 1.",
)
def sample_ends_below_one(weights, uniforms):
    shares = weights.double() / weights.double().sum(-1, keepdim=True)
    return (shares.cumsum(-1) <= uniforms[:, None]).sum(-1)


@mistake(
    "4.17",
    "sampling.sample",
    "A point behind a line that ends below 1 got the last id, which may have no weight: end the line exactly at 1.",
)
def sample_clamps_to_the_last(weights, uniforms):
    shares = weights.double() / weights.double().sum(-1, keepdim=True)
    found = (shares.cumsum(-1) <= uniforms[:, None]).sum(-1)
    return found.clamp(max=weights.shape[1] - 1)
