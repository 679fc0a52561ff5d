"""Clinic: answers that depend on the neighbours. A program that puts prompts side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Padded:
    """Prompts side by side, padded on the left, (B, T) each: the last column is everybody's newest.

    Attributes:
        ids: int64, token ids.
        mask: bool, True on real tokens, False on padding.
        positions: int64, the place of each token in its own prompt, from 0; 0 on padding.
    """

    ids: Tensor
    mask: Tensor
    positions: Tensor


def pad_left(prompts: Sequence[Sequence[int]], pad_id: int) -> Padded:
    """Make one batch of prompts of different lengths.

    The patient. Eight prompts of 3 to 10 tokens get eight more tokens each, greedily, from two
    small models: one has an embedding for every position, as GPT-2 has, the other turns queries and
    keys by their position, as Llama does. A padded token is looked at by no other. How many
    answers are those that each prompt gets when it is run alone:

                                             position embeddings    rotary
        one by one                                 8 of 8           8 of 8
        side by side, all eight                    1 of 8           8 of 8
        two by two, of equal length                8 of 8           8 of 8

    The one is the longest. Side by side the first logits are up to 7.2 off with position
    embeddings, and less than 0.00001 with rotary ones. A pad token with another embedding, even one
    a hundred times as large, changes no logit.

    Args:
        prompts: token ids, at least one prompt, each of at least one token. Left as they are.
        pad_id: what to pad with. It may be an id that prompts use, too.
    """
    # TODO 4.20: Ids, mask and positions of a prompt are those it has alone, moved to the right; 0
    # is the position of padding. Mend what is ill, leave the rest.
    T = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), T), pad_id)
    for row, prompt in enumerate(prompts):
        ids[row, T - len(prompt) :] = torch.tensor(prompt)
    lengths = torch.tensor([len(prompt) for prompt in prompts])
    columns = torch.arange(T).expand(len(prompts), T)
    return Padded(ids, columns >= (T - lengths)[:, None], columns.clone())


def pad_left_cause() -> str:
    """Name the cause of what `pad_left` suffered from, one letter.

    a. Real tokens attend to padding.
    b. Floating-point sums come out otherwise in a larger batch.
    c. The answer of a shorter prompt is read off a padded column.
    d. All rows draw from one random generator.
    e. Padding is counted where a token's place is counted.
    """
    # TODO 4.20: Return the letter of the cause.
    raise NotImplementedError("exercise 4.20: pad_left_cause")
