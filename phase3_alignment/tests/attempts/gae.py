"""The mistakes of `mistakes/gae.py`, as others would write them."""

import torch

from shared.mistakes import attempt


def _places(row):
    return [t for t, acts in enumerate(row.tolist()) if acts]


def _chain(rewards, values, actions, after, delta, decay):
    """Row by row over the actions alone: `delta(reward, value, next value)`, then the sum."""
    out = torch.zeros_like(rewards)
    for b, row in enumerate(actions):
        gathered, v_next = 0.0, after[b]
        for t in reversed(_places(row)):
            gathered = delta(rewards[b, t], values[b, t], v_next) + decay * gathered
            out[b, t] = gathered
            v_next = values[b, t]
    return out


def _after(rewards, bootstrap):
    return torch.zeros_like(rewards[:, 0]) if bootstrap is None else bootstrap


def _both(out, values, actions):
    return out, torch.where(actions, out + values, torch.zeros_like(out))


@attempt("advantages_forward")
def _(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    out, after = torch.zeros_like(rewards), _after(rewards, bootstrap)
    for b in range(len(rewards)):
        gathered, v = 0.0, after[b]
        for t in _places(actions[b]):
            gathered = rewards[b, t] + gamma * v - values[b, t] + gamma * gae_lambda * gathered
            out[b, t], v = gathered, values[b, t]
    return _both(out, values, actions)


@attempt("advantages_through_padding")
def _(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    v_next = torch.cat([values[:, 1:], _after(rewards, bootstrap)[:, None]], dim=1)
    delta = rewards + gamma * v_next - values
    columns, last = [], 0.0
    for column in reversed(delta.unbind(dim=1)):
        last = column + gamma * gae_lambda * last
        columns.insert(0, last)
    out = torch.stack(columns, dim=1)
    return _both(out.masked_fill(~actions, 0), values, actions)


@attempt("advantages_value_of_padding")
def _(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    v_next = torch.cat([values[:, 1:], _after(rewards, bootstrap)[:, None]], dim=1)
    delta = rewards + gamma * v_next - values
    out = torch.zeros_like(rewards)
    for b, row in enumerate(actions):
        last = 0.0
        for t in reversed(_places(row)):
            last = delta[b, t] + gamma * gae_lambda * last
            out[b, t] = last
    return _both(out, values, actions)


@attempt("advantages_done_shifted")
def _(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    T = rewards.shape[1]
    goes_on = torch.cat([actions[:, :1], actions[:, :-1]], dim=1)
    v_next = torch.cat([values[:, 1:], _after(rewards, bootstrap)[:, None]], dim=1)
    v_next = v_next.masked_fill(~goes_on, 0)
    out, last = torch.zeros_like(rewards), torch.zeros_like(rewards[:, 0])
    for t in range(T - 1, -1, -1):
        kept = last.masked_fill(~goes_on[:, t], 0)
        new = rewards[:, t] + gamma * v_next[:, t] - values[:, t] + gamma * gae_lambda * kept
        last = new.masked_fill(~actions[:, t], 0)
        out[:, t] = last
    return _both(out, values, actions)


@attempt("advantages_stop_at_gaps")
def _(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    out, after = torch.zeros_like(rewards), _after(rewards, bootstrap)
    T = rewards.shape[1]
    for b in range(len(rewards)):
        for t in reversed(_places(actions[b])):
            linked = t + 1 < T and bool(actions[b, t + 1])
            v = values[b, t + 1] if linked else after[b]
            tail = out[b, t + 1] if linked else 0.0
            out[b, t] = rewards[b, t] + gamma * v - values[b, t] + gamma * gae_lambda * tail
    return _both(out, values, actions)


@attempt("advantages_without_lambda")
def _(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    after = _after(rewards, bootstrap)
    out = _chain(rewards, values, actions, after, lambda r, v, n: r + gamma * n - v, gamma)
    return _both(out, values, actions)


@attempt("advantages_value_not_discounted")
def _(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    after = _after(rewards, bootstrap)
    out = _chain(rewards, values, actions, after, lambda r, v, n: r + n - v, gamma * gae_lambda)
    return _both(out, values, actions)


@attempt("advantages_lambda_on_value")
def _(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    k = gamma * gae_lambda
    after = _after(rewards, bootstrap)
    out = _chain(rewards, values, actions, after, lambda r, v, n: r + k * n - v, k)
    return _both(out, values, actions)


@attempt("advantages_without_bootstrap")
def _(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    after = [0.0] * len(rewards)
    k = gamma * gae_lambda
    out = _chain(rewards, values, actions, after, lambda r, v, n: r + gamma * n - v, k)
    return _both(out, values, actions)


@attempt("advantages_bootstrap_by_itself")
def _(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    after = values[:, rewards.shape[1] - 1] if bootstrap is None else bootstrap
    k = gamma * gae_lambda
    out = _chain(rewards, values, actions, after, lambda r, v, n: r + gamma * n - v, k)
    return _both(out, values, actions)


@attempt("advantages_sign")
def _(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    after, k = _after(rewards, bootstrap), gamma * gae_lambda
    out = _chain(rewards, values, actions, after, lambda r, v, n: v - (r + gamma * n), k)
    return _both(out, values, actions)


@attempt("advantages_monte_carlo_returns")
def _(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    after, k = _after(rewards, bootstrap), gamma * gae_lambda
    out = _chain(rewards, values, actions, after, lambda r, v, n: r + gamma * n - v, k)
    returns = torch.zeros_like(out)
    for b, row in enumerate(actions):
        g = after[b]
        for t in reversed(_places(row)):
            g = rewards[b, t] + gamma * g
            returns[b, t] = g
    return out, returns


@attempt("advantages_whitened")
def _(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    after, k = _after(rewards, bootstrap), gamma * gae_lambda
    out = _chain(rewards, values, actions, after, lambda r, v, n: r + gamma * n - v, k)
    if bool(actions.any()):
        numbers = out[actions]
        out = torch.zeros_like(out)
        mu = numbers.mean()
        out[actions] = (numbers - mu) / (((numbers - mu) ** 2).mean().sqrt() + 1e-8)
    return _both(out, values, actions)


@attempt("advantages_multiplies")
def _(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    m = actions.to(values.dtype)
    columns = []
    last, v = torch.zeros_like(rewards[:, 0]), _after(rewards, bootstrap)
    for t in range(rewards.shape[1] - 1, -1, -1):
        new = rewards[:, t] + gamma * v - values[:, t] + gamma * gae_lambda * last
        last = m[:, t] * new + (1 - m[:, t]) * last
        v = m[:, t] * values[:, t] + (1 - m[:, t]) * v
        columns.append(m[:, t] * new)
    out = torch.stack(columns[::-1], dim=1)
    return out, m * (out + values)


@attempt("advantages_returns_everywhere")
def _(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    after, k = _after(rewards, bootstrap), gamma * gae_lambda
    out = _chain(rewards, values, actions, after, lambda r, v, n: r + gamma * n - v, k)
    return out, values + out


@attempt("advantages_zeros_in_gaps")
def _(rewards, values, actions, gamma=1.0, gae_lambda=0.95, bootstrap=None):
    out, after = torch.zeros_like(rewards), _after(rewards, bootstrap)
    for b, row in enumerate(actions):
        places, gathered, v_next = _places(row), 0.0, after[b]
        for t in range(max(places, default=-1), -1, -1):
            r, v = (rewards[b, t], values[b, t]) if row[t] else (0.0, 0.0)
            gathered = r + gamma * v_next - v + gamma * gae_lambda * gathered
            v_next = v
            if row[t]:
                out[b, t] = gathered
    return _both(out, values, actions)
