"""One answer on its way through the engine: its tokens, its blocks, and how far the model is."""

from dataclasses import dataclass, field


@dataclass(eq=False)
class Sequence:
    """What the scheduler knows of a request. Two of them are never equal, so they can be keys.

    Attributes:
        ids: the prompt and what has been written so far.
        blocks: its block table: block i holds the tokens i * block_size and following.
        n_cached: tokens at the beginning of `ids` whose keys and values are in those blocks.
        drafts: guesses of the tokens that follow `ids`, to be checked in the next step.
        hashes: of its full blocks, as far as they have been needed; see `prefix_hash`.
    """

    ids: list[int]
    blocks: list[int] = field(default_factory=list)
    n_cached: int = 0
    drafts: list[int] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)

    def __len__(self) -> int:
        """Count the tokens that need a place in the cache, guesses included."""
        return len(self.ids) + len(self.drafts)

    @property
    def n_left(self) -> int:
        """Tokens that the model has yet to see, guesses included."""
        return len(self) - self.n_cached

    @property
    def writes(self) -> bool:
        """Whether the model has seen all but the newest token: the next step writes one more."""
        return self.n_cached == len(self.ids) - 1
