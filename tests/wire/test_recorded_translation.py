"""Recorded conversations of every dialect: nothing is lost in its own, and every other one says the same."""

from __future__ import annotations

import json

import msgspec
import pytest

from ai_gateway.core.answer import collect
from ai_gateway.core.chat import ChatRequest, DialectName, Message, Role, Text
from ai_gateway.core.events import Event, Failed
from ai_gateway.dialects.interface import AnswerContext, Asked, Target
from ai_gateway.dialects.registry import DIALECTS
from ai_gateway.errors import GatewayError, UpstreamError, UpstreamProtocolError
from ai_gateway.providers import PROVIDERS, Provider
from tests.harness.cassettes import Cassette, cassette_params
from tests.harness.recorded import (
    Outcome,
    decode,
    dialect_of,
    is_answer,
    is_refusal,
    is_request,
    is_stream,
    outcome,
    outcome_of,
    provider_of,
)

HOMES = {
    DialectName.OPENAI_CHAT: "openai-compatible",
    DialectName.OPENAI_RESPONSES: "openai",
    DialectName.ANTHROPIC: "anthropic",
    DialectName.GEMINI: "gemini",
}
CALLERS = pytest.mark.parametrize("caller", DialectName)


def context(caller: DialectName) -> AnswerContext:
    asked = Message(role=Role.USER, parts=(Text("hi"),))
    request = ChatRequest(dialect=caller, model="asked", messages=(asked,), stream=True, include_usage=True)
    return AnswerContext(request=request, id="0123456789abcdef", created_s=1)


def asked_of(cassette: Cassette) -> Asked:
    """Gemini's model and streaming are in the path."""
    name, _, action = cassette.url.partition("?")[0].rpartition("/models/")[2].rpartition(":")
    return Asked(model=name or None, stream=action.startswith("stream"))


@pytest.mark.parametrize("cassette", cassette_params(is_request))
def test_a_request_loses_nothing_in_its_own_dialect(cassette: Cassette) -> None:
    name = dialect_of(cassette)
    assert name is not None
    dialect, asked = DIALECTS[name], asked_of(cassette)
    request = dialect.parse_request(json.dumps(cassette.request_body).encode(), asked)

    rendered = dialect.render_request(request, Target(provider=provider_of(cassette)))
    again = dialect.parse_request(rendered.body, asked)

    assert set(rendered.dropped) <= {"output_format.schema"} | provider_of(cassette).rejects
    refused = provider_of(cassette).rejects
    if not rendered.dropped and not (refused - {"stream_options"}) & set(cassette.request_body):
        assert settled(again) == settled(request)


def settled(request: ChatRequest) -> bytes:
    """As JSON, without what the provider's row decides: whether usage is asked for."""
    return msgspec.json.encode(msgspec.structs.replace(request, include_usage=False))


@CALLERS
@pytest.mark.parametrize("cassette", cassette_params(is_request))
def test_a_request_reaches_every_dialect_or_is_refused_by_name(
    cassette: Cassette, caller: DialectName
) -> None:
    """`caller` is the provider's dialect here."""
    name = dialect_of(cassette)
    assert name is not None
    source = DIALECTS[name]
    request = source.parse_request(json.dumps(cassette.request_body).encode(), asked_of(cassette))
    request = msgspec.structs.replace(request, model="some-model")
    refusal: GatewayError | None = None
    try:
        source.check_foreign(request)
        rendered = DIALECTS[caller].render_request(request, Target(provider=PROVIDERS[HOMES[caller]]))
    except GatewayError as error:
        refusal = error
    if refusal is not None:
        assert refusal.status == 400
        assert refusal.param
        return
    body = json.loads(rendered.body)
    for text in texts_of(request):
        assert text in json.dumps(body, ensure_ascii=False).encode().decode() or json.dumps(text)[
            1:-1
        ] in json.dumps(body)


def texts_of(request: ChatRequest) -> list[str]:
    """Every word of the user and the system."""
    return [
        part.text
        for message in request.messages
        for part in message.parts
        if isinstance(part, Text) and message.role is not Role.ASSISTANT
    ]


