"""What the clinic shares: a language whose entropy is known, and a small model to learn it.

The language is made up, so that the clinic needs no data and no patience, and so that one can tell
how good a model may be at most: its next token depends on the present one alone, through a table.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from phase1_transformers.solution.attention import attention

VOCAB_SIZE, ROW, WIDTH = 12, 16, 32  # different tokens; tokens to read in a row; channels
END = 0  # the token that ends a document; the next one begins behind it


def transitions() -> Tensor:
    """Probability of each next token after each token, (V, V) float64; always the same table."""
    scores = 2 * torch.randn(VOCAB_SIZE, VOCAB_SIZE, generator=torch.Generator().manual_seed(0))
    scores[:, END] = 2.5  # documents of about six tokens
    scores[END, END] = -torch.inf  # and none of no token
    return scores.double().softmax(dim=-1)


def entropy() -> float:
    """Mean surprise, in nats per token, of a reader who knows the table by heart."""
    table = transitions()
    often = torch.linalg.matrix_power(table, 1000)[0]  # how often each token comes, in the long run
    surprise = -torch.special.xlogy(table, table).sum(dim=-1)
    return float(often @ surprise)


def make_rows(n: int, generator: torch.Generator) -> Tensor:
    """Write n rows of documents, (n, ROW + 1) int64: ROW tokens to read, and a last one to guess.

    Every row begins with the first token of a document; its last document may be cut off.
    """
    table, token, tokens = transitions(), torch.full((n,), END), []
    for _ in range(ROW + 1):
        token = torch.multinomial(table[token], 1, generator=generator)[:, 0]
        tokens.append(token)
    return torch.stack(tokens, dim=1)


class Reader(nn.Module):
    """One head of attention and a feed-forward layer: just enough to read this language.

    Args:
        may_look: turns ids (B, T) into a mask (B, T, T), True where a token may look at another.
        generator: of the weights.
    """

    def __init__(self, may_look: Callable[[Tensor], Tensor], generator: torch.Generator) -> None:
        super().__init__()
        self.may_look = may_look
        self.tokens, self.places = nn.Embedding(VOCAB_SIZE, WIDTH), nn.Embedding(ROW, WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.think = nn.Sequential(nn.Linear(2 * WIDTH, 2 * WIDTH), nn.ReLU())
        self.head = nn.Linear(2 * WIDTH, VOCAB_SIZE)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.3, generator=generator)

    def forward(self, idx: Tensor) -> Tensor:
        """Score every token as the next one: (B, T) ids to (B, T, V) logits."""
        x = self.tokens(idx) + self.places.weight[: idx.shape[1]]
        seen = attention(*self.qkv(x).chunk(3, dim=-1), self.may_look(idx))
        return self.head(self.think(torch.cat([x, seen], dim=-1)))


class Momentum:
    """Gradient descent with momentum.

    That of `torch.optim` does the same; but to import it takes longer than all of the clinic.

    Args:
        model: whose parameters move.
        lr: learning rate.
    """

    def __init__(self, model: nn.Module, lr: float) -> None:
        self.parameters, self.lr = list(model.parameters()), lr
        self.velocities = [torch.zeros_like(parameter) for parameter in self.parameters]

    def descend(self, loss: Tensor) -> None:
        """Take one step downhill."""
        gradients = torch.autograd.grad(loss, self.parameters)
        for p, velocity, gradient in zip(self.parameters, self.velocities, gradients, strict=True):
            velocity.mul_(0.9).add_(gradient)
            p.data.sub_(self.lr * velocity)
