"""The mapping tables of docs/dialects, made by translating: what each member of a request becomes elsewhere.

Each probe is a member put into a small request. The request is translated to every other dialect with the
member and without it; where the two differ is where the member went. `python -m scripts.dialect_tables`
writes the tables into the pages; a test holds that they are up to date.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from ai_gateway.core.chat import DialectName
from ai_gateway.dialects.interface import Asked, Target
from ai_gateway.dialects.registry import DIALECTS
from ai_gateway.dialects.tool_names import fit_tool_names
from ai_gateway.dialects.translation import spelled
from ai_gateway.errors import BadRequest
from ai_gateway.providers import PROVIDERS
from scripts.dialect_probes import BASES, PROBES

__all__ = ["PAGES", "PROVIDERS_PAGE", "Place", "places", "providers_written", "table", "written"]

Json = dict[str, Any]
FOLDER: Final = Path(__file__).parents[1] / "docs" / "dialects"
PAGES: Final = {
    DialectName.OPENAI_CHAT: FOLDER / "openai-chat.md",
    DialectName.OPENAI_RESPONSES: FOLDER / "openai-responses.md",
    DialectName.ANTHROPIC: FOLDER / "anthropic.md",
    DialectName.GEMINI: FOLDER / "gemini.md",
}
PROVIDERS_PAGE: Final = FOLDER.parent / "providers.md"
_THINKING: Final = {
    "effort": "`reasoning_effort`",
    "openrouter": "`reasoning`",
    "thinking": "`thinking`",
    "none": "nothing",
}
TITLES: Final = {
    DialectName.OPENAI_CHAT: "Chat Completions",
    DialectName.OPENAI_RESPONSES: "Responses",
    DialectName.ANTHROPIC: "Anthropic",
    DialectName.GEMINI: "Gemini",
}
TARGETS: Final = {
    DialectName.OPENAI_CHAT: ("openai", "gpt-4.1"),
    DialectName.OPENAI_RESPONSES: ("openai", "gpt-4.1"),
    DialectName.ANTHROPIC: ("anthropic", "claude-sonnet-4-5"),
    DialectName.GEMINI: ("gemini", "gemini-2.5-flash"),
}
"""The provider and model that a table speaks of."""
THINKER: Final = "gpt-5"
"""OpenAI's, for what has to do with reasoning."""
_THINKS: Final = re.compile("reasoning|thinking|effort")
BEGIN: Final = "<!-- table: written by scripts/dialect_tables.py -->"
END: Final = "<!-- end of table -->"
_SHOWN: Final = 4


@dataclass(frozen=True)
class Place:
    """What became of a member."""

    members: tuple[str, ...] = ()
    """Of the target's request that came of it."""
    dropped: tuple[str, ...] = ()
    """As `x-gateway-dropped` says it."""
    refused: str | None = None
    """The message of the 400."""

    @property
    def silent(self) -> bool:
        """It went nowhere, and nobody was told."""
        return not self.members and not self.dropped and self.refused is None

    def __str__(self) -> str:
        if self.refused is not None:
            return "400"
        shown = [f"`{name}`" for name in self.members[:_SHOWN]]
        if len(self.members) > _SHOWN:
            shown.append("…")
        if self.dropped:
            shown.append("dropped" if not self.members else "the rest dropped")
        return ", ".join(shown) or "its default"


def places(caller: DialectName, target: DialectName) -> Iterator[tuple[str, Place]]:
    """Every probe of `caller`, and what becomes of it at `target`."""
    for label, (members, base) in PROBES[caller].items():
        model = TARGETS[target][1]
        if TARGETS[target][0] == "openai" and _THINKS.search(label):
            model = THINKER
        yield label, _place(caller, target, {**BASES[caller], **base}, members, model)


