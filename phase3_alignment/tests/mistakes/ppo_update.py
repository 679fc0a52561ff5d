"""Classic wrong answers for `solution/ppo_update.py`."""

import math
from dataclasses import replace

import torch
from torch import nn

from phase3_alignment.solution import masked, ppo
from phase3_alignment.solution.ppo_update import StepStats, evaluate, loss
from shared.mistakes import mistake


def _record(policy_loss, policy, value_loss, value, entropy):
    return StepStats(
        policy_loss=policy_loss.item(),
        value_loss=value_loss.item(),
        entropy=entropy.item(),
        approx_kl=policy.approx_kl.item(),
        clip_fraction=policy.clip_fraction.item(),
        value_clip_fraction=value.clip_fraction.item(),
        explained_variance=value.explained_variance.item(),
    )


def _parts(model, batch, config):
    """What the right answer weighs: the two losses with their statistics, and the entropy."""
    new, entropies, values = evaluate(model, batch.ids, batch.mask, batch.actions, config)
    policy = ppo.policy_loss(new, batch.logprobs, batch.advantages, batch.actions, config.clip_coef)
    value = ppo.value_loss(
        values, batch.values, batch.returns, batch.actions, config.value_clip_coef
    )
    return *policy, *value, masked.mean(entropies, batch.actions)


@mistake(
    "3.19",
    "ppo_update.loss",
    "The entropy is added to the loss, so it is made small and the policy collapses; a bonus is taken off.",
)
def loss_entropy_added(model, batch, config):
    policy_loss, policy, value_loss, value, entropy = _parts(model, batch, config)
    total = policy_loss + config.value_coef * value_loss + config.entropy_coef * entropy
    return total, _record(policy_loss, policy, value_loss, value, entropy)


@mistake(
    "3.19",
    "ppo_update.loss",
    "The value loss is taken off like the entropy: the value head learns to be wrong.",
)
def loss_value_subtracted(model, batch, config):
    policy_loss, policy, value_loss, value, entropy = _parts(model, batch, config)
    total = policy_loss - config.value_coef * value_loss - config.entropy_coef * entropy
    return total, _record(policy_loss, policy, value_loss, value, entropy)


@mistake(
    "3.19",
    "ppo_update.loss",
    "The value loss has no weight: through the shared trunk it drowns the policy's gradient.",
)
def loss_without_value_coef(model, batch, config):
    policy_loss, policy, value_loss, value, entropy = _parts(model, batch, config)
    total = policy_loss + value_loss - config.entropy_coef * entropy
    return total, _record(policy_loss, policy, value_loss, value, entropy)


@mistake(
    "3.19",
    "ppo_update.loss",
    "The entropy's mean counts prompt and padding as zeros; take it over the actions.",
)
def loss_entropy_over_padding(model, batch, config):
    new, entropies, values = evaluate(model, batch.ids, batch.mask, batch.actions, config)
    policy_loss, policy, value_loss, value, _ = _parts(model, batch, config)
    entropy = entropies.mean()
    total = policy_loss + config.value_coef * value_loss - config.entropy_coef * entropy
    return total, _record(policy_loss, policy, value_loss, value, entropy)


@mistake(
    "3.19",
    "ppo_update.loss",
    "The old log-probabilities are made anew from the policy that learns: every ratio is 1 for ever and nothing is clipped.",
)
def loss_ratio_always_1(model, batch, config):
    new, entropies, values = evaluate(model, batch.ids, batch.mask, batch.actions, config)
    policy_loss, policy = ppo.policy_loss(
        new, new.detach(), batch.advantages, batch.actions, config.clip_coef
    )
    value_loss, value = ppo.value_loss(
        values, batch.values, batch.returns, batch.actions, config.value_clip_coef
    )
    entropy = masked.mean(entropies, batch.actions)
    total = policy_loss + config.value_coef * value_loss - config.entropy_coef * entropy
    return total, _record(policy_loss, policy, value_loss, value, entropy)


@mistake(
    "3.19",
    "ppo_update.loss",
    "The values are compared with themselves in place of the old ones: the clip of the value loss never acts.",
)
def loss_values_against_themselves(model, batch, config):
    new, entropies, values = evaluate(model, batch.ids, batch.mask, batch.actions, config)
    policy_loss, policy = ppo.policy_loss(
        new, batch.logprobs, batch.advantages, batch.actions, config.clip_coef
    )
    value_loss, value = ppo.value_loss(
        values, values.detach(), batch.returns, batch.actions, config.value_clip_coef
    )
    entropy = masked.mean(entropies, batch.actions)
    total = policy_loss + config.value_coef * value_loss - config.entropy_coef * entropy
    return total, _record(policy_loss, policy, value_loss, value, entropy)


