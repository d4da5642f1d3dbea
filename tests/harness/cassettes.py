"""Recorded provider traffic: a folder beside the project that a clone may or may not have."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from _pytest.mark.structures import ParameterSet

VARIABLE: Final = "AI_GATEWAY_CASSETTES"
PROJECT_ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Cassette:
    """One recorded exchange. `body` holds JSON; `body_text` the bytes of a stream as recorded."""

    name: str
    """`provider/file`, without the suffix: unique."""
    provider: str
    endpoint: str
    fidelity: str
    kinds: frozenset[str]
    method: str
    url: str
    request_headers: dict[str, str]
    request_body: Any
    """None where only the response was recorded."""
    status: int
    response_headers: dict[str, str]
    body: Any
    body_text: str | None

    @property
    def raw(self) -> bool:
        """Whether the response is as the provider sent it, down to the framing."""
        return self.fidelity.split("(")[0].split(";")[0] == "raw"

    def response_bytes(self) -> bytes:
        """The body on the wire: the recorded text, or the JSON encoded again."""
        if self.body_text is not None:
            return self.body_text.encode()
        return json.dumps(self.body, ensure_ascii=False).encode()


def cassettes_root() -> Path:
    """Where the recordings should be; the folder may not exist."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else PROJECT_ROOT.parent / "shared" / "cassettes"


def absence() -> str | None:
    """Why there are no recordings; None when there are."""
    root = cassettes_root()
    if root.is_dir():
        return None
    return f"no recorded traffic at {root} (set {VARIABLE})"


def load_cassettes(wanted: Callable[[Cassette], bool] = lambda _: True) -> list[Cassette]:
    """The recordings that `wanted` accepts, by name. Skips the test where the folder is absent."""
    reason = absence()
    if reason is not None:
        pytest.skip(reason)
    return [cassette for cassette in _all(cassettes_root()) if wanted(cassette)]


def cassette_params(wanted: Callable[[Cassette], bool]) -> list[ParameterSet]:
    """One parameter a recording, for `pytest.mark.parametrize`; a skipped one where there are none.

    Raises:
        ValueError: the folder is there but nothing in it is wanted: a test that would never run.
    """
    reason = absence()
    if reason is not None:
        skip = pytest.mark.skip(reason=reason)  # recordings are no part of the repository: a clone has none
        return [pytest.param(None, id="absent", marks=skip)]
    found = [pytest.param(cassette, id=cassette.name) for cassette in load_cassettes(wanted)]
    if not found:
        raise ValueError("no recording matches")
    return found


@cache
def _all(root: Path) -> tuple[Cassette, ...]:
    return tuple(_load(path) for path in sorted(root.glob("*/*.json")))


def _load(path: Path) -> Cassette:
    recorded = json.loads(path.read_text(encoding="utf-8"))
    meta, request, response = recorded["meta"], recorded["request"], recorded["response"]
    return Cassette(
        name=f"{path.parent.name}/{path.stem}",
        provider=recorded["provider"],
        endpoint=meta["endpoint"],
        fidelity=meta["fidelity"],
        kinds=frozenset(meta["kinds"]),
        method=request["method"],
        url=request["url"],
        request_headers=request["headers"],
        request_body=request["body"],
        status=response["status"],
        response_headers=response["headers"],
        body=response.get("body"),
        body_text=response.get("body_text"),
    )
