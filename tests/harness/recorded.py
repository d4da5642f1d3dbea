"""Recorded conversations, by the dialect that they are in."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ai_gateway.core.answer import Answer, Choice, collect
from ai_gateway.core.chat import DialectName, Refusal, ToolCall
from ai_gateway.core.events import Event, FinishReason
from ai_gateway.dialects.registry import DIALECTS
from ai_gateway.providers import PROVIDERS, Provider
from tests.harness.cassettes import Cassette

_ROWS = {"azure": "azure-openai", "gemini_vertex": "gemini"}


def dialect_of(cassette: Cassette) -> DialectName | None:
    """None where it is no conversation (a model list, embeddings, a count, another API)."""
    path = cassette.url.partition("?")[0]
    if path.endswith("/chat/completions"):
        return DialectName.OPENAI_CHAT
    if path.endswith("/responses"):
        return DialectName.OPENAI_RESPONSES
    if path.endswith("/messages"):
        return DialectName.ANTHROPIC
    if path.endswith((":generateContent", ":streamGenerateContent")):
        return DialectName.GEMINI
    return None


def provider_of(cassette: Cassette) -> Provider:
    name = _ROWS.get(cassette.provider, cassette.provider)
    return PROVIDERS.get(name, PROVIDERS["openai-compatible"])


def is_request(cassette: Cassette) -> bool:
    """A conversation whose request was recorded, and understood."""
    told = isinstance(cassette.request_body, dict) and "stand_in" not in cassette.kinds
    return dialect_of(cassette) is not None and told and cassette.status == 200


def is_stream(cassette: Cassette) -> bool:
    text = cassette.body_text or ""
    return dialect_of(cassette) is not None and cassette.status == 200 and "data:" in text


def is_answer(cassette: Cassette) -> bool:
    return dialect_of(cassette) is not None and cassette.status == 200 and isinstance(cassette.body, dict)


def is_refusal(cassette: Cassette) -> bool:
    return dialect_of(cassette) is not None and 400 <= cassette.status < 600


def decode(
    dialect: DialectName, provider: Provider, wire: bytes, *, stream: bool, size: int = 0
) -> list[Event]:
    """The events of an answer; `size` cuts a stream into pieces of so many bytes."""
    if not stream:
        return DIALECTS[dialect].decode_response(wire)
    decoder = DIALECTS[dialect].stream_decoder(provider)
    found: list[Event] = []
    step = size or len(wire)
    for start in range(0, len(wire), step):
        found += decoder.feed(wire[start : start + step])
    if not decoder.done:
        found += decoder.finish()
    return found


@dataclass(frozen=True)
class Outcome:
    """What a program makes of an answer, whatever dialect it came in."""

    text: str
    calls: tuple[tuple[str, str], ...]
    ends: str
    tokens: tuple[int, int, int] | None
    """All input, of it from the cache, all output; None where nothing was reported."""


def outcome(answer: Answer) -> Outcome:
    """Of the first choice: callers of two dialects get no other one."""
    choice = answer.choices[0] if answer.choices else Choice(index=0, parts=(), finish=None)
    refused = "".join(part.text for part in choice.parts if isinstance(part, Refusal))
    usage = answer.usage
    return Outcome(
        text=choice.text + refused,
        calls=tuple(_call(part) for part in choice.parts if isinstance(part, ToolCall)),
        ends=_ends(choice),
        tokens=None if usage is None else (usage.total_input, usage.cache_read, usage.total_output),
    )


def outcome_of(events: list[Event]) -> Outcome:
    return outcome(collect(events))


def _call(part: ToolCall) -> tuple[str, str]:
    """Name and arguments; what is no object comes in the form that all dialects carry."""
    try:
        arguments = json.loads(part.arguments)
    except ValueError:
        arguments = {"_raw": part.arguments}
    return part.name, json.dumps(arguments, sort_keys=True)


def _ends(choice: Choice) -> str:
    """Dialects have fewer words than there are reasons."""
    reason = choice.finish.reason if choice.finish is not None else FinishReason.OTHER
    if choice.tool_calls and reason in (FinishReason.STOP, FinishReason.TOOL_CALLS, FinishReason.OTHER):
        return "calls"
    if reason in (FinishReason.LENGTH, FinishReason.CONTEXT_WINDOW):
        return "length"
    if reason in (FinishReason.CONTENT_FILTER, FinishReason.REFUSAL):
        return "refused"
    return "stop"
