"""The list of a client's models, as each family's SDK expects it.

Sources: OpenAI API reference, "List models"; Anthropic API reference, "List Models"; Gemini API reference,
"Models".
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ai_gateway.dialects.endpoints import Family
from ai_gateway.errors import NotFound

__all__ = ["model_list"]

_UNKNOWN_TIME = "1970-01-01T00:00:00Z"
_ACTIONS = ("generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents")


def model_list(family: Family, owner: str, names: Sequence[str], wanted: str | None) -> bytes:
    """The whole list, or the row of the model `wanted`. `owner` is the provider's name.

    Raises:
        NotFound: the list does not hold `wanted`.
    """
    if wanted is not None:
        if wanted not in names:
            raise NotFound(
                f"the model '{wanted[:200]}' does not exist", code="model_not_found", param="model"
            )
        return msgspec.json.encode(_row(family, owner, wanted))
    rows = [_row(family, owner, name) for name in names]
    if family is Family.ANTHROPIC:
        ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
        return msgspec.json.encode({"data": rows, "has_more": False, **ends})
    if family is Family.GEMINI:
        return msgspec.json.encode({"models": rows})
    return msgspec.json.encode({"object": "list", "data": rows})


def _row(family: Family, owner: str, name: str) -> dict[str, object]:
    if family is Family.ANTHROPIC:
        return {
            "type": "model",
            "id": name,
            "display_name": name,
            "created_at": _UNKNOWN_TIME,
            "lifecycle": "active",
        }
    if family is Family.GEMINI:
        return {
            "name": f"models/{name}",
            "version": "",
            "displayName": name,
            "supportedGenerationMethods": _ACTIONS,
        }
    return {"id": name, "object": "model", "created": 0, "owned_by": owner}
