"""Every provider's way of counting comes out as disjoint classes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.core.usage import Usage
from ai_gateway.dialects.openai_usage import read_usage

# (what the provider says, input, cache read, cache write, output, reasoning)
REPORTS: list[tuple[str, dict[str, object], tuple[int, int, int, int, int]]] = [
    ("plain", {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, (10, 0, 0, 5, 0)),
    (
        "openai: cached inside the prompt, reasoning inside the completion",
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 80, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 30},
        },
        (20, 80, 0, 20, 30),
    ),
    (
        "xai: reasoning beside the completion",
        {
            "prompt_tokens": 291,
            "completion_tokens": 26,
            "total_tokens": 513,
            "prompt_tokens_details": {"cached_tokens": 290},
            "completion_tokens_details": {"reasoning_tokens": 196},
        },
        (1, 290, 0, 26, 196),
    ),
    (
        "mistral: audio beside the prompt",
        {
            "prompt_tokens": 11,
            "completion_tokens": 15,
            "total_tokens": 401,
            "prompt_tokens_details": {"audio_tokens": 375, "cached_tokens": 9},
        },
        (377, 9, 0, 15, 0),
    ),
    (
        "azure-hosted: more cached than prompt",
        {"prompt_tokens": 10, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 64}},
        (0, 10, 0, 1, 0),
    ),
    (
        "deepseek",
        {
            "prompt_tokens": 9,
            "completion_tokens": 1,
            "prompt_cache_hit_tokens": 4,
            "prompt_cache_miss_tokens": 5,
        },
        (5, 4, 0, 1, 0),
    ),
    (
        "responses",
        {
            "input_tokens": 30,
            "output_tokens": 8,
            "total_tokens": 38,
            "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 5},
            "output_tokens_details": {"reasoning_tokens": 2},
        },
        (15, 10, 5, 6, 2),
    ),
    ("embeddings", {"prompt_tokens": 7, "total_tokens": 7}, (7, 0, 0, 0, 0)),
    ("floats", {"prompt_tokens": 3.0, "completion_tokens": 2.0}, (3, 0, 0, 2, 0)),
    (
        "nulls",
        {"prompt_tokens": 3, "completion_tokens": None, "prompt_tokens_details": None},
        (3, 0, 0, 0, 0),
    ),
]


@pytest.mark.parametrize(("_name", "report", "expected"), REPORTS, ids=[name for name, _, _ in REPORTS])
def test_disjoint_classes(_name: str, report: dict[str, object], expected: tuple[int, ...]) -> None:
    raw = json.dumps(report).encode()
    usage = read_usage(raw)
    assert usage is not None
    assert (usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning) == expected
    assert usage.raw == raw
    assert not usage.estimated


@pytest.mark.parametrize("raw", [b"null", b"", b"{}", b"[]", b'"x"', b'{"prompt_tokens":"many"}', b"{"])
def test_no_report(raw: bytes) -> None:
    assert read_usage(raw) is None


counts = st.none() | st.integers(min_value=-5, max_value=10_000)


@given(prompt=counts, completion=counts, total=counts, cached=counts, written=counts, reasoning=counts)
def test_never_negative_and_never_more_than_reported(
    prompt: int | None,
    completion: int | None,
    total: int | None,
    cached: int | None,
    written: int | None,
    reasoning: int | None,
) -> None:
    report = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": total,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    usage = read_usage(json.dumps(report).encode()) or Usage()
    assert min(usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning) >= 0
    assert usage.total_input == max(prompt or 0, 0)
    assert usage.total_output in (max(completion or 0, 0), max(completion or 0, 0) + max(reasoning or 0, 0))
