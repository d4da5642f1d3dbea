"""The npm `openai` SDK, unmodified, on Node, against llama.cpp. The scenarios are `node/openai_sdk.mjs`."""

from __future__ import annotations

import json
from typing import Any, Final

from tests.e2e.conftest import client_for
from tests.harness import models
from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.llama import LlamaServer
from tests.harness.node import run_script
from tests.harness.openai_sdk import WEATHER, Target

OUTPUT_TOKENS: Final = len(models.TEXT_PIECES) + 1


def play(scenario: str, target: Target) -> dict[str, Any]:
    settings = {
        "scenario": scenario,
        "baseURL": target.base_url,
        "apiKey": target.api_key,
        "model": target.model,
        "tools": [WEATHER],
    }
    seen: dict[str, Any] = run_script("openai_sdk.mjs", settings)
    return seen


def test_chat(text_target: Target) -> None:
    seen = play("chat", text_target)
    assert seen["choices"][0]["message"]["content"] == models.TEXT
    assert seen["usage"]["completion_tokens"] == OUTPUT_TOKENS


def test_stream_without_usage_gets_no_usage_chunk(text_target: Target) -> None:
    seen = play("stream", text_target)
    assert seen["text"] == models.TEXT
    assert seen["finish"] == "stop"
    assert seen["usages"] == []
    assert seen["emptyChunks"] == 0


def test_stream_with_usage(text_target: Target) -> None:
    seen = play("streamWithUsage", text_target)
    assert seen["text"] == models.TEXT
    assert [usage["completion_tokens"] for usage in seen["usages"]] == [OUTPUT_TOKENS]
    assert seen["emptyChunks"] == 1


def test_tool_call(tool_target: Target) -> None:
    seen = play("tools", tool_target)
    (call,) = seen["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == models.TOOL_NAME
    assert json.loads(call["function"]["arguments"]) == models.TOOL_ARGUMENTS


def test_tool_call_streamed(tool_target: Target) -> None:
    seen = play("toolsStream", tool_target)
    (call,) = seen["calls"]
    assert call["id"]
    assert call["name"] == models.TOOL_NAME
    assert json.loads(call["arguments"]) == models.TOOL_ARGUMENTS
    assert seen["finish"] == "tool_calls"


def test_tool_call_accumulated_by_the_sdk(tool_target: Target) -> None:
    seen = play("toolsAccumulated", tool_target)
    (call,) = seen["choices"][0]["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == models.TOOL_ARGUMENTS


def test_models(text_target: Target) -> None:
    assert play("models", text_target) == {"ids": [text_target.model]}


def test_model(gateway: GatewayProcess, text_client: ClientInfo) -> None:
    seen = play("model", Target(gateway.base_url, text_client.api_key, "scripted-text"))
    assert seen["id"] == "scripted-text"


def test_wrong_key(gateway: GatewayProcess) -> None:
    seen = play("chat", Target(gateway.base_url, "gm_0000000000000000000000000000", "m"))
    assert seen["error"]["name"] == "AuthenticationError"
    assert seen["error"]["code"] == "invalid_api_key"
    assert seen["error"]["type"] == "authentication_error"
    assert seen["error"]["requestID"]


def test_accounted(gateway: GatewayProcess, text_client: ClientInfo) -> None:
    target = Target(gateway.base_url, text_client.api_key, "m")
    for scenario, streaming in (("chat", False), ("stream", True)):
        row = gateway.request_row(play(scenario, target)["requestId"])
        assert row["client_id"] == text_client.id
        assert row["status"] == 200
        assert bool(row["streaming"]) is streaming
        assert row["output_tokens"] == OUTPUT_TOKENS
        assert not row["usage_estimated"]


def test_a_caller_that_hangs_up_is_logged_with_an_estimate(
    gateway: GatewayProcess, random_llama: LlamaServer
) -> None:
    info = client_for(gateway, random_llama)
    seen = play("hangUp", Target(gateway.base_url, info.api_key, random_llama.alias))
    row = gateway.request_row(seen["requestId"])
    assert row["status"] == 499
    assert row["usage_estimated"]
    assert 0 < row["output_tokens"] < 7000
