"""What the log says when the gateway starts: what runs, where, with which settings, and what to act on."""

from __future__ import annotations

import ipaddress
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ai_gateway.config import Settings

__all__ = ["MAX_CLIENTS_NAMED", "introduce", "summary", "warnings"]

MAX_CLIENTS_NAMED = 10

_log = logging.getLogger("ai_gateway")


def introduce(settings: Settings, config_path: Path, clients: Mapping[str, str | None]) -> None:
    """Say what runs, and what an admin should act on. `clients`: by name, why each cannot be served."""
    _log.info("%s", summary(settings, config_path=config_path, clients=len(clients)))
    faults = {name: fault for name, fault in clients.items() if fault is not None}
    for line in warnings(settings, config_path=config_path, faults=faults):
        _log.warning("%s", line)


def summary(settings: Settings, *, config_path: Path, clients: int) -> str:
    """The settings that matter, in a line without secrets."""
    metrics = "at /metrics" if settings.prometheus.enabled else "off"
    telemetry = f"to {settings.telemetry.endpoint}" if settings.telemetry.enabled else "off"
    return (
        f"configuration {config_path.absolute()}, database {settings.database.path.absolute()}, "
        f"{clients} clients, {_workers(settings.server.workers)}metrics {metrics}, telemetry {telemetry}"
    )


def warnings(settings: Settings, *, config_path: Path, faults: Mapping[str, str]) -> list[str]:
    """What an admin should act on, a line each. `faults`: names of clients that cannot be served, and why."""
    found = []
    server = settings.server
    if not (server.https.enabled or server.trusted_proxies or _is_loopback(server.host)):
        found.append(
            f"keys and answers travel unencrypted, and {server.host} can be reached from elsewhere: enable "
            "server.https, name your TLS proxy in server.trusted_proxies, or listen on 127.0.0.1"
        )
    found += [f"{path} can be read by others: chmod 600 it" for path in _private(settings, config_path)]
    named = list(faults.items())[:MAX_CLIENTS_NAMED]
    found += [f"client {name} cannot be served: {why}" for name, why in named]
    if len(faults) > len(named):
        found.append(f"{len(faults) - len(named)} more clients cannot be served")
    return found


def _private(settings: Settings, config_path: Path) -> Iterable[Path]:
    """Files with secrets that others than their owner may read."""
    if os.name != "posix":
        return
    database, https = settings.database.path, settings.server.https
    files = [config_path, database.parent / "secret.key", database]
    if https.enabled and https.key_file is not None:
        files.append(https.key_file)
    for path in files:
        try:
            if path.stat().st_mode & 0o077:
                yield path
        except OSError:
            continue  # there is none, or whoever needs it says so


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _workers(count: int) -> str:
    return f"{count} workers, " if count > 1 else ""
