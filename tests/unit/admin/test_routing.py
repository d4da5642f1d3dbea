"""Routes, cursors, reports: the small parts of the admin API."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import APIRouter

from ai_gateway.admin import openapi
from ai_gateway.admin.guard import cookie_of, same_origin
from ai_gateway.admin.listing import Key, decode_cursor, encode_cursor, page_of
from ai_gateway.admin.problems import ApiError
from ai_gateway.admin.reports import Range, read_groups
from ai_gateway.admin.routing import RoleRoute

NOW_MS = 1_760_000_430_000


def test_a_route_without_a_role_cannot_be_made() -> None:
    async def handler() -> None: ...

    with pytest.raises(ValueError, match="who may use it"):
        APIRouter(route_class=RoleRoute).add_api_route("/open", handler)


def test_the_checked_in_document_is_what_the_code_says() -> None:
    """Write it anew: `python -m ai_gateway.admin.openapi > web/openapi.json`."""
    path = Path(__file__).parents[3] / "web" / "openapi.json"
    assert path.read_text("utf-8") == openapi.render()


@pytest.mark.parametrize("key", [("a", 1), (None,), (1.5, "ü\0")])
def test_cursors_come_back(key: Key) -> None:
    text = encode_cursor(key)
    assert text is not None
    assert "=" not in text
    assert decode_cursor(text) == key


@pytest.mark.parametrize("text", ["%", "AAAA", "e30", "WzEsWzJdXQ", "\u00e9"])
def test_what_is_no_cursor(text: str) -> None:
    with pytest.raises(ApiError):
        decode_cursor(text)


def test_pages() -> None:
    assert page_of([1, 2, 3], 2, lambda row: (row,)) == ([1, 2], (2,))
    assert page_of([1, 2], 2, lambda row: (row,)) == ([1, 2], None)


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({}, True),
        ({"origin": "http://gw:8090"}, True),
        ({"origin": "https://gw:8090"}, True),
        ({"origin": "http://gw:8091"}, False),
        ({"origin": "http://gw"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://[x"}, False),
        ({"origin": "http://gw:8090.evil.example"}, False),
        ({"origin": "http://gw:8090", "sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "none"}, True),
    ],
)
def test_origins(headers: dict[str, str], same: bool) -> None:
    told = {"host": "gw:8090", **headers}
    scope = {"scheme": "http", "headers": [(k.encode(), v.encode()) for k, v in told.items()]}
    assert same_origin(scope) is same


@pytest.mark.parametrize(
    ("cookie", "value"),
    [("gw_session=a.b", "a.b"), ("x=1; gw_session=a.b; y=2", "a.b"), ("x=1", ""), ("", ""), (";;=", "")],
)
def test_cookies(cookie: str, value: str) -> None:
    assert cookie_of({"headers": [(b"cookie", cookie.encode())]}) == value


def test_ranges_are_whole_steps() -> None:
    assert Range.of("minute", None, None, now_ms=NOW_MS) == Range(
        "minute", NOW_MS + 30_000 - 3_600_000, NOW_MS + 30_000
    )
    start, end = datetime(2025, 1, 1, 10, 30, tzinfo=UTC), datetime(2025, 1, 1, 12, 1, tzinfo=UTC)
    span = Range.of("hour", start, end, now_ms=NOW_MS)
    assert (span.to_ms - span.from_ms) // 3_600_000 == 3


@pytest.mark.parametrize(
    ("step", "start", "end", "field"),
    [("hour", datetime(2025, 1, 2, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC), "to"),
     ("minute", datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC), "step")],
)  # fmt: skip
def test_bad_ranges(step: str, start: datetime, end: datetime, field: str) -> None:
    with pytest.raises(ApiError) as caught:
        Range.of(step, start, end, now_ms=NOW_MS)  # type: ignore[arg-type]  # a table of tests
    assert caught.value.errors[0].field == field


def test_groups() -> None:
    assert read_groups("day, model") == {"day", "model"}
    for wrong in ("", ",", "day,week"):
        with pytest.raises(ApiError):
            read_groups(wrong)
