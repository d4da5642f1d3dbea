"""All clients as the data path sees them: compiled once, swapped whole, never changed in place."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from datetime import datetime

import msgspec

from ai_gateway.core.client import Client, ClientSettings, ExtraBackend
from ai_gateway.policy.limits import NO_LIMITS, Limits
from ai_gateway.policy.targets import Target, fallback_targets
from ai_gateway.providers import BaseUrlRequired, UnknownProvider, Upstream

__all__ = ["ClientPolicy", "KeyGrant", "Snapshot", "Whitelist"]


class Whitelist(msgspec.Struct, frozen=True):
    """Allowed models: exact names in a set, patterns with `*` in one expression."""

    exact: frozenset[str]
    pattern: re.Pattern[str] | None

    @classmethod
    def of(cls, entries: Iterable[str]) -> Whitelist | None:
        """None where there are no entries: everything is allowed."""
        entries = tuple(entries)
        if not entries:
            return None
        patterns = [".*".join(map(re.escape, entry.split("*"))) for entry in entries if "*" in entry]
        return cls(
            exact=frozenset(entry for entry in entries if "*" not in entry),
            pattern=re.compile("|".join(f"(?:{p})" for p in patterns), re.DOTALL) if patterns else None,
        )

    def allows(self, model: str) -> bool:
        return model in self.exact or (self.pattern is not None and self.pattern.fullmatch(model) is not None)


class ClientPolicy(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One client, ready for the data path."""

    id: str
    name: str
    settings: ClientSettings
    upstream: Upstream | None
    """None where the settings name no usable backend: `fault` says why."""
    fault: str | None
    whitelist: Whitelist | None
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    expires_at_s: float | None
    limits: Limits = NO_LIMITS
    fallbacks: tuple[Target, ...] = ()
    """Where requests go when the main backend fails, in order."""
    runs_tools: bool = False
    """Gateway tool mode."""
    backend: str
    timeout_s: float
    system_prompt: str
    max_input_tokens: int
    max_output_tokens: int
    log_bodies: bool
    """As in `settings`, which are slow to read: each request asks for these."""

    def serves(self, asked: str | None) -> str | None:
        """What the provider will be asked for, allowed or not: the caller's model or the default one, behind
        its alias."""
        name = asked or self.settings.default_model
        return self.settings.model_aliases.get(name, name) if name else None

    @classmethod
    def of(cls, client: Client) -> ClientPolicy:
        settings = client.settings
        upstream, fault = _usable(settings)
        extras = {extra.name: _usable(extra)[0] for extra in settings.extra_backends}
        return cls(
            id=client.id,
            name=settings.name,
            settings=settings,
            upstream=upstream,
            fault=fault,
            whitelist=Whitelist.of(settings.model_whitelist),
            networks=tuple(ipaddress.ip_network(network) for network in settings.allowed_ips),
            expires_at_s=_seconds(settings.expires_at),
            limits=Limits.of(settings),
            fallbacks=fallback_targets(settings.fallback_models, upstream, extras),
            runs_tools=settings.tool_mode == "gateway",
            backend=settings.backend,
            timeout_s=settings.timeout_seconds,
            system_prompt=settings.system_prompt,
            max_input_tokens=settings.max_input_tokens,
            max_output_tokens=settings.max_output_tokens,
            log_bodies=settings.log_bodies,
        )


def _usable(backend: ClientSettings | ExtraBackend) -> tuple[Upstream | None, str | None]:
    """The upstream, or None and why there is none."""
    try:
        upstream = Upstream.of(
            backend.backend, base_url=backend.base_url, credential=backend.backend_api_key.reveal()
        )
    except (UnknownProvider, BaseUrlRequired) as error:
        return None, str(error)
    return upstream, None


class KeyGrant(msgspec.Struct, frozen=True, eq=False):
    """What one key opens."""

    client: ClientPolicy
    tail: str
    expires_at_s: float | None
    lasts: bool = False
    """It holds from everywhere, and until there is another snapshot. Follows from the others."""

    def __post_init__(self) -> None:
        client = self.client
        unbounded = self.expires_at_s is None and client.expires_at_s is None and not client.networks
        msgspec.structs.force_setattr(self, "lasts", unbounded and client.settings.is_active)


class Snapshot(msgspec.Struct, frozen=True, eq=False):
    """Every key's grant, by the key's SHA-256."""

    grants: dict[bytes, KeyGrant]
    version: int = -1
    clients: dict[str, ClientPolicy] = {}
    """By id."""
    moment: object = msgspec.field(default_factory=object)
    """Another one in each snapshot, whatever its version: who remembers it keeps no snapshot alive."""

    @classmethod
    def of(cls, clients: Iterable[Client], version: int, before: Snapshot | None = None) -> Snapshot:
        """`before`: what is compiled for settings that are the same objects is taken from it."""
        compiled = {} if before is None else before.clients
        grants: dict[bytes, KeyGrant] = {}
        policies: dict[str, ClientPolicy] = {}
        for client in clients:
            policy = compiled.get(client.id)
            if policy is None or policy.settings is not client.settings:
                policy = ClientPolicy.of(client)
            policies[client.id] = policy
            for key in client.keys:
                grants[key.key_hash] = KeyGrant(policy, key.tail, _seconds(key.expires_at))
        return cls(grants, version, policies)


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None
