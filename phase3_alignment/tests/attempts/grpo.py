"""The mistakes of `mistakes/grpo.py`, as others would write them."""

import torch

from shared.mistakes import attempt


def _groups(scores, n):
    return [scores[i : i + n] for i in range(0, len(scores), n)]


@attempt("advantages_of_the_batch")
def _(scores, group_size, scale=True):
    mu, sigma = scores.mean(), scores.std() + 1e-4
    return torch.stack([(s - mu) / sigma if scale else s - mu for s in scores])


@attempt("advantages_of_strangers")
def _(scores, group_size, scale=True):
    step = len(scores) // group_size
    out = torch.zeros_like(scores)
    for i in range(step):
        g = scores[i::step]
        out[i::step] = (g - g.mean()) / (g.std() + 1e-4) if scale else g - g.mean()
    return out


@attempt("advantages_population")
def _(scores, group_size, scale=True):
    out = []
    for g in _groups(scores, group_size):
        a = g - g.mean()
        out.append(a / (a.square().mean().sqrt() + 1e-4) if scale else a)
    return torch.cat(out)


@attempt("advantages_nan")
def _(scores, group_size, scale=True):
    out = []
    for g in _groups(scores, group_size):
        a = g - g.mean()
        out.append(a / g.std() if scale else a)
    return torch.cat(out)


@attempt("advantages_by_variance")
def _(scores, group_size, scale=True):
    out = []
    for g in _groups(scores, group_size):
        a = g - g.mean()
        out.append(a / (a.square().sum() / (group_size - 1) + 1e-4) if scale else a)
    return torch.cat(out)


@attempt("advantages_not_centred")
def _(scores, group_size, scale=True):
    return torch.cat([g / (g.std() + 1e-4) if scale else g for g in _groups(scores, group_size)])


@attempt("advantages_leave_one_out")
def _(scores, group_size, scale=True):
    out = []
    for g in _groups(scores, group_size):
        a = torch.stack([g[i] - torch.cat([g[:i], g[i + 1 :]]).mean() for i in range(group_size)])
        out.append(a / (g.std() + 1e-4) if scale else a)
    return torch.cat(out)


@attempt("advantages_always_scaled")
def _(scores, group_size, scale=True):
    return torch.cat([(g - g.mean()) / (g.std() + 1e-4) for g in _groups(scores, group_size)])


def _clean(x, actions):
    return torch.where(actions, x, torch.zeros_like(x))


def _k3(logprobs, ref_logprobs, actions):
    d = _clean(ref_logprobs.detach() - logprobs, actions)
    return d.exp() - 1 - d


@attempt("token_losses_never_clipped")
def _(logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef):
    r = torch.exp(_clean(logprobs - old_logprobs.detach(), actions))
    loss = -torch.einsum("bt,b->bt", r, advantages.detach())
    return _clean(loss + kl_coef * _k3(logprobs, ref_logprobs, actions), actions)


@attempt("token_losses_without_minimum")
def _(logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef):
    r = torch.exp(_clean(logprobs - old_logprobs.detach(), actions))
    r = torch.clip(r, 1 - clip_coef, 1 + clip_coef)
    loss = -advantages.detach().unsqueeze(1) * r
    return _clean(loss + kl_coef * _k3(logprobs, ref_logprobs, actions), actions)


@attempt("token_losses_maximum")
def _(logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef):
    r = torch.exp(_clean(logprobs - old_logprobs.detach(), actions))
    A = advantages.detach().unsqueeze(1)
    loss = torch.min(-A * r, -A * torch.clip(r, 1 - clip_coef, 1 + clip_coef))
    return _clean(loss + kl_coef * _k3(logprobs, ref_logprobs, actions), actions)


@attempt("token_losses_ratio_upside_down")
def _(logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef):
    r = 1 / torch.exp(_clean(logprobs - old_logprobs.detach(), actions))
    A = advantages.detach().unsqueeze(1)
    loss = torch.max(-A * r, -A * torch.clip(r, 1 - clip_coef, 1 + clip_coef))
    return _clean(loss + kl_coef * _k3(logprobs, ref_logprobs, actions), actions)


@attempt("token_losses_one_ratio")
def _(logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef):
    r = torch.exp(_clean(logprobs - old_logprobs.detach(), actions)).prod(1, keepdim=True)
    A = advantages.detach().unsqueeze(1)
    loss = torch.max(-A * r, -A * torch.clip(r, 1 - clip_coef, 1 + clip_coef))
    return _clean(loss + kl_coef * _k3(logprobs, ref_logprobs, actions), actions)


@attempt("token_losses_sign")
def _(logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef):
    r = torch.exp(_clean(logprobs - old_logprobs.detach(), actions))
    A = advantages.detach().unsqueeze(1)
    objective = torch.min(A * r, A * torch.clip(r, 1 - clip_coef, 1 + clip_coef))
    return _clean(objective + kl_coef * _k3(logprobs, ref_logprobs, actions), actions)


@attempt("token_losses_without_kl")
def _(logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef):
    r = torch.exp(_clean(logprobs - old_logprobs.detach(), actions))
    A = advantages.detach().unsqueeze(1)
    loss = torch.max(-A * r, -A * torch.clip(r, 1 - clip_coef, 1 + clip_coef))
    return _clean(loss, actions)


