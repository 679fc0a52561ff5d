"""The mistakes of `mistakes/init.py`, as others would write them."""

import math

import torch
from torch import nn

from shared.mistakes import attempt


def _fill(weight, std, generator):
    with torch.no_grad():
        weight.copy_(torch.randn(weight.shape, generator=generator, dtype=weight.dtype) * std)


def _zero_biases(model):
    for module in model.modules():
        if isinstance(module, nn.Linear) and module.bias is not None:
            module.bias.data.zero_()


def _layers(model):
    """Yield name, weight and whether it is a table or the head, each weight once."""
    seen = set()
    for name, module in model.named_modules():
        if isinstance(module, (nn.Linear, nn.Embedding)) and id(module.weight) not in seen:
            seen.add(id(module.weight))
            yield name, module.weight, isinstance(module, nn.Embedding) or name == "head"


@attempt("init_stream_not_scaled")
def _(model, generator=None, scheme="gpt2"):
    for name, weight, is_table in _layers(model):
        if scheme == "gpt2" or is_table:
            _fill(weight, 0.02, generator)
        elif name.endswith("proj"):
            weight.data.zero_()
        else:
            _fill(weight, weight.shape[1] ** -0.5, generator)
    _zero_biases(model)


@attempt("init_stream_by_layers")
def _(model, generator=None, scheme="gpt2"):
    shrink = model.config.n_layer**-0.5
    for name, weight, is_table in _layers(model):
        if scheme == "gpt2":
            _fill(weight, 0.02 * (shrink if name.endswith("proj") else 1), generator)
        elif name.endswith("proj"):
            weight.data.zero_()
        else:
            _fill(weight, 0.02 if is_table else weight.shape[1] ** -0.5, generator)
    _zero_biases(model)


@attempt("init_stream_without_root")
def _(model, generator=None, scheme="gpt2"):
    shrink = 0.5 / model.config.n_layer
    for name, weight, is_table in _layers(model):
        if scheme == "gpt2":
            _fill(weight, 0.02 * (shrink if name.endswith("proj") else 1), generator)
        elif name.endswith("proj"):
            weight.data.zero_()
        else:
            _fill(weight, 0.02 if is_table else weight.shape[1] ** -0.5, generator)
    _zero_biases(model)


@attempt("init_attention_only")
def _(model, generator=None, scheme="gpt2"):
    for name, weight, is_table in _layers(model):
        std = 0.02 if is_table or scheme == "gpt2" else weight.shape[1] ** -0.5
        if scheme == "modern" and name.endswith("proj"):
            std = 0
        _fill(weight, std, generator)
    if scheme == "gpt2":
        for block in model.blocks:
            _fill(block.attention.proj.weight, 0.02 * (2 * len(model.blocks)) ** -0.5, generator)
    _zero_biases(model)


@attempt("init_without_tables")
def _(model, generator=None, scheme="gpt2"):
    depth = math.sqrt(2 * len(model.blocks))
    for name, weight, is_table in _layers(model):
        if is_table and name != "head":
            continue
        std = 0.02 if is_table or scheme == "gpt2" else weight.shape[1] ** -0.5
        if name.endswith("proj"):
            std = 0.02 / depth if scheme == "gpt2" else 0.0
        _fill(weight, std, generator)
    _zero_biases(model)


@attempt("init_variance_as_std")
def _(model, generator=None, scheme="gpt2"):
    for name, weight, is_table in _layers(model):
        variance = 0.02**2 if is_table or scheme == "gpt2" else 1 / weight.shape[1]
        if name.endswith("proj"):
            variance = 0.02**2 / (2 * model.config.n_layer) if scheme == "gpt2" else 0.0
        _fill(weight, variance, generator)
    _zero_biases(model)


@attempt("init_uniform")
def _(model, generator=None, scheme="gpt2"):
    for name, weight, is_table in _layers(model):
        std = 0.02 if is_table or scheme == "gpt2" else weight.shape[1] ** -0.5
        if name.endswith("proj"):
            std = 0.02 * (2 * model.config.n_layer) ** -0.5 if scheme == "gpt2" else 0.0
        draws = 2 * torch.rand(weight.shape, generator=generator) - 1
        weight.data.copy_(draws * std * 3**0.5)
    _zero_biases(model)


@attempt("init_ignores_generator")
def _(model, generator=None, scheme="gpt2"):
    for name, weight, is_table in _layers(model):
        std = 0.02 if is_table or scheme == "gpt2" else weight.shape[1] ** -0.5
        if name.endswith("proj"):
            std = 0.02 * (2 * model.config.n_layer) ** -0.5 if scheme == "gpt2" else 0.0
        _fill(weight, std, None)
    _zero_biases(model)