@mistake(
    "3.19",
    "ppo_update.loss",
    "The advantages are whitened again in each minibatch: what was better than the whole batch may become worse than three others.",
)
def loss_whitens_again(model, batch, config):
    batch = replace(batch, advantages=masked.whiten(batch.advantages, batch.actions))
    policy_loss, policy, value_loss, value, entropy = _parts(model, batch, config)
    total = policy_loss + config.value_coef * value_loss - config.entropy_coef * entropy
    return total, _record(policy_loss, policy, value_loss, value, entropy)


@mistake(
    "3.19",
    "ppo_update.loss",
    "The returns weigh the policy in place of the advantages: then even a bad response is pushed up, as long as its return is positive.",
)
def loss_returns_for_advantages(model, batch, config):
    batch = replace(batch, advantages=batch.returns)
    policy_loss, policy, value_loss, value, entropy = _parts(model, batch, config)
    total = policy_loss + config.value_coef * value_loss - config.entropy_coef * entropy
    return total, _record(policy_loss, policy, value_loss, value, entropy)


@mistake(
    "3.19",
    "ppo_update.loss",
    "clip_coef, a share of a probability, clips the values too; they have value_clip_coef, in units of the rewards.",
)
def loss_one_clip_for_both(model, batch, config):
    config = replace(config, value_clip_coef=config.clip_coef)
    policy_loss, policy, value_loss, value, entropy = _parts(model, batch, config)
    total = policy_loss + config.value_coef * value_loss - config.entropy_coef * entropy
    return total, _record(policy_loss, policy, value_loss, value, entropy)


@mistake(
    "3.19",
    "ppo_update.update",
    "One epoch only: n_epochs is not used, and each response is learnt from once.",
)
def update_one_epoch(model, optimizer, experience, config, generator):
    seen = []
    order = torch.randperm(len(experience.ids), generator=generator)
    for index in order.split(config.minibatch_size):
        total, stats = loss(model, experience.rows(index), config)
        if config.target_kl is not None and stats.approx_kl > config.target_kl:
            return [*seen, stats]
        optimizer.zero_grad()
        total.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
        optimizer.step()
        seen.append(replace(stats, grad_norm=norm.item()))
    return seen


@mistake(
    "3.19",
    "ppo_update.update",
    "The order is drawn once, so every epoch has the same minibatches; draw a new one for each.",
)
def update_same_order(model, optimizer, experience, config, generator):
    seen = []
    order = torch.randperm(len(experience.ids), generator=generator)
    for _ in range(config.n_epochs):
        for index in order.split(config.minibatch_size):
            total, stats = loss(model, experience.rows(index), config)
            if config.target_kl is not None and stats.approx_kl > config.target_kl:
                return [*seen, stats]
            optimizer.zero_grad()
            total.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            optimizer.step()
            seen.append(replace(stats, grad_norm=norm.item()))
    return seen


@mistake(
    "3.19",
    "ppo_update.update",
    "The responses come in the order in which they were sampled; shuffle them anew for every epoch.",
)
def update_not_shuffled(model, optimizer, experience, config, generator):
    seen = []
    for _ in range(config.n_epochs):
        for index in torch.arange(len(experience.ids)).split(config.minibatch_size):
            total, stats = loss(model, experience.rows(index), config)
            if config.target_kl is not None and stats.approx_kl > config.target_kl:
                return [*seen, stats]
            optimizer.zero_grad()
            total.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            optimizer.step()
            seen.append(replace(stats, grad_norm=norm.item()))
    return seen


@mistake(
    "3.19",
    "ppo_update.update",
    "Responses are drawn with replacement: some are learnt from twice in an epoch and others never.",
)
def update_with_replacement(model, optimizer, experience, config, generator):
    seen, B = [], len(experience.ids)
    for _ in range(config.n_epochs):
        order = torch.randint(B, (B,), generator=generator)
        for index in order.split(config.minibatch_size):
            total, stats = loss(model, experience.rows(index), config)
            if config.target_kl is not None and stats.approx_kl > config.target_kl:
                return [*seen, stats]
            optimizer.zero_grad()
            total.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            optimizer.step()
            seen.append(replace(stats, grad_norm=norm.item()))
    return seen


