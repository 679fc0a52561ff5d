"""Half-cures for `solution/clinic_cache.py`; the first is the illness itself."""

import torch

from phase1_transformers.solution.cache import KVCache
from shared.mistakes import mistake


@mistake(
    "1.24",
    "clinic_cache.recite",
    "Still the patient you were given: print, for each pass, all that the model is told about the new token.",
)
def recite_restarts_positions(model, idx, max_new_tokens):
    cache = KVCache(model.config, idx.shape[0], dtype=model.token_embedding.weight.dtype)
    for _ in range(max_new_tokens):
        new = idx[:, cache.length :]
        positions = torch.arange(new.shape[1])
        x = model.token_embedding(new) + model.position_embedding(positions)
        for block in model.blocks:
            x = block(x, cache=cache)
        cache.advance(new.shape[1])
        scores = model.head(model.norm(x[:, -1]))
        idx = torch.cat([idx, scores.argmax(dim=-1, keepdim=True)], dim=1)
    return idx


@mistake(
    "1.24",
    "clinic_cache.recite",
    "The new tokens stand one place too far on: after T tokens, counted from 0, the next stands at T.",
)
def recite_one_place_on(model, idx, max_new_tokens):
    cache = KVCache(model.config, idx.shape[0], dtype=model.token_embedding.weight.dtype)
    for _ in range(max_new_tokens):
        new = idx[:, cache.length :]
        first = cache.length + 1 if cache.length else 0
        last = model.config.block_size - 1
        positions = torch.arange(first, first + new.shape[1]).clamp(max=last)
        x = model.token_embedding(new) + model.position_embedding(positions)
        for block in model.blocks:
            x = block(x, cache=cache)
        cache.advance(new.shape[1])
        scores = model.head(model.norm(x[:, -1]))
        idx = torch.cat([idx, scores.argmax(dim=-1, keepdim=True)], dim=1)
    return idx


@mistake(
    "1.24",
    "clinic_cache.recite",
    "The new tokens stand one place too far back, where the last token that was read stands already.",
)
def recite_one_place_back(model, idx, max_new_tokens):
    cache = KVCache(model.config, idx.shape[0], dtype=model.token_embedding.weight.dtype)
    for _ in range(max_new_tokens):
        new = idx[:, cache.length :]
        positions = torch.arange(new.shape[1]) + max(0, cache.length - 1)
        x = model.token_embedding(new) + model.position_embedding(positions)
        for block in model.blocks:
            x = block(x, cache=cache)
        cache.advance(new.shape[1])
        scores = model.head(model.norm(x[:, -1]))
        idx = torch.cat([idx, scores.argmax(dim=-1, keepdim=True)], dim=1)
    return idx


@mistake(
    "1.24",
    "clinic_cache.recite",
    "Right for one token at a time, but now the whole prompt stands in one place: count on from there.",
)
def recite_one_position_for_all(model, idx, max_new_tokens):
    cache = KVCache(model.config, idx.shape[0], dtype=model.token_embedding.weight.dtype)
    for _ in range(max_new_tokens):
        new = idx[:, cache.length :]
        positions = torch.full((new.shape[1],), cache.length)
        x = model.token_embedding(new) + model.position_embedding(positions)
        for block in model.blocks:
            x = block(x, cache=cache)
        cache.advance(new.shape[1])
        scores = model.head(model.norm(x[:, -1]))
        idx = torch.cat([idx, scores.argmax(dim=-1, keepdim=True)], dim=1)
    return idx


@mistake(
    "1.24",
    "clinic_cache.recite",
    "New tokens are counted from the end of the prompt but begin at 0; the prompt's own places come before them.",
)
def recite_counts_new_tokens_only(model, idx, max_new_tokens):
    cache = KVCache(model.config, idx.shape[0], dtype=model.token_embedding.weight.dtype)
    for step in range(max_new_tokens):
        new = idx[:, cache.length :]
        positions = torch.arange(step, step + new.shape[1])
        x = model.token_embedding(new) + model.position_embedding(positions)
        for block in model.blocks:
            x = block(x, cache=cache)
        cache.advance(new.shape[1])
        scores = model.head(model.norm(x[:, -1]))
        idx = torch.cat([idx, scores.argmax(dim=-1, keepdim=True)], dim=1)
    return idx


@mistake(
    "1.24",
    "clinic_cache.recite",
    "The text is right, the cure too strong: the cache is thrown away and everything read again for each token.",
)
def recite_without_cache(model, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        positions = torch.arange(idx.shape[1])
        x = model.token_embedding(idx) + model.position_embedding(positions)
        for block in model.blocks:
            x = block(x)
        scores = model.head(model.norm(x[:, -1]))
        idx = torch.cat([idx, scores.argmax(dim=-1, keepdim=True)], dim=1)
    return idx


@mistake(
    "1.24",
    "clinic_cache.recite",
    "With the table of positions gone the passes agree, but the model needs it: it was trained to know who stands where.",
)
def recite_without_positions(model, idx, max_new_tokens):
    cache = KVCache(model.config, idx.shape[0], dtype=model.token_embedding.weight.dtype)
    for _ in range(max_new_tokens):
        new = idx[:, cache.length :]
        x = model.token_embedding(new)
        for block in model.blocks:
            x = block(x, cache=cache)
        cache.advance(new.shape[1])
        scores = model.head(model.norm(x[:, -1]))
        idx = torch.cat([idx, scores.argmax(dim=-1, keepdim=True)], dim=1)
    return idx


@mistake(
    "1.24",
    "clinic_cache.recite_cause",
    "The rows of the prompt are still there, with the keys that a fresh pass gives them.",
)
def recite_blames_lost_prompt():
    return "a"


@mistake(
    "1.24",
    "clinic_cache.recite_cause",
    "Keys of the first layer are made before any token has looked at another, and they differ already.",
)
def recite_blames_mask():
    return "b"


@mistake(
    "1.24",
    "clinic_cache.recite_cause",
    "The stored rows are what append was given, and in their places; so the wrong was in them before.",
)
def recite_blames_storage():
    return "d"


@mistake(
    "1.24",
    "clinic_cache.recite_cause",
    "Reading anew for each token, the same weights say the rhyme; and a small error does not change scores by 2.7 at once.",
)
def recite_blames_training():
    return "e"
