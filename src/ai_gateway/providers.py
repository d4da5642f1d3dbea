"""The table of providers: rows of data; code only where a wire format really differs."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import msgspec

from ai_gateway.core.chat import DialectName

__all__ = ["PROVIDERS", "Auth", "BaseUrlRequired", "Provider", "Upstream", "UnknownProvider", "provider_of"]

Headers = tuple[tuple[str, str], ...]
_AZURE_API_VERSION = "2024-10-21"
"""The newest general-availability version of the deployment URLs.

Source: Azure OpenAI reference, "Data plane inference", API versions."""


class UnknownProvider(ValueError):
    """No row of the table has this name."""


class BaseUrlRequired(ValueError):
    """This provider has no address of its own."""


class Auth(StrEnum):
    """How the upstream credential travels."""

    NONE = "none"
    BEARER = "authorization: bearer"
    API_KEY = "api-key"
    X_API_KEY = "x-api-key"
    X_GOOG_API_KEY = "x-goog-api-key"

    def headers(self, credential: str) -> Headers:
        """No header without a credential: local servers take requests bare."""
        if not credential or self is Auth.NONE:
            return ()
        if self is Auth.BEARER:
            return (("Authorization", f"Bearer {credential}"),)
        return ((self.value, credential),)


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One row: where it is, how it is asked, and where it leaves OpenAI's path."""

    title: str
    dialects: tuple[DialectName, ...] = (DialectName.OPENAI_CHAT,)
    """What it speaks: a caller of one of these is relayed, any other one is translated into the first."""
    base_url: str = ""
    """Empty: the client's settings must name one."""
    root: str = ""
    """Added where the base URL is a bare host, as people write it: `http://localhost:1234`."""
    auth: Auth = Auth.BEARER
    headers: Headers = ()
    """Sent with every request that does not bring its own."""
    key_required: bool = True
    models_path: str = "/models"
    models_kind: str = "openai"
    """`openai`: `{"data": [{"id"}]}` (or the bare list); `named`: `{"models": [{"name"}]}`."""
    rejects: frozenset[str] = frozenset()
    """Request members that it answers with an error."""
    completions: bool = True
    """Whether it has the legacy `/completions`."""
    # How a translated conversation is put to it in Chat Completions.
    openai_models: bool = False
    """Runs OpenAI's models: the newest members of the API, and its models' refusals."""
    output_cap: str = "max_tokens"
    """The member that limits output tokens."""
    developer_role: bool = False
    custom_tools: bool = False
    required_choice: str = "required"
    """The `tool_choice` that demands a call."""
    seed: str = "seed"
    call_id_length: int = 0
    """Letters and digits that a tool call's id must have; 0: anything goes."""
    top_k: bool = False
    json_schema: bool = True
    reasoning: Literal["effort", "openrouter", "thinking", "none"] = "effort"
    """How it is told to think: `reasoning_effort`, OpenRouter's `reasoning`, DeepSeek's `thinking`."""
    reasoning_history: Literal["reasoning_content", "reasoning_details", "none"] = "none"
    """How its own reasoning goes back to it."""
    keeps_thoughts: bool = False
    """Takes its thoughts back also in turns without tool calls."""
    documents: Literal["file", "document_url", "file_url", "none"] = "file"
    video: bool = False
    bare_audio: bool = False
    """Sound is Base64 by itself, without its format."""
    cache_control: bool = False
    """Takes Anthropic's cache markers."""
    fetches_urls: bool = True
    """Takes images by address."""
    encrypted_reasoning: bool = False
    """Gives its reasoning back encrypted in the Responses API, and takes it again."""
    embedding_size: str = "dimensions"
    """The member that asks for vectors of a certain length."""
    paths: tuple[tuple[str, str], ...] = ()
    """Endpoints that stand elsewhere than at the API's root."""
    counts_tokens: DialectName | None = None
    """The dialect in which it counts the tokens of a request; None: the gateway estimates."""
    terminator_optional: bool = False
    """Its streams may end without `[DONE]`."""
    azure: bool = False
    builtin: bool = False
    price_provider: str = ""
    """Whose prices hold, by the price table's name; empty: it charges nothing that a table knows."""
    priced_by_address: bool = False
    """Its base URL, or else the model's name, says whose prices hold."""

    @property
    def asks_for_usage(self) -> bool:
        """Whether `stream_options.include_usage` is how a stream comes to report usage."""
        return "stream_options" not in self.rejects


