"""Events that differ in their text alone are not read again: what is noted of a stream stays the same."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ai_gateway.dialects.endpoints import CHAT, COMPLETIONS, MESSAGES, RESPONSES, Endpoint
from ai_gateway.dialects.relay_answer import stream_relay
from ai_gateway.dialects.repeated import same_but_text

NOTED = ("usage", "model", "output_bytes", "tools_used", "done", "content", "error")
TEXTS = st.lists(st.text(max_size=8), min_size=1, max_size=12)


def tight(body: object) -> bytes:
    """Without spaces, as providers write: other events are read in full."""
    return json.dumps(body, separators=(",", ":")).encode()


def event(body: object) -> bytes:
    return b"data: " + tight(body) + b"\n\n"


def typed(kind: str, **members: object) -> bytes:
    return f"event: {kind}\ndata: ".encode() + tight({"type": kind, **members}) + b"\n\n"


def delta(text: str, index: int = 0, **more: object) -> bytes:
    return event({"id": "c", "choices": [{"index": index, "delta": {"content": text}, **more}]})


def completion(text: str) -> bytes:
    return event({"id": "c", "choices": [{"index": 0, "text": text, "finish_reason": None}]})


def message(text: str) -> bytes:
    return typed("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def arguments(text: str) -> bytes:
    return typed("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": text})


def reasoning(text: str) -> bytes:
    choice = {"index": 0, "delta": {"reasoning_content": text, "content": None}, "finish_reason": None}
    return event({"id": "c", "choices": [choice]})


KINDS = [
    (CHAT, delta),
    (CHAT, reasoning),
    (COMPLETIONS, completion),
    (MESSAGES, message),
    (MESSAGES, arguments),
]


@pytest.mark.parametrize(("endpoint", "kind"), KINDS)
@given(texts=TEXTS, size=st.integers(1, 400))
def test_texts_are_counted_and_pass_as_they_came(
    endpoint: Endpoint, kind: Callable[[str], bytes], texts: list[str], size: int
) -> None:
    wire = b"".join(kind(text) for text in texts)
    for parts in ([wire[i : i + size] for i in range(0, len(wire), size)], [kind(text) for text in texts]):
        relay = stream_relay(endpoint)
        assert b"".join(map(relay.feed, parts)) == wire
        assert relay.output_bytes == sum(len(json.dumps(text)) - 2 for text in texts)
        assert (relay.failure, relay.done) == (None, False)


def choice(**members: object) -> bytes:
    return event({"id": "c", "choices": [{"index": 0, **members}]})


BETWEEN: list[tuple[str, bytes]] = [
    ("a tool call", choice(delta={"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]})),
    ("usage", event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}})),
    ("a failure", event({"error": {"message": "overloaded", "type": "server_error"}})),
    ("another choice", choice(delta={"content": "b"}, index=1)),
    ("a text that is none", delta("a").replace(b'"a"', b'"a" "b"')),
    ("a text that ends early", delta("a").replace(b'"a"', b'"a\\"')),
    ("no UTF-8", delta("a").replace(b'"a"', b'"\xff"')),
    ("the end", b"data: [DONE]\n\n"),
]


@pytest.mark.parametrize(("_what", "other"), BETWEEN, ids=[each[0] for each in BETWEEN])
def test_what_is_no_text_is_read(_what: str, other: bytes) -> None:
    """The same is noted of an event whether or not its neighbours need be read."""
    same = [delta("one"), delta("two"), other]
    varied = [delta("one", nonce=1), delta("two", nonce=2), other]
    first, second = stream_relay(CHAT), stream_relay(CHAT)
    for relay, events in ((first, same), (second, varied)):
        for each in events:
            relay.feed(each)
    for name in NOTED:
        assert getattr(first, name) == getattr(second, name), name
    assert (first.failure is None) == (second.failure is None)


@pytest.mark.parametrize(("endpoint", "kind"), KINDS)
def test_what_only_differs_in_its_text_is_not_read_again(
    endpoint: Endpoint, kind: Callable[[str], bytes]
) -> None:
    relay = stream_relay(endpoint)
    relay.feed(kind("a"))
    relay._decoder = None  # type: ignore[attr-defined]  # nothing can be read any more
    assert relay.feed(kind("b")) == kind("b")
    assert relay.feed(kind("c") + kind("d\n")) == kind("c") + kind("d\n")
    assert relay.output_bytes == len(b"abcd\\n")


UNLIKE = [
    b'data: {"content":"a","x":{"content":"b"}}\n\n',
    b'data: {"my\\"content":"a"}\n\n',
    b'data: {"content":"a\\n"}\n\n',
    b'data: {"content": "a"}\n\n',
    b"data: {}\n\n",
]


@pytest.mark.parametrize("event", UNLIKE)
def test_nothing_is_taken_for_a_text_that_may_not_be_one(event: bytes) -> None:
    assert same_but_text(event, (b'"content":"',)) is None


def counted(tokens: int, text: str) -> bytes:
    """An event with both a text and the usage so far."""
    usage = {"prompt_tokens": 1, "completion_tokens": tokens}
    return event({"id": "c", "choices": [{"index": 0, "delta": {"content": text}}], "usage": usage})


MIXED = st.one_of(
    st.builds(counted, st.integers(1, 3), st.text(max_size=4)),
    st.builds(delta, st.text(max_size=4)),
    st.sampled_from([each for name, each in BETWEEN if name != "the end"]),
)


@given(st.lists(MIXED, max_size=25), st.booleans())
@example([counted(tokens, "a") for tokens in (1, 2, 3, 4, 5, 4)], False)
def test_nothing_but_time_is_saved(wire: list[bytes], whole: bool) -> None:
    """Whatever comes in whatever order, the same is noted as by who reads every event."""
    saving, reading = (
        stream_relay(CHAT, credential="sk-secret-1"),
        stream_relay(CHAT, credential="sk-secret-1"),
    )
    reading._tries = 0  # type: ignore[attr-defined]  # it never learns what events have in common
    for part in [b"".join(wire)] if whole else wire:
        assert saving.feed(part) == reading.feed(part)
        for name in NOTED:
            assert getattr(saving, name) == getattr(reading, name), name


class Caller:
    """Takes what is pushed, while it keeps up."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, bytes]] = []
        self.keeps_up = True

    def push(self, data: bytes, chunk: bytes) -> bool:
        if self.keeps_up:
            self.got.append((data, chunk))
        return self.keeps_up


