"""Members of requests, dialect by dialect, for the mapping tables of docs/dialects."""

from __future__ import annotations

from typing import Any, Final

from ai_gateway.core.chat import DialectName

__all__ = ["BASES", "PROBES"]

Json = dict[str, Any]

_PNG: Final = "iVBORw0KGgo="
_PDF: Final = "JVBERi0xLjQK"
_WAV: Final = "UklGRg=="
_OBJECT: Final[Json] = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
_STRICT: Final[Json] = {**_OBJECT, "additionalProperties": False}

BASES: Final[dict[DialectName, Json]] = {
    DialectName.OPENAI_CHAT: {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
    DialectName.OPENAI_RESPONSES: {"model": "m", "input": "Hi"},
    DialectName.ANTHROPIC: {
        "model": "m",
        "max_tokens": 20000,
        "messages": [{"role": "user", "content": "Hi"}],
    },
    DialectName.GEMINI: {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
}
"""A small request of each dialect."""


def _chat_user(part: Json) -> tuple[Json, Json]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}, part]}]}, {}


_CHAT_TOOL: Final[Json] = {
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": _OBJECT}}]
}
_CHAT_CALL: Final[Json] = {
    "role": "assistant",
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
_CHAT: Final[dict[str, tuple[Json, Json]]] = {
    "`messages[]` of role `system`": (
        {"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Hi"}]},
        {},
    ),
    "`messages[]` of role `developer`, in the middle": (
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "developer", "content": "D"},
                {"role": "user", "content": "Go"},
            ]
        },
        {},
    ),
    "`image_url` with a `data:` URL": _chat_user(
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_PNG}"}}
    ),
    "`file` (a PDF)": _chat_user(
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{_PDF}"}}
    ),
    "`file` by `file_id`": _chat_user({"type": "file", "file": {"file_id": "file-1"}}),
    "`input_audio`": _chat_user({"type": "input_audio", "input_audio": {"data": _WAV, "format": "wav"}}),
    "`tools[]`": (_CHAT_TOOL, {}),
    "`tools[].function.strict`": (
        {
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "f",
                        "description": "d",
                        "parameters": _OBJECT,
                        "strict": True,
                    },
                }
            ]
        },
        _CHAT_TOOL,
    ),
    "`tools[]` of type `custom`": (
        {"tools": [{"type": "custom", "custom": {"name": "c", "description": "d"}}]},
        {},
    ),
    "`tool_calls[]` and their results": (
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                _CHAT_CALL,
                {"role": "tool", "tool_call_id": "call_1", "content": "r"},
            ]
        },
        _CHAT_TOOL,
    ),
    '`tool_choice: "required"`': ({"tool_choice": "required"}, _CHAT_TOOL),
    '`tool_choice: "none"`': ({"tool_choice": "none"}, _CHAT_TOOL),
    "`tool_choice` of a function": (
        {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        _CHAT_TOOL,
    ),
    "`parallel_tool_calls: false`": ({"parallel_tool_calls": False}, _CHAT_TOOL),
    "`max_completion_tokens`": ({"max_completion_tokens": 100}, {}),
    "`temperature`": ({"temperature": 0.5}, {}),
    "`temperature` over 1": ({"temperature": 1.5}, {}),
    "`top_p`": ({"top_p": 0.5}, {}),
    "`stop`": ({"stop": ["END"]}, {}),
    "`seed`": ({"seed": 1}, {}),
    "`n: 2`": ({"n": 2}, {}),
    "`presence_penalty`": ({"presence_penalty": 0.5}, {}),
    "`frequency_penalty`": ({"frequency_penalty": 0.5}, {}),
    "`logprobs`, `top_logprobs`": ({"logprobs": True, "top_logprobs": 2}, {}),
    "`logit_bias`": ({"logit_bias": {"1": 5}}, {}),
    "`response_format` (`json_schema`)": (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "strict": True, "schema": _STRICT},
            }
        },
        {},
    ),
    "`response_format` (`json_object`)": ({"response_format": {"type": "json_object"}}, {}),
    "`reasoning_effort`": ({"reasoning_effort": "low"}, {"max_completion_tokens": 20000}),
    "`verbosity`": ({"verbosity": "low"}, {}),
    "`modalities: [text, audio]`": ({"modalities": ["text", "audio"]}, {}),
    "`prediction`": ({"prediction": {"type": "content", "content": "x"}}, {}),
    "`web_search_options`": ({"web_search_options": {}}, {}),
    "`service_tier`": ({"service_tier": "flex"}, {}),
    "`user`": ({"user": "u"}, {}),
    "`metadata`": ({"metadata": {"a": "b"}}, {}),
    "`store: true`": ({"store": True}, {}),
    "`prompt_cache_key`": ({"prompt_cache_key": "k"}, {}),
    "a member that nobody knows": ({"zzz": 1}, {}),
}