_CHAT_AND_RESPONSES = (DialectName.OPENAI_CHAT, DialectName.OPENAI_RESPONSES)

PROVIDERS: dict[str, Provider] = {
    "openai": Provider(
        title="OpenAI",
        price_provider="openai",
        openai_models=True,
        output_cap="max_completion_tokens",
        developer_role=True,
        custom_tools=True,
        base_url="https://api.openai.com/v1",
        root="/v1",
        dialects=_CHAT_AND_RESPONSES,
        counts_tokens=DialectName.OPENAI_RESPONSES,
        encrypted_reasoning=True,
    ),
    # Anthropic: "API overview", "Versions", "List Models" (up to 1,000 a page).
    "anthropic": Provider(
        title="Anthropic",
        price_provider="anthropic",
        dialects=(DialectName.ANTHROPIC,),
        counts_tokens=DialectName.ANTHROPIC,
        base_url="https://api.anthropic.com/v1",
        root="/v1",
        auth=Auth.X_API_KEY,
        headers=(("anthropic-version", "2023-06-01"),),
        models_path="/models?limit=1000",
    ),
    # Gemini: "API reference", "Models: list" (names are `models/...`, up to 1,000 a page).
    "gemini": Provider(
        title="Google Gemini",
        price_provider="google",
        dialects=(DialectName.GEMINI,),
        counts_tokens=DialectName.GEMINI,
        base_url="https://generativelanguage.googleapis.com/v1beta",
        root="/v1beta",
        auth=Auth.X_GOOG_API_KEY,
        models_path="/models?pageSize=1000",
        models_kind="named",
    ),
    # Mistral: 422 extra_forbidden on stream_options; usage rides on the last chunk unasked.
    "mistral": Provider(
        title="Mistral",
        price_provider="mistral",
        # "Chat": tool_choice `any`, `random_seed`, `document_url`; ids of nine characters.
        required_choice="any",
        seed="random_seed",
        call_id_length=9,
        documents="document_url",
        bare_audio=True,
        embedding_size="output_dimension",  # "Embeddings"; recorded traffic
        completions=False,
        base_url="https://api.mistral.ai/v1",
        root="/v1",
        rejects=frozenset({"stream_options"}),
    ),
    # Perplexity: usage in every chunk, mostly no [DONE]. Model list from recorded traffic.
    "perplexity": Provider(
        title="Perplexity",
        price_provider="perplexity",
        documents="file_url",  # "Media attachments"
        top_k=True,
        paths=(("/embeddings", "/v1/embeddings"),),  # recorded traffic
        completions=False,
        base_url="https://api.perplexity.ai",
        models_path="/v1/models",
        rejects=frozenset({"stream_options"}),
        terminator_optional=True,
    ),
    "xai": Provider(
        title="xAI",
        price_provider="x-ai",
        output_cap="max_completion_tokens",  # "Chat completions"; reasoning is not taken back
        documents="none",
        base_url="https://api.x.ai/v1",
        root="/v1",
        dialects=_CHAT_AND_RESPONSES,
        encrypted_reasoning=True,
    ),
    # Cohere: the compatibility API refuses stream_options, and some of its streams lack [DONE].
    "cohere": Provider(
        title="Cohere",
        price_provider="cohere",
        documents="none",  # "Compatibility API"
        completions=False,
        base_url="https://api.cohere.com/compatibility/v1",
        root="/compatibility/v1",
        rejects=frozenset({"stream_options"}),
        terminator_optional=True,
    ),
    "azure-openai": Provider(
        title="Azure OpenAI",
        price_provider="azure",
        openai_models=True,
        output_cap="max_completion_tokens",
        developer_role=True,
        custom_tools=True,
        auth=Auth.API_KEY,
        azure=True,
        dialects=_CHAT_AND_RESPONSES,
        encrypted_reasoning=True,
    ),
    "ollama": Provider(
        title="Ollama",
        documents="none",  # "OpenAI compatibility": images in Base64 only
        fetches_urls=False,
        reasoning_history="reasoning_content",
        base_url="http://localhost:11434/v1",
        root="/v1",
        key_required=False,
        models_path="/../api/tags",
        models_kind="named",
    ),
    "lmstudio": Provider(
        title="LM Studio",
        documents="none",  # "OpenAI compatibility": images in Base64 only
        fetches_urls=False,
        top_k=True,
        base_url="http://localhost:1234/v1",
        root="/v1",
        key_required=False,
        dialects=_CHAT_AND_RESPONSES,
    ),
    "openrouter": Provider(
        title="OpenRouter",
        price_provider="openrouter",
        reasoning="openrouter",  # "Reasoning tokens", "Prompt caching", "PDF inputs"
        reasoning_history="reasoning_details",
        cache_control=True,
        top_k=True,
        base_url="https://openrouter.ai/api/v1",
        root="/api/v1",
        dialects=_CHAT_AND_RESPONSES,
    ),
    "groq": Provider(
        title="Groq",
        price_provider="groq",
        output_cap="max_completion_tokens",  # "API reference", "Chat"
        documents="none",
        completions=False,
        base_url="https://api.groq.com/openai/v1",
        root="/openai/v1",
        dialects=_CHAT_AND_RESPONSES,
    ),
    # DeepSeek: "Thinking mode" (its thoughts go back while tools are called), "JSON output".
    "deepseek": Provider(
        title="DeepSeek",
        price_provider="deepseek",
        base_url="https://api.deepseek.com/v1",
        root="/v1",
        json_schema=False,
        documents="none",
        reasoning="thinking",
        reasoning_history="reasoning_content",
    ),
    "together": Provider(
        title="Together AI",
        price_provider="together",
        base_url="https://api.together.xyz/v1",
        root="/v1",
        documents="none",
        top_k=True,
        video=True,
    ),
    "fireworks": Provider(
        title="Fireworks AI",
        price_provider="fireworks",
        documents="none",
        top_k=True,
        base_url="https://api.fireworks.ai/inference/v1",
        root="/inference/v1",
        dialects=_CHAT_AND_RESPONSES,
    ),
    # vLLM and transformers serve can leave [DONE] out.
    "vllm": Provider(
        title="vLLM",
        top_k=True,  # "OpenAI-compatible server", extra parameters
        video=True,
        reasoning_history="reasoning_content",
        keeps_thoughts=True,
        root="/v1",
        key_required=False,
        terminator_optional=True,
        dialects=_CHAT_AND_RESPONSES,
    ),
    "openai-compatible": Provider(
        title="OpenAI-compatible server",
        priced_by_address=True,
        root="/v1",
        key_required=False,
        terminator_optional=True,
        top_k=True,
        video=True,
        reasoning_history="reasoning_content",
        keeps_thoughts=True,
    ),
    "echo": Provider(
        title="Echo (built in)",
        documents="none",
        completions=False,
        base_url="builtin://echo",
        auth=Auth.NONE,
        key_required=False,
        builtin=True,
    ),
}


