"""Turns that are kept for callers: found by place and call, for a while, within bounds; and put back."""

from __future__ import annotations

import msgspec
import pytest

from ai_gateway.core.chat import ChatRequest, DialectName, Message, Part, Role, Text, ToolCall, ToolResult
from ai_gateway.policy.kept_turns import (
    MAX_BYTES,
    MAX_TURN_BYTES,
    TTL_S,
    KeptResponse,
    KeptTurn,
    KeptTurns,
    Place,
)
from ai_gateway.policy.restoring import Find, restored, resumed

OURS = ToolCall(id="call_ours", name="get_time", arguments="{}")
THEIRS = ToolCall(id="call_theirs", name="pay", arguments='{"usd":1}')
OUR_RESULT = ToolResult(call_id="call_ours", content=(Text("noon"),))
THEIR_RESULT = ToolResult(call_id="call_theirs", content=(Text("paid"),))


HERE = Place.after((Message(role=Role.USER, parts=(Text("pay"),)),))


def turn(text: str = "", own: str = "call_theirs") -> KeptTurn:
    theirs = msgspec.structs.replace(THEIRS, id=own)
    message = Message(role=Role.ASSISTANT, parts=(Text(text), OURS, theirs))
    return KeptTurn(place=HERE, messages=(message,), results=(OUR_RESULT,), own_calls=(theirs,))


def request(*messages: Message, dialect: DialectName = DialectName.OPENAI_CHAT) -> ChatRequest:
    return ChatRequest(dialect=dialect, model="m", messages=messages)


def only(kept: KeptTurn) -> Find:
    ids = {"", *(call.id for call in kept.own_calls)}
    return lambda place, call_id: kept if place == kept.place and call_id in ids else None


def test_found_by_client_place_and_call() -> None:
    turns = KeptTurns()
    kept = turn()
    turns.keep("cl_a", kept, 0.0)
    assert turns.find("cl_a", HERE, "call_theirs", 1.0) is kept
    assert turns.find("cl_a", HERE, "", 1.0) is kept
    assert turns.find("cl_b", HERE, "call_theirs", 1.0) is None
    assert turns.find("cl_a", Place.after(()), "call_theirs", 1.0) is None
    assert turns.find("cl_a", HERE, "another", 1.0) is None


def test_kept_for_an_hour_after_it_was_last_asked_for() -> None:
    turns = KeptTurns()
    turns.keep("cl_a", turn(), 0.0)
    assert turns.find("cl_a", HERE, "call_theirs", TTL_S - 1) is not None
    assert turns.find("cl_a", HERE, "call_theirs", 2 * TTL_S - 2) is not None
    assert turns.find("cl_a", HERE, "call_theirs", 4 * TTL_S) is None


