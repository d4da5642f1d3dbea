"""What programs need to call the gateway as a client, ready to paste.

Sources: opencode, "Config" and "Providers"; Claude Code, "LLM gateway configuration"; Codex, "Configuration
reference" (`wire_api` takes only `responses`); Gemini CLI, "Configuration" (`GOOGLE_GEMINI_BASE_URL`).
"""

from __future__ import annotations

import json
import re
import shlex
from textwrap import dedent

import msgspec

from ai_gateway.admin.schemas.clients import Snippet
from ai_gateway.config import Settings
from ai_gateway.core.client import ClientSettings

__all__ = ["KEY", "Place", "snippets"]

KEY = "YOUR_GATEWAY_KEY"
"""Stands for the key, which nobody can show again."""
_MODEL = "MODEL"
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_EVERYWHERE = frozenset({"0.0.0.0", "::", "127.0.0.1", "::1"})  # noqa: S104 - compared with, not bound
_ENV_KEY = "GATEWAY_API_KEY"
MAX_MODELS = 50


class Place(msgspec.Struct, frozen=True):
    """Where the gateway is, as the browser sees it."""

    root: str
    """Without a trailing slash."""

    @classmethod
    def of(cls, host: str | None, *, https: bool, settings: Settings) -> Place:
        """By the request's Host where that is a host's name or address, else by the config."""
        if host and _HOST.fullmatch(host):
            return cls(f"{'https' if https else 'http'}://{host}")
        server = settings.server
        name = "localhost" if server.host in _EVERYWHERE else server.host
        if ":" in name:
            name = f"[{name}]"
        return cls(f"{'https' if server.https.enabled else 'http'}://{name}:{server.port}")

    @property
    def v1(self) -> str:
        return f"{self.root}/v1"


def snippets(client: ClientSettings, place: Place) -> list[Snippet]:
    """Every kind, with the client's default model."""
    model = client.default_model or _first_model(client)
    return [
        Snippet(id="curl", title="curl", language="sh", filename=None, text=_curl(place, model)),
        Snippet(id="python", title="Python", language="python", filename=None, text=_python(place, model)),
        Snippet(id="node", title="Node", language="javascript", filename=None, text=_node(place, model)),
        Snippet(
            id="opencode",
            title="opencode",
            language="json",
            filename="opencode.json",
            text=_opencode(client, place, model),
        ),
        Snippet(
            id="claude-code", title="Claude Code", language="sh", filename=None, text=_claude(place, model)
        ),
        Snippet(
            id="codex",
            title="Codex",
            language="toml",
            filename="~/.codex/config.toml",
            text=_codex(place, model),
        ),
        Snippet(
            id="gemini-cli", title="Gemini CLI", language="sh", filename=None, text=_gemini(place, model)
        ),
    ]


def _first_model(client: ClientSettings) -> str:
    exact = [name for name in client.model_whitelist if "*" not in name]
    return next(iter((*exact, *client.models)), _MODEL)


def _curl(place: Place, model: str) -> str:
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "Hello!"}]}
    lines = [
        f"curl -N {shlex.quote(place.v1 + '/chat/completions')}",
        f"-H 'Authorization: Bearer {KEY}'",
        "-H 'Content-Type: application/json'",
        f"-d {shlex.quote(json.dumps(body))}",
    ]
    return " \\\n  ".join(lines) + "\n"


def _python(place: Place, model: str) -> str:
    return dedent(
        """\
        # pip install openai
        from openai import OpenAI

        client = OpenAI(base_url=%s, api_key="%s")
        stream = client.chat.completions.create(
            model=%s,
            messages=[{"role": "user", "content": "Hello!"}],
            stream=True,
        )
        for chunk in stream:
            if chunk.choices:
                print(chunk.choices[0].delta.content or "", end="", flush=True)
        """
    ) % (json.dumps(place.v1), KEY, json.dumps(model))


def _node(place: Place, model: str) -> str:
    return dedent(
        """\
        // npm install openai
        import OpenAI from "openai";

        const client = new OpenAI({ baseURL: %s, apiKey: "%s" });
        const stream = await client.chat.completions.create({
          model: %s,
          messages: [{ role: "user", content: "Hello!" }],
          stream: true,
        });
        for await (const chunk of stream) {
          process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
        }
        """
    ) % (json.dumps(place.v1), KEY, json.dumps(model))


def _opencode(client: ClientSettings, place: Place, model: str) -> str:
    exact = [name for name in client.model_whitelist if "*" not in name]
    names = list(dict.fromkeys((model, *(exact or client.models))))[:MAX_MODELS]
    config = {
        "$schema": "https://opencode.ai/config.json",
        "provider": {
            "ai-gateway": {
                "npm": "@ai-sdk/openai-compatible",
                "name": "ai-gateway",
                "options": {"baseURL": place.v1, "apiKey": KEY},
                "models": {name: {"name": name} for name in names},
            }
        },
        "model": f"ai-gateway/{model}",
    }
    return json.dumps(config, indent=2, ensure_ascii=False) + "\n"


def _claude(place: Place, model: str) -> str:
    return (
        f"unset ANTHROPIC_API_KEY\n"
        f"export ANTHROPIC_BASE_URL={shlex.quote(place.root)}\n"
        f"export ANTHROPIC_AUTH_TOKEN={KEY}\n"
        f"export ANTHROPIC_MODEL={shlex.quote(model)}\n"
        f"claude\n"
    )


def _codex(place: Place, model: str) -> str:
    # A TOML basic string takes JSON's escapes.
    return (
        f"# Then, in the shell: export {_ENV_KEY}={KEY}\n"
        f"model = {json.dumps(model)}\n"
        f'model_provider = "ai-gateway"\n\n'
        f"[model_providers.ai-gateway]\n"
        f'name = "ai-gateway"\n'
        f"base_url = {json.dumps(place.v1)}\n"
        f'env_key = "{_ENV_KEY}"\n'
        f'wire_api = "responses"\n'
    )


def _gemini(place: Place, model: str) -> str:
    return (
        f"export GOOGLE_GEMINI_BASE_URL={shlex.quote(place.root)}\n"
        f"export GEMINI_API_KEY={KEY}\n"
        f"gemini --model {shlex.quote(model)}\n"
    )
