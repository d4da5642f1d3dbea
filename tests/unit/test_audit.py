"""The audit of dependencies tells finds from faults: both tools exit with 1 for either."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from scripts import audit
from scripts.audit import NotAudited

PIP = {
    "dependencies": [
        {"name": "sound", "version": "1", "vulns": []},
        {"name": "holed", "version": "2", "vulns": [{"id": "GHSA-x", "fix_versions": ["2.1"]}]},
        {"name": "open", "version": "3", "vulns": [{"id": "GHSA-y", "fix_versions": []}]},
    ]
}
NPM = {"vulnerabilities": {"holed": {"severity": "high"}}}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("requirements/run.txt", "web/package-lock.json", "web/node_modules/x/package-lock.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr("shutil.which", lambda name: name)
    return tmp_path


def saying(pip: object, npm: object) -> audit.Run:
    def run(command: Sequence[str], _: Path) -> str:
        said = pip if command[0] == "pip-audit" else npm
        if isinstance(said, Exception):
            raise said
        return json.dumps(said)

    return run


def test_finds_are_told_with_their_cure(root: Path) -> None:
    finds, gaps = audit.audit(root, saying(PIP, NPM))
    assert finds == [
        "requirements/run.txt: holed 2: GHSA-x, fixed in 2.1",
        "requirements/run.txt: open 3: GHSA-y, fixed in no version yet",
        "web/package-lock.json: holed: high",
    ]
    assert gaps == []


@pytest.mark.parametrize(
    ("pip", "npm"),
    [
        (NotAudited("no network"), {"message": "request to the registry failed"}),
        ([], {"error": {"code": "ENETUNREACH"}}),
    ],
)
def test_without_a_network_nothing_is_claimed(root: Path, pip: object, npm: object) -> None:
    finds, gaps = audit.audit(root, saying(pip, npm))
    assert finds == []
    assert [gap.partition(":")[0] for gap in gaps] == ["requirements/run.txt", "web/package-lock.json"]


def test_packages_that_the_database_does_not_know_are_not_audited(root: Path) -> None:
    unknown = [{"name": f"p{n}", "skip_reason": "Dependency not found"} for n in range(4)]
    finds, gaps = audit.audit(root, saying({"dependencies": [*PIP["dependencies"], *unknown]}, NPM))
    assert len(finds) == 3
    assert gaps == [
        "requirements/run.txt: not audited: the database does not know 4 of 7 packages: p0, p1, p2 …"
    ]


def test_only_strict_fails_for_what_was_not_audited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "audit", lambda _: ([], ["x: not audited"]))
    assert (audit.main([]), audit.main(["--strict"])) == (0, 1)
    monkeypatch.setattr(audit, "audit", lambda _: (["x: holed"], []))
    assert audit.main([]) == 1


def test_a_tool_that_fails_is_no_find(tmp_path: Path) -> None:
    with pytest.raises(NotAudited, match="no-such-tool"):
        audit.run(["/no-such-tool"], tmp_path)
    with pytest.raises(NotAudited, match="no output"):
        audit.run(["true"], tmp_path)
