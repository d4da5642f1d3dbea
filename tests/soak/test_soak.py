"""A short soak; the long one, which also looks at memory, is `make soak`."""

from __future__ import annotations

from pathlib import Path

from tests.soak.soak import soak


async def test_nothing_leaks_and_nothing_is_miscounted(tmp_path: Path) -> None:
    report = await soak(tmp_path, requests=1500, callers=24)
    assert report.problems == []
    assert sum(report.kinds.values()) == 1500
