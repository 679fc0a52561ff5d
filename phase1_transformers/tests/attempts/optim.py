"""The mistakes of `mistakes/optim.py`, as others would write them."""

from shared.mistakes import attempt


def two(first, second, weight_decay):
    return [
        {"params": list(first), "weight_decay": weight_decay},
        {"params": list(second), "weight_decay": 0.0},
    ]


@attempt("decay_groups_by_bias_name")
def _(model, weight_decay):
    yes, no = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            (no if "bias" in name else yes).append(parameter)
    return two(yes, no, weight_decay)


@attempt("decay_groups_everything")
def _(model, weight_decay):
    return two(filter(lambda p: p.requires_grad, model.parameters()), (), weight_decay)


@attempt("decay_groups_tied_twice")
def _(model, weight_decay):
    every = dict(model.named_parameters(remove_duplicate=False)).values()
    every = [p for p in every if p.requires_grad]
    matrices = [p for p in every if p.dim() > 1]
    return two(matrices, [p for p in every if p.dim() <= 1], weight_decay)


@attempt("decay_groups_with_frozen")
def _(model, weight_decay):
    yes, no = [], []
    for parameter in model.parameters():
        (yes if parameter.dim() > 1 else no).append(parameter)
    return two(yes, no, weight_decay)


@attempt("decay_groups_swapped")
def _(model, weight_decay):
    yes, no = [], []
    for parameter in model.parameters():
        if parameter.requires_grad:
            (no if parameter.dim() > 1 else yes).append(parameter)
    return two(yes, no, weight_decay)


@attempt("decay_groups_spares_tables")
def _(model, weight_decay):
    yes, no = [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        is_table = "embedding" in name or (name == "weight" and type(model).__name__ == "Embedding")
        (yes if parameter.dim() > 1 and not is_table else no).append(parameter)
    return two(yes, no, weight_decay)