_RESPONSES_TOOL: Final[Json] = {
    "tools": [{"type": "function", "name": "f", "description": "d", "parameters": _OBJECT, "strict": False}]
}


def _items(*items: Json) -> Json:
    return {"input": [{"role": "user", "content": "Hi"}, *items]}


def _responses_user(part: Json) -> tuple[Json, Json]:
    return {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}, part]}]}, {}


_RESPONSES: Final[dict[str, tuple[Json, Json]]] = {
    "`instructions`": ({"instructions": "S"}, {}),
    "`input[]` of role `developer`": (_items({"role": "developer", "content": "D"}), {}),
    "`input_image` with a `data:` URL": _responses_user(
        {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{_PNG}"}
    ),
    "`input_file` (a PDF)": _responses_user(
        {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{_PDF}"}
    ),
    "`input_file` by `file_id`": _responses_user({"type": "input_file", "file_id": "file-1"}),
    "`tools[]`": (_RESPONSES_TOOL, {}),
    "`tools[]` of type `custom`": ({"tools": [{"type": "custom", "name": "c"}]}, {}),
    "`tools[]` of type `namespace`": (
        {
            "tools": [
                {
                    "type": "namespace",
                    "name": "ns",
                    "description": "d",
                    "tools": _RESPONSES_TOOL["tools"],
                }
            ]
        },
        {},
    ),
    "`tools[]` of type `web_search`": ({"tools": [{"type": "web_search"}]}, {}),
    "`function_call` and its output": (
        _items(
            {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "r"},
        ),
        _RESPONSES_TOOL,
    ),
    "`reasoning` items of OpenAI": (
        _items(
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "t"}],
                "encrypted_content": "gAAAA",
            },
            {"role": "assistant", "content": "Hm."},
            {"role": "user", "content": "Go"},
        ),
        _items({"role": "assistant", "content": "Hm."}, {"role": "user", "content": "Go"}),
    ),
    '`tool_choice: "required"`': ({"tool_choice": "required"}, _RESPONSES_TOOL),
    "`tool_choice` of a function": ({"tool_choice": {"type": "function", "name": "f"}}, _RESPONSES_TOOL),
    "`parallel_tool_calls: false`": ({"parallel_tool_calls": False}, _RESPONSES_TOOL),
    "`max_output_tokens`": ({"max_output_tokens": 100}, {}),
    "`temperature`": ({"temperature": 0.5}, {}),
    "`top_p`": ({"top_p": 0.5}, {}),
    "`top_logprobs`": ({"top_logprobs": 2, "include": ["message.output_text.logprobs"]}, {}),
    "`text.format` (`json_schema`)": (
        {"text": {"format": {"type": "json_schema", "name": "x", "strict": True, "schema": _STRICT}}},
        {},
    ),
    "`text.verbosity`": ({"text": {"verbosity": "low"}}, {}),
    "`reasoning.effort`": ({"reasoning": {"effort": "low"}}, {"max_output_tokens": 20000}),
    "`service_tier`": ({"service_tier": "flex"}, {}),
    "`safety_identifier`": ({"safety_identifier": "u"}, {}),
    "`metadata`": ({"metadata": {"a": "b"}}, {}),
    "`prompt_cache_key`": ({"prompt_cache_key": "k"}, {}),
    "`max_tool_calls`": ({"max_tool_calls": 3}, {}),
    "`previous_response_id`": ({"previous_response_id": "resp_1"}, {}),
    "`conversation`": ({"conversation": "conv_1"}, {}),
    "`background: true`": ({"background": True}, {}),
    "`prompt`": ({"prompt": {"id": "pmpt_1"}}, {}),
    "a member that nobody knows": ({"zzz": 1}, {}),
}

