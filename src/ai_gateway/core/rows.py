"""Finished requests by the batch: what is each one's own, by column, and once what many have in common.

Most batches are of few clients, models and outcomes. Of some forty members of a row, a dozen are its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from operator import attrgetter, itemgetter
from typing import Any, overload

from msgspec.structs import astuple, replace

from ai_gateway.core.record import RequestRecord

__all__ = ["OWN", "SHARED", "Rows", "Shared", "Values", "has_more", "picked", "shared_of"]

Values = tuple[Any, ...]
"""Members of rows, of as many types as they have."""

_FIELDS = RequestRecord.__struct_fields__
_SHARED_AT = _FIELDS.index("day")
_MORE_AT = _FIELDS.index("attempt_log")
OWN = _FIELDS[:_SHARED_AT]
"""What is a row's own, in the order of `Rows.columns`."""
SHARED = _FIELDS[_SHARED_AT:_MORE_AT]
_MORE = _FIELDS[_MORE_AT:]
_NOTHING = (None,) * len(_MORE)
_more = attrgetter(*_MORE)


class Shared:
    """What rows have in common."""

    __slots__ = ("first", "said", "values")

    def __init__(self, first: RequestRecord, values: Values) -> None:
        self.first = first
        """A row that has it, and nothing that is in neither `OWN` nor `SHARED`."""
        self.values = values
        """Of `SHARED`."""
        self.said: Any = None
        """For the log, which knows its type: what all of their lines say."""


class Rows(Sequence[RequestRecord]):
    """A batch, in the order in which the requests ended. As a sequence, it makes whole records of them when
    it is first asked for one."""

    __slots__ = ("_records", "columns", "shared", "whole")

    def __init__(
        self,
        columns: Sequence[Values],
        shared: Sequence[Shared],
        whole: Mapping[int, RequestRecord],
        records: list[RequestRecord] | None = None,
    ) -> None:
        self.columns = columns
        """Of `OWN`."""
        self.shared = shared
        """Of each row."""
        self.whole = whole
        """By their place: rows that have more than `OWN` and `SHARED`."""
        self._records = records

    @staticmethod
    def of(records: Sequence[RequestRecord]) -> Rows:
        """These; the very same where they are `Rows`."""
        if isinstance(records, Rows):
            return records
        known: dict[Values, Shared] = {}
        values = [astuple(record) for record in records]
        return Rows(
            columns=list(zip(*values, strict=True))[:_SHARED_AT] or [()] * _SHARED_AT,
            shared=[shared_of(one, each, known) for one, each in zip(records, values, strict=True)],
            whole={at: record for at, record in enumerate(records) if has_more(record)},
            records=list(records),
        )

    @property
    def is_alike(self) -> bool:
        """Whether there is one `Shared` for all."""
        return self.shared.count(self.shared[0]) == len(self.shared)

    def groups(self) -> Mapping[Shared, Sequence[int]]:
        """The places of those that have the same in common."""
        found: dict[Shared, list[int]] = {}
        last: Shared | None = None
        places: list[int] = []
        for at, shared in enumerate(self.shared):
            if shared is not last:  # mostly, it is that of the row before
                last = shared
                places = found.setdefault(shared, [])
            places.append(at)
        return found

    def __len__(self) -> int:
        return len(self.shared)

    def __iter__(self) -> Iterator[RequestRecord]:
        return iter(self._made())

    @overload
    def __getitem__(self, at: int) -> RequestRecord: ...
    @overload
    def __getitem__(self, at: slice) -> Rows: ...
    def __getitem__(self, at: int | slice) -> RequestRecord | Rows:
        if isinstance(at, int):
            return self._made()[at]
        start, stop, step = at.indices(len(self.shared))
        if (start, stop, step) == (0, len(self.shared), 1):
            return self
        return Rows(
            columns=[column[at] for column in self.columns],
            shared=self.shared[at],
            whole={
                new: self.whole[old] for new, old in enumerate(range(start, stop, step)) if old in self.whole
            }
            if self.whole
            else self.whole,
            records=None if self._records is None else self._records[at],
        )

    def _made(self) -> list[RequestRecord]:
        made = self._records
        if made is None:
            whole = self.whole
            own = zip(*self.columns, strict=True)
            made = self._records = [
                whole[at] if at in whole else _record(shared, values)
                for at, (shared, values) in enumerate(zip(self.shared, own, strict=True))
            ]
        return made


def picked(columns: Sequence[Values], places: Sequence[int]) -> Sequence[Values]:
    """Of these columns, what is at these places, of which there is one at least."""
    if len(places) == 1:
        return [column[places[0] : places[0] + 1] for column in columns]
    pick = itemgetter(*places)
    return [pick(column) for column in columns]


def has_more(record: RequestRecord) -> bool:
    """Whether it has members that are neither of `OWN` nor of `SHARED`."""
    return _more(record) != _NOTHING


def shared_of(record: RequestRecord, values: Values, known: dict[Values, Shared]) -> Shared:
    """What a row of these values shares with those that are `known`, to which it is added."""
    shared = values[_SHARED_AT:_MORE_AT]
    found = known.get(shared)
    if found is None:
        first = replace(record, **dict.fromkeys(_MORE)) if has_more(record) else record
        found = known[shared] = Shared(first, shared)
    return found


def _record(shared: Shared, own: Values) -> RequestRecord:
    record = copy(shared.first)
    (
        record.id,
        record.started_at,
        record.input_tokens,
        record.cached_tokens,
        record.cache_write_tokens,
        record.output_tokens,
        record.reasoning_tokens,
        record.usage_raw,
        record.ttfb_ms,
        record.latency_ms,
        record.overhead_ms,
        record.caller_address,
        record.cost_usd,
        record.trace,
    ) = own
    return record
