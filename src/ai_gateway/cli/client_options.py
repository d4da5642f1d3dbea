"""The options of `clients create` and `update`: one for each field of a client's settings."""

from __future__ import annotations

import difflib
import json
import sys
import types
import typing
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import click
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from ai_gateway.core.client import SECRET_FIELDS, ClientSettings, ExtraBackend
from ai_gateway.providers import PROVIDERS, BaseUrlRequired, Upstream

__all__ = ["changes", "option_name", "setting_options", "validated"]

Kind = Literal["flag", "list", "pairs", "json", "time", "text"]
_STDIN = "-"
_METAVARS: Mapping[Kind, str] = {
    "list": "A,B,…",
    "pairs": "A=B,…",
    "json": "JSON",
    "time": "ISO-8601",
    "text": "TEXT",
}
_NUMBERS: Mapping[Any, str] = {int: "N", float: "NUMBER"}


def option_name(field: str) -> str:
    """`rate_limit_minute` → `--rate-limit-minute`."""
    return "--" + field.replace("_", "-")


def setting_options(*, required: bool) -> list[click.Parameter]:
    """An option for each field; the value None means that it was not given."""
    return [_option(name, field, required) for name, field in ClientSettings.model_fields.items()]


def _option(name: str, field: FieldInfo, required: bool) -> click.Option:
    kind = _kind(field)
    option = option_name(name)
    text = (field.description or "").removesuffix(".")
    if name in SECRET_FIELDS or kind == "json":
        text = f"{text}; {_STDIN} reads it from stdin"
    if kind == "flag":
        return click.Option([f"{option}/{option.replace('--', '--no-', 1)}", name], default=None, help=text)
    return click.Option(
        [option, name], metavar=_metavar(kind, field), required=required and field.is_required(), help=text
    )


def _kind(field: FieldInfo) -> Kind:
    annotation = field.annotation
    origin = typing.get_origin(annotation)
    if annotation is bool:
        return "flag"
    if origin is dict:
        return "pairs"
    if origin is tuple:
        return "json" if typing.get_args(annotation)[0] is ExtraBackend else "list"
    if origin in (types.UnionType, typing.Union) and datetime in typing.get_args(annotation):
        return "time"
    return "text"


def _metavar(kind: Kind, field: FieldInfo) -> str:
    if typing.get_origin(field.annotation) is Literal:
        return "|".join(typing.get_args(field.annotation))
    return _NUMBERS.get(field.annotation, _METAVARS[kind])


def changes(given: Mapping[str, Any], current: ClientSettings | None = None) -> dict[str, Any]:
    """The fields of the options that were given, read; an empty text clears a field.

    `current`: an extra backend that is given without a key keeps the one that it has there.
    Raises: click.UsageError.
    """
    fields: dict[str, Any] = {}
    for name, field in ClientSettings.model_fields.items():
        value = given.get(name)
        if value is None:
            continue
        kind = _kind(field)
        if value == _STDIN and (name in SECRET_FIELDS or kind == "json"):
            value = sys.stdin.read().strip()
        if value == "" and not field.is_required():
            fields[name] = field.get_default(call_default_factory=True)
        else:
            fields[name] = _read(name, kind, value)
    if current is not None and "extra_backends" in fields:
        fields["extra_backends"] = _with_keys(fields["extra_backends"], current)
    return fields


def _read(name: str, kind: Kind, value: Any) -> Any:
    match kind:
        case "flag" | "text":
            return value
        case "list":
            return [item.strip() for item in value.split(",") if item.strip()]
        case "pairs":
            return _pairs(name, value)
        case "time":
            try:
                return datetime.fromisoformat(value)
            except ValueError:
                raise _bad(name, "must be an ISO 8601 time, such as 2030-01-31T00:00:00Z") from None
        case "json":
            try:
                return json.loads(value)
            except ValueError as error:
                raise _bad(name, f"must be JSON: {error}") from None
        case _:
            typing.assert_never(kind)


def _pairs(name: str, value: str) -> dict[str, str]:
    """`a=b,c=d`; or a JSON object, for names that hold a comma or an equals sign."""
    if value.lstrip().startswith("{"):
        try:
            return dict(json.loads(value))
        except ValueError as error:
            raise _bad(name, f"must be JSON: {error}") from None
    pairs = {}
    for item in filter(str.strip, value.split(",")):
        left, equals, right = item.partition("=")
        if not equals:
            raise _bad(name, f"{item.strip()!r} is no pair: write NAME=UPSTREAM-NAME,…")
        pairs[left.strip()] = right.strip()
    return pairs


def _with_keys(extras: Any, current: ClientSettings) -> Any:
    if not isinstance(extras, list):
        return extras
    keys = {extra.name: extra.backend_api_key for extra in current.extra_backends}
    return [
        {"backend_api_key": keys[extra["name"]], **extra}
        if isinstance(extra, dict) and extra.get("name") in keys
        else extra
        for extra in extras
    ]


def validated(fields: Mapping[str, Any]) -> ClientSettings:
    """The settings. Raises: click.UsageError, naming every option at fault."""
    try:
        settings = ClientSettings.model_validate(dict(fields))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise click.UsageError("; ".join(_fault(detail["loc"], detail) for detail in found)) from None
    _check_backend("backend", settings.backend, settings.base_url)
    for extra in settings.extra_backends:
        _check_backend("extra_backends", extra.backend, extra.base_url)
    return settings


def _fault(location: tuple[int | str, ...], detail: Any) -> str:
    message = str(detail["ctx"]["error"]) if detail["type"] == "value_error" else detail["msg"]
    message = message.replace("Input should be", "must be")
    if not location:  # a rule over several fields, which names them itself
        return message
    place, *rest = location
    inside = "".join(f"[{part}]" for part in rest)
    return f"{option_name(str(place))}{inside}: {message}"


def _check_backend(field: str, backend: str, base_url: str) -> None:
    if backend not in PROVIDERS:
        close = difflib.get_close_matches(backend, PROVIDERS, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise _bad(field, f"there is no provider {backend!r} ({hint}one of {', '.join(PROVIDERS)})")
    try:
        Upstream.of(backend, base_url=base_url)
    except BaseUrlRequired as error:
        option = "--base-url URL" if field == "backend" else '"base_url"'
        raise _bad(field, f"{error}: give {option}") from error


def _bad(field: str, message: str) -> click.UsageError:
    return click.UsageError(f"{option_name(field)}: {message}")
