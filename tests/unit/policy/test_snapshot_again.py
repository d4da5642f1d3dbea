"""A snapshot that is made of another one."""

from __future__ import annotations

from datetime import UTC, datetime

from ai_gateway.core.client import Client, ClientKey, ClientSettings
from ai_gateway.policy.snapshot import Snapshot

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def client(name: str, *keys: bytes, active: bool = True) -> Client:
    settings = ClientSettings(name=name, backend="echo", is_active=active)
    held = tuple(ClientKey(key_hash=key, tail="tail", created_at=NOW) for key in keys)
    return Client(id=f"cl_{name}", settings=settings, keys=held, created_at=NOW, updated_at=NOW)


def test_what_has_not_changed_is_taken_over() -> None:
    a, b, c = client("a", b"1"), client("b", b"2"), client("c", b"3")
    before = Snapshot.of([a, b, c], 1)
    b = b.model_copy(update={"keys": client("b", b"2", b"4").keys})
    c = client("c", b"3", active=False)
    after = Snapshot.of([b, c], 2, before)
    whole = Snapshot.of([b, c], 2)
    assert after.version == 2
    assert {key: grant.client.id for key, grant in after.grants.items()} == {
        key: grant.client.id for key, grant in whole.grants.items()
    }
    assert after.clients["cl_b"] is before.clients["cl_b"]
    assert not after.clients["cl_c"].settings.is_active
    assert "cl_a" not in after.clients
