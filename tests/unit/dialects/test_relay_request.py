"""What the gateway edits in a request, and that it edits nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.dialects.endpoints import CHAT, COMPLETIONS, PLAIN, RESPONSES, Endpoint
from ai_gateway.dialects.exchange import Settings
from ai_gateway.dialects.interface import Asked
from ai_gateway.dialects.relay_exchange import relay_exchange
from ai_gateway.dialects.relay_request import RelayRequest
from ai_gateway.errors import BadRequest
from ai_gateway.providers import PROVIDERS, Provider
from tests.harness.moments import Instant

PRETTY = (
    b'{"model": "m",  "messages": [{"role": "user", "content": "hi"}], "x-unknown": {"deep": [1.50, null]}}'
)


def render(endpoint: Endpoint, body: object, **settings: object) -> dict[str, object]:
    request = RelayRequest.parse(endpoint, json.dumps(body).encode())
    settings = {"model": request.stated, **settings}
    result: dict[str, object] = json.loads(request.written(**settings).body)  # type: ignore[arg-type]
    return result


def test_nothing_to_change_keeps_every_byte() -> None:
    request = RelayRequest.parse(CHAT, PRETTY)
    assert request.written(model="m", max_output_tokens=100, ask_usage=True).body == PRETTY


def test_an_edit_keeps_the_bytes_of_other_members() -> None:
    body = RelayRequest.parse(CHAT, PRETTY).written(model="other").body
    assert b'[{"role": "user", "content": "hi"}]' in body
    assert b'{"deep": [1.50, null]}' in body
    assert json.loads(body)["model"] == "other"


MESSAGES = [{"role": "system", "content": "mine"}, {"role": "user", "content": "hi"}]
EDITS: list[tuple[str, Endpoint, dict[str, object], dict[str, object], dict[str, object]]] = [
    ("alias", CHAT, {"model": "fast", "messages": []}, {"model": "gpt"}, {"model": "gpt", "messages": []}),
    ("default model", CHAT, {"messages": []}, {"model": "gpt"}, {"model": "gpt", "messages": []}),
    (
        "system prompt comes first",
        CHAT,
        {"model": "m", "messages": MESSAGES},
        {"system_prompt": "ours"},
        {"model": "m", "messages": [{"role": "system", "content": "ours"}, *MESSAGES]},
    ),
    (
        "system prompt before no messages",
        CHAT,
        {"model": "m", "messages": []},
        {"system_prompt": "ours"},
        {"model": "m", "messages": [{"role": "system", "content": "ours"}]},
    ),
    (
        "instructions",
        RESPONSES,
        {"model": "m", "input": "x", "instructions": "mine"},
        {"system_prompt": "ours"},
        {"model": "m", "input": "x", "instructions": "ours\n\nmine"},
    ),
    (
        "no instructions",
        RESPONSES,
        {"model": "m", "input": "x"},
        {"system_prompt": "ours"},
        {"model": "m", "input": "x", "instructions": "ours"},
    ),
    (
        "prompt",
        COMPLETIONS,
        {"model": "m", "prompt": ["a", "b"]},
        {"system_prompt": "ours"},
        {"model": "m", "prompt": ["ours\n\na", "ours\n\nb"]},
    ),
    (
        "no conversation",
        PLAIN,
        {"model": "m", "input": "x"},
        {"system_prompt": "ours"},
        {"model": "m", "input": "x"},
    ),
    (
        "cap lowers",
        CHAT,
        {"model": "m", "messages": [], "max_tokens": 900, "max_completion_tokens": 50},
        {"max_output_tokens": 100},
        {"model": "m", "messages": [], "max_tokens": 100, "max_completion_tokens": 50},
    ),
    (
        "cap of responses",
        RESPONSES,
        {"model": "m", "max_output_tokens": 900},
        {"max_output_tokens": 100},
        {"model": "m", "max_output_tokens": 100},
    ),
    (
        "cap fills nothing in",
        CHAT,
        {"model": "m", "messages": []},
        {"max_output_tokens": 100},
        {"model": "m", "messages": []},
    ),
    (
        "usage is asked for in a stream",
        CHAT,
        {"model": "m", "messages": [], "stream": True, "stream_options": {"include_obfuscation": False}},
        {"ask_usage": True},
        {
            "model": "m",
            "messages": [],
            "stream": True,
            "stream_options": {"include_obfuscation": False, "include_usage": True},
        },
    ),
    (
        "usage comes by itself otherwise",
        CHAT,
        {"model": "m", "messages": [], "stream": False},
        {"ask_usage": True},
        {"model": "m", "messages": [], "stream": False},
    ),
    (
        "a rejected member is left out",
        CHAT,
        {"model": "m", "messages": [], "stream": True, "stream_options": {"include_usage": True}},
        {"rejected": frozenset({"stream_options"})},
        {"model": "m", "messages": [], "stream": True},
    ),
]


@pytest.mark.parametrize(
    ("_name", "endpoint", "body", "settings", "sent"), EDITS, ids=[edit[0] for edit in EDITS]
)
def test_edits(
    _name: str,
    endpoint: Endpoint,
    body: dict[str, object],
    settings: dict[str, object],
    sent: dict[str, object],
) -> None:
    assert render(endpoint, body, **settings) == sent


def test_what_is_dropped_is_named() -> None:
    body = {"model": "m", "messages": [], "stream_options": {"include_usage": True}}
    request = RelayRequest.parse(CHAT, json.dumps(body).encode())
    rendered = request.written(model="m", rejected=frozenset({"stream_options"}))
    assert rendered.dropped == ("stream_options",)


def test_the_usage_chunk_is_ours_only_where_the_caller_did_not_ask() -> None:
    asked = {"model": "m", "messages": [], "stream": True, "stream_options": {"include_usage": True}}
    silent = {"model": "m", "messages": [], "stream": True}
    for body, ours in ((asked, False), (silent, True)):
        request = RelayRequest.parse(CHAT, json.dumps(body).encode())
        assert request.written(model="m", ask_usage=True).usage_asked is ours


BAD: list[tuple[Endpoint, dict[str, object], str]] = [
    (CHAT, {"model": "m"}, "messages"),
    (CHAT, {"model": "m", "messages": "hi"}, "messages"),
    (CHAT, {"model": "m", "messages": {}}, "messages"),
    (CHAT, {"model": 7, "messages": []}, "model"),
    (CHAT, {"model": ["m"], "messages": []}, "model"),
    (CHAT, {"model": "m", "messages": [], "stream": "yes"}, "stream"),
    (CHAT, {"model": "m", "messages": [], "stream_options": []}, "stream_options"),
    (CHAT, {"model": "m", "messages": [], "stream_options": {"include_usage": 1}}, "include_usage"),
    (RESPONSES, {"model": {}}, "model"),
    (PLAIN, {"model": 1}, "model"),
]


@pytest.mark.parametrize(("endpoint", "body", "param"), BAD)
def test_a_wrong_request_names_its_field(endpoint: Endpoint, body: dict[str, object], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        RelayRequest.parse(endpoint, json.dumps(body).encode())
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("endpoint", "body", "settings", "param"),
    [
        (COMPLETIONS, {"model": "m", "prompt": [1, 2]}, {"system_prompt": "ours"}, "prompt"),
        (RESPONSES, {"model": "m", "instructions": [1]}, {"system_prompt": "ours"}, "instructions"),
        (CHAT, {"model": "m", "messages": [], "max_tokens": "9"}, {"max_output_tokens": 5}, "max_tokens"),
    ],
)
def test_what_cannot_be_edited_is_refused(
    endpoint: Endpoint, body: dict[str, object], settings: dict[str, object], param: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        render(endpoint, body, **settings)
    assert caught.value.param == param


@given(
    members=st.fixed_dictionaries(
        {"messages": st.just([])},
        optional={
            "model": st.sampled_from(["m", "other", None]),
            "max_tokens": st.sampled_from([0, 5, 500, None, "x"]),
            "stream": st.booleans(),
            "seed": st.integers(),
        },
    ),
    spaced=st.booleans(),
    twice=st.booleans(),
    settings=st.builds(
        Settings,
        st.sampled_from(["m", "other", None]),
        st.sampled_from(["", "Be kind."]),
        st.sampled_from([0, 100]),
        st.sampled_from([None, 3]),
    ),
    provider=st.sampled_from([PROVIDERS["openai"], PROVIDERS["mistral"]]),
)
def test_what_needs_no_change_is_seen_as_it_is_by_who_looks_closer(
    members: dict[str, object], spaced: bool, twice: bool, settings: Settings, provider: Provider
) -> None:
    body = json.dumps(members, separators=(", ", ": ") if spaced else (",", ":")).encode()
    if twice:
        body = b'{"messages":[],' + body[1:]
    exchange = relay_exchange(CHAT, body, provider, Asked(), Instant("0", 0))
    try:
        exchange.output_asked()
        closer = RelayRequest.parse(CHAT, body)
        closer.asked = exchange.asked
        wanted = closer.written(
            settings.model,
            settings.system_prompt,
            settings.max_output_tokens,
            settings.output_limit,
            provider.output_cap,
            exchange.streaming and provider.asks_for_usage,
            provider.rejects,
        )
    except BadRequest:
        with pytest.raises(BadRequest):
            exchange.render(settings, provider)
    else:
        assert exchange.render(settings, provider) == wanted
