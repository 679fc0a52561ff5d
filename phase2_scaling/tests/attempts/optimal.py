"""The mistakes of `mistakes/optimal.py`, as others would write them."""

from shared.mistakes import attempt


def _must_spend(flops):
    if flops <= 0:
        raise ValueError(f"flops must be positive, got {flops}")


@attempt("allocation_without_six")
def _(law, flops):
    _must_spend(flops)
    a = law.beta / (law.alpha + law.beta)
    G = (law.alpha / law.beta * law.A / law.B) ** (1 / (law.alpha + law.beta))
    n = flops**a * G
    return n, flops / n


@attempt("allocation_exponents_exchanged")
def _(law, flops):
    _must_spend(flops)
    a, k = law.alpha / (law.alpha + law.beta), flops / 6
    G = (law.alpha / law.beta * law.A / law.B) ** (1 / (law.alpha + law.beta))
    return G * k**a, k ** (1 - a) / G


@attempt("allocation_inverse_g")
def _(law, flops):
    _must_spend(flops)
    a, k = law.beta / (law.alpha + law.beta), flops / 6
    G = (law.alpha / law.beta * law.A / law.B) ** (1 / (law.alpha + law.beta))
    return k**a / G, G * k ** (1 - a)


@attempt("allocation_tokens_first")
def _(law, flops):
    _must_spend(flops)
    k, s = flops / 6, 1 / (law.alpha + law.beta)
    n = (law.alpha / law.beta * law.A / law.B * k**law.beta) ** s
    return k / n, n


@attempt("allocation_g_without_root")
def _(law, flops):
    _must_spend(flops)
    a, k = law.beta / (law.alpha + law.beta), flops / 6
    G = (law.A * law.alpha) / (law.B * law.beta)
    n = G * k**a
    return n, k / n


@attempt("allocation_equal_terms")
def _(law, flops):
    _must_spend(flops)
    k, s = flops / 6, 1 / (law.alpha + law.beta)
    n = (law.A / law.B * k**law.beta) ** s
    return n, k / n


@attempt("allocation_twenty_tokens")
def _(law, flops):
    _must_spend(flops)
    n_tokens = (flops * 20 / 6) ** 0.5
    return n_tokens / 20, n_tokens


@attempt("allocation_overspends")
def _(law, flops):
    _must_spend(flops)
    k, s = flops / 6, 1 / (law.alpha + law.beta)
    n = (law.alpha * law.A / law.beta / law.B * k**law.beta) ** s
    return n, 6 * k / n


def _must_be_within_reach(law, n_params, loss):
    if loss <= law.limit(n_params):
        raise ValueError(f"a model of {n_params:.4g} parameters cannot reach a loss of {loss:.6g}")


@attempt("tokens_of_the_whole_loss")
def _(law, n_params, loss):
    _must_be_within_reach(law, n_params, loss)
    root = 1 / law.beta
    return law.B**root / loss**root


@attempt("tokens_without_the_size")
def _(law, n_params, loss):
    _must_be_within_reach(law, n_params, loss)
    gap = loss - law.E
    return (gap / law.B) ** (-1 / law.beta)


@attempt("tokens_without_root")
def _(law, n_params, loss):
    _must_be_within_reach(law, n_params, loss)
    rest = loss - (law.E + law.A * n_params**-law.alpha)
    return law.B**law.beta / rest**law.beta


@attempt("tokens_with_alpha")
def _(law, n_params, loss):
    _must_be_within_reach(law, n_params, loss)
    rest = loss - (law.E + law.A * n_params**-law.alpha)
    return (rest / law.B) ** (-1 / law.alpha)


@attempt("tokens_upside_down")
def _(law, n_params, loss):
    _must_be_within_reach(law, n_params, loss)
    rest = loss - (law.E + law.A * n_params**-law.alpha)
    return (law.B / rest) ** (-1 / law.beta)


def _pick(law, loss, sizes, bill, tokens=None):
    """Loop over the sizes and keep the first one with the smallest bill."""
    tokens = tokens or (lambda n: tokens_to_reach(law, n, loss))
    best = None
    for n in sizes:
        if law.limit(n) < loss and (best is None or bill(n, tokens(n)) < bill(*best)):
            best = n, tokens(n)
    if best is None:
        raise ValueError(f"none of the {len(sizes)} sizes reaches a loss of {loss:.6g}")
    return best


@attempt("cheapest_in_training")
def _(law, loss, sizes, n_tokens_served):
    return _pick(law, loss, sizes, lambda N, D: N * D)


@attempt("cheapest_serving_at_six")
def _(law, loss, sizes, n_tokens_served):
    return _pick(law, loss, sizes, lambda N, D: 2 * N * D + 2 * N * n_tokens_served)


@attempt("cheapest_is_smallest")
def _(law, loss, sizes, n_tokens_served):
    return _pick(law, loss, sizes, lambda N, D: 2 * N)


@attempt("cheapest_at_twenty_tokens")
def _(law, loss, sizes, n_tokens_served):
    bill = lambda N, D: 2 * N * (3 * D + n_tokens_served)
    return _pick(law, loss, sizes, bill, tokens=lambda n: 20 * n)


@attempt("cheapest_is_dearest")
def _(law, loss, sizes, n_tokens_served):
    return _pick(law, loss, sizes, lambda N, D: -N * (6 * D + 2 * n_tokens_served))
