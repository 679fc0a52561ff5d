"""Classic wrong answers for `solution/logprobs.py`."""

import math

import torch

from shared.mistakes import mistake


@mistake(
    "3.14",
    "logprobs.of_tokens",
    "Position t predicts token t + 1, and this asks it for token t, which it has already read.",
)
def of_tokens_not_shifted(logits, ids, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    logits, targets = logits[:, :-1], ids[:, :-1].where(actions, 0)
    chosen = logits.gather(-1, targets[..., None])[..., 0].to(wide)
    return (chosen - logits.to(wide).logsumexp(dim=-1)).where(actions, 0)


@mistake(
    "3.14",
    "logprobs.of_tokens",
    "Shifted the wrong way: position t + 1 is asked for token t, which lies in its past.",
)
def of_tokens_shifted_back(logits, ids, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    logits, targets = logits[:, 1:], ids[:, :-1].where(actions, 0)
    chosen = logits.gather(-1, targets[..., None])[..., 0].to(wide)
    return (chosen - logits.to(wide).logsumexp(dim=-1)).where(actions, 0)


@mistake(
    "3.14",
    "logprobs.of_tokens",
    "Position t + 1 is asked for token t + 1 itself: it has already read it. Use the logits one earlier.",
)
def of_tokens_own_position(logits, ids, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    logits, targets = logits[:, 1:], ids[:, 1:].where(actions, 0)
    chosen = logits.gather(-1, targets[..., None])[..., 0].to(wide)
    return (chosen - logits.to(wide).logsumexp(dim=-1)).where(actions, 0)


@mistake(
    "3.14",
    "logprobs.of_tokens",
    "Those are logits, not log-probabilities: the log-sum-exp over the vocabulary is still to be subtracted.",
)
def of_tokens_raw(logits, ids, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    targets = ids[:, 1:].where(actions, 0)
    chosen = logits[:, :-1].gather(-1, targets[..., None])[..., 0].to(wide)
    return chosen.where(actions, 0)


@mistake(
    "3.14",
    "logprobs.of_tokens",
    "softmax first, log second: a token 1000 nats behind has a softmax of 0, and the log of 0 is -inf.",
)
def of_tokens_log_of_softmax(logits, ids, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    targets = ids[:, 1:].where(actions, 0)
    p = logits[:, :-1].to(wide).softmax(dim=-1)
    return p.gather(-1, targets[..., None])[..., 0].log().where(actions, 0)


@mistake(
    "3.14",
    "logprobs.of_tokens",
    "The prompt and the padding count as well; only what `actions` marks was said by the model.",
)
def of_tokens_all_count(logits, ids, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    logits, targets = logits[:, :-1], ids[:, 1:].clamp(min=0)
    chosen = logits.gather(-1, targets[..., None])[..., 0].to(wide)
    return chosen - logits.to(wide).logsumexp(dim=-1)


@mistake(
    "3.14",
    "logprobs.of_tokens",
    "Summed over the text; one number for each token is asked for, since PPO weighs each by itself.",
)
def of_tokens_summed(logits, ids, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    logits, targets = logits[:, :-1], ids[:, 1:].where(actions, 0)
    chosen = logits.gather(-1, targets[..., None])[..., 0].to(wide)
    return (chosen - logits.to(wide).logsumexp(dim=-1)).where(actions, 0).sum(dim=-1)


@mistake(
    "3.14",
    "logprobs.of_tokens",
    "With a minus this is the loss of each token; a log-probability is at most 0.",
)
def of_tokens_minus(logits, ids, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    logits, targets = logits[:, :-1], ids[:, 1:].where(actions, 0)
    chosen = logits.gather(-1, targets[..., None])[..., 0].to(wide)
    return (logits.to(wide).logsumexp(dim=-1) - chosen).where(actions, 0)


@mistake(
    "3.14",
    "logprobs.of_tokens",
    "Right, but log_softmax is a second table (B, T, V), which autograd keeps; two numbers for each token are enough.",
)
def of_tokens_log_softmax(logits, ids, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    targets = ids[:, 1:].where(actions, 0)
    table = logits[:, :-1].to(wide).log_softmax(dim=-1)
    return table.gather(-1, targets[..., None])[..., 0].where(actions, 0)


@mistake(
    "3.14",
    "logprobs.of_tokens",
    "Right, but indexing by a mask copies all its rows of the table, and autograd keeps the copy.",
)
def of_tokens_copied(logits, ids, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    rows = logits[:, :-1][actions].to(wide)
    chosen = rows.gather(-1, ids[:, 1:][actions][:, None])[:, 0]
    found = torch.zeros(actions.shape, dtype=wide, device=logits.device)
    found[actions] = chosen - rows.logsumexp(dim=-1)
    return found


@mistake(
    "3.14",
    "logprobs.of_tokens",
    "In bfloat16 a log-probability of -10 has errors of 0.03, and PPO's ratio is made of such; widen to float32.",
)
def of_tokens_narrow(logits, ids, actions):
    logits, targets = logits[:, :-1], ids[:, 1:].where(actions, 0)
    chosen = logits.gather(-1, targets[..., None])[..., 0]
    normaliser = torch.stack([row.logsumexp(dim=-1) for row in logits])
    return (chosen - normaliser).where(actions, 0)


@mistake(
    "3.14",
    "logprobs.of_tokens",
    "An id that does not count is looked up all the same, and it may be -100; put any valid one in its place first.",
)
def of_tokens_looks_up_padding(logits, ids, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    logits, targets = logits[:, :-1], ids[:, 1:]
    chosen = logits.gather(-1, targets[..., None])[..., 0].to(wide)
    return (chosen - logits.to(wide).logsumexp(dim=-1)).where(actions, 0)


@mistake(
    "3.14",
    "logprobs.entropy",
    "The sum of p log p is negative; entropy has a minus before it. As a bonus this one would punish doubt.",
)
def entropy_negative(logits, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    logp = logits[:, :-1].to(wide).log_softmax(dim=-1)
    p = logp.exp()
    return (p * logp.where(p > 0, 0)).sum(dim=-1).where(actions, 0)


@mistake(
    "3.14",
    "logprobs.entropy",
    "p times the logit is not p log p: a row of logits may be shifted by any number. Normalise it first.",
)
def entropy_of_logits(logits, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    logits = logits[:, :-1].to(wide)
    p = logits.softmax(dim=-1)
    return -(p * logits.where(p > 0, 0)).sum(dim=-1).where(actions, 0)


@mistake(
    "3.14",
    "logprobs.entropy",
    "0 times the log of 0 is NaN, in the value or in its gradient; a token that is ruled out must add 0 before the product.",
)
def entropy_nan(logits, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    logp = logits[:, :-1].to(wide).log_softmax(dim=-1)
    return -(logp.exp() * logp).sum(dim=-1).where(actions, 0)


@mistake(
    "3.14",
    "logprobs.entropy",
    "The prompt and the padding have an entropy here; only what `actions` marks counts.",
)
def entropy_all_count(logits, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    logp = logits[:, :-1].to(wide).log_softmax(dim=-1)
    p = logp.exp()
    return -(p * logp.where(p > 0, 0)).sum(dim=-1)


@mistake(
    "3.14",
    "logprobs.entropy",
    "The doubt about token t + 1 is in the logits at t; these are the logits after it.",
)
def entropy_one_late(logits, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    logp = logits[:, 1:].to(wide).log_softmax(dim=-1)
    p = logp.exp()
    return -(p * logp.where(p > 0, 0)).sum(dim=-1).where(actions, 0)


@mistake(
    "3.14",
    "logprobs.entropy",
    "Divided by ln V, its largest value, this is a share; nats are asked for.",
)
def entropy_share(logits, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    logp = logits[:, :-1].to(wide).log_softmax(dim=-1)
    p = logp.exp()
    found = -(p * logp.where(p > 0, 0)).sum(dim=-1).where(actions, 0)
    return found / math.log(logits.shape[-1])


@mistake(
    "3.14",
    "logprobs.entropy",
    "A logarithm to base 2 gives bits; the course counts in nats.",
)
def entropy_bits(logits, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    logp = logits[:, :-1].to(wide).log_softmax(dim=-1)
    p = logp.exp()
    return -(p * logp.where(p > 0, 0)).sum(dim=-1).where(actions, 0) / math.log(2)


@mistake(
    "3.14",
    "logprobs.entropy",
    "A mean over V adds a division that the formula lacks: p already is a weight.",
)
def entropy_mean(logits, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    logp = logits[:, :-1].to(wide).log_softmax(dim=-1)
    p = logp.exp()
    return -(p * logp.where(p > 0, 0)).mean(dim=-1).where(actions, 0)


@mistake(
    "3.14",
    "logprobs.entropy",
    "In bfloat16 a sum over the vocabulary keeps 8 bits; widen to float32 before the softmax.",
)
def entropy_narrow(logits, actions):
    logp = logits[:, :-1].log_softmax(dim=-1)
    p = logp.exp()
    return -(p * logp.where(p > 0, 0)).sum(dim=-1).where(actions, 0)


@mistake(
    "3.14",
    "logprobs.entropy",
    "The entropy is cut off from the logits, so an entropy bonus would move nothing.",
)
def entropy_without_gradient(logits, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    logp = logits.detach()[:, :-1].to(wide).log_softmax(dim=-1)
    p = logp.exp()
    return -(p * logp.where(p > 0, 0)).sum(dim=-1).where(actions, 0)


@mistake(
    "3.14",
    "logprobs.of_tokens",
    "e^1000 is infinite; take the largest logit out before the sum, as logsumexp does.",
)
def of_tokens_plain_sum(logits, ids, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    before = logits[:, :-1].to(wide)
    said = before.gather(-1, ids[:, 1:].where(actions, 0)[..., None])[..., 0]
    return (said - before.exp().sum(dim=-1).log()).where(actions, 0)


@mistake(
    "3.14",
    "logprobs.entropy",
    "The value is mended after the product, but the gradient is still NaN; a ruled-out token needs a finite number before it.",
)
def entropy_nan_in_gradient(logits, actions):
    wide = torch.promote_types(logits.dtype, torch.float32)
    p = logits[:, :-1].to(wide).softmax(dim=-1)
    return torch.special.entr(p).sum(dim=-1).where(actions, 0)