def test_bounded_by_size_the_oldest_go_first() -> None:
    turns = KeptTurns()
    big = "x" * (MAX_TURN_BYTES // 2)
    many = 2 * MAX_BYTES // MAX_TURN_BYTES + 1
    for number in range(many):
        turns.keep("cl_a", turn(big, f"call_{number:03}"), 0.0)
    found = [turns.find("cl_a", HERE, f"call_{number:03}", 1.0) is not None for number in range(many)]
    assert not found[0]
    assert found[-1]
    assert 1 <= found.count(False) <= 2
    turns.keep("cl_a", turn("x" * MAX_TURN_BYTES, "call_huge"), 0.0)
    assert turns.find("cl_a", HERE, "call_huge", 1.0) is None


ASKED = Message(role=Role.USER, parts=(Text("pay"),))
BOTH_RESULTS = Message(role=Role.USER, parts=(OUR_RESULT, THEIR_RESULT))


def model(*parts: Part) -> Message:
    return Message(role=Role.ASSISTANT, parts=parts)


def user(*parts: Part) -> Message:
    return Message(role=Role.USER, parts=parts)


@pytest.mark.parametrize(
    "run",
    [
        (model(THEIRS),),
        (model(Text("thinking aloud"), THEIRS),),
        (model(Text("thinking aloud")), model(THEIRS)),  # an item each
        (model(Text("thinking ")), model(Text("aloud")), model(THEIRS)),  # a message for each chunk
    ],
)
def test_a_request_gets_its_turn_back(run: tuple[Message, ...]) -> None:
    kept = turn("thinking aloud")
    more = user(Text("and?"))
    back = restored(request(ASKED, *run, user(THEIR_RESULT), more), only(kept))
    assert back.messages == (ASKED, *kept.messages, BOTH_RESULTS, more)


def test_results_and_words_in_one_message() -> None:
    kept = turn()
    back = restored(request(ASKED, model(THEIRS), user(THEIR_RESULT, Text("and?"))), only(kept))
    assert back.messages == (ASKED, *kept.messages, user(OUR_RESULT, THEIR_RESULT, Text("and?")))


SECOND_CALL = ToolCall(id="call_second", name="pay", arguments='{"usd":2}')
SECOND_RESULT = ToolResult(call_id="call_second", content=(Text("paid, too"),))


def two_calls() -> KeptTurn:
    """The gateway's call between two of the caller's."""
    calls = (THEIRS, OURS, SECOND_CALL)
    return KeptTurn(
        place=HERE, messages=(model(*calls),), results=(OUR_RESULT,), own_calls=(THEIRS, SECOND_CALL)
    )


@pytest.mark.parametrize(
    "after",
    [
        (model(THEIRS, SECOND_CALL), user(THEIR_RESULT, SECOND_RESULT)),
        (model(THEIRS), model(SECOND_CALL), user(SECOND_RESULT), user(THEIR_RESULT)),
        (model(THEIRS), user(THEIR_RESULT), model(SECOND_CALL), user(SECOND_RESULT)),
    ],
)
def test_results_of_both_stand_in_the_order_of_their_calls(after: tuple[Message, ...]) -> None:
    kept = two_calls()
    back = restored(request(ASKED, *after), only(kept))
    assert back.messages == (ASKED, *kept.messages, user(THEIR_RESULT, OUR_RESULT, SECOND_RESULT))


def test_a_call_that_the_caller_left_out_is_left_out() -> None:
    back = restored(request(ASKED, model(SECOND_CALL), user(SECOND_RESULT)), only(two_calls()))
    assert back.messages == (ASKED, model(OURS, SECOND_CALL), user(OUR_RESULT, SECOND_RESULT))


def test_a_call_of_another_turn_is_no_part_of_it() -> None:
    other = msgspec.structs.replace(SECOND_CALL, id="call_other")
    asked = request(ASKED, model(THEIRS, other), user(THEIR_RESULT))
    assert restored(asked, only(two_calls())) is asked


def test_a_caller_without_ids_is_known_by_names() -> None:
    kept = two_calls()
    first, second = (msgspec.structs.replace(call, id=f"made_up_{call.id}") for call in kept.own_calls)
    results = [
        msgspec.structs.replace(result, call_id=call.id)
        for call, result in ((first, THEIR_RESULT), (second, SECOND_RESULT))
    ]
    asked = request(ASKED, model(first, second), user(*results), dialect=DialectName.GEMINI)
    back = restored(asked, only(kept))
    assert back.messages == (ASKED, *kept.messages, user(THEIR_RESULT, OUR_RESULT, SECOND_RESULT))


def test_several_turns_in_one_history_though_their_ids_are_the_same() -> None:
    turns = KeptTurns()
    first = turn("one")
    later = (ASKED, model(THEIRS), user(THEIR_RESULT))
    second = msgspec.structs.replace(turn("two"), place=Place.after(later))
    for kept in (first, second):
        turns.keep("cl_a", kept, 0.0)
    asked = request(*later, model(THEIRS), user(THEIR_RESULT))
    back = restored(asked, lambda place, call_id: turns.find("cl_a", place, call_id, 1.0))
    assert back.messages == (ASKED, *first.messages, BOTH_RESULTS, *second.messages, BOTH_RESULTS)


def test_another_users_call_of_the_same_id_is_not_his() -> None:
    theirs = request(user(Text("pay something else")), model(THEIRS), user(THEIR_RESULT))
    assert restored(theirs, only(turn())) is theirs


def test_a_request_without_results_yet_gets_the_gateways_own() -> None:
    kept = turn()
    back = restored(request(ASKED, model(THEIRS), model(Text("and"))), only(kept))
    assert back.messages == (ASKED, *kept.messages, user(OUR_RESULT))
    back = restored(request(ASKED, model(THEIRS), user(Text("and"))), only(kept))
    assert back.messages == (ASKED, *kept.messages, user(OUR_RESULT, Text("and")))


def test_what_was_never_kept_is_left_alone() -> None:
    asked = request(ASKED, model(THEIRS), user(THEIR_RESULT))
    assert restored(asked, lambda place, call_id: None) is asked


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
