"""What each provider wants otherwise, as its row says: told to it, or named as dropped."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ai_gateway.core.answer import collect
from ai_gateway.core.chat import (
    Audio,
    CacheMarker,
    ChatRequest,
    Data,
    DialectName,
    Document,
    FileId,
    Image,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Role,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Video,
)
from ai_gateway.core.signature import Signature
from ai_gateway.dialects.interface import Rendered, Target
from ai_gateway.dialects.registry import DIALECTS
from ai_gateway.errors import BadRequest
from ai_gateway.providers import PROVIDERS

Json = dict[str, Any]
SCHEMA = msgspec.Raw(b'{"type":"object","properties":{"a":{"type":"string","minLength":2}},"required":["a"]}')
WEATHER = Tool(name="get_weather", description="d", parameters=SCHEMA)
PNG, PDF = Data("image/png", "iVBORw0KGgo="), Data("application/pdf", "JVBERi0=")


def user(*parts: Part) -> Message:
    return Message(role=Role.USER, parts=parts)


def rendered(provider: str, model: str, *messages: Message, **members: Any) -> Rendered:
    """A request of an Anthropic caller, or of a Chat caller where the provider is Anthropic."""
    row = PROVIDERS[provider]
    caller = DialectName.OPENAI_CHAT if provider == "anthropic" else DialectName.ANTHROPIC
    request = ChatRequest(dialect=caller, model=model, messages=messages or (user(Text("hi")),), **members)
    return DIALECTS[row.dialects[0]].render_request(request, Target(provider=row))


def body(provider: str, model: str, *messages: Message, **members: Any) -> Json:
    found: Json = json.loads(rendered(provider, model, *messages, **members).body)
    return found


CALLED = (
    user(Text("hi")),
    Message(role=Role.ASSISTANT, parts=(ToolCall("toolu_01ABC", "get_weather", '{"a":"b"}'),)),
    user(ToolResult("toolu_01ABC", (Text("sunny"), Image(PNG)))),
)


class TestChatCompletions:
    @pytest.mark.parametrize(
        ("provider", "name"),
        [
            ("openai", "max_completion_tokens"),
            ("xai", "max_completion_tokens"),
            ("groq", "max_completion_tokens"),
            ("mistral", "max_tokens"),
            ("ollama", "max_tokens"),
            ("deepseek", "max_tokens"),
        ],
    )
    def test_the_output_cap(self, provider: str, name: str) -> None:
        assert body(provider, "m", max_output_tokens=7)[name] == 7

    @pytest.mark.parametrize(
        ("provider", "role"), [("openai", "developer"), ("mistral", "system"), ("vllm", "system")]
    )
    def test_developers(self, provider: str, role: str) -> None:
        told = body(provider, "m", user(Text("hi")), Message(role=Role.DEVELOPER, parts=(Text("D"),)))
        assert told["messages"][1] == {"role": role, "content": "D"}

    def test_mistral(self) -> None:
        told = body(
            "mistral", "m", *CALLED, tools=(WEATHER,), tool_choice=ToolChoice(mode="required"), seed=5
        )
        assert told["tool_choice"] == "any"
        assert told["random_seed"] == 5
        (call,) = told["messages"][1]["tool_calls"]
        assert len(call["id"]) == 9
        assert call["id"].isalnum()
        assert told["messages"][2]["tool_call_id"] == call["id"]

    def test_pictures_of_a_tool_follow_its_result(self) -> None:
        told = body("openai", "gpt-4.1", *CALLED, tools=(WEATHER,))
        result, after = told["messages"][2:]
        assert result == {"role": "tool", "tool_call_id": "toolu_01ABC", "content": "sunny"}
        assert after["role"] == "user"
        assert [part["type"] for part in after["content"]] == ["text", "image_url"]
        assert "toolu_01ABC" in after["content"][0]["text"]

    @pytest.mark.parametrize(
        ("provider", "kind"),
        [("openai", "file"), ("openrouter", "file"), ("mistral", "document_url"), ("perplexity", "file_url")],
    )
    def test_documents(self, provider: str, kind: str) -> None:
        told = body(provider, "m", user(Text("read"), Document(PDF, name="a.pdf")))
        assert told["messages"][0]["content"][1]["type"] == kind

    @pytest.mark.parametrize("provider", ["ollama", "groq", "deepseek", "cohere"])
    def test_a_provider_without_documents_says_so(self, provider: str) -> None:
        with pytest.raises(BadRequest, match="takes no documents") as caught:
            body(provider, "m", user(Document(PDF)))
        assert caught.value.param == "messages[0].content[0]"

    @pytest.mark.parametrize(
        ("provider", "model", "members"),
        [
            ("openai", "gpt-5", {"reasoning_effort": "high"}),
            ("groq", "m", {"reasoning_effort": "high"}),
            ("openrouter", "m", {"reasoning": {"max_tokens": 20000}}),
            ("deepseek", "m", {"thinking": {"type": "enabled"}}),
        ],
    )
    def test_how_to_think(self, provider: str, model: str, members: Json) -> None:
        told = body(provider, model, reasoning=Reasoning(budget_tokens=20000))
        assert told.items() >= members.items()

    def test_openais_reasoning_models_refuse_sampling(self) -> None:
        found = rendered("openai", "o3", temperature=0.5, top_p=0.5, top_k=3)
        assert found.dropped == ("temperature", "top_p", "top_k")
        assert not {"temperature", "top_p", "top_k"} & json.loads(found.body).keys()

    def test_deepseek_has_no_schema(self) -> None:
        found = rendered("deepseek", "m", output_format=OutputFormat(kind="json_schema", schema=SCHEMA))
        told = json.loads(found.body)
        assert told["response_format"] == {"type": "json_object"}
        assert "minLength" in told["messages"][0]["content"]
        assert "output_format.schema" in found.dropped

    def test_deepseek_takes_its_thoughts_back_while_tools_are_called(self) -> None:
        thought = Thinking("Hm.", Signature("openai_chat", "x"))
        call = ToolCall("c", "get_weather", "{}")
        told = body(
            "deepseek",
            "m",
            user(Text("hi")),
            Message(role=Role.ASSISTANT, parts=(thought, call)),
            user(ToolResult("c", (Text("r"),))),
        )
        assert told["messages"][1]["reasoning_content"] == "Hm."

    def test_cache_markers_reach_openrouter_only(self) -> None:
        marked = user(Text("long", cache=CacheMarker(ttl="1h")))
        told = body("openrouter", "m", marked)
        assert told["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
        assert "messages.cache" in rendered("groq", "m", marked).dropped

    def test_usage_is_asked_for_where_that_is_allowed(self) -> None:
        assert body("openai", "m", stream=True)["stream_options"] == {"include_usage": True}
        assert "stream_options" not in body("mistral", "m", stream=True)

    def test_another_providers_file_is_refused(self) -> None:
        with pytest.raises(BadRequest, match="another provider's"):
            body("openai", "m", user(Document(FileId("file_1", DialectName.ANTHROPIC))))

    def test_thoughts_that_are_not_taken_back_leave_no_empty_message(self) -> None:
        thought = Message(role=Role.ASSISTANT, parts=(Thinking("Hm.", Signature("anthropic", "x")),))
        found = rendered("openai", "gpt-5", user(Text("hi")), thought, user(Text("go")))
        assert [message["role"] for message in json.loads(found.body)["messages"]] == ["user", "user"]
        assert found.dropped == ("messages.thinking",)

    def test_words_and_calls_of_one_turn_are_one_message(self) -> None:
        told = body(
            "openai",
            "m",
            user(Text("hi")),
            Message(role=Role.ASSISTANT, parts=(Text("Let me see."),)),
            Message(role=Role.ASSISTANT, parts=(ToolCall("c", "get_weather", "{}"),)),
            user(ToolResult("c", (Text("r"),))),
        )
        assert [message["role"] for message in told["messages"]] == ["user", "assistant", "tool"]
        assert told["messages"][1]["content"] == "Let me see."
        assert told["messages"][1]["tool_calls"][0]["id"] == "c"


class TestAnthropic:
    @pytest.mark.parametrize(
        ("model", "thinking", "effort"),
        [
            ("claude-sonnet-4-5", {"type": "enabled", "budget_tokens": 8192}, None),
            ("claude-opus-4-6", {"type": "adaptive", "display": "summarized"}, "medium"),
            ("claude-opus-4-7", {"type": "adaptive", "display": "summarized"}, "medium"),
            ("anthropic/claude-sonnet-5", {"type": "adaptive", "display": "summarized"}, "medium"),
            ("claude-novel-9", {"type": "adaptive", "display": "summarized"}, "medium"),
        ],
    )
    def test_how_to_think(self, model: str, thinking: Json, effort: str | None) -> None:
        told = body("anthropic", model, reasoning=Reasoning(effort="medium"), max_output_tokens=20000)
        assert told["thinking"] == thinking
        assert told.get("output_config", {}).get("effort") == effort

    def test_a_budget_stays_under_the_output_cap(self) -> None:
        found = rendered(
            "anthropic", "claude-sonnet-4-5", reasoning=Reasoning(budget_tokens=9000), max_output_tokens=5000
        )
        assert json.loads(found.body)["thinking"]["budget_tokens"] == 4999
        assert "reasoning" in found.dropped

    def test_no_thinking_is_asked_of_models_that_cannot(self) -> None:
        found = rendered("anthropic", "claude-3-5-haiku-20241022", reasoning=Reasoning(effort="high"))
        assert found.dropped == ("reasoning",)

    def test_a_forced_tool_goes_before_thinking(self) -> None:
        found = rendered(
            "anthropic",
            "claude-sonnet-4-5",
            reasoning=Reasoning(effort="high"),
            tools=(WEATHER,),
            tool_choice=ToolChoice(mode="required"),
        )
        told = json.loads(found.body)
        assert "thinking" not in told
        assert told["tool_choice"] == {"type": "any"}
        assert "reasoning" in found.dropped

    def test_a_schema_of_newer_models_is_native(self) -> None:
        found = rendered(
            "anthropic", "claude-sonnet-4-5", output_format=OutputFormat(kind="json_schema", schema=SCHEMA)
        )
        schema = json.loads(found.body)["output_config"]["format"]["schema"]
        assert schema["additionalProperties"] is False
        assert schema["properties"]["a"] == {"type": "string"}
        assert found.dropped == ("output_format.schema.minLength",)

    def test_a_schema_of_older_models_is_a_forced_tool(self) -> None:
        told = body(
            "anthropic", "claude-sonnet-4", output_format=OutputFormat(kind="json_schema", schema=SCHEMA)
        )
        (tool,) = told["tools"]
        assert told["tool_choice"] == {"type": "tool", "name": tool["name"]}
        answer = {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "model": "m",
            "content": [{"type": "tool_use", "id": "t", "name": tool["name"], "input": {"a": "bc"}}],
            "stop_reason": "tool_use",
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        (choice,) = collect(
            DIALECTS[DialectName.ANTHROPIC].decode_response(json.dumps(answer).encode())
        ).choices
        assert json.loads(choice.text) == {"a": "bc"}
        assert choice.tool_calls == ()
        assert choice.finish is not None
        assert choice.finish.reason.value == "stop"

    def test_newest_models_take_no_sampling(self) -> None:
        found = rendered("anthropic", "claude-opus-5", temperature=0.5, top_p=0.9)
        assert found.dropped == ("temperature", "top_p")

    def test_no_more_than_four_breakpoints(self) -> None:
        parts = [Text(f"{number}", cache=CacheMarker()) for number in range(6)]
        found = rendered("anthropic", "claude-sonnet-4-5", user(*parts))
        blocks = json.loads(found.body)["messages"][0]["content"]
        assert ["cache_control" in block for block in blocks] == [False, False, True, True, True, True]
        assert "cache" in found.dropped

    def test_system_messages_in_the_middle_go_to_the_system(self) -> None:
        told = body(
            "anthropic",
            "claude-sonnet-4-5",
            Message(role=Role.SYSTEM, parts=(Text("A"),)),
            user(Text("hi")),
            Message(role=Role.DEVELOPER, parts=(Text("B"),)),
            user(Text("go")),
        )
        assert [block["text"] for block in told["system"]] == ["A", "B"]
        assert [block["text"] for block in told["messages"][0]["content"]] == ["hi", "go"]

    def test_ids_in_letters_that_it_takes(self) -> None:
        told = body(
            "anthropic",
            "claude-sonnet-4-5",
            user(Text("hi")),
            Message(role=Role.ASSISTANT, parts=(ToolCall("call:1/ä", "f", "{}"),)),
            user(ToolResult("call:1/ä", (Text("r"),))),
        )
        call, result = told["messages"][1]["content"][0], told["messages"][2]["content"][0]
        assert call["id"] == result["tool_use_id"]
        assert call["id"].isascii()

    @pytest.mark.parametrize("part", [Audio(Data("audio/wav", "UklGRg==")), Video(Data("video/mp4", "AAAA"))])
    def test_sound_and_video_are_refused(self, part: Part) -> None:
        with pytest.raises(BadRequest) as caught:
            body("anthropic", "claude-sonnet-4-5", user(part))
        assert caught.value.param == "messages[0].content[0]"


class TestGemini:
    @pytest.mark.parametrize(
        ("model", "reasoning", "config", "dropped"),
        [
            ("gemini-2.5-flash", Reasoning(budget_tokens=2048), {"thinkingBudget": 2048}, ()),
            ("gemini-2.5-flash", Reasoning(effort="none"), {"thinkingBudget": 0}, ()),
            ("gemini-2.5-pro", Reasoning(effort="none"), {"thinkingBudget": 128}, ("reasoning",)),
            ("gemini-2.5-flash", Reasoning(budget_tokens=90000), {"thinkingBudget": 24576}, ("reasoning",)),
            ("gemini-3-flash", Reasoning(effort="medium"), {"thinkingLevel": "medium"}, ()),
            ("gemini-3-pro-preview", Reasoning(effort="medium"), {"thinkingLevel": "low"}, ("reasoning",)),
            ("gemini-3-flash", Reasoning(budget_tokens=30000), {"thinkingLevel": "high"}, ()),
            ("gemini-2.0-flash", Reasoning(effort="high"), None, ("reasoning",)),
        ],
    )
    def test_how_to_think(
        self, model: str, reasoning: Reasoning, config: Json | None, dropped: tuple[str, ...]
    ) -> None:
        found = rendered("gemini", model, reasoning=reasoning)
        thinking = json.loads(found.body).get("generationConfig", {}).get("thinkingConfig")
        if config is None:
            assert thinking is None
        else:
            assert thinking.items() >= config.items()
        assert found.dropped == dropped

    def test_schemas_lose_what_it_does_not_know(self) -> None:
        found = rendered("gemini", "gemini-3-flash", tools=(WEATHER,))
        (function,) = json.loads(found.body)["tools"][0]["functionDeclarations"]
        assert function["parametersJsonSchema"]["properties"] == {"a": {"type": "string"}}
        assert found.dropped == ("tools.parameters.minLength",)

    def test_a_call_of_another_model_says_so(self) -> None:
        told = body("gemini", "gemini-3-pro-preview", *CALLED, tools=(WEATHER,))
        (part,) = told["contents"][1]["parts"]
        assert part["thoughtSignature"] == "skip_thought_signature_validator"

    def test_results_carry_their_name_and_pictures(self) -> None:
        told = body("gemini", "gemini-3-pro-preview", *CALLED)
        (part,) = told["contents"][2]["parts"]
        response = part["functionResponse"]
        assert response["name"] == "get_weather"
        assert response["response"] == {"result": "sunny"}
        assert response["parts"] == [{"inlineData": {"mimeType": "image/png", "data": PNG.data}}]

    def test_older_models_take_no_schema_beside_tools(self) -> None:
        found = rendered(
            "gemini",
            "gemini-2.5-flash",
            tools=(WEATHER,),
            output_format=OutputFormat(kind="json_schema", schema=SCHEMA),
        )
        told = json.loads(found.body)
        assert "responseJsonSchema" not in told.get("generationConfig", {})
        assert "minLength" in told["systemInstruction"]["parts"][-1]["text"]
        assert "output_format" in found.dropped

    def test_at_most_five_stop_sequences(self) -> None:
        with pytest.raises(BadRequest) as caught:
            body("gemini", "gemini-3-flash", stop=tuple("abcdef"))
        assert caught.value.param == "stop"

    def test_the_models_name_is_in_the_path(self) -> None:
        assert rendered("gemini", "gemini-3-flash").path == "/models/gemini-3-flash:generateContent"
        found = rendered("gemini", "tunedModels/mine", stream=True)
        assert (found.path, found.query) == ("/tunedModels/mine:streamGenerateContent", "alt=sse")
        found = rendered("gemini", "tunedModels/../../v1/files?x")
        assert found.path == "/tunedModels/..%2F..%2Fv1%2Ffiles%3Fx:generateContent"
