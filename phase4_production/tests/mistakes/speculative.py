"""Classic wrong answers for `solution/speculative.py`."""

import torch

from shared.mistakes import mistake


def _ratio_passes(target, draft, proposed, coins):
    rows = torch.arange(len(proposed))
    return coins * draft[rows, proposed] < target[rows, proposed]


def _first_failure(passes):
    return int(passes.long().cumprod(0).sum())


def _beyond(target, draft, n):
    beyond = (target - draft).clamp(min=0)
    return beyond if beyond.any() else target


@mistake(
    "4.18",
    "speculative.accept",
    "After a rejection the token is drawn from p; what the draft already gave its chance must be taken off: max(p - q, 0).",
)
def accept_redraws_from_target(target, draft, proposed, coins, last):
    n = _first_failure(_ratio_passes(target, draft, proposed, coins))
    return torch.cat([proposed[:n], sampling.sample(target[n][None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "Only guesses with p above q pass; one with p below q passes, too, with the probability p / q.",
)
def accept_without_coins(target, draft, proposed, coins, last):
    rows = torch.arange(len(proposed))
    n = _first_failure(target[rows, proposed] >= draft[rows, proposed])
    weights = target[n] if n == len(proposed) else _beyond(target[n], draft[n], n)
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "The token after all guesses is missing: the target has read them, so its next row comes for free.",
)
def accept_forgets_the_bonus(target, draft, proposed, coins, last):
    n = _first_failure(_ratio_passes(target, draft, proposed, coins))
    if n == len(proposed):
        return proposed
    return torch.cat([proposed[:n], sampling.sample(_beyond(target[n], draft[n], n)[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "Guesses after the first failure are counted as well; they follow a token that is not there.",
)
def accept_counts_all(target, draft, proposed, coins, last):
    n = int(_ratio_passes(target, draft, proposed, coins).sum())
    weights = target[n] if n == len(proposed) else _beyond(target[n], draft[n], n)
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "The ratio stands on its head: it is p / q, target over draft.",
)
def accept_inverts_the_ratio(target, draft, proposed, coins, last):
    rows = torch.arange(len(proposed))
    n = _first_failure(coins * target[rows, proposed] < draft[rows, proposed])
    weights = target[n] if n == len(proposed) else _beyond(target[n], draft[n], n)
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "A guess passes with p, whatever the draft thought of it; q is missing, so far too many fail.",
)
def accept_by_target_alone(target, draft, proposed, coins, last):
    rows = torch.arange(len(proposed))
    n = _first_failure(coins < target[rows, proposed])
    weights = target[n] if n == len(proposed) else _beyond(target[n], draft[n], n)
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "The rest is |p - q|; where the draft is above the target there is nothing left to give: clamp at 0.",
)
def accept_absolute_rest(target, draft, proposed, coins, last):
    n = _first_failure(_ratio_passes(target, draft, proposed, coins))
    weights = target[n]
    if n < len(proposed):
        weights = (weights - draft[n]).abs()
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "The rest is max(q - p, 0): what the draft has too much of, not what it lacks.",
)
def accept_reversed_rest(target, draft, proposed, coins, last):
    n = _first_failure(_ratio_passes(target, draft, proposed, coins))
    weights = target[n]
    if n < len(proposed):
        weights = (draft[n] - weights).clamp(min=0)
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "The target's rows are shifted by one: row i is what it draws guess i from, row k comes after all.",
)
def accept_shifts_the_rows(target, draft, proposed, coins, last):
    n = _first_failure(_ratio_passes(target[1:], draft, proposed, coins))
    weights = target[n] if n == len(proposed) else _beyond(target[n], draft[n], n)
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "A coin of 0 and p = 0 pass by <=; then a token comes that the target excludes.",
)
def accept_at_equality(target, draft, proposed, coins, last):
    rows = torch.arange(len(proposed))
    n = _first_failure(coins * draft[rows, proposed] <= target[rows, proposed])
    weights = target[n] if n == len(proposed) else _beyond(target[n], draft[n], n)
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "Where rounding leaves nothing of p - q, there is nothing to draw from; p has to take its place.",
)
def accept_draws_from_nothing(target, draft, proposed, coins, last):
    n = _first_failure(_ratio_passes(target, draft, proposed, coins))
    weights = target[n]
    if n < len(proposed):
        weights = (weights - draft[n]).clamp(min=0)
        weights = weights / weights.sum()
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "The guess that failed is excluded and p drawn from again; the rest is max(p - q, 0), over all tokens.",
)
def accept_excludes_the_guess(target, draft, proposed, coins, last):
    n = _first_failure(_ratio_passes(target, draft, proposed, coins))
    weights = target[n].clone()
    if n < len(proposed):
        weights[proposed[n]] = 0
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "The caller's probabilities are overwritten by the rest.",
)
def accept_in_place(target, draft, proposed, coins, last):
    n = _first_failure(_ratio_passes(target, draft, proposed, coins))
    weights = target[n]
    if n < len(proposed):
        weights.sub_(draft[n]).clamp_(min=0)
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "A guess passes if the target likes it best: that is right for greedy answers only, others are drawn.",
)
def accept_the_likeliest_only(target, draft, proposed, coins, last):
    n = _first_failure(target[:-1].argmax(-1) == proposed)
    weights = _beyond(target[n], draft[n], n) if n < len(proposed) else target[n]
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "Where nothing is left of max(p - q, 0) the draft is drawn from; it is the target that decides.",
)
def accept_falls_back_to_the_draft(target, draft, proposed, coins, last):
    n = _first_failure(_ratio_passes(target, draft, proposed, coins))
    weights = target[n]
    if n < len(proposed):
        beyond = (weights - draft[n]).clamp(min=0)
        weights = beyond if beyond.any() else draft[n]
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "Where nothing is left of max(p - q, 0) all tokens are equally likely; p itself takes its place.",
)
def accept_falls_back_to_all_alike(target, draft, proposed, coins, last):
    n = _first_failure(_ratio_passes(target, draft, proposed, coins))
    weights = target[n]
    if n < len(proposed):
        weights = (weights - draft[n]).clamp(min=1e-15)
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "The guess that failed stays where nothing is left of max(p - q, 0); one is drawn from p instead.",
)
def accept_falls_back_to_the_guess(target, draft, proposed, coins, last):
    n = _first_failure(_ratio_passes(target, draft, proposed, coins))
    weights = target[n]
    if n < len(proposed):
        weights = (weights - draft[n]).clamp(min=0)
        if not weights.any():
            return proposed[: n + 1]
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "Little is taken for nothing, or float32 has lost it: p takes over only where max(p - q, 0) is 0 everywhere.",
)
def accept_takes_little_for_nothing(target, draft, proposed, coins, last):
    n = _first_failure(_ratio_passes(target, draft, proposed, coins))
    weights = target[n]
    if n < len(proposed):
        beyond = (weights - draft[n]).clamp(min=0)
        weights = beyond if beyond.sum() > 1e-6 else weights
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "Something small was added to q, so that rare guesses fail: coin * q < p needs no division.",
)
def accept_divides_by_a_little_more(target, draft, proposed, coins, last):
    rows = torch.arange(len(proposed))
    n = _first_failure(coins < target[rows, proposed] / (draft[rows, proposed] + 1e-9))
    weights = target[n] if n == len(proposed) else _beyond(target[n], draft[n], n)
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "The ratios of earlier guesses are multiplied in; each guess has its own coin and its own p / q.",
)
def accept_multiplies_ratios(target, draft, proposed, coins, last):
    rows = torch.arange(len(proposed))
    n = _first_failure(coins < (target[rows, proposed] / draft[rows, proposed]).cumprod(0))
    weights = target[n] if n == len(proposed) else _beyond(target[n], draft[n], n)
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "A guess with q = 1 passes without a coin; it does so with the probability p, as q = 1 says.",
)
def accept_trusts_looked_up_guesses(target, draft, proposed, coins, last):
    rows = torch.arange(len(proposed))
    q = draft[rows, proposed]
    sure = (q == 1) & (target[rows, proposed] > 0)
    n = _first_failure(sure | (coins * q < target[rows, proposed]))
    weights = target[n] if n == len(proposed) else _beyond(target[n], draft[n], n)
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "The rest is p - q, negative where the draft is above the target: a weight is at least 0, so clamp.",
)
def accept_keeps_negative_rest(target, draft, proposed, coins, last):
    n = _first_failure(_ratio_passes(target, draft, proposed, coins))
    weights = target[n]
    if n < len(proposed):
        weights = weights - draft[n]
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])


@mistake(
    "4.18",
    "speculative.accept",
    "The coin is read from its other end: a guess passes where the coin is below p / q, not above 1 - p / q.",
)
def accept_turns_the_coin(target, draft, proposed, coins, last):
    rows = torch.arange(len(proposed))
    ratio = (target[rows, proposed] / draft[rows, proposed]).clamp(max=1)
    n = _first_failure(coins > 1 - ratio)
    weights = target[n] if n == len(proposed) else _beyond(target[n], draft[n], n)
    return torch.cat([proposed[:n], sampling.sample(weights[None], last)])
