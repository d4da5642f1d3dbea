"""From file and environment to settings, or to a list of everything that is wrong with them."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ai_gateway.config.document import Document, Location, read_document
from ai_gateway.config.environment import PREFIX, env_name, leaves, overrides
from ai_gateway.config.model import PriceOverride, PriceOverrides, Settings
from ai_gateway.core.mcp_server import McpServerSettings

__all__ = ["ConfigError", "ConfigMissing", "load_settings", "parse_settings"]

_MAX_BYTES = 1024 * 1024
_UNQUOTED = ", without quotes"
_KINDS = {
    "int_type": f"must be an integer{_UNQUOTED}",
    "int_from_float": f"must be an integer{_UNQUOTED}",
    "bool_type": f"must be true or false{_UNQUOTED}",
    "string_type": "must be text: put it in quotes",
    "is_instance_of": "must be text: put it in quotes",
    "path_type": "must be text: put it in quotes",
    "model_type": "must be a section with keys of its own",
    "model_attributes_type": "must be a section with keys of its own",
    "dict_type": "must be a section with keys of its own",
    "list_type": "must be a section with keys of its own, or a list",
    "float_type": f"must be a number{_UNQUOTED}",
    "finite_number": "must be finite",
    "datetime_type": "must be a date or a time: 2026-01-31, or 2026-01-31T12:00:00Z",
    "missing": "is missing",
}


class ConfigError(Exception):
    """The settings cannot be used: one problem a line, each with its key and line or variable."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class ConfigMissing(ConfigError):
    """There is no such file."""


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings of the file at `path`, with those of the environment over them.

    Raises: ConfigMissing; ConfigError with everything that is wrong.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigMissing([f"{path}: there is no such file"]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError([f"{path}: cannot be read: {reason}"]) from error
    if len(raw) > _MAX_BYTES:
        raise ConfigError([f"{path}: is over {_MAX_BYTES} bytes: that is no config file"])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path}:{line}: is not UTF-8 text"]) from error
    return parse_settings(text, path, environ)


def parse_settings(text: str, path: Path, environ: Mapping[str, str]) -> Settings:
    """As `load_settings`, for text that is, or is to be, the file at `path`. Raises: ConfigError."""
    document = read_document(text)
    # A line number sorts the file's problems; the environment's come last.
    problems: list[tuple[float, str]] = [
        (line, f"{path}:{line}: {message}") for line, message in document.problems
    ]
    if document.problems and not document.data:
        raise ConfigError([problem for _, problem in problems])
    _drop_empty_sections(document.data, Settings)
    variables, unknown = _merge(document.data, environ)
    try:
        settings = Settings.model_validate(
            document.data, context={"folder": path.expanduser().absolute().parent}
        )
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        problems += [_problem(detail, document, path, variables) for detail in found]
    else:
        if not problems and not unknown:
            return settings
    problems.sort(key=lambda problem: problem[0])
    raise ConfigError([problem for _, problem in problems] + unknown)


def _drop_empty_sections(data: dict[str, Any], model: type[BaseModel]) -> None:
    """A section with nothing but comments in it has its defaults."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if name in data and isinstance(kind, type) and issubclass(kind, BaseModel):
            if data[name] is None:
                del data[name]
            elif isinstance(data[name], dict):
                _drop_empty_sections(data[name], kind)


def _merge(data: dict[str, Any], environ: Mapping[str, str]) -> tuple[dict[Location, str], list[str]]:
    """Put the environment's settings into `data`; which variable set what, and problems with the others."""
    variables: dict[Location, str] = {}
    unknown = []
    for variable, location, value in overrides(environ):
        if location is None:
            close = _suggest(variable, [env_name(leaf) for leaf in leaves()])
            unknown.append(f"{variable}: there is no such setting{close}")
        elif _put(data, location, value):
            variables[location] = variable
    return variables, unknown


def _put(data: dict[str, Any], location: tuple[str, ...], value: Any) -> bool:
    """False where the file holds something else than a section there: that is told as its own problem."""
    *sections, name = location
    place: Any = data
    for section in sections:
        place = place.setdefault(section, {})
        if not isinstance(place, dict):
            return False
    place[name] = value
    return True


def _problem(
    detail: ErrorDetails, document: Document, path: Path, variables: Mapping[Location, str]
) -> tuple[float, str]:
    location = _written(detail["loc"], document)
    message = _message(detail)
    if location in variables:
        return float("inf"), f"{variables[location]}: {message.removesuffix(_UNQUOTED)}"
    key = ".".join(map(str, location))
    for length in range(len(location), 0, -1):
        line = document.lines.get(location[:length])
        if line is not None:
            return line, f"{path}:{line}: {key}: {message}"
    # Only the environment speaks of it: such as https enabled by a variable, without its files.
    below = [
        name
        for place, name in variables.items()
        if place[: len(location)] == location or location[: len(place)] == place
    ]
    return float("inf"), f"{', '.join(below) or PREFIX + '*'}: {key}: {message}"


def _written(location: Location, document: Document) -> Location:
    """The location as the file has it, which has no index where one entry stands for a list of them."""
    for index, part in enumerate(location[:-1]):
        entry = location[: index + 1]
        if isinstance(part, int) and all(place[: index + 1] != entry for place in document.lines):
            return location[:index] + location[index + 1 :]
    return location


def _message(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        *above, name = detail["loc"]
        return f"unknown key{_suggest(str(name), _names(above))}"
    match kind:
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return f"must be {context['expected']}"
        case "greater_than_equal":
            return f"must be at least {_bound(context['ge'])}"
        case "less_than_equal":
            return f"must be at most {_bound(context['le'])}"
        case "string_too_long":
            return f"must have at most {context['max_length']} characters"
        case _:
            return _KINDS.get(kind) or detail["msg"]


def _bound(value: float) -> str:
    """Without the `.0` of a whole number."""
    return str(int(value) if value == int(value) else value)


def _names(above: Sequence[str | int]) -> list[str]:
    """The keys of the section at `above`."""
    model: Any = Settings
    for name in above:
        model = model.model_fields[name].annotation
        if model == PriceOverrides:
            return list(PriceOverride.model_fields)
        if typing.get_origin(model) is dict and typing.get_args(model)[-1] is McpServerSettings:
            return list(McpServerSettings.model_fields)
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return []
    return list(model.model_fields)


def _suggest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""
