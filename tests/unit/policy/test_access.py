"""Who gets in, and which models they may ask for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ai_gateway.core.client import Client, ClientKey, ClientSettings
from ai_gateway.core.keys import hash_key, key_tail, new_key
from ai_gateway.errors import BadRequest, Forbidden, GatewayError, Unauthenticated
from ai_gateway.policy.access import (
    authenticate,
    check_grant,
    needs_model_list,
    resolve_model,
    visible_models,
)
from ai_gateway.policy.snapshot import ClientPolicy, Snapshot

NOW = datetime(2030, 1, 1, tzinfo=UTC)
KEY = "gm_right"


def client(**settings: object) -> Client:
    """`key_expires` is the key's own; everything else is a setting."""
    key_expires = settings.pop("key_expires", None)
    assert key_expires is None or isinstance(key_expires, datetime)
    made = ClientSettings.model_validate({"name": "c", "backend": "openai", **settings})
    key = ClientKey(key_hash=hash_key(KEY), tail=key_tail(KEY), created_at=NOW, expires_at=key_expires)
    return Client(id="cl_1", settings=made, keys=(key,), created_at=NOW, updated_at=NOW)


def policy(**settings: object) -> ClientPolicy:
    return ClientPolicy.of(client(**settings))


def enter(made: Client, key: str | None = KEY, address: str | None = "10.0.0.7", at: datetime = NOW) -> str:
    grant = authenticate(Snapshot.of([made], 1), key)
    check_grant(grant, address=address, now_s=at.timestamp())
    return grant.client.name


EARLIER, LATER = datetime(2029, 12, 31, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "made",
    [
        client(),
        client(expires_at=LATER),
        client(key_expires=LATER),
        client(allowed_ips=["10.0.0.0/8", "::1"]),
        client(allowed_ips=["10.0.0.7"]),
    ],
)
def test_let_in(made: Client) -> None:
    assert enter(made) == "c"


def test_an_ipv4_caller_on_an_ipv6_socket() -> None:
    assert enter(client(allowed_ips=["10.0.0.0/8"]), address="::ffff:10.0.0.7") == "c"


@pytest.mark.parametrize(
    ("made", "key", "error", "code"),
    [
        (client(), None, Unauthenticated, "invalid_api_key"),
        (client(), "", Unauthenticated, "invalid_api_key"),
        (client(), "gm_wrong", Unauthenticated, "invalid_api_key"),
        (client(), "gm_right' OR 1=1 --", Unauthenticated, "invalid_api_key"),
        (client(expires_at=EARLIER), KEY, Unauthenticated, "invalid_api_key"),
        (client(expires_at=NOW), KEY, Unauthenticated, "invalid_api_key"),
        (client(key_expires=EARLIER), KEY, Unauthenticated, "invalid_api_key"),
        (client(is_active=False), KEY, Forbidden, "client_disabled"),
        (client(allowed_ips=["192.168.0.0/16"]), KEY, Forbidden, "ip_not_allowed"),
    ],
)
def test_kept_out(made: Client, key: str | None, error: type[GatewayError], code: str) -> None:
    with pytest.raises(error) as caught:
        enter(made, key)
    assert caught.value.code == code


def test_an_unknown_address_is_no_allowed_address() -> None:
    with pytest.raises(Forbidden):
        enter(client(allowed_ips=["10.0.0.0/8"]), address=None)


MODELS: list[tuple[dict[str, object], str | None, str]] = [
    ({}, "gpt", "gpt"),
    ({"default_model": "gpt"}, None, "gpt"),
    ({"default_model": "gpt"}, "", "gpt"),
    ({"model_aliases": {"fast": "gpt-mini"}}, "fast", "gpt-mini"),
    ({"default_model": "fast", "model_aliases": {"fast": "gpt-mini"}}, None, "gpt-mini"),
    ({"model_whitelist": ["gpt-*"]}, "gpt-4o", "gpt-4o"),
    ({"model_whitelist": ["org/*:free"]}, "org/model:free", "org/model:free"),
    ({"model_whitelist": ["fast"], "model_aliases": {"fast": "x"}}, "fast", "x"),
    ({"model_whitelist": ["x"], "model_aliases": {"fast": "x"}}, "fast", "x"),
    ({"model_whitelist": ["a.c"]}, "a.c", "a.c"),
]


@pytest.mark.parametrize(("settings", "asked", "model"), MODELS)
def test_models(settings: dict[str, object], asked: str | None, model: str) -> None:
    assert resolve_model(policy(**settings), asked, required=True) == model


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({"model_whitelist": ["gpt-4o"]}, "gpt-4o-mini"),
        ({"model_whitelist": ["gpt-*"]}, "my-gpt-4o"),
        ({"model_whitelist": ["a.c"]}, "abc"),
        ({"model_whitelist": ["gpt*"]}, "x\ngpt"),
        ({"model_whitelist": ["gpt"], "default_model": "other"}, None),
    ],
)
def test_models_that_are_not_allowed(settings: dict[str, object], asked: str | None) -> None:
    with pytest.raises(Forbidden) as caught:
        resolve_model(policy(**settings), asked, required=True)
    assert (caught.value.code, caught.value.param) == ("model_not_allowed", "model")


def test_a_model_must_be_named() -> None:
    with pytest.raises(BadRequest) as caught:
        resolve_model(policy(), None, required=True)
    assert caught.value.param == "model"
    assert resolve_model(policy(default_model="x"), None, required=False) is None


@pytest.mark.parametrize(
    ("settings", "listed", "needed"),
    [
        ({}, ["a", "b"], True),
        ({"model_whitelist": ["x", "y"]}, ["x", "y"], False),
        ({"model_whitelist": ["x", "a*"]}, ["x", "a"], True),
        ({"model_aliases": {"fast": "a"}}, ["a", "b", "fast"], True),
        ({"model_whitelist": ["a"], "model_aliases": {"fast": "a", "slow": "z"}}, ["a", "fast"], False),
    ],
)
def test_visible_models(settings: dict[str, object], listed: list[str], needed: bool) -> None:
    made = policy(**settings)
    assert visible_models(made, ["a", "b"]) == listed
    assert needs_model_list(made) is needed


def test_a_client_without_a_usable_backend_is_still_known() -> None:
    made = policy(backend="vllm")
    assert made.upstream is None
    assert made.fault == "vllm needs a base URL"


def test_keys_are_random_and_hashed() -> None:
    keys = {new_key("sk-ant-") for _ in range(50)}
    assert len(keys) == 50
    assert all(key.startswith("sk-ant-") and len(key) >= len("sk-ant-") + 22 for key in keys)
    assert len(hash_key("x")) == 32
