"""Which key encrypts the upstream credentials at this moment, and how it is changed.

A rotation never leaves a credential without its key: the key file first holds the new key and the old one,
then every credential is encrypted again in one transaction, then the old key leaves the file. Whoever seals
does so inside a write transaction and looks at the file there, so that nothing is sealed with the old key
after that transaction.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from ai_gateway.store.crypto import (
    KEY_BYTES,
    KEY_VARIABLE,
    SecretBox,
    key_of,
    read_key_file,
    replace_key_file,
)
from ai_gateway.store.protocols import StoreError

__all__ = ["PREVIOUS_KEY_VARIABLE", "KeySource", "rotate_key_file"]

PREVIOUS_KEY_VARIABLE = "AI_GATEWAY_PREVIOUS_SECRET_KEY"
_LOCK_TIMEOUT_S = 5.0


class KeySource:
    """The keys of the environment, or of the key file, which is read again whenever it has changed."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        """A file that is missing and needed is made. Raises: StoreError."""
        self.path = path
        given = (environ.get(name, "").strip() for name in (KEY_VARIABLE, PREVIOUS_KEY_VARIABLE))
        current, previous = given
        self.from_environment = bool(current)
        self._given = tuple(key_of(value) for value in (current, previous) if value)
        if self.from_environment:
            with contextlib.suppress(StoreError):  # what was sealed before the variable was set
                self._given += read_key_file(path, create=False)
        self._stamp: tuple[int, int] | None = None
        self._keys: tuple[bytes, ...] = ()
        self.box = SecretBox(self.keys)

    def keys(self) -> tuple[bytes, ...]:
        """The first seals, any opens. Raises: StoreError."""
        if self.from_environment:
            return self._given
        try:
            status = self.path.stat()
        except OSError:
            stamp = None
        else:
            stamp = (status.st_ino, status.st_mtime_ns)
        if not self._keys or stamp is None or stamp != self._stamp:
            self._keys = (*read_key_file(self.path, create=not self._keys), *self._given)
            self._stamp = stamp
        return self._keys


async def rotate_key_file(path: Path, reseal: Callable[[], Awaitable[int]]) -> int:
    """Put a new key into the file at `path`. `reseal` encrypts again what was encrypted with another key than
    the newest of the file, and returns how many credentials that were.

    Where it fails, the file keeps all keys, everything can still be read, and another rotation completes it.
    Raises: StoreError.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(f"{path.name}.lock"), timeout=_LOCK_TIMEOUT_S, mode=0o600)
    try:
        with lock:
            new = secrets.token_bytes(KEY_BYTES)
            replace_key_file(path, (new, *read_key_file(path)))
            count = await reseal()
            replace_key_file(path, (new,))
    except Timeout as error:
        raise StoreError("another rotation is under way: wait for its end") from error
    except OSError as error:
        raise StoreError(f"cannot lock {lock.lock_file}: {error.strerror}") from error
    return count
