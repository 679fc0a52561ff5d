"""The mistakes of `mistakes/counting.py`, as others would write them."""

from shared.mistakes import attempt


def _parts(config):
    """Everything that is learned, by name."""
    C, L = config.n_embd, config.n_layer
    return {
        "attention": L * 4 * (C**2 + C),
        "mlp": L * (C * 4 * C + 4 * C + 4 * C * C + C),
        "norms": L * 2 * (C + C),
        "last norm": C + C,
        "tokens": C * config.vocab_size,
        "positions": C * config.block_size,
        "head": 0 if config.tied else C * config.vocab_size,
    }


def _total(parts, embeddings, gone=("tokens", "positions", "head")):
    return sum(n for name, n in parts.items() if embeddings or name not in gone)


@attempt("n_parameters_tied_twice")
def _(config, embeddings=True):
    parts = _parts(config)
    parts["head"] = parts["tokens"]
    return _total(parts, embeddings)


@attempt("n_parameters_without_head")
def _(config, embeddings=True):
    parts = _parts(config)
    del parts["head"]
    return _total(parts, embeddings)


@attempt("n_parameters_matrices_only")
def _(config, embeddings=True):
    parts = _parts(config)
    parts["attention"] = config.n_layer * 4 * config.n_embd**2
    parts["mlp"] = config.n_layer * 8 * config.n_embd**2
    parts["norms"] = parts["last norm"] = 0
    return _total(parts, embeddings)


@attempt("n_parameters_without_last_norm")
def _(config, embeddings=True):
    parts = _parts(config)
    return _total(parts, embeddings) - parts["last norm"]


@attempt("n_parameters_without_positions")
def _(config, embeddings=True):
    parts = _parts(config)
    parts.pop("positions")
    return _total(parts, embeddings)


@attempt("n_parameters_keeps_positions")
def _(config, embeddings=True):
    return _total(_parts(config), embeddings, gone=("tokens", "head"))


def _forward(config, n_keys):
    """Multiplications and additions of a forward pass: linear layers, attention, head."""
    C, T = config.n_embd, config.block_size if n_keys is None else n_keys
    per_layer = sum(2 * i * o for i, o in [(C, C)] * 4 + [(C, 4 * C), (4 * C, C)])
    scores = values = 2 * T * C
    return (
        config.n_layer * per_layer,
        config.n_layer * scores,
        config.n_layer * values,
        (2 * C * config.vocab_size),
    )


@attempt("n_parameters_keeps_head")
def _(config, embeddings=True):
    return _total(_parts(config), embeddings, gone=("tokens", "positions"))


@attempt("flops_forward_only")
def _(config, n_keys=None, recompute=False):
    linear, scores, values, head = _forward(config, n_keys)
    total = linear + scores + values + head
    if recompute:
        total += linear + scores + values
    return float(total)


@attempt("flops_six_per_parameter")
def _(config, n_keys=None, recompute=False):
    N = n_parameters(config)
    return 6 * N + (2 * N if recompute else 0)


@attempt("flops_without_attention")
def _(config, n_keys=None, recompute=False):
    linear, _, _, head = _forward(config, n_keys)
    return 3 * (linear + head) + recompute * linear


@attempt("flops_scores_only")
def _(config, n_keys=None, recompute=False):
    linear, scores, _, head = _forward(config, n_keys)
    return 3 * (linear + scores + head) + recompute * (linear + scores)


@attempt("flops_without_head")
def _(config, n_keys=None, recompute=False):
    linear, scores, values, _ = _forward(config, n_keys)
    return (3 + recompute) * (linear + scores + values)


@attempt("flops_recomputed_head")
def _(config, n_keys=None, recompute=False):
    forward = sum(_forward(config, n_keys))
    return forward * 4 if recompute else forward * 3


@attempt("flops_recompute_doubles")
def _(config, n_keys=None, recompute=False):
    linear, scores, values, head = _forward(config, n_keys)
    once = 3 * (linear + scores + values)
    return (once * 2 if recompute else once) + 3 * head


@attempt("flops_counts_pairs")
def _(config, n_keys=None, recompute=False):
    linear, scores, values, head = _forward(config, n_keys)
    passes = 4 if recompute else 3
    return (passes * (linear + scores + values) + 3 * head) / 2


@attempt("days_of_the_forward_pass")
def _(n_params, n_tokens, n_gpus, peak_flops, mfu):
    seconds = n_params * n_tokens * 2 / (peak_flops * n_gpus) / mfu
    return seconds / 60 / 60 / 24


@attempt("days_at_the_peak")
def _(n_params, n_tokens, n_gpus, peak_flops, mfu):
    per_day = peak_flops * SECONDS_PER_DAY * n_gpus
    return n_params * 6 * n_tokens / per_day


@attempt("days_times_utilisation")
def _(n_params, n_tokens, n_gpus, peak_flops, mfu):
    C = 6 * n_tokens * n_params
    return mfu * (C / peak_flops / n_gpus) / (24 * 3600)


@attempt("days_of_one_gpu")
def _(n_params, n_tokens, n_gpus, peak_flops, mfu):
    speed = mfu * peak_flops
    return n_tokens * (6 * n_params) / speed / SECONDS_PER_DAY


@attempt("days_in_hours")
def _(n_params, n_tokens, n_gpus, peak_flops, mfu):
    seconds = 6 * n_params * n_tokens / (mfu * peak_flops * n_gpus)
    minutes = seconds / 60
    return minutes / 60


@attempt("cost_by_the_day")
def _(days, n_gpus, dollars_per_gpu_hour):
    return dollars_per_gpu_hour * (n_gpus * days)


@attempt("cost_of_one_gpu")
def _(days, n_gpus, dollars_per_gpu_hour):
    hours = 24 * days
    return dollars_per_gpu_hour * hours


@attempt("mfu_of_one_peak")
def _(config, tokens_per_s, n_gpus, peak_flops, n_keys=None):
    done_per_s = flops_per_token(config, n_keys=n_keys) * tokens_per_s
    return done_per_s / peak_flops


@attempt("mfu_by_the_rule")
def _(config, tokens_per_s, n_gpus, peak_flops, n_keys=None):
    N = n_parameters(config, embeddings=True)
    return 6 * N * tokens_per_s / peak_flops / n_gpus


@attempt("mfu_of_the_hardware")
def _(config, tokens_per_s, n_gpus, peak_flops, n_keys=None):
    per_gpu = tokens_per_s / n_gpus
    return per_gpu * flops_per_token(config, n_keys, True) / peak_flops


@attempt("mfu_of_full_windows")
def _(config, tokens_per_s, n_gpus, peak_flops, n_keys=None):
    per_gpu = tokens_per_s / n_gpus
    return per_gpu * flops_per_token(config, config.block_size) / peak_flops


@attempt("mfu_cut_off")
def _(config, tokens_per_s, n_gpus, peak_flops, n_keys=None):
    share = tokens_per_s / n_gpus * flops_per_token(config, n_keys) / peak_flops
    return share if share < 1 else 1
