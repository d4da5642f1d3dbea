"""Each family's SDK reads the list of models."""

from __future__ import annotations

import json

import pytest
from anthropic.types import ModelInfo
from google.genai import types
from openai.types import Model

from ai_gateway.dialects.endpoints import Family
from ai_gateway.errors import NotFound
from ai_gateway.ingress.model_lists import model_list

NAMES = ("a", "org/b")


def test_openai() -> None:
    body = json.loads(model_list(Family.OPENAI, "echo", NAMES, None))
    assert [Model.model_validate(row, strict=True).id for row in body["data"]] == list(NAMES)
    assert body["object"] == "list"


def test_anthropic() -> None:
    body = json.loads(model_list(Family.ANTHROPIC, "echo", NAMES, None))
    assert [ModelInfo.model_validate(row).id for row in body["data"]] == list(NAMES)
    assert (body["first_id"], body["last_id"], body["has_more"]) == ("a", "org/b", False)


def test_gemini() -> None:
    body = json.loads(model_list(Family.GEMINI, "echo", NAMES, None))
    names = [types.Model.model_validate({"name": row["name"]}).name for row in body["models"]]
    assert names == ["models/a", "models/org/b"]


@pytest.mark.parametrize("family", Family)
def test_one_model(family: Family) -> None:
    row = json.loads(model_list(family, "echo", NAMES, "org/b"))
    assert "org/b" in (row.get("id") or row["name"])
    with pytest.raises(NotFound):
        model_list(family, "echo", NAMES, "c")


def test_an_empty_list_is_no_error() -> None:
    assert json.loads(model_list(Family.ANTHROPIC, "echo", (), None))["first_id"] is None
