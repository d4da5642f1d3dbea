"""Gemini's other form of a stream: one JSON array, whose elements arrive one by one.

Source: Gemini API reference, "Generating content" (`streamGenerateContent` without `alt=sse`).
"""

from __future__ import annotations

from ai_gateway.core.events import Event
from ai_gateway.core.sse import events
from ai_gateway.dialects.interface import StreamEncoder
from ai_gateway.errors import GatewayError

__all__ = ["ARRAY_TYPE", "ArrayEncoder", "ArrayWriter"]

ARRAY_TYPE = "application/json"


class ArrayWriter:
    """Puts the data of events into one array."""

    __slots__ = ("_opened",)

    def __init__(self) -> None:
        self._opened = False

    def elements(self, block: bytes) -> bytes:
        """The elements that a block of whole events holds."""
        return b"".join(self.element(data) for _, data in events(block) if data)

    def element(self, data: bytes) -> bytes:
        opening, self._opened = (b",\r\n" if self._opened else b"["), True
        return opening + data

    def end(self) -> bytes:
        return b"]" if self._opened else b"[]"


class ArrayEncoder:
    """An encoder of events whose caller asked for an array."""

    __slots__ = ("_encoder", "_writer")

    def __init__(self, encoder: StreamEncoder) -> None:
        self._encoder = encoder
        self._writer = ArrayWriter()

    def feed(self, event: Event) -> bytes:
        return self._writer.elements(self._encoder.feed(event))

    def finish(self) -> bytes:
        return self._writer.elements(self._encoder.finish()) + self._writer.end()

    def error_event(self, error: GatewayError) -> bytes:
        return self._writer.elements(self._encoder.error_event(error)) + self._writer.end()
