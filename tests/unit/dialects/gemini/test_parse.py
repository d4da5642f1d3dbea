"""What Gemini's callers ask, as canonical requests."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ai_gateway.core.chat import (
    Audio,
    ChatRequest,
    Data,
    DialectName,
    Document,
    FileId,
    HostedTool,
    Image,
    Opaque,
    Part,
    Role,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Url,
    Video,
)
from ai_gateway.core.signature import Signature, wrap
from ai_gateway.dialects.gemini.parse import check_foreign, parse_request
from ai_gateway.dialects.interface import Asked
from ai_gateway.errors import BadRequest

Json = dict[str, Any]
ME = DialectName.GEMINI
THEIRS = Signature("anthropic", "c2lnbmVk")
HIDDEN = Signature("anthropic", "aGlkZGVu", "redacted")


def parsed(body: Json, *, stream: bool = False) -> ChatRequest:
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], **body}
    return parse_request(json.dumps(body).encode(), Asked(model="gemini-3-flash", stream=stream))


def parts(*rows: Json, role: str = "user") -> tuple[Part, ...]:
    return parsed({"contents": [{"role": role, "parts": list(rows)}]}).messages[0].parts


@pytest.mark.parametrize("stream", [False, True])
def test_the_path_names_model_and_streaming(stream: bool) -> None:
    request = parsed({"model": "models/other"}, stream=stream)
    assert (request.model, request.stream) == ("gemini-3-flash", stream)


@pytest.mark.parametrize(
    "contents",
    [
        "hi",
        {"parts": [{"text": "hi"}]},
        {"role": "user", "parts": {"text": "hi"}},
        [{"parts": [{"text": "hi"}]}],
    ],
)
def test_contents_may_be_loose(contents: object) -> None:
    (message,) = parsed({"contents": contents}).messages
    assert (message.role, message.parts) == (Role.USER, (Text("hi"),))


@pytest.mark.parametrize("name", ["systemInstruction", "system_instruction"])
@pytest.mark.parametrize(
    "value", ["be brief", {"parts": [{"text": "be brief"}]}, {"role": "user", "parts": {"text": "be brief"}}]
)
def test_the_system_instruction_comes_first(name: str, value: object) -> None:
    first = parsed({name: value}).messages[0]
    assert (first.role, first.parts) == (Role.SYSTEM, (Text("be brief"),))


def files_uri(name: str) -> str:
    return f"https://generativelanguage.googleapis.com/v1beta/files/{name}"


MEDIA: list[tuple[Json, Part]] = [
    ({"inlineData": {"mimeType": "image/png", "data": "aGk="}}, Image(Data("image/png", "aGk="))),
    ({"inline_data": {"mime_type": "audio/wav", "data": "aGk="}}, Audio(Data("audio/wav", "aGk="))),
    ({"inlineData": {"mimeType": "video/mp4", "data": "aGk="}}, Video(Data("video/mp4", "aGk="))),
    (
        {"inlineData": {"mimeType": "application/pdf", "data": "-_8=", "displayName": "a.pdf"}},
        Document(Data("application/pdf", "+/8="), name="a.pdf"),
    ),
    ({"inlineData": {"mimeType": "text/plain", "data": "aGk="}}, Document(Data("text/plain", "aGk="))),
    (
        {"fileData": {"mimeType": "image/png", "fileUri": files_uri("x")}},
        Image(FileId(files_uri("x"), ME, "image/png")),
    ),
    (
        {"file_data": {"mime_type": "application/pdf", "file_uri": "gs://b/a.pdf"}},
        Document(FileId("gs://b/a.pdf", ME, "application/pdf")),
    ),
    (
        {"fileData": {"fileUri": "https://example.com/a.jpg?size=1"}},
        Image(Url("https://example.com/a.jpg?size=1", "image/jpeg")),
    ),
    (
        {"fileData": {"fileUri": "https://www.youtube.com/watch?v=x"}},
        Video(Url("https://www.youtube.com/watch?v=x")),
    ),
    ({"fileData": {"fileUri": "https://youtu.be/x"}}, Video(Url("https://youtu.be/x"))),
]


@pytest.mark.parametrize(("row", "part"), MEDIA)
def test_media(row: Json, part: Part) -> None:
    assert parts(row) == (part,)


def test_what_says_more_of_a_medium_is_kept() -> None:
    (video,) = parts({"fileData": {"fileUri": "https://youtu.be/x"}, "videoMetadata": {"fps": 1}})
    assert isinstance(video, Video)
    assert video.extra == {"videoMetadata": msgspec.Raw(b'{"fps": 1}')}


@pytest.mark.parametrize("kind", ["executableCode", "codeExecutionResult", "toolCall", "toolResponse"])
@pytest.mark.parametrize("more", [{}, {"thoughtSignature": "c2ln"}])
def test_what_only_gemini_runs_stays_as_it_came(kind: str, more: Json) -> None:
    row = {kind: {"id": "x"}, **more}
    (part,) = parts(row, role="model")
    assert isinstance(part, Opaque)
    assert (part.dialect, part.kind, json.loads(bytes(part.raw))) == (ME, kind, row)


SIGNED: list[tuple[Json, tuple[Part, ...]]] = [
    (
        {"text": "a", "thoughtSignature": "c2ln"},
        (Text("a", signature=Signature("gemini", "c2ln")),),
    ),
    ({"text": "", "thoughtSignature": "c2ln"}, (Text("", signature=Signature("gemini", "c2ln")),)),
    ({"thoughtSignature": "c2ln"}, (Text("", signature=Signature("gemini", "c2ln")),)),
    ({"text": "hm", "thought": True}, (Thinking("hm"),)),
    (
        {"text": "hm", "thought": True, "thought_signature": "c2ln"},
        (Thinking("hm", Signature("gemini", "c2ln")),),
    ),
    ({"text": "hm", "thought": True, "thoughtSignature": wrap(THEIRS, "gemini")}, (Thinking("hm", THEIRS),)),
    ({"text": "", "thoughtSignature": wrap(THEIRS, "gemini")}, (Thinking("", THEIRS),)),
    (
        {"text": "", "thought": True, "thoughtSignature": wrap(HIDDEN, "gemini")},
        (Thinking("", HIDDEN, redacted=True),),
    ),
    (
        {"functionCall": {"name": "f", "id": "c"}, "thoughtSignature": "c2ln"},
        (ToolCall("c", "f", "{}", signature=Signature("gemini", "c2ln", "tool_call")),),
    ),
    (
        {"functionCall": {"name": "f", "id": "c"}, "thoughtSignature": wrap(HIDDEN, "gemini")},
        (Thinking("", HIDDEN, redacted=True), ToolCall("c", "f", "{}")),
    ),
]


@pytest.mark.parametrize(("row", "expected"), SIGNED)
def test_signatures_stand_where_they_belong(row: Json, expected: tuple[Part, ...]) -> None:
    assert parts(row, role="model") == expected


def test_a_signature_in_the_alphabet_for_urls_is_unwrapped() -> None:
    signature = Signature("anthropic", "??>>~~" * 5)
    text = wrap(signature, "gemini").replace("+", "-").replace("/", "_")
    assert parts({"text": "hm", "thought": True, "thoughtSignature": text}, role="model") == (
        Thinking("hm", signature),
    )


def call(name: str, **more: object) -> Json:
    return {"functionCall": {"name": name, **more}}


def result(name: str, text: str, **more: object) -> Json:
    return {"functionResponse": {"name": name, "response": {"result": text}, **more}}


@pytest.mark.parametrize("absent", [{}, {"id": None}, {"id": ""}])
def test_results_without_ids_answer_calls_of_their_name_in_order(absent: Json) -> None:
    request = parsed(
        {
            "contents": [
                {"role": "model", "parts": [call("f", **absent), call("g"), call("f", args={"a": 1})]},
                {
                    "role": "function",
                    "parts": [result("f", "1", **absent), result("f", "2"), result("g", "3")],
                },
            ]
        }
    )
    calls = [part for part in request.messages[0].parts if isinstance(part, ToolCall)]
    results = [part for part in request.messages[1].parts if isinstance(part, ToolResult)]
    assert len({call.id for call in calls}) == 3
    assert all(call.id for call in calls)
    assert [part.call_id for part in results] == [calls[0].id, calls[2].id, calls[1].id]
    assert json.loads(calls[2].arguments) == {"a": 1}
    assert request == parsed(
        {
            "contents": [
                {"role": "model", "parts": [call("f"), call("g"), call("f", args={"a": 1})]},
                {"role": "user", "parts": [result("f", "1"), result("f", "2"), result("g", "3")]},
            ]
        }
    )


def test_an_id_takes_its_call_out_of_the_queue() -> None:
    request = parsed(
        {
            "contents": [
                {"role": "model", "parts": [call("f", id="a"), call("f", id="b")]},
                {"role": "user", "parts": [result("f", "1", id="a"), result("f", "2")]},
            ]
        }
    )
    assert [part.call_id for part in request.messages[1].parts if isinstance(part, ToolResult)] == ["a", "b"]


@pytest.mark.parametrize(
    ("response", "text", "is_error"),
    [
        ({"result": "ok"}, "ok", None),
        ({"output": "ok"}, "ok", None),
        ({"error": "no"}, "no", True),
        ({"name": "f", "content": "ok"}, "ok", None),
        ({"result": {"a": 1}}, '{"result": {"a": 1}}', None),
        ({"result": "ok", "more": 1}, '{"result": "ok", "more": 1}', None),
    ],
)
def test_a_response_is_text_or_json(response: Json, text: str, is_error: bool | None) -> None:
    (part,) = parts({"functionResponse": {"name": "f", "response": response}})
    assert isinstance(part, ToolResult)
    assert (part.name, part.content, part.is_error) == ("f", (Text(text),), is_error)


def test_a_response_may_hold_media() -> None:
    row = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    (part,) = parts({"functionResponse": {"name": "f", "response": {"result": "see"}, "parts": [row]}})
    assert isinstance(part, ToolResult)
    assert part.content == (Text("see"), Image(Data("image/png", "aGk=")))


def schema_of(tool: Tool | HostedTool) -> Json:
    assert isinstance(tool, Tool)
    return json.loads(bytes(tool.parameters or b"null"))  # type: ignore[no-any-return]


SCHEMA = {
    "type": "OBJECT",
    "properties": {
        "b": {"type": "STRING", "nullable": True, "format": "date-time"},
        "a": {"type": "ARRAY", "items": {"type": "NUMBER"}, "minItems": "2"},
        "type": {"anyOf": [{"type": "STRING", "enum": ["NUMBER"]}, {"type": "INTEGER"}]},
    },
    "required": ["a"],
    "propertyOrdering": ["a", "b"],
}


@pytest.mark.parametrize("spelled", ["functionDeclarations", "function_declarations"])
def test_geminis_schemas_become_json_schemas(spelled: str) -> None:
    (tool,) = parsed({"tools": [{spelled: [{"name": "f", "parameters": SCHEMA}]}]}).tools
    found = schema_of(tool)
    assert found == {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": {"type": "number"}, "minItems": 2},
            "b": {"type": ["string", "null"], "format": "date-time"},
            "type": {"anyOf": [{"type": "string", "enum": ["NUMBER"]}, {"type": "integer"}]},
        },
        "required": ["a"],
    }
    assert list(found["properties"]) == ["a", "b", "type"]


@pytest.mark.parametrize("spelled", ["parametersJsonSchema", "parameters_json_schema"])
def test_json_schemas_are_left_alone(spelled: str) -> None:
    schema = {"type": "object", "properties": {"type": {"const": "X"}}, "$defs": {}}
    row = {"name": "f", "description": "d", spelled: schema, "behavior": "BLOCKING"}
    (tool,) = parsed({"tools": [{"functionDeclarations": [row]}]}).tools
    assert schema_of(tool) == schema
    assert isinstance(tool, Tool)
    assert tool.extra == {"behavior": msgspec.Raw(b'"BLOCKING"')}


def test_hosted_tools_stand_beside_functions() -> None:
    row = {"googleSearch": {}, "functionDeclarations": [{"name": "f"}], "urlContext": {}}
    tools = parsed({"tools": [row, {"code_execution": {}}]}).tools
    kinds = [tool.kind if isinstance(tool, HostedTool) else tool.name for tool in tools]
    assert kinds == ["googleSearch", "f", "urlContext", "code_execution"]


@pytest.mark.parametrize(
    ("calling", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice(mode="auto")),
        ({"mode": "none"}, ToolChoice(mode="none")),
        ({"mode": "ANY"}, ToolChoice(mode="required")),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice(mode="required", names=("f",))),
        ({"allowed_function_names": ["f"]}, ToolChoice(mode="auto", names=("f",))),
        (
            {"mode": "VALIDATED", "zz": 1},
            ToolChoice(mode="auto", extra={"zz": msgspec.Raw(b"1"), "mode": msgspec.Raw(b'"VALIDATED"')}),
        ),
    ],
)
@pytest.mark.parametrize(
    "names", [("toolConfig", "functionCallingConfig"), ("tool_config", "function_calling_config")]
)
def test_tool_choice(calling: Json, choice: ToolChoice, names: tuple[str, str]) -> None:
    assert parsed({names[0]: {names[1]: calling}}).tool_choice == choice


CONFIG: list[tuple[str, object, str, object]] = [
    ("temperature", 0.0, "temperature", 0.0),
    ("topP", 0.5, "top_p", 0.5),
    ("top_k", 40.0, "top_k", 40),
    ("max_output_tokens", 5, "max_output_tokens", 5),
    ("stopSequences", ["a"], "stop", ("a",)),
    ("candidate_count", 2, "n", 2),
    ("seed", 7, "seed", 7),
    ("presencePenalty", 0.5, "presence_penalty", 0.5),
    ("frequency_penalty", -0.5, "frequency_penalty", -0.5),
    ("responseLogprobs", True, "logprobs", True),
    ("logprobs", 3, "top_logprobs", 3),
    ("responseModalities", ["TEXT", "IMAGE"], "modalities", ("text", "image")),
]


@pytest.mark.parametrize(("name", "value", "field", "expected"), CONFIG)
@pytest.mark.parametrize("config", ["generationConfig", "generation_config"])
def test_figures(name: str, value: object, field: str, expected: object, config: str) -> None:
    request = parsed({config: {name: value}})
    assert getattr(request, field) == expected
    assert request.extra is None


@pytest.mark.parametrize(
    ("thinking", "expected"),
    [
        ({"thinkingBudget": 0}, {"budget_tokens": 0}),
        ({"thinking_budget": 512, "include_thoughts": True}, {"budget_tokens": 512, "visible": True}),
        ({"thinkingBudget": -1}, {"adaptive": True}),
        ({"thinkingLevel": "HIGH", "includeThoughts": False}, {"effort": "high", "visible": False}),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, {}),
    ],
)
def test_thinking(thinking: Json, expected: Json) -> None:
    reasoning = parsed({"generationConfig": {"thinkingConfig": thinking}}).reasoning
    assert reasoning is not None
    plain: Json = {"effort": None, "budget_tokens": None, "adaptive": False, "visible": None}
    assert {name: getattr(reasoning, name) for name in plain} == plain | expected


@pytest.mark.parametrize(
    ("config", "kind", "schema"),
    [
        ({"responseMimeType": "application/json"}, "json_object", None),
        ({"responseMimeType": "text/plain"}, "text", None),
        ({"responseSchema": {"type": "STRING"}}, "json_schema", {"type": "string"}),
        ({"response_json_schema": {"type": "string"}}, "json_schema", {"type": "string"}),
        ({"_responseJsonSchema": {"type": "string"}}, "json_schema", {"type": "string"}),
    ],
)
def test_output_formats(config: Json, kind: str, schema: Json | None) -> None:
    found = parsed({"generationConfig": config}).output_format
    assert found is not None
    assert found.kind == kind
    assert json.loads(bytes(found.schema or b"null")) == schema


def test_what_only_gemini_knows_is_kept() -> None:
    request = parsed(
        {
            "safetySettings": [],
            "labels": {"a": "b"},
            "serviceTier": None,
            "toolConfig": {"retrievalConfig": {"languageCode": "de"}},
            "generationConfig": {"speechConfig": {}, "mediaResolution": "MEDIA_RESOLUTION_LOW"},
        }
    )
    assert request.extra is not None
    assert set(request.extra) == {
        "safetySettings",
        "labels",
        "toolConfig.retrievalConfig",
        "generationConfig.speechConfig",
        "generationConfig.mediaResolution",
    }


@pytest.mark.parametrize("name", ["cachedContent", "cached_content"])
def test_cached_content_stays_with_google(name: str) -> None:
    with pytest.raises(BadRequest) as caught:
        check_foreign(parsed({name: "cachedContents/x"}))
    assert caught.value.param == "cachedContent"