@pytest.mark.parametrize("cassette", cassette_params(is_stream))
def test_a_stream_decodes_alike_however_it_is_cut(cassette: Cassette) -> None:
    name, wire = dialect_of(cassette), cassette.response_bytes()
    assert name is not None
    provider = row_of(cassette)
    try:
        whole = collect(decode(name, provider, wire, stream=True))
    except UpstreamError as reported:
        with pytest.raises(type(reported)):
            collect(decode(name, provider, wire, stream=True, size=7))
        return
    for size in (1, 3, 64, 1021):
        assert collect(decode(name, provider, wire, stream=True, size=size)) == whole


@pytest.mark.parametrize("cassette", cassette_params(is_stream))
def test_a_stream_that_is_cut_short_is_no_clean_end(cassette: Cassette) -> None:
    name, wire = dialect_of(cassette), cassette.response_bytes()
    assert name is not None
    step = max(1, len(wire) // 40)
    for end in range(1, max(2, len(wire) // 2), step):
        try:
            events = decode(name, row_of(cassette), wire[:end], stream=True)
        except UpstreamProtocolError:
            continue
        assert isinstance(events[-1], Failed) or finished_early(name, wire[:end])


def finished_early(name: DialectName, wire: bytes) -> bool:
    """Half of the recording holds a whole answer: what follows is more of the same, or padding."""
    words = {
        DialectName.OPENAI_CHAT: b'"finish_reason"',
        DialectName.OPENAI_RESPONSES: b"response.completed",
        DialectName.ANTHROPIC: b"message_stop",
        DialectName.GEMINI: b'"finishReason"',
    }
    return words[name] in wire


def row_of(cassette: Cassette) -> Provider:
    """Recordings of compatible servers may lack the terminator."""
    provider = provider_of(cassette)
    return msgspec.structs.replace(provider, terminator_optional=True)


@CALLERS
@pytest.mark.parametrize("cassette", cassette_params(is_answer))
def test_an_answer_says_the_same_to_every_caller(cassette: Cassette, caller: DialectName) -> None:
    name = dialect_of(cassette)
    assert name is not None
    said = outcome_or_failure(name, cassette, stream=False)
    if said is None:
        return
    events = decode(name, provider_of(cassette), cassette.response_bytes(), stream=False)
    encoded = DIALECTS[caller].encode_response(collect(events), context(caller))

    heard = collect(DIALECTS[caller].decode_response(encoded))

    assert as_heard(outcome(heard), said) == said
    assert as_heard(streamed(events, caller), said) == said


def streamed(events: list[Event], caller: DialectName) -> Outcome:
    """The same events, encoded as a stream and read again."""
    encoder = DIALECTS[caller].stream_encoder(context(caller))
    if caller in (DialectName.OPENAI_RESPONSES, DialectName.ANTHROPIC):  # they cannot ask for several
        events = [event for event in events if getattr(event, "choice", 0) == 0]
    wire = b"".join(encoder.feed(event) for event in events) + encoder.finish()
    return outcome_of(decode(caller, PROVIDERS[HOMES[caller]], wire, stream=True))


@CALLERS
@pytest.mark.parametrize("cassette", cassette_params(is_stream))
def test_a_stream_says_the_same_to_every_caller(cassette: Cassette, caller: DialectName) -> None:
    name = dialect_of(cassette)
    assert name is not None
    said = outcome_or_failure(name, cassette, stream=True)
    if said is None:
        return
    events = decode(name, row_of(cassette), cassette.response_bytes(), stream=True)

    assert as_heard(streamed(events, caller), said) == said


def outcome_or_failure(name: DialectName, cassette: Cassette, *, stream: bool) -> Outcome | None:
    """None where the recording is of a failure."""
    try:
        return outcome_of(decode(name, row_of(cassette), cassette.response_bytes(), stream=stream))
    except UpstreamError:
        return None


def as_heard(heard: Outcome, said: Outcome) -> Outcome:
    """Two dialects must report figures: zeroes stand where nothing was said."""
    if said.tokens is None and heard.tokens in (None, (0, 0, 0)):
        return Outcome(heard.text, heard.calls, heard.ends, None)
    return heard


@CALLERS
@pytest.mark.parametrize("cassette", cassette_params(is_refusal))
def test_a_refusal_keeps_status_and_message(cassette: Cassette, caller: DialectName) -> None:
    name = dialect_of(cassette)
    assert name is not None
    error = DIALECTS[name].parse_error(cassette.status, cassette.response_bytes(), "", None)

    shown = json.loads(DIALECTS[caller].render_error(error, "req_1"))

    assert error.status == (cassette.status if cassette.status < 500 else 502)
    assert error.message in shown["error"]["message"]
