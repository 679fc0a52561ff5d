"""The mistakes of `mistakes/inject.py`, as others would write them."""

import contextlib
import re

import torch

from phase3_alignment.solution import inject as given
from phase3_alignment.solution.adapted import AdaptedLayer, sizes
from phase3_alignment.solution.heads import TrainedHead
from shared.mistakes import attempt


def search(pairs, targets, fits):
    """Names of the pairs that fit a target, in order; an error for a target without a name."""
    targets = [targets] if isinstance(targets, str) else list(targets)
    hits = [[name for name in pairs if fits(name, target)] for target in targets]
    if not all(hits):
        raise ValueError(f"nothing is called {targets[hits.index([])]}")
    return [name for name in pairs if any(name in names for names in hits)]


def named(model):
    for name, module in given.outer_modules(model):
        if name != "" and sizes(module) is not None:
            yield name


def rule(targets, ending):
    """A regex for a string, `ending(name, target)` for a sequence."""
    if isinstance(targets, str):
        return lambda name, target: re.match(f"(?:{target})$", name) is not None
    return ending


@attempt("matching_any_ending")
def _(model, targets):
    return search(list(named(model)), targets, rule(targets, str.endswith))


@attempt("matching_anywhere")
def _(model, targets):
    return search(list(named(model)), targets, rule(targets, str.__contains__))


@attempt("matching_last_part")
def _(model, targets):
    last = rule(targets, lambda name, target: name.rpartition(".")[2] == target)
    return search(list(named(model)), targets, last)


@attempt("matching_regex_anywhere")
def _(model, targets):
    if isinstance(targets, str):
        return search(list(named(model)), targets, lambda n, t: bool(re.findall(t, n)))
    return search(list(named(model)), targets, lambda n, t: n == t or n.endswith("." + t))


@attempt("matching_every_module")
def _(model, targets):
    names = [name for name, _ in given.outer_modules(model)][1:]
    return search(names, targets, rule(targets, lambda n, t: n == t or n.endswith("." + t)))


@attempt("matching_linear_only")
def _(model, targets):
    names = []
    for name, module in given.outer_modules(model):
        if isinstance(module, AdaptedLayer):
            module = module.base_layer
        if type(module) is torch.nn.Linear:
            names.append(name)
    return search(names, targets, rule(targets, lambda n, t: n == t or n.endswith("." + t)))


@attempt("matching_silent")
def _(model, targets):
    fits = rule(targets, lambda n, t: n == t or n.endswith("." + t))
    targets = [targets] if isinstance(targets, str) else targets
    return [name for name in named(model) if any(fits(name, t) for t in targets)]


@attempt("matching_by_target")
def _(model, targets):
    fits = rule(targets, lambda n, t: n == t or n.endswith("." + t))
    found = []
    for target in [targets] if isinstance(targets, str) else targets:
        names = list(filter(lambda name: fits(name, target), named(model)))
        if not names:
            raise ValueError(target)
        found.extend(names)
    return found


@attempt("matching_inside_too")
def _(model, targets):
    names = [name for name, m in list(model.named_modules())[1:] if sizes(m) is not None]
    return search(names, targets, rule(targets, lambda n, t: n == t or n.endswith("." + t)))


def put(model, name, holder):
    *path, child = name.split(".")
    setattr(model.get_submodule(".".join(path)), child, holder)


@attempt("wrap_again")
def _(model, name, kind):
    old = model.get_submodule(name)
    new = kind(old)
    new.train(old.training)
    for place in [n for n, m in model.named_modules(remove_duplicate=False) if m is old]:
        put(model, place, new)
    return new


@attempt("wrap_one_place")
def _(model, name, kind):
    old = model.get_submodule(name)
    if not isinstance(old, kind):
        put(model, name, kind(old).train(old.training))
    return model.get_submodule(name)


@attempt("wrap_beside")
def _(model, name, kind):
    old = model.get_submodule(name)
    if isinstance(old, kind):
        return old
    new = kind(old)
    new.training = old.training
    return new


def install(model, config, name, layers, endings):
    for layer in layers:
        given.wrap(model, layer, AdaptedLayer).add(name, **config.options(layer))
    for head in given.heads(model, endings):
        given.wrap(model, head, TrainedHead).add(name)


def outside(model, config):
    heads = given.heads(model, config.heads)
    names = given.matching(model, config.targets)
    return [n for n in names if not any(n == h or n.startswith(h + ".") for h in heads)]


def freeze(model):
    for p in model.parameters():
        p.requires_grad = False


@attempt("inject_freezes_last")
def _(model, config, name="default"):
    install(model, config, name, outside(model, config), config.heads)
    given.activate(model, name)
    freeze(model)


@attempt("inject_freezes_nothing")
def _(model, config, name="default"):
    install(model, config, name, outside(model, config), config.heads)
    given.activate(model, name)


@attempt("inject_freezes_targets")
def _(model, config, name="default"):
    layers = outside(model, config)
    for layer in layers:
        freeze(model.get_submodule(layer))
    install(model, config, name, layers, config.heads)
    given.activate(model, name)


@attempt("inject_forgets_heads")
def _(model, config, name="default"):
    freeze(model)
    install(model, config, name, outside(model, config), ())
    given.activate(model, name)


@attempt("inject_adapts_heads")
def _(model, config, name="default"):
    freeze(model)
    layers, heads = given.matching(model, config.targets), given.heads(model, config.heads)
    install(model, config, name, layers, ())
    for head in heads:
        given.wrap(model, head, TrainedHead).add(name)
    given.activate(model, name)


@attempt("inject_one_size")
def _(model, config, name="default"):
    freeze(model)
    for layer in outside(model, config):
        given.wrap(model, layer, AdaptedLayer).add(
            name, config.r, config.alpha, config.dropout, config.rslora, config.dora
        )
    install(model, config, name, (), config.heads)
    given.activate(model, name)


@attempt("inject_without_activation")
def _(model, config, name="default"):
    freeze(model)
    install(model, config, name, outside(model, config), config.heads)


@attempt("inject_activates_beside")
def _(model, config, name="default"):
    freeze(model)
    names = {other for holder in given.holders(model) for other in holder.active}
    install(model, config, name, outside(model, config), config.heads)
    given.activate(model, *sorted(names), name)


def switch(holders, on):
    for holder in holders:
        holder.enabled = on


@attempt("disabled_without_finally")
@contextlib.contextmanager
def _(model):
    given.require_unmerged(model)
    there = given.holders(model)
    was = [holder.enabled for holder in there]
    switch(there, False)
    yield
    for i, holder in enumerate(there):
        holder.enabled = was[i]


@attempt("disabled_enables_all")
@contextlib.contextmanager
def _(model):
    given.require_unmerged(model)
    there = given.holders(model)
    switch(there, False)
    try:
        yield
    finally:
        switch(there, True)


@attempt("disabled_forgets_heads")
@contextlib.contextmanager
def _(model):
    given.require_unmerged(model)
    was = {m: m.enabled for m in model.modules() if isinstance(m, AdaptedLayer)}
    switch(was, False)
    try:
        yield
    finally:
        for holder in was:
            holder.enabled = was[holder]


@attempt("disabled_while_merged")
@contextlib.contextmanager
def _(model):
    was = {holder: holder.enabled for holder in given.holders(model)}
    switch(was, False)
    try:
        yield
    finally:
        for holder in was:
            holder.enabled = was[holder]


@attempt("disabled_for_good")
@contextlib.contextmanager
def _(model):
    given.require_unmerged(model)
    switch(given.holders(model), False)
    yield