def provider_of(name: str) -> Provider:
    """Raises: UnknownProvider, listing those that there are."""
    try:
        return PROVIDERS[name]
    except KeyError:
        raise UnknownProvider(f"unknown provider {name!r}: one of {', '.join(PROVIDERS)}") from None


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """A provider at an address, with a credential: all that a request to it needs, made once per client."""

    provider_name: str
    provider: Provider
    base: str
    """Scheme, host and root path, without a trailing slash."""
    query: str
    """Query of the base URL (Azure's `api-version`), with its question mark; or empty."""
    headers: Headers
    credential: str
    deployments: bool = False
    """Azure's older URLs, which hold the deployment's name."""

    @classmethod
    def of(cls, provider_name: str, *, base_url: str = "", credential: str = "") -> Upstream:
        """Raises: UnknownProvider, BaseUrlRequired."""
        provider = provider_of(provider_name)
        address = base_url or provider.base_url
        if not address:
            raise BaseUrlRequired(f"{provider_name} needs a base URL")
        parts = urlsplit(address)
        path = parts.path.rstrip("/")
        query = dict(parse_qsl(parts.query))
        deployments = False
        if provider.azure:
            path, deployments = _azure_root(path)
            if deployments or "/openai/deployments/" in path:
                query.setdefault("api-version", _AZURE_API_VERSION)
        elif not path:
            path = provider.root
        return cls(
            provider_name=provider_name,
            provider=provider,
            base=f"{parts.scheme}://{parts.netloc}{path}",
            query="?" + urlencode(query) if query else "",
            headers=provider.auth.headers(credential),
            credential=credential,
            deployments=deployments,
        )

    def url(self, path: str, *, model: str | None = None, query: str = "") -> str:
        """The address of `path` (relative to the API's root, e.g. `/chat/completions`).

        `query` is the caller's, without a question mark; the base URL's own query goes first.
        """
        if self.deployments and model and path in _AZURE_MODEL_PATHS:
            path = f"/deployments/{quote(model, safe='')}{path}"
        for wanted, real in self.provider.paths:
            if path == wanted:
                path = real
        own = self.query
        if query:
            own = f"{own}&{query}" if own else f"?{query}"
        return self.base + path + own

    def models_url(self) -> str:
        """Where the provider lists its models."""
        path = self.provider.models_path
        if path.startswith("/../"):
            root = urlsplit(self.base)
            return f"{root.scheme}://{root.netloc}{root.path.removesuffix('/v1')}{path[3:]}{self.query}"
        own = self.query.replace("?", "&", 1) if "?" in path else self.query
        return self.base + path + own

    def read_models(self, body: bytes) -> list[str]:
        """Model names from the provider's list. Raises: ValueError where it is none."""
        return _MODEL_READERS[self.provider.models_kind](body)


