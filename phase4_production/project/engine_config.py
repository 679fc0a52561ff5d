"""How large the engine is: its memory, its steps, its queue."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EngineConfig:
    """Sizes of one engine, checked once.

    Attributes:
        n_blocks: blocks of the cache; the runner must have as many.
        block_size: tokens of a block.
        max_tokens: tokens of one step, all sequences together. More of them read prompts faster,
            and let those who write wait longer for their next token.
        max_running: sequences that may have blocks at a time.
        max_waiting: requests that may wait for that; one more is refused.
        max_length: tokens of a prompt and its answer; the model's context.
        n_guesses: tokens that a drafter guesses for each that writes.
        seed: of the requests that bring none; None draws it.

    Raises:
        ValueError: in one line, if a size is out of its range.
    """

    n_blocks: int
    block_size: int = 16
    max_tokens: int = 512
    max_running: int = 64
    max_waiting: int = 256
    max_length: int = 1024
    n_guesses: int = 0
    seed: int | None = None

    def __post_init__(self):
        for name in ("n_blocks", "block_size", "max_running", "max_waiting", "max_length"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.n_guesses < 0:
            raise ValueError(f"n_guesses must be at least 0, got {self.n_guesses}")
        writing = self.max_running * (1 + self.n_guesses)
        if self.max_tokens <= writing:
            raise ValueError(
                f"max_tokens must be above {writing}, so that one more can read while "
                f"{self.max_running} write; got {self.max_tokens}"
            )
