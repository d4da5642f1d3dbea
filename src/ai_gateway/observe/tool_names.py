"""Which names of tools may be labels: models make names up, and MCP servers may bring any number of them."""

from __future__ import annotations

from ai_gateway.core.server_tools import RunError, ToolRun
from ai_gateway.observe.model_names import NONE, OTHER

__all__ = ["BUILT_IN", "MAX_TOOLS", "ToolNames"]

BUILT_IN = "builtin"
"""The source of a tool that is no MCP server's."""
MAX_TOOLS = 1000
"""Labels; the tools that are first called after so many others are `other`."""


class ToolNames:
    """One thread: the accounting writer's."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()

    def labels(self, run: ToolRun) -> tuple[str, str]:
        """A tool and its source."""
        if run.error == RunError.UNKNOWN:
            return OTHER, NONE
        labels = run.name, run.source or BUILT_IN
        if labels in self._known:
            return labels
        if len(self._known) >= MAX_TOOLS:
            return OTHER, OTHER
        self._known.add(labels)
        return labels
