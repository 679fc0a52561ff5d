"""Classic wrong answers for `solution/sampling.py`: filters."""

import math
import torch
from shared.mistakes import mistake


@mistake(
    "1.23",
    "sampling.top_k",
    "Everything equal to the k-th logit stays too, so of 5000 equal ones all do; choose ids, not a threshold.",
)
def top_k_keeps_ties(logits, k):
    lowest = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
    return logits.masked_fill(logits < lowest, -math.inf)


@mistake(
    "1.23",
    "sampling.top_k",
    "Dropped logits are set to 0, and exp(0) is 1: what must never be drawn needs -inf.",
)
def top_k_sets_zero(logits, k):
    order = logits.argsort(dim=-1, descending=True, stable=True)
    return logits.scatter(-1, order[..., k:], 0.0)


@mistake(
    "1.23",
    "sampling.top_k",
    "The k lowest are kept: sort in descending order.",
)
def top_k_keeps_the_lowest(logits, k):
    order = logits.argsort(dim=-1, stable=True)
    return logits.scatter(-1, order[..., k:], -math.inf)


@mistake(
    "1.23",
    "sampling.top_k",
    "The caller's logits were changed in place: return new ones.",
)
def top_k_in_place(logits, k):
    order = logits.argsort(dim=-1, descending=True, stable=True)
    return logits.scatter_(-1, order[..., k:], -math.inf)


@mistake(
    "1.23",
    "sampling.top_k",
    "The k + 1 highest are kept: in 0 .. V - 1 the places to drop begin at k.",
)
def top_k_keeps_one_more(logits, k):
    order = logits.argsort(dim=-1, descending=True, stable=True)
    return logits.scatter(-1, order[..., k + 1 :], -math.inf)


@mistake(
    "1.23",
    "sampling.top_k",
    "One threshold for the whole batch: each row has its own k highest.",
)
def top_k_of_the_whole_batch(logits, k):
    order = logits.flatten().argsort(descending=True, stable=True)
    return logits.flatten().scatter(-1, order[k:], -math.inf).view_as(logits)


@mistake(
    "1.23",
    "sampling.top_p",
    "The token that crosses p is dropped: without it the sum stays below p, and a sure model has nothing left.",
)
def top_p_drops_the_crossing_token(logits, p):
    ranked, order = logits.sort(dim=-1, descending=True, stable=True)
    total = ranked.softmax(dim=-1).cumsum(dim=-1)
    dropped = (total > p) & (p < 1)
    return logits.scatter(-1, order, ranked.masked_fill(dropped, -math.inf))


@mistake(
    "1.23",
    "sampling.top_p",
    "The running sum goes by id, not by probability: the nucleus takes the likeliest first.",
)
def top_p_unsorted(logits, p):
    probs = logits.softmax(dim=-1)
    likelier = probs.cumsum(dim=-1) - probs
    return logits.masked_fill((likelier >= p) & (p < 1), -math.inf)


@mistake(
    "1.23",
    "sampling.top_p",
    "The result is still sorted: scatter each logit back to the id it belongs to.",
)
def top_p_stays_sorted(logits, p):
    ranked, _ = logits.sort(dim=-1, descending=True, stable=True)
    probs = ranked.softmax(dim=-1)
    likelier = probs.cumsum(dim=-1) - probs
    return ranked.masked_fill((likelier >= p) & (p < 1), -math.inf)


@mistake(
    "1.23",
    "sampling.top_p",
    "The least likely tokens come first, so the nucleus is the tail: sort in descending order.",
)
def top_p_from_the_tail(logits, p):
    ranked, order = logits.sort(dim=-1, stable=True)
    probs = ranked.softmax(dim=-1)
    before = probs.cumsum(dim=-1) - probs
    return logits.scatter(-1, order, ranked.masked_fill((before >= p) & (p < 1), -math.inf))


@mistake(
    "1.23",
    "sampling.top_p",
    "p is compared with each token's own probability; it is what the kept ones have together.",
)
def top_p_of_each_token(logits, p):
    probs = logits.softmax(dim=-1)
    highest = probs.amax(dim=-1, keepdim=True)
    return logits.masked_fill((probs < p) & (probs < highest), -math.inf)


@mistake(
    "1.23",
    "sampling.top_p",
    "One token too many: if those before it already reach p, the crossing token is among them.",
)
def top_p_keeps_one_more(logits, p):
    ranked, order = logits.sort(dim=-1, descending=True, stable=True)
    probs = ranked.softmax(dim=-1)
    total = probs.cumsum(dim=-1)
    enough = (total >= p).float().cumsum(dim=-1) > 2
    return logits.scatter(-1, order, ranked.masked_fill(enough & (p < 1), -math.inf))


