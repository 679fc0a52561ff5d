"""The mistakes of `mistakes/chat.py`, as others would write them."""

import torch

from phase3_alignment.solution import chat
from shared.mistakes import attempt


def _encode(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)


def _pieces(messages, tokenizer):
    """Each turn as (role, header ids, content ids, end)."""
    for m in messages:
        header, content = _encode(tokenizer, chat.HEADERS[m.role]), _encode(tokenizer, m.content)
        yield m.role, header, content, [tokenizer.eos_token_id]


def _tensors(pairs):
    pairs = list(pairs)
    ids = torch.tensor([i for i, _ in pairs]).long()
    return ids, torch.tensor([bool(a) for _, a in pairs]).bool()


@attempt("render_everybody_counts")
def _(messages, tokenizer):
    pairs = []
    for _, header, content, end in _pieces(messages, tokenizer):
        pairs.extend((i, 0) for i in header)
        pairs.extend((i, 1) for i in content + end)
    return _tensors(pairs)


@attempt("render_end_does_not_count")
def _(messages, tokenizer):
    pairs = []
    for role, header, content, end in _pieces(messages, tokenizer):
        pairs.extend((i, 0) for i in header)
        pairs.extend((i, role == "assistant") for i in content)
        pairs.extend((i, 0) for i in end)
    return _tensors(pairs)


@attempt("render_header_counts")
def _(messages, tokenizer):
    pairs = []
    for role, header, content, end in _pieces(messages, tokenizer):
        pairs.extend((i, role == "assistant") for part in (header, content, end) for i in part)
    return _tensors(pairs)


@attempt("render_parses_specials")
def _(messages, tokenizer):
    pairs = []
    for m in messages:
        for i in tokenizer.encode(chat.HEADERS[m.role], add_special_tokens=False):
            pairs.append((i, False))
        for i in tokenizer.encode(m.content, add_special_tokens=False):
            pairs.append((i, m.role == "assistant"))
        pairs.append((tokenizer.eos_token_id, m.role == "assistant"))
    return _tensors(pairs)


@attempt("render_adds_specials")
def _(messages, tokenizer):
    pairs = []
    for m in messages:
        mine = m.role == "assistant"
        header = tokenizer.encode(chat.HEADERS[m.role], split_special_tokens=True)
        pairs += [(i, False) for i in header]
        pairs += [(i, mine) for i in tokenizer.encode(m.content, split_special_tokens=True)]
        pairs += [(tokenizer.eos_token_id, mine)]
    return _tensors(pairs)


@attempt("render_counts_the_prefix")
def _(messages, tokenizer):
    pairs = []
    for m in messages:
        prefix = chat.HEADERS[m.role]
        begin = len(_encode(tokenizer, prefix))
        whole = [*_encode(tokenizer, prefix + m.content), tokenizer.eos_token_id]
        for n, i in enumerate(whole):
            pairs.append((i, m.role == "assistant" and n >= begin))
    return _tensors(pairs)


@attempt("render_last_answer_only")
def _(messages, tokenizer):
    pairs = []
    last = max((n for n, m in enumerate(messages) if m.role == "assistant"), default=-1)
    for n, (_, header, content, end) in enumerate(_pieces(messages, tokenizer)):
        pairs += [(i, 0) for i in header] + [(i, n == last) for i in content + end]
    return _tensors(pairs)


@attempt("render_ends_once")
def _(messages, tokenizer):
    pairs = []
    role = None
    for role, header, content, _ in _pieces(messages, tokenizer):
        pairs += [(i, 0) for i in header] + [(i, role == "assistant") for i in content]
    if messages:
        pairs.append((tokenizer.eos_token_id, role == "assistant"))
    return _tensors(pairs)


@attempt("render_writes_the_end")
def _(messages, tokenizer):
    pairs = []
    for m in messages:
        pairs += [(i, 0) for i in _encode(tokenizer, chat.HEADERS[m.role])]
        text = m.content + "<|endoftext|>"
        pairs += [(i, m.role == "assistant") for i in _encode(tokenizer, text)]
    return _tensors(pairs)


@attempt("render_mask_shifted")
def _(messages, tokenizer):
    pairs = []
    for role, header, content, end in _pieces(messages, tokenizer):
        pairs += [(i, 0) for i in header] + [(i, role == "assistant") for i in content + end]
    ids, mask = _tensors(pairs)
    shifted = torch.zeros_like(mask)
    shifted[:-1] = mask[1:]
    return ids, shifted


@attempt("prompt_without_header")
def _(messages, tokenizer):
    ids, _ = chat.render(list(messages), tokenizer)
    return ids


@attempt("prompt_closes_the_turn")
def _(messages, tokenizer):
    return chat.render([*messages, chat.Message("assistant", "")], tokenizer)[0]


@attempt("prompt_strips_the_header")
def _(messages, tokenizer):
    ids = chat.render(messages, tokenizer)[0].tolist()
    return torch.tensor(ids + _encode(tokenizer, "Assistant:"))


@attempt("prompt_drops_the_end")
def _(messages, tokenizer):
    ids = chat.render(messages, tokenizer)[0].tolist()
    if ids:
        ids.pop()
    return torch.tensor(ids + _encode(tokenizer, "Assistant:\n"))
