"""The order in which the tests run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.ordering import GATES, SLOW, TESTS, spread


@dataclass(frozen=True)
class Placed:
    path: Path
    number: int


def placed(path: Path, times: int) -> list[Placed]:
    return [Placed(path, number) for number in range(times)]


QUICK = placed(TESTS / "unit" / "test_a.py", 90)
MODULES = [placed(SLOW / f"test_{number}.py", 3) for number in range(5)]
GATE_ITEMS = placed(GATES, 4)
ALL = [*QUICK[:40], *(item for module in MODULES for item in module), *QUICK[40:], *GATE_ITEMS]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_each_worker_begins_with_its_share_of_what_is_slow(workers: int) -> None:
    ordered = spread(ALL, workers)
    assert sorted(ordered, key=ALL.index) == ALL
    run = len(ALL) // workers
    for index in range(workers):
        mine = ordered[index * run : (index + 1) * run]
        slow = [item for item in mine if item not in QUICK]
        assert mine[: len(slow)] == slow
        assert slow[0].path == GATES
    assert [item for item in ordered if item in QUICK] == QUICK


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_slow_module_stays_together(workers: int) -> None:
    ordered = spread(ALL, workers)
    for module in MODULES:
        start = ordered.index(module[0])
        assert ordered[start : start + len(module)] == module


def test_few_tests_are_all_there() -> None:
    for items in ([], GATE_ITEMS[:1], MODULES[0], QUICK[:1]):
        assert sorted(spread(items, 2), key=items.index) == items
