"""Canonical requests, as Gemini wants them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ai_gateway.core.chat import (
    CacheMarker,
    ChatRequest,
    Data,
    DialectName,
    Document,
    FileId,
    HostedTool,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Part,
    PlainText,
    Reasoning,
    ResultPart,
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
from ai_gateway.core.signature import Signature
from ai_gateway.dialects.gemini.parse import parse_request
from ai_gateway.dialects.gemini.render import render_request
from ai_gateway.dialects.gemini.schema import fit_schema
from ai_gateway.dialects.interface import Asked, Rendered, Target
from ai_gateway.errors import BadRequest
from ai_gateway.providers import PROVIDERS

Json = dict[str, Any]
TARGET = Target(provider=PROVIDERS["gemini"])
PNG = Image(Data("image/png", "aGk="))
OLD, NEW, PRO = "gemini-2.5-flash", "gemini-3-flash-preview", "gemini-3-pro-preview"
SCHEMA = msgspec.Raw(b'{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}')
DUMMY = "skip_thought_signature_validator"


def user(*parts: Part) -> Message:
    return Message(role=Role.USER, parts=parts)


def said(*parts: Part) -> Message:
    return Message(role=Role.ASSISTANT, parts=parts)


def rendered(*messages: Message, model: str = OLD, **fields: Any) -> Rendered:
    fields.setdefault("dialect", DialectName.ANTHROPIC)
    request = ChatRequest(model=model, messages=messages or (user(Text("hi")),), **fields)
    return render_request(request, TARGET)


def told(*messages: Message, **fields: Any) -> Json:
    found = rendered(*messages, **fields)
    assert found.dropped == ()
    return json.loads(found.body)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("model", "stream", "path", "query"),
    [
        (OLD, False, f"/models/{OLD}:generateContent", ""),
        (OLD, True, f"/models/{OLD}:streamGenerateContent", "alt=sse"),
        ("models/m", False, "/models/m:generateContent", ""),
        ("tunedModels/m", False, "/tunedModels/m:generateContent", ""),
        ("a/../b?c", False, "/models/a%2F..%2Fb%3Fc:generateContent", ""),
    ],
)
def test_the_path(model: str, stream: bool, path: str, query: str) -> None:
    found = rendered(model=model, stream=stream)
    assert (found.path, found.query) == (path, query)


def test_turns_alternate_and_system_messages_are_hoisted() -> None:
    body = told(
        Message(role=Role.SYSTEM, parts=(Text("one"),)),
        user(Text("a")),
        Message(role=Role.DEVELOPER, parts=(Text("two"),)),
        user(Text("b")),
        said(Text("c")),
        said(Text("d")),
        user(Text("e")),
    )
    assert body["systemInstruction"] == {"parts": [{"text": "one"}, {"text": "two"}]}
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "model", "parts": [{"text": "c"}, {"text": "d"}]},
        {"role": "user", "parts": [{"text": "e"}]},
    ]


def test_system_instructions_alone_are_no_request() -> None:
    with pytest.raises(BadRequest) as caught:
        rendered(Message(role=Role.SYSTEM, parts=(Text("one"),)))
    assert caught.value.param == "messages"


CALLS = said(ToolCall("a", "f", '{"x": 1}'), ToolCall("b", "g", ""), ToolCall("c", "f", "{}"))


def result(identifier: str, *content: ResultPart, is_error: bool | None = None) -> ToolResult:
    return ToolResult(identifier, content or (Text(identifier.upper()),), is_error=is_error)


@pytest.mark.parametrize(
    "answers",
    [
        (user(result("c"), Text("go on"), result("a"), result("b")),),
        (user(result("b")), user(result("c")), user(result("a")), user(Text("go on"))),
    ],
    ids=["one message", "one message each"],
)
def test_parallel_results_stand_in_one_turn_in_the_order_of_their_calls(answers: tuple[Message, ...]) -> None:
    contents = told(user(Text("hi")), CALLS, *answers)["contents"]
    assert [turn["role"] for turn in contents] == ["user", "model", "user"]
    assert contents[1]["parts"] == [
        {"functionCall": {"name": "f", "args": {"x": 1}, "id": "a"}},
        {"functionCall": {"name": "g", "args": {}, "id": "b"}},
        {"functionCall": {"name": "f", "args": {}, "id": "c"}},
    ]
    assert contents[2]["parts"] == [
        {"functionResponse": {"name": "f", "response": {"result": "A"}, "id": "a"}},
        {"functionResponse": {"name": "g", "response": {"result": "B"}, "id": "b"}},
        {"functionResponse": {"name": "f", "response": {"result": "C"}, "id": "c"}},
        {"text": "go on"},
    ]


def test_ids_that_come_again_in_a_later_turn_keep_their_order() -> None:
    first = said(ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}"))
    second = said(ToolCall("b", "g", "{}"), ToolCall("a", "f", "{}"))
    answers = user(result("a"), result("b"))
    contents = told(user(Text("hi")), first, answers, second, answers)["contents"]
    order = [[part["functionResponse"]["id"] for part in contents[index]["parts"]] for index in (2, 4)]
    assert order == [["a", "b"], ["b", "a"]]


@pytest.mark.parametrize(
    ("answer", "response"),
    [
        (result("a", Text("ok")), {"result": "ok"}),
        (result("a", Text("one"), Text("two")), {"result": "one\ntwo"}),
        (result("a", Text('{"x": [1]}')), {"x": [1]}),
        (result("a", Text('{"x": [1')), {"result": '{"x": [1'}),
        (result("a", Text("[1]")), {"result": "[1]"}),
        (result("a", Text("no"), is_error=True), {"error": "no"}),
        (result("a", Text('{"x": 1}'), is_error=True), {"error": '{"x": 1}'}),
        (result("a", Text("see"), Document(PlainText("words"), name="n")), {"result": "see\nn\n\nwords"}),
        (ToolResult("a"), {}),
    ],
)
@pytest.mark.parametrize("model", [OLD, NEW])
def test_a_response_is_an_object(answer: ToolResult, response: Json, model: str) -> None:
    contents = told(said(ToolCall("a", "f", "{}")), user(answer), model=model)["contents"]
    assert contents[1]["parts"] == [{"functionResponse": {"name": "f", "response": response, "id": "a"}}]


def test_pictures_of_results_go_inside_or_after_all_of_them() -> None:
    messages = (
        said(ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}")),
        user(result("a", Text("see"), PNG), result("b")),
    )
    inline = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    new = told(*messages, model=NEW)["contents"][1]["parts"]
    assert new[0]["functionResponse"]["parts"] == [inline]
    assert len(new) == 2
    old = told(*messages, model=OLD)["contents"][1]["parts"]
    assert ["functionResponse" in part for part in old] == [True, True, False]
    assert old[2] == inline


def test_a_result_of_an_unknown_call_is_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        rendered(user(Text("hi")), user(result("zz")))
    assert caught.value.param == "contents[1].parts[0]"


def test_broken_arguments_go_back_as_text() -> None:
    (call,) = told(said(ToolCall("a", "f", '{"x": ')))["contents"][0]["parts"]
    assert call["functionCall"]["args"] == {"_raw": '{"x": '}


def test_own_signatures_go_back_on_their_parts() -> None:
    mine = Signature("gemini", "bWluZQ==")
    (turn,) = told(
        said(Thinking("hm", mine), Text("a", signature=mine), ToolCall("a", "f", "{}", signature=mine)),
        model=NEW,
    )["contents"]
    assert [part["thoughtSignature"] for part in turn["parts"]] == [mine.value] * 3
    assert turn["parts"][0]["thought"] is True


@pytest.mark.parametrize("signature", [None, Signature("anthropic", "dGhlaXJz")])
def test_the_thoughts_of_others_are_left_out_by_name(signature: Signature | None) -> None:
    found = rendered(said(Thinking("hm", signature), Text("a")))
    assert found.dropped == ("messages.thinking",)
    assert json.loads(found.body)["contents"] == [{"role": "model", "parts": [{"text": "a"}]}]


@pytest.mark.parametrize(("model", "dummies"), [(NEW, [True, False]), (OLD, [False, False])])
def test_the_third_generation_wants_the_first_call_signed(model: str, dummies: list[bool]) -> None:
    (turn,) = told(said(ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}")), model=model)["contents"]
    assert [part.get("thoughtSignature") == DUMMY for part in turn["parts"]] == dummies


@pytest.mark.parametrize(
    "part",
    [
        Image(FileId("file-1", DialectName.OPENAI_CHAT)),
        Image(Url("https://example.com/a.png")),
        Document(Url("https://example.com/a.pdf")),
        Opaque(DialectName.ANTHROPIC, "container_upload", msgspec.Raw(b"{}")),
    ],
)
def test_what_gemini_cannot_be_shown_is_refused_by_its_place(part: Part) -> None:
    with pytest.raises(BadRequest) as caught:
        rendered(user(Text("hi"), part))
    assert caught.value.param == "contents[0].parts[1]"


@pytest.mark.parametrize(
    ("part", "row"),
    [
        (PNG, {"inlineData": {"mimeType": "image/png", "data": "aGk="}}),
        (
            Document(Data("application/pdf", "aGk="), name="a"),
            {"inlineData": {"mimeType": "application/pdf", "data": "aGk="}},
        ),
        (Document(PlainText("words"), name="a.txt"), {"text": "a.txt\n\nwords"}),
        (Video(Url("https://youtu.be/x")), {"fileData": {"fileUri": "https://youtu.be/x"}}),
        (
            Image(FileId("gs://b/a.png", DialectName.GEMINI, "image/png")),
            {"fileData": {"fileUri": "gs://b/a.png", "mimeType": "image/png"}},
        ),
    ],
)
def test_media(part: Part, row: Json) -> None:
    assert told(user(part))["contents"][0]["parts"] == [row]


FUNCTIONS = (Tool(name="f", description="d", parameters=SCHEMA), Tool(name="g"))


def test_functions_stand_in_one_tool() -> None:
    (tool,) = told(tools=FUNCTIONS)["tools"]
    assert tool["functionDeclarations"] == [
        {"name": "f", "description": "d", "parametersJsonSchema": json.loads(bytes(SCHEMA))},
        {"name": "g"},
    ]


def test_a_tool_of_free_text_takes_one_string() -> None:
    (tool,) = told(tools=(Tool(name="f", custom=True),))["tools"]
    (function,) = tool["functionDeclarations"]
    assert function["parametersJsonSchema"]["required"] == ["input"]


def test_hosted_tools_of_others_are_left_out_by_name() -> None:
    hosted = HostedTool(dialect=DialectName.ANTHROPIC, kind="web_search", raw=msgspec.Raw(b"{}"))
    found = rendered(tools=(hosted,))
    assert found.dropped == ("tools.web_search",)
    assert "tools" not in json.loads(found.body)


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (ToolChoice(mode="auto"), {"mode": "AUTO"}),
        (ToolChoice(mode="none"), {"mode": "NONE"}),
        (ToolChoice(mode="none", names=("f",)), {"mode": "NONE"}),
        (ToolChoice(mode="required"), {"mode": "ANY"}),
        (ToolChoice(mode="required", names=("f",)), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice(mode="auto", names=("f",)), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
    ],
)
def test_tool_choice(choice: ToolChoice, calling: Json) -> None:
    assert told(tools=FUNCTIONS, tool_choice=choice)["toolConfig"] == {"functionCallingConfig": calling}


@pytest.mark.parametrize(
    ("fields", "config"),
    [
        ({"temperature": 0.0, "top_p": 0.5, "top_k": 4}, {"temperature": 0.0, "topP": 0.5, "topK": 4}),
        ({"max_output_tokens": 9, "seed": -1}, {"maxOutputTokens": 9, "seed": -1}),
        ({"stop": ("a", "b"), "n": 2}, {"stopSequences": ["a", "b"], "candidateCount": 2}),
        (
            {"presence_penalty": 0.5, "frequency_penalty": 0.25},
            {"presencePenalty": 0.5, "frequencyPenalty": 0.25},
        ),
        ({"logprobs": True, "top_logprobs": 3}, {"responseLogprobs": True, "logprobs": 3}),
        ({"modalities": ("text", "image")}, {"responseModalities": ["TEXT", "IMAGE"]}),
    ],
)
def test_figures(fields: Json, config: Json) -> None:
    assert told(**fields)["generationConfig"] == config


def test_more_stop_sequences_than_it_takes_are_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        rendered(stop=tuple("abcdef"))
    assert caught.value.param == "stop"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"seed": 2**31}, "seed"),
        ({"verbosity": "low"}, "verbosity"),
        ({"user": "u"}, "user"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"cache_key": "k"}, "cache_key"),
        ({"cache": CacheMarker()}, "cache"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"extra": {"zz": msgspec.Raw(b"1")}}, "zz"),
    ],
)
def test_what_it_lacks_is_named(fields: Json, name: str) -> None:
    found = rendered(**fields)
    assert found.dropped == (name,)
    assert list(json.loads(found.body)) == ["contents"]


def test_the_context_of_a_document_is_named() -> None:
    part = Document(Data("application/pdf", "aGk="), context="trust it", cache=CacheMarker())
    assert rendered(user(part)).dropped == ("messages.cache", "messages.context")


THINKING: list[tuple[str, Reasoning, Json | None, bool]] = [
    # model, asked, thinkingConfig, whether that is another figure than was asked
    (NEW, Reasoning(effort="medium"), {"thinkingLevel": "medium", "includeThoughts": True}, False),
    (NEW, Reasoning(effort="none"), {"thinkingLevel": "minimal"}, True),
    (NEW, Reasoning(effort="max"), {"thinkingLevel": "high", "includeThoughts": True}, True),
    (NEW, Reasoning(budget_tokens=9000), {"thinkingLevel": "medium", "includeThoughts": True}, False),
    (PRO, Reasoning(effort="medium"), {"thinkingLevel": "low", "includeThoughts": True}, True),
    (PRO, Reasoning(effort="minimal", visible=False), {"thinkingLevel": "low"}, True),
    (OLD, Reasoning(budget_tokens=2000), {"thinkingBudget": 2000, "includeThoughts": True}, False),
    (OLD, Reasoning(effort="medium"), {"thinkingBudget": 8192, "includeThoughts": True}, False),
    (OLD, Reasoning(budget_tokens=90000), {"thinkingBudget": 24576, "includeThoughts": True}, True),
    (OLD, Reasoning(budget_tokens=0), {"thinkingBudget": 0}, False),
    (OLD, Reasoning(adaptive=True), {"thinkingBudget": -1, "includeThoughts": True}, False),
    ("gemini-2.5-pro", Reasoning(effort="none"), {"thinkingBudget": 128}, True),
    (
        "gemini-2.5-flash-lite",
        Reasoning(budget_tokens=5),
        {"thinkingBudget": 512, "includeThoughts": True},
        True,
    ),
    (
        "gemini-2.5-computer-use-preview",
        Reasoning(budget_tokens=2000),
        {"thinkingBudget": 2000, "includeThoughts": True},
        False,
    ),
    ("gemini-2.0-flash", Reasoning(effort="high"), None, True),
    ("gemini-2.0-flash", Reasoning(effort="none"), None, False),
]


@pytest.mark.parametrize(("model", "reasoning", "config", "changed"), THINKING)
def test_thinking(model: str, reasoning: Reasoning, config: Json | None, changed: bool) -> None:
    found = rendered(model=model, reasoning=reasoning)
    assert json.loads(found.body).get("generationConfig", {}).get("thinkingConfig") == config
    assert found.dropped == (("reasoning",) if changed else ())


def test_output_formats() -> None:
    plain = told(output_format=OutputFormat(kind="json_object"))["generationConfig"]
    assert plain == {"responseMimeType": "application/json"}
    form = OutputFormat(kind="json_schema", schema=SCHEMA, name="n", strict=True)
    assert told(output_format=form)["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": json.loads(bytes(SCHEMA)),
    }
    assert "responseJsonSchema" in told(output_format=form, tools=FUNCTIONS, model=NEW)["generationConfig"]


def test_older_models_are_asked_for_json_in_words_beside_functions() -> None:
    form = OutputFormat(kind="json_schema", schema=SCHEMA)
    found = rendered(output_format=form, tools=FUNCTIONS, model=OLD)
    body = json.loads(found.body)
    assert found.dropped == ("output_format",)
    assert "generationConfig" not in body
    assert bytes(SCHEMA).decode() in body["systemInstruction"]["parts"][0]["text"]


SCHEMAS: list[tuple[Json, Json, set[str]]] = [
    ({"type": "string"}, {"type": "string"}, set()),
    ({"type": "string", "minLength": 1, "pattern": "a"}, {"type": "string"}, {"minLength", "pattern"}),
    ({"$schema": "x", "type": "string"}, {"type": "string"}, set()),
    ({"const": "a"}, {"enum": ["a"]}, set()),
    ({"const": True}, {"type": "boolean"}, {"const"}),
    ({"const": None}, {"type": "null"}, set()),
    ({"allOf": [{"type": "string"}]}, {"type": "string"}, set()),
    ({"allOf": [{"type": "string"}, {"title": "a"}]}, {}, {"allOf"}),
    (
        {"$ref": "#/definitions/A", "definitions": {"A": {"type": "string"}}},
        {"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}},
        set(),
    ),
    (
        {"properties": {"a": {"$ref": "#/$defs/A", "description": "d", "default": 1}}, "$defs": {"A": {}}},
        {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {}}},
        {"description"},
    ),
    (
        {"properties": {"const": {"type": "string"}, "$ref": {"type": "string", "title": "t"}}},
        {"properties": {"const": {"type": "string"}, "$ref": {"type": "string", "title": "t"}}},
        set(),
    ),
    ({"type": ["string", "null"], "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a"]}, set()),
    ({"additionalProperties": {"minLength": 1}}, {"additionalProperties": {}}, {"minLength"}),
]


@pytest.mark.parametrize(("schema", "expected", "names"), SCHEMAS)
def test_schemas_lose_what_gemini_refuses_by_name(schema: Json, expected: Json, names: set[str]) -> None:
    raw = msgspec.Raw(json.dumps(schema).encode())
    fitted, dropped = fit_schema(raw, "tools.parameters")
    assert json.loads(bytes(fitted)) == expected
    assert set(dropped) == {f"tools.parameters.{name}" for name in names}
    assert json.loads(bytes(raw)) == schema


OWN: list[Json] = [
    {"contents": [{"role": "user", "parts": [{"text": "a"}], "zz": 1}]},
    {"contents": [{"role": "model", "parts": [{"toolCall": {"id": "x"}, "thoughtSignature": "c2ln"}]}]},
    {
        "contents": [
            {
                "role": "model",
                "parts": [
                    {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thoughtSignature": "c2ln"},
                    {
                        "inlineData": {"mimeType": "image/png", "data": "aGk=", "displayName": "n"},
                        "thought": True,
                    },
                    {
                        "fileData": {
                            "fileUri": "gs://a/b.pdf",
                            "mimeType": "application/pdf",
                            "displayName": "n",
                        }
                    },
                    {"fileData": {"fileUri": "https://youtu.be/x"}, "videoMetadata": {"fps": 1}},
                ],
            },
        ]
    },
    {
        "contents": [
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}, "willContinue": True}}]},
            {
                "role": "user",
                "parts": [
                    {
                        "functionResponse": {
                            "name": "f",
                            "response": {"result": "x"},
                            "scheduling": "SILENT",
                        },
                        "partMetadata": {"a": 1},
                    }
                ],
            },
        ],
        "toolConfig": {
            "functionCallingConfig": {"mode": "VALIDATED", "streamFunctionCallArguments": True},
            "retrievalConfig": {"languageCode": "de"},
        },
        "generationConfig": {"thinkingConfig": {"thinkingLevel": "low", "zz": 1}, "speechConfig": {}},
        "safetySettings": [],
        "cachedContent": "cachedContents/x",
    },
]


@pytest.mark.parametrize("body", OWN)
def test_a_gemini_caller_loses_nothing(body: Json) -> None:
    request = parse_request(json.dumps(body).encode(), Asked(model=NEW, stream=False))
    found = render_request(request, TARGET)
    assert json.loads(found.body) == body
    assert found.dropped == ()
