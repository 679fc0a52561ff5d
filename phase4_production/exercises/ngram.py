"""Guess what comes next by looking where the last tokens have stood before.

Prompt lookup decoding (Saxena 2023): summaries, corrections and code repeat their own prompt, so
the best guess after "the user's full" is often what followed it the last time. It needs no model.
"""

from collections.abc import Sequence


def propose(ids: Sequence[int], k: int, longest: int = 3) -> list[int]:
    """Return up to k tokens that followed the latest earlier place of the last tokens.

    The last n tokens are looked for, n = `longest` first, then n - 1, down to 1; the first n that
    is found anywhere earlier decides. Of several places the latest counts. A place may overlap the
    end, but is not the end itself.

    Args:
        ids: the prompt and the answer so far; stays as it is.
        k: how many tokens to guess at most.
        longest: the n to begin with.

    Returns:
        What stands after that place, at most k tokens, fewer where `ids` ends; [] if there is none.

    Raises:
        ValueError: if k or longest is below 1.
    """
    if k < 1 or longest < 1:
        raise ValueError(f"k and longest must be at least 1, got {k} and {longest}")
    # TODO 4.18: What followed the last tokens at their latest earlier place.
    raise NotImplementedError("exercise 4.18: propose")
