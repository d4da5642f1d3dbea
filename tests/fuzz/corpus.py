"""What is damaged: the project's own fixtures, and recorded traffic where there is any."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

from ai_gateway.core.chat import DialectName
from tests.conformance.providers import PROVIDERS
from tests.conformance.wire import FIRST, SECOND
from tests.harness.cassettes import Cassette, absence, load_cassettes
from tests.harness.recorded import dialect_of

Json = dict[str, Any]
MAX_BYTES: Final = 20_000
"""Of a recording: a longer one only makes the rounds slower."""
MAX_EACH: Final = 60
WORDS: Final = {
    DialectName.OPENAI_CHAT: "chat",
    DialectName.OPENAI_RESPONSES: "responses",
    DialectName.ANTHROPIC: "anthropic",
    DialectName.GEMINI: "gemini",
}
_PNG: Final = "iVBORw0KGgo="
_SCHEMA: Final = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}

REQUESTS: Final[dict[DialectName, Json]] = {
    DialectName.OPENAI_CHAT: {
        "model": "m",
        "messages": [
            {"role": "system", "content": "s"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "hi"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_PNG}"}},
                ],
            },
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":"b"}'}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": _SCHEMA}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": _SCHEMA}},
        "stop": ["a"],
        "temperature": 0.5,
        "max_tokens": 9,
        "stream_options": {"include_usage": True},
        "reasoning_effort": "low",
        "logprobs": True,
    },
    DialectName.OPENAI_RESPONSES: {
        "model": "m",
        "instructions": "s",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "x"},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":"b"}'},
            {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": _SCHEMA}],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": _SCHEMA}},
        "reasoning": {"effort": "low", "summary": "auto"},
        "max_output_tokens": 9,
    },
    DialectName.ANTHROPIC: {
        "model": "m",
        "max_tokens": 2000,
        "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "hi"},
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": _PNG},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "t", "signature": "c2ln"},
                    {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": "b"}},
                ],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "sunny"}],
            },
        ],
        "tools": [{"name": "f", "input_schema": _SCHEMA}],
        "tool_choice": {"type": "tool", "name": "f"},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "stop_sequences": ["a"],
    },
    DialectName.GEMINI: {
        "systemInstruction": {"parts": [{"text": "s"}]},
        "contents": [
            {
                "role": "user",
                "parts": [{"text": "hi"}, {"inlineData": {"mimeType": "image/png", "data": _PNG}}],
            },
            {
                "role": "model",
                "parts": [{"functionCall": {"name": "f", "args": {"a": "b"}}, "thoughtSignature": "c2ln"}],
            },
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "sunny"}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": _SCHEMA}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {
            "maxOutputTokens": 9,
            "stopSequences": ["a"],
            "responseMimeType": "application/json",
        },
    },
}

CONFIG: Final = b"""\
server: {port: 8090, trusted_proxies: [10.0.0.0/8], https: {enabled: false}}
admin: {username: admin}
defaults:
  rate_limit: {requests_per_minute: 60}
  quota: &quota {max_output_tokens: 8192}
database: {path: ./data/gateway.db}
limits: {timezone: Europe/Berlin}
prices:
  overrides:
    my-*: {input: 1, output: 2.5, effective_at: 2026-01-31}
    other: [{input: 1, output: 2}, {input: 2, output: 3, effective_at: 2026-01-31T12:00:00Z}]
"""

PAGE: Final = b"""\
<!doctype html><html><head><title>A &amp; b</title><style>p { a: "<b>" }</style></head>
<body class='x' data-y="a > b"><h1>Head</h1><!-- a --><p>one<br>two <a href="/c?d=1&amp;e=2">link</a>
<ul><li>a<li>b</ul><pre>x
  y</pre><table><tr><td>1<td>2</table><script>if (a < b) {}</script>
<img src=x alt="cat">&eacute;&#x41;</body></html>
"""

TOOL_ARGUMENTS: Final = (
    b'{"timezone": "Europe/Berlin"}',
    b'{"a": [1, {"b": null}], "timezone": 1e5}',
    b"{}",
    b"",
)

HTTP: Final = (
    b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /v1/chat/completions?key=k HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nX: y\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"PUT http://h/p?q#f HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
)
HTTP_ANSWERS: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ndata:\r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Slow\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\n{}",
)
TARGETS: Final = (
    b"/v1/chat/completions",
    b"/v1beta/models/gemini-x:streamGenerateContent",
    b"/openai/deployments/d/chat/completions",
    b"/v1/files/a%2Fb/content",
    b"/v1/models/m%20x",
)


def requests(dialect: DialectName) -> list[bytes]:
    own = [json.dumps(REQUESTS[dialect]).encode()]
    told = (cassette.request_body for cassette in _recorded() if dialect_of(cassette) is dialect)
    return own + _short(json.dumps(body).encode() for body in told if isinstance(body, dict))


def answers(dialect: DialectName) -> list[bytes]:
    speak = PROVIDERS[WORDS[dialect]].speak
    own = [json.dumps(speak("m", said, False)).encode() for said in (FIRST, SECOND)]
    told = (
        cassette.response_bytes()
        for cassette in _recorded()
        if dialect_of(cassette) is dialect and isinstance(cassette.body, dict)
    )
    return own + _short(told)


def streams(dialect: DialectName) -> list[bytes]:
    speak = PROVIDERS[WORDS[dialect]].speak
    own = [b"".join(bytes(piece) for piece in speak("m", said, True)) for said in (FIRST, SECOND)]  # type: ignore[arg-type]
    told = (
        cassette.response_bytes()
        for cassette in _recorded()
        if dialect_of(cassette) is dialect and "data:" in (cassette.body_text or "")
    )
    return own + _short(told)


def _short(found: Any) -> list[bytes]:
    return [body for body in found if len(body) <= MAX_BYTES][:MAX_EACH]


@cache
def _recorded() -> list[Cassette]:
    return [] if absence() is not None else load_cassettes()
