"""Generating text: ask for the next token, append it, ask again.

`generate` deals in token ids, `stream` in text. Both are iterators, so a reader sees each token as
soon as it is there, and whoever stops reading stops the model.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

import torch
from torch import Tensor

from phase1_transformers.solution.cache import KVCache, next_logits
from phase1_transformers.solution.gpt import GPT
from phase1_transformers.solution.sampling import UNFILTERED, Sampling, repetition_penalty, sample
from phase1_transformers.solution.tokenizer import END, Tokenizer

REPLACEMENT = "\ufffd"  # what bytes that are no UTF-8, or not yet, are decoded to


# -- tokens -----------------------------------------------------------------------------------


@torch.no_grad()
def generate(
    model: GPT,
    idx: Tensor,
    max_new_tokens: int,
    *,
    sampling: Sampling = UNFILTERED,
    generator: torch.Generator | None = None,
    use_cache: bool = True,
) -> Iterator[Tensor]:
    """Continue each text of a batch, one token at a time.

    The model stays in its mode: call `model.eval()` first if it has dropout. A text that outgrows
    the model is read from `window_start` on.

    Args:
        model: scores the next token.
        idx: (B, T) prompts of one length, T >= 1; must stay as they are.
        max_new_tokens: where to stop; the end-of-text token is not looked at.
        sampling: how a token is drawn.
        generator: the only source of chance.
        use_cache: whether to keep keys and values. The tokens are the same either way.

    Yields:
        (B,) int64, the next token of each text.
    """
    cache = _new_cache(model, idx, max_new_tokens) if use_cache else None
    for _ in range(max_new_tokens):
        logits = repetition_penalty(_score(model, idx, cache), idx, sampling.repetition_penalty)
        token = sample(logits, sampling, generator)  # (B,)
        idx = torch.cat([idx, token[:, None]], dim=1)
        yield token


def window_start(n_tokens: int, block_size: int) -> int:
    """Say where the part of a long text begins that the model gets to see.

    A text of up to block_size tokens is seen whole. Beyond, the window would move on with every
    token, all positions in it would shift, learned or rotary, and no cached key would be right any
    more. So it moves in strides of half a window: the cache is filled anew once a stride, and the
    model always sees at least the newest half. The start depends on the length alone, so it is the
    same with and without a cache.
    """
    stride = max(1, block_size // 2)
    too_many = max(0, n_tokens - block_size)
    return -(-too_many // stride) * stride  # rounded up to whole strides


def _new_cache(model: GPT, idx: Tensor, max_new_tokens: int) -> KVCache:
    B, T = idx.shape
    weight = model.token_embedding.weight
    room = min(model.config.block_size, T + max_new_tokens)
    return KVCache(model.config, B, room, weight.dtype, weight.device)


def _score(model: GPT, idx: Tensor, cache: KVCache | None) -> Tensor:
    """Score the next token of the texts, seen through the window: (B, T) to (B, V)."""
    window = idx[:, window_start(idx.shape[1], model.config.block_size) :]
    if cache is None:
        logits, _ = model(window)
        return logits[:, -1]
    if window.shape[1] <= cache.length:  # the window has moved on
        cache.crop(0)
    return next_logits(model, window, cache)


# -- text -------------------------------------------------------------------------------------


def stream(
    model: GPT,
    tokenizer: Tokenizer,
    prompt: str,
    max_new_tokens: int,
    *,
    sampling: Sampling = UNFILTERED,
    generator: torch.Generator | None = None,
    use_cache: bool = True,
    stop: Sequence[str] = (),
) -> Iterator[str]:
    """Continue a text, in pieces that can be printed as they come.

    Joined, the pieces are the continuation up to the end-of-text token or the first stop string,
    neither of them included. A piece never ends inside a character, and never holds part of a stop
    string, even if that spans several tokens.

    Args:
        model: scores the next token.
        tokenizer: turns text into ids and back.
        prompt: the beginning; not repeated. An empty one begins a new document.
        max_new_tokens: where to stop at the latest.
        sampling, generator, use_cache: as for `generate`.
        stop: strings that end the text.

    Raises:
        ValueError: if a stop string is empty, or the prompt is and the tokenizer has no
            end-of-text token to begin with.
    """
    if "" in stop:
        raise ValueError("a stop string must not be empty")
    end = tokenizer.specials.get(END)
    ids = tokenizer.encode(prompt)
    if not ids and end is None:
        raise ValueError(f"an empty prompt needs a tokenizer with {END}")
    ids = ids or [end]
    idx = torch.tensor([ids], device=model.token_embedding.weight.device)
    steps = generate(
        model, idx, max_new_tokens, sampling=sampling, generator=generator, use_cache=use_cache
    )
    tokens = takewhile(lambda token: token != end, (step.item() for step in steps))
    return until_stop(pieces(tokenizer, ids, tokens), stop)


def pieces(tokenizer: Tokenizer, prompt: Sequence[int], tokens: Iterable[int]) -> Iterator[str]:
    """Decode tokens as they come, never half a character.

    Everything is decoded anew each time, for what a token says may depend on the one before: a
    character of several bytes, or a space that counts only between words.

    Args:
        tokenizer: decodes.
        prompt: ids before the first token; their text is left out.
        tokens: the ids to turn into text.
    """
    ids = list(prompt)
    text = tokenizer.decode(ids)
    done = len(text)
    for token in tokens:
        ids.append(token)
        text = tokenizer.decode(ids)
        settled = len(text.removesuffix(REPLACEMENT))  # the rest of a character may still come
        if settled > done:
            yield text[done:settled]
            done = settled
    if len(text) > done:
        yield text[done:]


def until_stop(texts: Iterable[str], stop: Sequence[str]) -> Iterator[str]:
    """Pass text on up to the stop string that is complete first, whatever pieces it comes in.

    What may be the beginning of a stop string is held back until the next characters tell.
    """
    held = ""
    for text in texts:
        for character in text:
            held += character
            if found := [len(word) for word in stop if held.endswith(word)]:
                if held := held[: -max(found)]:
                    yield held
                return
        begins = _may_begin(held, stop)
        if begins:
            yield held[:begins]
            held = held[begins:]
    if held:
        yield held


def _may_begin(text: str, stop: Sequence[str]) -> int:
    """Find where a stop string may have begun: the first index whose rest fits one."""
    starts = range(len(text))
    return next((i for i in starts if any(word.startswith(text[i:]) for word in stop)), len(text))