@attempt("init_leaves_biases")
def _(model, generator=None, scheme="gpt2"):
    for name, weight, is_table in _layers(model):
        std = 0.02 if is_table or scheme == "gpt2" else weight.shape[1] ** -0.5
        if name.endswith("proj"):
            std = 0.02 * (2 * model.config.n_layer) ** -0.5 if scheme == "gpt2" else 0.0
        _fill(weight, std, generator)


@attempt("init_draws_the_norms")
def _(model, generator=None, scheme="gpt2"):
    for name, parameter in model.named_parameters():
        std = 0.02
        if "blocks" in name and parameter.dim() == 2:
            is_proj = "proj" in name
            if scheme == "modern":
                std = 0.0 if is_proj else parameter.shape[1] ** -0.5
            elif is_proj:
                std = 0.02 * (2 * model.config.n_layer) ** -0.5
        if name.endswith("bias"):
            std = 0.0
        _fill(parameter, std, generator)


@attempt("init_modern_fan_out")
def _(model, generator=None, scheme="gpt2"):
    for name, weight, is_table in _layers(model):
        std = 0.02 if is_table or scheme == "gpt2" else weight.shape[0] ** -0.5
        if name.endswith("proj"):
            std = 0.02 * (2 * model.config.n_layer) ** -0.5 if scheme == "gpt2" else 0.0
        _fill(weight, std, generator)
    _zero_biases(model)


@attempt("init_modern_head_by_fan_in")
def _(model, generator=None, scheme="gpt2"):
    for name, weight, is_table in _layers(model):
        std = 0.02 if is_table or scheme == "gpt2" else weight.shape[1] ** -0.5
        if name.endswith("proj"):
            std = 0.02 * (2 * model.config.n_layer) ** -0.5 if scheme == "gpt2" else 0.0
        _fill(weight, std, generator)
    if scheme == "modern":
        _fill(model.head.weight, model.config.n_embd**-0.5, generator)
    _zero_biases(model)


@attempt("init_modern_stream_not_zero")
def _(model, generator=None, scheme="gpt2"):
    for name, weight, is_table in _layers(model):
        std = 0.02 if is_table or scheme == "gpt2" else weight.shape[1] ** -0.5
        if name.endswith("proj") and scheme == "gpt2":
            std = 0.02 * (2 * model.config.n_layer) ** -0.5
        _fill(weight, std, generator)
    _zero_biases(model)


@attempt("init_modern_is_gpt2")
def _(model, generator=None, scheme="modern"):
    shrink = (2 * model.config.n_layer) ** -0.5
    for name, weight, _table in _layers(model):
        _fill(weight, 0.02 * shrink if name.endswith("proj") else 0.02, generator)
    _zero_biases(model)


@attempt("init_modern_without_root")
def _(model, generator=None, scheme="gpt2"):
    shrink = (2 * model.config.n_layer) ** -0.5
    for name, weight, is_table in _layers(model):
        if scheme == "gpt2":
            _fill(weight, 0.02 * (shrink if name.endswith("proj") else 1), generator)
        elif name.endswith("proj"):
            weight.data.zero_()
        else:
            _fill(weight, 0.02 if is_table else 1 / weight.shape[1], generator)
    _zero_biases(model)


@attempt("init_shrinks_all_linear")
def _(model, generator=None, scheme="gpt2"):
    shrink = (2 * model.config.n_layer) ** -0.5
    for name, module in model.named_modules():
        if isinstance(module, nn.Embedding):
            _fill(module.weight, 0.02, generator)
        elif isinstance(module, nn.Linear):
            fan_in = module.weight.shape[1]
            modern = 0.02 if name == "head" else 0 if name.endswith("proj") else fan_in**-0.5
            _fill(module.weight, 0.02 * shrink if scheme == "gpt2" else modern, generator)
    _zero_biases(model)


@attempt("init_breaks_the_tie")
def _(model, generator=None, scheme="gpt2"):
    shrink = (2 * model.config.n_layer) ** -0.5
    for name, module in list(model.named_modules()):
        if not isinstance(module, (nn.Linear, nn.Embedding)):
            continue
        is_table = isinstance(module, nn.Embedding) or name == "head"
        std = 0.02 * (shrink if name.endswith("proj") else 1)
        if scheme == "modern" and not is_table:
            std = 0 if name.endswith("proj") else module.weight.shape[1] ** -0.5
        fresh = torch.empty_like(module.weight).normal_(generator=generator)
        module.weight = nn.Parameter(fresh * std)
    _zero_biases(model)


@attempt("init_modern_relu_gain")
def _(model, generator=None, scheme="gpt2"):
    shrink = (2 * model.config.n_layer) ** -0.5
    for name, weight, is_table in _layers(model):
        if scheme == "gpt2" or is_table:
            _fill(weight, 0.02 * (shrink if name.endswith("proj") else 1), generator)
        elif name.endswith("proj"):
            weight.data.zero_()
        else:
            nn.init.kaiming_normal_(weight, generator=generator)
    _zero_biases(model)
