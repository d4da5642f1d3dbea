"""Where each path that SDKs use leads."""

from __future__ import annotations

import pytest

from ai_gateway.dialects.endpoints import Family
from ai_gateway.errors import MethodNotAllowed, NotFound
from ai_gateway.ingress.routes import family_of, route

OPENAI, ANTHROPIC, GEMINI = Family.OPENAI, Family.ANTHROPIC, Family.GEMINI

# method, path, whose SDK the headers speak of, endpoint, its family, path for the provider, model
ROUTES = [
    ("POST", "/v1/chat/completions", OPENAI, "/chat/completions", OPENAI, "/chat/completions", None),
    ("POST", "/chat/completions", OPENAI, "/chat/completions", OPENAI, "/chat/completions", None),
    ("POST", "/v1/responses", OPENAI, "/responses", OPENAI, "/responses", None),
    ("POST", "/v1/completions", OPENAI, "/completions", OPENAI, "/completions", None),
    ("POST", "/v1/embeddings", OPENAI, "/embeddings", OPENAI, "/embeddings", None),
    ("POST", "/v1/messages", OPENAI, "/messages", ANTHROPIC, "/messages", None),
    ("POST", "/v1/messages", ANTHROPIC, "/messages", ANTHROPIC, "/messages", None),
    ("POST", "/v1/messages/count_tokens", OPENAI, "/messages/count_tokens", ANTHROPIC, None, None),
    ("POST", "/v1/messages/batches", OPENAI, "", ANTHROPIC, "/messages/batches", None),
    ("POST", "/v1beta/models/g:generateContent", OPENAI, ":generateContent", GEMINI, None, "g"),
    ("POST", "/v1/models/g:generateContent", GEMINI, ":generateContent", GEMINI, None, "g"),
    ("POST", "/models/g:generateContent", OPENAI, ":generateContent", GEMINI, None, "g"),
    ("POST", "/v1alpha/models/g:streamGenerateContent", GEMINI, ":streamGenerateContent", GEMINI, None, "g"),
    ("POST", "/v1beta/models/org%2Fg:countTokens", GEMINI, ":countTokens", GEMINI, None, "org/g"),
    (
        "POST",
        "/v1beta/models/llama3:8b:generateContent",
        GEMINI,
        ":generateContent",
        GEMINI,
        None,
        "llama3:8b",
    ),
    ("POST", "/v1beta/models/e:embedContent", GEMINI, ":embedContent", GEMINI, None, "e"),
    ("POST", "/v1beta/models/e:batchEmbedContents", GEMINI, ":batchEmbedContents", GEMINI, None, "e"),
    ("POST", "/v1beta/models/i:predict", GEMINI, "", GEMINI, "/models/i:predict", "i"),
    ("POST", "/v1beta/cachedContents", GEMINI, "", GEMINI, "/cachedContents", None),
    ("POST", "/v1beta/openai/chat/completions", OPENAI, "/chat/completions", OPENAI, None, None),
    ("GET", "/v1/models", OPENAI, "/models", OPENAI, "/models", None),
    ("GET", "/v1/models", ANTHROPIC, "/models", ANTHROPIC, "/models", None),
    ("GET", "/v1/models", GEMINI, "/models", GEMINI, "/models", None),
    ("GET", "/v1beta/models", OPENAI, "/models", GEMINI, "/models", None),
    ("GET", "/v1beta/models/g", OPENAI, "/models", GEMINI, "/models/g", "g"),
    ("GET", "/v1/models/llama3:8b", OPENAI, "/models", OPENAI, "/models/llama3:8b", "llama3:8b"),
    ("GET", "/v1/models/org/name", OPENAI, "/models", OPENAI, "/models/org/name", "org/name"),
    ("POST", "/openai/deployments/d/chat/completions", OPENAI, "/chat/completions", OPENAI, None, "d"),
    ("POST", "/openai/v1/responses", OPENAI, "/responses", OPENAI, "/responses", None),
    ("POST", "/v1/images/generations", OPENAI, "", OPENAI, "/images/generations", None),
    ("GET", "/v1/files/f1", OPENAI, "", OPENAI, "/files/f1", None),
    ("DELETE", "/v1/files/f1", OPENAI, "", OPENAI, "/files/f1", None),
]


@pytest.mark.parametrize(("method", "path", "hint", "endpoint", "family", "relative", "model"), ROUTES)
def test_routes(
    method: str,
    path: str,
    hint: Family,
    endpoint: str,
    family: Family,
    relative: str | None,
    model: str | None,
) -> None:
    found = route(method, path, hint)
    assert found.endpoint.path == endpoint
    assert found.endpoint.family is family
    assert found.model == model
    if relative is not None:
        assert found.path == relative


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        "/nowhere",
        "/v2/chat/completions",
        "/v1/../admin",
        "/v1/%2e%2e/admin",
        "/v1//chat",
        "/v1/a%5cb",
        "/v1/a%0ab",
        "/v1beta/models/:generateContent",
    ],
)
def test_a_path_that_leads_nowhere(path: str) -> None:
    with pytest.raises(NotFound):
        route("POST", path, OPENAI)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/chat/completions"),
        ("DELETE", "/v1/messages"),
        ("POST", "/v1/models"),
        ("TRACE", "/v1/files"),
        ("GET", "/v1/responses"),
    ],
)
def test_a_method_that_a_path_does_not_take(method: str, path: str) -> None:
    with pytest.raises(MethodNotAllowed):
        route(method, path, OPENAI)


@pytest.mark.parametrize(
    ("path", "hint", "family"),
    [
        ("/v1beta/nothing", OPENAI, GEMINI),
        ("/v1beta/openai/nothing", OPENAI, OPENAI),
        ("/v1/messages/x/y", OPENAI, ANTHROPIC),
        ("/nothing", OPENAI, OPENAI),
        ("/nothing", ANTHROPIC, ANTHROPIC),
    ],
)
def test_an_error_is_spelled_for_whoever_came(path: str, hint: Family, family: Family) -> None:
    assert family_of(path, hint) is family
