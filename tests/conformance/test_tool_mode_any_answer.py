"""Gateway tool mode: whatever a model says over however many rounds, the caller hears one answer."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_gateway.core.chat import Text, ToolResult
from ai_gateway.core.events import (
    Event,
    Finish,
    FinishReason,
    PartEnd,
    Start,
    TextDelta,
    ThinkingDelta,
    ThinkingEnd,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from ai_gateway.core.server_tools import ServerTool
from ai_gateway.core.signature import Signature
from ai_gateway.core.usage import Usage
from ai_gateway.dialects.endpoints import Family
from ai_gateway.dialects.interface import Asked as Path
from ai_gateway.dialects.interface import Rendered
from ai_gateway.dialects.tool_conversation import Conversation, RoundExchange
from ai_gateway.ingress.routes import family_of, route
from ai_gateway.providers import PROVIDERS as TABLE
from tests.conformance import asking, heard
from tests.conformance.asking import CALLERS, Asked
from tests.conformance.scripted import only_time
from tests.harness.moments import Instant

OURS, THEIRS = "get_weather", "get_time"
SERVER_TOOL: Final = ServerTool(name=OURS, description="", parameters=msgspec.Raw(b'{"type":"object"}'))
MODELS: Final = {"openai": "gpt-5-codex", "anthropic": "claude-sonnet-4-6", "gemini": "gemini-3-pro-preview"}
STOPPED = {"chat": "stop", "responses": "completed", "anthropic": "end_turn", "gemini": "STOP"}
CALLED = {"chat": "tool_calls", "responses": "completed", "anthropic": "tool_use", "gemini": "STOP"}


@dataclass(frozen=True)
class Words:
    kind: Literal["text", "thought"]
    pieces: tuple[str, ...]
    signed: bool = False


@dataclass(frozen=True)
class Calls:
    """Begun one after the other, then told of in turns."""

    names: tuple[str, ...]
    numbers: tuple[int, ...]


Round = tuple[Words | Calls, ...]

PIECES = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=5), min_size=1, max_size=3)
TEXTS = st.builds(lambda pieces: Words("text", tuple(pieces)), PIECES)
THOUGHTS = st.builds(lambda pieces, signed: Words("thought", tuple(pieces), signed), PIECES, st.booleans())


def calls(*names: str) -> st.SearchStrategy[Calls]:
    made = st.lists(st.tuples(st.sampled_from(names), st.integers(0, 99)), min_size=1, max_size=3)
    return made.map(lambda found: Calls(tuple(name for name, _ in found), tuple(n for _, n in found)))


def rounds(*names: str) -> st.SearchStrategy[Round]:
    some: list[st.SearchStrategy[Words | Calls]] = [TEXTS, THOUGHTS, calls(*names)]
    return st.lists(st.one_of(some), max_size=4).map(lambda found: tuple(found))


def ours_alone() -> st.SearchStrategy[Round]:
    """A round after which another one follows."""
    return st.tuples(rounds(OURS), calls(OURS), rounds(OURS)).map(
        lambda found: (*found[0], found[1], *found[2])
    )


CONVERSATIONS = st.tuples(st.lists(ours_alone(), max_size=2), rounds(THEIRS) | rounds(OURS, THEIRS)).map(
    lambda found: _ended([*found[0], found[1]])
)


def _ended(found: list[Round]) -> list[Round]:
    """A last round that calls the gateway's tools calls the caller's, too."""
    names = {name for part in found[-1] if isinstance(part, Calls) for name in part.names}
    return found if names != {OURS} else [*found[:-1], (*found[-1], Calls((THEIRS,), (0,)))]


def events_of(said: Round, number: int) -> list[Event]:
    out: list[Event] = [Start(id=f"id_{number}", model="some-model")]
    count = itertools.count()
    for part in said:
        if isinstance(part, Calls):
            out += _interleaved(part, count, number)
        elif part.kind == "text":
            out += [*(TextDelta(piece) for piece in part.pieces), PartEnd()]
        else:
            signature = Signature("anthropic", "c2ln") if part.signed else None
            out += [*(ThinkingDelta(piece) for piece in part.pieces), ThinkingEnd(signature=signature)]
    called = any(isinstance(part, Calls) for part in said)
    out.append(Finish(reason=FinishReason.TOOL_CALLS if called else FinishReason.STOP))
    return [*out, UsageReport(Usage(input=10, output=5))]


def _interleaved(part: Calls, count: itertools.count[int], number: int) -> list[Event]:
    indexes = [next(count) for _ in part.names]
    out: list[Event] = [
        ToolCallStart(index=index, id=f"call_{number}_{index}", name=name)
        for index, name in zip(indexes, part.names, strict=True)
    ]
    words = [json.dumps({"n": n}) for n in part.numbers]
    for place in range(max(map(len, words))):
        out += [ToolCallDelta(i, w[place]) for i, w in zip(indexes, words, strict=True) if place < len(w)]
    return [*out, *(ToolCallEnd(index) for index in indexes)]


class _Decoder:
    """A provider's stream that is events already: one for each byte."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events
        self._at = 0
        self.done = False

    def feed(self, chunk: bytes) -> list[Event]:
        found = self._events[self._at : self._at + 1]
        self._at += 1
        self.done = self._at >= len(self._events)
        return found

    def finish(self) -> list[Event]:
        return self._events[self._at :]


