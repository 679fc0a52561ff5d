"""Classic wrong answers for `solution/memory.py`: what a step keeps."""

from shared.mistakes import mistake

# What one block keeps


@mistake(
    "2.7",
    "memory.block_activations",
    "The scores of attention are counted, T x T for each head: fused attention keeps one number a row and works the rest out again.",
)
def block_activations_with_scores(config, plan):
    n, C, size = plan.batch_size * plan.n_tokens, config.n_embd, plan.dtype.itemsize
    masks = 2 * C if config.dropout else 0
    scores = n * plan.n_tokens * config.n_head * size
    cut = n * size * 12 * C + n * config.n_head * FLOAT32 + scores
    return n * size * (4 * C + 4 + masks) + cut // plan.tp


@mistake(
    "2.7",
    "memory.block_activations",
    "The input of q, k and v is counted three times: it is one tensor, kept once.",
)
def block_activations_input_thrice(config, plan):
    n, C, size = plan.batch_size * plan.n_tokens, config.n_embd, plan.dtype.itemsize
    masks = 2 * C if config.dropout else 0
    cut = n * size * 12 * C + n * config.n_head * FLOAT32
    return n * size * (6 * C + 4 + masks) + cut // plan.tp


@mistake(
    "2.7",
    "memory.block_activations",
    "One of the two tensors around GELU is missing: its backward pass needs what went in, and down's what came out.",
)
def block_activations_one_around_gelu(config, plan):
    n, C, size = plan.batch_size * plan.n_tokens, config.n_embd, plan.dtype.itemsize
    masks = 2 * C if config.dropout else 0
    cut = n * size * (4 * C + 4 * C) + n * config.n_head * FLOAT32
    return n * size * (4 * C + 4 + masks) + cut // plan.tp


@mistake(
    "2.7",
    "memory.block_activations",
    "The whole block is divided by tp: the stream, the norms and the masks are the same on all ranks.",
)
def block_activations_everything_cut(config, plan):
    n, C, size = plan.batch_size * plan.n_tokens, config.n_embd, plan.dtype.itemsize
    masks = 2 * C if config.dropout else 0
    return (n * size * (16 * C + 4 + masks) + n * config.n_head * FLOAT32) // plan.tp


@mistake(
    "2.7",
    "memory.block_activations",
    "These are numbers, not bytes: each has the size of plan.dtype.",
)
def block_activations_numbers(config, plan):
    n, C = plan.batch_size * plan.n_tokens, config.n_embd
    masks = 2 * C if config.dropout else 0
    return n * (4 * C + 4 + masks) + n * (12 * C + config.n_head) // plan.tp


@mistake(
    "2.7",
    "memory.block_activations",
    "Attention's logarithms are counted in plan.dtype; they are float32 whatever the rest is.",
)
def block_activations_short_logarithms(config, plan):
    n, C, size = plan.batch_size * plan.n_tokens, config.n_embd, plan.dtype.itemsize
    masks = 2 * C if config.dropout else 0
    cut = n * size * (12 * C + config.n_head)
    return n * size * (4 * C + 4 + masks) + cut // plan.tp


@mistake(
    "2.7",
    "memory.block_activations",
    "Dropout's masks are missing: backward must drop what forward dropped.",
)
def block_activations_without_masks(config, plan):
    n, C, size = plan.batch_size * plan.n_tokens, config.n_embd, plan.dtype.itemsize
    cut = n * size * 12 * C + n * config.n_head * FLOAT32
    return n * size * (4 * C + 4) + cut // plan.tp


@mistake(
    "2.7",
    "memory.block_activations",
    "The masks are counted where nothing is dropped: with a dropout of 0 there are none.",
)
def block_activations_always_masks(config, plan):
    n, C, size = plan.batch_size * plan.n_tokens, config.n_embd, plan.dtype.itemsize
    cut = n * size * 12 * C + n * config.n_head * FLOAT32
    return n * size * (4 * C + 4 + 2 * C) + cut // plan.tp


# What a rank keeps


