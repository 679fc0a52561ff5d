"""Classic wrong answers for `solution/counting.py`."""

from shared.mistakes import mistake


@mistake(
    "1.16",
    "counting.matrix_weights_per_block",
    "Keys and values are counted as if there were as many heads of them as of queries: mind n_kv_head.",
)
def matrix_weights_all_heads_have_keys(config):
    C, width = config.n_embd, config.n_head * config.head_dim
    n_feedforward = 3 if config.feedforward == "swiglu" else 2
    return C * 3 * width + width * C + n_feedforward * C * config.n_hidden


@mistake(
    "1.16",
    "counting.matrix_weights_per_block",
    "proj is counted as n_embd x n_embd; it reads all heads, n_head * head_dim numbers, which may differ from n_embd.",
)
def matrix_weights_square_proj(config):
    C, D = config.n_embd, config.head_dim
    n_feedforward = 3 if config.feedforward == "swiglu" else 2
    qkv = C * D * (config.n_head + 2 * config.n_kv_head)
    return qkv + C * C + n_feedforward * C * config.n_hidden


@mistake(
    "1.16",
    "counting.matrix_weights_per_block",
    "SwiGLU has three matrices: gate, up and proj.",
)
def matrix_weights_two_for_swiglu(config):
    C, D = config.n_embd, config.head_dim
    attention = C * D * (config.n_head + 2 * config.n_kv_head) + config.n_head * D * C
    return attention + 2 * C * config.n_hidden


@mistake(
    "1.16",
    "counting.matrix_weights_per_block",
    "proj of the attention is missing: what the heads found is mixed before it goes back into the stream.",
)
def matrix_weights_without_proj(config):
    C, D = config.n_embd, config.head_dim
    n_feedforward = 3 if config.feedforward == "swiglu" else 2
    return C * D * (config.n_head + 2 * config.n_kv_head) + n_feedforward * C * config.n_hidden


@mistake(
    "1.16",
    "counting.matrix_weights_per_block",
    "The feed-forward layer is counted as 4 n_embd wide; its width is n_hidden.",
)
def matrix_weights_four_times_width(config):
    C, D = config.n_embd, config.head_dim
    attention = C * D * (config.n_head + 2 * config.n_kv_head) + config.n_head * D * C
    return attention + (3 if config.feedforward == "swiglu" else 2) * C * 4 * C


@mistake(
    "1.16",
    "counting.matrix_weights_per_block",
    "Attention is counted as four matrices of n_embd x n_embd; its heads are head_dim wide, and keys and values have n_kv_head of them.",
)
def matrix_weights_four_squares(config):
    C = config.n_embd
    return 4 * C * C + (3 if config.feedforward == "swiglu" else 2) * C * config.n_hidden


@mistake(
    "1.16",
    "counting.matrix_weights_per_block",
    "12 n_embd^2 holds for GPT-2's shape alone; here head_dim, n_kv_head and n_hidden are free.",
)
def matrix_weights_twelve_squares(config):
    return 12 * config.n_embd**2


@mistake(
    "1.16",
    "counting.matrix_weights_per_block",
    "The width of a head is taken as n_embd / n_head; it is head_dim, and the heads together may differ from n_embd.",
)
def matrix_weights_divided_width(config):
    C, D = config.n_embd, config.n_embd // config.n_head
    attention = C * D * (config.n_head + 2 * config.n_kv_head) + config.n_head * D * C
    return attention + (3 if config.feedforward == "swiglu" else 2) * C * config.n_hidden


@mistake(
    "1.16",
    "counting.n_parameters",
    "The tied table is counted twice: as table and as head it is one and the same parameter.",
)
def n_parameters_tied_table_twice(config, embeddings=True):
    C, D = config.n_embd, config.head_dim
    norm = C * (2 if config.norm == "layer" and config.bias else 1)
    block = matrix_weights_per_block(config) + 2 * norm + 2 * D * config.qk_norm
    if config.bias:
        block += D * (config.n_head + 2 * config.n_kv_head) + C
        block += (2 if config.feedforward == "swiglu" else 1) * config.n_hidden + C
    count = config.n_layer * block + norm
    if embeddings:
        count += 2 * config.vocab_size * C
        count += config.block_size * C * (config.positions == "learned")
    return count


@mistake(
    "1.16",
    "counting.n_parameters",
    "An untied head is missing: it is a second table, vocab_size x n_embd.",
)
def n_parameters_without_head(config, embeddings=True):
    C, D = config.n_embd, config.head_dim
    norm = C * (2 if config.norm == "layer" and config.bias else 1)
    block = matrix_weights_per_block(config) + 2 * norm + 2 * D * config.qk_norm
    if config.bias:
        block += D * (config.n_head + 2 * config.n_kv_head) + C
        block += (2 if config.feedforward == "swiglu" else 1) * config.n_hidden + C
    count = config.n_layer * block + norm
    if embeddings:
        count += config.vocab_size * C
        count += config.block_size * C * (config.positions == "learned")
    return count


@mistake(
    "1.16",
    "counting.n_parameters",
    "The last norm, between the blocks and the head, is missing.",
)
def n_parameters_without_last_norm(config, embeddings=True):
    C, D = config.n_embd, config.head_dim
    norm = C * (2 if config.norm == "layer" and config.bias else 1)
    block = matrix_weights_per_block(config) + 2 * norm + 2 * D * config.qk_norm
    if config.bias:
        block += D * (config.n_head + 2 * config.n_kv_head) + C
        block += (2 if config.feedforward == "swiglu" else 1) * config.n_hidden + C
    count = config.n_layer * block
    if embeddings:
        count += config.vocab_size * C * (1 if config.tied else 2)
        count += config.block_size * C * (config.positions == "learned")
    return count


