"""The server's certificate: renewed files are taken up while connections go on."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ai_gateway.config.certificate import CertificateError, load_certificate

__all__ = ["Certificates"]

POLL_S = 1.0
Stamp = tuple[tuple[int, int, int] | str, ...]

_log = logging.getLogger("ai_gateway.server")


class Certificates:
    """Serves the newest certificate that could be read; connections keep the one that they began with."""

    def __init__(self, cert_file: Path, key_file: Path) -> None:
        """Raises: CertificateError."""
        self._files = (cert_file, key_file)
        self._stamp = self._seen = _stamp(self._files)
        self._current = load_certificate(*self._files)
        self._broken: str | None = None
        self._told: str | None = None
        # New handshakes begin on this context and leave it for the current one. It is never changed
        # itself: files that turn out to be broken half-way would break it.
        self.context = self._current.context
        self.context.sni_callback = self._choose

    @property
    def fault(self) -> str | None:
        """What an admin should do something about."""
        return self._broken or self._current.fault(datetime.now(UTC))

    async def watch(self, stop: asyncio.Event, tell: Callable[[str | None], None]) -> None:
        """Look at the files every `POLL_S` seconds until `stop`; `tell` hears of each fault and its end."""
        while True:
            self._report(tell)
            try:
                await asyncio.wait_for(stop.wait(), POLL_S)
            except TimeoutError:
                await self._poll()
            else:
                return

    async def _poll(self) -> None:
        """Load files that have changed, and rest: a renewal writes one after the other."""
        before, self._seen = self._seen, await asyncio.to_thread(_stamp, self._files)
        if self._seen == self._stamp or self._seen != before:
            return
        self._stamp = self._seen
        try:
            self._current = await asyncio.to_thread(load_certificate, *self._files)
        except CertificateError as error:
            self._broken = f"the renewed certificate cannot be used, the old one serves on: {error}"
            return
        self._broken = None
        _log.info("serving the renewed certificate, valid until %s", self._current.not_after.isoformat())

    def _report(self, tell: Callable[[str | None], None]) -> None:
        fault = self.fault
        if fault != self._told:
            if fault is not None:
                _log.warning("%s", fault)
            tell(fault)
            self._told = fault

    def _choose(
        self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _: ssl.SSLContext
    ) -> None:
        """Called for every handshake, with or without a server name."""
        if self._current.context is not self.context:
            connection.context = self._current.context


def _stamp(files: tuple[Path, ...]) -> Stamp:
    """What changes when a file is written, or when a link points to another. Missing is a state too."""
    stamps: list[tuple[int, int, int] | str] = []
    for path in files:
        try:
            status = path.stat()
        except OSError as error:
            stamps.append(error.strerror or "not there")
        else:
            stamps.append((status.st_mtime_ns, status.st_ino, status.st_size))
    return tuple(stamps)
