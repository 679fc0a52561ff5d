"""Classic wrong answers for `solution/counting.py`: parameters."""

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
