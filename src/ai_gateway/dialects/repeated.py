"""Events of a stream that differ from one another in a single text: what most of a stream consists of.

The first one is read in full. Of the next one it is enough to see that it has the same bytes around its text,
and that the text is a JSON string: then it says the same, with another text in the same place.
"""

from __future__ import annotations

import msgspec

__all__ = ["Repeated", "same_but_text"]

_string = msgspec.json.Decoder(str)


class Repeated:
    """The bytes around the text, with the quotes; `size` that of both together."""

    __slots__ = ("after", "before", "size")

    def __init__(self, before: bytes, after: bytes) -> None:
        self.before = before
        self.after = after
        self.size = len(before) + len(after)

    def text_size(self, event: bytes) -> int:
        """Bytes of the text in an event that is otherwise the same, as JSON writes it; -1 of any other."""
        size = len(event) - self.size
        if size < 0 or not event.startswith(self.before) or not event.endswith(self.after):
            return -1
        start = len(self.before) - 1
        try:
            _string.decode(event[start : start + size + 2])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return -1
        return size


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
        before, after = event[:start], event[end:]
        return Repeated(before, after), before + b"x" * (end - start + 1) + after
    return None
