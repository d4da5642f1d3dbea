"""Other gateways are measured where they can be had."""

from __future__ import annotations

import pytest
from bench import peers
from bench.errors import BenchError


def test_what_cannot_be_installed_is_told_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise BenchError("no network")

    monkeypatch.setattr(peers.LiteLLM, "install", fails)
    monkeypatch.setattr(peers.Portkey, "install", lambda: None)
    monkeypatch.setattr(peers.Portkey, "version", lambda: "1.2.3")
    notes: list[str] = []
    assert list(peers.installed(lambda _: None, notes.append)) == [peers.Portkey]
    assert notes[0] == "LiteLLM is left out: it could not be installed (no network)"
    assert notes[1].startswith("Portkey 1.2.3: ")
