"""What a client may ask, by OpenAI's names: the bodies of `/v1/completions` and of the chat.

Fields of later versions of the API, which clients send along without needing them, are ignored.
What would change the answer and is not done here (tools, pictures, `logit_bias`, `echo`) is
refused.
`top_k`, `min_p`, `repetition_penalty` and `ignore_eos` are vLLM's additions.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from phase4_production.solution.sampling_params import SamplingParams

MAX_CHOICES = 16  # n times prompts of one call
MAX_STOPS = 4
MAX_STOP_LENGTH = 256  # characters; so much text may be held back
MAX_TOP_LOGPROBS = 20


def _whole(text: str) -> str:
    """Refuse half of a character, which JSON can hold and UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("this is not valid Unicode text") from None
    return text


Text = Annotated[str, AfterValidator(_whole)]
TokenId = Annotated[int, Field(ge=0, le=2**31)]
Stop = Annotated[Text, Field(min_length=1, max_length=MAX_STOP_LENGTH)]


class StreamOptions(BaseModel):
    """What a stream tells besides the text."""

    include_usage: bool = False


class JsonSchema(BaseModel):
    """A schema, and what it is called."""

    model_config = ConfigDict(populate_by_name=True)

    name: str = Field("answer", max_length=64)
    description: str | None = None
    rule: dict[str, Any] = Field(default_factory=dict, alias="schema")
    strict: bool | None = None


class ResponseFormat(BaseModel):
    """Which texts are allowed at all."""

    type: Literal["text", "json_object", "json_schema", "regex"] = "text"
    json_schema: JsonSchema | None = None
    regex: Text | None = Field(None, max_length=4096)

    @model_validator(mode="after")
    def _complete(self) -> ResponseFormat:
        for kind in ("json_schema", "regex"):
            if (self.type == kind) != (getattr(self, kind) is not None):
                raise ValueError(f"{kind} goes with type {kind!r}, and only with it")
        return self


class Sampled(BaseModel):
    """What both kinds of request have in common."""

    model: Text = Field(max_length=512)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=1)
    min_p: float = Field(0.0, ge=0, le=1)
    repetition_penalty: float = Field(1.0, gt=0, le=10)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    stop: Stop | Annotated[list[Stop], Field(max_length=MAX_STOPS)] | None = None
    n: int | None = Field(None, ge=1, le=MAX_CHOICES)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat = Field(default_factory=ResponseFormat)
    ignore_eos: bool = False
    logit_bias: Annotated[dict[str, Any], Field(max_length=0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _said(cls, body: Any) -> Any:
        """Take null for "not said": clients send it along for what their user left out."""
        if not isinstance(body, dict):
            return body
        return {name: value for name, value in body.items() if value is not None}

    @property
    def choices(self) -> int:
        """Answers to each prompt."""
        return self.n or 1

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end an answer."""
        if self.stop is None:
            return ()
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)

    def params(self, choice: int, max_tokens: int, logprobs: int | None) -> SamplingParams:
        """Make the engine's settings of one answer; answers with one seed still differ."""
        return SamplingParams(
            temperature=1.0 if self.temperature is None else self.temperature,
            top_k=self.top_k,
            top_p=1.0 if self.top_p is None else self.top_p,
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            frequency_penalty=self.frequency_penalty or 0.0,
            presence_penalty=self.presence_penalty or 0.0,
            max_tokens=max_tokens,
            stop=self.stops,
            seed=None if self.seed is None else (self.seed + choice) % 2**63,
            logprobs=logprobs,
            ignore_eos=self.ignore_eos,
        )


class Completion(Sampled):
    """`/v1/completions`: a text that is to be continued, or several."""

    prompt: (
        Text
        | Annotated[list[Text], Field(min_length=1, max_length=MAX_CHOICES)]
        | Annotated[list[TokenId], Field(min_length=1)]
        | Annotated[list[list[TokenId]], Field(min_length=1, max_length=MAX_CHOICES)]
    )
    max_tokens: int | None = Field(16, ge=1)
    logprobs: int | None = Field(None, ge=0, le=MAX_TOP_LOGPROBS)
    echo: Literal[False] | None = None
    best_of: int | None = None
    suffix: Literal[""] | None = None

    @model_validator(mode="after")
    def _possible(self) -> Completion:
        if self.best_of not in (None, self.choices):
            raise ValueError("best_of is not offered: leave it out, and ask for n answers")
        if len(self.prompts) * self.choices > MAX_CHOICES:
            raise ValueError(f"prompts times n is over {MAX_CHOICES}: send fewer in one request")
        return self

    @property
    def prompts(self) -> list[str | list[int]]:
        """One entry a prompt, as text or as tokens."""
        if isinstance(self.prompt, str) or isinstance(self.prompt[0], int):
            return [self.prompt]
        return self.prompt


class Part(BaseModel):
    """A piece of a message; only text is understood."""

    type: Literal["text"]
    text: Text


class Message(BaseModel):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[Part]

    def plain(self) -> dict[str, str]:
        """Role and text as a chat template wants them."""
        text = self.content
        if not isinstance(text, str):
            text = "".join(part.text for part in text)
        return {"role": "system" if self.role == "developer" else self.role, "content": text}


class Chat(Sampled):
    """`/v1/chat/completions`: a conversation that wants its next turn."""

    messages: list[Message] = Field(min_length=1, max_length=1024)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=MAX_TOP_LOGPROBS)
    tools: Annotated[list[Any], Field(max_length=0)] | None = None
    functions: Annotated[list[Any], Field(max_length=0)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Chat:
        if self.top_logprobs and not self.logprobs:
            raise ValueError("top_logprobs needs logprobs to be true")
        return self
