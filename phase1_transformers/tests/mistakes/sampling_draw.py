"""Classic wrong answers for `solution/sampling.py`: drawing."""

import torch
from shared.mistakes import mistake


def _draw(logits, sampling, generator):
    if sampling.top_k is not None:
        logits = top_k(logits, sampling.top_k)
    if sampling.top_p is not None:
        logits = top_p(logits, sampling.top_p)
    if sampling.min_p is not None:
        logits = min_p(logits, sampling.min_p)
    return torch.multinomial(logits.softmax(dim=-1), 1, generator=generator).squeeze(-1)


@mistake(
    "1.23",
    "sampling.sample",
    "Logits are multiplied by the temperature, so a hot model becomes sure: it divides them.",
)
def sample_multiplies(logits, sampling, generator=None):
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    return _draw(logits.float() * sampling.temperature, sampling, generator)


@mistake(
    "1.23",
    "sampling.sample",
    "The probabilities are divided by the temperature, which drawing undoes; it divides the logits.",
)
def sample_divides_probabilities(logits, sampling, generator=None):
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    if sampling.top_k is not None:
        logits = top_k(logits, sampling.top_k)
    if sampling.top_p is not None:
        logits = top_p(logits, sampling.top_p)
    if sampling.min_p is not None:
        logits = min_p(logits, sampling.min_p)
    probs = logits.float().softmax(dim=-1) / sampling.temperature
    return torch.multinomial(probs, 1, generator=generator).squeeze(-1)


@mistake(
    "1.23",
    "sampling.sample",
    "The filters look at the logits before the temperature has; it comes first here.",
)
def sample_filters_first(logits, sampling, generator=None):
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    logits = logits.float()
    if sampling.top_k is not None:
        logits = top_k(logits, sampling.top_k)
    if sampling.top_p is not None:
        logits = top_p(logits, sampling.top_p)
    if sampling.min_p is not None:
        logits = min_p(logits, sampling.min_p)
    probs = (logits / sampling.temperature).softmax(dim=-1)
    return torch.multinomial(probs, 1, generator=generator).squeeze(-1)


@mistake(
    "1.23",
    "sampling.sample",
    "top_p runs before top_k, and sees the tokens that top_k drops: the order is top_k, top_p, min_p.",
)
def sample_top_p_first(logits, sampling, generator=None):
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    logits = logits.float() / sampling.temperature
    if sampling.top_p is not None:
        logits = top_p(logits, sampling.top_p)
    if sampling.top_k is not None:
        logits = top_k(logits, sampling.top_k)
    if sampling.min_p is not None:
        logits = min_p(logits, sampling.min_p)
    return torch.multinomial(logits.softmax(dim=-1), 1, generator=generator).squeeze(-1)


@mistake(
    "1.23",
    "sampling.sample",
    "Always the likeliest token, whatever the temperature: only 0 means that, above it is drawn by chance.",
)
def sample_always_greedy(logits, sampling, generator=None):
    return logits.argmax(dim=-1)


@mistake(
    "1.23",
    "sampling.sample",
    "The generator is not used, so chance comes from torch's global one and no seed repeats a text.",
)
def sample_without_generator(logits, sampling, generator=None):
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    return _draw(logits.float() / sampling.temperature, sampling, None)


@mistake(
    "1.23",
    "sampling.sample",
    "Temperature 0 divides by zero; it stands for taking the highest logit.",
)
def sample_divides_by_zero(logits, sampling, generator=None):
    temperature = max(sampling.temperature, 1e-6)
    return _draw(logits.float() / temperature, sampling, generator)


@mistake(
    "1.23",
    "sampling.sample",
    "The ids have the shape (B, 1); one token a row is (B,).",
)
def sample_keeps_an_axis(logits, sampling, generator=None):
    if sampling.temperature == 0:
        return logits.argmax(dim=-1, keepdim=True)
    return _draw(logits.float() / sampling.temperature, sampling, generator)[:, None]


@mistake(
    "1.23",
    "sampling.sample",
    "The probabilities are computed in the dtype of the logits; bfloat16 has three digits, and the running sum loses them.",
)
def sample_in_narrow_dtype(logits, sampling, generator=None):
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    return _draw(logits / sampling.temperature, sampling, generator)


@mistake(
    "1.23",
    "sampling.sample",
    "All rows draw from the first row's probabilities; each text of a batch has its own.",
)
def sample_first_row_for_all(logits, sampling, generator=None):
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    logits = (logits[:1].float() / sampling.temperature).expand_as(logits)
    return _draw(logits, sampling, generator)


@mistake(
    "1.23",
    "sampling.sample",
    "The drawn ids have the shape (B, 1), as multinomial gives them; one token a row is (B,).",
)
def sample_keeps_the_drawn_axis(logits, sampling, generator=None):
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    return _draw(logits.float() / sampling.temperature, sampling, generator)[:, None]


@mistake(
    "1.23",
    "sampling.sample",
    "Temperature 0 has no branch of its own: logits over 0 are infinite, and there is nothing to draw from.",
)
def sample_has_no_greedy_branch(logits, sampling, generator=None):
    return _draw(logits.float() / sampling.temperature, sampling, generator)


@mistake(
    "1.23",
    "sampling.sample",
    "The caller's logits are divided in place; `.float()` of a float32 tensor is that tensor itself, so make a new one.",
)
def sample_divides_in_place(logits, sampling, generator=None):
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    logits = logits.float()
    logits /= sampling.temperature
    return _draw(logits, sampling, generator)
