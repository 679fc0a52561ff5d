"""Answers in OpenAI's shape: whole, and in the pieces of a stream.

A `Reply` belongs to one HTTP request. `CompletionReply` and `ChatReply` differ in names only, and
in how log-probabilities are laid out.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from phase4_production.project.engine import Output, Token
from phase4_production.project.tokenizing import Tokenizer

Json = dict[str, Any]


@dataclass
class Choice:
    """One answer as far as it has come."""

    text: str = ""
    tokens: list[Token] = field(default_factory=list)
    finish: str | None = None


class Reply:
    """Collects outputs, and says them.

    Args:
        model: the name that the client asked for.
        prompt_tokens: of all prompts together.
        n: answers.
        tokenizer: knows what tokens are; None if the client wants no log-probabilities.
    """

    prefix, kind, chunk_kind = "", "", ""

    def __init__(self, model: str, prompt_tokens: int, n: int, tokenizer: Tokenizer | None) -> None:
        self.model, self.prompt_tokens, self.tokenizer = model, prompt_tokens, tokenizer
        self.id, self.created = f"{self.prefix}-{uuid.uuid4().hex}", int(time.time())
        self.choices = [Choice() for _ in range(n)]

    def take(self, number: int, output: Output) -> None:
        """Add an output to its choice."""
        choice = self.choices[number]
        choice.text += output.text
        choice.tokens += output.tokens
        choice.finish = output.finish or choice.finish

    def chunk(self, number: int, output: Output) -> Json | None:
        """Take an output; return what a stream says of it, None if there is nothing to say."""
        before = self.choices[number]
        offset = len(before.text)
        self.take(number, output)
        if not (output.text or output.finish or (self.tokenizer and output.tokens)):
            return None
        piece = Choice(output.text, list(output.tokens), output.finish)
        return self._chunk([self._piece(number, piece, offset)])

    def openings(self) -> list[Json]:
        """Say what stands before the first token."""
        return []

    def usage(self) -> Json:
        """Count the tokens."""
        written = sum(len(choice.tokens) for choice in self.choices)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": written,
            "total_tokens": self.prompt_tokens + written,
        }

    def usage_chunk(self) -> Json:
        """Say the usage as the last piece of a stream."""
        return self._chunk([]) | {"usage": self.usage()}

    def whole(self) -> Json:
        """Say everything at once."""
        choices = [self._choice(number, choice) for number, choice in enumerate(self.choices)]
        return self._head(self.kind) | {"choices": choices, "usage": self.usage()}

    def _shown(self, tokens: Sequence[Token]) -> list[Token]:
        """Leave out the token that ended the text."""
        return [token for token in tokens if token.id not in self.tokenizer.eos_ids]

    def _chunk(self, choices: list[Json]) -> Json:
        return self._head(self.chunk_kind) | {"choices": choices}

    def _head(self, kind: str) -> Json:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def _choice(self, number: int, choice: Choice) -> Json:
        raise NotImplementedError

    def _piece(self, number: int, piece: Choice, offset: int) -> Json:
        raise NotImplementedError


class CompletionReply(Reply):
    """For `/v1/completions`."""

    prefix, kind, chunk_kind = "cmpl", "text_completion", "text_completion"

    def _choice(self, number: int, choice: Choice) -> Json:
        return self._piece(number, choice, 0)

    def _piece(self, number: int, piece: Choice, offset: int) -> Json:
        return {
            "index": number,
            "text": piece.text,
            "logprobs": self._logprobs(piece.tokens, offset) if self.tokenizer else None,
            "finish_reason": piece.finish,
        }

    def _logprobs(self, tokens: Sequence[Token], offset: int) -> Json:
        shown, offsets = self._shown(tokens), []
        for token in shown:
            offsets.append(offset)
            offset += len(token.text)
        text_of = self.tokenizer.text_of
        return {
            "tokens": [token.text for token in shown],
            "token_logprobs": [token.logprob for token in shown],
            "top_logprobs": [{text_of(id): value for id, value in token.top} for token in shown],
            "text_offset": offsets,
        }


class ChatReply(Reply):
    """For `/v1/chat/completions`."""

    prefix, kind, chunk_kind = "chatcmpl", "chat.completion", "chat.completion.chunk"

    def openings(self) -> list[Json]:
        """Say of each answer that it is the assistant's."""
        role = {"role": "assistant", "content": ""}
        return [self._chunk([self._delta(i, role, None)]) for i in range(len(self.choices))]

    def _choice(self, number: int, choice: Choice) -> Json:
        return {
            "index": number,
            "message": {"role": "assistant", "content": choice.text, "refusal": None},
            "logprobs": self._logprobs(choice.tokens),
            "finish_reason": choice.finish,
        }

    def _piece(self, number: int, piece: Choice, offset: int) -> Json:
        said = {"content": piece.text} if piece.text else {}
        return self._delta(number, said, piece.finish) | {"logprobs": self._logprobs(piece.tokens)}

    @staticmethod
    def _delta(number: int, said: Json, finish: str | None) -> Json:
        return {"index": number, "delta": said, "logprobs": None, "finish_reason": finish}

    def _logprobs(self, tokens: Sequence[Token]) -> Json | None:
        if not self.tokenizer:
            return None
        said = [
            self._told(token.id, token.logprob)
            | {"top_logprobs": [self._told(id, value) for id, value in token.top]}
            for token in self._shown(tokens)
        ]
        return {"content": said, "refusal": None}

    def _told(self, token: int, logprob: float) -> Json:
        """Say a token; its bytes put together are the text, where its name may be half of one."""
        said = self.tokenizer.bytes_of(token)
        return {"token": self.tokenizer.text_of(token), "logprob": logprob, "bytes": list(said)}
