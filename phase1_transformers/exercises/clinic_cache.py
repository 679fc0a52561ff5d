"""Clinic: fluent, then gibberish. A program that begins well and loses its mind."""

import torch
from torch import Tensor

from phase1_transformers.solution.cache import KVCache
from phase1_transformers.solution.gpt import GPT


@torch.no_grad()
def recite(model: GPT, idx: Tensor, max_new_tokens: int) -> Tensor:
    """Continue texts with the likeliest token each time, reading every token once.

    The patient. The model is healthy: it was trained on a nursery rhyme, character by character,
    until it knew it by heart. Read anew from the first character for each next one, it says

        How I wonder what you are!       Like a diamond in the sky.
        Up above the world so high,      When the blazing sun is gone,

    This program, with the same weights and the prompts "How I wonder " and "Like a ", says

        How I wonder what you are!       Like a dia diamove ,
        Up are!                          Up the a a a !
        Up atttare!                      Up a abore!

    The scores behind its first new character are right to the sixth digit; those behind the second
    are off by 2.7 and 1.4, and it does not get better. Looked into after twenty new characters:

        cache.length, against the characters read     equal
        stored rows, against what append was given    equal, in every layer
        keys of the prompt, against a fresh pass's    equal, in every layer
        keys of the others in layer 0, likewise       differ
        the same of a prompt of one character         the prompt's equal, the others' differ

    Args:
        model: with learned positions, in evaluation mode.
        idx: (B, T) prompts of one length; must stay as they are.
        max_new_tokens: how many to add; T + max_new_tokens is at most block_size.

    Returns:
        (B, T + max_new_tokens), the prompts and what follows.

    Raises:
        ValueError: if the model has no table of positions.
    """
    if model.position_embedding is None:
        raise ValueError("this program is for models with learned positions")
    # TODO 1.24: The text is the one that full passes give, and every token is read once. Mend what
    # is ill, leave the rest.
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


def recite_cause() -> str:
    """Name the cause of what `recite` suffered from, one letter.

    a. The cache loses the prompt once the first new token is there.
    b. A new token may look at tokens that it should not see, or not at all that it should.
    c. The model is told something wrong about where each new token stands.
    d. The keys of a new token are stored in a place that is not theirs.
    e. The model has not learned enough for its small errors not to add up.
    """
    # TODO 1.24: Return the letter of the cause.
    raise NotImplementedError("exercise 1.24: recite_cause")
