"""Settings from the environment: `AI_GATEWAY_SERVER__PORT=9000` is `server.port`."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from ai_gateway.config.model import Settings

__all__ = ["PREFIX", "env_name", "leaves", "overrides"]

PREFIX = "AI_GATEWAY_"
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


def leaves(model: type[BaseModel] = Settings, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The location of every single setting, in the order of the model."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from leaves(kind, (*above, name))
        else:
            yield (*above, name)


def env_name(location: tuple[str, ...]) -> str:
    """`("server", "port")` → `AI_GATEWAY_SERVER__PORT`."""
    return PREFIX + "__".join(location).upper()


def overrides(environ: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...] | None, Any]]:
    """(variable, location, value) of each variable that speaks of a section of ours.

    The location is None where no setting has that name. A value that cannot be read as the setting's
    type stays text, which validation then refuses.
    """
    known = {env_name(location): location for location in leaves()}
    sections = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for variable in sorted(environ):
        section, separator, _ = variable.partition("__")
        if not separator or section not in sections:
            continue
        location = known.get(variable)
        if location is None:
            yield variable, None, None
        else:
            yield variable, location, _parse(_kind(location), environ[variable])


def _kind(location: tuple[str, ...]) -> Any:
    model: Any = Settings
    for name in location:
        model = model.model_fields[name].annotation
    return model


def _parse(kind: Any, text: str) -> Any:
    if kind is bool:
        word = text.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else text
    if kind is float:
        try:
            return float(text)
        except ValueError:
            return text
    if kind is int:
        try:
            return int(text)
        except ValueError:
            return text
    if typing.get_origin(kind) is list:
        return [part.strip() for part in text.split(",") if part.strip()]
    if typing.get_origin(kind) is dict:
        return _parse_json(text)
    return text


def _parse_json(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError:
        return text
