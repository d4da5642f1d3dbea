"""Structs that are set as other objects are stay Structs, and stay within the garbage collector's reach."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import msgspec
import pytest

from ai_gateway.core.ledger import Entry
from ai_gateway.core.record import RequestRecord


class Holder:
    """Something that a row's entry may hold, and that holds it."""

    entry: Entry | None = None

    def settle(self, input_tokens: int, output_tokens: int, usd: float | None) -> None: ...

    def cancel(self) -> None: ...


def record() -> RequestRecord:
    return RequestRecord(id="r", started_at=0, endpoint="POST /x", dialect="openai", status=200)


def test_a_row_is_written_read_and_copied_as_before() -> None:
    row = record()
    row.input_tokens = 5
    data = msgspec.json.encode(row)
    assert data == (
        b'{"id":"r","started_at":0,"input_tokens":5,"endpoint":"POST /x","dialect":"openai","status":200}'
    )
    read = msgspec.json.decode(data, type=RequestRecord)
    read.status = 500
    assert read == msgspec.structs.replace(row, status=500)


def test_a_row_has_no_other_members() -> None:
    with pytest.raises(AttributeError):
        record().nothing = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("sink", [[].append, lambda _: None], ids=["method", "function"])
def test_an_entry_that_is_held_in_a_circle_goes(sink: Callable[[RequestRecord], None]) -> None:
    holder = Holder()
    holder.entry = Entry(record(), started_s=0.0, sink=sink)
    assert gc.is_tracked(holder.entry)
    holder.entry.charge = holder
    gone = weakref.ref(holder)
    del holder
    gc.collect()
    assert gone() is None
