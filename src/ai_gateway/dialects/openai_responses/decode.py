"""Answers of the Responses API, whole or streamed, into canonical events.

Source: OpenAI API reference, "The Response object", "Streaming events".
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.events import Event, Failed, Finish, FinishReason, Start, TextDelta, UsageReport
from ai_gateway.dialects.event_decoder import BROKEN, EventDecoder, absent
from ai_gateway.dialects.interface import StreamDecoder
from ai_gateway.dialects.openai_responses.decode_items import EMPTY, ItemReader, StreamEvent
from ai_gateway.dialects.openai_responses.errors import reported
from ai_gateway.dialects.openai_responses.usage import read_usage
from ai_gateway.errors import UpstreamProtocolError
from ai_gateway.providers import Provider

__all__ = ["decode_response", "stream_decoder"]


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class _Response(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    created_at: float | None = None
    status: str | None = None
    output: list[msgspec.Raw] | None = None
    usage: msgspec.Raw = EMPTY
    service_tier: msgspec.Raw = EMPTY
    error: msgspec.Raw = EMPTY
    incomplete_details: _Incomplete | None = None


_response = msgspec.json.Decoder(_Response)
_event = msgspec.json.Decoder(StreamEvent)


def decode_response(body: bytes) -> list[Event]:
    """The events of a whole response.

    Raises:
        UpstreamProtocolError: it is no response.
        UpstreamError: the failure that it reports.
    """
    try:
        response = _response.decode(body)
        if not absent(response.error):
            raise reported(response.error)
        if response.output is None:
            raise UpstreamProtocolError("the upstream's answer is not a response: it has no output")
        out: list[Event] = [_start(response)]
        reader = ItemReader()
        _close(response, reader, out)
    except BROKEN as error:
        raise UpstreamProtocolError(f"the upstream's answer is not a response: {error}") from error
    return out


def stream_decoder(provider: Provider) -> StreamDecoder:
    return _StreamDecoder()


class _StreamDecoder(EventDecoder):
    """Events of a streamed response. Servers leave events out: what the last one holds and nobody told
    before is told then."""

    __slots__ = ("_reader", "_started")

    def __init__(self) -> None:
        super().__init__()
        self._reader = ItemReader()
        self._started = False

    def _take(self, data: bytes, out: list[Event]) -> None:
        event = _event.decode(data)
        kind = event.type
        if kind == "response.output_text.delta" and not event.logprobs:
            delta = event.delta
            if isinstance(delta, str) and delta:
                self._reader.saw_text(event)
                out.append(TextDelta(delta))
            return
        match kind:
            case "response.created" | "response.in_progress" | "response.queued":
                self._begin(event, out)
            case "response.completed" | "response.incomplete" | "response.done":
                self._begin(event, out)
                response = _Response() if absent(event.response) else _response.decode(event.response)
                _close(response, self._reader, out)
                self.done = True
            case "response.failed":
                failed = _Response() if absent(event.response) else _response.decode(event.response)
                out.append(Failed(reported(failed.error)))
                self.done = True
            case "error":
                out.append(Failed(reported(event.error if bytes(event.error)[:1] == b"{" else data)))
                self.done = True
            case _:
                self._reader.take(event, out)

    def _begin(self, event: StreamEvent, out: list[Event]) -> None:
        if not self._started and not absent(event.response):
            self._started = True
            out.append(_start(_response.decode(event.response)))


def _start(response: _Response) -> Start:
    created = response.created_at
    return Start(id=response.id, model=response.model, created_s=None if created is None else int(created))


def _close(response: _Response, reader: ItemReader, out: list[Event]) -> None:
    """What was not told yet, the end, and the usage."""
    for index, raw in enumerate(response.output or ()):
        reader.finish_item(index, raw, out)
    reader.close(out)
    out.append(Finish(reason=_reason(response, reader), raw=response.status))
    usage = None if response.usage is EMPTY else read_usage(response.usage, response.service_tier)
    if usage is not None:
        out.append(UsageReport(usage))


def _reason(response: _Response, reader: ItemReader) -> FinishReason:
    if response.status == "incomplete":
        reason = response.incomplete_details.reason if response.incomplete_details else None
        if reason == "max_output_tokens":
            return FinishReason.LENGTH
        return FinishReason.CONTENT_FILTER if reason == "content_filter" else FinishReason.OTHER
    if reader.calls:
        return FinishReason.TOOL_CALLS
    return FinishReason.REFUSAL if reader.refused else FinishReason.STOP
