"""Making any row storable: what a provider or caller sent must not stop the books."""

from __future__ import annotations

import msgspec

from ai_gateway.core.record import RequestRecord

__all__ = ["MAX_INT", "storable"]

MAX_INT = 2**53
"""The largest integer that is kept: exact in JSON everywhere, and the sum of a batch fits 63 bits."""


def storable(record: RequestRecord) -> RequestRecord:
    """A copy whose integers fit a column and whose texts are valid UTF-8 (lone surrogates become `?`).

    Only for a row that UTF-8 or the database has refused: all others go as they are.
    """
    return msgspec.structs.replace(record, **{name: _fitting(value) for name, value in _fields(record)})


def _fields(record: RequestRecord) -> list[tuple[str, object]]:
    return [(name, getattr(record, name)) for name in record.__struct_fields__]


def _fitting(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-MAX_INT, min(MAX_INT, value))
    return value
