"""Classic wrong answers for `solution/gae.py`."""

import torch

from shared.mistakes import mistake


@mistake(
    "3.17",
    "gae.advantages",
    "The loop runs from the first action on, but an advantage needs the one after it: go from the last to the first.",
)
def advantages_forward(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    found = torch.zeros_like(rewards)
    next_advantage = torch.zeros_like(rewards[:, 0])
    next_value = next_advantage if bootstrap is None else bootstrap
    for t in range(rewards.shape[1]):
        acts = actions[:, t]
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        advantage = delta + gamma * gae_lambda * next_advantage
        found[:, t] = advantage.where(acts, 0)
        next_advantage = advantage.where(acts, next_advantage)
        next_value = values[:, t].where(acts, next_value)
    return found, (found + values).where(actions, 0)


@mistake(
    "3.17",
    "gae.advantages",
    "The next column is taken for what comes next, padding or not; after a row's last action there is only the bootstrap.",
)
def advantages_through_padding(
    rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None
):
    found = torch.zeros_like(rewards)
    next_advantage = torch.zeros_like(rewards[:, 0])
    next_value = next_advantage if bootstrap is None else bootstrap
    for t in reversed(range(rewards.shape[1])):
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        next_advantage = delta + gamma * gae_lambda * next_advantage
        found[:, t] = next_advantage
        next_value = values[:, t]
    return found.where(actions, 0), (found + values).where(actions, 0)


@mistake(
    "3.17",
    "gae.advantages",
    "Padding stops the sum, but the last action still takes the padding's value for its future.",
)
def advantages_value_of_padding(
    rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None
):
    found = torch.zeros_like(rewards)
    next_advantage = torch.zeros_like(rewards[:, 0])
    next_value = next_advantage if bootstrap is None else bootstrap
    for t in reversed(range(rewards.shape[1])):
        acts = actions[:, t]
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        advantage = delta + gamma * gae_lambda * next_advantage
        found[:, t] = advantage.where(acts, 0)
        next_advantage = advantage.where(acts, next_advantage)
        next_value = values[:, t]
    return found, (found + values).where(actions, 0)


@mistake(
    "3.17",
    "gae.advantages",
    "The mask is off by one: whether an action has a future depends on the next place, not on its own.",
)
def advantages_done_shifted(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    found = torch.zeros_like(rewards)
    next_advantage = torch.zeros_like(rewards[:, 0])
    end = next_advantage if bootstrap is None else bootstrap
    T = rewards.shape[1]
    for t in reversed(range(T)):
        goes_on = actions[:, t - 1] if t else actions[:, 0]
        next_value = values[:, t + 1] if t + 1 < T else end
        delta = rewards[:, t] + gamma * next_value.where(goes_on, 0) - values[:, t]
        advantage = delta + gamma * gae_lambda * next_advantage.where(goes_on, 0)
        found[:, t] = next_advantage = advantage.where(actions[:, t], 0)
    return found, (found + values).where(actions, 0)


@mistake(
    "3.17",
    "gae.advantages",
    "A gap between two actions is taken for the end of the row; the next action comes after it.",
)
def advantages_stop_at_gaps(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    found = torch.zeros_like(rewards)
    next_advantage = torch.zeros_like(rewards[:, 0])
    end = next_advantage if bootstrap is None else bootstrap
    next_value = end
    for t in reversed(range(rewards.shape[1])):
        acts = actions[:, t]
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        next_advantage = (delta + gamma * gae_lambda * next_advantage).where(acts, 0)
        found[:, t] = next_advantage
        next_value = values[:, t].where(acts, end)
    return found, (found + values).where(actions, 0)


@mistake(
    "3.17",
    "gae.advantages",
    "Lambda is missing: the deltas ahead are discounted by gamma times lambda.",
)
def advantages_without_lambda(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    found = torch.zeros_like(rewards)
    next_advantage = torch.zeros_like(rewards[:, 0])
    next_value = next_advantage if bootstrap is None else bootstrap
    for t in reversed(range(rewards.shape[1])):
        acts = actions[:, t]
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        advantage = delta + gamma * next_advantage
        found[:, t] = advantage.where(acts, 0)
        next_advantage = advantage.where(acts, next_advantage)
        next_value = values[:, t].where(acts, next_value)
    return found, (found + values).where(actions, 0)


@mistake(
    "3.17",
    "gae.advantages",
    "The next value is not discounted: delta is r + gamma V_next - V.",
)
def advantages_value_not_discounted(
    rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None
):
    found = torch.zeros_like(rewards)
    next_advantage = torch.zeros_like(rewards[:, 0])
    next_value = next_advantage if bootstrap is None else bootstrap
    for t in reversed(range(rewards.shape[1])):
        acts = actions[:, t]
        delta = rewards[:, t] + next_value - values[:, t]
        advantage = delta + gamma * gae_lambda * next_advantage
        found[:, t] = advantage.where(acts, 0)
        next_advantage = advantage.where(acts, next_advantage)
        next_value = values[:, t].where(acts, next_value)
    return found, (found + values).where(actions, 0)


@mistake(
    "3.17",
    "gae.advantages",
    "Lambda discounts the next value too; it belongs to the sum of deltas, gamma alone to the value.",
)
def advantages_lambda_on_value(
    rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None
):
    found = torch.zeros_like(rewards)
    next_advantage = torch.zeros_like(rewards[:, 0])
    next_value = next_advantage if bootstrap is None else bootstrap
    for t in reversed(range(rewards.shape[1])):
        acts = actions[:, t]
        delta = rewards[:, t] + gamma * gae_lambda * next_value - values[:, t]
        advantage = delta + gamma * gae_lambda * next_advantage
        found[:, t] = advantage.where(acts, 0)
        next_advantage = advantage.where(acts, next_advantage)
        next_value = values[:, t].where(acts, next_value)
    return found, (found + values).where(actions, 0)


@mistake(
    "3.17",
    "gae.advantages",
    "The bootstrap is not used: where something would have come after the last action, its value counts.",
)
def advantages_without_bootstrap(
    rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None
):
    found = torch.zeros_like(rewards)
    next_advantage = next_value = torch.zeros_like(rewards[:, 0])
    for t in reversed(range(rewards.shape[1])):
        acts = actions[:, t]
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        advantage = delta + gamma * gae_lambda * next_advantage
        found[:, t] = advantage.where(acts, 0)
        next_advantage = advantage.where(acts, next_advantage)
        next_value = values[:, t].where(acts, next_value)
    return found, (found + values).where(actions, 0)


@mistake(
    "3.17",
    "gae.advantages",
    "The last value stands in for what comes after the end; a response that is over has no future, so it is 0.",
)
def advantages_bootstrap_by_itself(
    rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None
):
    found = torch.zeros_like(rewards)
    next_advantage = torch.zeros_like(rewards[:, 0])
    next_value = values[:, -1] if bootstrap is None else bootstrap
    for t in reversed(range(rewards.shape[1])):
        acts = actions[:, t]
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        advantage = delta + gamma * gae_lambda * next_advantage
        found[:, t] = advantage.where(acts, 0)
        next_advantage = advantage.where(acts, next_advantage)
        next_value = values[:, t].where(acts, next_value)
    return found, (found + values).where(actions, 0)


@mistake(
    "3.17",
    "gae.advantages",
    "The sign of delta is turned around: what went better than the value said has a positive advantage.",
)
def advantages_sign(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    found = torch.zeros_like(rewards)
    next_advantage = torch.zeros_like(rewards[:, 0])
    next_value = next_advantage if bootstrap is None else bootstrap
    for t in reversed(range(rewards.shape[1])):
        acts = actions[:, t]
        delta = values[:, t] - rewards[:, t] - gamma * next_value
        advantage = delta + gamma * gae_lambda * next_advantage
        found[:, t] = advantage.where(acts, 0)
        next_advantage = advantage.where(acts, next_advantage)
        next_value = values[:, t].where(acts, next_value)
    return found, (found + values).where(actions, 0)


@mistake(
    "3.17",
    "gae.advantages",
    "The returns are the sums of rewards; here they are advantages plus values, so lambda is in them too.",
)
def advantages_monte_carlo_returns(
    rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None
):
    found, returns = torch.zeros_like(rewards), torch.zeros_like(rewards)
    next_advantage = torch.zeros_like(rewards[:, 0])
    next_value = next_advantage if bootstrap is None else bootstrap
    next_return = next_value
    for t in reversed(range(rewards.shape[1])):
        acts = actions[:, t]
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        advantage = delta + gamma * gae_lambda * next_advantage
        found[:, t] = advantage.where(acts, 0)
        next_advantage = advantage.where(acts, next_advantage)
        next_value = values[:, t].where(acts, next_value)
        next_return = (rewards[:, t] + gamma * next_return).where(acts, next_return)
        returns[:, t] = next_return.where(acts, 0)
    return found, returns


@mistake(
    "3.17",
    "gae.advantages",
    "The advantages are whitened here, so the returns are in units of nothing; whitening comes after the returns.",
)
def advantages_whitened(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    found = torch.zeros_like(rewards)
    next_advantage = torch.zeros_like(rewards[:, 0])
    next_value = next_advantage if bootstrap is None else bootstrap
    for t in reversed(range(rewards.shape[1])):
        acts = actions[:, t]
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        advantage = delta + gamma * gae_lambda * next_advantage
        found[:, t] = advantage.where(acts, 0)
        next_advantage = advantage.where(acts, next_advantage)
        next_value = values[:, t].where(acts, next_value)
    if actions.any():
        chosen = found[actions]
        found = ((found - chosen.mean()) / (chosen.std(correction=0) + 1e-8)).where(actions, 0)
    return found, (found + values).where(actions, 0)


@mistake(
    "3.17",
    "gae.advantages",
    "What is no action is multiplied by 0, and 0 times NaN is NaN: choose with where instead.",
)
def advantages_multiplies(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    found = torch.zeros_like(rewards)
    next_advantage = torch.zeros_like(rewards[:, 0])
    next_value = next_advantage if bootstrap is None else bootstrap
    for t in reversed(range(rewards.shape[1])):
        acts = actions[:, t].to(rewards.dtype)
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        advantage = delta + gamma * gae_lambda * next_advantage
        found[:, t] = advantage * acts
        next_advantage = advantage * acts + next_advantage * (1 - acts)
        next_value = values[:, t] * acts + next_value * (1 - acts)
    return found, (found + values) * actions


@mistake(
    "3.17",
    "gae.advantages",
    "The returns are not set to 0 where there is no action.",
)
def advantages_returns_everywhere(
    rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None
):
    found = torch.zeros_like(rewards)
    next_advantage = torch.zeros_like(rewards[:, 0])
    next_value = next_advantage if bootstrap is None else bootstrap
    for t in reversed(range(rewards.shape[1])):
        acts = actions[:, t]
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        advantage = delta + gamma * gae_lambda * next_advantage
        found[:, t] = advantage.where(acts, 0)
        next_advantage = advantage.where(acts, next_advantage)
        next_value = values[:, t].where(acts, next_value)
    return found, found + values


@mistake(
    "3.17",
    "gae.advantages",
    "A gap counts as steps with reward 0 and value 0; the next action comes right after it: carry both numbers across.",
)
def advantages_zeros_in_gaps(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    rewards, values = rewards.where(actions, 0), values.where(actions, 0)
    found, behind = torch.zeros_like(rewards), torch.ones_like(actions[:, 0])
    next_advantage = torch.zeros_like(rewards[:, 0])
    next_value = end = next_advantage if bootstrap is None else bootstrap
    for t in reversed(range(rewards.shape[1])):
        behind = behind & ~actions[:, t]
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        advantage = delta + gamma * gae_lambda * next_advantage
        found[:, t] = advantage.where(actions[:, t], 0)
        next_advantage = advantage.where(~behind, 0)
        next_value = values[:, t].where(~behind, end)
    return found, (found + values).where(actions, 0)
