"""Classic wrong answers for `solution/counting.py`."""

from shared.mistakes import mistake


@mistake(
    "2.1",
    "counting.n_parameters",
    "The tied table is counted twice: as table and as head it is one and the same parameter.",
)
def n_parameters_tied_twice(config, embeddings=True):
    C = config.n_embd
    count = config.n_layer * (12 * C * C + 13 * C) + 2 * C
    if embeddings:
        count += (2 * config.vocab_size + config.block_size) * C
    return count


@mistake(
    "2.1",
    "counting.n_parameters",
    "The head is never counted; if it is not tied, it is a table of its own.",
)
def n_parameters_without_head(config, embeddings=True):
    C = config.n_embd
    count = config.n_layer * (12 * C * C + 13 * C) + 2 * C
    if embeddings:
        count += (config.vocab_size + config.block_size) * C
    return count


@mistake(
    "2.1",
    "counting.n_parameters",
    "12 C^2 a block are the matrices; the biases of six linear layers and two norms are missing.",
)
def n_parameters_matrices_only(config, embeddings=True):
    C = config.n_embd
    count = config.n_layer * 12 * C * C
    if embeddings:
        count += (config.vocab_size * (1 if config.tied else 2) + config.block_size) * C
    return count


@mistake(
    "2.1",
    "counting.n_parameters",
    "The norm after the last block is missing.",
)
def n_parameters_without_last_norm(config, embeddings=True):
    C = config.n_embd
    count = config.n_layer * (12 * C * C + 13 * C)
    if embeddings:
        count += (config.vocab_size * (1 if config.tied else 2) + config.block_size) * C
    return count


@mistake(
    "2.1",
    "counting.n_parameters",
    "The table of positions is missing: it has a row of C numbers for each of block_size places.",
)
def n_parameters_without_positions(config, embeddings=True):
    C = config.n_embd
    count = config.n_layer * (12 * C * C + 13 * C) + 2 * C
    if embeddings:
        count += config.vocab_size * (1 if config.tied else 2) * C
    return count


@mistake(
    "2.1",
    "counting.n_parameters",
    "embeddings=False leaves something of the tables in: both go, and the head with them.",
)
def n_parameters_keeps_positions(config, embeddings=True):
    C = config.n_embd
    count = config.n_layer * (12 * C * C + 13 * C) + 2 * C + config.block_size * C
    if embeddings:
        count += config.vocab_size * (1 if config.tied else 2) * C
    return count


@mistake(
    "2.1",
    "counting.n_parameters",
    "embeddings=False leaves an untied head in: it goes with the tables, tied or not.",
)
def n_parameters_keeps_head(config, embeddings=True):
    C = config.n_embd
    count = config.n_layer * (12 * C * C + 13 * C) + 2 * C
    if embeddings:
        count += (config.vocab_size + config.block_size) * C
    return count + (0 if config.tied else config.vocab_size * C)


@mistake(
    "2.1",
    "counting.flops_per_token",
    "That is the forward pass alone; training also has the two products of the backward pass.",
)
def flops_forward_only(config, n_keys=None, recompute=False):
    C = config.n_embd
    n_keys = config.block_size if n_keys is None else n_keys
    blocks = 2 * config.n_layer * (12 * C * C + 2 * C * n_keys)
    return (2 if recompute else 1) * blocks + 2 * config.vocab_size * C


@mistake(
    "2.1",
    "counting.flops_per_token",
    "6 N with every parameter: tables are looked up, biases added; count the matrices, and attention besides.",
)
def flops_six_per_parameter(config, n_keys=None, recompute=False):
    return (8 if recompute else 6) * n_parameters(config)


@mistake(
    "2.1",
    "counting.flops_per_token",
    "Attention's own products are missing: a token meets a number of each key and each value for every channel.",
)
def flops_without_attention(config, n_keys=None, recompute=False):
    C = config.n_embd
    blocks = 2 * config.n_layer * 12 * C * C
    return (4 if recompute else 3) * blocks + 6 * config.vocab_size * C


@mistake(
    "2.1",
    "counting.flops_per_token",
    "Scores are counted, but the values are not: the weighted sum is a product too.",
)
def flops_scores_only(config, n_keys=None, recompute=False):
    C = config.n_embd
    n_keys = config.block_size if n_keys is None else n_keys
    blocks = 2 * config.n_layer * (12 * C * C + C * n_keys)
    return (4 if recompute else 3) * blocks + 6 * config.vocab_size * C


@mistake(
    "2.1",
    "counting.flops_per_token",
    "The head is missing: V scores of C products each, whether the table is tied or not.",
)
def flops_without_head(config, n_keys=None, recompute=False):
    C = config.n_embd
    n_keys = config.block_size if n_keys is None else n_keys
    return (8 if recompute else 6) * config.n_layer * (12 * C * C + 2 * C * n_keys)


