"""The legacy `/v1/completions`, for callers of it whose provider has only conversations.

A prompt becomes one user message. What only makes sense for bare text continuation (`suffix`, `echo`,
`best_of`, several prompts, token ids) is refused by name.

Source: OpenAI API reference, "Create completion".
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from ai_gateway.core.answer import Answer, Choice
from ai_gateway.core.chat import ChatRequest, DialectName, Message, Role, Text
from ai_gateway.core.events import (
    Event,
    Finish,
    FinishReason,
    Logprobs,
    Start,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    UsageReport,
)
from ai_gateway.core.members import Members, member, open_object
from ai_gateway.core.usage import Usage
from ai_gateway.dialects import openai_chat
from ai_gateway.dialects.interface import AnswerContext, Asked, StreamEncoder
from ai_gateway.dialects.openai_errors import render_error_event
from ai_gateway.errors import BadRequest, GatewayError

__all__ = ["DIALECT"]

_REASONS = {
    FinishReason.LENGTH: "length",
    FinishReason.CONTEXT_WINDOW: "length",
    FinishReason.CONTENT_FILTER: "content_filter",
    FinishReason.REFUSAL: "content_filter",
}
_MAX_STOPS = 4


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Wire(msgspec.Struct):
    """What a request may say beside its prompt."""

    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: Annotated[int, msgspec.Meta(ge=1)] | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    user: str | None = None
    suffix: str | None = None
    echo: bool | None = None
    best_of: int | None = None


_KNOWN = frozenset(_Wire.__struct_fields__) | {"model", "prompt"}


def _parse_request(body: bytes, asked: Asked) -> ChatRequest:
    """Raises: BadRequest."""
    members = open_object(body)
    wire = _decode(body)
    _refuse_what_is_of_text_only(wire)
    stop = [wire.stop] if isinstance(wire.stop, str) else wire.stop or []
    if len(stop) > _MAX_STOPS:
        raise BadRequest(f"'stop' may hold at most {_MAX_STOPS} sequences", param="stop")
    return ChatRequest(
        dialect=DialectName.OPENAI_CHAT,
        model=member(members, "model", str, "a string") or "",
        messages=(Message(role=Role.USER, parts=(Text(_prompt(members)),)),),
        stream=bool(wire.stream),
        include_usage=bool(wire.stream_options and wire.stream_options.include_usage),
        max_output_tokens=wire.max_tokens,
        temperature=wire.temperature,
        top_p=wire.top_p,
        n=wire.n,
        stop=tuple(stop),
        seed=wire.seed,
        presence_penalty=wire.presence_penalty,
        frequency_penalty=wire.frequency_penalty,
        logprobs=True if wire.logprobs is not None else None,
        top_logprobs=wire.logprobs,
        user=wire.user,
        extra={name: raw for name, raw in members.items() if name not in _KNOWN} or None,
    )


def _decode(body: bytes) -> _Wire:
    try:
        return msgspec.json.decode(body, type=_Wire)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$.")
        raise BadRequest(reason, param=where.rstrip("`") or None) from error


def _prompt(members: Members) -> str:
    raw = members.get("prompt")
    try:
        found: str | list[str] | None = msgspec.json.decode(raw or b"null", type=str | list[str] | None)
    except msgspec.ValidationError as error:
        raise BadRequest(
            "'prompt' must be a string: token ids mean nothing to this client's provider", param="prompt"
        ) from error
    if isinstance(found, list):
        if len(found) != 1:
            raise BadRequest("this client's provider takes one prompt at a time", param="prompt")
        return found[0]
    if not found:
        raise BadRequest("'prompt' is missing", param="prompt")
    return found


def _refuse_what_is_of_text_only(wire: _Wire) -> None:
    for name, there in (
        ("suffix", bool(wire.suffix)),
        ("echo", bool(wire.echo)),
        ("best_of", (wire.best_of or 1) > max(1, wire.n or 1)),
    ):
        if there:
            raise BadRequest(
                f"'{name}' continues bare text, and this client's provider holds conversations only",
                param=name,
            )


class _Head:
    """What all chunks of one answer share."""

    __slots__ = ("created_s", "id", "model")

    def __init__(self, context: AnswerContext) -> None:
        self.id = f"cmpl-{context.id}"
        self.created_s = context.created_s
        self.model = context.request.model

    def take(self, start: Start) -> None:
        self.model = start.model or self.model

    def write(self, choices: list[dict[str, object]], **more: object) -> bytes:
        return msgspec.json.encode(
            {
                "id": self.id,
                "object": "text_completion",
                "created": self.created_s,
                "model": self.model,
                "choices": choices,
                **more,
            }
        )


def _choice(
    text: str,
    index: int,
    *,
    logprobs: object = None,
    finish: Finish | None = None,
    thinking: str = "",
) -> dict[str, object]:
    reason = None if finish is None else _REASONS.get(finish.reason, "stop")
    choice = {"text": text, "index": index, "logprobs": logprobs, "finish_reason": reason}
    return choice | {"reasoning_content": thinking} if thinking else choice


def _encode_response(answer: Answer, context: AnswerContext) -> bytes:
    head = _Head(context)
    head.take(answer.start)
    usage = {} if answer.usage is None else {"usage": _usage(answer.usage)}
    return head.write([_whole(choice) for choice in answer.choices], **usage)


def _whole(choice: Choice) -> dict[str, object]:
    finish = choice.finish or Finish(reason=FinishReason.OTHER)
    logprobs = None if choice.logprobs is None else _logprobs(choice.logprobs, 0)
    return _choice(choice.text, choice.index, logprobs=logprobs, finish=finish, thinking=choice.thinking)


def _logprobs(tokens: tuple[TokenLogprob, ...], offset: int) -> dict[str, object]:
    """The legacy form; `offset` is where the first token stands, in characters."""
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token.token)
    return {
        "tokens": [token.token for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": [{top.token: top.logprob for top in token.top_logprobs} for token in tokens],
        "text_offset": offsets,
    }


def _usage(usage: Usage) -> dict[str, object]:
    return {
        "prompt_tokens": usage.total_input,
        "completion_tokens": usage.total_output,
        "total_tokens": usage.total_input + usage.total_output,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


class _StreamEncoder:
    """Chunks with text; there are no roles and no tool calls."""

    def __init__(self, context: AnswerContext) -> None:
        self._head = _Head(context)
        self._include_usage = context.request.include_usage
        self._usage: Usage | None = None
        self._offsets: dict[int, int] = {}

    def feed(self, event: Event) -> bytes:
        match event:
            case TextDelta(text, choice):
                return self._chunk(_choice(text, choice))
            case ThinkingDelta(text, choice):
                return self._chunk(_choice("", choice, thinking=text))
            case Logprobs(tokens=tokens, choice=choice):
                offset = self._offsets.get(choice, 0)
                self._offsets[choice] = offset + sum(len(token.token) for token in tokens)
                return self._chunk(_choice("", choice, logprobs=_logprobs(tokens, offset)))
            case Finish(choice=choice):
                return self._chunk(_choice("", choice, finish=event))
            case UsageReport(usage):
                self._usage = usage
            case Start():
                self._head.take(event)
            case _:
                pass
        return b""

    def finish(self) -> bytes:
        out = b""
        if self._include_usage and self._usage is not None:
            out = b"data: " + self._head.write([], usage=_usage(self._usage)) + b"\n\n"
        return out + b"data: [DONE]\n\n"

    def error_event(self, error: GatewayError) -> bytes:
        return render_error_event(error)

    def _chunk(self, choice: dict[str, object]) -> bytes:
        return b"data: " + self._head.write([choice]) + b"\n\n"


def _stream_encoder(context: AnswerContext) -> StreamEncoder:
    return _StreamEncoder(context)


DIALECT = msgspec.structs.replace(
    openai_chat.DIALECT,
    parse_request=_parse_request,
    encode_response=_encode_response,
    stream_encoder=_stream_encoder,
)
"""Of callers only: no provider is asked in it unless it is relayed."""