@mistake(
    "2.7",
    "memory.activations",
    "The logarithms of the probabilities are forgotten: B x T x V of them, often the largest tensor of all.",
)
def activations_without_logarithms(config, plan):
    n, size = plan.batch_size * plan.n_tokens, plan.dtype.itemsize
    stream = n * config.n_embd * size
    each = stream if plan.recompute else block_activations(config, plan)
    kept = n_blocks(config, plan) * each
    kept += 2 * stream + 2 * n * size if plan.is_last else stream
    return plan.in_flight * kept


@mistake(
    "2.7",
    "memory.activations",
    "In chunks the logarithms are still counted: nobody keeps them there.",
)
def activations_chunks_keep_logarithms(config, plan):
    n, size = plan.batch_size * plan.n_tokens, plan.dtype.itemsize
    stream = n * config.n_embd * size
    each = stream if plan.recompute else block_activations(config, plan)
    kept = n_blocks(config, plan) * each
    table = n * config.vocab_size // plan.tp * size
    kept += 2 * stream + 2 * n * size + table if plan.is_last else stream
    return plan.in_flight * kept


@mistake(
    "2.7",
    "memory.activations",
    "Recomputed blocks keep nothing: to compute a block again one needs its input.",
)
def activations_recomputed_from_nothing(config, plan):
    n, size = plan.batch_size * plan.n_tokens, plan.dtype.itemsize
    stream = n * config.n_embd * size
    kept = 0 if plan.recompute else n_blocks(config, plan) * block_activations(config, plan)
    if not plan.is_last:
        kept += stream
    else:
        table = 0 if plan.chunk else n * config.vocab_size // plan.tp * size
        kept += 2 * stream + 2 * n * size + table
    return plan.in_flight * kept


@mistake(
    "2.7",
    "memory.activations",
    "A stage is given the activations of the whole depth: it has n_blocks of the layers.",
)
def activations_of_all_layers(config, plan):
    n, size = plan.batch_size * plan.n_tokens, plan.dtype.itemsize
    stream = n * config.n_embd * size
    kept = config.n_layer * (stream if plan.recompute else block_activations(config, plan))
    if not plan.is_last:
        kept += stream
    else:
        table = 0 if plan.chunk else n * config.vocab_size // plan.tp * size
        kept += 2 * stream + 2 * n * size + table
    return plan.in_flight * kept


@mistake(
    "2.7",
    "memory.activations",
    "Only one micro-batch is counted: a pipeline's stage keeps all that are in flight.",
)
def activations_of_one_micro_batch(config, plan):
    n, size = plan.batch_size * plan.n_tokens, plan.dtype.itemsize
    stream = n * config.n_embd * size
    each = stream if plan.recompute else block_activations(config, plan)
    kept = n_blocks(config, plan) * each
    if not plan.is_last:
        return kept + stream
    table = 0 if plan.chunk else n * config.vocab_size // plan.tp * size
    return kept + 2 * stream + 2 * n * size + table


@mistake(
    "2.7",
    "memory.activations",
    "Every stage keeps what norm, head and loss need: only the last one has them.",
)
def activations_head_on_each_stage(config, plan):
    n, size = plan.batch_size * plan.n_tokens, plan.dtype.itemsize
    stream = n * config.n_embd * size
    each = stream if plan.recompute else block_activations(config, plan)
    table = 0 if plan.chunk else n * config.vocab_size // plan.tp * size
    kept = n_blocks(config, plan) * each + 2 * stream + 2 * n * size + table
    return plan.in_flight * kept


@mistake(
    "2.7",
    "memory.activations",
    "The head's input, or that of the last norm, is missing: these are two tensors.",
)
def activations_one_stream_at_the_end(config, plan):
    n, size = plan.batch_size * plan.n_tokens, plan.dtype.itemsize
    stream = n * config.n_embd * size
    each = stream if plan.recompute else block_activations(config, plan)
    kept = n_blocks(config, plan) * each + stream
    if plan.is_last:
        kept += 2 * n * size + (0 if plan.chunk else n * config.vocab_size // plan.tp * size)
    return plan.in_flight * kept
