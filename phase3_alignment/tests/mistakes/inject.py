"""Classic wrong answers for `solution/inject.py`."""

import re
from contextlib import contextmanager

from torch import nn

from phase3_alignment.solution.adapted import AdaptedLayer, sizes
from phase3_alignment.solution.heads import TrainedHead
from phase3_alignment.solution.inject import (
    activate,
    heads,
    holders,
    matching,
    outer_modules,
    require_unmerged,
    wrap,
)
from shared.mistakes import mistake


def pick(layers, targets, regex=re.fullmatch, ends=lambda n, t: f".{n}".endswith(f".{t}")):
    """Choose names as the solution does, but for the parts that are given."""
    if isinstance(targets, str):
        meant = {targets: [name for name in layers if regex(targets, name)]}
    else:
        meant = {t: [name for name in layers if ends(name, t)] for t in targets}
    for target, names in meant.items():
        if not names:
            raise ValueError(f"no layer that can be adapted is called {target!r}")
    chosen = set().union(*meant.values())
    return [name for name in layers if name in chosen]


def adaptable(model):
    return [name for name, module in outer_modules(model) if name and sizes(module)]


@mistake(
    "3.3",
    "inject.matching",
    "A name that ends in the target's letters is not meant: the ending begins at a dot.",
)
def matching_any_ending(model, targets):
    return pick(adaptable(model), targets, ends=lambda name, t: name.endswith(t))


@mistake(
    "3.3",
    "inject.matching",
    'A target anywhere in the name is enough: then "1" means all that is in block 1.',
)
def matching_anywhere(model, targets):
    return pick(adaptable(model), targets, ends=lambda name, t: t in name)


@mistake(
    "3.3",
    "inject.matching",
    'Only the last part of the name is compared: a target may be longer, as in "1.q" or the full name.',
)
def matching_last_part(model, targets):
    return pick(adaptable(model), targets, ends=lambda name, t: name.split(".")[-1] == t)


@mistake(
    "3.3",
    "inject.matching",
    "The regex need only occur in the name: a full match was asked for.",
)
def matching_regex_anywhere(model, targets):
    return pick(adaptable(model), targets, regex=re.search)


@mistake(
    "3.3",
    "inject.matching",
    "Blocks and norms are returned as well: only layers whose sizes are known can be adapted.",
)
def matching_every_module(model, targets):
    return pick([name for name, _ in outer_modules(model) if name], targets)


@mistake(
    "3.3",
    "inject.matching",
    "Only nn.Linear counts here: GPT-2's Conv1D, embeddings and layers in four bits have sizes too.",
)
def matching_linear_only(model, targets):
    modules = [(name, getattr(m, "base_layer", m)) for name, m in outer_modules(model)]
    return pick([name for name, m in modules if isinstance(m, nn.Linear)], targets)


@mistake(
    "3.3", "inject.matching", "A misspelt target is passed over in silence: nobody will find out."
)
def matching_silent(model, targets):
    if isinstance(targets, str):
        return [name for name in adaptable(model) if re.fullmatch(targets, name)]
    ends = tuple(f".{t}" for t in targets)
    return [name for name in adaptable(model) if f".{name}".endswith(ends)]


@mistake(
    "3.3",
    "inject.matching",
    "The names come target by target: the model's order was asked for, and each name once.",
)
def matching_by_target(model, targets):
    if isinstance(targets, str):
        return pick(adaptable(model), targets)
    return [name for t in targets for name in pick(adaptable(model), [t])]


@mistake(
    "3.3",
    "inject.matching",
    "What is inside of an adapted layer counts too: a second adapter would wrap the base a second time.",
)
def matching_inside_too(model, targets):
    return pick([name for name, m in model.named_modules() if name and sizes(m)], targets)


@mistake(
    "3.3",
    "inject.wrap",
    "A layer that holds adapters already is wrapped once more: adapters of one layer live side by side.",
)
def wrap_again(model, name, kind):
    module = model.get_submodule(name)
    modules = model.named_modules(remove_duplicate=False)
    places = [place for place, its_module in modules if its_module is module]
    holder = kind(module).train(module.training)
    for place in places:
        parent, _, child = place.rpartition(".")
        setattr(model.get_submodule(parent), child, holder)
    return holder


@mistake("3.3", "inject.wrap", "A module in two places is replaced in one of them only.")
def wrap_one_place(model, name, kind):
    module = model.get_submodule(name)
    if isinstance(module, kind):
        return module
    holder = kind(module).train(module.training)
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, holder)
    return holder


@mistake("3.3", "inject.wrap", "The holder is made and never put into the model.")
def wrap_beside(model, name, kind):
    module = model.get_submodule(name)
    return module if isinstance(module, kind) else kind(module).train(module.training)


@mistake(
    "3.3",
    "inject.inject",
    "The model is frozen when all is done, and the new adapter with it: freeze first, then inject.",
)
def inject_freezes_last(model, config, name="default"):
    whole = heads(model, config.heads)
    inside = tuple(f"{head}." for head in whole)
    layers = [n for n in matching(model, config.targets) if not f"{n}.".startswith(inside)]
    for layer in layers:
        wrap(model, layer, AdaptedLayer).add(name, **config.options(layer))
    for head in whole:
        wrap(model, head, TrainedHead).add(name)
    activate(model, name)
    model.requires_grad_(False)


@mistake("3.3", "inject.inject", "Nothing is frozen: the whole base trains beside the adapters.")
def inject_freezes_nothing(model, config, name="default"):
    whole = heads(model, config.heads)
    inside = tuple(f"{head}." for head in whole)
    layers = [n for n in matching(model, config.targets) if not f"{n}.".startswith(inside)]
    for layer in layers:
        wrap(model, layer, AdaptedLayer).add(name, **config.options(layer))
    for head in whole:
        wrap(model, head, TrainedHead).add(name)
    activate(model, name)


