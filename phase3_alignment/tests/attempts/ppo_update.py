"""The mistakes of `mistakes/ppo_update.py`, as others would write them."""

import dataclasses

import torch
from torch import nn

from phase3_alignment.solution import ppo
from phase3_alignment.solution.ppo_update import StepStats, evaluate, loss
from shared.mistakes import attempt

# -- the loss -----------------------------------------------------------------------------------


def _losses(model, b, config, old=None, old_values=None, advantages=None, value_clip=None):
    """Both losses and the entropies, with something else in place of what belongs there."""
    new, entropies, values = evaluate(model, b.ids, b.mask, b.actions, config)
    one = ppo.policy_loss(
        new,
        b.logprobs if old is None else old(new),
        b.advantages if advantages is None else advantages,
        b.actions,
        config.clip_coef,
    )
    two = ppo.value_loss(
        values,
        b.values if old_values is None else old_values(values),
        b.returns,
        b.actions,
        config.value_clip_coef if value_clip is None else value_clip,
    )
    return one, two, entropies


def _mean(entropies, actions):
    return entropies[actions].mean()


def _result(one, two, entropy, total):
    (pl, ps), (vl, vs) = one, two
    numbers = [pl, vl, entropy, ps.approx_kl, ps.clip_fraction, vs.clip_fraction]
    return total, StepStats(*[float(x.detach()) for x in [*numbers, vs.explained_variance]])


@attempt("loss_entropy_added")
def _(model, batch, config):
    one, two, h = _losses(model, batch, config)
    h = _mean(h, batch.actions)
    total = one[0] + config.value_coef * two[0]
    total = total + config.entropy_coef * h
    return _result(one, two, h, total)


@attempt("loss_value_subtracted")
def _(model, batch, config):
    one, two, h = _losses(model, batch, config)
    h = _mean(h, batch.actions)
    total = one[0] - (config.value_coef * two[0] + config.entropy_coef * h)
    return _result(one, two, h, total)


@attempt("loss_without_value_coef")
def _(model, batch, config):
    one, two, h = _losses(model, batch, config)
    h = _mean(h, batch.actions)
    return _result(one, two, h, sum([one[0], two[0], -h * config.entropy_coef]))


@attempt("loss_entropy_over_padding")
def _(model, batch, config):
    one, two, h = _losses(model, batch, config)
    h = h.sum() / h.numel()
    return _result(one, two, h, one[0] + two[0] * config.value_coef - h * config.entropy_coef)


@attempt("loss_ratio_always_1")
def _(model, batch, config):
    one, two, h = _losses(model, batch, config, old=lambda new: new.clone().detach())
    h = _mean(h, batch.actions)
    return _result(one, two, h, one[0] + two[0] * config.value_coef - h * config.entropy_coef)


@attempt("loss_values_against_themselves")
def _(model, batch, config):
    one, two, h = _losses(model, batch, config, old_values=lambda v: v.clone().detach())
    h = _mean(h, batch.actions)
    return _result(one, two, h, one[0] + two[0] * config.value_coef - h * config.entropy_coef)


@attempt("loss_whitens_again")
def _(model, batch, config):
    a = batch.advantages[batch.actions]
    white = (batch.advantages - a.mean()) / (a.var(correction=0) + 1e-8).sqrt()
    one, two, h = _losses(model, batch, config, advantages=white)
    h = _mean(h, batch.actions)
    return _result(one, two, h, one[0] + two[0] * config.value_coef - h * config.entropy_coef)


@attempt("loss_returns_for_advantages")
def _(model, batch, config):
    one, two, h = _losses(model, batch, config, advantages=batch.returns.clone())
    h = _mean(h, batch.actions)
    return _result(one, two, h, one[0] + two[0] * config.value_coef - h * config.entropy_coef)


@attempt("loss_one_clip_for_both")
def _(model, batch, config):
    one, two, h = _losses(model, batch, config, value_clip=config.clip_coef)
    h = _mean(h, batch.actions)
    return _result(one, two, h, one[0] + two[0] * config.value_coef - h * config.entropy_coef)


# -- the update ---------------------------------------------------------------------------------


def _pieces(order, size):
    return [order[i : i + size] for i in range(0, len(order), size)]


def _too_far(stats, config):
    return config.target_kl is not None and stats.approx_kl > config.target_kl


def _step(model, optimizer, total, config, clear=True):
    """The four lines of a right step; the gradient's length before it was shortened."""
    if clear:
        optimizer.zero_grad()
    total.backward()
    length = float(nn.utils.clip_grad_norm_(list(model.parameters()), config.max_grad_norm))
    optimizer.step()
    return length


def _walk(model, optimizer, experience, config, orders, clear=True):
    """A right update over given orders, one for each epoch."""
    records = []
    for order in orders:
        for rows in _pieces(order, config.minibatch_size):
            total, stats = loss(model, experience.rows(rows), config)
            if _too_far(stats, config):
                records.append(stats)
                return records
            length = _step(model, optimizer, total, config, clear)
            records.append(dataclasses.replace(stats, grad_norm=length))
    return records


@attempt("update_one_epoch")
def _(model, optimizer, experience, config, generator):
    B = experience.ids.shape[0]
    return _walk(model, optimizer, experience, config, [torch.randperm(B, generator=generator)])


@attempt("update_same_order")
def _(model, optimizer, experience, config, generator):
    order = torch.randperm(experience.ids.shape[0], generator=generator)
    return _walk(model, optimizer, experience, config, [order] * config.n_epochs)


@attempt("update_not_shuffled")
def _(model, optimizer, experience, config, generator):
    order = torch.tensor(range(experience.ids.shape[0]))
    return _walk(model, optimizer, experience, config, [order for _ in range(config.n_epochs)])


