"""Classic wrong answers for `solution/attention.py`."""

import math

import torch

from shared.mistakes import mistake

# -- attention --------------------------------------------------------------------------------


@mistake(
    "1.8",
    "attention.attention",
    "The scores are not divided by sqrt(D): their variance is D, so the softmax saturates on a single key.",
)
def attention_unscaled(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1) @ v


@mistake(
    "1.8",
    "attention.attention",
    "The scores are divided by D; their standard deviation is only sqrt(D), so all keys come out nearly alike.",
)
def attention_divided_by_D(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / q.shape[-1]
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1) @ v


@mistake(
    "1.8",
    "attention.attention",
    "The scores are multiplied by sqrt(D); dividing is what brings their variance from D back to 1.",
)
def attention_multiplied(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) * math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1) @ v


@mistake(
    "1.8",
    "attention.attention",
    "The scale is the number of keys; a dot product grows with the number of terms in it, and that is D.",
)
def attention_scaled_by_keys(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(k.shape[-2])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1) @ v


@mistake(
    "1.8",
    "attention.attention",
    "The scale is the width of the values; only queries and keys meet in the dot product, so theirs counts.",
)
def attention_scaled_by_values(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(v.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1) @ v


@mistake(
    "1.8",
    "attention.attention",
    "The weights are divided by sqrt(D) after the softmax, so they no longer sum to 1; scale the scores.",
)
def attention_scaled_too_late(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1) / math.sqrt(q.shape[-1]) @ v


@mistake(
    "1.8",
    "attention.attention",
    "The softmax runs over the queries; each query spreads its weight over the keys, the last axis.",
)
def attention_softmax_over_queries(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-2) @ v


@mistake(
    "1.8",
    "attention.attention",
    "The softmax runs over axis 1, which is the keys only where nothing stands in front of T_q; the keys are the last axis.",
)
def attention_softmax_over_axis_1(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=1) @ v


@mistake(
    "1.8",
    "attention.attention",
    "k.T turns round all axes, batch and heads too; only the last two change places.",
)
def attention_turns_all_axes(q, k, v, mask=None):
    scores = q @ k.T / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1) @ v


@mistake(
    "1.8",
    "attention.attention",
    "The axes of k are counted from the front; any number of them may stand before T_k and D, so count from the end.",
)
def attention_counts_axes_from_the_front(q, k, v, mask=None):
    scores = q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1) @ v


@mistake(
    "1.8",
    "attention.attention",
    "There is no softmax: raw scores may be negative and sum to anything, so nothing is averaged.",
)
def attention_without_softmax(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, 0.0)
    return scores @ v


@mistake(
    "1.8",
    "attention.attention",
    "Everything goes through float32, float64 too, and half of its digits are lost: stay in the dtype of q, or widen.",
)
def attention_in_float32(q, k, v, mask=None):
    scores = q.float() @ k.float().transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return (scores.softmax(dim=-1) @ v.float()).to(q.dtype)


@mistake(
    "1.8",
    "attention.attention",
    "exp is taken of the scores as they are: it overflows for large ones. Softmax may subtract each row's maximum first.",
)
def attention_unstable(q, k, v, mask=None):
    odds = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).exp()
    if mask is not None:
        odds = odds * mask
    return odds / odds.sum(dim=-1, keepdim=True) @ v


@mistake(
    "1.8",
    "attention.attention",
    "The mask comes after the softmax: the forbidden keys are gone, but not from the denominator, so weights sum to less than 1.",
)
def attention_mask_after_softmax(q, k, v, mask=None):
    weights = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(dim=-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0.0)
    return weights @ v


@mistake(
    "1.8",
    "attention.attention",
    "Masked after the softmax and divided by what is left: where the forbidden keys had all the weight, that is 0 / 0.",
)
def attention_renormalised(q, k, v, mask=None):
    weights = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(dim=-1)
    if mask is not None:
        weights = weights * mask
        weights = weights / weights.sum(dim=-1, keepdim=True)
    return weights @ v


