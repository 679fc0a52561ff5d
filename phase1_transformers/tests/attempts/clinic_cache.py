"""The half-cures of `mistakes/clinic_cache.py`, as others would write them."""

import torch

from phase1_transformers.solution.cache import KVCache
from shared.mistakes import attempt


def read(model, new, positions, cache):
    x = model.token_embedding.weight[new] + model.position_embedding.weight[positions]
    for block in model.blocks:
        x = block(x, None, cache)
    if cache is not None:
        cache.length += new.shape[1]
    return model.head(model.norm(x))[:, -1:].argmax(-1)


def start(model, idx):
    return KVCache(model.config, len(idx), dtype=next(model.parameters()).dtype)


@attempt("recite_restarts_positions")
def _(model, idx, max_new_tokens):
    cache = start(model, idx)
    while max_new_tokens:
        new = idx[:, cache.length :]
        idx = torch.hstack([idx, read(model, new, torch.arange(new.size(1)), cache)])
        max_new_tokens -= 1
    return idx


@attempt("recite_one_place_on")
def _(model, idx, max_new_tokens):
    cache, places = start(model, idx), torch.arange(idx.shape[1])
    new, end = idx, model.config.block_size - 1
    for _ in range(max_new_tokens):
        new = read(model, new, places, cache)
        idx = torch.hstack([idx, new])
        places = torch.tensor([min(idx.shape[1], end)])
    return idx


@attempt("recite_one_place_back")
def _(model, idx, max_new_tokens):
    cache, places, new = start(model, idx), torch.arange(idx.shape[1]), idx
    for _ in range(max_new_tokens):
        new = read(model, new, places, cache)
        places = torch.tensor([idx.shape[1] - 1])
        idx = torch.hstack([idx, new])
    return idx


@attempt("recite_one_position_for_all")
def _(model, idx, max_new_tokens):
    cache = start(model, idx)
    for _ in range(max_new_tokens):
        place = torch.tensor([cache.length])
        idx = torch.hstack([idx, read(model, idx[:, cache.length :], place, cache)])
    return idx


@attempt("recite_counts_new_tokens_only")
def _(model, idx, max_new_tokens):
    cache, T = start(model, idx), idx.shape[1]
    new, places = idx, torch.arange(T)
    for n in range(1, max_new_tokens + 1):
        new = read(model, new, places, cache)
        idx, places = torch.hstack([idx, new]), torch.tensor([n])
    return idx


@attempt("recite_without_cache")
def _(model, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        idx = torch.hstack([idx, read(model, idx, torch.arange(idx.size(1)), None)])
    return idx


@attempt("recite_without_positions")
def _(model, idx, max_new_tokens):
    cache = start(model, idx)
    for _ in range(max_new_tokens):
        x = model.token_embedding(idx[:, cache.length :])
        for block in model.blocks:
            x = block(x, None, cache)
        cache.length = idx.shape[1]
        idx = torch.hstack([idx, model.head(model.norm(x))[:, -1:].argmax(-1)])
    return idx


@attempt("recite_blames_lost_prompt")
def _():
    return "A"


@attempt("recite_blames_mask")
def _():
    return "abcde"[1]


@attempt("recite_blames_storage")
def _():
    answer = " d "
    return answer.strip()


@attempt("recite_blames_training")
def _():
    cause = "E"
    return cause.lower()
