"""Encryption of upstream credentials at rest, and where its key comes from."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ai_gateway.store.protocols import StoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["KEY_BYTES", "SecretBox", "key_of", "read_key_file", "replace_key_file"]

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

    def __init__(self, keys: bytes | Callable[[], Sequence[bytes]]) -> None:
        """`keys`: 32 bytes, or what tells the keys of this moment: the first seals, any of them opens."""
        self._keys: Callable[[], Sequence[bytes]] = (lambda: (keys,)) if isinstance(keys, bytes) else keys
        self._ciphers: dict[str, AESGCM] = {}
        self._current()

    def seal(self, plaintext: str, *, context: str) -> str:
        """The token of `plaintext`: printable ASCII. Raises: StoreError where the key cannot be had."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        fingerprint = self._current()
        sealed = self._ciphers[fingerprint].encrypt(nonce, plaintext.encode(), self._associated(context))
        data = base64.urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode()
        return f"{_VERSION}.{fingerprint}.{data}"

    def open(self, token: str, *, context: str) -> str:
        """The plaintext of a token.

        Raises: StoreError where the token was made with another key or for another context, or is damaged.
        """
        from cryptography.exceptions import InvalidTag

        version, _, rest = token.partition(".")
        fingerprint, _, data = rest.partition(".")
        if version != _VERSION:
            raise StoreError(f"the stored secret of {context} has a form that this program does not know")
        if fingerprint not in self._ciphers:
            self._current()  # somebody may have changed the key meanwhile
        cipher = self._ciphers.get(fingerprint)
        if cipher is None:
            raise StoreError(
                f"the stored secret of {context} was encrypted with another key: bring back the key file "
                f"or the value of {KEY_VARIABLE} with which it was stored"
            )
        try:
            raw = base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
            plain = cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], self._associated(context))
        except (InvalidTag, ValueError) as error:
            raise StoreError(f"the stored secret of {context} is damaged: set it again") from error
        return plain.decode()

    def is_current(self, token: str) -> bool:
        """Whether a token was made with the key that seals now."""
        return token.startswith(f"{_VERSION}.{self._current()}.")

    def _current(self) -> str:
        """The fingerprint of the key that seals now. The ciphers of earlier keys are kept."""
        # Imported here, so that a program without secrets starts fast.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        found = [(_fingerprint(key), key) for key in self._keys()]
        for fingerprint, key in found:
            if fingerprint not in self._ciphers:
                self._ciphers[fingerprint] = AESGCM(key)
        return found[0][0]

    def _associated(self, context: str) -> bytes:
        return f"ai-gateway:{_VERSION}:{context}".encode()


def _fingerprint(key: bytes) -> str:
    return hashlib.sha256(b"ai-gateway key fingerprint\0" + key).hexdigest()[:8]


def read_key_file(path: Path, *, create: bool = True) -> tuple[bytes, ...]:
    """The keys of a file, one a line: the first is the one in use, others only open what is left of theirs.

    A missing file is created with a fresh key and mode 0600; of several processes that create it at once,
    one wins, and all get its key.

    Raises: StoreError.
    """
    try:
        if create and not path.exists():
            _create(path)
        keys = [_exact_key(line) for line in path.read_text("ascii").split()]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise StoreError(f"cannot use the key file {path}: {reason}") from error
    known = tuple(key for key in keys if key is not None)
    if not known or len(known) != len(keys):
        raise StoreError(
            f"the key file {path} does not hold 32 bytes as base64: bring back the original; "
            "without it, the stored upstream credentials have to be set again"
        )
    return known


def replace_key_file(path: Path, keys: Sequence[bytes]) -> None:
    """Put `keys` there in one step, with mode 0600. Raises: StoreError."""
    try:
        draft = _draft(path, b"".join(base64.urlsafe_b64encode(key) + b"\n" for key in keys))
        try:
            draft.replace(path)
            _sync_folder(path.parent)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"cannot write the key file {path}: {error.strerror}") from error


def key_of(value: str) -> bytes:
    """The key of 32 bytes that a value of the environment stands for: as base64, base64url or 64 hex digits;
    any other text of at least 16 characters is stretched with HKDF-SHA-256.

    Raises: StoreError where it is too short.
    """
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
    draft = _draft(path, base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
    try:
        _publish(draft, path)
    except FileExistsError:
        return  # another process was first: its key counts
    finally:
        draft.unlink(missing_ok=True)


def _draft(path: Path, text: bytes) -> Path:
    """The text in a file beside `path`, on the disk. Raises: OSError."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(file, text)
        os.fsync(file)
    finally:
        os.close(file)
    return draft


def _sync_folder(folder: Path) -> None:
    """A name that was replaced survives the death of the machine too."""
    if os.name != "posix":
        return
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _publish(draft: Path, path: Path) -> None:
    """Raises: FileExistsError, and other OSErrors."""
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: all but as good, since nobody else starts at the moment
        draft.rename(path)
