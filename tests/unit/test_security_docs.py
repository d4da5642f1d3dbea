"""docs/security.md names the test of every promise, and each of them is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "security.md").read_text()
ROWS = [line for line in DOCS.split("## Promises")[1].splitlines() if line.startswith("| ")]
PROMISES = [row for row in ROWS if not row.startswith("| promise |")]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", DOCS)


@pytest.mark.parametrize("row", PROMISES, ids=lambda row: row[2:42])
def test_a_promise_has_a_test(row: str) -> None:
    assert "::test_" in row.rpartition(" | ")[2]


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_named_test_is_there(file: str, test: str) -> None:
    assert re.search(rf"^(async )?def {test}\(", (ROOT / file).read_text(), re.MULTILINE)
