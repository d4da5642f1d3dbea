from __future__ import annotations

from pathlib import Path

import pytest

from ai_gateway.store import spool as spool_module


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 1000)
    return 1000