def _place(caller: DialectName, target: DialectName, base: Json, members: Json, model: str) -> Place:
    plain, _ = _translated(caller, target, base, model)
    try:
        changed, dropped = _translated(caller, target, _merged(base, members), model)
    except BadRequest as error:
        return Place(refused=error.message)
    return Place(members=tuple(dict.fromkeys(_differences(plain, changed))), dropped=dropped)


def _translated(
    caller: DialectName, target: DialectName, body: Json, model: str
) -> tuple[Json, tuple[str, ...]]:
    provider, _ = TARGETS[target]
    stream = body.get("stream") if caller is not DialectName.GEMINI else None
    request = DIALECTS[caller].parse_request(
        json.dumps(body).encode(), Asked(model=model, stream=stream or False)
    )
    request = msgspec.structs.replace(request, model=model)
    DIALECTS[caller].check_foreign(request)
    fitted, _ = fit_tool_names(request, target)
    rendered = DIALECTS[target].render_request(fitted, Target(provider=PROVIDERS[provider]))
    return json.loads(rendered.body), spelled(rendered.dropped, caller)


def _merged(base: Json, members: Json) -> Json:
    merged = dict(base)
    for name, value in members.items():
        own = merged.get(name)
        merged[name] = _merged(own, value) if isinstance(own, dict) and isinstance(value, dict) else value
    return merged


def _differences(plain: Any, changed: Any, path: str = "") -> Iterator[str]:
    """Paths of members that are new or other in `changed`."""
    if isinstance(plain, dict) and isinstance(changed, dict):
        for name, value in changed.items():
            inner = f"{path}.{name}" if path else name
            if name not in plain:
                yield from _leaves(value, inner)
            elif value != plain[name]:
                yield from _differences(plain[name], value, inner)
    elif isinstance(plain, list) and isinstance(changed, list):
        for index, value in enumerate(changed):
            if index >= len(plain):
                yield from _leaves(value, f"{path}[]")
            elif value != plain[index]:
                yield from _differences(plain[index], value, f"{path}[]")
    else:
        yield path


def _leaves(value: Any, path: str) -> Iterator[str]:
    """A new member: told down to two levels, so that a table stays readable."""
    if isinstance(value, dict) and value and path.count(".") < 1:
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}")
    else:
        yield path


def table(caller: DialectName) -> str:
    """The table of one page, in Markdown."""
    targets = [name for name in TITLES if name is not caller]
    columns = {target: dict(places(caller, target)) for target in targets}
    lines = ["| a request says | " + " | ".join(f"to {TITLES[target]}" for target in targets) + " |"]
    lines.append("|---" * (len(targets) + 1) + "|")
    for label in PROBES[caller]:
        cells = [str(columns[target][label]) for target in targets]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def written(caller: DialectName) -> str:
    """The page with its table up to date."""
    return _filled(PAGES[caller].read_text(), table(caller))


def _filled(page: str, table: str) -> str:
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    return pattern.sub(lambda _: f"{BEGIN}\n\n{table}\n\n{END}", page, count=1)


def provider_table() -> str:
    """What the rows of Chat Completions' providers say, in Markdown."""
    lines = [
        "| `backend` | output limit | told to think by | thoughts go back as | documents | images by URL |"
    ]
    lines.append("|---" * 6 + "|")
    for name, row in PROVIDERS.items():
        if row.dialects[0] is not DialectName.OPENAI_CHAT or row.builtin:
            continue
        cells = (
            f"`{name}`",
            f"`{row.output_cap}`",
            _THINKING[row.reasoning],
            "not" if row.reasoning_history == "none" else f"`{row.reasoning_history}`",
            "refused" if row.documents == "none" else f"`{row.documents}`",
            "passed on" if row.fetches_urls else "fetched by the gateway",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def providers_written() -> str:
    """docs/providers.md with its table up to date."""
    return _filled(PROVIDERS_PAGE.read_text(), provider_table())


def main() -> int:
    for caller, path in PAGES.items():
        path.write_text(written(caller))
    PROVIDERS_PAGE.write_text(providers_written())
    return 0


if __name__ == "__main__":
    sys.exit(main())
