"""The order of the tests: what takes long goes first in every worker, so that all of them end at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol, TypeVar

TESTS: Final = Path(__file__).parents[1]
GATES: Final = TESTS / "test_quality.py"
SLOW: Final = TESTS / "e2e"
"""A module of these takes seconds, and each of its tests some hundred times as long as one elsewhere."""


class Placed(Protocol):
    """What is asked of a test here: its file."""

    @property
    def path(self) -> Path: ...


Item = TypeVar("Item", bound=Placed)


def spread(items: Sequence[Item], workers: int) -> list[Item]:
    """`items` for so many workers, of which each gets a run of as many (`--dist worksteal` begins so).

    Gates by themselves, then slow modules as a whole, are dealt out in turn to the beginnings of the runs;
    the rest follows as it was. Who is done first takes from the ends of the others' runs: short tests, of
    which the last is over soon.
    """
    hands: list[list[Item]] = [[] for _ in range(workers)]
    for index, unit in enumerate(_slow_units(items)):
        hands[index % workers] += unit
    quick = [item for item in items if not _is_slow(item)]
    ordered: list[Item] = []
    for index, hand in enumerate(hands):
        run = (len(items) - len(ordered)) // (workers - index)
        fill = max(0, run - len(hand))
        ordered += [*hand, *quick[:fill]]
        quick = quick[fill:]
    return [*ordered, *quick]


def _is_slow(item: Placed) -> bool:
    return item.path == GATES or item.path.is_relative_to(SLOW)


def _slow_units(items: Sequence[Item]) -> list[list[Item]]:
    """Gates first; a module stays together, since its tests share what it starts."""
    gates = [[item] for item in items if item.path == GATES]
    modules: dict[Path, list[Item]] = {}
    for item in items:
        if item.path.is_relative_to(SLOW):
            modules.setdefault(item.path, []).append(item)
    return [*gates, *modules.values()]