@mistake(
    "3.19",
    "ppo_update.update",
    "The last minibatch is left out if it is not full; it may have fewer responses.",
)
def update_drops_the_rest(model, optimizer, experience, config, generator):
    seen = []
    for _ in range(config.n_epochs):
        order = torch.randperm(len(experience.ids), generator=generator)
        for index in order.split(config.minibatch_size):
            if len(index) < config.minibatch_size:
                continue
            total, stats = loss(model, experience.rows(index), config)
            if config.target_kl is not None and stats.approx_kl > config.target_kl:
                return [*seen, stats]
            optimizer.zero_grad()
            total.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            optimizer.step()
            seen.append(replace(stats, grad_norm=norm.item()))
    return seen


@mistake(
    "3.19",
    "ppo_update.update",
    "The gradients are never cleared, so each step repeats all those before it.",
)
def update_never_clears(model, optimizer, experience, config, generator):
    seen = []
    for _ in range(config.n_epochs):
        order = torch.randperm(len(experience.ids), generator=generator)
        for index in order.split(config.minibatch_size):
            total, stats = loss(model, experience.rows(index), config)
            if config.target_kl is not None and stats.approx_kl > config.target_kl:
                return [*seen, stats]
            total.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            optimizer.step()
            seen.append(replace(stats, grad_norm=norm.item()))
    return seen


@mistake(
    "3.19",
    "ppo_update.update",
    "The gradients are cleared once per epoch: the minibatches' gradients add up instead of being stepped on one by one.",
)
def update_clears_each_epoch(model, optimizer, experience, config, generator):
    seen = []
    for _ in range(config.n_epochs):
        optimizer.zero_grad()
        order = torch.randperm(len(experience.ids), generator=generator)
        for index in order.split(config.minibatch_size):
            total, stats = loss(model, experience.rows(index), config)
            if config.target_kl is not None and stats.approx_kl > config.target_kl:
                return [*seen, stats]
            total.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            optimizer.step()
            seen.append(replace(stats, grad_norm=norm.item()))
    return seen


@mistake(
    "3.19",
    "ppo_update.update",
    "The gradient is not clipped: its length is measured and left as it is.",
)
def update_not_clipped(model, optimizer, experience, config, generator):
    seen = []
    for _ in range(config.n_epochs):
        order = torch.randperm(len(experience.ids), generator=generator)
        for index in order.split(config.minibatch_size):
            total, stats = loss(model, experience.rows(index), config)
            if config.target_kl is not None and stats.approx_kl > config.target_kl:
                return [*seen, stats]
            optimizer.zero_grad()
            total.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), math.inf)
            optimizer.step()
            seen.append(replace(stats, grad_norm=norm.item()))
    return seen


@mistake(
    "3.19",
    "ppo_update.update",
    "The gradient is clipped after the step, when it is too late.",
)
def update_clips_after_the_step(model, optimizer, experience, config, generator):
    seen = []
    for _ in range(config.n_epochs):
        order = torch.randperm(len(experience.ids), generator=generator)
        for index in order.split(config.minibatch_size):
            total, stats = loss(model, experience.rows(index), config)
            if config.target_kl is not None and stats.approx_kl > config.target_kl:
                return [*seen, stats]
            optimizer.zero_grad()
            total.backward()
            before = [p.grad.clone() for p in model.parameters() if p.grad is not None]
            optimizer.step()
            nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            norm = torch.cat([g.flatten() for g in before]).norm()
            seen.append(replace(stats, grad_norm=min(norm.item(), config.max_grad_norm)))
    return seen


@mistake(
    "3.19",
    "ppo_update.update",
    "Each parameter is clipped by itself, which turns the gradient's direction; all of them are shortened together.",
)
def update_clips_each(model, optimizer, experience, config, generator):
    seen = []
    for _ in range(config.n_epochs):
        order = torch.randperm(len(experience.ids), generator=generator)
        for index in order.split(config.minibatch_size):
            total, stats = loss(model, experience.rows(index), config)
            if config.target_kl is not None and stats.approx_kl > config.target_kl:
                return [*seen, stats]
            optimizer.zero_grad()
            total.backward()
            norms = [
                nn.utils.clip_grad_norm_([p], config.max_grad_norm)
                for p in model.parameters()
                if p.grad is not None
            ]
            optimizer.step()
            seen.append(replace(stats, grad_norm=torch.stack(norms).norm().item()))
    return seen


@mistake(
    "3.19",
    "ppo_update.update",
    "There is no early stop: target_kl is not looked at.",
)
def update_never_stops(model, optimizer, experience, config, generator):
    seen = []
    for _ in range(config.n_epochs):
        order = torch.randperm(len(experience.ids), generator=generator)
        for index in order.split(config.minibatch_size):
            total, stats = loss(model, experience.rows(index), config)
            optimizer.zero_grad()
            total.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            optimizer.step()
            seen.append(replace(stats, grad_norm=norm.item()))
    return seen


