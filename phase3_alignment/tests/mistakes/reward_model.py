"""Classic wrong answers for `solution/reward_model.py`."""

import math

import torch
import torch.nn.functional as F

from shared.mistakes import mistake


@mistake(
    "3.13",
    "reward_model.last_token",
    "That is the last column, and where a text is padded on the right, padding stands there.",
)
def last_token_column(x, mask):
    return x[:, -1]


@mistake(
    "3.13",
    "reward_model.last_token",
    "The number of real tokens minus 1 is the last one's index only where the text begins in column 0.",
)
def last_token_counted(x, mask):
    lengths = mask.sum(dim=1)
    chosen = x[torch.arange(len(x)), (lengths - 1).clamp(min=0)]
    real = (lengths > 0).view(-1, *[1] * (x.ndim - 2))
    return chosen.where(real, 0)


@mistake(
    "3.13",
    "reward_model.last_token",
    "The one before the first padding: where padding comes first, that wraps around to the last column, real or not.",
)
def last_token_before_padding(x, mask):
    first_pad = mask.int().argmin(dim=1)
    chosen = x[torch.arange(len(x)), first_pad - 1]
    real = mask.any(dim=1).view(-1, *[1] * (x.ndim - 2))
    return chosen.where(real, 0)


@mistake(
    "3.13",
    "reward_model.last_token",
    "The first real token has seen nothing of the text but itself; take the last one.",
)
def last_token_first(x, mask):
    first = mask.int().argmax(dim=1)
    chosen = x[torch.arange(len(x)), first]
    real = mask.any(dim=1).view(-1, *[1] * (x.ndim - 2))
    return chosen.where(real, 0)


@mistake(
    "3.13",
    "reward_model.last_token",
    "One too early: this is the token before the last real one.",
)
def last_token_off_by_one(x, mask):
    positions = torch.arange(mask.shape[1], device=mask.device)
    last = torch.where(mask, positions, -1).amax(dim=1)
    chosen = x[torch.arange(len(x)), last - 1]
    real = (last >= 0).view(-1, *[1] * (x.ndim - 2))
    return chosen.where(real, 0)


@mistake(
    "3.13",
    "reward_model.last_token",
    "A mean over the real tokens: in a causal model most of them have not seen the end of the text.",
)
def last_token_mean(x, mask):
    m = mask.view(*mask.shape, *[1] * (x.ndim - 2))
    return x.where(m, 0).sum(dim=1) / m.sum(dim=1).clamp(min=1)


@mistake(
    "3.13",
    "reward_model.last_token",
    "A mean over all columns, the padding too: a score then depends on the longest text of the batch.",
)
def last_token_mean_of_all(x, mask):
    return x.mean(dim=1)


@mistake(
    "3.13",
    "reward_model.last_token",
    "A row of nothing but padding has no last token, and this reads its padding; it must give zeros.",
)
def last_token_of_nothing(x, mask):
    positions = torch.arange(mask.shape[1], device=mask.device)
    last = (mask * positions).argmax(dim=1)
    return x[torch.arange(len(x)), last]


@mistake(
    "3.13",
    "reward_model.last_token",
    "Multiplying by 0 does not hide what is there: 0 times NaN is NaN. Pick, do not multiply.",
)
def last_token_multiplied(x, mask):
    positions = torch.arange(mask.shape[1], device=mask.device)
    last = torch.where(mask, positions, -1).amax(dim=1, keepdim=True)
    is_last = (positions == last).to(x.dtype).view(*mask.shape, *[1] * (x.ndim - 2))
    return (x * is_last).sum(dim=1)


@mistake(
    "3.13",
    "reward_model.last_token",
    "The padding of x is overwritten; the caller still wants it, and autograd may refuse it.",
)
def last_token_in_place(x, mask):
    x[~mask] = 0
    positions = torch.arange(mask.shape[1], device=mask.device)
    last = (mask * positions).argmax(dim=1)
    return x[torch.arange(len(x)), last]


@mistake(
    "3.13",
    "reward_model.bradley_terry",
    "Chosen and rejected have changed places: the model learns to prefer what people did not.",
)
def bradley_terry_swapped(chosen, rejected):
    return -F.logsigmoid(rejected - chosen).mean()


@mistake(
    "3.13",
    "reward_model.bradley_terry",
    "A sum over the pairs: the gradients grow with the batch. Take the mean.",
)
def bradley_terry_sum(chosen, rejected):
    return -F.logsigmoid(chosen - rejected).sum()


@mistake(
    "3.13",
    "reward_model.bradley_terry",
    "The log of a probability is negative; without the minus, a smaller loss is a worse model.",
)
def bradley_terry_no_minus(chosen, rejected):
    return F.logsigmoid(chosen - rejected).mean()


@mistake(
    "3.13",
    "reward_model.bradley_terry",
    "In any float the sigmoid of -1000 is 0, e^1000 is inf, and the log of either no number; logsigmoid takes both at once.",
)
def bradley_terry_log_of_sigmoid(chosen, rejected):
    return -torch.sigmoid(chosen - rejected).log().mean()


@mistake(
    "3.13",
    "reward_model.bradley_terry",
    "A small number inside the log caps the loss: the pairs that are most wrong get no gradient.",
)
def bradley_terry_epsilon(chosen, rejected):
    return -torch.log(torch.sigmoid(chosen - rejected) + 1e-8).mean()


@mistake(
    "3.13",
    "reward_model.bradley_terry",
    "A squared error of the probability is nearly flat where the model is sure and wrong; it is no likelihood.",
)
def bradley_terry_squared(chosen, rejected):
    return (1 - torch.sigmoid(chosen - rejected)).square().mean()


@mistake(
    "3.13",
    "reward_model.bradley_terry",
    "That is the mean probability of being wrong; the log is missing.",
)
def bradley_terry_no_log(chosen, rejected):
    return (1 - torch.sigmoid(chosen - rejected)).mean()


@mistake(
    "3.13",
    "reward_model.bradley_terry",
    "A hinge with a margin of 1 is another loss: its differences are no log-odds, and it stops at 1.",
)
def bradley_terry_hinge(chosen, rejected):
    return F.relu(1 - (chosen - rejected)).mean()


@mistake(
    "3.13",
    "reward_model.bradley_terry",
    "Each score is judged alone, so adding a number to all of them changes the loss; only differences are known.",
)
def bradley_terry_each_alone(chosen, rejected):
    return -(F.logsigmoid(chosen) + F.logsigmoid(-rejected)).mean()


@mistake(
    "3.13",
    "reward_model.bradley_terry",
    "The differences are averaged before the sigmoid: a few large leads hide the pairs that are wrong.",
)
def bradley_terry_mean_first(chosen, rejected):
    return -F.logsigmoid((chosen - rejected).mean())


@mistake(
    "3.13",
    "reward_model.bradley_terry",
    "Divided by ln 2 this is in bits; the course counts in nats.",
)
def bradley_terry_bits(chosen, rejected):
    return -F.logsigmoid(chosen - rejected).mean() / math.log(2)
