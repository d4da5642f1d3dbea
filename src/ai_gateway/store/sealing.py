"""A client's settings as columns: some of their own, the rest as JSON, secrets encrypted apart from both."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ai_gateway.core.client import SECRET_FIELDS, ClientSettings
from ai_gateway.core.secret import Secret
from ai_gateway.store.crypto import SecretBox

__all__ = ["key_prefix", "reseal", "resealed", "seal", "unseal", "with_models"]

_COLUMNS = frozenset({"name", "backend", "is_active"})


def seal(client_id: str, settings: ClientSettings, box: SecretBox) -> dict[str, object]:
    """Values of the columns `name`, `backend`, `is_active`, `settings` and `secrets`."""
    rest = settings.model_dump(mode="json", exclude={*_COLUMNS, *SECRET_FIELDS, "extra_backends"})
    rest["extra_backends"] = [
        extra.model_dump(mode="json", exclude=set(SECRET_FIELDS)) for extra in settings.extra_backends
    ]
    sealed = {
        name: box.seal(secret.reveal(), context=f"{client_id}/{name}")
        for name, secret in _secrets(settings).items()
        if secret
    }
    return {
        "name": settings.name,
        "backend": settings.backend,
        "is_active": settings.is_active,
        "settings": json.dumps(rest, ensure_ascii=False),
        "secrets": json.dumps(sealed),
    }


def unseal(row: Mapping[Any, Any], box: SecretBox) -> ClientSettings:
    """The settings of a row of `clients`.

    Raises: StoreError where a secret does not open; pydantic.ValidationError where a setting is not valid.
    """
    fields: dict[str, Any] = json.loads(row["settings"])
    for name, token in json.loads(row["secrets"]).items():
        secret = Secret(box.open(token, context=f"{row['id']}/{name}"))
        place = _place(fields, name)
        if place is not None:
            place[name.rpartition("/")[2]] = secret
    return ClientSettings(**fields, **{name: row[name] for name in _COLUMNS})


def reseal(client_id: str, stored: str, box: SecretBox) -> tuple[str, int]:
    """The JSON of the column `secrets` under the newest key, and how many of them had another.

    Raises: StoreError where a secret does not open.
    """
    return resealed(stored, box, lambda name: f"{client_id}/{name}")


def resealed(stored: str, box: SecretBox, context_of: Callable[[str], str]) -> tuple[str, int]:
    """As `reseal`, of any JSON of tokens by name; `context_of` a name is what its token was made for."""
    tokens: dict[str, str] = json.loads(stored)
    old = [name for name, token in tokens.items() if not box.is_current(token)]
    for name in old:
        context = context_of(name)
        tokens[name] = box.seal(box.open(tokens[name], context=context), context=context)
    return json.dumps(tokens), len(old)


def with_models(stored: str, models: Sequence[str]) -> str:
    """The JSON of the column `settings` with another model list."""
    fields = json.loads(stored)
    fields["models"] = list(dict.fromkeys(models))
    return json.dumps(fields, ensure_ascii=False)


def key_prefix(stored: str) -> str:
    """The start of new keys, out of the JSON of the column `settings`."""
    return str(json.loads(stored)["key_prefix"])


def _secrets(settings: ClientSettings) -> dict[str, Secret]:
    """By name: `backend_api_key`, and `extra_backends/NAME/backend_api_key` for each extra backend."""
    found = {name: getattr(settings, name) for name in SECRET_FIELDS}
    for extra in settings.extra_backends:
        found[f"extra_backends/{extra.name}/backend_api_key"] = extra.backend_api_key
    return found


def _place(fields: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The object that a secret's name belongs into; None where its extra backend is gone."""
    if "/" not in name:
        return fields
    wanted = name.split("/")[1]
    return next((extra for extra in fields["extra_backends"] if extra["name"] == wanted), None)