@attempt("update_with_replacement")
def _(model, optimizer, experience, config, generator):
    B = experience.ids.shape[0]
    draws = (torch.randint(0, B, size=(B,), generator=generator) for _ in range(config.n_epochs))
    return _walk(model, optimizer, experience, config, draws)


@attempt("update_drops_the_rest")
def _(model, optimizer, experience, config, generator):
    B = experience.ids.shape[0]
    whole = B // config.minibatch_size * config.minibatch_size
    draws = (torch.randperm(B, generator=generator)[:whole] for _ in range(config.n_epochs))
    return _walk(model, optimizer, experience, config, draws)


@attempt("update_never_clears")
def _(model, optimizer, experience, config, generator):
    B = experience.ids.shape[0]
    draws = (torch.randperm(B, generator=generator) for _ in range(config.n_epochs))
    return _walk(model, optimizer, experience, config, draws, clear=False)


@attempt("update_clears_each_epoch")
def _(model, optimizer, experience, config, generator):
    records = []
    for _ in range(config.n_epochs):
        model.zero_grad()
        order = torch.randperm(experience.ids.shape[0], generator=generator)
        part = _walk(model, optimizer, experience, config, [order], clear=False)
        records = records + part
        if _too_far(part[-1], config):
            break
    return records


@attempt("update_not_clipped")
def _(model, optimizer, experience, config, generator):
    B = experience.ids.shape[0]
    draws = (torch.randperm(B, generator=generator) for _ in range(config.n_epochs))
    free = dataclasses.replace(config, max_grad_norm=float("inf"))
    return _walk(model, optimizer, experience, free, draws)


@attempt("update_clips_after_the_step")
def _(model, optimizer, experience, config, generator):
    records = []
    for _ in range(config.n_epochs):
        order = torch.randperm(experience.ids.shape[0], generator=generator)
        for rows in _pieces(order, config.minibatch_size):
            total, stats = loss(model, experience.rows(rows), config)
            if _too_far(stats, config):
                return [*records, stats]
            optimizer.zero_grad()
            total.backward()
            optimizer.step()
            nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
            length = torch.cat(gradients).norm().item()
            records.append(dataclasses.replace(stats, grad_norm=length))
    return records


@attempt("update_clips_each")
def _(model, optimizer, experience, config, generator):
    records = []
    for _ in range(config.n_epochs):
        order = torch.randperm(experience.ids.shape[0], generator=generator)
        for rows in _pieces(order, config.minibatch_size):
            total, stats = loss(model, experience.rows(rows), config)
            if _too_far(stats, config):
                return [*records, stats]
            optimizer.zero_grad()
            total.backward()
            square = 0.0
            for p in model.parameters():
                if p.grad is not None:
                    length = p.grad.norm()
                    square += length.item() ** 2
                    if length > config.max_grad_norm:
                        p.grad *= config.max_grad_norm / (length + 1e-6)
            optimizer.step()
            records.append(dataclasses.replace(stats, grad_norm=square**0.5))
    return records


@attempt("update_never_stops")
def _(model, optimizer, experience, config, generator):
    B = experience.ids.shape[0]
    draws = (torch.randperm(B, generator=generator) for _ in range(config.n_epochs))
    return _walk(model, optimizer, experience, dataclasses.replace(config, target_kl=None), draws)


@attempt("update_breaks_one_loop")
def _(model, optimizer, experience, config, generator):
    records = []
    for _ in range(config.n_epochs):
        order = torch.randperm(experience.ids.shape[0], generator=generator)
        records += _walk(model, optimizer, experience, config, [order])
    return records


@attempt("update_stops_after_the_step")
def _(model, optimizer, experience, config, generator):
    records = []
    for _ in range(config.n_epochs):
        order = torch.randperm(experience.ids.shape[0], generator=generator)
        for rows in _pieces(order, config.minibatch_size):
            total, stats = loss(model, experience.rows(rows), config)
            length = _step(model, optimizer, total, config)
            records.append(dataclasses.replace(stats, grad_norm=length))
            if _too_far(stats, config):
                return records
    return records


@attempt("update_stops_between_epochs")
def _(model, optimizer, experience, config, generator):
    records, endless = [], dataclasses.replace(config, target_kl=None)
    for _ in range(config.n_epochs):
        order = torch.randperm(experience.ids.shape[0], generator=generator)
        records += _walk(model, optimizer, experience, endless, [order])
        if _too_far(records[-1], config):
            return records
    return records


@attempt("update_forgets_the_last_record")
def _(model, optimizer, experience, config, generator):
    B = experience.ids.shape[0]
    draws = (torch.randperm(B, generator=generator) for _ in range(config.n_epochs))
    records = _walk(model, optimizer, experience, config, draws)
    return [r for r in records if r.grad_norm == r.grad_norm]


@attempt("update_in_training_mode")
def _(model, optimizer, experience, config, generator):
    B = experience.ids.shape[0]
    draws = (torch.randperm(B, generator=generator) for _ in range(config.n_epochs))
    try:
        return _walk(model.train(), optimizer, experience, config, draws)
    finally:
        model.train(False)


@attempt("update_renews_old_logprobs")
def _(model, optimizer, experience, config, generator):
    records, e = [], experience
    for _ in range(config.n_epochs):
        now = evaluate(model, e.ids, e.mask, e.actions, config)[0].detach()
        order = torch.randperm(len(e.ids), generator=generator)
        records += _walk(model, optimizer, dataclasses.replace(e, logprobs=now), config, [order])
        if _too_far(records[-1], config):
            break
    return records
