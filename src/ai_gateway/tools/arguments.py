"""A model's arguments: parsed, and held against the tool's JSON Schema."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from ai_gateway.core.server_tools import RunError
from ai_gateway.tools.outcomes import ToolFailure

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

__all__ = ["Schemas", "parsed"]

MAX_BYTES = 4 * 1024 * 1024
_KEPT = 256
_TOLD = 5
_MAX_MESSAGE = 300


def parsed(arguments: str) -> dict[str, Any]:
    """The object that a model wrote. Raises: ToolFailure."""
    if not arguments.strip():  # some models send nothing where there is nothing to say
        return {}
    if len(arguments) > MAX_BYTES:
        raise ToolFailure("The arguments are too long.", error=RunError.ARGUMENTS)
    try:
        value = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ToolFailure(
            f"The arguments are not valid JSON ({reason}). Send one JSON object.", error=RunError.ARGUMENTS
        ) from error
    if not isinstance(value, dict):
        raise ToolFailure("The arguments must be one JSON object.", error=RunError.ARGUMENTS)
    return value


class Schemas:
    """Compiled schemas of the tools that were used lately.

    jsonschema: MCP's SDK needs it anyway, and it fetches nothing that a schema refers to here.
    """

    def __init__(self) -> None:
        self._compiled: OrderedDict[bytes, Validator | None] = OrderedDict()
        self._loaded = False

    async def load(self) -> None:
        """Before the first check: the library takes 70 ms to load, in a thread while requests go on."""
        if not self._loaded:
            await asyncio.to_thread(import_module, "jsonschema")
            self._loaded = True

    def check(self, value: dict[str, Any], schema: msgspec.Raw) -> None:
        """A schema that is broken asks for nothing. Raises: ToolFailure that says what it asks for."""
        validator = self._validator(bytes(schema))
        if validator is None:
            return
        from referencing.exceptions import Unresolvable

        try:
            found = [
                _told(error) for error, _ in zip(validator.iter_errors(value), range(_TOLD), strict=False)
            ]
        except (Unresolvable, RecursionError):
            return
        if found:
            raise ToolFailure(
                f"The arguments do not fit the tool's schema: {'; '.join(found)}.", error=RunError.ARGUMENTS
            )

    def _validator(self, schema: bytes) -> Validator | None:
        if schema not in self._compiled:
            self._compiled[schema] = _compile(schema)
            if len(self._compiled) > _KEPT:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(schema)
        return self._compiled[schema]


def _compile(schema: bytes) -> Validator | None:
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing import Registry

    parsed_schema = msgspec.json.decode(schema)
    kind = validator_for(parsed_schema, default=Draft202012Validator)
    try:
        kind.check_schema(parsed_schema)
    except (SchemaError, RecursionError):
        return None
    made: Validator = kind(parsed_schema, registry=Registry())  # an empty one retrieves nothing
    return made


def _told(error: Any) -> str:  # the library's error, which it does not type
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    text = f"{place.removeprefix('.') or 'the object'}: {error.message}"
    return text if len(text) <= _MAX_MESSAGE else f"{text[:_MAX_MESSAGE]}…"
