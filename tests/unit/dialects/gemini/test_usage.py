"""What Gemini counts comes out as disjoint classes, with the modalities of each."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.core.usage import Usage
from ai_gateway.dialects.gemini.usage import read_carefully, read_usage


def details(**tokens: int) -> list[dict[str, object]]:
    return [{"modality": name.upper(), "tokenCount": count} for name, count in tokens.items()]


BASE: dict[str, object] = {"promptTokenCount": 100, "candidatesTokenCount": 50, "totalTokenCount": 150}
REPORTS: list[tuple[dict[str, object], Usage]] = [
    ({**BASE, "promptTokensDetails": details(text=100)}, Usage(input=100, output=50)),
    (
        {**BASE, "cachedContentTokenCount": 40, "thoughtsTokenCount": 7, "toolUsePromptTokenCount": 30},
        Usage(input=90, cache_read=40, output=50, reasoning=7),
    ),
    (
        {
            **BASE,
            "cachedContentTokenCount": 40,
            "promptTokensDetails": details(text=20, audio=70, image=10),
            "cacheTokensDetails": details(audio=30, text=10),
            "candidatesTokensDetails": details(image=45, text=5),
        },
        Usage(
            input=60,
            cache_read=40,
            output=50,
            input_audio=40,
            input_image=10,
            cache_read_audio=30,
            output_image=45,
        ),
    ),
    (
        {**BASE, "promptTokensDetails": details(document=60, image=10, video=30)},
        Usage(input=100, output=50, input_image=70, input_video=30),
    ),
    (
        {
            **BASE,
            "toolUsePromptTokenCount": 20,
            "promptTokensDetails": details(text=100),
            "toolUsePromptTokensDetails": details(image=20),
        },
        Usage(input=120, output=50, input_image=20),
    ),
    (
        {**BASE, "promptTokensDetails": [{"modality": 4, "tokenCount": 9}]},
        Usage(input=100, output=50, input_audio=9),
    ),
    ({**BASE, "promptTokensDetails": "many", "serviceTier": 5}, Usage(input=100, output=50)),
    ({**BASE, "serviceTier": "standard"}, Usage(input=100, output=50)),
    ({**BASE, "serviceTier": "PRIORITY"}, Usage(input=100, output=50, tier="priority")),
    ({"promptTokenCount": 5, "cachedContentTokenCount": 9}, Usage(cache_read=5)),
]


@pytest.mark.parametrize(("report", "expected"), REPORTS)
def test_disjoint_classes(report: dict[str, object], expected: Usage) -> None:
    usage = read_usage(json.dumps(report).encode())
    assert usage is not None
    assert {name: getattr(usage, name) for name in Usage.__struct_fields__ if name != "raw"} == {
        name: getattr(expected, name) for name in Usage.__struct_fields__ if name != "raw"
    }


counts = st.none() | st.integers(min_value=-5, max_value=10_000)
modalities = st.lists(
    st.fixed_dictionaries(
        {"modality": st.sampled_from(["TEXT", "AUDIO", "IMAGE", "VIDEO", "DOCUMENT"]), "tokenCount": counts}
    ),
    max_size=4,
)


@given(prompt=counts, cached=counts, shown=counts, asked=modalities, held=modalities, answered=modalities)
def test_never_negative_and_parts_within_their_class(
    prompt: int | None,
    cached: int | None,
    shown: int | None,
    asked: list[dict[str, object]],
    held: list[dict[str, object]],
    answered: list[dict[str, object]],
) -> None:
    report = {
        "promptTokenCount": prompt,
        "cachedContentTokenCount": cached,
        "candidatesTokenCount": shown,
        "promptTokensDetails": asked,
        "cacheTokensDetails": held,
        "candidatesTokensDetails": answered,
        "totalTokenCount": 1,
    }
    usage = read_usage(json.dumps(report).encode())
    assert usage is not None
    assert usage.total_input == max(prompt or 0, 0)
    for whole in ("input", "cache_read", "output"):
        parts = [getattr(usage, f"{whole}_{kind}") for kind in ("audio", "image", "video")]
        assert min(parts) >= 0
        assert sum(parts) <= getattr(usage, whole)


FIGURES: st.SearchStrategy[object] = st.sampled_from([0, 1, 2, 7, 100]) | st.sampled_from(
    [None, -1, 0.0, 2.5, 3.0, 2**53 + 1, True, "5", [], {}]
)
MODALITIES = st.lists(
    st.fixed_dictionaries(
        {
            "modality": st.sampled_from(["TEXT", "TEXT", "AUDIO", "DOCUMENT", 1, 4, None]),
            "tokenCount": FIGURES,
        }
    ),
    max_size=2,
)
REPORTED = st.builds(
    lambda *parts: {name: value for part in parts for name, value in part.items()},
    st.dictionaries(
        st.sampled_from(["promptTokenCount", "candidatesTokenCount", "totalTokenCount"]),
        st.integers(0, 20),
        min_size=1,
    ),
    st.dictionaries(
        st.sampled_from(
            ["cachedContentTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount", "promptTokenCount"]
        ),
        FIGURES,
        max_size=2,
    ),
    st.dictionaries(
        st.sampled_from(
            [f"{name}TokensDetails" for name in ("prompt", "cache", "candidates", "toolUsePrompt")]
        ),
        MODALITIES | FIGURES,
        max_size=2,
    ),
    st.dictionaries(
        st.sampled_from(["serviceTier", "x"]),
        st.sampled_from(["standard", "STANDARD", "flex", None, 1]),
        max_size=1,
    ),
)


@given(report=REPORTED)
def test_the_quick_reader_and_the_careful_one_agree(report: dict[str, object]) -> None:
    data = json.dumps(report).encode()
    assert read_usage(data) == read_carefully(data)