@mistake(
    "1.23",
    "sampling.top_p",
    "Rounding brings the sum to 1 before the last token, so p = 1 drops the tail; it must keep everything.",
)
def top_p_of_one_drops_the_tail(logits, p):
    ranked, order = logits.sort(dim=-1, descending=True, stable=True)
    probs = ranked.softmax(dim=-1)
    likelier = probs.cumsum(dim=-1) - probs
    return logits.scatter(-1, order, ranked.masked_fill(likelier >= p, -math.inf))


@mistake(
    "1.23",
    "sampling.top_p",
    "Probabilities came back; a filter takes logits and returns logits, so that filters can follow each other.",
)
def top_p_returns_probabilities(logits, p):
    ranked, order = logits.sort(dim=-1, descending=True, stable=True)
    probs = ranked.softmax(dim=-1)
    likelier = probs.cumsum(dim=-1) - probs
    kept = probs.masked_fill((likelier >= p) & (p < 1), 0.0)
    return torch.zeros_like(probs).scatter(-1, order, kept / kept.sum(dim=-1, keepdim=True))


@mistake(
    "1.23",
    "sampling.top_p",
    "Where those before a token reach p exactly, it is one too many: a token goes if they have p or more, not only more.",
)
def top_p_goes_on_at_equality(logits, p):
    ranked, order = logits.sort(dim=-1, descending=True, stable=True)
    probs = ranked.softmax(dim=-1)
    likelier = probs.cumsum(dim=-1) - probs
    return logits.scatter(-1, order, ranked.masked_fill((likelier > p) & (p < 1), -math.inf))


@mistake(
    "1.23",
    "sampling.top_p",
    "To undo the sort you gather, which sorts once more: order says where each logit came from, so scatter to there.",
)
def top_p_gathers_back(logits, p):
    ranked, order = logits.sort(dim=-1, descending=True, stable=True)
    probs = ranked.softmax(dim=-1)
    likelier = probs.cumsum(dim=-1) - probs
    return ranked.masked_fill((likelier >= p) & (p < 1), -math.inf).gather(-1, order)


@mistake(
    "1.23",
    "sampling.top_p",
    "Sorted upwards, the tail is cut off from the wrong end of a tie: of equal logits the smaller ids come first.",
)
def top_p_ties_to_larger_ids(logits, p):
    ranked, order = logits.sort(dim=-1, stable=True)
    tail = ranked.softmax(dim=-1).cumsum(dim=-1) <= 1 - p
    tail[..., -1] = False
    return logits.scatter(-1, order, ranked.masked_fill(tail & (p < 1), -math.inf))


@mistake(
    "1.23",
    "sampling.min_p",
    "p is taken as a probability of its own; it is a share of the likeliest token's, so that one always stays.",
)
def min_p_absolute(logits, p):
    return logits.masked_fill(logits.softmax(dim=-1) < p, -math.inf)


@mistake(
    "1.23",
    "sampling.min_p",
    "p times the highest *logit* means nothing, and for negative logits turns round; compare probabilities.",
)
def min_p_of_logits(logits, p):
    return logits.masked_fill(logits < p * logits.amax(dim=-1, keepdim=True), -math.inf)


@mistake(
    "1.23",
    "sampling.min_p",
    "The likeliest token of the whole batch sets the bar; each row has its own.",
)
def min_p_of_the_whole_batch(logits, p):
    probs = logits.softmax(dim=-1)
    return logits.masked_fill(probs < p * probs.max(), -math.inf)


@mistake(
    "1.23",
    "sampling.min_p",
    "The unlikely tokens are kept and the likely ones dropped: the comparison is the wrong way round.",
)
def min_p_keeps_the_tail(logits, p):
    probs = logits.softmax(dim=-1)
    return logits.masked_fill(probs >= p * probs.amax(dim=-1, keepdim=True), -math.inf)


@mistake(
    "1.23",
    "sampling.min_p",
    "Equality is dropped too, so with p = 1 even the likeliest token goes: at least p times, not more than.",
)
def min_p_is_strict(logits, p):
    probs = logits.softmax(dim=-1)
    return logits.masked_fill(probs <= p * probs.amax(dim=-1, keepdim=True), -math.inf)
