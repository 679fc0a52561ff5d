"""Classic wrong answers for `solution/chat.py`."""

import torch

from phase3_alignment.solution.chat import HEADERS, render
from shared.mistakes import mistake


def _plain(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)


@mistake(
    "3.10",
    "chat.render",
    "All contents count: the model learns to write the user's part as well. Only the assistant's turns do.",
)
def render_everybody_counts(messages, tokenizer):
    ids, answers = [], []
    for message in messages:
        header = _plain(tokenizer, HEADERS[message.role])
        turn = [*_plain(tokenizer, message.content), tokenizer.eos_token_id]
        ids += header + turn
        answers += [False] * len(header) + [True] * len(turn)
    return torch.tensor(ids, dtype=torch.int64), torch.tensor(answers, dtype=torch.bool)


@mistake(
    "3.10",
    "chat.render",
    "The end token behind an answer does not count: then nobody teaches the model to stop.",
)
def render_end_does_not_count(messages, tokenizer):
    ids, answers = [], []
    for message in messages:
        header = _plain(tokenizer, HEADERS[message.role])
        content = _plain(tokenizer, message.content)
        ids += [*header, *content, tokenizer.eos_token_id]
        spoken = message.role == "assistant"
        answers += [False] * len(header) + [spoken] * len(content) + [False]
    return torch.tensor(ids, dtype=torch.int64), torch.tensor(answers, dtype=torch.bool)


@mistake(
    "3.10",
    "chat.render",
    "The assistant's header counts, too. It is given in every prompt: the model never has to write it.",
)
def render_header_counts(messages, tokenizer):
    ids, answers = [], []
    for message in messages:
        turn = [*_plain(tokenizer, HEADERS[message.role]), *_plain(tokenizer, message.content)]
        turn.append(tokenizer.eos_token_id)
        ids += turn
        answers += [message.role == "assistant"] * len(turn)
    return torch.tensor(ids, dtype=torch.int64), torch.tensor(answers, dtype=torch.bool)


@mistake(
    "3.10",
    "chat.render",
    "The name of a special token in a content becomes that token: whoever types it can end a turn and forge the next.",
)
def render_parses_specials(messages, tokenizer):
    ids, answers = [], []
    for message in messages:
        header = tokenizer.encode(HEADERS[message.role], add_special_tokens=False)
        content = tokenizer.encode(message.content, add_special_tokens=False)
        turn = [*content, tokenizer.eos_token_id]
        ids += header + turn
        answers += [False] * len(header) + [message.role == "assistant"] * len(turn)
    return torch.tensor(ids, dtype=torch.int64), torch.tensor(answers, dtype=torch.bool)


@mistake(
    "3.10",
    "chat.render",
    "The special tokens of a whole document stand around every piece; a piece is no document.",
)
def render_adds_specials(messages, tokenizer):
    ids, answers = [], []
    for message in messages:
        header = tokenizer.encode(HEADERS[message.role], split_special_tokens=True)
        content = tokenizer.encode(message.content, split_special_tokens=True)
        turn = [*content, tokenizer.eos_token_id]
        ids += header + turn
        answers += [False] * len(header) + [message.role == "assistant"] * len(turn)
    return torch.tensor(ids, dtype=torch.int64), torch.tensor(answers, dtype=torch.bool)


@mistake(
    "3.10",
    "chat.render",
    "Header and content are encoded together and the header's tokens counted apart: a token across the border shifts the mask.",
)
def render_counts_the_prefix(messages, tokenizer):
    ids, answers = [], []
    for message in messages:
        n_header = len(_plain(tokenizer, HEADERS[message.role]))
        turn = _plain(tokenizer, HEADERS[message.role] + message.content)
        turn.append(tokenizer.eos_token_id)
        ids += turn
        spoken = message.role == "assistant"
        answers += [spoken and i >= n_header for i in range(len(turn))]
    return torch.tensor(ids, dtype=torch.int64), torch.tensor(answers, dtype=torch.bool)


