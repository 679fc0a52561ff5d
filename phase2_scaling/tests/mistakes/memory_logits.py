"""Classic wrong answers for `solution/memory.py`: what lives around the loss."""

from shared.mistakes import mistake


@mistake(
    "2.7",
    "memory.logits",
    "One copy is counted: the logits and the logarithms of their softmax each have a gradient of their size.",
)
def logits_one_copy(config, plan):
    if not plan.is_last:
        return 0
    n, V = plan.batch_size * plan.n_tokens, config.vocab_size // plan.tp
    if plan.chunk is not None:
        return min(n, plan.chunk) * V * FLOAT32
    return n * V * plan.dtype.itemsize


@mistake(
    "2.7",
    "memory.logits",
    "The copies are counted in float32; without chunks they are in plan.dtype, as the logits are.",
)
def logits_always_float32(config, plan):
    if not plan.is_last:
        return 0
    n, V = plan.batch_size * plan.n_tokens, config.vocab_size // plan.tp
    if plan.chunk is not None:
        return (2 + (plan.chunk < n)) * min(n, plan.chunk) * V * FLOAT32
    return (2 + (plan.tp > 1)) * n * V * FLOAT32


@mistake(
    "2.7",
    "memory.logits",
    "Chunks are counted in plan.dtype; their softmax is taken in float32.",
)
def logits_short_chunks(config, plan):
    if not plan.is_last:
        return 0
    n, V = plan.batch_size * plan.n_tokens, config.vocab_size // plan.tp
    if plan.chunk is not None:
        return (2 + (plan.chunk < n)) * min(n, plan.chunk) * V * plan.dtype.itemsize
    return (2 + (plan.tp > 1)) * n * V * plan.dtype.itemsize


@mistake(
    "2.7",
    "memory.logits",
    "A chunk is counted larger than all targets together.",
)
def logits_chunk_beyond_the_batch(config, plan):
    if not plan.is_last:
        return 0
    n, V = plan.batch_size * plan.n_tokens, config.vocab_size // plan.tp
    if plan.chunk is not None:
        return (2 + (plan.chunk < n)) * plan.chunk * V * FLOAT32
    return (2 + (plan.tp > 1)) * n * V * plan.dtype.itemsize


@mistake(
    "2.7",
    "memory.logits",
    "The whole vocabulary is counted: a rank has the logits of its own tokens, V / tp.",
)
def logits_of_the_whole_vocabulary(config, plan):
    if not plan.is_last:
        return 0
    n, V = plan.batch_size * plan.n_tokens, config.vocab_size
    if plan.chunk is not None:
        return (2 + (plan.chunk < n)) * min(n, plan.chunk) * V * FLOAT32
    return (2 + (plan.tp > 1)) * n * V * plan.dtype.itemsize


@mistake(
    "2.7",
    "memory.logits",
    "A stage without a head is given logits: only the last one has any.",
)
def logits_on_each_stage(config, plan):
    n, V = plan.batch_size * plan.n_tokens, config.vocab_size // plan.tp
    if plan.chunk is not None:
        return (2 + (plan.chunk < n)) * min(n, plan.chunk) * V * FLOAT32
    return (2 + (plan.tp > 1)) * n * V * plan.dtype.itemsize


@mistake(
    "2.7",
    "memory.logits",
    "They are counted for every micro-batch in flight: what lives only around the loss is gone when the next one comes.",
)
def logits_of_all_in_flight(config, plan):
    if not plan.is_last:
        return 0
    n, V = plan.batch_size * plan.n_tokens, config.vocab_size // plan.tp
    if plan.chunk is not None:
        rows = (2 + (plan.chunk < n)) * min(n, plan.chunk)
        return plan.in_flight * rows * V * FLOAT32
    return plan.in_flight * (2 + (plan.tp > 1)) * n * V * plan.dtype.itemsize


@mistake(
    "2.7",
    "memory.logits",
    "Chunks are counted as if each were the first: what a loop's names hold lives until they are given away.",
)
def logits_chunk_without_the_one_before(config, plan):
    if not plan.is_last:
        return 0
    n, V = plan.batch_size * plan.n_tokens, config.vocab_size // plan.tp
    if plan.chunk is not None:
        return 2 * min(n, plan.chunk) * V * FLOAT32
    return (2 + (plan.tp > 1)) * n * V * plan.dtype.itemsize
