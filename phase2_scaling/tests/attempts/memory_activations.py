"""The catalogued mistakes about what a step keeps, as other learners would write them."""

from shared.mistakes import attempt

# What one block keeps


def _block(config, plan, wide=4, narrow=12, masks=True, logarithm=4):
    """Bytes of a block: `wide` streams that are whole, `narrow` that are cut."""
    tokens, b = plan.batch_size * plan.n_tokens, plan.dtype.itemsize
    whole = b * tokens * (wide * config.n_embd + 2 + 2)
    if masks and config.dropout > 0:
        whole += 2 * b * tokens * config.n_embd
    cut = tokens * (b * narrow * config.n_embd + logarithm * config.n_head)
    return whole + cut // plan.tp


@attempt("block_activations_with_scores")
def _(config, plan):
    T = plan.n_tokens
    matrix = plan.batch_size * config.n_head * T * T * plan.dtype.itemsize
    return _block(config, plan) + matrix // plan.tp


@attempt("block_activations_input_thrice")
def _(config, plan):
    return _block(config, plan, wide=2 + 3 + 1)


@attempt("block_activations_always_masks")
def _(config, plan):
    tokens, b = plan.batch_size * plan.n_tokens, plan.dtype.itemsize
    stream, logarithms = tokens * config.n_embd * b, 4 * tokens * config.n_head
    return 6 * stream + 4 * tokens * b + (12 * stream + logarithms) // plan.tp


@attempt("block_activations_one_around_gelu")
def _(config, plan):
    return _block(config, plan, narrow=3 + 1 + 4)


@attempt("block_activations_everything_cut")
def _(config, plan):
    tokens, b = plan.batch_size * plan.n_tokens, plan.dtype.itemsize
    width = (18 if config.dropout > 0 else 16) * config.n_embd + 4
    return tokens * (b * width + 4 * config.n_head) // plan.tp


@attempt("block_activations_numbers")
def _(config, plan):
    tokens = plan.batch_size * plan.n_tokens
    whole = 4 + (6 if config.dropout > 0 else 4) * config.n_embd
    cut = (12 * config.n_embd + config.n_head) // plan.tp
    return tokens * (whole + cut)


@attempt("block_activations_short_logarithms")
def _(config, plan):
    return _block(config, plan, logarithm=plan.dtype.itemsize)


@attempt("block_activations_without_masks")
def _(config, plan):
    return _block(config, plan, masks=False)


# What a rank keeps


def _parts(config, plan):
    """Bytes of (one block, the stream, two statistics, the logarithms of one micro-batch)."""
    tokens, b = plan.batch_size * plan.n_tokens, plan.dtype.itemsize
    stream = tokens * config.n_embd * b
    block = stream if plan.recompute else block_activations(config, plan)
    table = 0 if plan.chunk is not None else tokens * (config.vocab_size // plan.tp) * b
    return block, stream, 2 * tokens * b, table


@attempt("activations_without_logarithms")
def _(config, plan):
    block, stream, statistics, _ = _parts(config, plan)
    end = stream + stream + statistics if plan.is_last else stream
    return (n_blocks(config, plan) * block + end) * plan.in_flight


@attempt("activations_chunks_keep_logarithms")
def _(config, plan):
    block, stream, statistics, _ = _parts(config, plan)
    tokens = plan.batch_size * plan.n_tokens
    end = stream
    if plan.is_last:
        end = 2 * stream + statistics
        end += tokens * (config.vocab_size // plan.tp) * plan.dtype.itemsize
    return (n_blocks(config, plan) * block + end) * plan.in_flight


@attempt("activations_recomputed_from_nothing")
def _(config, plan):
    block, stream, statistics, table = _parts(config, plan)
    end = 2 * stream + statistics + table if plan.is_last else stream
    blocks = n_blocks(config, plan) * block
    return (end if plan.recompute else end + blocks) * plan.in_flight


@attempt("activations_of_all_layers")
def _(config, plan):
    block, stream, statistics, table = _parts(config, plan)
    end = 2 * stream + statistics + table if plan.is_last else stream
    return plan.in_flight * (end + sum(block for _ in range(config.n_layer)))


@attempt("activations_of_one_micro_batch")
def _(config, plan):
    block, stream, statistics, table = _parts(config, plan)
    total = sum(block for _ in range(n_blocks(config, plan)))
    total += 2 * stream + statistics + table if plan.is_last else stream
    return total


@attempt("activations_head_on_each_stage")
def _(config, plan):
    block, stream, statistics, table = _parts(config, plan)
    one = n_blocks(config, plan) * block + 2 * stream + statistics + table
    return one * plan.in_flight


@attempt("activations_one_stream_at_the_end")
def _(config, plan):
    block, stream, statistics, table = _parts(config, plan)
    end = stream + statistics + table if plan.is_last else stream
    return plan.in_flight * (end + n_blocks(config, plan) * block)


# Around the loss


def _rows(plan):
    """Targets whose logits exist together, and how many tables of them."""
    n = plan.batch_size * plan.n_tokens
    if plan.chunk is None:
        return n, 3 if plan.tp > 1 else 2
    return min(plan.chunk, n), 3 if n > plan.chunk else 2


def _size(plan):
    """Bytes of a number around the loss."""
    return plan.dtype.itemsize if plan.chunk is None else 4


@attempt("logits_one_copy")
def _(config, plan):
    if plan.stage < plan.pp - 1:
        return 0
    rows, _ = _rows(plan)
    return rows * (config.vocab_size // plan.tp) * _size(plan)


@attempt("logits_always_float32")
def _(config, plan):
    rows, copies = _rows(plan)
    return copies * 4 * rows * (config.vocab_size // plan.tp) * plan.is_last


@attempt("logits_short_chunks")
def _(config, plan):
    rows, copies = _rows(plan)
    table = rows * (config.vocab_size // plan.tp) * plan.dtype.itemsize
    return copies * table if plan.is_last else 0


@attempt("logits_chunk_beyond_the_batch")
def _(config, plan):
    if plan.stage < plan.pp - 1:
        return 0
    rows, copies = _rows(plan)
    if plan.chunk is not None:
        rows = plan.chunk
    return copies * _size(plan) * rows * (config.vocab_size // plan.tp)


@attempt("logits_of_the_whole_vocabulary")
def _(config, plan):
    if plan.stage < plan.pp - 1:
        return 0
    rows, copies = _rows(plan)
    return copies * _size(plan) * rows * config.vocab_size


@attempt("logits_on_each_stage")
def _(config, plan):
    rows, copies = _rows(plan)
    return copies * _size(plan) * rows * (config.vocab_size // plan.tp)


@attempt("logits_of_all_in_flight")
def _(config, plan):
    if plan.stage < plan.pp - 1:
        return 0
    rows, copies = _rows(plan)
    one = copies * _size(plan) * rows * (config.vocab_size // plan.tp)
    return one * plan.in_flight


@attempt("logits_chunk_without_the_one_before")
def _(config, plan):
    if plan.stage < plan.pp - 1:
        return 0
    rows, copies = _rows(plan)
    if plan.chunk is not None:
        copies = 2
    return copies * _size(plan) * rows * (config.vocab_size // plan.tp)
