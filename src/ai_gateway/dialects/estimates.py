"""Tokens estimated from text, where nobody has counted them yet: a token for each four bytes."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ai_gateway.core.members import Members
from ai_gateway.dialects.openai_usage import BYTES_PER_TOKEN, MEDIA_TOKENS
from ai_gateway.errors import ContextLengthExceeded

__all__ = ["Measured", "check_input", "members_estimate"]

_MEDIA = frozenset(
    {"image_url", "input_image", "input_audio", "file", "input_file", "image", "video_url", "document"}
)
_MEDIA_MEMBERS = frozenset({"inlineData", "inline_data", "fileData", "file_data"})  # Gemini's parts


class Measured(Protocol):
    """A request whose input can be estimated."""

    @property
    def body(self) -> bytes: ...

    def input_estimate(self) -> int: ...


def check_input(request: Measured, max_input_tokens: int) -> None:
    """`max_input_tokens` 0 means unlimited.

    Raises:
        ContextLengthExceeded: the estimate of the request's input is over `max_input_tokens`.
    """
    if not max_input_tokens or len(request.body) // BYTES_PER_TOKEN <= max_input_tokens:
        return
    tokens = request.input_estimate()
    if tokens > max_input_tokens:
        raise ContextLengthExceeded(
            f"the input is some {tokens} tokens, and this client may send {max_input_tokens} in one request"
        )


def members_estimate(members: Members | None, names: tuple[str, ...]) -> int:
    """Tokens of the text in the members `names`; an image, a file or a sound counts as `MEDIA_TOKENS`."""
    if members is None:
        return 0
    size = sum(_size_of(members[name]) for name in names if name in members)
    return -(-size // BYTES_PER_TOKEN)


def _size_of(raw: msgspec.Raw) -> int:
    try:
        return _text_bytes(msgspec.json.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return len(bytes(raw))  # the provider's to refuse


def _text_bytes(root: object) -> int:
    size, stack = 0, [root]
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, list):
            stack.extend(value)
        elif isinstance(value, dict):
            kind = value.get("type")
            if (isinstance(kind, str) and kind in _MEDIA) or not _MEDIA_MEMBERS.isdisjoint(value):
                size += MEDIA_TOKENS * BYTES_PER_TOKEN
            else:
                stack.extend(value.values())
        elif value is not None:
            size += BYTES_PER_TOKEN  # a number: a token of a prompt given as ids
    return size
