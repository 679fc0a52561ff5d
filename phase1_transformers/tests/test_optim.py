import pytest
import torch
from torch import nn

from phase1_transformers.solution import optim
from phase1_transformers.solution.config import gpt2, modern
from phase1_transformers.solution.gpt import GPT
from shared import checks

SMALL = {"vocab_size": 11, "block_size": 8, "n_layer": 1, "n_head": 2, "n_embd": 8}


def names(model, weight_decay=0.1):
    """Names of the parameters in each group, in the groups' order."""
    name = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = optim.decay_groups(model, weight_decay)
    checks.equal([sorted(group) for group in groups], [["params", "weight_decay"]] * 2, "the keys")
    kinds = [type(group["params"]).__name__ for group in groups]
    checks.equal(kinds, ["list", "list"], "what the params of both groups are")
    return [[name.get(id(p), "no parameter") for p in group["params"]] for group in groups]


@pytest.mark.exercise("1.18")
def test_a_layer_and_a_norm():
    model = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3))
    decaying, others = names(model)
    checks.equal(decaying, ["0.weight"], "Linear and LayerNorm: what decays")
    checks.equal(others, ["0.bias", "1.weight", "1.bias"], "Linear and LayerNorm: what does not")


@pytest.mark.exercise("1.18")
def test_how_much_the_groups_decay():
    groups = optim.decay_groups(nn.Linear(2, 3), 0.25)
    checks.equal([group["weight_decay"] for group in groups], [0.25, 0.0], "weight decay of both")


@pytest.mark.exercise("1.18")
def test_tied_parameters_are_there_once():
    model = GPT(gpt2(**SMALL))
    every = [name for group in names(model) for name in group]
    checks.equal(sorted(every), sorted(dict(model.named_parameters())), "GPT-2: all that is sorted")


@pytest.mark.exercise("1.18")
def test_tables_decay_and_gains_do_not():
    decaying, others = names(GPT(gpt2(**SMALL)))
    checks.law("token_embedding.weight" in decaying, "embedding tables decay", decaying)
    decaying, others = names(GPT(modern(**SMALL)))
    checks.law("blocks.0.attention.q_norm" in others, "the gain of QK-norm does not decay", others)


@pytest.mark.exercise("1.18")
def test_frozen_parameters_are_in_no_group():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    model[0].requires_grad_(False)
    checks.equal(names(model), [["1.weight"], ["1.bias"]], "the first of two layers is frozen")


@pytest.mark.exercise("1.18")
def test_it_is_the_axes_that_count():
    model = nn.Module()
    model.scale = nn.Parameter(torch.ones(()))
    model.bias = nn.Parameter(torch.ones(2, 1))
    model.kernel = nn.Parameter(torch.ones(2, 3, 4))
    model.weight = nn.Parameter(torch.ones(5))
    expected = [["bias", "kernel"], ["scale", "weight"]]
    checks.equal(names(model), expected, "parameters of 0, 2, 3 and 1 axes, with misleading names")


@pytest.mark.exercise("1.18")
def test_both_groups_are_always_there():
    checks.equal(names(nn.LayerNorm(3)), [[], ["weight", "bias"]], "a norm alone")
    checks.equal(names(nn.Embedding(3, 2)), [["weight"], []], "a table alone")


def test_torch_takes_the_groups():
    model = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3))
    optimizer = torch.optim.AdamW(optim.decay_groups(model, 0.5), lr=0.1)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in model.named_parameters():
        shrunk = 0.95 if name == "0.weight" else 1.0
        checks.close(parameter, shrunk * before[name], f"{name} after a step without gradient")
