"""The table of dialects."""

from __future__ import annotations

from functools import cache

from ai_gateway.core.chat import DialectName
from ai_gateway.dialects import anthropic, gemini, openai_chat, openai_responses
from ai_gateway.dialects.endpoints import Family
from ai_gateway.dialects.interface import Dialect
from ai_gateway.errors import GatewayError

__all__ = ["DIALECTS", "FIELD_NAMES", "URL_KINDS", "families", "render_error"]

DIALECTS: dict[DialectName, Dialect] = {
    module.DIALECT.name: module.DIALECT for module in (openai_chat, openai_responses, anthropic, gemini)
}
FIELD_NAMES: dict[DialectName, dict[str, str]] = {
    module.DIALECT.name: module.FIELD_NAMES for module in (openai_chat, openai_responses, anthropic, gemini)
}
"""How each dialect spells the canonical fields that it calls otherwise."""
URL_KINDS: dict[DialectName, frozenset[str]] = {
    module.DIALECT.name: module.URL_KINDS for module in (openai_chat, openai_responses, anthropic, gemini)
}
"""The media that each dialect takes by address."""

_FAMILIES = {
    DialectName.OPENAI_CHAT: Family.OPENAI,
    DialectName.OPENAI_RESPONSES: Family.OPENAI,
    DialectName.ANTHROPIC: Family.ANTHROPIC,
    DialectName.GEMINI: Family.GEMINI,
}
_OF_FAMILY = {
    Family.OPENAI: DialectName.OPENAI_CHAT,
    Family.ANTHROPIC: DialectName.ANTHROPIC,
    Family.GEMINI: DialectName.GEMINI,
}


@cache
def families(dialects: tuple[DialectName, ...]) -> frozenset[Family]:
    """The API families that a provider of these dialects has the endpoints of."""
    return frozenset(_FAMILIES[name] for name in dialects)


def render_error(family: Family, error: GatewayError, request_id: str) -> bytes:
    """An error as callers of `family` expect it."""
    return DIALECTS[_OF_FAMILY[family]].render_error(error, request_id)
