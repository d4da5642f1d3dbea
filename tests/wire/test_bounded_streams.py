"""Recorded streams that may not grow past a bound: they end in their dialect, for want of tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import anthropic
import httpx2
import openai
import pytest
from google import genai
from google.genai import types

from ai_gateway.core.answer import Answer, Choice, collect
from ai_gateway.core.chat import ChatRequest, DialectName, Message, Role, Text
from ai_gateway.core.events import FinishReason
from ai_gateway.dialects.endpoints import CHAT, MESSAGES, RESPONSES, STREAM_GENERATE_CONTENT, Endpoint
from ai_gateway.dialects.interface import AnswerContext
from ai_gateway.dialects.openai_usage import BYTES_PER_TOKEN
from ai_gateway.dialects.registry import DIALECTS
from ai_gateway.dialects.relay_answer import stream_relay
from ai_gateway.dialects.relay_stream import StreamRelay
from ai_gateway.dialects.translated_stream import TranslatedStream
from ai_gateway.providers import PROVIDERS
from tests.harness.cassettes import Cassette, cassette_params
from tests.harness.recorded import decode, dialect_of, is_stream, provider_of

ENDPOINTS: dict[DialectName, Endpoint] = {
    DialectName.OPENAI_CHAT: CHAT,
    DialectName.OPENAI_RESPONSES: RESPONSES,
    DialectName.ANTHROPIC: MESSAGES,
    DialectName.GEMINI: STREAM_GENERATE_CONTENT,
}
HOMES = {
    DialectName.OPENAI_CHAT: "openai-compatible",
    DialectName.OPENAI_RESPONSES: "openai",
    DialectName.ANTHROPIC: "anthropic",
    DialectName.GEMINI: "gemini",
}
INPUT = 7


def named(cassette: Cassette) -> DialectName:
    name = dialect_of(cassette)
    assert name is not None
    return name


def relayed(cassette: Cassette) -> StreamRelay:
    return stream_relay(
        ENDPOINTS[named(cassette)],
        tell_usage=True,
        terminator_optional=provider_of(cassette).terminator_optional,
    )


def translated(cassette: Cassette, caller: DialectName) -> StreamRelay:
    asked = Message(role=Role.USER, parts=(Text("hi"),))
    request = ChatRequest(dialect=caller, model="asked", messages=(asked,), stream=True, include_usage=True)
    return TranslatedStream(
        DIALECTS[named(cassette)].stream_decoder(provider_of(cassette)),
        DIALECTS[caller].stream_encoder(AnswerContext(request=request, id="0123456789abcdef", created_s=1)),
        {},
        several=DIALECTS[caller].several_choices,
    )


def passed(watcher: StreamRelay, wire: bytes, bound: int | None, size: int = 777) -> bytes:
    if bound is not None:
        watcher.bound(lambda _: bound, input_tokens=INPUT)
    out = b""
    for start in range(0, len(wire), size):
        out += watcher.feed(wire[start : start + size])
        if watcher.done or watcher.failure:
            return out
    return out + watcher.finish()


def many(size: int) -> Iterable[int]:
    return {0, 1, size // 3, size // 2, size - 1, size}


def few(size: int) -> Iterable[int]:
    return {0, size // 2, size - 1}


def said(choice: Choice, *, calls_too: bool) -> int:
    """Bytes. Another dialect may write the arguments of a call in its own way."""
    text = len(choice.text.encode()) + len(choice.thinking.encode())
    if not calls_too:
        return text
    calls = sum(len(call.arguments.encode()) for call in choice.tool_calls if call.arguments != "{}")
    return text + calls


def check(
    wire: bytes,
    fresh: Callable[[], StreamRelay],
    read: Callable[[bytes], Answer],
    bounds: Callable[[int], Iterable[int]],
    *,
    calls_too: bool,
) -> None:
    free = fresh()
    whole = passed(free, wire, None)
    if free.fault is not None:
        return  # what the provider reports is told, and no answer
    assert free.content
    full = read(whole)
    for bound in sorted(bound for bound in bounds(free.output_bytes) if bound >= 0):
        watcher = fresh()
        out = passed(watcher, wire, bound)
        assert watcher.failure is None
        assert watcher.done
        if free.output_bytes <= bound:
            assert not watcher.cut_short
            assert out == whole
            continue
        assert watcher.cut_short
        assert watcher.output_bytes <= bound
        cut = read(out)
        assert sum(said(choice, calls_too=calls_too) for choice in cut.choices) <= bound
        check_cut(cut, full, watcher)


def check_cut(cut: Answer, full: Answer, watcher: StreamRelay) -> None:
    usage = watcher.usage
    assert usage is not None
    assert usage.estimated
    assert usage.total_output >= -(-watcher.output_bytes // BYTES_PER_TOKEN)
    assert usage.total_input > 0
    assert cut.usage is not None
    assert cut.usage.total_output == usage.total_output
    assert cut.choices
    assert any(
        choice.finish is not None and choice.finish.reason is FinishReason.LENGTH for choice in cut.choices
    )
    for choice, whole in zip(cut.choices, full.choices, strict=False):
        assert choice.finish is not None
        assert whole.text.startswith(choice.text)
        assert whole.thinking.startswith(choice.thinking)


@pytest.mark.parametrize("cassette", cassette_params(is_stream))
def test_a_relayed_stream_ends_at_its_bound(cassette: Cassette) -> None:
    name = named(cassette)

    def read(wire: bytes) -> Answer:
        return collect(decode(name, provider_of(cassette), wire, stream=True))

    check(
        cassette.response_bytes(),
        lambda: relayed(cassette),
        read,
        many,
        calls_too=True,
    )


@pytest.mark.parametrize("cassette", cassette_params(is_stream))
def test_a_translated_stream_ends_at_its_bound(cassette: Cassette) -> None:
    for caller in DialectName:

        def read(wire: bytes, caller: DialectName = caller) -> Answer:
            return collect(decode(caller, PROVIDERS[HOMES[caller]], wire, stream=True))

        def fresh(caller: DialectName = caller) -> StreamRelay:
            return translated(cassette, caller)

        probe = fresh()
        passed(probe, cassette.response_bytes(), None)
        if probe.failure is None:  # else the provider reports a failure, and there is no answer
            check(cassette.response_bytes(), fresh, read, few, calls_too=False)


# What the SDKs make of it.


class Server:
    """Answers every request with one stream."""

    def __init__(self) -> None:
        self.body = b""
        self.http = httpx2.Client(transport=httpx2.MockTransport(self._answer))
        self.openai = openai.OpenAI(
            api_key="k", http_client=self.http, _strict_response_validation=True, max_retries=0
        )
        self.anthropic = anthropic.Anthropic(api_key="k", http_client=self.http, max_retries=0)
        self.genai = genai.Client(api_key="k", http_options=types.HttpOptions(httpx_client=self.http))

    def _answer(self, _: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=self.body)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.http.close()


def chat(server: Server) -> str:
    reasons: dict[int, str | None] = {}
    told = 0
    for chunk in server.openai.chat.completions.create(
        model="m", messages=[], stream=True, stream_options={"include_usage": True}
    ):
        told += chunk.usage is not None
        reasons |= {choice.index: choice.finish_reason for choice in chunk.choices}
    assert told == 1
    return str(reasons[0])


def responses(server: Server) -> str:
    seen, added, done = [], 0, 0
    for event in server.openai.responses.create(model="m", input="hi", stream=True):
        seen.append(event.sequence_number)
        added += event.type == "response.output_item.added"
        done += event.type == "response.output_item.done"
    assert seen == sorted(set(seen))
    assert added == done
    assert event.type == "response.incomplete"
    assert event.response.status == "incomplete"
    assert len(event.response.output) == done
    assert event.response.incomplete_details is not None
    return str(event.response.incomplete_details.reason)


def messages(server: Server) -> str:
    with server.anthropic.messages.stream(model="m", max_tokens=9, messages=[]) as stream:
        opened = [event.type for event in stream if event.type.startswith("content_block_st")]
        assert opened.count("content_block_start") == opened.count("content_block_stop")
        return str(stream.get_final_message().stop_reason)


def contents(server: Server) -> str:
    reason = None
    for chunk in server.genai.models.generate_content_stream(model="m", contents="hi"):
        for candidate in chunk.candidates or ():
            reason = candidate.finish_reason or reason
    assert chunk.usage_metadata is not None
    return str(reason and reason.value)


SDKS: dict[DialectName, tuple[Callable[[Server], str], str]] = {
    DialectName.OPENAI_CHAT: (chat, "length"),
    DialectName.OPENAI_RESPONSES: (responses, "max_output_tokens"),
    DialectName.ANTHROPIC: (messages, "max_tokens"),
    DialectName.GEMINI: (contents, "MAX_TOKENS"),
}
MAKERS = ("openai", "anthropic", "gemini")


def is_short(cassette: Cassette) -> bool:
    """From who made the SDKs, and as it came: they are strict with what others send, and OpenAI's with what
    its own web search does."""
    made = cassette.provider in MAKERS and cassette.raw and "/openai/" not in cassette.url
    wire = cassette.response_bytes()
    return is_stream(cassette) and made and len(wire) < 12_000 and b"web_search_call" not in wire


def sizes(cassette: Cassette) -> set[int]:
    """How much has been said after each event."""
    watcher = relayed(cassette)
    found = set()
    for line in cassette.response_bytes().splitlines(keepends=True):
        watcher.feed(line)
        found.add(watcher.output_bytes)
    watcher.finish()
    return found - {watcher.output_bytes}


@pytest.mark.parametrize("cassette", cassette_params(is_short))
def test_the_sdks_read_a_stream_that_was_cut_after_any_event(cassette: Cassette, server: Server) -> None:
    listen, reason = SDKS[named(cassette)]
    bounds = sorted(sizes(cassette))
    for bound in bounds[:: 1 + len(bounds) // 20]:
        watcher = relayed(cassette)
        server.body = passed(watcher, cassette.response_bytes(), bound)
        assert watcher.cut_short
        assert listen(server) == reason
