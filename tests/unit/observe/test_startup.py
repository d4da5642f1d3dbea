"""What a start says, and what it warns of."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ai_gateway.config import Settings, parse_settings
from ai_gateway.observe.startup import MAX_CLIENTS_NAMED, summary, warnings
from tests.harness.certificates import write_certificate


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.touch(mode=0o600)
    for name in ("gateway.db", "secret.key"):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / name).touch(mode=0o600)
    return path


def settings(config: Path, text: str = "server: {host: 127.0.0.1}") -> Settings:
    return parse_settings(text, config, {})


HOSTS = [
    ("server: {host: 0.0.0.0}", True),
    ("server: {host: '::'}", True),
    ("server: {host: gateway.example}", True),
    ("server: {host: 127.0.0.1}", False),
    ("server: {host: '::1'}", False),
    ("server: {host: localhost}", False),
    ("server: {host: 0.0.0.0, trusted_proxies: [10.0.0.1]}", False),
]


@pytest.mark.parametrize(("text", "told"), HOSTS)
def test_an_open_port_without_tls_is_told(config: Path, text: str, told: bool) -> None:
    found = warnings(settings(config, text), config_path=config, faults={})
    assert len(found) == told
    assert all("unencrypted" in line for line in found)


def test_with_tls_nothing_is_told_but_of_a_key_that_others_can_read(config: Path) -> None:
    _, key = write_certificate(config.parent)
    key.chmod(0o600)
    text = "server: {host: 0.0.0.0, https: {enabled: true, cert_file: cert.pem, key_file: key.pem}}"
    assert warnings(settings(config, text), config_path=config, faults={}) == []
    if sys.platform != "win32":
        key.chmod(0o640)
        [line] = warnings(settings(config, text), config_path=config, faults={})
        assert line == f"{key} can be read by others: chmod 600 it"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no modes")
@pytest.mark.parametrize("name", ["config.yaml", "data/secret.key", "data/gateway.db"])
def test_a_secret_file_that_others_can_read_is_told_once(config: Path, name: str) -> None:
    (config.parent / name).chmod(0o644)
    [line] = warnings(settings(config), config_path=config, faults={})
    assert str(config.parent / name) in line


def test_files_that_are_not_there_are_no_fault(tmp_path: Path) -> None:
    assert warnings(settings(tmp_path / "x.yaml"), config_path=tmp_path / "x.yaml", faults={}) == []


def test_clients_that_cannot_be_served_are_named_up_to_a_bound(config: Path) -> None:
    faults = {f"app-{number}": "no base URL" for number in range(MAX_CLIENTS_NAMED + 3)}
    found = warnings(settings(config), config_path=config, faults=faults)
    assert found[0] == "client app-0 cannot be served: no base URL"
    assert found[-1] == "3 more clients cannot be served"
    assert len(found) == MAX_CLIENTS_NAMED + 1


def test_the_summary_says_what_runs_and_no_secret(config: Path) -> None:
    text = (
        "prometheus: {enabled: true, password: sesame}\n"
        "telemetry: {enabled: true, endpoint: 'https://collector.example/', headers: {x-token: sesame}}"
    )
    found = summary(settings(config, text), config_path=config, clients=3)
    assert str(config) in found
    assert str(config.parent / "data" / "gateway.db") in found
    assert "3 clients, metrics at /metrics, telemetry to https://collector.example" in found
    assert "sesame" not in found
    assert "metrics off, telemetry off" in summary(settings(config), config_path=config, clients=0)
