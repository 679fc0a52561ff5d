"""Classic wrong answers for `solution/optimal.py`."""

from shared.mistakes import mistake


@mistake(
    "2.4",
    "optimal.optimal_allocation",
    "C is 6 N D, so N times D is C / 6; here it is C.",
)
def allocation_without_six(law, flops):
    if flops <= 0:
        raise ValueError(f"flops must be positive, got {flops}")
    total = law.alpha + law.beta
    G = (law.alpha * law.A / (law.beta * law.B)) ** (1 / total)
    return G * flops ** (law.beta / total), flops ** (law.alpha / total) / G


@mistake(
    "2.4",
    "optimal.optimal_allocation",
    "The exponents are exchanged: N grows with beta / (alpha + beta), for the faster data helps, the less of it is needed.",
)
def allocation_exponents_exchanged(law, flops):
    if flops <= 0:
        raise ValueError(f"flops must be positive, got {flops}")
    total = law.alpha + law.beta
    G = (law.alpha * law.A / (law.beta * law.B)) ** (1 / total)
    return G * (flops / 6) ** (law.alpha / total), (flops / 6) ** (law.beta / total) / G


@mistake(
    "2.4",
    "optimal.optimal_allocation",
    "G is upside down: the heavier the size's term, alpha A, the larger N should be.",
)
def allocation_inverse_g(law, flops):
    if flops <= 0:
        raise ValueError(f"flops must be positive, got {flops}")
    total = law.alpha + law.beta
    G = (law.beta * law.B / (law.alpha * law.A)) ** (1 / total)
    return G * (flops / 6) ** (law.beta / total), (flops / 6) ** (law.alpha / total) / G


@mistake(
    "2.4",
    "optimal.optimal_allocation",
    "D comes before N here: the pair is (N, D), the size first.",
)
def allocation_tokens_first(law, flops):
    if flops <= 0:
        raise ValueError(f"flops must be positive, got {flops}")
    total = law.alpha + law.beta
    G = (law.alpha * law.A / (law.beta * law.B)) ** (1 / total)
    return (flops / 6) ** (law.alpha / total) / G, G * (flops / 6) ** (law.beta / total)


@mistake(
    "2.4",
    "optimal.optimal_allocation",
    "G lacks its exponent, 1 / (alpha + beta).",
)
def allocation_g_without_root(law, flops):
    if flops <= 0:
        raise ValueError(f"flops must be positive, got {flops}")
    total = law.alpha + law.beta
    G = law.alpha * law.A / (law.beta * law.B)
    return G * (flops / 6) ** (law.beta / total), (flops / 6) ** (law.alpha / total) / G


@mistake(
    "2.4",
    "optimal.optimal_allocation",
    "G lacks alpha and beta: they come down when the law is differentiated. Equal terms are not equal slopes.",
)
def allocation_equal_terms(law, flops):
    if flops <= 0:
        raise ValueError(f"flops must be positive, got {flops}")
    total = law.alpha + law.beta
    G = (law.A / law.B) ** (1 / total)
    return G * (flops / 6) ** (law.beta / total), (flops / 6) ** (law.alpha / total) / G


@mistake(
    "2.4",
    "optimal.optimal_allocation",
    "Twenty tokens a parameter is the rule of thumb for one law near one budget; use the law that is given.",
)
def allocation_twenty_tokens(law, flops):
    if flops <= 0:
        raise ValueError(f"flops must be positive, got {flops}")
    n_params = (flops / 120) ** 0.5
    return n_params, 20 * n_params


@mistake(
    "2.4",
    "optimal.optimal_allocation",
    "N is right; D is not what is left of the budget, C / (6 N).",
)
def allocation_overspends(law, flops):
    if flops <= 0:
        raise ValueError(f"flops must be positive, got {flops}")
    total = law.alpha + law.beta
    G = (law.alpha * law.A / (law.beta * law.B)) ** (1 / total)
    n_params = G * (flops / 6) ** (law.beta / total)
    return n_params, flops / n_params


@mistake(
    "2.4",
    "optimal.tokens_to_reach",
    "E and the size's own term are not taken off: tokens can only bring down the part that is theirs.",
)
def tokens_of_the_whole_loss(law, n_params, loss):
    if loss <= law.limit(n_params):
        raise ValueError(f"a model of {n_params:.4g} parameters cannot reach a loss of {loss:.6g}")
    return (law.B / loss) ** (1 / law.beta)


