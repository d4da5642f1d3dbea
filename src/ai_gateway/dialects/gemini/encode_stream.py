"""A stream as Gemini's chunks.

Source: Gemini API reference, "Generating content" (`streamGenerateContent`): each event is an answer of its
own; a function call comes whole; the finish and the usage stand in the last one.
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.chat import Citation, DialectName, ToolCall
from ai_gateway.core.events import (
    CitationAdded,
    Event,
    Extension,
    Finish,
    Logprobs,
    PartDone,
    PartEnd,
    RefusalDelta,
    Start,
    TextDelta,
    ThinkingDelta,
    ThinkingEnd,
    TokenLogprob,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from ai_gateway.core.signature import Signature, wrap
from ai_gateway.core.usage import Usage
from ai_gateway.dialects.gemini.encode_parts import (
    Json,
    call_parts,
    finish_of,
    logprobs_of,
    notes_of,
    parts_of,
    thought_part,
)
from ai_gateway.dialects.gemini.errors import render_error
from ai_gateway.dialects.gemini.usage import encode_usage
from ai_gateway.dialects.interface import AnswerContext, StreamEncoder
from ai_gateway.errors import GatewayError

__all__ = ["stream_encoder"]

_ME = DialectName.GEMINI
_encode = msgspec.json.encode
_HEAD = b'data: {"candidates":[{"content":{"parts":['
_TEXT = _HEAD + b'{"text":'
_THOUGHT = _HEAD + b'{"thought":true,"text":'


def stream_encoder(context: AnswerContext) -> StreamEncoder:
    return _StreamEncoder(context)


class _Call:
    __slots__ = ("pieces", "start")

    def __init__(self, start: ToolCallStart) -> None:
        self.start = start
        self.pieces: list[str] = []

    def whole(self) -> ToolCall:
        start = self.start
        return ToolCall(start.id, start.name, "".join(self.pieces) or "{}", start.signature)


class _Candidate:
    """What waits for the end of one candidate."""

    def __init__(self) -> None:
        self.calls: dict[int, _Call] = {}
        self.thought = ""
        """The last piece of a thought, which takes the signature: SDKs overlook one without text."""
        self.finish: Finish | None = None
        self.refused = False
        self.extensions: list[Extension] = []
        self.citations: list[Citation] = []
        self.logprobs: list[TokenLogprob] = []


class _StreamEncoder:
    def __init__(self, context: AnswerContext) -> None:
        self._context = context
        self._candidates: dict[int, _Candidate] = {}
        self._thinking = False
        """A piece of a thought is held back."""
        self._usage: Usage | None = None
        self._about: Json = {}
        self._tails: dict[int, bytes] = {}
        self._start(Start())

    def _start(self, start: Start) -> None:
        own = start.id
        self._about = {
            "modelVersion": start.model or self._context.request.model,
            "responseId": own if own is not None else self._context.id,
        }
        self._tails.clear()

    def _tail(self, choice: int) -> bytes:
        """What follows the parts of a chunk that holds nothing else."""
        tail = self._tails.get(choice)
        if tail is None:
            about = _encode(self._about)[1:]
            tail = b'],"role":"model"},"index":%d}],' % choice + about + b"\r\n\r\n"
            self._tails[choice] = tail
        return tail

    def feed(self, event: Event) -> bytes:
        match event:
            case TextDelta(text, choice):
                out = self._end_thinking(None, choice) if self._thinking else b""
                return out + _TEXT + _encode(text) + b"}" + self._tail(choice) if text else out
            case ThinkingDelta(text, choice):
                return self._think(text, choice) if text else b""
            case ToolCallDelta(index, arguments, choice):
                call = self._of(choice).calls.get(index)
                if call is not None:
                    call.pieces.append(arguments)
                return b""
            case Start():
                self._start(event)
                return b""
            case UsageReport(usage):
                self._usage = usage
                return b""
            case _:
                return self._rare(event)

    def _rare(self, event: Event) -> bytes:
        match event:
            case RefusalDelta(text, choice):
                self._of(choice).refused = True
                return self.feed(TextDelta(text, choice))
            case ToolCallStart(index=index, choice=choice):
                self._of(choice).calls[index] = _Call(event)
                return b""
            case ToolCallEnd(index, choice):
                call = self._of(choice).calls.pop(index, None)
                return b"" if call is None else self._parts(call_parts(call.whole()), choice)
            case ThinkingEnd(signature=signature, choice=choice):
                return self._end_thinking(signature, choice)
            case PartEnd(signature=signature, choice=choice):
                if signature is None:
                    return b""
                row: Json = {"text": "", "thoughtSignature": wrap(signature, _ME.value)}
                return self._parts([row], choice)
            case PartDone(part=part, choice=choice):
                return self._parts(parts_of(part), choice)
            case _:
                self._note(event)
                return b""

    def _think(self, text: str, choice: int) -> bytes:
        candidate = self._of(choice)
        last, candidate.thought = candidate.thought, text
        self._thinking = True
        return _THOUGHT + _encode(last) + b"}" + self._tail(choice) if last else b""

    def _end_thinking(self, signature: Signature | None, choice: int) -> bytes:
        candidate = self._of(choice)
        last, candidate.thought = candidate.thought, ""
        self._thinking = any(one.thought for one in self._candidates.values())
        return self._parts([thought_part(last, signature)], choice) if last or signature else b""

    def _note(self, event: Event) -> None:
        match event:
            case Finish(choice=choice):
                candidate = self._of(choice)
                candidate.finish = candidate.finish or event
            case CitationAdded(citation=citation, choice=choice):
                self._of(choice).citations.append(citation)
            case Logprobs(tokens=tokens, choice=choice):
                self._of(choice).logprobs += tokens
            case Extension(choice=choice):
                self._of(choice).extensions.append(event)
            case _:
                pass

    def _of(self, choice: int) -> _Candidate:
        candidate = self._candidates.get(choice)
        if candidate is None:
            candidate = self._candidates[choice] = _Candidate()
        return candidate

    def _parts(self, rows: list[Json | msgspec.Raw], choice: int) -> bytes:
        if not rows:
            return b""
        return _HEAD + b",".join(_encode(row) for row in rows) + self._tail(choice)

    def finish(self) -> bytes:
        """The calls that never ended, then the ends of all candidates with the usage, in one chunk."""
        out = b""
        rows = []
        for index in sorted(self._candidates) or [0]:
            candidate = self._of(index)
            out += self._end_thinking(None, index)
            calls = [row for call in candidate.calls.values() for row in call_parts(call.whole())]
            out += self._parts(calls, index)
            rows.append(self._end(index, candidate))
        body: Json = {"candidates": rows}
        for candidate in self._candidates.values():
            for extension in candidate.extensions:
                if extension.dialect is _ME and extension.name == "promptFeedback":
                    body["promptFeedback"] = extension.raw
        if self._usage is not None:
            body["usageMetadata"] = encode_usage(self._usage)
        return out + b"data: " + _encode(body | self._about) + b"\r\n\r\n"

    def _end(self, index: int, candidate: _Candidate) -> Json:
        row: Json = {
            "content": {"parts": [{"text": ""}], "role": "model"},
            **finish_of(candidate.finish, refused=candidate.refused),
            "index": index,
            **notes_of(candidate.extensions, candidate.citations),
        }
        if candidate.logprobs:
            row["logprobsResult"] = logprobs_of(candidate.logprobs)
        return row

    def error_event(self, error: GatewayError) -> bytes:
        return b"data: " + render_error(error, "") + b"\r\n\r\n"
