"""Where a client's requests can go: its main backend first, then its fallbacks in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from ai_gateway.policy.circuit import CircuitKey
from ai_gateway.providers import Upstream

if TYPE_CHECKING:
    from ai_gateway.policy.prices import Tariff

__all__ = ["Target", "fallback_targets", "target_of"]


class Target(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A model of an upstream."""

    upstream: Upstream
    model: str | None
    """To ask it for; None where the request has none."""
    backend: str = ""
    """The name of the extra backend; empty: the client's main one."""
    key: CircuitKey
    tariff: Tariff | None = None
    """What the model costs there, once that was asked (`Prices.of`)."""


def target_of(upstream: Upstream, model: str | None, backend: str = "") -> Target:
    key = CircuitKey(upstream.provider_name, upstream.base, upstream.credential, model or "")
    return Target(upstream=upstream, model=model, backend=backend, key=key)


def fallback_targets(
    entries: Sequence[str], main: Upstream | None, extras: Mapping[str, Upstream | None]
) -> tuple[Target, ...]:
    """What `fallback_models` stands for. An entry is `NAME/model`, where NAME is an extra backend; any other
    one is a model of the main backend, whatever slashes it holds. Backends that cannot be used are left out;
    what is named twice, by whatever name, is one.
    """
    targets: dict[CircuitKey, Target] = {}
    for entry in entries:
        name, slash, model = entry.partition("/")
        if slash and name in extras and model:
            upstream, backend = extras[name], name
        else:
            upstream, backend, model = main, "", entry
        if upstream is not None:
            target = target_of(upstream, model, backend)
            targets.setdefault(target.key, target)
    return tuple(targets.values())
