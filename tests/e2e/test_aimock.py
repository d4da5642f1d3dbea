"""aimock as upstream: an implementation of the API that shares nothing with llama.cpp, and makes faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.harness.aimock import AimockServer
from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.openai_sdk import sdk, through

UPSTREAM_KEY: Final = "aimock-key-44d0"
GREETING: Final = "Hello from the mock, in more than one chunk: voilà 🎭."
FIXTURES: Final[list[dict[str, Any]]] = [
    {"match": {"userMessage": "hello"}, "response": {"content": GREETING}},
    {
        "match": {"userMessage": "weather"},
        "response": {
            "toolCalls": [
                {"name": "get_weather", "arguments": {"city": "Paris"}},
                {"name": "get_weather", "arguments": {"city": "Rome"}},
            ]
        },
    },
    {
        # Slow enough that the first chunks are on their way before the connection is cut.
        "match": {"userMessage": "cut"},
        "response": {"content": GREETING * 5},
        "latency": 30,
        "truncateAfterChunks": 4,
    },
    {
        "match": {"userMessage": "refuse"},
        "response": {
            "error": {"message": "No such thing here", "type": "invalid_request_error"},
            "status": 422,
        },
    },
]
# What `--chaos-…` does, and the status that the gateway answers then.
FAULTS: Final = {
    "drop": 502,  # HTTP 500
    "malformed": 502,  # HTTP 200, and no JSON
    "disconnect": 502,  # the connection is destroyed before any answer
    "ratelimit": 429,
}
NewAimock = Callable[..., AimockServer]


def client_for(gateway: GatewayProcess, server: AimockServer, **options: Any) -> ClientInfo:
    return gateway.create_client(
        backend="openai-compatible",
        base_url=server.base_url,
        backend_api_key=server.api_key or None,
        **options,
    )


def saying(text: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": text}]


def test_chat_stream_and_tools(gateway: GatewayProcess, new_aimock: NewAimock) -> None:
    server = new_aimock(FIXTURES, api_key=UPSTREAM_KEY)
    with sdk(through(gateway, client_for(gateway, server))) as client:
        answer = client.chat.completions.create(model="m", messages=saying("hello"))
        assert answer.choices[0].message.content == GREETING
        with client.chat.completions.create(model="m", messages=saying("hello"), stream=True) as stream:
            chunks = list(stream)
        text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
        assert text == GREETING
        assert all(chunk.choices for chunk in chunks)
        answer = client.chat.completions.create(model="m", messages=saying("weather"))
    calls = [call for call in answer.choices[0].message.tool_calls or [] if call.type == "function"]
    assert [json.loads(call.function.arguments)["city"] for call in calls] == ["Paris", "Rome"]


def test_what_reaches_the_upstream(gateway: GatewayProcess, new_aimock: NewAimock) -> None:
    server = new_aimock(FIXTURES, api_key=UPSTREAM_KEY)
    info = client_for(gateway, server)
    with sdk(through(gateway, info)) as client:
        client.chat.completions.create(
            model="m", messages=saying("hello"), extra_body={"unheard_of": {"deep": [1, None]}}
        )
        with client.chat.completions.create(model="m", messages=saying("hello"), stream=True) as stream:
            list(stream)
    plain, streamed = (entry for entry in server.journal() if entry["path"] == "/v1/chat/completions")
    assert plain["body"]["unheard_of"] == {"deep": [1, None]}
    assert "stream_options" not in plain["body"]
    assert streamed["body"]["stream_options"] == {"include_usage": True}
    assert info.api_key not in json.dumps(server.journal())


def test_the_clients_settings_shape_the_request(gateway: GatewayProcess, new_aimock: NewAimock) -> None:
    server = new_aimock(FIXTURES)
    info = client_for(
        gateway,
        server,
        model_aliases={"fast": "real-name"},
        system_prompt="Be brief, é.",
        max_output_tokens=50,
    )
    with sdk(through(gateway, info)) as client:
        client.chat.completions.create(model="fast", messages=saying("hello"), max_tokens=500)
    (sent,) = (entry["body"] for entry in server.journal())
    assert sent["model"] == "real-name"
    assert sent["messages"] == [{"role": "system", "content": "Be brief, é."}, *saying("hello")]
    assert sent["max_tokens"] == 50
    (row,) = gateway.requests_of(info)
    assert (row["model_asked"], row["model_served"]) == ("fast", "real-name")


def test_usage_is_accounted(gateway: GatewayProcess, new_aimock: NewAimock) -> None:
    info = client_for(gateway, new_aimock(FIXTURES))
    with sdk(through(gateway, info)) as client:
        answer = client.chat.completions.create(model="m", messages=saying("hello"))
        with client.chat.completions.create(model="m", messages=saying("hello"), stream=True) as stream:
            list(stream)
    assert answer.usage is not None
    rows = gateway.requests_of(info, minimum=2)
    assert [row["output_tokens"] for row in rows] == [answer.usage.completion_tokens] * 2
    assert [row["input_tokens"] for row in rows] == [answer.usage.prompt_tokens] * 2
    assert not any(row["usage_estimated"] for row in rows)


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("fault", FAULTS)
def test_fault_gives_a_clear_error_and_the_next_request_works(
    gateway: GatewayProcess, new_aimock: NewAimock, fault: str, streaming: bool
) -> None:
    server = new_aimock(FIXTURES, options=(f"--chaos-{fault}", "1"))
    info = client_for(gateway, server)
    with sdk(through(gateway, info)) as client:
        with pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(model="m", messages=saying("hello"), stream=streaming)
        server.stop_chaos()
        answer = client.chat.completions.create(model="m", messages=saying("hello"))
    assert answer.choices[0].message.content == GREETING
    assert caught.value.status_code == FAULTS[fault]
    assert caught.value.message
    if FAULTS[fault] == 502:
        assert caught.value.type == "api_error"
        assert caught.value.code == "upstream_error"
    else:
        assert caught.value.type == "rate_limit_error"
        assert "rate limit exceeded" in caught.value.message
    failed, served = gateway.requests_of(info, minimum=2)
    assert failed["status"] == FAULTS[fault]
    assert failed["error"]
    assert failed["output_tokens"] == 0
    assert served["status"] == 200


def read_until_error(client: openai.OpenAI, question: str) -> tuple[str, openai.APIError]:
    """The text that a stream delivered before the error in which it ended."""
    received = ""
    try:
        with client.chat.completions.create(model="m", messages=saying(question), stream=True) as stream:
            for chunk in stream:
                received += chunk.choices[0].delta.content or ""
    except openai.APIError as error:
        return received, error
    raise AssertionError(f"the stream ended cleanly after {received!r}")


def test_stream_cut_by_the_upstream_is_no_clean_end(gateway: GatewayProcess, new_aimock: NewAimock) -> None:
    info = client_for(gateway, new_aimock(FIXTURES))
    with sdk(through(gateway, info)) as client:
        received, error = read_until_error(client, "cut")
        answer = client.chat.completions.create(model="m", messages=saying("hello"))
    assert received
    assert GREETING.startswith(received)
    assert error.code == "upstream_error"
    assert error.type == "api_error"
    assert answer.choices[0].message.content == GREETING
    cut, served = gateway.requests_of(info, minimum=2)
    assert cut["error"] == "upstream_error"
    assert cut["usage_estimated"]
    assert cut["output_tokens"] > 0
    assert served["error"] is None


@pytest.mark.parametrize(
    ("asked", "status", "message"), [("refuse", 422, "No such thing here"), ("?", 404, "No fixture matched")]
)
def test_upstream_refusal_keeps_status_and_message(
    gateway: GatewayProcess, new_aimock: NewAimock, asked: str, status: int, message: str
) -> None:
    info = client_for(gateway, new_aimock(FIXTURES))
    with sdk(through(gateway, info)) as client, pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="m", messages=saying(asked))
    assert caught.value.status_code == status
    assert message in caught.value.message
    assert caught.value.type == "invalid_request_error"


def test_wrong_upstream_key(gateway: GatewayProcess, new_aimock: NewAimock) -> None:
    server = new_aimock(FIXTURES, api_key=UPSTREAM_KEY)
    info = gateway.create_client(
        backend="openai-compatible", base_url=server.base_url, backend_api_key="not-the-key-77aa"
    )
    with sdk(through(gateway, info)) as client, pytest.raises(openai.AuthenticationError) as caught:
        client.chat.completions.create(model="m", messages=saying("hello"))
    assert "Invalid API key" in caught.value.message
    assert "not-the-key-77aa" not in caught.value.response.text


def test_unreachable_upstream(gateway: GatewayProcess, new_aimock: NewAimock) -> None:
    server = new_aimock(FIXTURES)
    info = client_for(gateway, server)
    server.stop()
    with sdk(through(gateway, info)) as client, pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="m", messages=saying("hello"))
    assert caught.value.status_code == 502
    assert caught.value.code == "upstream_error"
    (row,) = gateway.requests_of(info)
    assert row["status"] == 502
