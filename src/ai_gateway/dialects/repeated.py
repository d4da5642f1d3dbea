"""Events of a stream that differ from one another in a single text: what most of a stream consists of.

The first one is read in full. Of the next one it is enough to see that it has the same bytes around its text,
and that the text is a JSON string: then it says the same, with another text in the same place.
"""

from __future__ import annotations

import msgspec

__all__ = ["Repeated", "same_but_text"]

_decode = msgspec.json.Decoder(str).decode


class Repeated:
    """The bytes around the text, without its quotes; `size` that of both together."""

    __slots__ = ("after", "before", "size")

    def __init__(self, before: bytes, after: bytes) -> None:
        self.before = before
        self.after = after
        self.size = len(before) + len(after)

    def text_size(self, event: bytes) -> int:
        """Bytes of the text in an event that is otherwise the same, as JSON writes it; -1 of any other."""
        text = event.removeprefix(self.before).removesuffix(self.after)
        size = len(text)
        if size != len(event) - self.size:
            return -1
        try:
            _decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return -1
        return size - 2 if len(text.strip()) == size else -1  # space around a string is no part of it


def same_but_text(event: bytes, members: tuple[bytes, ...]) -> tuple[Repeated, bytes] | None:
    """What an event has around its text, and the same event with a text one byte longer, to try it on.

    `members` are names with colon and opening quote, as `"content":"`. None where there is no such member, or
    more than one: a string holds no such bytes, since its quotes are escaped.
    """
    for name in members:
        start = event.find(name) + len(name)
        if start < len(name):
            continue
        end = event.find(b'"', start)
        if event[start - len(name) - 1 : start - len(name)] not in (b"{", b",") or event.count(name) != 1:
            continue
        if end < 0 or b"\\" in event[start:end]:
            continue
        longer = event[:start] + b"x" * (end - start + 1) + event[end:]
        return Repeated(event[: start - 1], event[end + 1 :]), longer
    return None
