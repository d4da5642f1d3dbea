"""Encryption of upstream credentials at rest, and where its key comes from."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from pathlib import Path

from ai_gateway.store.protocols import StoreError

__all__ = ["KEY_BYTES", "SecretBox", "load_or_create_key"]

KEY_BYTES = 32
KEY_VARIABLE = "AI_GATEWAY_SECRET_KEY"
MIN_PASSPHRASE = 16

_NONCE_BYTES = 12  # what GCM is made for: NIST SP 800-38D, 8.2
_VERSION = "v1"


class SecretBox:
    """AES-256-GCM with a random nonce for each token.

    A token is `v1.KEY.DATA`: KEY is a fingerprint that tells a wrong key from a damaged token, DATA is
    nonce and ciphertext as base64url. `context` (such as a client's id and a field's name) is
    authenticated: a token that is moved to another row or field does not open.
    """

    def __init__(self, key: bytes) -> None:
        """`key` has 32 bytes. The cipher is imported here, so that a program without secrets starts fast."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(key)
        self._fingerprint = hashlib.sha256(b"ai-gateway key fingerprint\0" + key).hexdigest()[:8]

    def seal(self, plaintext: str, *, context: str) -> str:
        """The token of `plaintext`: printable ASCII."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, plaintext.encode(), self._associated(context))
        data = base64.urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode()
        return f"{_VERSION}.{self._fingerprint}.{data}"

    def open(self, token: str, *, context: str) -> str:
        """The plaintext of a token.

        Raises: StoreError where the token was made with another key or for another context, or is damaged.
        """
        from cryptography.exceptions import InvalidTag

        version, _, rest = token.partition(".")
        fingerprint, _, data = rest.partition(".")
        if version != _VERSION:
            raise StoreError(f"the stored secret of {context} has a form that this program does not know")
        if fingerprint != self._fingerprint:
            raise StoreError(
                f"the stored secret of {context} was encrypted with another key: bring back the key file "
                f"or the value of {KEY_VARIABLE} with which it was stored"
            )
        try:
            raw = base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
            plain = self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], self._associated(context))
        except (InvalidTag, ValueError) as error:
            raise StoreError(f"the stored secret of {context} is damaged: set it again") from error
        return plain.decode()

    def _associated(self, context: str) -> bytes:
        return f"ai-gateway:{_VERSION}:{context}".encode()


def load_or_create_key(path: Path, env_value: str | None) -> bytes:
    """The key of 32 bytes: from the environment's value where one is set, else from the file at `path`.

    The value may be 32 bytes as base64, base64url or 64 hex digits; any other text of at least 16
    characters is stretched with HKDF-SHA-256. A missing file is created with mode 0600; of several
    processes that create it at once, one wins, and all get its key.

    Raises: StoreError where the value is too short, or the file cannot be used.
    """
    if env_value and env_value.strip():
        return _key_of(env_value.strip())
    try:
        if not path.exists():
            _create(path)
        key = _exact_key(path.read_text("ascii").strip())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise StoreError(f"cannot use the key file {path}: {reason}") from error
    if key is None:
        raise StoreError(
            f"the key file {path} does not hold 32 bytes as base64: bring back the original; "
            "without it, the stored upstream credentials have to be set again"
        )
    return key


def _key_of(value: str) -> bytes:
    key = _exact_key(value)
    if key is not None:
        return key
    if len(value) < MIN_PASSPHRASE:
        raise StoreError(
            f"{KEY_VARIABLE} is too short: give 32 random bytes as base64 or hex (openssl rand -hex 32), "
            f"or a text of at least {MIN_PASSPHRASE} characters"
        )
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"ai-gateway secret key v1").derive(value.encode())


def _exact_key(value: str) -> bytes | None:
    """32 bytes, where `value` is their hex, base64 or base64url form."""
    try:
        if len(value) == 2 * KEY_BYTES:
            return bytes.fromhex(value)
        padded = value.rstrip("=").replace("-", "+").replace("_", "/") + "="
        key = base64.b64decode(padded, validate=True)
    except (ValueError, binascii.Error):
        return None
    return key if len(key) == KEY_BYTES else None


def _create(path: Path) -> None:
    """Write a fresh key beside `path` and link it there: no reader ever sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n"
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        try:
            os.write(file, text)
            os.fsync(file)
        finally:
            os.close(file)
        _publish(draft, path)
    except FileExistsError:
        return  # another process was first: its key counts
    finally:
        draft.unlink(missing_ok=True)


def _publish(draft: Path, path: Path) -> None:
    """Raises: FileExistsError, and other OSErrors."""
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: all but as good, since nobody else starts at the moment
        draft.rename(path)
