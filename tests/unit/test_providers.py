"""Every row of the table leads where its provider is."""

from __future__ import annotations

import pytest

from ai_gateway.providers import PROVIDERS, Auth, BaseUrlRequired, UnknownProvider, Upstream

CHAT_URLS: list[tuple[str, str, str]] = [
    ("openai", "", "https://api.openai.com/v1/chat/completions"),
    ("mistral", "", "https://api.mistral.ai/v1/chat/completions"),
    ("perplexity", "", "https://api.perplexity.ai/chat/completions"),
    ("xai", "", "https://api.x.ai/v1/chat/completions"),
    ("cohere", "", "https://api.cohere.com/compatibility/v1/chat/completions"),
    ("ollama", "", "http://localhost:11434/v1/chat/completions"),
    ("ollama", "http://box:11434", "http://box:11434/v1/chat/completions"),
    ("lmstudio", "", "http://localhost:1234/v1/chat/completions"),
    ("openrouter", "", "https://openrouter.ai/api/v1/chat/completions"),
    ("groq", "", "https://api.groq.com/openai/v1/chat/completions"),
    ("deepseek", "", "https://api.deepseek.com/v1/chat/completions"),
    ("together", "", "https://api.together.xyz/v1/chat/completions"),
    ("fireworks", "", "https://api.fireworks.ai/inference/v1/chat/completions"),
    ("vllm", "http://box:8000/v1", "http://box:8000/v1/chat/completions"),
    ("openai-compatible", "http://box:8000", "http://box:8000/v1/chat/completions"),
    ("openai-compatible", "http://box:8000/v1/", "http://box:8000/v1/chat/completions"),
    ("openai-compatible", "https://box/api/llm", "https://box/api/llm/chat/completions"),
    (
        "azure-openai",
        "https://res.openai.azure.com",
        "https://res.openai.azure.com/openai/deployments/gpt%204/chat/completions?api-version=2024-10-21",
    ),
    (
        "azure-openai",
        "https://res.openai.azure.com/openai?api-version=2025-01-01-preview",
        "https://res.openai.azure.com/openai/deployments/gpt%204/chat/completions?api-version=2025-01-01-preview",
    ),
    (
        "azure-openai",
        "https://res.openai.azure.com/openai/deployments/mine?api-version=2024-10-21",
        "https://res.openai.azure.com/openai/deployments/mine/chat/completions?api-version=2024-10-21",
    ),
    (
        "azure-openai",
        "https://res.openai.azure.com/openai/v1",
        "https://res.openai.azure.com/openai/v1/chat/completions",
    ),
    ("echo", "", "builtin://echo/chat/completions"),
]


@pytest.mark.parametrize(("provider", "base_url", "url"), CHAT_URLS)
def test_chat_urls(provider: str, base_url: str, url: str) -> None:
    assert Upstream.of(provider, base_url=base_url).url("/chat/completions", model="gpt 4") == url


OTHER_URLS: list[tuple[str, str, str, str]] = [
    ("anthropic", "", "/messages", "https://api.anthropic.com/v1/messages"),
    ("anthropic", "http://box:8000", "/messages", "http://box:8000/v1/messages"),
    (
        "gemini",
        "",
        "/models/gemini-x:generateContent",
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-x:generateContent",
    ),
    ("perplexity", "", "/embeddings", "https://api.perplexity.ai/v1/embeddings"),
]


@pytest.mark.parametrize(("provider", "base_url", "path", "url"), OTHER_URLS)
def test_other_urls(provider: str, base_url: str, path: str, url: str) -> None:
    assert Upstream.of(provider, base_url=base_url).url(path) == url


def test_every_row_is_tested() -> None:
    assert {row[0] for row in [*CHAT_URLS, *OTHER_URLS]} == set(PROVIDERS)


MODEL_URLS = [
    ("openai", "", "https://api.openai.com/v1/models"),
    ("ollama", "", "http://localhost:11434/api/tags"),
    ("ollama", "http://box:11434/v1", "http://box:11434/api/tags"),
    ("perplexity", "", "https://api.perplexity.ai/v1/models"),
    ("anthropic", "", "https://api.anthropic.com/v1/models?limit=1000"),
    ("gemini", "", "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000"),
    ("azure-openai", "https://r.azure.com", "https://r.azure.com/openai/models?api-version=2024-10-21"),
    ("azure-openai", "https://r.azure.com/openai/v1", "https://r.azure.com/openai/v1/models"),
]


@pytest.mark.parametrize(("provider", "base_url", "url"), MODEL_URLS)
def test_model_urls(provider: str, base_url: str, url: str) -> None:
    assert Upstream.of(provider, base_url=base_url).models_url() == url


def test_other_azure_paths_name_no_deployment() -> None:
    upstream = Upstream.of("azure-openai", base_url="https://r.azure.com")
    assert upstream.url("/files", query="purpose=batch") == (
        "https://r.azure.com/openai/files?api-version=2024-10-21&purpose=batch"
    )


@pytest.mark.parametrize(
    ("provider", "headers"),
    [
        ("openai", (("Authorization", "Bearer sk-1"),)),
        ("azure-openai", (("api-key", "sk-1"),)),
        ("anthropic", (("x-api-key", "sk-1"),)),
        ("gemini", (("x-goog-api-key", "sk-1"),)),
        ("vllm", (("Authorization", "Bearer sk-1"),)),
        ("echo", ()),
    ],
)
def test_credentials(provider: str, headers: tuple[tuple[str, str], ...]) -> None:
    assert Upstream.of(provider, base_url="http://box", credential="sk-1").headers == headers


def test_no_credential_no_header() -> None:
    assert Upstream.of("ollama").headers == ()
    assert Auth.BEARER.headers("") == ()


@pytest.mark.parametrize("provider", ["azure-openai", "vllm", "openai-compatible"])
def test_some_need_an_address(provider: str) -> None:
    with pytest.raises(BaseUrlRequired, match="needs a base URL"):
        Upstream.of(provider)


def test_an_unknown_provider_names_the_known_ones() -> None:
    with pytest.raises(UnknownProvider, match="openai"):
        Upstream.of("opena")


@pytest.mark.parametrize(
    ("provider", "body", "models"),
    [
        ("openai", b'{"object":"list","data":[{"id":"a"},{"id":"b","x":1}]}', ["a", "b"]),
        ("together", b'[{"id":"a"}]', ["a"]),
        ("ollama", b'{"models":[{"name":"llama3:8b","details":{}}]}', ["llama3:8b"]),
        ("anthropic", b'{"data":[{"type":"model","id":"claude-a"}],"has_more":false}', ["claude-a"]),
        ("gemini", b'{"models":[{"name":"models/gemini-x","version":"1"}]}', ["gemini-x"]),
    ],
)
def test_model_lists(provider: str, body: bytes, models: list[str]) -> None:
    assert Upstream.of(provider).read_models(body) == models


@pytest.mark.parametrize("body", [b"", b"{}", b'{"data":7}', b"<html>"])
def test_what_is_no_model_list(body: bytes) -> None:
    with pytest.raises(ValueError, match="no OpenAI model list"):
        Upstream.of("openai").read_models(body)
