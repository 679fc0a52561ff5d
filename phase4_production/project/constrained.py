"""Let a model say only what fits a JSON schema, a JSON object or a regular expression.

llguidance reads the grammar and knows, after every token, which tokens may follow; all others get
the probability 0. The text then fits by construction: what is left to the model is what to say.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from tokenizers import Tokenizer
from torch import Tensor

# As json.dumps writes. Were any white space allowed, a model could go on with it for ever.
JSON_LAYOUT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}

# A regular expression can be built to cost seconds and hundreds of megabytes; a schema of a hundred
# fields costs a tenth of this.
LIMITS = LLParserLimits(
    initial_lexer_fuel=200_000,
    step_lexer_fuel=50_000,
    max_lexer_states=20_000,
    max_grammar_size=100_000,
)


class Constraint:
    """What one answer may still become: a matcher that follows its tokens.

    It is one answer's own, and has a memory; `Constraints` makes a new one for each.
    """

    def __init__(self, tokenizer: LLTokenizer, grammar: str):
        """Begin a text.

        Raises:
            ValueError: in one line, if the grammar is none, or too large.
        """
        self.vocab_size, self._eos = tokenizer.vocab_size, frozenset(tokenizer.eos_tokens)
        self._matcher = LLMatcher(tokenizer, grammar, log_level=0, limits=LIMITS)
        self._check()

    @property
    def finished(self) -> bool:
        """Whether nothing but an end-of-text token may follow."""
        return self._matcher.is_stopped()

    @property
    def accepts(self) -> bool:
        """Whether the text fits if it ends here."""
        return self._matcher.is_accepting()

    def allowed(self) -> Tensor:
        """Return which tokens may come next: (V,) bool; end-of-text if the text may end here.

        Raises:
            ValueError: if the grammar has become too costly to follow.
        """
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        self._check()
        allowed = np.unpackbits(bits, bitorder="little", count=self.vocab_size)
        return torch.from_numpy(allowed.view(np.bool_))

    def masks(self, guesses: Sequence[int]) -> Tensor:
        """Return what may come next, and after each of the guesses: (k + 1, V) bool.

        After a guess that may not come, and in all later rows, everything is allowed: that guess
        has the probability 0 in its own row, so nobody gets there. The state stays as it is.
        """
        masks = torch.ones(len(guesses) + 1, self.vocab_size, dtype=torch.bool)
        n_taken = 0
        for mask, guess in zip(masks, [*guesses, None], strict=True):
            mask.copy_(self.allowed())
            if guess is None or not mask[guess]:
                break
            self.advance(guess)
            n_taken += guess not in self._eos
        self.rollback(n_taken)
        return masks

    def advance(self, token: int) -> None:
        """Take the token that was drawn. One that ends the text is no part of it, and is not taken.

        Raises:
            ValueError: if it may not come next; the state stays as it was.
        """
        if token in self._eos and self.accepts:
            return
        if self._matcher.validate_tokens([token]) != 1:
            raise ValueError(f"token {token} does not fit what the answer has to be")
        self._matcher.consume_token(token)
        self._check()

    def rollback(self, n: int) -> None:
        """Take the last n tokens back."""
        if n:
            self._matcher.rollback(n)
            self._check()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise ValueError(_one_line(self._matcher.get_error()))


class Constraints:
    """Makes constraints for the tokens of one model."""

    def __init__(self, tokenizer: Tokenizer, vocab_size: int, eos: Sequence[int]):
        """Remember the tokenizer; reading its vocabulary waits for the first constraint.

        Args:
            tokenizer: of the `tokenizers` library.
            vocab_size: how many logits the model has; it may be more than the tokenizer's tokens.
            eos: the tokens that end a text; at least one.
        """
        self.tokenizer, self.vocab_size, self.eos = tokenizer, vocab_size, list(eos)

    @cached_property
    def _tokens(self) -> LLTokenizer:
        text = self.tokenizer.to_str()
        return LLTokenizer(text, n_vocab=self.vocab_size, eos_token=self.eos)

    def json_schema(self, schema: Mapping[str, Any]) -> Constraint:
        """Return a constraint to JSON that a schema admits.

        Raises:
            ValueError: in one line, if it is no schema, or has what llguidance does not know.
        """
        text = json.dumps(schema)
        grammar = LLMatcher.grammar_from_json_schema(text, overrides=JSON_LAYOUT)
        return self._constraint(grammar, "schema")

    def json_object(self) -> Constraint:
        """Return a constraint to any JSON object."""
        return self.json_schema({"type": "object"})

    def regex(self, pattern: str) -> Constraint:
        """Return a constraint to texts that a regular expression matches from end to end.

        Raises:
            ValueError: in one line, if it is none.
        """
        return self._constraint(LLMatcher.grammar_from_regex(pattern), "regex")

    def _constraint(self, grammar: str, kind: str) -> Constraint:
        try:
            return Constraint(self._tokens, grammar)
        except ValueError as error:
            raise ValueError(f"this {kind} cannot be followed: {error}") from None


def _one_line(message: str) -> str:
    """Keep what llguidance says, not its state: one line of at most 200 characters."""
    said = message.partition("<state>")[0]
    return " ".join(said.split())[:200]
