"""Names of MCP tools among the gateway's: SERVER__TOOL, of characters that every provider takes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping

__all__ = ["MAX_NAME", "Patterns", "tool_names"]

MAX_NAME = 64
"""What the strictest provider takes (OpenAI's function names)."""
_MARK = 6
_FOREIGN = re.compile(r"[^A-Za-z0-9_-]")


def tool_names(server: str, tools: Iterable[str]) -> Mapping[str, str]:
    """The gateway's name of each of a server's tools, by the server's own.

    Two servers cannot meet in one name, since a server's own holds no `__`. Of one server's tools, those
    whose name had to be changed give way to those whose name stands as it is.
    """
    plain = {tool: f"{server}__{_FOREIGN.sub('_', tool)}" for tool in tools}
    exact = {name for tool, name in plain.items() if name == f"{server}__{tool}" and len(name) <= MAX_NAME}
    found: dict[str, str] = {}
    taken = set(exact)
    for tool, name in plain.items():
        if name != f"{server}__{tool}" or len(name) > MAX_NAME:
            name = _marked(name, tool) if len(name) > MAX_NAME or name in taken else name
        found[tool] = name
        taken.add(name)
    return found


def _marked(name: str, tool: str) -> str:
    """Cut, and told apart by a hash of the whole."""
    mark = hashlib.sha256(tool.encode(errors="surrogatepass")).hexdigest()[:_MARK]
    return f"{name[: MAX_NAME - _MARK - 1]}_{mark}"


class Patterns:
    """Names, exact or with `*`; compiled once."""

    def __init__(self, wanted: Collection[str]) -> None:
        self._exact = frozenset(name for name in wanted if "*" not in name)
        texts = [".*".join(map(re.escape, name.split("*"))) for name in sorted(wanted) if "*" in name]
        self._pattern = re.compile("|".join(texts), re.DOTALL) if texts else None

    def allow(self, name: str) -> bool:
        return name in self._exact or (self._pattern is not None and bool(self._pattern.fullmatch(name)))
