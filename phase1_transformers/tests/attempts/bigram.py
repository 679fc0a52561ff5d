"""The mistakes of `mistakes/bigram.py`, as others would write them."""

import torch
import torch.nn.functional as F

from shared.mistakes import attempt


def cross_entropy(logits, targets, **options):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), **options)


@attempt("bigram_softmax_twice")
def _(self, idx, targets=None):
    probabilities = F.softmax(self.table.weight[idx], dim=2)
    if targets is None:
        return probabilities, None
    return probabilities, cross_entropy(probabilities, targets)


@attempt("bigram_looks_up_columns")
def _(self, idx, targets=None):
    one_hot = F.one_hot(idx, len(self.table.weight)).float()
    scores = one_hot @ self.table.weight.t()
    loss = None
    if targets is not None:
        loss = cross_entropy(scores, targets)
    return scores, loss


@attempt("bigram_predicts_its_input")
def _(self, idx, targets=None):
    scores = self.table.weight[idx]
    loss = None if targets is None else cross_entropy(scores, idx)
    return scores, loss


@attempt("bigram_shifts_again")
def _(self, idx, targets=None):
    scores = self.table(idx)
    if targets is None:
        return scores, None
    T = idx.size(1)
    if T < 2:
        return scores, (scores * 0).sum()
    return scores, cross_entropy(scores[:, : T - 1], targets[:, 1:T])


@attempt("bigram_sums_loss")
def _(self, idx, targets=None):
    scores = self.table(idx)
    if targets is None:
        return scores, None
    return scores, cross_entropy(scores, targets, reduction="sum")


@attempt("count_bigrams_transposed")
def _(tokens, vocab_size):
    ids = tokens.to(torch.int64)
    flat = torch.bincount(ids[1:] * vocab_size + ids[:-1], minlength=vocab_size * vocab_size)
    return flat.reshape(vocab_size, vocab_size)


@attempt("count_bigrams_once")
def _(tokens, vocab_size):
    table = torch.zeros((vocab_size, vocab_size), dtype=torch.long)
    for pair in set(zip(tokens.tolist(), tokens.tolist()[1:])):
        table[pair] = 1
    return table


@attempt("count_bigrams_in_a_circle")
def _(tokens, vocab_size):
    table = torch.zeros((vocab_size, vocab_size), dtype=torch.long)
    for k in range(len(tokens)):
        table[int(tokens[k - 1]), int(tokens[k])] += 1
    return table


@attempt("count_bigrams_overflows")
def _(tokens, vocab_size):
    numbers = tokens[:-1].mul(vocab_size).add(tokens[1:])
    table = torch.zeros(vocab_size**2, dtype=torch.long)
    for number in numbers.tolist():
        table[number] += 1
    return table.reshape(vocab_size, vocab_size)
