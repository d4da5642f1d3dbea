"""Passwords of those who sign in: making, hashing, checking."""

from __future__ import annotations

import secrets

__all__ = ["hash_password", "new_password", "new_secret", "verify_password"]

# Without characters that look alike: people copy these from a screen. 20 of 56 are 116 bits.
_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_LENGTH = 20


def new_password() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def new_secret() -> str:
    """256 random bits as URL-safe text."""
    return secrets.token_urlsafe(32)


def hash_password(password: str) -> str:
    """Argon2id, by the library's defaults (RFC 9106, second choice: 64 MiB, 3 passes, 4 lanes)."""
    from argon2 import PasswordHasher

    return PasswordHasher().hash(password)


def verify_password(password_hash: str, password: str) -> bool:
    """Whether this is the password; takes as long as hashing one. False for what is no hash."""
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return PasswordHasher().verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