@mistake(
    "2.4",
    "optimal.tokens_to_reach",
    "The size's own term is not taken off; E alone is not all that tokens cannot change.",
)
def tokens_without_the_size(law, n_params, loss):
    if loss <= law.limit(n_params):
        raise ValueError(f"a model of {n_params:.4g} parameters cannot reach a loss of {loss:.6g}")
    return (law.B / (loss - law.E)) ** (1 / law.beta)


@mistake(
    "2.4",
    "optimal.tokens_to_reach",
    "Solving B / D^beta = rest for D takes a root, the exponent 1 / beta.",
)
def tokens_without_root(law, n_params, loss):
    if loss <= law.limit(n_params):
        raise ValueError(f"a model of {n_params:.4g} parameters cannot reach a loss of {loss:.6g}")
    return (law.B / (loss - law.limit(n_params))) ** law.beta


@mistake(
    "2.4",
    "optimal.tokens_to_reach",
    "The root is alpha's; D goes with beta.",
)
def tokens_with_alpha(law, n_params, loss):
    if loss <= law.limit(n_params):
        raise ValueError(f"a model of {n_params:.4g} parameters cannot reach a loss of {loss:.6g}")
    return (law.B / (loss - law.limit(n_params))) ** (1 / law.alpha)


@mistake(
    "2.4",
    "optimal.tokens_to_reach",
    "The quotient is upside down: the less loss is left to lose, the more tokens it takes.",
)
def tokens_upside_down(law, n_params, loss):
    if loss <= law.limit(n_params):
        raise ValueError(f"a model of {n_params:.4g} parameters cannot reach a loss of {loss:.6g}")
    return ((loss - law.limit(n_params)) / law.B) ** (1 / law.beta)


@mistake(
    "2.4",
    "optimal.cheapest_in_use",
    "Only training is counted; every token served costs 2 N more.",
)
def cheapest_in_training(law, loss, sizes, n_tokens_served):
    able = [n for n in sizes if law.limit(n) < loss]
    if not able:
        raise ValueError(f"none of the {len(sizes)} sizes reaches a loss of {loss:.6g}")
    runs = [(n, tokens_to_reach(law, n, loss)) for n in able]
    return min(runs, key=lambda run: 6 * run[0] * run[1])


@mistake(
    "2.4",
    "optimal.cheapest_in_use",
    "A token served costs as much as one trained on here; using a model has no backward pass: 2 N against 6 N.",
)
def cheapest_serving_at_six(law, loss, sizes, n_tokens_served):
    able = [n for n in sizes if law.limit(n) < loss]
    if not able:
        raise ValueError(f"none of the {len(sizes)} sizes reaches a loss of {loss:.6g}")
    runs = [(n, tokens_to_reach(law, n, loss)) for n in able]
    return min(runs, key=lambda run: 6 * run[0] * (run[1] + n_tokens_served))


@mistake(
    "2.4",
    "optimal.cheapest_in_use",
    "The smallest model is the cheapest to use, but it needs the most tokens: add up both bills.",
)
def cheapest_is_smallest(law, loss, sizes, n_tokens_served):
    able = [n for n in sizes if law.limit(n) < loss]
    if not able:
        raise ValueError(f"none of the {len(sizes)} sizes reaches a loss of {loss:.6g}")
    return min((n, tokens_to_reach(law, n, loss)) for n in able)


@mistake(
    "2.4",
    "optimal.cheapest_in_use",
    "Twenty tokens a parameter do not bring every size to the loss; each needs its own number of them.",
)
def cheapest_at_twenty_tokens(law, loss, sizes, n_tokens_served):
    able = [n for n in sizes if law.limit(n) < loss]
    if not able:
        raise ValueError(f"none of the {len(sizes)} sizes reaches a loss of {loss:.6g}")
    runs = [(n, 20 * n) for n in able]
    return min(runs, key=lambda run: 6 * run[0] * run[1] + 2 * run[0] * n_tokens_served)


@mistake(
    "2.4",
    "optimal.cheapest_in_use",
    "The most expensive one was chosen: the least work wins.",
)
def cheapest_is_dearest(law, loss, sizes, n_tokens_served):
    able = [n for n in sizes if law.limit(n) < loss]
    if not able:
        raise ValueError(f"none of the {len(sizes)} sizes reaches a loss of {loss:.6g}")
    runs = [(n, tokens_to_reach(law, n, loss)) for n in able]
    return max(runs, key=lambda run: 6 * run[0] * run[1] + 2 * run[0] * n_tokens_served)