@mistake(
    "3.19",
    "ppo_update.update",
    "break leaves one loop, and the next epoch goes on; a policy that has gone far ends the whole update.",
)
def update_breaks_one_loop(model, optimizer, experience, config, generator):
    seen = []
    for _ in range(config.n_epochs):
        order = torch.randperm(len(experience.ids), generator=generator)
        for index in order.split(config.minibatch_size):
            total, stats = loss(model, experience.rows(index), config)
            if config.target_kl is not None and stats.approx_kl > config.target_kl:
                seen.append(stats)
                break
            optimizer.zero_grad()
            total.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            optimizer.step()
            seen.append(replace(stats, grad_norm=norm.item()))
    return seen


@mistake(
    "3.19",
    "ppo_update.update",
    "It stops one step too late: the minibatch that shows that the policy is too far is still learnt from.",
)
def update_stops_after_the_step(model, optimizer, experience, config, generator):
    seen = []
    for _ in range(config.n_epochs):
        order = torch.randperm(len(experience.ids), generator=generator)
        for index in order.split(config.minibatch_size):
            total, stats = loss(model, experience.rows(index), config)
            optimizer.zero_grad()
            total.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            optimizer.step()
            seen.append(replace(stats, grad_norm=norm.item()))
            if config.target_kl is not None and stats.approx_kl > config.target_kl:
                return seen
    return seen


@mistake(
    "3.19",
    "ppo_update.update",
    "The KL is looked at between epochs only; one epoch alone may go too far, so ask at every minibatch.",
)
def update_stops_between_epochs(model, optimizer, experience, config, generator):
    seen = []
    for _ in range(config.n_epochs):
        order = torch.randperm(len(experience.ids), generator=generator)
        for index in order.split(config.minibatch_size):
            total, stats = loss(model, experience.rows(index), config)
            optimizer.zero_grad()
            total.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            optimizer.step()
            seen.append(replace(stats, grad_norm=norm.item()))
        if config.target_kl is not None and stats.approx_kl > config.target_kl:
            break
    return seen


@mistake(
    "3.19",
    "ppo_update.update",
    "What shows that the policy has gone too far is missing from the records: the last minibatch is kept too.",
)
def update_forgets_the_last_record(model, optimizer, experience, config, generator):
    seen = []
    for _ in range(config.n_epochs):
        order = torch.randperm(len(experience.ids), generator=generator)
        for index in order.split(config.minibatch_size):
            total, stats = loss(model, experience.rows(index), config)
            if config.target_kl is not None and stats.approx_kl > config.target_kl:
                return seen
            optimizer.zero_grad()
            total.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            optimizer.step()
            seen.append(replace(stats, grad_norm=norm.item()))
    return seen


@mistake(
    "3.19",
    "ppo_update.update",
    "Training mode, out of habit: dropout draws another policy at each pass, and even the first ratio is not 1.",
)
def update_in_training_mode(model, optimizer, experience, config, generator):
    model.train()
    seen = []
    for _ in range(config.n_epochs):
        order = torch.randperm(len(experience.ids), generator=generator)
        for index in order.split(config.minibatch_size):
            total, stats = loss(model, experience.rows(index), config)
            if config.target_kl is not None and stats.approx_kl > config.target_kl:
                return [*seen, stats]
            optimizer.zero_grad()
            total.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            optimizer.step()
            seen.append(replace(stats, grad_norm=norm.item()))
    model.eval()
    return seen


@mistake(
    "3.19",
    "ppo_update.update",
    "Each epoch compares with the policy of its own beginning: the clip starts anew, and nobody sees how far it has gone in all.",
)
def update_renews_old_logprobs(model, optimizer, experience, config, generator):
    seen = []
    for _ in range(config.n_epochs):
        with torch.no_grad():
            old, _, _ = evaluate(model, experience.ids, experience.mask, experience.actions, config)
        current = replace(experience, logprobs=old)
        order = torch.randperm(len(experience.ids), generator=generator)
        for index in order.split(config.minibatch_size):
            total, stats = loss(model, current.rows(index), config)
            if config.target_kl is not None and stats.approx_kl > config.target_kl:
                return [*seen, stats]
            optimizer.zero_grad()
            total.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            optimizer.step()
            seen.append(replace(stats, grad_norm=norm.item()))
    return seen
