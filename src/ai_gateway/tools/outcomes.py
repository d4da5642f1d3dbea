"""What a run comes to: sentences for the model, and bounds on what it is given."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence

from ai_gateway.core.chat import Audio, Data, Document, Image, PlainText, ResultPart, Text, Video
from ai_gateway.core.server_tools import RunError, ToolOutcome

__all__ = ["ToolFailure", "bounded", "failed"]


class ToolFailure(Exception):
    """A tool cannot do what it is asked for; the message is for the model."""

    def __init__(self, message: str, *, error: str = RunError.FAILED) -> None:
        super().__init__(message)
        self.error = error


def failed(error: str, message: str) -> ToolOutcome:
    """`error` is one of `RunError`."""
    return ToolOutcome(parts=(Text(message),), error=error)


def bounded(outcome: ToolOutcome, *, max_text_bytes: int, max_media_bytes: int) -> ToolOutcome:
    """The outcome within these bounds, over all of its parts; what is missing is said in its place."""
    bound = _Bound(max_text_bytes, max_media_bytes)
    parts = tuple(bound.take(outcome.parts))
    return ToolOutcome(parts=parts or (Text("(the tool returned nothing)"),), error=outcome.error)


class _Bound:
    def __init__(self, text_bytes: int, media_bytes: int) -> None:
        self._text_limit = text_bytes
        self._text_left = text_bytes
        self._media_limit = media_bytes
        self._media_left = media_bytes
        self._omitted = 0

    def take(self, parts: Sequence[ResultPart]) -> Iterable[ResultPart]:
        for part in parts:
            if isinstance(part, Text):
                text = self._cut(part.text)
                if text:
                    yield Text(text)
            elif isinstance(part, Image | Document | Audio | Video):
                yield self._medium(part)
            else:
                yield part
        if self._omitted:
            yield Text(
                f"(cut: {self._omitted} more bytes of text are over this gateway's limit of "
                f"{self._text_limit} bytes for a tool's result; ask for less at once)"
            )

    def _cut(self, text: str) -> str:
        raw = text.encode("utf-8", "replace")
        kept = raw[: self._text_left]
        self._text_left -= len(kept)
        self._omitted += len(raw) - len(kept)
        return kept.decode("utf-8", "ignore")

    def _medium(self, part: Image | Document | Audio | Video) -> ResultPart:
        source = part.source
        if isinstance(source, PlainText):
            return Text(self._cut(source.text) or "(empty)")
        if not isinstance(source, Data):
            return part
        kind = source.media_type
        try:
            size = len(base64.b64decode(source.data, validate=True))
        except binascii.Error:
            return Text(f"(a file of type {kind} was left out: it is no valid base64)")
        if size > self._media_left:
            return Text(
                f"(a file of type {kind} with {size} bytes was left out: it is over this gateway's limit of "
                f"{self._media_limit} bytes of files in a tool's result)"
            )
        self._media_left -= size
        return part
