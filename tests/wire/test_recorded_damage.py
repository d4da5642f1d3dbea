"""Recorded answers, damaged: a member that is null, of another type, unknown or twice is never fatal to the
gateway; what is left is an answer, or the provider's fault."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ai_gateway.core.answer import collect
from ai_gateway.errors import UpstreamError
from tests.harness.cassettes import Cassette, cassette_params
from tests.harness.recorded import decode, dialect_of, is_answer, is_stream, provider_of

Json = Any
Path = tuple[str | int, ...]
WRONG: tuple[Json, ...] = (None, 5, "x", [], {}, [None], True)
PLACES = 40
"""Of one recording, evenly spread."""
_EVENT = re.compile(rb"data: ?(\{.*\})", re.DOTALL)


def places(value: Json, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*path, name)
            yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value[:3]):
            yield from places(inner, (*path, index))


def damaged(value: Json, path: Path, wrong: Json) -> Json:
    copied = json.loads(json.dumps(value))
    inner = copied
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = wrong
    return copied


def spread(found: list[Path]) -> list[Path]:
    step = max(1, len(found) // PLACES)
    return found[::step]


def read(cassette: Cassette, wire: bytes, *, stream: bool) -> bool:
    """Whether it is still an answer; anything but the provider's fault raises."""
    name = dialect_of(cassette)
    assert name is not None
    try:
        collect(decode(name, provider_of(cassette), wire, stream=stream))
    except UpstreamError as error:
        return not error.message
    return True


@pytest.mark.parametrize("cassette", cassette_params(is_answer))
def test_an_answer_survives_null_and_is_never_our_fault(cassette: Cassette) -> None:
    for number, path in enumerate(spread(list(places(cassette.body)))):
        for wrong in (None, WRONG[number % len(WRONG)]):
            read(cassette, json.dumps(damaged(cassette.body, path, wrong)).encode(), stream=False)
    extended = {**cassette.body, "unknown": {"member": [1]}}
    assert read(cassette, json.dumps(extended).encode(), stream=False) == read(
        cassette, cassette.response_bytes(), stream=False
    )


@pytest.mark.parametrize("cassette", cassette_params(is_stream))
def test_a_stream_survives_null_and_is_never_our_fault(cassette: Cassette) -> None:
    blocks = cassette.response_bytes().replace(b"\r\n", b"\n").split(b"\n\n")
    events = [
        (index, found)
        for index, block in enumerate(blocks)
        if (found := _EVENT.search(block)) is not None and _is_json(found[1])
    ]
    step = max(1, len(events) // 8)
    for number, (index, found) in enumerate(events[::step]):
        body = json.loads(found[1])
        every = list(places(body))
        for path in every[:: max(1, len(every) // 6)]:
            for wrong in (None, WRONG[number % len(WRONG)]):
                changed = json.dumps(damaged(body, path, wrong)).encode()
                block = blocks[index].replace(found[1], changed)
                wire = b"\n\n".join([*blocks[:index], block, *blocks[index + 1 :]])
                read(cassette, wire, stream=True)


@pytest.mark.parametrize("cassette", cassette_params(is_stream))
def test_a_stream_survives_events_that_nobody_knows(cassette: Cassette) -> None:
    wire = cassette.response_bytes().replace(b"\r\n", b"\n")
    whole = read(cassette, wire, stream=True)
    strange = b': a comment\n\nevent: strange\ndata: {"type":"strange.event","x":[null]}\n\ndata:\n\n'
    name, provider = dialect_of(cassette), provider_of(cassette)
    assert name is not None
    blocks = wire.split(b"\n\n")
    middle = len(blocks) // 2
    mixed = b"\n\n".join(blocks[:middle]) + b"\n\n" + strange + b"\n\n".join(blocks[middle:])
    assert read(cassette, mixed, stream=True) == whole
    if whole:
        assert collect(decode(name, provider, mixed, stream=True)) == collect(
            decode(name, provider, wire, stream=True)
        )


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True