@attempt("token_losses_kl_upside_down")
def _(logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef):
    r = torch.exp(_clean(logprobs - old_logprobs.detach(), actions))
    d = _clean(logprobs - ref_logprobs.detach(), actions)
    A = advantages.detach().unsqueeze(1)
    loss = torch.max(-A * r, -A * torch.clip(r, 1 - clip_coef, 1 + clip_coef))
    return _clean(loss + kl_coef * (d.exp() - 1 - d), actions)


@attempt("token_losses_k1")
def _(logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef):
    r = torch.exp(_clean(logprobs - old_logprobs.detach(), actions))
    A = advantages.detach().unsqueeze(1)
    loss = torch.max(-A * r, -A * torch.clip(r, 1 - clip_coef, 1 + clip_coef))
    return _clean(loss + kl_coef * (logprobs - ref_logprobs.detach()), actions)


@attempt("token_losses_kl_pays")
def _(logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef):
    r = torch.exp(_clean(logprobs - old_logprobs.detach(), actions))
    A = advantages.detach().unsqueeze(1)
    loss = torch.max(-A * r, -A * torch.clip(r, 1 - clip_coef, 1 + clip_coef))
    return _clean(loss - kl_coef * _k3(logprobs, ref_logprobs, actions), actions)


@attempt("token_losses_masked_late")
def _(logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef):
    r = torch.exp(logprobs - old_logprobs.detach())
    d = ref_logprobs.detach() - logprobs
    A = advantages.detach().unsqueeze(1)
    loss = torch.max(-A * r, -A * torch.clip(r, 1 - clip_coef, 1 + clip_coef))
    return (loss + kl_coef * (d.exp() - 1 - d)).masked_fill(~actions, 0)


@attempt("token_losses_of_everything")
def _(logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef):
    r = torch.exp(_clean(logprobs - old_logprobs.detach(), actions))
    A = advantages.detach().unsqueeze(1)
    loss = torch.max(-A * r, -A * torch.clip(r, 1 - clip_coef, 1 + clip_coef))
    return loss + kl_coef * _k3(logprobs, ref_logprobs, actions)


@attempt("token_losses_all_learn")
def _(logprobs, old_logprobs, ref_logprobs, advantages, actions, clip_coef, kl_coef):
    r = torch.exp(_clean(logprobs - old_logprobs, actions))
    d = _clean(ref_logprobs - logprobs, actions)
    A = advantages.unsqueeze(1)
    loss = torch.max(-A * r, -A * torch.clip(r, 1 - clip_coef, 1 + clip_coef))
    return _clean(loss + kl_coef * (d.exp() - 1 - d), actions)


def _sequence(losses, actions):
    means = [row[keep].sum() / max(int(keep.sum()), 1) for row, keep in zip(losses, actions)]
    return sum(means) / len(means)


def _token(losses, actions):
    return losses[actions].sum() / max(int(actions.sum()), 1)


@attempt("aggregate_always_token")
def _(losses, actions, how, max_length=None):
    if how != "constant":
        return _token(losses, actions)
    return losses[actions].sum() / losses.shape[0] / max_length


@attempt("aggregate_always_sequence")
def _(losses, actions, how, max_length=None):
    if how != "constant":
        return _sequence(losses, actions)
    return losses[actions].sum() / losses.shape[0] / max_length


@attempt("aggregate_over_positions")
def _(losses, actions, how, max_length=None):
    total = losses[actions].sum()
    return total / (losses.shape[0] * (max_length if how == "constant" else losses.shape[1]))


@attempt("aggregate_constant_of_the_batch")
def _(losses, actions, how, max_length=None):
    if how == "constant":
        return losses.masked_fill(~actions, 0).mean()
    return {"sequence": _sequence, "token": _token}[how](losses, actions)


@attempt("aggregate_constant_sum")
def _(losses, actions, how, max_length=None):
    if how == "constant":
        return losses[actions].sum() / max_length
    return {"sequence": _sequence, "token": _token}[how](losses, actions)


@attempt("aggregate_multiplied")
def _(losses, actions, how, max_length=None):
    mask = actions.to(losses.dtype)
    sums, n = (losses * mask).sum(1), mask.sum(1)
    if how == "sequence":
        return (sums / torch.clamp(n, min=1)).mean()
    return sums.sum() / (torch.clamp(n.sum(), min=1) if how == "token" else len(n) * max_length)


@attempt("aggregate_nan")
def _(losses, actions, how, max_length=None):
    if how == "sequence":
        return torch.stack([row[keep].mean() for row, keep in zip(losses, actions)]).mean()
    if how == "token":
        return losses[actions].mean()
    return losses[actions].sum() / losses.shape[0] / max_length


@attempt("aggregate_without_the_empty")
def _(losses, actions, how, max_length=None):
    keep = actions.any(dim=1)
    if not keep.any():
        return losses.masked_fill(~actions, 0).sum()
    losses, actions = losses[keep], actions[keep]
    if how == "constant":
        return losses[actions].sum() / len(losses) / max_length
    return {"sequence": _sequence, "token": _token}[how](losses, actions)
