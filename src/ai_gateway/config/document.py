"""A YAML file as plain data, with the line of every key; duplicates and broken values are told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

__all__ = ["Document", "Location", "read_document", "scalar_span"]

Location = tuple[str | int, ...]
"""Where a value stands: `("server", "port")`."""


class Document:
    """What a file holds: `data`, the line (from 1) of each location, and problems as (line, message)."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.lines: dict[Location, int] = {}
        self.problems: list[tuple[int, str]] = []


def read_document(text: str) -> Document:
    """Never raises for what a file may hold: what is wrong is in `problems`."""
    document = Document()
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        document.problems.append((line, "holds a character that YAML does not allow"))
        return document
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        document.problems.append((mark.line + 1 if mark else 1, f"broken YAML: {_reason(error)}"))
        return document
    except RecursionError:
        document.problems.append((1, "broken YAML: nested too deeply"))
        return document
    if node is None:  # nothing but comments: every default
        return document
    if not isinstance(node, yaml.MappingNode):
        document.problems.append((_line(node), "must be a mapping of sections, such as `server:`"))
        return document
    _Reader(document).mapping(node, ())
    return document


class _Reader:
    """Walks the nodes once; the path to a node is known here, which PyYAML's own constructors do not tell."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._loader = yaml.SafeLoader("")
        self._open: set[int] = set()

    def mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        data: dict[str, Any] = {}
        if location == ():
            self._document.data = data
        first_lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = _line(key_node)
            key = self._key(key_node)
            if key is None:
                self._problem(line, "a key must be a plain word")
                continue
            here = (*location, key)
            if key in first_lines:
                name = ".".join(map(str, here))
                self._problem(line, f"{name}: duplicate key, first on line {first_lines[key]}")
                continue
            first_lines[key] = line
            self._document.lines[here] = line
            data[key] = self._value(value_node, here)
        return data

    def _key(self, node: yaml.Node) -> str | None:
        if not isinstance(node, yaml.ScalarNode) or node.tag == "tag:yaml.org,2002:merge":
            return None
        return str(node.value)

    def _value(self, node: yaml.Node, location: Location) -> Any:
        if id(node) in self._open:
            self._problem(_line(node), f"{'.'.join(map(str, location))}: holds itself")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self.mapping(node, location)
            if isinstance(node, yaml.SequenceNode):
                return [self._value(item, (*location, index)) for index, item in enumerate(node.value)]
            return self._scalar(node, location)
        finally:
            self._open.discard(id(node))

    def _scalar(self, node: yaml.Node, location: Location) -> Any:
        try:
            return self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError):
            self._problem(_line(node), f"{'.'.join(map(str, location))}: is no value that YAML knows")
            return None

    def _problem(self, line: int, message: str) -> None:
        self._document.problems.append((line, message))


def scalar_span(text: str, location: tuple[str, ...]) -> tuple[int, int] | None:
    """Start and end, in characters, of the scalar at `location`; None where there is none.

    `text` is YAML that `read_document` found no fault with.
    """
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    for name in location:
        node = next((value for key, value in _pairs(node) if key.value == name), None)
    if not isinstance(node, yaml.ScalarNode):
        return None
    return node.start_mark.index, node.end_mark.index


def _pairs(node: yaml.Node | None) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from node.value


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _reason(error: yaml.MarkedYAMLError) -> str:
    return ", ".join(part for part in (error.context, error.problem) if part)