@mistake(
    "2.1",
    "counting.flops_per_token",
    "The head is recomputed with the blocks; only the blocks are run twice.",
)
def flops_recomputed_head(config, n_keys=None, recompute=False):
    C = config.n_embd
    n_keys = config.block_size if n_keys is None else n_keys
    blocks = config.n_layer * (12 * C * C + 2 * C * n_keys)
    return (8 if recompute else 6) * (blocks + config.vocab_size * C)


@mistake(
    "2.1",
    "counting.flops_per_token",
    "Recomputing makes the forward pass twice, not everything: four passes' work in place of three.",
)
def flops_recompute_doubles(config, n_keys=None, recompute=False):
    C = config.n_embd
    n_keys = config.block_size if n_keys is None else n_keys
    blocks = 2 * config.n_layer * (12 * C * C + 2 * C * n_keys)
    return (6 if recompute else 3) * blocks + 6 * config.vocab_size * C


@mistake(
    "2.1",
    "counting.flops_per_token",
    "A multiplication and an addition count as one operation; they are two.",
)
def flops_counts_pairs(config, n_keys=None, recompute=False):
    C = config.n_embd
    n_keys = config.block_size if n_keys is None else n_keys
    blocks = config.n_layer * (12 * C * C + 2 * C * n_keys)
    return (4 if recompute else 3) * blocks + 3 * config.vocab_size * C


@mistake(
    "2.1",
    "counting.training_days",
    "Two operations a parameter and token is using a model; training takes six.",
)
def days_of_the_forward_pass(n_params, n_tokens, n_gpus, peak_flops, mfu):
    return 2 * n_params * n_tokens / (n_gpus * peak_flops * mfu) / 86_400


@mistake(
    "2.1",
    "counting.training_days",
    "The GPUs are taken at their peak; what goes into the model is the share mfu of it.",
)
def days_at_the_peak(n_params, n_tokens, n_gpus, peak_flops, mfu):
    return 6 * n_params * n_tokens / (n_gpus * peak_flops) / 86_400


@mistake(
    "2.1",
    "counting.training_days",
    "A low utilisation makes the run shorter here: the share belongs to the speed, so divide by it.",
)
def days_times_utilisation(n_params, n_tokens, n_gpus, peak_flops, mfu):
    return 6 * n_params * n_tokens * mfu / (n_gpus * peak_flops) / 86_400


@mistake(
    "2.1",
    "counting.training_days",
    "That is one GPU's time: all of them work at once.",
)
def days_of_one_gpu(n_params, n_tokens, n_gpus, peak_flops, mfu):
    return 6 * n_params * n_tokens / (peak_flops * mfu) / 86_400


@mistake(
    "2.1",
    "counting.training_days",
    "Those are hours: a day has 86,400 seconds.",
)
def days_in_hours(n_params, n_tokens, n_gpus, peak_flops, mfu):
    return 6 * n_params * n_tokens / (n_gpus * peak_flops * mfu) / 3600


@mistake(
    "2.1",
    "counting.training_cost",
    "The price is for an hour, and a day has 24.",
)
def cost_by_the_day(days, n_gpus, dollars_per_gpu_hour):
    return days * n_gpus * dollars_per_gpu_hour


@mistake(
    "2.1",
    "counting.training_cost",
    "The price is for one GPU; every one of them is rented.",
)
def cost_of_one_gpu(days, n_gpus, dollars_per_gpu_hour):
    return days * 24 * dollars_per_gpu_hour


@mistake(
    "2.1",
    "counting.mfu",
    "The tokens are those of all GPUs, the peak is that of one.",
)
def mfu_of_one_peak(config, tokens_per_s, n_gpus, peak_flops, n_keys=None):
    return tokens_per_s * flops_per_token(config, n_keys) / peak_flops


@mistake(
    "2.1",
    "counting.mfu",
    "6 N is a rule; there is an exact count, with attention and without the tables.",
)
def mfu_by_the_rule(config, tokens_per_s, n_gpus, peak_flops, n_keys=None):
    return tokens_per_s * 6 * n_parameters(config) / (n_gpus * peak_flops)


@mistake(
    "2.1",
    "counting.mfu",
    "What is recomputed was counted twice: that is hardware utilisation; the model needs its products once.",
)
def mfu_of_the_hardware(config, tokens_per_s, n_gpus, peak_flops, n_keys=None):
    flops = flops_per_token(config, n_keys, recompute=True)
    return tokens_per_s * flops / (n_gpus * peak_flops)


@mistake(
    "2.1",
    "counting.mfu",
    "n_keys is left out: whoever skips what is masked would be credited with the products of a full window.",
)
def mfu_of_full_windows(config, tokens_per_s, n_gpus, peak_flops, n_keys=None):
    return tokens_per_s * flops_per_token(config) / (n_gpus * peak_flops)


@mistake(
    "2.1",
    "counting.mfu",
    "It is cut off at 1: more than the peak means that a number is wrong, and that should be seen.",
)
def mfu_cut_off(config, tokens_per_s, n_gpus, peak_flops, n_keys=None):
    return min(1.0, tokens_per_s * flops_per_token(config, n_keys) / (n_gpus * peak_flops))
