"""Whether the gateway lives, and whether it is ready."""

from __future__ import annotations

import msgspec

__all__ = ["Health"]


class Health:
    """Fed by the control path; asking costs nothing and touches no database."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.draining = False
        self.database_fault: str | None = "the database has not been reached yet"
        self.accounting_fault: str | None = None
        """Why rows wait in the spool; requests go on meanwhile."""
        self.accounting_full = False
        """The spool takes no more: requests are refused."""
        self.spool_depth = 0
        self.overloaded: str | None = None
        """Why requests are refused just now, where that is their number."""
        self.certificate_fault: str | None = None
        """Connections are served, but perhaps no longer trusted. It names files: not for callers."""

    def note_certificate(self, fault: str | None) -> None:
        self.certificate_fault = fault

    def answer(self, path: str) -> tuple[int, bytes] | None:
        """Status and JSON body for a health path; None for any other."""
        match path:
            case "/health/live":
                return 200, msgspec.json.encode({"status": "ok"})
            case "/health/ready":
                return self._status(), msgspec.json.encode({"status": self._word(), "checks": self._checks()})
            case "/health":
                body = {"status": self._word(), "live": True, "ready": self._status() == 200}
                return self._status(), msgspec.json.encode(
                    {**body, "version": self.version, "checks": self._checks()}
                )
            case _:
                return None

    def report(self) -> tuple[str, dict[str, str | int]]:
        """How it is in a word, and one for each check."""
        return self._word(), self._checks()

    def _status(self) -> int:
        faults = (self.draining, self.database_fault, self.accounting_full, self.overloaded)
        return 503 if any(faults) else 200

    def _word(self) -> str:
        if self.draining:
            return "draining"
        if self.database_fault or self.accounting_full:
            return "unavailable"
        if self.overloaded:
            return "overloaded"
        return "degraded" if self.accounting_fault or self.certificate_fault else "ok"

    def _checks(self) -> dict[str, str | int]:
        accounting = "full" if self.accounting_full else "waiting for the database"
        return {
            "database": self.database_fault or "ok",
            "accounting": accounting if self.accounting_full or self.accounting_fault else "ok",
            "spool_depth": self.spool_depth,
            "requests": self.overloaded or "ok",
            "certificate": "needs attention, see the log" if self.certificate_fault else "ok",
        }
