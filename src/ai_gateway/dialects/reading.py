"""Callers' JSON, read member by member: what is of the wrong type is named by its path."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

import msgspec

from ai_gateway.core.chat import Extra
from ai_gateway.core.members import Members, open_object
from ai_gateway.errors import BadRequest

__all__ = ["Node"]

T = TypeVar("T")
_NULL = b"null"
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_members = msgspec.json.Decoder(Members)
_list = msgspec.json.Decoder(list[msgspec.Raw])
_text = msgspec.json.Decoder(str)


class Node:
    """An object of a request, opened one level deep. A member that is null counts as absent."""

    __slots__ = ("members", "path", "raw")

    def __init__(self, members: Members, path: str, raw: bytes | msgspec.Raw) -> None:
        self.members = members
        self.path = path
        self.raw = raw

    @classmethod
    def of_body(cls, body: bytes) -> Node:
        """Raises: BadRequest where the body is not a JSON object."""
        return cls(open_object(body), "", body)

    @classmethod
    def of(cls, raw: msgspec.Raw, path: str) -> Node:
        """Raises: BadRequest where `raw` is not an object."""
        try:
            return cls(_members.decode(raw), path, raw)
        except _BROKEN as error:
            raise BadRequest(f"'{path}' must be an object", param=path) from error

    def at(self, name: str) -> str:
        """The path of a member."""
        return f"{self.path}.{name}" if self.path else name

    def raw_of(self, *names: str) -> msgspec.Raw | None:
        """The first of these spellings that is there."""
        for name in names:
            raw = self.members.get(name)
            if raw is not None and bytes(raw) != _NULL:
                return raw
        return None

    def text(self, *names: str) -> str | None:
        raw = self.raw_of(*names)
        if raw is None:
            return None
        try:
            return _text.decode(raw)
        except _BROKEN as error:
            raise self.wrong(names[0], "a string") from error

    def need_text(self, *names: str) -> str:
        """Raises: BadRequest where it is missing."""
        found = self.text(*names)
        if found is None:
            raise self.missing(names[0])
        return found

    def integer(self, *names: str) -> int | None:
        return self._as(int, "an integer", *names)

    def number(self, *names: str) -> float | None:
        return self._as(float, "a number", *names)

    def boolean(self, *names: str) -> bool | None:
        return self._as(bool, "true or false", *names)

    def texts(self, *names: str) -> list[str] | None:
        return self._as(list[str], "a list of strings", *names)

    def text_map(self, *names: str) -> dict[str, str] | None:
        return self._as(dict[str, str], "an object of strings", *names)

    def node(self, *names: str) -> Node | None:
        raw = self.raw_of(*names)
        return None if raw is None else Node.of(raw, self.at(names[0]))

    def need_node(self, *names: str) -> Node:
        """Raises: BadRequest where it is missing."""
        found = self.node(*names)
        if found is None:
            raise self.missing(names[0])
        return found

    def items(self, *names: str) -> list[msgspec.Raw] | None:
        """The elements of a list."""
        raw = self.raw_of(*names)
        if raw is None:
            return None
        try:
            return _list.decode(raw)
        except _BROKEN as error:
            raise self.wrong(names[0], "a list") from error

    def nodes(self, *names: str) -> list[Node]:
        """The elements of a list of objects; none where it is absent."""
        path = self.at(names[0])
        return [Node.of(raw, f"{path}[{index}]") for index, raw in enumerate(self.items(*names) or ())]

    def is_text(self, name: str) -> bool:
        return bytes(self.members.get(name, b""))[:1] == b'"'

    def rest(self, known: Collection[str]) -> Extra | None:
        """Members that are not known; what is null says nothing."""
        extra = {name: raw for name, raw in self.members.items() if name not in known and bytes(raw) != _NULL}
        return extra or None

    def missing(self, name: str) -> BadRequest:
        path = self.at(name)
        return BadRequest(f"'{path}' is missing", param=path)

    def wrong(self, name: str, expected: str) -> BadRequest:
        path = self.at(name)
        return BadRequest(f"'{path}' must be {expected}", param=path)

    def _as(self, kind: type[T], expected: str, *names: str) -> T | None:
        raw = self.raw_of(*names)
        if raw is None:
            return None
        try:
            return msgspec.json.decode(raw, type=kind)
        except _BROKEN as error:
            raise self.wrong(names[0], expected) from error
