"""Statistics over rounds."""

from __future__ import annotations

import math

import pytest
from bench.jobs import percentile
from bench.results import GATEWAY, NGINX, Results, round_ratios, summary
from hypothesis import given
from hypothesis import strategies as st


def test_ratios_are_taken_within_a_round() -> None:
    results = Results({"cpu": {NGINX: [10.0, 20.0, 30.0], GATEWAY: [50.0, 40.0, 90.0]}})
    assert results.ratios("cpu") == [5.0, 2.0, 3.0]
    assert results.ratio("cpu") == 3.0  # and not 2.5, that of the medians


def test_what_was_not_measured() -> None:
    results = Results()
    assert results.median("cpu", GATEWAY) is None
    assert results.ratio("cpu") is None
    assert results.targets() == set()


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [([1.0, 2.0], [2.0, 2.0], [0.5, 1.0]), ([1.0, 2.0], [2.0], [0.5]), ([1.0], [0.0], []), ([], [1.0], [])],
)
def test_rounds_without_a_partner(ours: list[float], theirs: list[float], expected: list[float]) -> None:
    assert round_ratios(ours, theirs) == expected


@given(st.lists(st.floats(0.01, 1e6), min_size=1))
def test_a_summary_is_ordered(values: list[float]) -> None:
    found = summary(values)
    assert found is not None
    assert found.least <= found.median <= found.most
    assert found.spread >= 0


def test_figures_survive_json() -> None:
    results = Results()
    results.add("cpu", GATEWAY, 1.5)
    results.add("cpu", GATEWAY, 2.5)
    assert Results(results.as_json()).runs("cpu", GATEWAY) == [1.5, 2.5]


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 3.0), (0.99, 4.0), (1.0, 4.0)])
def test_percentile(share: float, expected: float) -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], share) == expected
    assert math.isnan(percentile([], share))
