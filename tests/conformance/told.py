"""What a provider was told, read out of its own wire format into one form, so that it can be compared."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.wire import Json


@dataclass
class Told:
    """A request as the model sees it."""

    system: list[str] = field(default_factory=list)
    user: list[str] = field(default_factory=list)
    assistant: list[str] = field(default_factory=list)
    images: list[tuple[str, str]] = field(default_factory=list)
    """Media type and Base64."""
    documents: list[tuple[str, str]] = field(default_factory=list)
    tools: dict[str, Json] = field(default_factory=dict)
    """Parameters' properties, by the tool's name."""
    calls: list[tuple[str, Json]] = field(default_factory=list)
    """That the model made before."""
    results: list[tuple[str, str]] = field(default_factory=list)
    """Name of the tool and its result."""
    signatures: list[str] = field(default_factory=list)
    max_tokens: int | None = None
    temperature: float | None = None
    stop: list[str] = field(default_factory=list)
    tool_choice: str | None = None
    """`auto`, `none`, `required`, or a tool's name."""
    schema: Json | None = None
    reasoning: object = None
    """However it is asked for; None or empty: it is not."""
    cache_markers: int = 0


def read(dialect: str, body: Json) -> Told:
    """Raises: AssertionError, KeyError where the request is not of this dialect."""
    reader = {"chat": _chat, "anthropic": _anthropic, "gemini": _gemini, "responses": _responses}[dialect]
    return reader(_told(body))


def _told(value: Any) -> Any:
    """Without members that are null: they say nothing."""
    if isinstance(value, dict):
        return {name: _told(inner) for name, inner in value.items() if inner is not None}
    return [_told(inner) for inner in value] if isinstance(value, list) else value


def _data(url: str) -> tuple[str, str]:
    head, _, data = url.partition(",")
    assert head.startswith("data:")
    assert head.endswith(";base64")
    return head[5:-7], data


def _chat(body: Json) -> Told:
    told = Told(
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        temperature=body.get("temperature"),
        stop=_listed(body.get("stop")),
        reasoning=body.get("reasoning_effort"),
    )
    names: dict[str, str] = {}
    for message in body["messages"]:
        content = message.get("content")
        parts: list[Json] = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        texts = [part["text"] for part in parts if part["type"] == "text"]
        match message["role"]:
            case "system" | "developer":
                told.system += texts
            case "user":
                told.user += texts
                told.images += [_data(part["image_url"]["url"]) for part in parts if "image_url" in part]
                told.documents += [_data(part["file"]["file_data"]) for part in parts if "file" in part]
            case "assistant":
                told.assistant += texts
                for call in message.get("tool_calls", ()):
                    names[call["id"]] = call["function"]["name"]
                    told.calls.append((call["function"]["name"], json.loads(call["function"]["arguments"])))
                if message.get("reasoning_content"):
                    told.signatures.append(message["reasoning_content"])
            case "tool":
                told.results.append((names[message["tool_call_id"]], "".join(texts)))
            case role:
                raise AssertionError(f"no such role: {role}")
    for tool in body.get("tools", ()):
        told.tools[tool["function"]["name"]] = tool["function"]["parameters"]["properties"]
    choice = body.get("tool_choice")
    told.tool_choice = choice["function"]["name"] if isinstance(choice, dict) else choice
    if body.get("response_format", {}).get("type") == "json_schema":
        told.schema = body["response_format"]["json_schema"]["schema"]
    return told


def _responses(body: Json) -> Told:
    told = Told(
        max_tokens=body.get("max_output_tokens"),
        temperature=body.get("temperature"),
        reasoning=body.get("reasoning", {}).get("effort"),
    )
    if body.get("instructions"):
        told.system.append(body["instructions"])
    names: dict[str, str] = {}
    items = body["input"]
    for item in [{"role": "user", "content": items}] if isinstance(items, str) else items:
        match item.get("type", "message"):
            case "message":
                _responses_message(told, item)
            case "function_call":
                names[item["call_id"]] = item["name"]
                told.calls.append((item["name"], json.loads(item["arguments"])))
            case "function_call_output":
                told.results.append((names[item["call_id"]], _output(item["output"])))
            case "reasoning":
                told.signatures.append(item["encrypted_content"])
            case kind:
                raise AssertionError(f"unexpected item: {kind}")
    for tool in body.get("tools", ()):
        told.tools[tool["name"]] = tool["parameters"]["properties"]
    choice = body.get("tool_choice")
    told.tool_choice = choice["name"] if isinstance(choice, dict) else choice
    if body.get("text", {}).get("format", {}).get("type") == "json_schema":
        told.schema = body["text"]["format"]["schema"]
    return told