_CLAUDE_TOOL: Final[Json] = {"tools": [{"name": "f", "description": "d", "input_schema": _OBJECT}]}


def _claude_user(block: Json) -> tuple[Json, Json]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}, block]}]}, {}


_ANTHROPIC: Final[dict[str, tuple[Json, Json]]] = {
    "`system`": ({"system": "S"}, {}),
    "`messages[]` of role `system`": (
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Yes?"},
                {"role": "system", "content": "S"},
                {"role": "user", "content": "Go"},
            ]
        },
        {},
    ),
    "`cache_control` on `system`": (
        {"system": [{"type": "text", "text": "S", "cache_control": {"type": "ephemeral"}}]},
        {"system": "S"},
    ),
    "`image` in Base64": _claude_user(
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": _PNG}}
    ),
    "`document` (a PDF)": _claude_user(
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": _PDF}}
    ),
    "`document` of plain text": _claude_user(
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}}
    ),
    "`image` by `file_id`": _claude_user({"type": "image", "source": {"type": "file", "file_id": "file_1"}}),
    "`tools[]`": (_CLAUDE_TOOL, {}),
    "`tools[]` of type `web_search_20250305`": (
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        {},
    ),
    "`tool_use` and `tool_result`": (
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}],
                },
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "r"}]},
            ]
        },
        _CLAUDE_TOOL,
    ),
    "`tool_result` with an image": (
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "t1",
                            "content": [
                                {
                                    "type": "image",
                                    "source": {"type": "base64", "media_type": "image/png", "data": _PNG},
                                }
                            ],
                        }
                    ],
                },
            ]
        },
        _CLAUDE_TOOL,
    ),
    "`tool_choice: any`": ({"tool_choice": {"type": "any"}}, _CLAUDE_TOOL),
    "`tool_choice: none`": ({"tool_choice": {"type": "none"}}, _CLAUDE_TOOL),
    "`tool_choice: tool`": ({"tool_choice": {"type": "tool", "name": "f"}}, _CLAUDE_TOOL),
    "`disable_parallel_tool_use`": (
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        _CLAUDE_TOOL,
    ),
    "`max_tokens`": ({"max_tokens": 100}, {}),
    "`temperature`": ({"temperature": 0.5}, {}),
    "`top_p`": ({"top_p": 0.5}, {}),
    "`top_k`": ({"top_k": 5}, {}),
    "`stop_sequences`": ({"stop_sequences": ["END"]}, {}),
    "`thinking` (`budget_tokens`)": ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, {}),
    "`thinking` (`adaptive`)": ({"thinking": {"type": "adaptive"}}, {}),
    "`output_config.effort`": ({"output_config": {"effort": "high"}}, {}),
    "`output_config.format`": (
        {"output_config": {"format": {"type": "json_schema", "schema": _STRICT}}},
        {},
    ),
    "`thinking` blocks of Claude": (
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "t", "signature": "c2ln"},
                        {"type": "text", "text": "Hm."},
                    ],
                },
                {"role": "user", "content": "Go"},
            ]
        },
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": [{"type": "text", "text": "Hm."}]},
                {"role": "user", "content": "Go"},
            ]
        },
    ),
    "`metadata.user_id`": ({"metadata": {"user_id": "u"}}, {}),
    "`service_tier`": ({"service_tier": "standard_only"}, {}),
    "`context_management`": ({"context_management": {"edits": []}}, {}),
    "`mcp_servers`": ({"mcp_servers": [{"type": "url", "url": "https://x.test", "name": "x"}]}, {}),
    "`container`": ({"container": "c_1"}, {}),
    "a member that nobody knows": ({"zzz": 1}, {}),
}

_GEMINI_TOOL: Final[Json] = {
    "tools": [{"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": _OBJECT}]}]
}


def _gemini_user(part: Json) -> tuple[Json, Json]:
    return {"contents": [{"role": "user", "parts": [{"text": "Hi"}, part]}]}, {}


