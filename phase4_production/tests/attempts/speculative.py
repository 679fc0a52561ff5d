"""The mistakes of `mistakes/speculative.py`, as others would write them."""

import torch

from shared.mistakes import attempt


def _walk(target, draft, proposed, last, passes, rest):
    """Guess by guess: `passes(i, token)`, and `rest(p, q)` at the first that does not."""
    said = []
    for i, token in enumerate(proposed.tolist()):
        if not passes(i, token):
            weights = rest(target[i], draft[i])
            break
        said.append(token)
    else:
        weights = target[len(proposed)]
    new = sampling.sample(weights.unsqueeze(0), last).item()
    return torch.tensor([*said, new])


def _leviathan(p, q):
    r = torch.relu(p - q)
    return r if r.sum() > 0 else p


def _usual(target, draft, coins):
    return lambda i, t: bool(coins[i] * draft[i, t] < target[i, t])


@attempt("accept_redraws_from_target")
def _(target, draft, proposed, coins, last):
    return _walk(target, draft, proposed, last, _usual(target, draft, coins), lambda p, q: p)


@attempt("accept_without_coins")
def _(target, draft, proposed, coins, last):
    def passes(i, t):
        return bool(draft[i, t] <= target[i, t])

    return _walk(target, draft, proposed, last, passes, _leviathan)


@attempt("accept_forgets_the_bonus")
def _(target, draft, proposed, coins, last):
    said = _walk(target, draft, proposed, last, _usual(target, draft, coins), _leviathan)
    return said[: len(proposed)]


@attempt("accept_counts_all")
def _(target, draft, proposed, coins, last):
    usual = _usual(target, draft, coins)
    n = len([t for i, t in enumerate(proposed.tolist()) if usual(i, t)])
    weights = _leviathan(target[n], draft[n]) if n < len(proposed) else target[-1]
    return torch.cat((proposed[:n], sampling.sample(weights[None, :], last)))


@attempt("accept_inverts_the_ratio")
def _(target, draft, proposed, coins, last):
    def passes(i, t):
        return bool(target[i, t] * coins[i] < draft[i, t])

    return _walk(target, draft, proposed, last, passes, _leviathan)


@attempt("accept_by_target_alone")
def _(target, draft, proposed, coins, last):
    def passes(i, t):
        return bool(target[i, t] > coins[i])

    return _walk(target, draft, proposed, last, passes, _leviathan)


@attempt("accept_absolute_rest")
def _(target, draft, proposed, coins, last):
    def rest(p, q):
        return torch.maximum(p - q, q - p)

    return _walk(target, draft, proposed, last, _usual(target, draft, coins), rest)


@attempt("accept_reversed_rest")
def _(target, draft, proposed, coins, last):
    def rest(p, q):
        return torch.relu(q - p)

    return _walk(target, draft, proposed, last, _usual(target, draft, coins), rest)


@attempt("accept_shifts_the_rows")
def _(target, draft, proposed, coins, last):
    def passes(i, t):
        return bool(coins[i] * draft[i, t] < target[i + 1, t])

    return _walk(target, draft, proposed, last, passes, _leviathan)


@attempt("accept_at_equality")
def _(target, draft, proposed, coins, last):
    def passes(i, t):
        return not target[i, t] < coins[i] * draft[i, t]

    return _walk(target, draft, proposed, last, passes, _leviathan)


@attempt("accept_draws_from_nothing")
def _(target, draft, proposed, coins, last):
    def rest(p, q):
        return torch.relu(p - q)

    return _walk(target, draft, proposed, last, _usual(target, draft, coins), rest)


@attempt("accept_excludes_the_guess")
def _(target, draft, proposed, coins, last):
    usual = _usual(target, draft, coins)
    for i, t in enumerate(proposed.tolist()):
        if not usual(i, t):
            others = torch.arange(target.shape[1]) != t
            return torch.cat((proposed[:i], sampling.sample((target[i] * others)[None], last)))
    return torch.cat((proposed, sampling.sample(target[-1:], last)))


@attempt("accept_in_place")
def _(target, draft, proposed, coins, last):
    def rest(p, q):
        p -= q
        p[p < 0] = 0
        return p

    return _walk(target, draft, proposed, last, _usual(target, draft, coins), rest)


@attempt("accept_the_likeliest_only")
def _(target, draft, proposed, coins, last):
    best = target.argmax(dim=1).tolist()
    return _walk(target, draft, proposed, last, lambda i, token: token == best[i], _leviathan)


@attempt("accept_falls_back_to_the_draft")
def _(target, draft, proposed, coins, last):
    def rest(p, q):
        r = torch.relu(p - q)
        return r if r.max() > 0 else q

    return _walk(target, draft, proposed, last, _usual(target, draft, coins), rest)


@attempt("accept_falls_back_to_all_alike")
def _(target, draft, proposed, coins, last):
    def rest(p, q):
        r = torch.relu(p - q)
        return r if r.max() > 0 else torch.ones_like(p)

    return _walk(target, draft, proposed, last, _usual(target, draft, coins), rest)


@attempt("accept_falls_back_to_the_guess")
def _(target, draft, proposed, coins, last):
    usual = _usual(target, draft, coins)
    for i, t in enumerate(proposed.tolist()):
        if not usual(i, t):
            left = torch.relu(target[i] - draft[i])
            if left.sum() == 0:
                left[t] = 1.0
            return torch.cat((proposed[:i], sampling.sample(left[None], last)))
    return torch.cat((proposed, sampling.sample(target[-1:], last)))


@attempt("accept_takes_little_for_nothing")
def _(target, draft, proposed, coins, last):
    p, q = target.float(), draft.float()
    return _walk(p, q, proposed, last, _usual(target, draft, coins), _leviathan)


@attempt("accept_divides_by_a_little_more")
def _(target, draft, proposed, coins, last):
    def passes(i, t):
        return bool(target[i, t] > coins[i] * max(draft[i, t].item(), 1e-8))

    return _walk(target, draft, proposed, last, passes, _leviathan)


@attempt("accept_multiplies_ratios")
def _(target, draft, proposed, coins, last):
    product = [1.0]

    def passes(i, t):
        product[0] *= float(target[i, t] / draft[i, t])
        return float(coins[i]) < product[0]

    return _walk(target, draft, proposed, last, passes, _leviathan)


@attempt("accept_trusts_looked_up_guesses")
def _(target, draft, proposed, coins, last):
    def passes(i, t):
        p, q = target[i, t].item(), draft[i, t].item()
        return p > 0 if q == 1.0 else coins[i].item() * q < p

    return _walk(target, draft, proposed, last, passes, _leviathan)


@attempt("accept_keeps_negative_rest")
def _(target, draft, proposed, coins, last):
    return _walk(target, draft, proposed, last, _usual(target, draft, coins), torch.sub)


@attempt("accept_turns_the_coin")
def _(target, draft, proposed, coins, last):
    def passes(i, t):
        return bool((1 - coins[i]) * draft[i, t] < target[i, t])

    return _walk(target, draft, proposed, last, passes, _leviathan)
