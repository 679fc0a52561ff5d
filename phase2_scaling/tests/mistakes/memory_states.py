"""Classic wrong answers for `solution/memory.py`: what stays between steps."""

from shared.mistakes import mistake

# Parameters of a rank


@mistake(
    "2.7",
    "memory.n_parameters",
    "The tied table is counted twice: as table and as head it is one parameter, if both are on one stage.",
)
def n_parameters_tied_table_twice(config, plan):
    C, table = config.n_embd, config.vocab_size * config.n_embd // plan.tp
    count = n_blocks(config, plan) * ((12 * C * C + 7 * C) // plan.tp + 6 * C)
    if plan.stage == 0:
        count += table + config.block_size * C
    if plan.is_last:
        count += 2 * C + table
    return count


@mistake(
    "2.7",
    "memory.n_parameters",
    "A tied head is missing on the last stage: the table is on another rank there, so it has a copy.",
)
def n_parameters_tied_across_stages(config, plan):
    C, table = config.n_embd, config.vocab_size * config.n_embd // plan.tp
    count = n_blocks(config, plan) * ((12 * C * C + 7 * C) // plan.tp + 6 * C)
    if plan.stage == 0:
        count += table + config.block_size * C
    if plan.is_last:
        count += 2 * C + (0 if config.tied else table)
    return count


@mistake(
    "2.7",
    "memory.n_parameters",
    "The biases of proj and down are divided by tp: they are added after the sum over the ranks, so each rank has them whole.",
)
def n_parameters_all_biases_cut(config, plan):
    C, table = config.n_embd, config.vocab_size * config.n_embd // plan.tp
    count = n_blocks(config, plan) * ((12 * C * C + 9 * C) // plan.tp + 4 * C)
    if plan.stage == 0:
        count += table + config.block_size * C
    if plan.is_last:
        count += 2 * C + table * (plan.pp > 1 or not config.tied)
    return count


@mistake(
    "2.7",
    "memory.n_parameters",
    "Everything is divided by tp: norms and the table of positions are whole on every rank.",
)
def n_parameters_everything_cut(config, plan):
    C, V = config.n_embd, config.vocab_size
    count = n_blocks(config, plan) * (12 * C * C + 13 * C)
    if plan.stage == 0:
        count += V * C + config.block_size * C
    if plan.is_last:
        count += 2 * C + V * C * (plan.pp > 1 or not config.tied)
    return count // plan.tp


@mistake(
    "2.7",
    "memory.n_parameters",
    "The biases of q, k, v and up are whole: they belong to outputs, which are cut with their weights.",
)
def n_parameters_no_bias_cut(config, plan):
    C, table = config.n_embd, config.vocab_size * config.n_embd // plan.tp
    count = n_blocks(config, plan) * (12 * C * C // plan.tp + 13 * C)
    if plan.stage == 0:
        count += table + config.block_size * C
    if plan.is_last:
        count += 2 * C + table * (plan.pp > 1 or not config.tied)
    return count


@mistake(
    "2.7",
    "memory.n_parameters",
    "The token table is whole on every rank: with tensor parallelism each has the rows of its own tokens.",
)
def n_parameters_whole_table(config, plan):
    C, table = config.n_embd, config.vocab_size * config.n_embd
    count = n_blocks(config, plan) * ((12 * C * C + 7 * C) // plan.tp + 6 * C)
    if plan.stage == 0:
        count += table + config.block_size * C
    if plan.is_last:
        count += 2 * C + table * (plan.pp > 1 or not config.tied)
    return count


@mistake(
    "2.7",
    "memory.n_parameters",
    "The whole model is divided evenly among the stages: the tables are on the first one, norm and head on the last.",
)
def n_parameters_even_stages(config, plan):
    C, table = config.n_embd, config.vocab_size * config.n_embd // plan.tp
    count = config.n_layer * ((12 * C * C + 7 * C) // plan.tp + 6 * C)
    count += table * (1 if config.tied else 2) + config.block_size * C + 2 * C
    return count // plan.pp


@mistake(
    "2.7",
    "memory.n_parameters",
    "The table of positions is missing.",
)
def memory_parameters_without_positions(config, plan):
    C, table = config.n_embd, config.vocab_size * config.n_embd // plan.tp
    count = n_blocks(config, plan) * ((12 * C * C + 7 * C) // plan.tp + 6 * C)
    if plan.stage == 0:
        count += table
    if plan.is_last:
        count += 2 * C + table * (plan.pp > 1 or not config.tied)
    return count


@mistake(
    "2.7",
    "memory.n_parameters",
    "Every stage has the tables and the head: only the first looks tokens up, only the last scores them.",
)
def n_parameters_tables_on_each_stage(config, plan):
    C, table = config.n_embd, config.vocab_size * config.n_embd // plan.tp
    count = n_blocks(config, plan) * ((12 * C * C + 7 * C) // plan.tp + 6 * C)
    return count + table * (1 if config.tied else 2) + config.block_size * C + 2 * C


# What stays between steps


@mistake(
    "2.7",
    "memory.states",
    "The float32 copy of 16-bit parameters is missing: small updates would be lost without it, and it costs 4 bytes each.",
)
def states_without_master(n_params, plan):
    size = plan.dtype.itemsize
    each = {"parameters": size, "gradients": size, "optimiser": 4 * MOMENTS[plan.optimizer]}
    share = -(-n_params // plan.dp)
    return {
        part: n * (share if plan.zero >= SHARDED_FROM[part] else n_params)
        for part, n in each.items()
    }


@mistake(
    "2.7",
    "memory.states",
    "float32 parameters get a second copy as well: they are their own masters.",
)
def states_with_master_always(n_params, plan):
    size = plan.dtype.itemsize
    each = {"parameters": size, "gradients": size, "optimiser": 4 * (MOMENTS[plan.optimizer] + 1)}
    share = -(-n_params // plan.dp)
    return {
        part: n * (share if plan.zero >= SHARDED_FROM[part] else n_params)
        for part, n in each.items()
    }


@mistake(
    "2.7",
    "memory.states",
    "The optimiser's numbers are counted in the dtype of the parameters; moments and master are float32.",
)
def states_of_one_dtype(n_params, plan):
    size = plan.dtype.itemsize
    copies = MOMENTS[plan.optimizer] + (size < FLOAT32)
    each = {"parameters": size, "gradients": size, "optimiser": size * copies}
    share = -(-n_params // plan.dp)
    return {
        part: n * (share if plan.zero >= SHARDED_FROM[part] else n_params)
        for part, n in each.items()
    }


@mistake(
    "2.7",
    "memory.states",
    "Adam's two moments are counted, whatever the optimizer: SGD keeps none, momentum one.",
)
def states_always_of_adam(n_params, plan):
    size = plan.dtype.itemsize
    copies = 2 + (size < FLOAT32)
    each = {"parameters": size, "gradients": size, "optimiser": FLOAT32 * copies}
    share = -(-n_params // plan.dp)
    return {
        part: n * (share if plan.zero >= SHARDED_FROM[part] else n_params)
        for part, n in each.items()
    }


@mistake(
    "2.7",
    "memory.states",
    "Any stage of ZeRO divides everything: stage 1 shards the optimiser alone, 2 gradients too, 3 parameters too.",
)
def states_all_sharded_at_once(n_params, plan):
    size = plan.dtype.itemsize
    copies = MOMENTS[plan.optimizer] + (size < FLOAT32)
    n = -(-n_params // plan.dp) if plan.zero else n_params
    return {"parameters": size * n, "gradients": size * n, "optimiser": FLOAT32 * copies * n}


@mistake(
    "2.7",
    "memory.states",
    "Each stage of ZeRO shards one part alone; stage 2 shards what stage 1 does, and gradients.",
)
def states_stages_do_not_add_up(n_params, plan):
    size = plan.dtype.itemsize
    copies = MOMENTS[plan.optimizer] + (size < FLOAT32)
    each = {"parameters": size, "gradients": size, "optimiser": FLOAT32 * copies}
    share = -(-n_params // plan.dp)
    return {
        part: n * (share if plan.zero == SHARDED_FROM[part] else n_params)
        for part, n in each.items()
    }


@mistake(
    "2.7",
    "memory.states",
    "Parameters are sharded at stage 2 and gradients at stage 3; it is the other way round.",
)
def states_parameters_before_gradients(n_params, plan):
    size = plan.dtype.itemsize
    copies = MOMENTS[plan.optimizer] + (size < FLOAT32)
    share = -(-n_params // plan.dp)
    return {
        "parameters": size * (share if plan.zero >= 2 else n_params),
        "gradients": size * (share if plan.zero >= 3 else n_params),
        "optimiser": FLOAT32 * copies * (share if plan.zero >= 1 else n_params),
    }


@mistake(
    "2.7",
    "memory.states",
    "The share is rounded down: three ranks with 3 parameters each do not hold 10.",
)
def states_share_rounded_down(n_params, plan):
    size = plan.dtype.itemsize
    copies = MOMENTS[plan.optimizer] + (size < FLOAT32)
    each = {"parameters": size, "gradients": size, "optimiser": FLOAT32 * copies}
    share = n_params // plan.dp
    return {
        part: n * (share if plan.zero >= SHARDED_FROM[part] else n_params)
        for part, n in each.items()
    }
