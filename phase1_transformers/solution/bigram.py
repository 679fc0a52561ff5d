"""The bigram model: the next token depends on the last one alone, so the model is a table.

The smallest language model there is, and the first step of the lecture (`project/lecture.py`). Row
i of the table scores what may come after token i. Gradient descent can learn it; counting gives
its optimum at once, and so tells what any model that looks further back has to beat.
"""

import torch
from torch import Tensor, nn

from phase1_transformers.solution import losses


class Bigram(nn.Module):
    """A (V, V) table of logits, learned.

    Args:
        vocab_size: V, different tokens.
        generator: of the random weights, N(0, 0.02^2).
    """

    def __init__(self, vocab_size: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.table = nn.Embedding(vocab_size, vocab_size)
        nn.init.normal_(self.table.weight, std=0.02, generator=generator)

    def forward(self, idx: Tensor, targets: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Look up, for each token, the scores of what may follow it.

        Args:
            idx: (B, T) token ids.
            targets: (B, T) the next tokens.

        Returns:
            logits (B, T, V), not normalised, and `losses.next_token_loss` of them, or None if there
            are no targets.
        """
        logits = self.table(idx)  # (B, T, V)
        return logits, None if targets is None else losses.next_token_loss(logits, targets)


def count_bigrams(tokens: Tensor, vocab_size: int) -> Tensor:
    """Count how often each token follows each other.

    Args:
        tokens: (n,) ids, any integer dtype.
        vocab_size: V; every id is smaller.

    Returns:
        (V, V) int64; entry [i, j] is how often token j comes right after token i. Fewer than two
        tokens have no pairs.

    Raises:
        ValueError: if tokens is not one row.
    """
    if tokens.ndim != 1:
        raise ValueError(f"tokens must be one row, got {tuple(tokens.shape)}")
    pairs = tokens[:-1].long() * vocab_size + tokens[1:].long()  # a pair as one number
    return torch.bincount(pairs, minlength=vocab_size**2).view(vocab_size, vocab_size)


def counted(counts: Tensor, smoothing: float = 1.0) -> Bigram:
    """Make the model that counting gives: row i holds the log-probabilities of what follows i.

    Without smoothing it has the smallest loss of any bigram model on the text that was counted.

    Args:
        counts: (V, V), as from `count_bigrams`.
        smoothing: added to each count, so that no pair is impossible (Laplace).
    """
    model = Bigram(len(counts))
    smoothed = counts.double() + smoothing
    with torch.no_grad():
        model.table.weight.copy_((smoothed / smoothed.sum(dim=1, keepdim=True)).log())
    return model
