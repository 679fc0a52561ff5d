"""Classic wrong answers for `solution/counting.py`: operations."""

from shared.mistakes import mistake


@mistake(
    "1.16",
    "counting.flops_per_token",
    "Only multiplications are counted; each weight costs a token one multiplication and one addition.",
)
def flops_multiplications_only(config, n_keys, training=True):
    weights = config.n_layer * matrix_weights_per_block(config) + config.vocab_size * config.n_embd
    attention = config.n_layer * config.n_head * config.head_dim * 2 * n_keys
    return (3 if training else 1) * (weights + attention)


@mistake(
    "1.16",
    "counting.flops_per_token",
    "The head is missing: scoring V tokens is a product of n_embd by V, whoever owns the weights.",
)
def flops_without_head(config, n_keys, training=True):
    weights = config.n_layer * matrix_weights_per_block(config)
    attention = config.n_layer * config.n_head * config.head_dim * 2 * n_keys
    return (6 if training else 2) * (weights + attention)


@mistake(
    "1.16",
    "counting.flops_per_token",
    "The table's rows are looked up, not multiplied; of the two ends of the model only the head is a product.",
)
def flops_of_the_lookup(config, n_keys, training=True):
    weights = config.n_layer * matrix_weights_per_block(config)
    weights += 2 * config.vocab_size * config.n_embd
    attention = config.n_layer * config.n_head * config.head_dim * 2 * n_keys
    return (6 if training else 2) * (weights + attention)


@mistake(
    "1.16",
    "counting.flops_per_token",
    "Attention is left out: no weights, but two products all the same, queries with keys and probabilities with values.",
)
def flops_without_attention(config, n_keys, training=True):
    weights = config.n_layer * matrix_weights_per_block(config) + config.vocab_size * config.n_embd
    return (6 if training else 2) * float(weights)


@mistake(
    "1.16",
    "counting.flops_per_token",
    "Attention has two products: the scores, and the sum of the values that they weigh. One is missing.",
)
def flops_scores_only(config, n_keys, training=True):
    weights = config.n_layer * matrix_weights_per_block(config) + config.vocab_size * config.n_embd
    attention = config.n_layer * config.n_head * config.head_dim * n_keys
    return (6 if training else 2) * (weights + attention)


@mistake(
    "1.16",
    "counting.flops_per_token",
    "Attention is counted over the key heads; every query head takes its own products, shared keys or not.",
)
def flops_of_key_heads(config, n_keys, training=True):
    weights = config.n_layer * matrix_weights_per_block(config) + config.vocab_size * config.n_embd
    attention = config.n_layer * config.n_kv_head * config.head_dim * 2 * n_keys
    return (6 if training else 2) * (weights + attention)


@mistake(
    "1.16",
    "counting.flops_per_token",
    "n_keys is squared: that is the cost of a whole sequence, one token looks at n_keys keys.",
)
def flops_of_the_sequence(config, n_keys, training=True):
    weights = config.n_layer * matrix_weights_per_block(config) + config.vocab_size * config.n_embd
    attention = config.n_layer * config.n_head * config.head_dim * 2 * n_keys * n_keys
    return (6 if training else 2) * (weights + attention)


@mistake(
    "1.16",
    "counting.flops_per_token",
    "The backward pass is counted like the forward pass; it takes two products for each one: for inputs and for weights.",
)
def flops_backward_like_forward(config, n_keys, training=True):
    weights = config.n_layer * matrix_weights_per_block(config) + config.vocab_size * config.n_embd
    attention = config.n_layer * config.n_head * config.head_dim * 2 * n_keys
    return (4 if training else 2) * (weights + attention)


@mistake(
    "1.16",
    "counting.flops_per_token",
    "training makes no difference: it should add the backward pass, or leave it out.",
)
def flops_always_training(config, n_keys, training=True):
    weights = config.n_layer * matrix_weights_per_block(config) + config.vocab_size * config.n_embd
    attention = config.n_layer * config.n_head * config.head_dim * 2 * n_keys
    return 6 * (weights + attention)


@mistake(
    "1.16",
    "counting.flops_per_token",
    "2 or 6 for each parameter is the rule of thumb: positions and biases are no products, and attention's have no parameters.",
)
def flops_of_all_parameters(config, n_keys, training=True):
    return (6 if training else 2) * float(n_parameters(config))


@mistake(
    "1.16",
    "counting.flops_per_token",
    "Attention is counted n_embd wide; n_head heads of head_dim may be wider or narrower than the stream.",
)
def flops_of_the_stream_width(config, n_keys, training=True):
    weights = config.n_layer * matrix_weights_per_block(config) + config.vocab_size * config.n_embd
    attention = config.n_layer * config.n_embd * 2 * n_keys
    return (6 if training else 2) * (weights + attention)


@mistake(
    "1.16",
    "counting.flops_per_token",
    "Attention is left out of the backward pass; its two products have a gradient for both of their factors, too.",
)
def flops_attention_forward_only(config, n_keys, training=True):
    weights = config.n_layer * matrix_weights_per_block(config) + config.vocab_size * config.n_embd
    attention = config.n_layer * config.n_head * config.head_dim * 2 * n_keys
    return (6 if training else 2) * weights + 2 * attention


@mistake(
    "1.16",
    "counting.flops_per_token",
    "n_keys was cut to a whole number; it is an average, such as (T + 1) / 2.",
)
def flops_of_whole_keys(config, n_keys, training=True):
    weights = config.n_layer * matrix_weights_per_block(config) + config.vocab_size * config.n_embd
    attention = config.n_layer * config.n_head * config.head_dim * 2 * int(n_keys)
    return (6 if training else 2) * (weights + attention)


@mistake(
    "1.16",
    "counting.mfu",
    "It is upside down: what is done per second stands above what could be done.",
)
def mfu_inverted(tokens_per_s, flops_per_token, peak_flops):
    return peak_flops / (tokens_per_s * flops_per_token)


@mistake(
    "1.16",
    "counting.mfu",
    "This is in percent; a share of the whole is asked for, 1 being the peak.",
)
def mfu_in_percent(tokens_per_s, flops_per_token, peak_flops):
    return 100 * tokens_per_s * flops_per_token / peak_flops


@mistake(
    "1.16",
    "counting.mfu",
    "The backward pass is multiplied in once more; flops_per_token says already what work was done.",
)
def mfu_times_three(tokens_per_s, flops_per_token, peak_flops):
    return 3 * tokens_per_s * flops_per_token / peak_flops


@mistake(
    "1.16",
    "counting.mfu",
    "Operations per token are divided by; times tokens per second they are operations per second.",
)
def mfu_divides_by_flops(tokens_per_s, flops_per_token, peak_flops):
    return tokens_per_s / flops_per_token / peak_flops


@mistake(
    "1.16",
    "counting.mfu",
    "The share is cut off at 1: a peak or a count that is wrong would look like a perfect machine.",
)
def mfu_cut_off(tokens_per_s, flops_per_token, peak_flops):
    return min(1.0, tokens_per_s * flops_per_token / peak_flops)
