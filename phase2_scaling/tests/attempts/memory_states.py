"""The catalogued mistakes about what stays between steps, as other learners would write them."""

from shared.mistakes import attempt

# Parameters of a rank


def _per_layer(width, ranks):
    """Weights and biases of one layer: (cut, whole)."""
    weights = 4 * width**2 + 2 * width * (4 * width)
    return (weights + 3 * width + 4 * width) / ranks, 2 * width + 4 * width


def _layers(config, plan):
    cut, whole = _per_layer(config.n_embd, plan.tp)
    return int((cut + whole) * n_blocks(config, plan))


def _front(config, plan):
    return (config.vocab_size // plan.tp + config.block_size) * config.n_embd


@attempt("n_parameters_tied_table_twice")
def _(config, plan):
    total = _layers(config, plan)
    head = config.vocab_size // plan.tp * config.n_embd
    total += _front(config, plan) if plan.stage == 0 else 0
    return total + (head + 2 * config.n_embd if plan.stage == plan.pp - 1 else 0)


@attempt("n_parameters_tied_across_stages")
def _(config, plan):
    total = _layers(config, plan)
    if not plan.stage:
        total += _front(config, plan)
    if plan.is_last:
        total += 2 * config.n_embd
        if not config.tied:
            total += config.vocab_size // plan.tp * config.n_embd
    return total


@attempt("n_parameters_all_biases_cut")
def _(config, plan):
    width = config.n_embd
    linear = 12 * width**2 + (4 + 4 + 1) * width
    total = n_blocks(config, plan) * (linear // plan.tp + 2 * 2 * width)
    if plan.stage == 0:
        total += _front(config, plan)
    if plan.is_last:
        total += 2 * width
        if not (config.tied and plan.pp == 1):
            total += config.vocab_size // plan.tp * width
    return total


@attempt("n_parameters_everything_cut")
def _(config, plan):
    width = config.n_embd
    total = n_blocks(config, plan) * sum(_per_layer(width, 1))
    if plan.stage == 0:
        total += (config.vocab_size + config.block_size) * width
    if plan.is_last:
        total += 2 * width
        if not (config.tied and plan.pp == 1):
            total += config.vocab_size * width
    return int(total / plan.tp)


@attempt("n_parameters_no_bias_cut")
def _(config, plan):
    width = config.n_embd
    biases_and_norms = (3 + 1 + 4 + 1) * width + 4 * width
    total = n_blocks(config, plan) * (12 * width**2 // plan.tp + biases_and_norms)
    if plan.stage == 0:
        total += _front(config, plan)
    if plan.is_last:
        total += 2 * width
        if plan.pp > 1 or not config.tied:
            total += config.vocab_size // plan.tp * width
    return total


@attempt("n_parameters_whole_table")
def _(config, plan):
    embedding = config.vocab_size * config.n_embd
    total = _layers(config, plan)
    if plan.stage == 0:
        total = total + embedding + config.block_size * config.n_embd
    if plan.is_last:
        own_head = embedding if plan.pp > 1 or not config.tied else 0
        total = total + own_head + 2 * config.n_embd
    return total


@attempt("n_parameters_even_stages")
def _(config, plan):
    cut, whole = _per_layer(config.n_embd, plan.tp)
    total = config.n_layer * (cut + whole) + _front(config, plan) + 2 * config.n_embd
    if not config.tied:
        total += config.vocab_size // plan.tp * config.n_embd
    return int(total // plan.pp)


@attempt("memory_parameters_without_positions")
def _(config, plan):
    embedding = config.vocab_size // plan.tp * config.n_embd
    first = embedding * (plan.stage == 0)
    own_head = plan.pp > 1 or not config.tied
    last = (2 * config.n_embd + embedding * own_head) * plan.is_last
    return _layers(config, plan) + first + last


@attempt("n_parameters_tables_on_each_stage")
def _(config, plan):
    heads = 0 if config.tied else config.vocab_size // plan.tp * config.n_embd
    return _layers(config, plan) + _front(config, plan) + heads + 2 * config.n_embd


# What stays between steps


def _zero(plan, n_params, parameters, gradients, optimiser):
    """Share out bytes per parameter as ZeRO does."""
    n = (n_params + plan.dp - 1) // plan.dp
    return {
        "parameters": parameters * (n if plan.zero == 3 else n_params),
        "gradients": gradients * (n if plan.zero in (2, 3) else n_params),
        "optimiser": optimiser * (n if plan.zero else n_params),
    }


@attempt("states_without_master")
def _(n_params, plan):
    b = plan.dtype.itemsize
    return _zero(plan, n_params, b, b, {"sgd": 0, "momentum": 4, "adam": 8}[plan.optimizer])


@attempt("states_with_master_always")
def _(n_params, plan):
    b = plan.dtype.itemsize
    return _zero(plan, n_params, b, b, {"sgd": 4, "momentum": 8, "adam": 12}[plan.optimizer])


@attempt("states_of_one_dtype")
def _(n_params, plan):
    b = plan.dtype.itemsize
    numbers = MOMENTS[plan.optimizer]
    if b == 2:
        numbers += 1
    return _zero(plan, n_params, b, b, b * numbers)


@attempt("states_always_of_adam")
def _(n_params, plan):
    b = plan.dtype.itemsize
    return _zero(plan, n_params, b, b, 12 if b == 2 else 8)


@attempt("states_all_sharded_at_once")
def _(n_params, plan):
    b = plan.dtype.itemsize
    optimiser = 4 * MOMENTS[plan.optimizer] + (4 if b < 4 else 0)
    n = n_params if plan.zero == 0 else (n_params + plan.dp - 1) // plan.dp
    return dict(parameters=b * n, gradients=b * n, optimiser=optimiser * n)


@attempt("states_stages_do_not_add_up")
def _(n_params, plan):
    b = plan.dtype.itemsize
    optimiser = 4 * MOMENTS[plan.optimizer] + (4 if b < 4 else 0)
    n = (n_params + plan.dp - 1) // plan.dp
    counts = [n_params, n_params, n_params]
    if plan.zero:
        counts[plan.zero - 1] = n
    return {
        "optimiser": optimiser * counts[0],
        "gradients": b * counts[1],
        "parameters": b * counts[2],
    }


@attempt("states_parameters_before_gradients")
def _(n_params, plan):
    b = plan.dtype.itemsize
    optimiser = 4 * MOMENTS[plan.optimizer] + (4 if b < 4 else 0)
    right = _zero(plan, n_params, b, b, optimiser)
    return {
        "parameters": right["gradients"],
        "gradients": right["parameters"],
        "optimiser": right["optimiser"],
    }


@attempt("states_share_rounded_down")
def _(n_params, plan):
    b = plan.dtype.itemsize
    optimiser = 4 * MOMENTS[plan.optimizer] + (4 if b < 4 else 0)
    own = int(n_params / plan.dp)
    counts = [own if plan.zero > i else n_params for i in range(3)]
    return {
        "parameters": b * counts[2],
        "gradients": b * counts[1],
        "optimiser": optimiser * counts[0],
    }
