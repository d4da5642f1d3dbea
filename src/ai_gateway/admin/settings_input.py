"""From the API's client forms to `ClientSettings`; what is wrong is told by field."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from ai_gateway.admin.problems import ApiError, validation_problem
from ai_gateway.admin.schemas.base import ProblemField
from ai_gateway.admin.schemas.clients import ClientChange, ExtraBackendInput, NewClient
from ai_gateway.config.model import DefaultSettings
from ai_gateway.core.client import SECRET_FIELDS, ClientSettings
from ai_gateway.core.secret import Secret
from ai_gateway.providers import PROVIDERS, BaseUrlRequired, Upstream

__all__ = ["changed", "checked_backend", "created"]


def created(body: NewClient, defaults: DefaultSettings) -> ClientSettings:
    """Raises: ApiError 422."""
    return _validated({**defaults.client_fields(), **_given(body, ())})


def changed(body: ClientChange, current: ClientSettings) -> ClientSettings:
    """`current` with the given fields over it. Raises: ApiError 422."""
    given = _given(body, current.extra_backends)
    if not given:
        raise ApiError(422, "invalid_fields", "nothing to change: give at least one field")
    stored = {name: getattr(current, name) for name in ClientSettings.model_fields}
    return _validated({**stored, **given})


def _given(body: ClientChange, stored_backends: Sequence[Any]) -> dict[str, Any]:
    given = body.model_dump(exclude_unset=True, exclude={"extra_backends"})
    for name in SECRET_FIELDS & given.keys():
        given[name] = given[name] or ""
    if "extra_backends" in body.model_fields_set:
        keys = {extra.name: extra.backend_api_key for extra in stored_backends}
        given["extra_backends"] = [_extra(extra, keys) for extra in body.extra_backends or ()]
    return given


def _extra(extra: ExtraBackendInput, keys: Mapping[str, Secret]) -> dict[str, Any]:
    fields = extra.model_dump(exclude_unset=True)
    if fields.get("backend_api_key") is None:
        fields["backend_api_key"] = keys.get(extra.name, Secret(""))
    return fields


def _validated(fields: Mapping[str, Any]) -> ClientSettings:
    try:
        settings = ClientSettings.model_validate(dict(fields))
    except ValidationError as error:
        raise validation_problem(error) from None
    faults = _backend_faults("", settings.backend, settings.base_url)
    for index, extra in enumerate(settings.extra_backends):
        faults += _backend_faults(f"extra_backends.{index}.", extra.backend, extra.base_url)
    if faults:
        summary = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
        raise ApiError(422, "invalid_fields", summary, errors=faults)
    return settings


def _backend_faults(place: str, backend: str, base_url: str) -> list[ProblemField]:
    if backend not in PROVIDERS:
        close = difflib.get_close_matches(backend, PROVIDERS, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        return [ProblemField(field=f"{place}backend", message=f"there is no provider {backend!r}{hint}")]
    try:
        Upstream.of(backend, base_url=base_url)
    except BaseUrlRequired as error:
        return [ProblemField(field=f"{place}base_url", message=str(error))]
    return []


def checked_backend(backend: str, base_url: str, credential: str) -> Upstream:
    """A backend that belongs to no client yet. Raises: ApiError 422."""
    fields = {"name": "-", "backend": backend, "base_url": base_url, "backend_api_key": credential}
    settings = _validated(fields)
    return Upstream.of(settings.backend, base_url=settings.base_url, credential=credential)
