"""An answer that may not grow past a bound: when it is over, and what it has used by then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from ai_gateway.core.usage import Usage
from ai_gateway.dialects.openai_usage import BYTES_PER_TOKEN

__all__ = ["Bound", "Closer", "cut_usage", "written"]


class Closer(Protocol):
    """Follows a stream of one dialect, and knows what is owed where it stops in the middle."""

    def see(self, data: bytes) -> None:
        """One event's data, on its way to the caller."""
        ...

    def close(self, data: bytes, usage: Usage) -> bytes:
        """Events that end the answer for want of tokens. `data` is of the event that is kept back."""
        ...


class Bound:
    """How far an answer may grow. `grow` is asked for more whenever `limit` bytes do not suffice."""

    __slots__ = ("_grow", "closer", "ending", "input_tokens", "limit")

    def __init__(self, grow: Callable[[int], int], *, input_tokens: int, closer: Closer | None) -> None:
        self._grow = grow
        self.limit = max(0, grow(0))
        """Bytes."""
        self.input_tokens = input_tokens
        """An estimate, for where the provider has said nothing yet."""
        self.closer = closer
        """None: it is not known how such a stream ends."""
        self.ending = b""
        """What the closer said, once the answer is over."""

    def admits(self, output_bytes: int) -> bool:
        """Whether the answer may grow to so many bytes."""
        if output_bytes > self.limit:
            self.limit = max(self.limit, self._grow(output_bytes))
        return output_bytes <= self.limit


def cut_usage(told: Usage | None, *, input_tokens: int, output_bytes: int) -> Usage:
    """What an answer has used that was cut short: an estimate, but for what the provider has `told` by then,
    which may be its input, or more output than there is text (hidden reasoning)."""
    output = -(-output_bytes // BYTES_PER_TOKEN)
    if told is None:
        return Usage(input=input_tokens, output=output, estimated=True)
    return msgspec.structs.replace(
        told,
        output=max(told.output, output - told.reasoning),
        input=told.input if told.total_input else input_tokens,
        estimated=True,
        raw=None,
    )


def written(kind: str, members: dict[str, object]) -> bytes:
    """A typed event, as OpenAI's Responses API and Anthropic write it."""
    return f"event: {kind}\ndata: ".encode() + msgspec.json.encode({"type": kind, **members}) + b"\n\n"
