"""Answers of Gemini's dialect, relayed: what the gateway reads from them while they pass.

Source: Gemini API reference, "Generating content" (`GenerateContentResponse`).
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.usage import Usage
from ai_gateway.dialects.bounding import Closer
from ai_gateway.dialects.content_array import ArrayWriter
from ai_gateway.dialects.cut_gemini import ContentCloser
from ai_gateway.dialects.first_content import content_answers
from ai_gateway.dialects.gemini import DIALECT, read_usage
from ai_gateway.dialects.relay_stream import EMPTY, NOTHING, Relay, Reply, text_size
from ai_gateway.errors import GatewayError, UpstreamProtocolError

__all__ = ["ContentRelay", "read_reply"]


class _Part(msgspec.Struct, rename="camel"):
    text: msgspec.Raw = EMPTY
    function_call: msgspec.Raw = EMPTY


class _Content(msgspec.Struct):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | int | None = None


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | int | None = None


class _Chunk(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    usage_metadata: msgspec.Raw = EMPTY
    model_version: str | None = None
    prompt_feedback: _Feedback | None = None
    error: msgspec.Raw = EMPTY


_chunk = msgspec.json.Decoder(_Chunk)
_answer = msgspec.json.Decoder(_Chunk | list[_Chunk])


def read_reply(body: bytes) -> Reply:
    """A whole answer, or a stream that came as one array.

    Raises: UpstreamProtocolError where the body is not JSON.
    """
    try:
        found = _answer.decode(body)
    except msgspec.ValidationError:
        return Reply()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamProtocolError(f"the upstream's answer is not valid JSON: {error}") from error
    chunks = found if isinstance(found, list) else [found]
    sizes = [_sizes(chunk) for chunk in chunks]
    usages = [usage for chunk in chunks if (usage := _usage(chunk)) is not None]
    return Reply(
        model=next((chunk.model_version for chunk in chunks if chunk.model_version), None),
        usage=usages[-1] if usages else None,
        output_bytes=sum(size for size, _ in sizes),
        tools_used=any(calls for _, calls in sizes),
    )


class ContentRelay(Relay[_Chunk]):
    """Events of `:streamGenerateContent`. There is no terminator: an answer is whole once a finish reason
    was seen, and what follows it (usage, grounding) still passes.

    `array`: the caller did not ask for events: they go out as the elements of one JSON array.
    """

    __slots__ = ("_array", "_ends", "_finished")

    def __init__(self, credential: str, *, ends: bool, array: bool = False) -> None:
        super().__init__(credential, _chunk, lenient=not ends)
        self._ends = ends
        self._array = ArrayWriter() if array else None
        self._finished = False

    def _pass(self, block: bytes) -> bytes:
        passed = super()._pass(block)
        if self._array is None:
            return passed
        return self._array.elements(passed) + (self._array.end() if self.cut_short else b"")

    def _answers(self, data: bytes) -> bool:
        return content_answers(data)

    def _closer(self) -> Closer | None:
        return ContentCloser() if self._ends else None

    def _take(self, chunk: _Chunk) -> bool:
        size, calls = _sizes(chunk)
        self.output_bytes += size
        self.tools_used = self.tools_used or calls
        self.model = self.model or chunk.model_version
        self.usage = _usage(chunk) or self.usage
        if any(candidate.finish_reason for candidate in chunk.candidates or ()):
            self._finished = True
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason:
            self._finished = True
        if chunk.error is not EMPTY:
            self._note_fault(chunk.error)
        return True

    def finish(self) -> bytes:
        out = self._pass(self._framer.finish())
        if self.cut_short:
            return out
        if self._ends and not self._finished and self.failure is None and self.error is None:
            self.failure = UpstreamProtocolError("the upstream's stream stopped before its end")
            return out
        if self._array is not None and self.failure is None:
            out += self._array.end()
        self.done = True
        return out

    def error_event(self, error: GatewayError) -> bytes:
        body = DIALECT.render_error(error, "")
        if self._array is not None:
            return self._array.element(body) + self._array.end()
        return b"data: " + body + b"\r\n\r\n"


def _usage(chunk: _Chunk) -> Usage | None:
    return read_usage(bytes(chunk.usage_metadata)) if chunk.usage_metadata is not EMPTY else None


def _sizes(chunk: _Chunk) -> tuple[int, bool]:
    """Bytes of text, and whether a tool is called."""
    size, calls = 0, False
    for candidate in chunk.candidates or ():
        for part in (candidate.content.parts if candidate.content else None) or ():
            size += text_size(part.text)
            if bytes(part.function_call) not in NOTHING:
                size += len(bytes(part.function_call))
                calls = True
    return size, calls
