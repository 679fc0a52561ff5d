"""Classic wrong answers for `solution/bigram.py`."""

import torch

from shared.mistakes import mistake


@mistake(
    "1.6",
    "bigram.Bigram.forward",
    "The logits went through a softmax before the loss, which takes the softmax itself: done twice, no loss gets small.",
)
def bigram_softmax_twice(self, idx, targets=None):
    logits = self.table(idx).softmax(dim=-1)
    return logits, None if targets is None else losses.next_token_loss(logits, targets)


@mistake(
    "1.6",
    "bigram.Bigram.forward",
    "A token looks up its column: the scores of what comes before it; what may follow is in its row.",
)
def bigram_looks_up_columns(self, idx, targets=None):
    logits = self.table.weight.T[idx]
    return logits, None if targets is None else losses.next_token_loss(logits, targets)


@mistake(
    "1.6",
    "bigram.Bigram.forward",
    "The loss compares with idx, the tokens that were seen; the targets are the tokens to predict.",
)
def bigram_predicts_its_input(self, idx, targets=None):
    logits = self.table(idx)
    return logits, None if targets is None else losses.next_token_loss(logits, idx)


@mistake(
    "1.6",
    "bigram.Bigram.forward",
    "The targets are shifted once more: get_batch has done that, so position t of the logits meets targets[t].",
)
def bigram_shifts_again(self, idx, targets=None):
    logits = self.table(idx)
    if targets is None:
        return logits, None
    if targets.shape[1] == 1:
        return logits, logits.sum() * 0
    return logits, losses.next_token_loss(logits[:, :-1], targets[:, 1:])


@mistake(
    "1.6",
    "bigram.Bigram.forward",
    "The loss is summed over the tokens; it is a mean, in nats per token, whatever the batch's size.",
)
def bigram_sums_loss(self, idx, targets=None):
    logits = self.table(idx)
    if targets is None:
        return logits, None
    return logits, losses.next_token_loss(logits, targets) * (targets != losses.IGNORED).sum()


@mistake(
    "1.6",
    "bigram.count_bigrams",
    "The counts are transposed: row i must hold what comes after i, not what comes before it.",
)
def count_bigrams_transposed(tokens, vocab_size):
    counts = torch.zeros(vocab_size, vocab_size, dtype=torch.int64)
    for i, j in zip(tokens[:-1].tolist(), tokens[1:].tolist()):
        counts[j, i] += 1
    return counts


@mistake(
    "1.6",
    "bigram.count_bigrams",
    "counts[i, j] += 1 with index tensors counts a pair that comes often only once; bincount or a loop adds each.",
)
def count_bigrams_once(tokens, vocab_size):
    counts = torch.zeros(vocab_size, vocab_size, dtype=torch.int64)
    counts[tokens[:-1].long(), tokens[1:].long()] += 1
    return counts


@mistake(
    "1.6",
    "bigram.count_bigrams",
    "The last token is paired with the first one, as if the text went in a circle: n tokens have n - 1 pairs.",
)
def count_bigrams_in_a_circle(tokens, vocab_size):
    pairs = tokens.long() * vocab_size + tokens.long().roll(-1)
    return torch.bincount(pairs, minlength=vocab_size**2).view(vocab_size, vocab_size)


@mistake(
    "1.6",
    "bigram.count_bigrams",
    "i * V + j overflows in the tokens' own small dtype: make them int64 first.",
)
def count_bigrams_overflows(tokens, vocab_size):
    pairs = tokens[:-1] * vocab_size + tokens[1:]
    return torch.bincount(pairs, minlength=vocab_size**2).view(vocab_size, vocab_size)
