"""Compiles the prices of the library genai-prices into `policy/price_table.json`, which the gateway reads.

The library itself takes half a second and 31 MB to import, and 250 µs a request; the gateway's own reader of
the same facts a hundredth of that. `python -m scripts.price_table` writes the file from the library's bundled
snapshot; a test holds that it is up to date, and another that both give the same costs.

`ai_gateway.policy.price_table` describes the format by its structs. Members that are empty are left out.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, time
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from genai_prices import types
from genai_prices.data import providers

__all__ = ["FILE", "UNITS", "compiled", "library_version"]

Json = dict[str, Any]
FILE: Final = Path(__file__).parents[1] / "src" / "ai_gateway" / "policy" / "price_table.json"

UNITS: Final = {
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_mtok": "output",
    "output_reasoning_mtok": "reasoning",
    "output_citation_mtok": "output_citation",
    "input_audio_mtok": "input_audio",
    "input_image_mtok": "input_image",
    "input_video_mtok": "input_video",
    "cache_audio_read_mtok": "cache_read_audio",
    "cache_image_read_mtok": "cache_read_image",
    "cache_video_read_mtok": "cache_read_video",
    "output_audio_mtok": "output_audio",
    "output_image_mtok": "output_image",
    "output_video_mtok": "output_video",
    "web_searches_kcount": "web_searches",
    "requests_kcount": "request",
    "audio_hours": "audio_hours",
    "input_audio_hours": "input_audio_hours",
}
"""What can be told of a request, by the library's name: ours is that of the member of `Usage`. Tokens are
priced by the million, searches and requests by the thousand."""

IGNORED: Final = frozenset(
    {
        "storage_searches_kcount",  # no answer says how many there were
        "input_document_kpages",  # neither: what is read by the page, character or message has no tokens
        "input_annotated_document_kpages",
        "input_mchars",
        "input_text_messages_kcount",
    }
)
_CONTEXTS: Final = frozenset({"service_tier", "processing", "speed"})
"""What selects a variant, where an answer tells it: the value is the `tier` of a usage."""
_FREE: Final = ":free"
"""How models that cost nothing are named; the library prices them with nothing, as it does unknown ones."""


def library_version() -> str:
    return version("genai-prices")


def compiled() -> str:
    """The text of the file: a line for each model."""
    lines = [f'{{"library": {json.dumps(library_version())}, "providers": [']
    for number, provider in enumerate(providers):
        head: Json = {"id": provider.id, "address": provider.api_pattern}
        if provider.fallback_model_providers:
            head["fallbacks"] = provider.fallback_model_providers
        opening = "," if number else ""
        lines.append(f'{opening}{_text(head)[:-1]},"models":[')
        models = [_text(_model(model)) for model in provider.models]
        lines += [f"{line}," for line in models[:-1]] + models[-1:]
        lines.append("]}")
    return "\n".join([*lines, "]}"]) + "\n"


def _text(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _model(model: types.ModelInfo) -> Json:
    found: Json = {"id": model.id, "match": _match(model.match)}
    if isinstance(model.prices, types.ModelPrice):
        entries = [{"prices": _prices(model.prices)}]
    else:
        entries = [{**_when(one.constraint), "prices": _prices(one.prices)} for one in model.prices]
    if model.id.endswith(_FREE) and not any(one["prices"] for one in entries):
        entries = [{"prices": {"input": 0, "output": 0}}]
    found["entries"] = entries
    variants = [_variant(one) for one in model.price_variants or () if _CONTEXTS & set(one.when)]
    if variants:
        found["variants"] = variants
    return found


def _variant(variant: types.PriceVariant) -> Json:
    [tier] = variant.when.values()
    return {"tier": tier, **_when(variant.constraint), "prices": _prices(variant.prices)}


def _prices(prices: types.ModelPrice) -> Json:
    found: Json = {}
    for unit, price in vars(prices).items():
        if price is None or unit in IGNORED:
            continue
        found[UNITS[unit]] = _value(price)
    return found


def _value(price: Any) -> object:
    """A number, or the steps of one that grows with the input: [[above how many tokens, price], …]."""
    if isinstance(price, types.TieredPrices):
        return [[-1, _number(price.base)], *([tier.start, _number(tier.price)] for tier in price.tiers)]
    return _number(price)


def _number(price: Any) -> float | int:
    number = float(price)
    return int(number) if number.is_integer() else number


def _when(constraint: types.StartDateConstraint | types.TimeOfDateConstraint | None) -> Json:
    match constraint:
        case None:
            return {}
        case types.StartDateConstraint(start_date=day):
            return {"since": int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())}
        case types.TimeOfDateConstraint(start_time=start, end_time=end):
            return {"hours": [_second(start), _second(end)]}


def _second(moment: time) -> int:
    """Of the day, UTC, which is what the snapshot's times are in."""
    if moment.tzinfo not in (None, UTC):
        raise ValueError(f"{moment} is not UTC")
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def _match(clause: Any) -> Json:
    """Alternatives by kind; `every` holds those that must all match."""
    found: Json = {}
    _collect(clause, found)
    return found


def _collect(clause: Any, found: Json) -> None:
    match clause:
        case types.ClauseEquals(equals=text):
            found.setdefault("equals", []).append(text.lower())
        case types.ClauseStartsWith(starts_with=text):
            found.setdefault("starts", []).append(text.lower())
        case types.ClauseEndsWith(ends_with=text):
            found.setdefault("ends", []).append(text.lower())
        case types.ClauseContains(contains=text):
            found.setdefault("contains", []).append(text.lower())
        case types.ClauseRegex(regex=text):
            found.setdefault("regex", []).append(text)
        case types.ClauseOr(or_=clauses):
            for one in clauses:
                _collect(one, found)
        case types.ClauseAnd(and_=clauses):
            found.setdefault("every", []).append([_match(one) for one in clauses])
        case _:
            raise TypeError(f"unknown clause {clause!r}")


def main() -> int:
    FILE.write_text(compiled(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
