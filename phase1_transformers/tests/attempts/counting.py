"""The mistakes of `mistakes/counting.py`, as others would write them."""

from shared.mistakes import attempt


@attempt("matrix_weights_all_heads_have_keys")
def _(config):
    inner = config.head_dim * config.n_head
    attention = 4 * config.n_embd * inner
    per_matrix = config.n_embd * config.n_hidden
    return attention + per_matrix * {"gelu": 2, "swiglu": 3}[config.feedforward]


@attempt("matrix_weights_square_proj")
def _(config):
    heads = config.n_head + config.n_kv_head + config.n_kv_head
    total = config.n_embd * heads * config.head_dim
    total += config.n_embd**2
    return total + config.n_embd * config.n_hidden * {"gelu": 2, "swiglu": 3}[config.feedforward]


@attempt("matrix_weights_two_for_swiglu")
def _(config):
    q, kv = config.n_head * config.head_dim, config.n_kv_head * config.head_dim
    return config.n_embd * (q + kv + kv + q + config.n_hidden + config.n_hidden)


@attempt("matrix_weights_without_proj")
def _(config):
    q, kv = config.n_head * config.head_dim, config.n_kv_head * config.head_dim
    n = 3 if config.feedforward == "swiglu" else 2
    return config.n_embd * (q + kv + kv + n * config.n_hidden)


@attempt("matrix_weights_four_times_width")
def _(config):
    q, kv = config.n_head * config.head_dim, config.n_kv_head * config.head_dim
    n = 3 if config.feedforward == "swiglu" else 2
    return config.n_embd * (q + kv + kv + q) + 4 * n * config.n_embd**2


@attempt("matrix_weights_four_squares")
def _(config):
    n = 3 if config.feedforward == "swiglu" else 2
    return config.n_embd * (4 * config.n_embd + n * config.n_hidden)


@attempt("matrix_weights_twelve_squares")
def _(config):
    attention = 4 * config.n_embd * config.n_embd
    return attention + 2 * config.n_embd * (4 * config.n_embd)


@attempt("matrix_weights_divided_width")
def _(config):
    per_head = config.n_embd // config.n_head
    q, kv = config.n_head * per_head, config.n_kv_head * per_head
    n = 3 if config.feedforward == "swiglu" else 2
    return config.n_embd * (q + kv + kv + q + n * config.n_hidden)


def _parts(config):
    """All terms by name, of the whole model."""
    C, D, L = config.n_embd, config.head_dim, config.n_layer
    wide = D * (config.n_head + 2 * config.n_kv_head) + C + C
    wide += config.n_hidden * (2 if config.feedforward == "swiglu" else 1)
    return {
        "matrices": L * matrix_weights_per_block(config),
        "biases": L * wide if config.bias else 0,
        "norms": 2 * L * C,
        "norm biases": 2 * L * C if config.bias and config.norm == "layer" else 0,
        "last norm": C,
        "last norm bias": C if config.bias and config.norm == "layer" else 0,
        "qk norm": 2 * L * D if config.qk_norm else 0,
        "tokens": config.vocab_size * C,
        "positions": config.block_size * C if config.positions == "learned" else 0,
        "head": 0 if config.tied else config.vocab_size * C,
    }


def _sum(parts, embeddings):
    left_out = () if embeddings else ("tokens", "positions", "head")
    return sum(n for name, n in parts.items() if name not in left_out)


@attempt("n_parameters_tied_table_twice")
def _(config, embeddings=True):
    parts = _parts(config)
    parts["head"] = parts["tokens"]
    return _sum(parts, embeddings)


@attempt("n_parameters_without_head")
def _(config, embeddings=True):
    parts = _parts(config)
    del parts["head"]
    return _sum(parts, embeddings)


@attempt("n_parameters_without_last_norm")
def _(config, embeddings=True):
    parts = _parts(config)
    return _sum(parts, embeddings) - parts["last norm"] - parts["last norm bias"]


@attempt("n_parameters_without_biases")
def _(config, embeddings=True):
    parts = _parts(config)
    parts["biases"] = parts["norm biases"] = parts["last norm bias"] = 0
    return _sum(parts, embeddings)


@attempt("n_parameters_rms_norm_bias")
def _(config, embeddings=True):
    parts = _parts(config)
    if config.bias:
        parts["norm biases"] = parts["norms"]
        parts["last norm bias"] = parts["last norm"]
    return _sum(parts, embeddings)


@attempt("n_parameters_qk_norm_of_each_head")
def _(config, embeddings=True):
    parts = _parts(config)
    parts["qk norm"] = parts["qk norm"] * (config.n_head + config.n_kv_head) // 2
    return _sum(parts, embeddings)


@attempt("n_parameters_table_for_rotary")
def _(config, embeddings=True):
    parts = _parts(config)
    parts["positions"] = config.block_size * config.n_embd
    return _sum(parts, embeddings)


