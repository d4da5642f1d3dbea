"""What one process has reserved in one account, noted where others find it when it has died."""

from __future__ import annotations

from ai_gateway.policy.calendar import Day
from ai_gateway.shared.records import ROW, Record

__all__ = ["Row", "month_number"]


class Row:
    """The account's lock is held. Nobody reads it while its process lives and changes it."""

    __slots__ = (
        "_held",
        "_input_tokens",
        "_memory",
        "_output_tokens",
        "_requests",
        "_row_at",
        "_usd",
        "day_s",
    )

    def __init__(self, record: Record, slot: int) -> None:
        self._memory, self._row_at = record.memory, record.row_at(slot)
        row = record.memory[self._row_at : self._row_at + ROW.size]
        self.day_s, _, self._requests, self._input_tokens, self._output_tokens, _, _ = record.row(slot)
        """The day that the tokens and USD are of."""
        self._held = row[16:40].cast("q")
        """Requests; tokens in and out of the day."""
        self._usd = row[40:].cast("d")
        """Of the day, and of the month."""

    def hold(self, requests: int, input_tokens: int, output_tokens: int) -> None:
        """More of them, or less."""
        held = self._held
        held[0] = self._requests = self._requests + requests
        held[1] = self._input_tokens = self._input_tokens + input_tokens
        held[2] = self._output_tokens = self._output_tokens + output_tokens

    def turn(self, day: Day) -> None:
        """To another day: what is reserved in an earlier one counts for nobody."""
        _, month, requests, _, _, _, of_month = ROW.unpack_from(self._memory, self._row_at)
        number = month_number(day)
        if month != number:
            of_month = 0.0
        ROW.pack_into(self._memory, self._row_at, day.start_s, number, requests, 0, 0, 0.0, of_month)
        self.day_s, self._input_tokens, self._output_tokens = day.start_s, 0, 0

    def hold_usd(self, of_day: float, of_month: float) -> None:
        """More of it, or less."""
        usd = self._usd
        if self._requests:
            usd[0] += of_day
            usd[1] += of_month
        else:
            usd[0] = usd[1] = 0.0  # sums of floats come back to almost 0


def month_number(day: Day) -> int:
    """YYYY-MM as YYYYMM."""
    return int(day.month[:4]) * 100 + int(day.month[5:])
