"""Classic wrong answers for `solution/optim.py`."""

from torch import nn

from shared.mistakes import mistake


@mistake(
    "1.18",
    "optim.decay_groups",
    "Only biases are spared: the gains of norms decay too, because their name is weight. Ask for axes, not for names.",
)
def decay_groups_by_bias_name(model, weight_decay):
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    return [
        {"params": [p for n, p in trained if not n.endswith("bias")], "weight_decay": weight_decay},
        {"params": [p for n, p in trained if n.endswith("bias")], "weight_decay": 0.0},
    ]


@mistake(
    "1.18",
    "optim.decay_groups",
    "Everything decays: biases and gains of norms are pulled towards 0, where a gain silences its layer.",
)
def decay_groups_everything(model, weight_decay):
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": trained, "weight_decay": weight_decay},
        {"params": [], "weight_decay": 0.0},
    ]


@mistake(
    "1.18",
    "optim.decay_groups",
    "A tied parameter is there twice: the head is the embedding table, and would be updated as two.",
)
def decay_groups_tied_twice(model, weight_decay):
    trained = [
        p for module in model.modules() for p in module.parameters(recurse=False) if p.requires_grad
    ]
    return [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]


@mistake(
    "1.18",
    "optim.decay_groups",
    "Frozen parameters are sorted too; what needs no gradient is none of the optimiser's business.",
)
def decay_groups_with_frozen(model, weight_decay):
    return [
        {"params": [p for p in model.parameters() if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]


@mistake(
    "1.18",
    "optim.decay_groups",
    "The groups are the wrong way round: gains and biases decay, the matrices do not.",
)
def decay_groups_swapped(model, weight_decay):
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": 0.0},
    ]


@mistake(
    "1.18",
    "optim.decay_groups",
    "Embedding tables are spared, and with a tied head the output matrix too; two axes decay, whatever they stand for.",
)
def decay_groups_spares_tables(model, weight_decay):
    tables = {
        id(p)
        for module in model.modules()
        if isinstance(module, nn.Embedding)
        for p in module.parameters()
    }
    trained = [p for p in model.parameters() if p.requires_grad]
    decays = [p for p in trained if p.ndim >= 2 and id(p) not in tables]
    return [
        {"params": decays, "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim < 2 or id(p) in tables], "weight_decay": 0.0},
    ]