# Source: Azure OpenAI reference: these endpoints stand under /openai/deployments/{deployment-id}.
_AZURE_MODEL_PATHS = frozenset(
    {
        "/chat/completions",
        "/completions",
        "/embeddings",
        "/audio/transcriptions",
        "/audio/translations",
        "/audio/speech",
        "/images/generations",
        "/images/edits",
    }
)


def _azure_root(path: str) -> tuple[str, bool]:
    """The root path of an Azure base URL, and whether a deployment's name must be put into each address."""
    if path.endswith("/openai/v1"):
        return path, False
    if "/openai/deployments/" in path:
        return path, False
    return (path if path.endswith("/openai") else f"{path}/openai"), True


class _Named(msgspec.Struct):
    id: str | None = None
    name: str | None = None


class _OpenAIModels(msgspec.Struct):
    data: list[_Named]


class _NamedModels(msgspec.Struct):
    models: list[_Named]


def _openai_models(body: bytes) -> list[str]:
    try:
        found = msgspec.json.decode(body, type=_OpenAIModels | list[_Named])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"no OpenAI model list: {error}") from error
    rows = found if isinstance(found, list) else found.data
    return [row.id for row in rows if row.id]


def _named_models(body: bytes) -> list[str]:
    try:
        found = msgspec.json.decode(body, type=_NamedModels)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"no model list: {error}") from error
    return [row.name.removeprefix("models/") for row in found.models if row.name]


_MODEL_READERS: dict[str, Callable[[bytes], list[str]]] = {"openai": _openai_models, "named": _named_models}