@mistake(
    "3.3",
    "inject.inject",
    "Only the adapted layers are frozen: norms, biases and all other layers still train.",
)
def inject_freezes_targets(model, config, name="default"):
    whole = heads(model, config.heads)
    inside = tuple(f"{head}." for head in whole)
    layers = [n for n in matching(model, config.targets) if not f"{n}.".startswith(inside)]
    for layer in layers:
        holder = wrap(model, layer, AdaptedLayer)
        holder.requires_grad_(False)
        holder.add(name, **config.options(layer))
    for head in whole:
        wrap(model, head, TrainedHead).add(name)
    activate(model, name)


@mistake("3.3", "inject.inject", "The heads of the config are forgotten: they stay frozen.")
def inject_forgets_heads(model, config, name="default"):
    inside = tuple(f"{head}." for head in heads(model, config.heads))
    layers = [n for n in matching(model, config.targets) if not f"{n}.".startswith(inside)]
    model.requires_grad_(False)
    for layer in layers:
        wrap(model, layer, AdaptedLayer).add(name, **config.options(layer))
    activate(model, name)


@mistake(
    "3.3",
    "inject.inject",
    "A layer inside of a head gets a correction: the head is trained whole already.",
)
def inject_adapts_heads(model, config, name="default"):
    layers, whole = matching(model, config.targets), heads(model, config.heads)
    model.requires_grad_(False)
    for layer in layers:
        wrap(model, layer, AdaptedLayer).add(name, **config.options(layer))
    for head in whole:
        wrap(model, head, TrainedHead).add(name)
    activate(model, name)


@mistake(
    "3.3",
    "inject.inject",
    "Every layer gets the same rank and alpha: `config.options` knows the exceptions by name.",
)
def inject_one_size(model, config, name="default"):
    whole = heads(model, config.heads)
    inside = tuple(f"{head}." for head in whole)
    layers = [n for n in matching(model, config.targets) if not f"{n}.".startswith(inside)]
    model.requires_grad_(False)
    for layer in layers:
        wrap(model, layer, AdaptedLayer).add(name, **config.options(""))
    for head in whole:
        wrap(model, head, TrainedHead).add(name)
    activate(model, name)


@mistake(
    "3.3",
    "inject.inject",
    "The new adapter is not activated, so it neither acts nor is trained.",
)
def inject_without_activation(model, config, name="default"):
    whole = heads(model, config.heads)
    inside = tuple(f"{head}." for head in whole)
    layers = [n for n in matching(model, config.targets) if not f"{n}.".startswith(inside)]
    model.requires_grad_(False)
    for layer in layers:
        wrap(model, layer, AdaptedLayer).add(name, **config.options(layer))
    for head in whole:
        wrap(model, head, TrainedHead).add(name)


@mistake(
    "3.3",
    "inject.inject",
    "The adapters that were active before stay active: the new one was to be the only one.",
)
def inject_activates_beside(model, config, name="default"):
    whole = heads(model, config.heads)
    inside = tuple(f"{head}." for head in whole)
    layers = [n for n in matching(model, config.targets) if not f"{n}.".startswith(inside)]
    before = [other for holder in holders(model) for other in holder.active]
    model.requires_grad_(False)
    for layer in layers:
        wrap(model, layer, AdaptedLayer).add(name, **config.options(layer))
    for head in whole:
        wrap(model, head, TrainedHead).add(name)
    activate(model, *dict.fromkeys(before), name)


@mistake(
    "3.3",
    "inject.disabled",
    "After an exception in the block the adapters stay off: putting back belongs into `finally`.",
)
@contextmanager
def disabled_without_finally(model):
    require_unmerged(model)
    before = [(holder, holder.enabled) for holder in holders(model)]
    for holder, _ in before:
        holder.enabled = False
    yield
    for holder, was_enabled in before:
        holder.enabled = was_enabled


@mistake(
    "3.3",
    "inject.disabled",
    "Everything is switched on at the end: an inner block then ends the outer one too.",
)
@contextmanager
def disabled_enables_all(model):
    require_unmerged(model)
    for holder in holders(model):
        holder.enabled = False
    try:
        yield
    finally:
        for holder in holders(model):
            holder.enabled = True


@mistake(
    "3.3",
    "inject.disabled",
    "Only layers are switched off: the trained head answers still, and the model is not its base.",
)
@contextmanager
def disabled_forgets_heads(model):
    require_unmerged(model)
    layers = [holder for holder in holders(model) if isinstance(holder, AdaptedLayer)]
    before = [(holder, holder.enabled) for holder in layers]
    for holder, _ in before:
        holder.enabled = False
    try:
        yield
    finally:
        for holder, was_enabled in before:
            holder.enabled = was_enabled


@mistake(
    "3.3",
    "inject.disabled",
    "Nobody asks whether the adapters are merged: then the block gives the adapted model, unnoticed.",
)
@contextmanager
def disabled_while_merged(model):
    before = [(holder, holder.enabled) for holder in holders(model)]
    for holder, _ in before:
        holder.enabled = False
    try:
        yield
    finally:
        for holder, was_enabled in before:
            holder.enabled = was_enabled


@mistake("3.3", "inject.disabled", "Nothing is put back: after the block the adapters stay off.")
@contextmanager
def disabled_for_good(model):
    require_unmerged(model)
    for holder in holders(model):
        holder.enabled = False
    yield