@attempt("n_parameters_keeps_positions")
def _(config, embeddings=True):
    parts = _parts(config)
    return _sum(parts, embeddings) + (0 if embeddings else parts["positions"])


@attempt("n_parameters_keeps_untied_head")
def _(config, embeddings=True):
    parts = _parts(config)
    return _sum(parts, embeddings) + (0 if embeddings else parts["head"])


def _products(config, n_keys):
    """Multiplications for one token: blocks, head, scores, values."""
    scores = config.n_layer * config.n_head * config.head_dim * n_keys
    blocks = config.n_layer * matrix_weights_per_block(config)
    return blocks, config.n_embd * config.vocab_size, scores, scores


@attempt("flops_multiplications_only")
def _(config, n_keys, training=True):
    forward = sum(_products(config, n_keys))
    return forward + 2 * forward if training else forward


@attempt("flops_without_head")
def _(config, n_keys, training=True):
    blocks, _head, scores, values = _products(config, n_keys)
    forward = 2 * (blocks + scores + values)
    return 3 * forward if training else forward


@attempt("flops_of_the_lookup")
def _(config, n_keys, training=True):
    blocks, head, scores, values = _products(config, n_keys)
    forward = 2 * (head + blocks + scores + values + head)
    return 3 * forward if training else forward


@attempt("flops_without_attention")
def _(config, n_keys, training=True):
    blocks, head, *_ = _products(config, n_keys)
    forward = 2.0 * (blocks + head)
    return 3 * forward if training else forward


@attempt("flops_scores_only")
def _(config, n_keys, training=True):
    blocks, head, scores, _values = _products(config, n_keys)
    forward = 2 * (blocks + head + scores)
    return 3 * forward if training else forward


@attempt("flops_of_key_heads")
def _(config, n_keys, training=True):
    blocks, head, scores, values = _products(config, n_keys)
    shared = (scores + values) * config.n_kv_head / config.n_head
    forward = 2 * (blocks + head + shared)
    return 3 * forward if training else forward


@attempt("flops_of_the_sequence")
def _(config, n_keys, training=True):
    blocks, head, scores, values = _products(config, n_keys)
    forward = 2 * (blocks + head + n_keys * (scores + values))
    return 3 * forward if training else forward


@attempt("flops_backward_like_forward")
def _(config, n_keys, training=True):
    forward = 2 * sum(_products(config, n_keys))
    return forward + forward * training


@attempt("flops_always_training")
def _(config, n_keys, training=True):
    forward = 2 * sum(_products(config, n_keys))
    backward = 2 * forward
    return forward + backward


@attempt("mfu_inverted")
def _(tokens_per_s, flops_per_token, peak_flops):
    used = flops_per_token * tokens_per_s
    return peak_flops / used


@attempt("mfu_in_percent")
def _(tokens_per_s, flops_per_token, peak_flops):
    share = flops_per_token * tokens_per_s / peak_flops
    return share * 100


@attempt("mfu_times_three")
def _(tokens_per_s, flops_per_token, peak_flops):
    forward_and_backward = flops_per_token + 2 * flops_per_token
    return tokens_per_s * forward_and_backward / peak_flops


@attempt("mfu_divides_by_flops")
def _(tokens_per_s, flops_per_token, peak_flops):
    return tokens_per_s / (flops_per_token * peak_flops)


@attempt("n_parameters_gate_without_bias")
def _(config, embeddings=True):
    parts = _parts(config)
    if config.bias and config.feedforward == "swiglu":
        parts["biases"] -= config.n_layer * config.n_hidden
    if not embeddings:
        parts |= dict.fromkeys(("tokens", "positions", "head"), 0)
    return sum(parts.values())


@attempt("flops_of_all_parameters")
def _(config, n_keys, training=True):
    forward = 2 * n_parameters(config)
    return 3.0 * forward if training else 1.0 * forward


@attempt("flops_of_the_stream_width")
def _(config, n_keys, training=True):
    blocks, head, *_ = _products(config, n_keys)
    forward = 2 * (blocks + head) + 4 * config.n_layer * n_keys * config.n_embd
    return 3 * forward if training else forward


@attempt("flops_attention_forward_only")
def _(config, n_keys, training=True):
    blocks, head, scores, values = _products(config, n_keys)
    matrices = 2 * (blocks + head)
    return (3 * matrices if training else matrices) + 2 * (scores + values)


@attempt("flops_of_whole_keys")
def _(config, n_keys, training=True):
    forward = 2 * sum(_products(config, n_keys // 1))
    return 3 * forward if training else forward


@attempt("mfu_cut_off")
def _(tokens_per_s, flops_per_token, peak_flops):
    share = tokens_per_s / (peak_flops / flops_per_token)
    return 1.0 if share > 1 else share