def _responses_message(told: Told, item: Json) -> None:
    content = item["content"]
    parts = [{"type": "input_text", "text": content}] if isinstance(content, str) else content
    texts = [part["text"] for part in parts if part["type"] in ("input_text", "output_text")]
    if item["role"] in ("system", "developer"):
        told.system += texts
    elif item["role"] == "assistant":
        told.assistant += texts
    else:
        told.user += texts
        told.images += [_data(part["image_url"]) for part in parts if part["type"] == "input_image"]
        told.documents += [_data(part["file_data"]) for part in parts if part["type"] == "input_file"]


def _output(output: Any) -> str:
    return output if isinstance(output, str) else "".join(part.get("text", "") for part in output)


def _anthropic(body: Json) -> Told:
    told = Told(
        max_tokens=body["max_tokens"],
        temperature=body.get("temperature"),
        stop=_listed(body.get("stop_sequences")),
        reasoning=body.get("thinking", {}).get("budget_tokens")
        or body.get("output_config", {}).get("effort"),
        cache_markers=json.dumps(body).count('"cache_control"'),
    )
    system = body.get("system", [])
    told.system = [system] if isinstance(system, str) else [block["text"] for block in system]
    names: dict[str, str] = {}
    for message in body["messages"]:
        content = message["content"]
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            _anthropic_block(told, message["role"], block, names)
    for tool in body.get("tools", ()):
        told.tools[tool["name"]] = tool["input_schema"]["properties"]
    choice = body.get("tool_choice", {})
    told.tool_choice = choice.get("name") or {"any": "required"}.get(choice.get("type"), choice.get("type"))
    if "format" in body.get("output_config", {}):
        told.schema = body["output_config"]["format"]["schema"]
    return told


def _anthropic_block(told: Told, role: str, block: Json, names: dict[str, str]) -> None:
    match block["type"]:
        case "text":
            (told.user if role == "user" else told.assistant).append(block["text"])
        case "image":
            told.images.append((block["source"]["media_type"], block["source"]["data"]))
        case "document":
            told.documents.append((block["source"]["media_type"], block["source"]["data"]))
        case "thinking":
            told.signatures.append(block["signature"])
        case "tool_use":
            names[block["id"]] = block["name"]
            told.calls.append((block["name"], block["input"]))
        case "tool_result":
            content = block["content"]
            text = content if isinstance(content, str) else "".join(part["text"] for part in content)
            told.results.append((names[block["tool_use_id"]], text))
        case kind:
            raise AssertionError(f"unexpected block: {kind}")


def _gemini(body: Json) -> Told:
    config = body.get("generationConfig", {})
    told = Told(
        max_tokens=config.get("maxOutputTokens"),
        temperature=config.get("temperature"),
        stop=_listed(config.get("stopSequences")),
        schema=config.get("responseJsonSchema") or config.get("responseSchema"),
        reasoning=config.get("thinkingConfig"),
    )
    told.system = [part["text"] for part in body.get("systemInstruction", {}).get("parts", ())]
    for content in body["contents"]:
        for part in content["parts"]:
            _gemini_part(told, content["role"], part)
    for tool in body.get("tools", ()):
        for function in tool.get("functionDeclarations", ()):
            names = ("parametersJsonSchema", "parameters_json_schema", "parameters")
            schema = next(function[name] for name in names if name in function)
            told.tools[function["name"]] = schema["properties"]
    calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
    names = calling.get("allowedFunctionNames")
    mode = {"ANY": "required", "AUTO": "auto", "NONE": "none"}.get(calling.get("mode"))
    told.tool_choice = names[0] if names else mode
    return told


def _gemini_part(told: Told, role: str, part: Json) -> None:
    if "thoughtSignature" in part:
        told.signatures.append(_standard(part["thoughtSignature"]))
    if "text" in part and not part.get("thought"):
        (told.user if role == "user" else told.assistant).append(part["text"])
    elif "inlineData" in part:
        inline = part["inlineData"]
        pair = (inline.get("mimeType") or inline["mime_type"], _standard(inline["data"]))
        (told.images if pair[0].startswith("image/") else told.documents).append(pair)
    elif "functionCall" in part:
        told.calls.append((part["functionCall"]["name"], part["functionCall"]["args"]))
    elif "functionResponse" in part:
        response = part["functionResponse"]["response"]
        text = response.get("result") or response.get("content") or json.dumps(response)
        told.results.append((part["functionResponse"]["name"], text))


def _standard(data: str) -> str:
    """Google's SDK writes Base64 in the alphabet for URLs."""
    return data.replace("-", "+").replace("_", "/")


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else value