@given(st.lists(st.tuples(MIXED, st.booleans()), max_size=25), st.integers(0, 30))
def test_a_chunk_passes_whole_or_not_at_all(wire: list[tuple[bytes, bool]], room: int) -> None:
    """The same is noted as by who reads every event; of what does not pass, nothing; nor past a bound."""
    saving, reading, caller = stream_relay(CHAT), stream_relay(CHAT), Caller()
    reading._tries = 0  # type: ignore[attr-defined]  # as above
    for relay in (saving, reading):
        relay.bound(lambda size: min(size + 3, room), input_tokens=1)
    take = saving.chunk_taker(caller.push)
    assert take is not None
    for data, keeps_up in wire:
        before = [getattr(saving, name) for name in NOTED]
        caller.keeps_up = keeps_up
        chunk = b"framed " + data
        if take(data, chunk):
            assert caller.got.pop() == (data, chunk)
            assert reading.feed(data) == data
        else:
            assert [getattr(saving, name) for name in NOTED] == before
            assert saving.feed(data) == reading.feed(data)
        assert not caller.got
        assert [getattr(saving, name) for name in NOTED] == [getattr(reading, name) for name in NOTED]
        assert saving.output_bytes <= room
        if saving.done or saving.failure is not None:
            break


@pytest.mark.parametrize(("endpoint", "kind"), KINDS)
def test_a_chunk_that_says_nothing_new_is_not_taken_apart(
    endpoint: Endpoint, kind: Callable[[str], bytes]
) -> None:
    relay, caller = stream_relay(endpoint), Caller()
    take = relay.chunk_taker(caller.push)
    assert take is not None
    assert not take(kind("a"), b"1")  # nothing is known yet
    relay.feed(kind("a"))
    assert take(kind("b"), b"2")
    assert not take(kind("c") + kind("d"), b"3")
    assert not take(kind("c")[:-1], b"4")
    relay.feed(kind("e")[:9])
    assert not take(kind("e"), b"5")  # the end of another one
    assert caller.got == [(kind("b"), b"2")]


@pytest.mark.parametrize("spaced", [b' "a"', b'"a" '])
def test_space_is_no_part_of_a_text(spaced: bytes) -> None:
    relay = stream_relay(CHAT)
    for each in (delta("a"), delta("b"), delta("a").replace(b'"a"', spaced)):
        relay.feed(each)
    assert relay.output_bytes == 3


def test_whose_events_all_differ_reads_them_all() -> None:
    assert stream_relay(RESPONSES).chunk_taker(Caller().push) is None
