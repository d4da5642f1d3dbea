"""Who may call, and which model."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from ai_gateway.core.keys import hash_key
from ai_gateway.errors import BadRequest, Forbidden, Unauthenticated
from ai_gateway.policy.snapshot import ClientPolicy, KeyGrant, Snapshot

__all__ = [
    "authenticate",
    "check_grant",
    "names_model",
    "needs_model_list",
    "resolve_model",
    "visible_models",
]


def authenticate(snapshot: Snapshot, key: str | None) -> KeyGrant:
    """The grant of a gateway key: whose it is, and not yet whether it may be used.

    Raises: Unauthenticated where there is no key, or an unknown one.
    """
    if not key:
        raise Unauthenticated(
            "no API key: send 'Authorization: Bearer KEY' (or x-api-key, x-goog-api-key, api-key, ?key=)"
        )
    grant = snapshot.grants.get(hash_key(key))
    if grant is None:
        raise Unauthenticated("this API key is not known here")
    return grant


def check_grant(grant: KeyGrant, *, address: str | None, now_s: float) -> None:
    """Whether a key may be used from here and now. `now_s` is Unix time.

    Raises:
        Unauthenticated: it has expired.
        Forbidden: the client is disabled, or `address` is outside its networks.
    """
    client = grant.client
    for expiry in (grant.expires_at_s, client.expires_at_s):
        if expiry is not None and now_s >= expiry:
            raise Unauthenticated("this API key has expired")
    if not client.settings.is_active:
        raise Forbidden("this client is disabled", code="client_disabled")
    if client.networks and not _within(address, client):
        raise Forbidden("this client may not call from this address", code="ip_not_allowed")


def _within(address: str | None, client: ClientPolicy) -> bool:
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return any(ip in network for network in client.networks)


def resolve_model(client: ClientPolicy, asked: str | None, *, required: bool) -> str | None:
    """The model to ask the provider for: the caller's or the default one, behind its alias.

    None only where `required` is false and nobody named a model.

    Raises:
        BadRequest: no model was named, and the client has no default.
        Forbidden: the whitelist holds neither the name nor what it stands for.
    """
    settings = client.settings
    if not asked and not required:
        return None
    name = asked or settings.default_model
    if not name:
        raise BadRequest("no 'model' was given, and this client has no default model", param="model")
    model = settings.model_aliases.get(name, name)
    whitelist = client.whitelist
    if whitelist is not None and not whitelist.allows(model) and not whitelist.allows(name):
        raise Forbidden(
            f"model '{name}' is not allowed for this client", code="model_not_allowed", param="model"
        )
    return model


def needs_model_list(client: ClientPolicy) -> bool:
    """Whether the provider's list decides what the caller may see; exact whitelist entries need none."""
    return client.whitelist is None or client.whitelist.pattern is not None


def visible_models(client: ClientPolicy, models: Iterable[str]) -> list[str]:
    """The models that this client may ask for, out of the provider's `models`; its aliases last."""
    whitelist = client.whitelist
    if whitelist is None:
        found = list(models)
    else:
        found = [name for name in client.settings.model_whitelist if "*" not in name]
        found += [name for name in models if whitelist.allows(name)]
    for alias, model in client.settings.model_aliases.items():
        if whitelist is None or whitelist.allows(model) or whitelist.allows(alias):
            found.append(alias)
    return list(dict.fromkeys(found))


def names_model(client: ClientPolicy, model: str) -> bool:
    """Whether an admin, or the provider's list, has named this model; what callers make up is not."""
    settings = client.settings
    return (
        model == settings.default_model
        or model in settings.models
        or model in settings.model_aliases
        or (client.whitelist is not None and model in client.whitelist.exact)
        or any(model == target.model for target in client.fallbacks)
        or model in settings.model_aliases.values()
    )
