"""What a client asked for, in the engine's terms: tokens, room for the answer, a grammar."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from phase4_production.project import grammars
from phase4_production.project.asked import Chat, Sampled
from phase4_production.project.constrained import Constraints
from phase4_production.project.engine import Request
from phase4_production.project.refusal import Refusal
from phase4_production.project.tokenizing import Tokenizer


@dataclass(frozen=True)
class Settings:
    """What the server allows.

    Attributes:
        model: the name under which the model is served.
        max_length: tokens of prompt and answer together.
        max_output: tokens of one answer.
        max_body_bytes: of one HTTP request.
        api_key: that clients must send; None for none.
        retry_after_s: what a client is told when the queue is full.
    """

    model: str
    max_length: int
    max_output: int = 4096
    max_body_bytes: int = 2**20
    api_key: str | None = None
    retry_after_s: int = 1


class Asking:
    """Turns what is asked into requests for the engine, or refuses it."""

    def __init__(self, tokenizer: Tokenizer, constraints: Constraints, settings: Settings) -> None:
        self.tokenizer, self.constraints, self.settings = tokenizer, constraints, settings

    def known(self, model: str) -> None:
        """Refuse what is asked of another model."""
        if model != self.settings.model:
            raise Refusal(
                404,
                f"there is no model {model!r} here; {self.settings.model!r} is served",
                param="model",
                code="model_not_found",
            )

    async def tokens(self, prompt: str | list[int], param: str) -> list[int]:
        """Encode a prompt, in a thread: a long one takes longer than a token of the others."""
        if isinstance(prompt, str):
            prompt = await asyncio.to_thread(self._encode, prompt)
        if any(token >= self.tokenizer.vocab_size for token in prompt):
            raise Refusal(
                400, f"{param}: a token id is not below {self.tokenizer.vocab_size}", param=param
            )
        if not prompt:
            raise Refusal(400, f"{param} is empty: send at least one token", param=param)
        return prompt

    async def conversation(self, asked: Chat) -> list[int]:
        """Encode the turns so far by the model's chat template."""
        messages = [message.plain() for message in asked.messages]
        try:
            text = await asyncio.to_thread(self.tokenizer.write, messages)
        except ValueError as error:
            raise Refusal(400, f"messages: {error}", param="messages") from None
        prompt = await asyncio.to_thread(self._encode, text, special=False)
        return await self.tokens(prompt, "messages")

    def _encode(self, text: str, special: bool = True) -> list[int]:
        """Encode a text, unless its length says already that it does not fit."""
        fewest = self.tokenizer.fewest(text)
        if fewest >= self.settings.max_length:
            raise self._too_long(f"at least {fewest}", None, "max_tokens")
        return self.tokenizer.encode(text, special)

    def room(self, prompts: Sequence[Sequence[int]], wanted: int | None, param: str) -> int:
        """Return how many tokens an answer may have."""
        longest, limit = max(map(len, prompts)), self.settings.max_length
        room = min(limit - longest, self.settings.max_output)
        if room < 1 or (wanted and longest + wanted > limit):
            raise self._too_long(str(longest), wanted, param)
        if wanted and wanted > room:
            raise Refusal(400, f"{param} is {wanted}, and at most {room} are allowed", param=param)
        return wanted or room

    def _too_long(self, length: str, wanted: int | None, param: str) -> Refusal:
        return Refusal(
            400,
            f"this model reads {self.settings.max_length} tokens, and the prompt has {length}, "
            f"the answer {wanted or 'at least 1'}: shorten the prompt or lower {param}",
            param=param,
            code="context_length_exceeded",
        )

    async def requests(
        self,
        asked: Sampled,
        prompts: Sequence[Sequence[int]],
        max_tokens: int,
        logprobs: int | None,
    ) -> list[Request]:
        """Make one request of each answer: n for each prompt, each with a grammar of its own."""
        found = []
        for number in range(len(prompts) * asked.choices):
            prompt = prompts[number // asked.choices]
            try:
                params = asked.params(number, max_tokens, logprobs)
                constraint = await asyncio.to_thread(
                    grammars.follow, self.constraints, asked.response_format
                )
            except ValueError as error:
                raise Refusal(400, str(error)) from None
            found.append(Request(uuid.uuid4().hex, tuple(prompt), params, constraint))
        return found