def conversation_of(caller: str, stream: bool, schema: bool, model: str) -> Conversation:
    form = {"type": "object", "properties": {"a": {"type": "integer"}}} if schema else None
    target, body = asking.request(caller, Asked(tools=True, schema=form), model, stream)
    path = target.partition("?")[0]
    found = route("POST", path, family_of(path, Family.OPENAI))
    return Conversation(
        found.endpoint,
        json.dumps(only_time(body)).encode(),
        Path(model=found.model, stream=found.endpoint.stream),
        Instant(answer_id="0123456789ab", created_s=1_764_000_000),
        tools={OURS: SERVER_TOOL},
        restore=lambda request: request,
    )


def answer(conversation: Conversation, provider: str, said: list[Round], stream: bool) -> bytes:
    """All that the caller hears, as the loop of the data path makes it."""
    out = b""
    for number, each in enumerate(said):
        exchange = conversation.exchange(TABLE[provider], lambda asked: asked)
        out += _round(exchange, events_of(each, number), stream)
        current = conversation.round
        if not current.calls:
            return out
        results = [ToolResult(call.id, (Text("sunny"),), name=call.name) for call in current.calls]
        if current.asks_caller:
            return out + conversation.end(exchange.context())
        conversation.ask_on(results, last=False)
    raise AssertionError("the answer never ends")


def _round(exchange: RoundExchange, events: list[Event], stream: bool) -> bytes:
    exchange._target = msgspec.structs.replace(
        exchange._target,
        stream_decoder=lambda _: _Decoder(events),
        decode_response=lambda _: events,
    )
    if not stream:
        return exchange.whole(b"")[0]
    relay = exchange.stream(Rendered(body=b"", path=""), "")
    out = b"".join(relay.feed(b"x") for _ in events)
    assert relay.failure is None
    return out


def text_of(said: Round) -> str:
    return _words("text", said)


def thoughts_of(said: Round) -> str:
    return _words("thought", said)


def _words(kind: str, said: Round) -> str:
    parts = (part for part in said if isinstance(part, Words) and part.kind == kind)
    return "".join(piece for part in parts for piece in part.pieces)


def own_calls(said: list[Round]) -> list[tuple[str, Any]]:
    return [
        (name, {"n": number})
        for each in said
        for part in each
        if isinstance(part, Calls)
        for name, number in zip(part.names, part.numbers, strict=True)
        if name == THEIRS
    ]


@pytest.mark.parametrize("caller", CALLERS)
@settings(max_examples=40, deadline=None)
@given(
    said=CONVERSATIONS,
    stream=st.booleans(),
    schema=st.booleans(),
    provider=st.sampled_from(sorted(MODELS)),
)
def test_one_answer_whatever_is_said(
    caller: str, said: list[Round], stream: bool, schema: bool, provider: str
) -> None:
    conversation = conversation_of(caller, stream, schema, MODELS[provider])
    body = answer(conversation, provider, said, stream)
    found = heard.read(caller, body, stream)
    assert OURS.encode() not in body
    texts = [text for each in said if (text := text_of(each))]
    if schema:
        texts = [text_of(said[-1])]
    assert found.text == ("\n\n" if caller == "chat" else "").join(texts)
    expected = own_calls(said)
    assert found.calls == expected
    assert found.finish == (CALLED if expected else STOPPED)[caller]
    assert found.usage == (10 * len(said), 0, 5 * len(said))
    assert found.thoughts == "".join(map(thoughts_of, said))
