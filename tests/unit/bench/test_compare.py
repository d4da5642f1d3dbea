"""Two revisions, side by side."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.compare import ROOT, Side, checked_out, table
from bench.errors import BenchError
from bench.results import Results

SIDES = [Side("A", "abc an old one", Path("a")), Side("B", "the files here", Path("b"))]


@pytest.mark.parametrize(
    ("b", "expected"),
    [
        ([50.0, 80.0, 50.0], "0.500x   0.500 to 0.800: less in every round"),
        ([90.0, 101.0, 99.0], "0.990x   0.900 to 1.010: no difference that all rounds show"),
        ([110.0, 140.0, 130.0], "1.300x   1.100 to 1.400: more in every round"),
    ],
)
def test_the_ratio_and_whether_all_rounds_agree(b: list[float], expected: str) -> None:
    text = table(Results({"chat_cpu_us": {"A": [100.0, 100.0, 100.0], "B": b}}), SIDES)
    assert expected in text
    assert "RSS" not in text
    assert text.startswith("A: abc an old one\nB: the files here\n")


def test_the_files_as_they_lie_here(tmp_path: Path) -> None:
    with checked_out("B", ".", tmp_path / "tree") as side:
        assert side.source == ROOT / "src"


def test_a_revision_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(BenchError), checked_out("A", "no-such-revision", tmp_path / "tree"):
        pass