@mistake(
    "1.8",
    "attention.attention",
    "The mask is read the wrong way round: True marks a key that may be looked at.",
)
def attention_mask_inverted(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(mask, float("-inf"))
    return scores.softmax(dim=-1) @ v


@mistake(
    "1.8",
    "attention.attention",
    "A forbidden key gets the score 0, and exp(0) is 1: it still takes part. Only -inf has no weight.",
)
def attention_mask_zero(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, 0.0)
    return scores.softmax(dim=-1) @ v


@mistake(
    "1.8",
    "attention.attention",
    "A forbidden key gets a low score, but not -inf: what it says still leaks, with a small weight.",
)
def attention_mask_leaks(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -10.0)
    return scores.softmax(dim=-1) @ v


@mistake(
    "1.8",
    "attention.attention",
    "A forbidden key gets a large negative score; an allowed one may be lower still, and then the forbidden one wins. Only -inf is below all.",
)
def attention_mask_large(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e9)
    return scores.softmax(dim=-1) @ v


@mistake(
    "1.8",
    "attention.attention",
    "The boolean mask is added to the scores, where True counts as 1: forbidden keys lose a little and stay.",
)
def attention_mask_added(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores + mask
    return scores.softmax(dim=-1) @ v


@mistake(
    "1.8",
    "attention.attention",
    "The mask is not used: every query looks at every key, and a language model reads its own answers.",
)
def attention_mask_forgotten(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.softmax(dim=-1) @ v


@mistake(
    "1.8",
    "attention.attention",
    "Without a mask it fails: mask may be None, and then every query looks at every key.",
)
def attention_needs_a_mask(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    scores = scores.masked_fill(mask == 0, float("-inf"))
    return scores.softmax(dim=-1) @ v


@mistake(
    "1.8",
    "attention.attention",
    "The queries are divided in place, so the caller's q changes: make a new tensor.",
)
def attention_in_place(q, k, v, mask=None):
    q /= math.sqrt(q.shape[-1])
    scores = q @ k.transpose(-2, -1)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1) @ v


# -- causal mask ------------------------------------------------------------------------------


@mistake(
    "1.8",
    "attention.causal_mask",
    "The mask marks the future as allowed; True means that a query may look at a key, at itself and before.",
)
def causal_mask_inverted(T_q, T_k, device=None):
    return torch.ones(T_q, T_k, dtype=torch.bool, device=device).triu(T_k - T_q + 1)


@mistake(
    "1.8",
    "attention.causal_mask",
    "The triangle is the upper one: each token sees itself and what comes after it, and nothing of its past.",
)
def causal_mask_of_the_future(T_q, T_k, device=None):
    return torch.ones(T_q, T_k, dtype=torch.bool, device=device).triu(T_k - T_q)


@mistake(
    "1.8",
    "attention.causal_mask",
    "A token must not see itself here: the diagonal is missing, and the first token has nothing to look at.",
)
def causal_mask_without_itself(T_q, T_k, device=None):
    return torch.ones(T_q, T_k, dtype=torch.bool, device=device).tril(T_k - T_q - 1)


@mistake(
    "1.8",
    "attention.causal_mask",
    "The mask is off by one: each token sees the next one too, which is the very one it has to predict.",
)
def causal_mask_sees_the_next(T_q, T_k, device=None):
    return torch.ones(T_q, T_k, dtype=torch.bool, device=device).tril(T_k - T_q + 1)


@mistake(
    "1.8",
    "attention.causal_mask",
    "The triangle is aligned at the first token, as if the queries were the first T_q of the keys; they are the last.",
)
def causal_mask_aligned_at_start(T_q, T_k, device=None):
    return torch.ones(T_q, T_k, dtype=torch.bool, device=device).tril()


@mistake(
    "1.8",
    "attention.causal_mask",
    "The mask is square, T_k by T_k; there are only T_q queries, so only the last T_q rows are wanted.",
)
def causal_mask_square(T_q, T_k, device=None):
    return torch.ones(T_k, T_k, dtype=torch.bool, device=device).tril()


@mistake(
    "1.8",
    "attention.causal_mask",
    "The triangle is shifted the wrong way: queries that come after T_k - T_q tokens see more, not less.",
)
def causal_mask_shifted_back(T_q, T_k, device=None):
    return torch.ones(T_q, T_k, dtype=torch.bool, device=device).tril(T_q - T_k)


@mistake(
    "1.8",
    "attention.causal_mask",
    "The result holds numbers; a mask here is boolean, True where a query may look.",
)
def causal_mask_of_numbers(T_q, T_k, device=None):
    return torch.ones(T_q, T_k, device=device).tril(T_k - T_q)
