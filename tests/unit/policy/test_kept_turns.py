"""Turns that are kept for callers: found by exactly their calls, for a while, within bounds."""

from __future__ import annotations

import msgspec

from ai_gateway.core.chat import ChatRequest, DialectName, Message, Role, Text, ToolCall, ToolResult
from ai_gateway.policy.kept_turns import (
    MAX_BYTES,
    MAX_TURN_BYTES,
    TTL_S,
    KeptResponse,
    KeptTurn,
    KeptTurns,
    restored,
    resumed,
)

OURS = ToolCall(id="call_ours", name="get_time", arguments="{}")
THEIRS = ToolCall(id="call_theirs", name="pay", arguments='{"usd":1}')
OUR_RESULT = ToolResult(call_id="call_ours", content=(Text("noon"),))
THEIR_RESULT = ToolResult(call_id="call_theirs", content=(Text("paid"),))


def turn(text: str = "", own: str = "call_theirs") -> KeptTurn:
    message = Message(role=Role.ASSISTANT, parts=(Text(text), OURS, THEIRS))
    return KeptTurn(messages=(message,), results=(OUR_RESULT,), own_ids=frozenset({own}))


def request(*messages: Message) -> ChatRequest:
    return ChatRequest(dialect=DialectName.OPENAI_CHAT, model="m", messages=messages)


def test_found_by_client_and_exactly_its_calls() -> None:
    turns = KeptTurns()
    kept = turn()
    turns.keep("cl_a", kept, 0.0)
    assert turns.find("cl_a", frozenset({"call_theirs"}), 1.0) is kept
    assert turns.find("cl_b", frozenset({"call_theirs"}), 1.0) is None
    assert turns.find("cl_a", frozenset({"call_theirs", "another"}), 1.0) is None
    assert turns.find("cl_a", frozenset(), 1.0) is None


def test_kept_for_an_hour_after_it_was_last_asked_for() -> None:
    turns = KeptTurns()
    turns.keep("cl_a", turn(), 0.0)
    own = frozenset({"call_theirs"})
    assert turns.find("cl_a", own, TTL_S - 1) is not None
    assert turns.find("cl_a", own, 2 * TTL_S - 2) is not None
    assert turns.find("cl_a", own, 4 * TTL_S) is None


def test_bounded_by_size_the_oldest_go_first() -> None:
    turns = KeptTurns()
    big = "x" * (MAX_TURN_BYTES // 2)
    many = 2 * MAX_BYTES // MAX_TURN_BYTES + 1
    for number in range(many):
        turns.keep("cl_a", turn(big, f"call_{number:03}"), 0.0)
    found = [turns.find("cl_a", frozenset({f"call_{number:03}"}), 1.0) is not None for number in range(many)]
    assert not found[0]
    assert found[-1]
    assert 1 <= found.count(False) <= 2
    turns.keep("cl_a", turn("x" * MAX_TURN_BYTES, "call_huge"), 0.0)
    assert turns.find("cl_a", frozenset({"call_huge"}), 1.0) is None


def test_a_request_gets_its_turn_back() -> None:
    kept = turn("thinking aloud")
    asked = Message(role=Role.USER, parts=(Text("pay"),))
    known = Message(role=Role.ASSISTANT, parts=(THEIRS,))
    done = Message(role=Role.USER, parts=(THEIR_RESULT,))
    back = restored(request(asked, known, done), lambda own: kept if own == kept.own_ids else None)
    assert back.messages == (
        asked,
        *kept.messages,
        Message(role=Role.USER, parts=(OUR_RESULT, THEIR_RESULT)),
    )


def test_a_request_without_results_yet_gets_the_gateways_own() -> None:
    kept = turn()
    known = Message(role=Role.ASSISTANT, parts=(THEIRS,))
    more = Message(role=Role.ASSISTANT, parts=(Text("and"),))
    back = restored(request(known, more), lambda own: kept)
    assert back.messages == (*kept.messages, Message(role=Role.USER, parts=(OUR_RESULT,)), more)


def test_what_was_never_kept_is_left_alone() -> None:
    asked = request(Message(role=Role.ASSISTANT, parts=(THEIRS,)))
    assert restored(asked, lambda own: None) is asked


def test_a_response_is_gone_on_with_by_the_id_of_its_last_round() -> None:
    turns = KeptTurns()
    turns.keep_response("cl_a", "resp_1", KeptResponse(id="resp_2", results=(OUR_RESULT,)), 0.0)
    asked = Message(role=Role.USER, parts=(THEIR_RESULT,))
    first = msgspec.structs.replace(
        request(asked),
        extra={"previous_response_id": msgspec.Raw(b'"resp_1"'), "store": msgspec.Raw(b"true")},
    )
    back = resumed(first, lambda told: turns.find_response("cl_a", told, 1.0))
    assert back.extra == {
        "previous_response_id": msgspec.Raw(b'"resp_2"'),
        "store": msgspec.Raw(b"true"),
    }
    assert back.messages == (Message(role=Role.USER, parts=(OUR_RESULT,)), asked)
    assert resumed(first, lambda told: turns.find_response("cl_b", told, 1.0)) is first
    odd = msgspec.structs.replace(first, extra={"previous_response_id": msgspec.Raw(b"7")})
    assert resumed(odd, lambda told: turns.find_response("cl_a", told, 1.0)) is odd
    assert turns.find("cl_a", frozenset({"resp_1"}), 1.0) is None
