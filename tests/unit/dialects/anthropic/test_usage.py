"""What Anthropic counts comes out as disjoint classes, and what else a price needs beside them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.core.usage import Usage
from ai_gateway.dialects.anthropic.usage import read_carefully, read_usage

BASE: dict[str, object] = {"input_tokens": 10, "output_tokens": 5}
REPORTS: list[tuple[dict[str, object], Usage]] = [
    (BASE, Usage(input=10, output=5)),
    (
        {
            **BASE,
            "cache_creation_input_tokens": 300,
            "cache_read_input_tokens": 700,
            "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
        },
        Usage(input=10, cache_read=700, cache_write=300, cache_write_1h=200, output=5),
    ),
    (
        {**BASE, "cache_creation_input_tokens": 1, "cache_creation": {"ephemeral_1h_input_tokens": 9}},
        Usage(input=10, cache_write=1, cache_write_1h=1, output=5),
    ),
    ({**BASE, "output_tokens_details": {"thinking_tokens": 3}}, Usage(input=10, output=2, reasoning=3)),
    ({**BASE, "server_tool_use": {"web_search_requests": 2}}, Usage(input=10, output=5, web_searches=2)),
    ({**BASE, "service_tier": "standard", "speed": "standard"}, Usage(input=10, output=5)),
    ({**BASE, "speed": "fast", "service_tier": "standard"}, Usage(input=10, output=5, tier="fast")),
    ({**BASE, "service_tier": "batch"}, Usage(input=10, output=5, tier="batch")),
    ({**BASE, "cost": 0.5}, Usage(input=10, output=5, reported_usd=0.5)),
    ({**BASE, "cost": -0.5}, Usage(input=10, output=5)),
    (
        {
            "input_tokens": 2390,
            "output_tokens": 121,
            "iterations": [
                {"type": "message", "input_tokens": 1128, "output_tokens": 110},
                {
                    "type": "advisor_message",
                    "model": "claude-opus-4-8",
                    "input_tokens": 2518,
                    "output_tokens": 22,
                },
                {"type": "message", "input_tokens": 1262, "output_tokens": 11},
            ],
        },
        Usage(input=2390, output=121, others=(("claude-opus-4-8", Usage(input=2518, output=22)),)),
    ),
    (
        {
            "input_tokens": 23_000,
            "output_tokens": 1000,
            "iterations": [
                {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3500},
                {"type": "message", "input_tokens": 23_000, "output_tokens": 1000},
            ],
        },
        Usage(input=203_000, output=4500),
    ),
    ({**BASE, "iterations": "many", "service_tier": 7}, Usage(input=10, output=5)),
]


@pytest.mark.parametrize(("report", "expected"), REPORTS)
def test_disjoint_classes(report: dict[str, object], expected: Usage) -> None:
    usage = read_usage(json.dumps(report).encode())
    assert usage is not None
    assert {name: getattr(usage, name) for name in Usage.__struct_fields__ if name != "raw"} == {
        name: getattr(expected, name) for name in Usage.__struct_fields__ if name != "raw"
    }


counts = st.none() | st.integers(min_value=-5, max_value=10_000)


@given(plain=counts, read=counts, written=counts, hour=counts, output=counts, thinking=counts)
def test_never_negative_and_all_that_was_counted(
    plain: int | None,
    read: int | None,
    written: int | None,
    hour: int | None,
    output: int | None,
    thinking: int | None,
) -> None:
    report = {
        "input_tokens": plain,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "cache_creation": {"ephemeral_1h_input_tokens": hour},
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": thinking},
    }
    usage = read_usage(json.dumps(report).encode()) or Usage()
    assert min(usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning) >= 0
    assert 0 <= usage.cache_write_1h <= usage.cache_write
    if plain is not None or output is not None:
        assert usage.total_input == sum(max(count or 0, 0) for count in (plain, read, written))
        assert usage.total_output == max(output or 0, 0)


FIGURES: st.SearchStrategy[object] = st.sampled_from([0, 1, 2, 7, 100]) | st.sampled_from(
    [None, -1, 0.0, 2.5, 3.0, 2**53 + 1, True, "5", [], {}]
)
REPORTED = st.builds(
    lambda *parts: {name: value for part in parts for name, value in part.items()},
    st.dictionaries(st.sampled_from(["input_tokens", "output_tokens"]), st.integers(0, 20), min_size=1),
    st.dictionaries(
        st.sampled_from(
            ["cache_creation_input_tokens", "cache_read_input_tokens", "input_tokens", "cost", "x"]
        ),
        FIGURES,
        max_size=2,
    ),
    st.dictionaries(
        st.sampled_from(["cache_creation", "output_tokens_details", "server_tool_use"]),
        st.dictionaries(
            st.sampled_from(["ephemeral_1h_input_tokens", "thinking_tokens", "web_search_requests"]), FIGURES
        )
        | FIGURES,
        max_size=1,
    ),
    st.dictionaries(
        st.sampled_from(["service_tier", "speed", "iterations"]),
        st.sampled_from(["standard", "priority", "batch", "fast", None, 1, [{"type": "compaction"}]]),
        max_size=2,
    ),
)


@given(report=REPORTED)
def test_the_quick_reader_and_the_careful_one_agree(report: dict[str, object]) -> None:
    data = json.dumps(report).encode()
    assert read_usage(data) == read_carefully(data)
