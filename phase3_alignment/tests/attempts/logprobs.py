"""The mistakes of `mistakes/logprobs.py`, as others would write them."""

import torch

from shared.mistakes import attempt


@attempt("of_tokens_not_shifted")
def _(logits, ids, actions):
    out = torch.zeros(actions.shape, dtype=torch.promote_types(logits.dtype, torch.float32))
    for b in range(len(ids)):
        for t in range(actions.shape[1]):
            if actions[b, t]:
                row = logits[b, t].to(out.dtype)
                out[b, t] = row[ids[b, t]] - row.logsumexp(0)
    return out


@attempt("of_tokens_shifted_back")
def _(logits, ids, actions):
    later = logits[:, 1:].to(torch.promote_types(logits.dtype, torch.float32))
    earlier = ids[:, :-1].masked_fill(~actions, 0).unsqueeze(-1)
    found = later.gather(2, earlier).squeeze(-1) - torch.logsumexp(later, -1)
    return found.masked_fill(~actions, 0)


@attempt("of_tokens_own_position")
def _(logits, ids, actions):
    everything = logits.to(torch.promote_types(logits.dtype, torch.float32))
    every_id = ids.clone()
    every_id[:, 1:][~actions] = 0
    every_id = every_id.clamp(min=0)
    found = everything.gather(2, every_id.unsqueeze(-1)).squeeze(-1) - everything.logsumexp(-1)
    return found[:, 1:].masked_fill(~actions, 0)


@attempt("of_tokens_raw")
def _(logits, ids, actions):
    out = torch.zeros(actions.shape, dtype=torch.promote_types(logits.dtype, torch.float32))
    rows, columns = actions.nonzero(as_tuple=True)
    picked = logits[rows, columns, ids[rows, columns + 1]]
    return out.index_put((rows, columns), picked.to(out.dtype))


@attempt("of_tokens_log_of_softmax")
def _(logits, ids, actions):
    z = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    p = torch.nn.functional.softmax(z, -1)
    y = ids[:, 1:].masked_fill(~actions, 0)
    return torch.log(p).gather(2, y.unsqueeze(2)).squeeze(2).masked_fill(~actions, 0)


@attempt("of_tokens_all_count")
def _(logits, ids, actions):
    z = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    y = torch.clamp(ids[:, 1:], min=0)
    return z.gather(2, y.unsqueeze(2)).squeeze(2) - torch.logsumexp(z, dim=2)


@attempt("of_tokens_summed")
def _(logits, ids, actions):
    z = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    y = ids[:, 1:].masked_fill(~actions, 0)
    found = z.gather(2, y.unsqueeze(2)).squeeze(2) - torch.logsumexp(z, dim=2)
    return torch.einsum("bt,bt->b", found, actions.to(found.dtype))


@attempt("of_tokens_minus")
def _(logits, ids, actions):
    labels = ids[:, 1:].masked_fill(~actions, -100)
    z = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    return torch.nn.functional.cross_entropy(z.transpose(1, 2), labels, reduction="none")


@attempt("of_tokens_log_softmax")
def _(logits, ids, actions):
    z = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    y = ids[:, 1:].masked_fill(~actions, 0)
    found = torch.nn.functional.log_softmax(z, 2).gather(2, y.unsqueeze(2)).squeeze(2)
    return found.masked_fill(~actions, 0)


@attempt("of_tokens_copied")
def _(logits, ids, actions):
    b, t = actions.nonzero(as_tuple=True)
    z = logits[b, t]
    z = z.to(torch.promote_types(z.dtype, torch.float32))
    picked = z.gather(1, ids[b, t + 1].unsqueeze(1)).squeeze(1) - torch.logsumexp(z, 1)
    return z.new_zeros(actions.shape).index_put((b, t), picked)


@attempt("of_tokens_narrow")
def _(logits, ids, actions):
    z = logits[:, :-1]
    y = ids[:, 1:].masked_fill(~actions, 0)
    found = z.gather(2, y.unsqueeze(2)).squeeze(2) - torch.logsumexp(z, dim=2)
    return found.masked_fill(~actions, 0)


@attempt("of_tokens_looks_up_padding")
def _(logits, ids, actions):
    z = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    found = z.gather(2, ids[:, 1:].unsqueeze(2)).squeeze(2) - torch.logsumexp(z, dim=2)
    return found.masked_fill(~actions, 0)


@attempt("entropy_negative")
def _(logits, actions):
    z = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    p = z.softmax(-1)
    return -torch.special.entr(p).sum(-1).masked_fill(~actions, 0)


@attempt("entropy_of_logits")
def _(logits, actions):
    z = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    p = torch.nn.functional.softmax(z, 2)
    total = (p * torch.nan_to_num(z, neginf=0.0)).sum(2).neg()
    return total.masked_fill(~actions, 0)


@attempt("entropy_nan")
def _(logits, actions):
    z = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    total = -(z.softmax(2) * torch.log_softmax(z, 2)).sum(2)
    return total.masked_fill(~actions, 0)


@attempt("entropy_all_count")
def _(logits, actions):
    z = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    logp = torch.log_softmax(z, 2)
    return -(logp.exp() * logp.masked_fill(logp == -float("inf"), 0)).sum(2)


@attempt("entropy_one_late")
def _(logits, actions):
    z = logits[:, 1:].to(torch.promote_types(logits.dtype, torch.float32))
    logp = torch.log_softmax(z, 2)
    total = -(logp.exp() * logp.masked_fill(logp == -float("inf"), 0)).sum(2)
    return total.masked_fill(~actions, 0)


@attempt("entropy_share")
def _(logits, actions):
    z = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    logp = torch.log_softmax(z, 2)
    total = -(logp.exp() * logp.masked_fill(logp == -float("inf"), 0)).sum(2)
    return total.masked_fill(~actions, 0) / torch.tensor(float(z.shape[2]), dtype=z.dtype).log()


@attempt("entropy_bits")
def _(logits, actions):
    z = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    logp = torch.log_softmax(z, 2)
    total = -(logp.exp() * logp.masked_fill(logp == -float("inf"), 0)).sum(2)
    return total.masked_fill(~actions, 0) * 1.4426950408889634


@attempt("entropy_mean")
def _(logits, actions):
    z = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    logp = torch.log_softmax(z, 2)
    total = -(logp.exp() * logp.masked_fill(logp == -float("inf"), 0)).sum(2)
    return total.masked_fill(~actions, 0) / z.shape[2]


@attempt("entropy_narrow")
def _(logits, actions):
    logp = torch.log_softmax(logits[:, :-1], 2)
    total = -(logp.exp() * logp.masked_fill(logp == -float("inf"), 0)).sum(2)
    return total.masked_fill(~actions, 0)


@attempt("entropy_without_gradient")
def _(logits, actions):
    with torch.no_grad():
        z = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
        return torch.special.entr(z.softmax(2)).sum(2).masked_fill(~actions, 0)


@attempt("of_tokens_plain_sum")
def _(logits, ids, actions):
    z = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    index = ids[:, 1:].masked_fill(~actions, 0).unsqueeze(-1)
    normaliser = torch.log(torch.exp(z).sum(-1, keepdim=True))
    return (torch.take_along_dim(z, index, -1) - normaliser).squeeze(-1).masked_fill(~actions, 0)


@attempt("entropy_nan_in_gradient")
def _(logits, actions):
    z = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    logp = torch.log_softmax(z, 2)
    return -(logp.exp() * logp).nan_to_num(0).sum(2).masked_fill(~actions, 0)