@mistake(
    "3.10",
    "chat.render",
    "Only the last answer counts; the answers before it are the assistant's, too.",
)
def render_last_answer_only(messages, tokenizer):
    ids, answers = [], []
    spoken = [i for i, message in enumerate(messages) if message.role == "assistant"]
    for i, message in enumerate(messages):
        header = _plain(tokenizer, HEADERS[message.role])
        turn = [*_plain(tokenizer, message.content), tokenizer.eos_token_id]
        ids += header + turn
        answers += [False] * len(header) + [i in spoken[-1:]] * len(turn)
    return torch.tensor(ids, dtype=torch.int64), torch.tensor(answers, dtype=torch.bool)


@mistake(
    "3.10",
    "chat.render",
    "One end token behind the whole conversation: every turn has one, for it is what makes a header a header.",
)
def render_ends_once(messages, tokenizer):
    ids, answers = [], []
    for i, message in enumerate(messages):
        header = _plain(tokenizer, HEADERS[message.role])
        turn = _plain(tokenizer, message.content)
        if i == len(messages) - 1:
            turn = [*turn, tokenizer.eos_token_id]
        ids += header + turn
        answers += [False] * len(header) + [message.role == "assistant"] * len(turn)
    return torch.tensor(ids, dtype=torch.int64), torch.tensor(answers, dtype=torch.bool)


@mistake(
    "3.10",
    "chat.render",
    "The end token's name is written as text: it becomes a handful of plain tokens, and no program stops at those.",
)
def render_writes_the_end(messages, tokenizer):
    ids, answers = [], []
    for message in messages:
        header = _plain(tokenizer, HEADERS[message.role])
        end = tokenizer.decode([tokenizer.eos_token_id])
        turn = _plain(tokenizer, message.content + end)
        ids += header + turn
        answers += [False] * len(header) + [message.role == "assistant"] * len(turn)
    return torch.tensor(ids, dtype=torch.int64), torch.tensor(answers, dtype=torch.bool)


@mistake(
    "3.10",
    "chat.render",
    "The mask is one place to the left, as if it were of predictions already; it is of the tokens themselves.",
)
def render_mask_shifted(messages, tokenizer):
    ids, answers = [], []
    for message in messages:
        header = _plain(tokenizer, HEADERS[message.role])
        turn = [*_plain(tokenizer, message.content), tokenizer.eos_token_id]
        ids += header + turn
        answers += [False] * len(header) + [message.role == "assistant"] * len(turn)
    answers = [*answers[1:], False] if answers else []
    return torch.tensor(ids, dtype=torch.int64), torch.tensor(answers, dtype=torch.bool)


@mistake(
    "3.10",
    "chat.prompt",
    "The prompt ends before the assistant's header: the model has to guess whose turn it is.",
)
def prompt_without_header(messages, tokenizer):
    return render(messages, tokenizer)[0]


@mistake(
    "3.10",
    "chat.prompt",
    "The prompt closes the assistant's turn before it has begun: an end token stands behind the header.",
)
def prompt_closes_the_turn(messages, tokenizer):
    header = _plain(tokenizer, HEADERS["assistant"])
    ids, _ = render(messages, tokenizer)
    return torch.cat([ids, torch.tensor([*header, tokenizer.eos_token_id])])


@mistake(
    "3.10",
    "chat.prompt",
    "The header lacks its line break: in training it was there, and the model has never gone on from here.",
)
def prompt_strips_the_header(messages, tokenizer):
    header = _plain(tokenizer, HEADERS["assistant"].strip())
    return torch.cat([render(messages, tokenizer)[0], torch.tensor(header)])


@mistake(
    "3.10",
    "chat.prompt",
    "The end token behind the last turn is taken off: the header stands in the middle of what the user says.",
)
def prompt_drops_the_end(messages, tokenizer):
    header = _plain(tokenizer, HEADERS["assistant"])
    return torch.cat([render(messages, tokenizer)[0][:-1], torch.tensor(header)])
