"""Gateway keys: making, hashing, and what of one may be shown."""

from __future__ import annotations

import hashlib
import secrets

__all__ = ["DEFAULT_PREFIX", "hash_key", "key_tail", "new_key"]

DEFAULT_PREFIX = "gm_"
_RANDOM_BYTES = 24  # 192 bits, in 32 characters


def new_key(prefix: str = DEFAULT_PREFIX) -> str:
    """A fresh key: `prefix` and 192 random bits as URL-safe text."""
    return prefix + secrets.token_urlsafe(_RANDOM_BYTES)


def hash_key(key: str) -> bytes:
    """SHA-256 of the key: 32 bytes, all that the gateway keeps of it."""
    return hashlib.sha256(key.encode()).digest()


def key_tail(key: str) -> str:
    """The last four characters: enough to tell keys apart, useless to guess one."""
    return key[-4:]
