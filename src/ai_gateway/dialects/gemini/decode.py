"""Gemini's answers, whole or streamed, into canonical events.

Sources: Gemini API reference, "Generating content" (`GenerateContentResponse`); docs, "Thought signatures",
"Grounding with Google Search".
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.chat import DialectName
from ai_gateway.core.events import Event, Extension, Failed, Finish, FinishReason, Start, UsageReport
from ai_gateway.dialects.event_decoder import BROKEN, EventDecoder, absent
from ai_gateway.dialects.gemini.decode_candidate import CandidateReader
from ai_gateway.dialects.gemini.errors import reported
from ai_gateway.dialects.gemini.usage import read_usage
from ai_gateway.dialects.gemini.wire import EMPTY, Chunk
from ai_gateway.dialects.interface import StreamDecoder
from ai_gateway.errors import UpstreamProtocolError
from ai_gateway.providers import Provider

__all__ = ["decode_response", "stream_decoder"]

_ME = DialectName.GEMINI
_chunk = msgspec.json.Decoder(Chunk)
_chunks = msgspec.json.Decoder(Chunk | list[Chunk])


def decode_response(body: bytes) -> list[Event]:
    """The events of a whole answer, or of a stream that came as one array.

    Raises:
        UpstreamProtocolError: it is no answer.
        UpstreamError: the failure that it reports.
    """
    try:
        found = _chunks.decode(body)
    except BROKEN as error:
        raise UpstreamProtocolError(f"the upstream's answer is not what it should be: {error}") from error
    return _whole(found if isinstance(found, list) else [found])


def _whole(chunks: list[Chunk]) -> list[Event]:
    reader = _Reader()
    out: list[Event] = []
    for chunk in chunks:
        if not absent(chunk.error):
            raise reported(b'{"error":' + bytes(chunk.error) + b"}")
        try:
            reader.take(chunk, out)
        except BROKEN as error:
            raise UpstreamProtocolError(f"the upstream's answer is not what it should be: {error}") from error
    if not reader.told:
        raise UpstreamProtocolError("the upstream's answer is not what it should be: nothing is in it")
    reader.close(out)
    return out


def stream_decoder(provider: Provider) -> StreamDecoder:
    return _StreamDecoder()


class _StreamDecoder(EventDecoder):
    """There is no terminator: an answer is whole once every candidate has finished and the body has ended;
    usage may still come after the finish."""

    __slots__ = ("_reader",)

    def __init__(self) -> None:
        super().__init__()
        self._reader = _Reader()

    def _take(self, data: bytes, out: list[Event]) -> None:
        chunk = _chunk.decode(data)
        if not absent(chunk.error):
            out.append(Failed(reported(data)))
            self.done = True
        else:
            self._reader.take(chunk, out)

    def _close(self, out: list[Event]) -> None:
        if self._reader.finished:
            self._reader.close(out)
            self.done = True


class _Reader:
    """What whole answers and streams have in common."""

    def __init__(self) -> None:
        self._candidates: dict[int, CandidateReader] = {}
        self._started = False
        self.told = False
        """Anything of an answer was there."""
        self._blocked: str | None = None

    @property
    def finished(self) -> bool:
        if self._blocked is not None:
            return True
        return bool(self._candidates) and all(one.reason for one in self._candidates.values())

    def take(self, chunk: Chunk, out: list[Event]) -> None:
        if not self._started:
            self._started = True
            out.append(Start(id=chunk.response_id, model=chunk.model_version))
        raws = (chunk.usage_metadata, chunk.prompt_feedback)
        self.told = self.told or not all(map(absent, raws)) or bool(chunk.candidates)
        for candidate in chunk.candidates or ():
            index = candidate.index or 0
            reader = self._candidates.get(index)
            if reader is None:
                reader = self._candidates[index] = CandidateReader(index, chunk.response_id or "")
            reader.take(candidate, out)
        if not absent(chunk.prompt_feedback):
            self._feedback(chunk, out)
        if chunk.usage_metadata is not EMPTY:
            usage = read_usage(chunk.usage_metadata)
            if usage is not None:
                out.append(UsageReport(usage))

    def _feedback(self, chunk: Chunk, out: list[Event]) -> None:
        raw = bytes(chunk.prompt_feedback)
        if raw == b"null":
            return
        out.append(Extension(dialect=_ME, name="promptFeedback", raw=msgspec.Raw(raw)))
        found = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        if "blockReason" in found:
            self._blocked = bytes(found["blockReason"]).decode().strip('"')

    def close(self, out: list[Event]) -> None:
        """The answer is over: the ends of the candidates. A blocked prompt is one that the filter cut off."""
        for index in sorted(self._candidates):
            self._candidates[index].close(out)
        if not self._candidates:
            reason = FinishReason.OTHER if self._blocked is None else FinishReason.CONTENT_FILTER
            out.append(Finish(reason=reason, raw=self._blocked))