@mistake(
    "1.16",
    "counting.n_parameters",
    "Biases are missing: linear layers and LayerNorm have one each where config.bias says so.",
)
def n_parameters_without_biases(config, embeddings=True):
    C, D = config.n_embd, config.head_dim
    block = matrix_weights_per_block(config) + 2 * C + 2 * D * config.qk_norm
    count = config.n_layer * block + C
    if embeddings:
        count += config.vocab_size * C * (1 if config.tied else 2)
        count += config.block_size * C * (config.positions == "learned")
    return count


@mistake(
    "1.16",
    "counting.n_parameters",
    "RMSNorm was given a bias; it has weights only, even where linear layers have biases.",
)
def n_parameters_rms_norm_bias(config, embeddings=True):
    C, D = config.n_embd, config.head_dim
    norm = C * (2 if config.bias else 1)
    block = matrix_weights_per_block(config) + 2 * norm + 2 * D * config.qk_norm
    if config.bias:
        block += D * (config.n_head + 2 * config.n_kv_head) + C
        block += (2 if config.feedforward == "swiglu" else 1) * config.n_hidden + C
    count = config.n_layer * block + norm
    if embeddings:
        count += config.vocab_size * C * (1 if config.tied else 2)
        count += config.block_size * C * (config.positions == "learned")
    return count


@mistake(
    "1.16",
    "counting.n_parameters",
    "QK-norm is counted once for each head; the heads of a layer share one weight of head_dim numbers for queries, one for keys.",
)
def n_parameters_qk_norm_of_each_head(config, embeddings=True):
    C, D = config.n_embd, config.head_dim
    norm = C * (2 if config.norm == "layer" and config.bias else 1)
    qk_norm = D * (config.n_head + config.n_kv_head) * config.qk_norm
    block = matrix_weights_per_block(config) + 2 * norm + qk_norm
    if config.bias:
        block += D * (config.n_head + 2 * config.n_kv_head) + C
        block += (2 if config.feedforward == "swiglu" else 1) * config.n_hidden + C
    count = config.n_layer * block + norm
    if embeddings:
        count += config.vocab_size * C * (1 if config.tied else 2)
        count += config.block_size * C * (config.positions == "learned")
    return count


@mistake(
    "1.16",
    "counting.n_parameters",
    "Rotary positions were given a table: they are computed, nothing of them is learned.",
)
def n_parameters_table_for_rotary(config, embeddings=True):
    C, D = config.n_embd, config.head_dim
    norm = C * (2 if config.norm == "layer" and config.bias else 1)
    block = matrix_weights_per_block(config) + 2 * norm + 2 * D * config.qk_norm
    if config.bias:
        block += D * (config.n_head + 2 * config.n_kv_head) + C
        block += (2 if config.feedforward == "swiglu" else 1) * config.n_hidden + C
    count = config.n_layer * block + norm
    if embeddings:
        count += config.vocab_size * C * (1 if config.tied else 2) + config.block_size * C
    return count


@mistake(
    "1.16",
    "counting.n_parameters",
    "embeddings=False leaves the table of positions in; both tables and the head go.",
)
def n_parameters_keeps_positions(config, embeddings=True):
    C, D = config.n_embd, config.head_dim
    norm = C * (2 if config.norm == "layer" and config.bias else 1)
    block = matrix_weights_per_block(config) + 2 * norm + 2 * D * config.qk_norm
    if config.bias:
        block += D * (config.n_head + 2 * config.n_kv_head) + C
        block += (2 if config.feedforward == "swiglu" else 1) * config.n_hidden + C
    count = config.n_layer * block + norm
    count += config.block_size * C * (config.positions == "learned")
    if embeddings:
        count += config.vocab_size * C * (1 if config.tied else 2)
    return count


@mistake(
    "1.16",
    "counting.n_parameters",
    "embeddings=False keeps an untied head in; the head goes, tied or not.",
)
def n_parameters_keeps_untied_head(config, embeddings=True):
    C, D = config.n_embd, config.head_dim
    norm = C * (2 if config.norm == "layer" and config.bias else 1)
    block = matrix_weights_per_block(config) + 2 * norm + 2 * D * config.qk_norm
    if config.bias:
        block += D * (config.n_head + 2 * config.n_kv_head) + C
        block += (2 if config.feedforward == "swiglu" else 1) * config.n_hidden + C
    count = config.n_layer * block + norm + config.vocab_size * C * (not config.tied)
    if embeddings:
        count += config.vocab_size * C
        count += config.block_size * C * (config.positions == "learned")
    return count


@mistake(
    "1.16",
    "counting.n_parameters",
    "SwiGLU's gate has a bias as well: three linear layers, three biases.",
)
def n_parameters_gate_without_bias(config, embeddings=True):
    C, D = config.n_embd, config.head_dim
    norm = C * (2 if config.norm == "layer" and config.bias else 1)
    block = matrix_weights_per_block(config) + 2 * norm + 2 * D * config.qk_norm
    if config.bias:
        block += D * (config.n_head + 2 * config.n_kv_head) + C + config.n_hidden + C
    count = config.n_layer * block + norm
    if embeddings:
        count += config.vocab_size * C * (1 if config.tied else 2)
        count += config.block_size * C * (config.positions == "learned")
    return count


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
