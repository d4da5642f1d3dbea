"""Every provider's way of counting comes out as disjoint classes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.core.usage import Usage
from ai_gateway.dialects.openai_usage import read_carefully, read_usage
from ai_gateway.dialects.plain_usage import read_plain_usage

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
    (
        "gemini's compatible endpoint: thoughts in the total alone",
        {"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109},
        (35, 0, 0, 12, 62),
    ),
    (
        "mistral: cached tokens by another name",
        {"prompt_tokens": 254, "completion_tokens": 93, "total_tokens": 347, "num_cached_tokens": 48},
        (206, 48, 0, 93, 0),
    ),
    (
        "vllm: cached tokens twice",
        {
            "prompt_tokens": 5728,
            "completion_tokens": 4,
            "cache_read_input_tokens": 5280,
            "prompt_tokens_details": {"cached_tokens": 5280},
        },
        (448, 5280, 0, 4, 0),
    ),
    ("moonshot", {"prompt_tokens": 9, "completion_tokens": 1, "cached_tokens": 4}, (5, 4, 0, 1, 0)),
    (
        "perplexity: reasoning and citations beside the completion",
        {
            "prompt_tokens": 33,
            "completion_tokens": 7163,
            "total_tokens": 7196,
            "citation_tokens": 19947,
            "num_search_queries": 18,
            "reasoning_tokens": 193684,
        },
        (33, 0, 0, 7163 + 19947, 193684),
    ),
    (
        "openrouter: more reasoning than completion",
        {
            "prompt_tokens": 43,
            "completion_tokens": 10,
            "total_tokens": 53,
            "completion_tokens_details": {"reasoning_tokens": 11},
        },
        (43, 0, 0, 0, 10),
    ),
    (
        "a total that is short",
        {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 3},
        (5, 0, 0, 4, 0),
    ),
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


PARTS: list[tuple[dict[str, object], dict[str, object]]] = [
    (
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "prompt_tokens_details": {"audio_tokens": 30, "image_tokens": 20, "cached_tokens": 10},
            "completion_tokens_details": {"audio_tokens": 40, "reasoning_tokens": 5},
        },
        {"input_audio": 30, "input_image": 20, "output_audio": 40},
    ),
    (
        {"input_tokens": 50, "output_tokens": 9, "output_tokens_details": {"image_tokens": 9}},
        {"output_image": 9},
    ),
    (
        {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"audio_tokens": 99}},
        {"input_audio": 5},
    ),
    (
        {"prompt_tokens": 33, "completion_tokens": 7, "citation_tokens": 4, "num_search_queries": 18},
        {"output_citation": 4, "web_searches": 18},
    ),
    ({"prompt_tokens": 11, "completion_tokens": 1, "prompt_audio_seconds": 5}, {"audio_seconds": 5.0}),
    ({"type": "duration", "seconds": 12.5}, {"audio_seconds": 12.5}),
    ({"prompt_tokens": 1, "completion_tokens": 1, "service_tier": "standard"}, {}),
    ({"prompt_tokens": 1, "completion_tokens": 1, "service_tier": "flex"}, {"tier": "flex"}),
    ({"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.25}, {"reported_usd": 0.25}),
    ({"prompt_tokens": 1, "completion_tokens": 1, "cost": 0}, {"reported_usd": 0.0}),
    ({"prompt_tokens": 1, "completion_tokens": 1, "cost": -1}, {}),
    ({"prompt_tokens": 1, "completion_tokens": 1, "cost": None}, {}),
    ({"prompt_tokens": 1, "completion_tokens": 1, "cost": "0.25", "service_tier": "flex"}, {}),
    ({"prompt_tokens": 1, "completion_tokens": 1, "cost": {"total_cost": 0.0051}}, {"reported_usd": 0.0051}),
    (
        {
            "prompt_tokens": 1,
            "completion_tokens": 1,
            "cost": 0.01,
            "is_byok": True,
            "cost_details": {"upstream_inference_cost": 0.2},
        },
        {"reported_usd": 0.21000000000000002},
    ),
    (
        {
            "prompt_tokens": 1,
            "completion_tokens": 1,
            "cost": 0.2,
            "is_byok": False,
            "cost_details": {"upstream_inference_cost": 0.2},
        },
        {"reported_usd": 0.2},
    ),
    ({"input_tokens": 1, "output_tokens": 1, "cost_in_usd_ticks": 37756000}, {"reported_usd": 0.0037756}),
]
PLAIN = Usage()
PART_NAMES = Usage.__struct_fields__[5:-2]


@pytest.mark.parametrize(("report", "expected"), PARTS, ids=lambda one: ",".join(one) or "nothing")
def test_what_else_a_price_needs(report: dict[str, object], expected: dict[str, object]) -> None:
    usage = read_usage(json.dumps(report).encode())
    assert usage is not None
    found = {name: getattr(usage, name) for name in PART_NAMES}
    assert {name: value for name, value in found.items() if value != getattr(PLAIN, name)} == expected


def test_the_tier_of_the_answer_is_kept_with_its_usage() -> None:
    raw = b'{"prompt_tokens":1,"completion_tokens":2}'
    usage = read_usage(raw, b'"priority"')
    assert usage is not None
    assert usage.tier == "priority"
    assert usage.raw == b'{"prompt_tokens":1,"completion_tokens":2,"service_tier":"priority"}'
    assert read_usage(usage.raw) == usage


@pytest.mark.parametrize("tier", [b"", b"null", b'""', b'"auto"', b'"default"', b"7", b'{"a":1}'])
def test_the_usual_tier_and_what_is_none_change_nothing(tier: bytes) -> None:
    raw = b'{"prompt_tokens":1,"completion_tokens":2}'
    usage = read_usage(raw, tier)
    assert usage is not None
    assert (usage.tier, usage.raw) == ("", raw)


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
    shown = max(completion or 0, 0)
    assert usage.total_output in (shown, shown + max(reasoning or 0, 0), (total or 0) - usage.total_input)
    assert usage.reasoning <= usage.total_output


USUAL: list[dict[str, object]] = [
    {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    {"prompt_tokens": 10, "total_tokens": 10},
    {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": None},
    {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 80, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 30,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    },
    {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 80},
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 30},
        "total_tokens": 150,
    },
]


@pytest.mark.parametrize("report", USUAL)
def test_what_most_answers_say_takes_no_second_look(report: dict[str, object]) -> None:
    data = json.dumps(report).encode()
    assert read_plain_usage(data) is not None
    assert read_usage(data) == read_carefully(data, b"")


FIGURES: st.SearchStrategy[object] = st.sampled_from([0, 1, 2, 3, 5, 7, 100]) | st.sampled_from(
    [None, -1, 0.0, 2.5, 3.0, 2**53, 2**53 + 1, 2**70, True, "5", [], {}]
)
DETAILS = st.dictionaries(
    st.sampled_from(
        [
            "cached_tokens",
            "cache_read_input_tokens",
            "cache_write_tokens",
            "reasoning_tokens",
            "audio_tokens",
            "image_tokens",
            "other",
        ]
    ),
    FIGURES,
    max_size=3,
)
USUAL_NAMES = ("prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens")
ODD_NAMES = (
    "prompt_cache_hit_tokens",
    "num_cached_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "citation_tokens",
    "num_search_queries",
    "prompt_audio_seconds",
    "seconds",
    "is_byok",
    "cost_in_usd_ticks",
    "cost",
)
REPORTED = st.builds(
    lambda *parts: {name: value for part in parts for name, value in part.items()},
    st.dictionaries(st.sampled_from(USUAL_NAMES), st.integers(0, 20), min_size=1),
    st.dictionaries(st.sampled_from(USUAL_NAMES), FIGURES, max_size=1),
    st.dictionaries(
        st.sampled_from([f"{name}_details" for name in (*USUAL_NAMES, "cost")]), DETAILS | FIGURES, max_size=2
    ),
    st.dictionaries(st.sampled_from(ODD_NAMES), FIGURES, max_size=1),
    st.dictionaries(
        st.sampled_from(["type", "service_tier", "cost", "x"]),
        st.sampled_from(["duration", "default", "flex", None, {"total_cost": 1}, {"cost": 1}]),
        max_size=1,
    ),
)


@given(report=REPORTED, tier=st.sampled_from([b"", b"null", b'"default"', b'"flex"', b"7"]))
def test_the_quick_reader_and_the_careful_one_agree(report: dict[str, object], tier: bytes) -> None:
    data = json.dumps(report).encode()
    assert read_usage(data, tier) == read_carefully(data, tier)
