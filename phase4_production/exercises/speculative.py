"""Check several guessed tokens in one step, and lose nothing by guessing.

Leviathan, Kalman and Matias 2023 (arXiv:2211.17192), algorithm 1 and appendix A.1; Chen et al.
2023 (arXiv:2302.01318), algorithm 2. The target reads all guesses at once, as it reads a prompt;
what comes out is distributed exactly as if it had drawn token by token, however bad the guesses.
"""

import torch
from torch import Tensor

from phase4_production.solution import sampling


def accept(target: Tensor, draft: Tensor, proposed: Tensor, coins: Tensor, last: Tensor) -> Tensor:
    """Keep guesses from the first on while they pass, and draw one token after those that did.

    Guess i, which was drawn from draft[i] = q, passes with the probability min(1, p / q) of its
    own token, p = target[i]: if coins[i] q < p. At the first that does not pass, one token is drawn
    from what the target has beyond the draft, max(p - q, 0) over all tokens, and all later guesses
    are dropped, for they follow a token that is not there. If all pass, one token is drawn from the
    target after the last of them: target[k].

    A guess that comes from no distribution, such as one that was looked up, is one with q = 1.
    Where max(p - q, 0) is 0 everywhere, as rounding may have it, p itself takes its place.

    Args:
        target: (k + 1, V) float64, probabilities; row i is after i guesses. Stays as it is.
        draft: (k, V) float64, probabilities that the guesses were drawn from. Stays as it is.
        proposed: (k,) int64, the guesses; k may be 0.
        coins: (k,) float64, in [0, 1), one random number for each guess.
        last: (1,) float64, in [0, 1), the random number of the token that is drawn, by
            `sampling.sample`.

    Returns:
        (n + 1,) int64: the n guesses that passed, and the token that was drawn.

    Raises:
        ValueError: if the shapes do not fit.
    """
    k = len(proposed)
    if target.shape != (k + 1, *draft.shape[1:]) or not len(draft) == len(coins) == k:
        shapes = [tuple(t.shape) for t in (target, draft, proposed, coins)]
        raise ValueError(f"need (k + 1, V), (k, V), (k,) and (k,), got {shapes}")
    # TODO 4.18: The guesses that pass, and one token more: distributed as the target's own.
    raise NotImplementedError("exercise 4.18: accept")
