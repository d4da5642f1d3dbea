"""Callers are told what is left, by the names that their SDKs know."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.core.headroom import UNLIMITED, Room
from ai_gateway.dialects.limit_headers import MAX_KEPT, anthropic_limit_lines, duration, limit_lines

NOW = datetime(2030, 6, 1, 12, 0, 0, tzinfo=UTC).timestamp()
ROOM: Room = (60, 59, 59.2, 1_000_000, 900_000, 500_000, 4_096, 43_200.0)
OPENAI = {
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-requests": "59",
    "x-ratelimit-reset-requests": "1m0s",
    "x-ratelimit-limit-tokens": "500000",
    "x-ratelimit-remaining-tokens": "4096",
    "x-ratelimit-reset-tokens": "12h0m0s",
}
ANTHROPIC = {
    "anthropic-ratelimit-requests-limit": "60",
    "anthropic-ratelimit-requests-remaining": "59",
    "anthropic-ratelimit-requests-reset": "2030-06-01T12:01:00Z",
    "anthropic-ratelimit-tokens-limit": "500000",
    "anthropic-ratelimit-tokens-remaining": "4096",
    "anthropic-ratelimit-tokens-reset": "2030-06-02T00:00:00Z",
    "anthropic-ratelimit-input-tokens-limit": "1000000",
    "anthropic-ratelimit-input-tokens-remaining": "900000",
    "anthropic-ratelimit-input-tokens-reset": "2030-06-02T00:00:00Z",
    "anthropic-ratelimit-output-tokens-limit": "500000",
    "anthropic-ratelimit-output-tokens-remaining": "4096",
    "anthropic-ratelimit-output-tokens-reset": "2030-06-02T00:00:00Z",
}


def told(lines: str) -> dict[str, str]:
    assert not lines or lines.endswith("\r\n")
    pairs = [line.split(": ") for line in lines.split("\r\n")[:-1]]
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def test_each_family_by_its_own_names() -> None:
    assert told(limit_lines(ROOM)) == OPENAI
    assert told(anthropic_limit_lines(ROOM, NOW)) == ANTHROPIC


@pytest.mark.parametrize(
    ("given", "taken", "tightest"),
    [
        ((100, 7), (0, 0), (100, 7)),
        ((0, 0), (200, 9), (200, 9)),
        ((100, 7), (200, 9), (100, 7)),
        ((100, 9), (200, 7), (200, 7)),
        ((100, 0), (200, 0), (100, 0)),
    ],
)
def test_of_input_and_output_tokens_the_tightest_are_the_tokens(
    given: tuple[int, int], taken: tuple[int, int], tightest: tuple[int, int]
) -> None:
    room = (0, 0, 0.0, *given, *taken, 60.0)
    common, own = told(limit_lines(room)), told(anthropic_limit_lines(room, NOW))
    assert (int(common["x-ratelimit-limit-tokens"]), int(common["x-ratelimit-remaining-tokens"])) == tightest
    assert int(own["anthropic-ratelimit-tokens-limit"]) == tightest[0]
    assert int(own["anthropic-ratelimit-tokens-remaining"]) == tightest[1]


def test_nothing_is_said_of_what_is_unlimited() -> None:
    assert limit_lines(UNLIMITED) == anthropic_limit_lines(UNLIMITED, NOW) == ""
    requests = told(limit_lines((60, 59, 59.2, 0, 0, 0, 0, 9.0)))
    assert requests == {name: value for name, value in OPENAI.items() if "requests" in name}
    tokens = told(limit_lines((0, 0, 0.0, *ROOM[3:])))
    assert tokens == {name: value for name, value in OPENAI.items() if "tokens" in name}
    names = told(anthropic_limit_lines((0, 0, 0.0, 0, 0, 9, 1, 1.0), NOW))
    assert names
    assert not [name for name in names if "requests" in name or "input" in name]


def test_whatever_figures_there_are_the_texts_are_theirs() -> None:
    for number in [*range(1, MAX_KEPT + 10), 1]:
        headers = told(limit_lines((number, 0, float(number), 0, 0, 0, 0, 0.0)))
        assert headers["x-ratelimit-limit-requests"] == str(number)
        assert headers["x-ratelimit-reset-requests"] == duration(number - 0.0005)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (0.0001, "1ms"),
        (0.12, "120ms"),
        (0.9991, "1s"),
        (1.0, "1s"),
        (58.2, "59s"),
        (60.0, "1m0s"),
        (360.0, "6m0s"),
        (3599.5, "1h0m0s"),
        (3723.0, "1h2m3s"),
        (86_400.0, "24h0m0s"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@given(st.floats(0, 3_000_000))
def test_durations_are_never_too_short_nor_much_too_long(seconds: float) -> None:
    text, total = duration(seconds), 0.0
    if text.endswith("ms"):
        total = int(text[:-2]) / 1000
    else:
        hours, _, rest = text.rpartition("h")
        minutes, _, last = rest.rpartition("m")
        total = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(last[:-1])
    assert seconds - 1e-9 <= total <= seconds + (0.001 if seconds < 0.999 else 1) + 1e-9
