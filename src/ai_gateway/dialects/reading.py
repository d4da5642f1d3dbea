"""Callers' JSON, read member by member: what is of the wrong type is named by its path."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
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

    def raw_of(self, name: str, other: str = "", third: str = "") -> msgspec.Raw | None:
        """A member, by its name or by another spelling of it."""
        members = self.members
        if name in members:
            raw = members[name]
            if bytes(raw) != _NULL:
                return raw
        return self.raw_of(other, third) if other else None

    def text(self, name: str, other: str = "") -> str | None:
        raw = self.raw_of(name, other)
        if raw is None:
            return None
        try:
            return _text.decode(raw)
        except _BROKEN as error:
            raise self.wrong(name, "a string") from error

    def need_text(self, name: str, other: str = "") -> str:
        """Raises: BadRequest where it is missing."""
        found = self.text(name, other)
        if found is None:
            raise self.missing(name)
        return found

    def integer(self, name: str, other: str = "") -> int | None:
        return self._as(int, "an integer", name, other)

    def number(self, name: str, other: str = "") -> float | None:
        return self._as(float, "a number", name, other)

    def boolean(self, name: str, other: str = "") -> bool | None:
        return self._as(bool, "true or false", name, other)

    def texts(self, name: str, other: str = "") -> list[str] | None:
        return self._as(list[str], "a list of strings", name, other)

    def text_map(self, name: str, other: str = "") -> dict[str, str] | None:
        return self._as(dict[str, str], "an object of strings", name, other)

    def node(self, name: str, other: str = "") -> Node | None:
        raw = self.raw_of(name, other)
        return None if raw is None else Node.of(raw, self.at(name))

    def need_node(self, name: str, other: str = "") -> Node:
        """Raises: BadRequest where it is missing."""
        found = self.node(name, other)
        if found is None:
            raise self.missing(name)
        return found

    def items(self, name: str, other: str = "") -> list[msgspec.Raw] | None:
        """The elements of a list."""
        raw = self.raw_of(name, other)
        if raw is None:
            return None
        try:
            return _list.decode(raw)
        except _BROKEN as error:
            raise self.wrong(name, "a list") from error

    def nodes(self, name: str, other: str = "") -> list[Node]:
        """The elements of a list of objects; none where it is absent."""
        items = self.items(name, other)
        if not items:
            return []
        path = self.at(name)
        return [Node.of(raw, f"{path}[{index}]") for index, raw in enumerate(items)]

    def is_text(self, name: str) -> bool:
        return bytes(self.members.get(name, b""))[:1] == b'"'

    def rest(self, known: Collection[str]) -> Extra | None:
        """Members that are not known; what is null says nothing."""
        strange = [name for name in self.members if name not in known]
        if not strange:
            return None
        return {name: raw for name in strange if bytes(raw := self.members[name]) != _NULL} or None

    def missing(self, name: str) -> BadRequest:
        path = self.at(name)
        return BadRequest(f"'{path}' is missing", param=path)

    def wrong(self, name: str, expected: str) -> BadRequest:
        path = self.at(name)
        return BadRequest(f"'{path}' must be {expected}", param=path)

    def _as(self, kind: type[T], expected: str, name: str, other: str) -> T | None:
        raw = self.raw_of(name, other)
        if raw is None:
            return None
        try:
            found: T = _decoder(kind).decode(raw)  # type: ignore[arg-type]  # a type can be hashed
        except _BROKEN as error:
            raise self.wrong(name, expected) from error
        return found


@cache
def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(kind)
