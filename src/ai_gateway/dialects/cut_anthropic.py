"""The end of a stream of Anthropic's events that may not go on.

Source: Anthropic docs, "Streaming messages", "Handling stop reasons" (`max_tokens`).
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.usage import Usage
from ai_gateway.dialects.bounding import written

__all__ = ["MessageCloser"]


class _Event(msgspec.Struct):
    type: str | None = None
    index: int = 0


_event = msgspec.json.Decoder(_Event)


class MessageCloser:
    """The open block is closed, a tool call in the middle of its arguments too, as Anthropic does."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: list[int] = []

    def see(self, data: bytes) -> None:
        try:
            event = _event.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        if event.type == "content_block_start":
            self._open.append(event.index)
        elif event.type == "content_block_stop" and event.index in self._open:
            self._open.remove(event.index)

    def close(self, data: bytes, usage: Usage) -> bytes:
        out = [written("content_block_stop", {"index": index}) for index in self._open]
        delta = {"stop_reason": "max_tokens", "stop_sequence": None}
        told = {"output_tokens": usage.total_output}
        out.append(written("message_delta", {"delta": delta, "usage": told}))
        out.append(written("message_stop", {}))
        return b"".join(out)
