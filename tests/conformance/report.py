"""The conformance matrix as a table in Markdown, out of the results of `test_matrix`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.conformance.asking import CALLERS
from tests.conformance.scenarios import ROWS, impossible

PAGE: Final = Path(__file__).parents[2] / "docs" / "conformance.md"
TITLES: Final = {
    "chat": "Chat Completions",
    "responses": "Responses",
    "anthropic": "Anthropic Messages",
    "gemini": "Gemini",
}
Results = dict[tuple[str, str, str, bool], bool]
"""By scenario, caller, provider and whether it streams: whether it passed."""

_HEAD: Final = """\
# Conformance

Which callers reach which providers with what. `make conformance` runs the matrix against a gateway of its
own and writes this page; `make test` holds it. A provider here is a wire format: every provider of
[the table](providers.md) speaks one of the four.

Each place stands for two requests over HTTP, one answered whole and one streamed. ✓: what the caller asked
reached the model, and what the model said reached the caller, with its calls, its end and its token counts.
✗: it did not. A number: impossible, for the reason below.
"""


def all_passed() -> Results:
    """What a run looks like in which everything passed."""
    return {
        (row, caller, provider, stream): True
        for row in ROWS
        for caller in CALLERS
        for provider in TITLES
        for stream in (False, True)
    }


def render(results: Results) -> str:
    """The page."""
    reasons: list[str] = []
    lines = [_HEAD]
    for caller in CALLERS:
        lines += [f"## A caller of {TITLES[caller]}", ""]
        lines.append("| | " + " | ".join(TITLES.values()) + " |")
        lines.append("|---" * (len(TITLES) + 1) + "|")
        for row in ROWS:
            places = [_place(results, row, caller, provider, reasons) for provider in TITLES]
            lines.append(f"| {row} | " + " | ".join(places) + " |")
        lines.append("")
    lines += ["## Impossible", ""]
    lines += [f"{number}. {reason}." for number, reason in enumerate(reasons, 1)]
    return "\n".join(lines) + "\n"


def _place(results: Results, row: str, caller: str, provider: str, reasons: list[str]) -> str:
    reason = impossible(row, caller, provider)
    if reason is not None:
        if reason not in reasons:
            reasons.append(reason)
        return str(reasons.index(reason) + 1)
    found = [results.get((row, caller, provider, stream)) for stream in (False, True)]
    if None in found:
        return "not run"
    return "✓" if all(found) else "✗"
