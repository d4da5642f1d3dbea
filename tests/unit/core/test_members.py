"""A relayed body keeps its bytes, and never says two things."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.core.members import is_plain_object, member, open_object, write_object
from ai_gateway.errors import BadRequest

VALID = (
    b'{"model": "m", "messages": [ {"role":"user" , "content":"\xc3\xa9"} ], "x": 1.0, "y": {"z": [1, 2]}}'
)


def test_members_keep_their_bytes() -> None:
    members = open_object(VALID)
    assert bytes(members["messages"]) == b'[ {"role":"user" , "content":"\xc3\xa9"} ]'
    assert bytes(members["x"]) == b"1.0"
    assert is_plain_object(VALID, members)


@pytest.mark.parametrize("end", range(len(VALID)))
def test_every_truncation_is_refused(end: int) -> None:
    with pytest.raises(BadRequest):
        open_object(VALID[:end])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"x"',
        b"{]",
        b'{"a":1}x',
        b'{"a":"\xff"}',
        b'{"a":01}',
        b'{"a":1,}',
        b'{"a":' + b"[" * 100_000,
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        open_object(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"allowed","model":"forbidden"}',
        b'{"model":"forbidden","messages":[],"model":"allowed"}',
        b'{"\\u006dodel":"forbidden","model":"allowed"}',
        b'{ "model" : "a" , "b" : 1, "model" : "c" }',
    ],
)
def test_a_member_that_stands_twice_is_not_plain(body: bytes) -> None:
    members = open_object(body)
    assert not is_plain_object(body, members)
    assert json.loads(write_object(members)) == {
        name: json.loads(bytes(value)) for name, value in members.items()
    }


@given(
    st.dictionaries(
        st.text(max_size=8).filter(lambda s: not any(0xD800 <= ord(c) < 0xE000 for c in s)),
        st.none() | st.booleans() | st.integers() | st.text(alphabet='aé"\\ \n', max_size=5),
        max_size=6,
    ),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")]),
)
def test_any_object_comes_back_as_it_was(value: dict[str, object], separators: tuple[str, str]) -> None:
    body = json.dumps(value, separators=separators, ensure_ascii=False).encode()
    members = open_object(body)
    assert json.loads(write_object(members)) == value
    rewritten = is_plain_object(body, members)
    assert rewritten or any("\\" in json.dumps(name, ensure_ascii=False) for name in value)


@pytest.mark.parametrize(
    ("raw", "kind", "expected"),
    [(b'"x"', str, "x"), (b"true", bool, True), (b"null", str, None), (b"7", int, 7)],
)
def test_typed_members(raw: bytes, kind: type[object], expected: object) -> None:
    assert member(open_object(b'{"a":' + raw + b"}"), "a", kind, "right") == expected


def test_a_wrong_type_names_its_field() -> None:
    with pytest.raises(BadRequest, match="'stream' must be a boolean") as caught:
        member(open_object(b'{"stream":"yes"}'), "stream", bool, "a boolean")
    assert caught.value.param == "stream"