def _config(**members: object) -> tuple[Json, Json]:
    return {"generationConfig": members}, {"generationConfig": {"maxOutputTokens": 20000}}


_GEMINI: Final[dict[str, tuple[Json, Json]]] = {
    "`systemInstruction`": ({"systemInstruction": {"parts": [{"text": "S"}]}}, {}),
    "`inlineData` (an image)": _gemini_user({"inlineData": {"mimeType": "image/png", "data": _PNG}}),
    "`inlineData` (a PDF)": _gemini_user({"inlineData": {"mimeType": "application/pdf", "data": _PDF}}),
    "`inlineData` (a sound)": _gemini_user({"inlineData": {"mimeType": "audio/wav", "data": _WAV}}),
    "`inlineData` (a video)": _gemini_user({"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}}),
    "`fileData` of the Files API": _gemini_user(
        {
            "fileData": {
                "mimeType": "image/png",
                "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc",
            }
        }
    ),
    "`functionDeclarations` (`parametersJsonSchema`)": (_GEMINI_TOOL, {}),
    "`functionDeclarations` (`parameters`)": (
        {
            "tools": [
                {
                    "functionDeclarations": [
                        {
                            "name": "f",
                            "description": "d",
                            "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
                        }
                    ]
                }
            ]
        },
        {},
    ),
    "`tools[].googleSearch`": ({"tools": [{"googleSearch": {}}]}, {}),
    "`tools[].codeExecution`": ({"tools": [{"codeExecution": {}}]}, {}),
    "`functionCall` and `functionResponse`": (
        {
            "contents": [
                {"role": "user", "parts": [{"text": "Hi"}]},
                {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
                {
                    "role": "user",
                    "parts": [{"functionResponse": {"name": "f", "response": {"result": "r"}}}],
                },
            ]
        },
        _GEMINI_TOOL,
    ),
    "`functionCallingConfig: ANY`": (
        {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}},
        _GEMINI_TOOL,
    ),
    "`functionCallingConfig: NONE`": (
        {"toolConfig": {"functionCallingConfig": {"mode": "NONE"}}},
        _GEMINI_TOOL,
    ),
    "`allowedFunctionNames`": (
        {"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}},
        _GEMINI_TOOL,
    ),
    "`maxOutputTokens`": ({"generationConfig": {"maxOutputTokens": 100}}, {}),
    "`temperature`": _config(temperature=0.5),
    "`temperature` over 1": _config(temperature=1.5),
    "`topP`": _config(topP=0.5),
    "`topK`": _config(topK=5),
    "`stopSequences`": _config(stopSequences=["END"]),
    "`candidateCount: 2`": _config(candidateCount=2),
    "`seed`": _config(seed=1),
    "`presencePenalty`": _config(presencePenalty=0.5),
    "`frequencyPenalty`": _config(frequencyPenalty=0.5),
    "`responseLogprobs`, `logprobs`": _config(responseLogprobs=True, logprobs=2),
    "`responseJsonSchema`": _config(responseMimeType="application/json", responseJsonSchema=_STRICT),
    "`responseSchema`": _config(
        responseMimeType="application/json",
        responseSchema={"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
    ),
    "`responseMimeType: application/json`": _config(responseMimeType="application/json"),
    "`thinkingConfig.thinkingBudget`": _config(thinkingConfig={"thinkingBudget": 2048}),
    "`thinkingConfig.thinkingLevel`": _config(thinkingConfig={"thinkingLevel": "low"}),
    "`responseModalities: [TEXT, IMAGE]`": _config(responseModalities=["TEXT", "IMAGE"]),
    "`safetySettings`": (
        {"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]},
        {},
    ),
    "`cachedContent`": ({"cachedContent": "cachedContents/1"}, {}),
    "`labels`": ({"labels": {"a": "b"}}, {}),
    "a member that nobody knows": ({"zzz": 1}, {}),
}

PROBES: Final = {
    DialectName.OPENAI_CHAT: _CHAT,
    DialectName.OPENAI_RESPONSES: _RESPONSES,
    DialectName.ANTHROPIC: _ANTHROPIC,
    DialectName.GEMINI: _GEMINI,
}
"""By dialect and label: the members, and what the request holds beside its base with and without them."""
