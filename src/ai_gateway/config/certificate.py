"""A certificate and its key, read from their files into a TLS context."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import msgspec

__all__ = ["Certificate", "CertificateError", "load_certificate"]


class CertificateError(ValueError):
    """The files cannot be used; the message says which and why, and holds nothing of the key."""


class Certificate(msgspec.Struct, frozen=True):
    """What new connections are served with."""

    context: ssl.SSLContext
    not_before: datetime
    not_after: datetime

    def fault(self, now: datetime) -> str | None:
        """Why clients will not trust it at `now`; None where they may."""
        if now >= self.not_after:
            return f"the certificate has expired on {self.not_after:%Y-%m-%d %H:%M} UTC"
        if now < self.not_before:
            return f"the certificate is not valid before {self.not_before:%Y-%m-%d %H:%M} UTC"
        return None


def load_certificate(cert_file: Path, key_file: Path) -> Certificate:
    """TLS 1.2 or newer, without renegotiation. The files are PEM; the key has no passphrase.

    Raises: CertificateError.
    """
    not_before, not_after = _validity(cert_file)
    _check_key(key_file)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(cert_file, key_file, password=_no_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise CertificateError(f"key_file {key_file} is not the key of cert_file {cert_file}") from error
        reason = (error.reason or "not usable").replace("_", " ").lower()
        raise CertificateError(f"cert_file {cert_file} with key_file {key_file}: {reason}") from error
    except OSError as error:
        raise CertificateError(f"{cert_file} or {key_file}: {error.strerror}") from error
    return Certificate(context, not_before, not_after)


def _validity(path: Path) -> tuple[datetime, datetime]:
    from cryptography import x509  # here, since most gateways have a proxy with the certificate before them

    try:
        first = x509.load_pem_x509_certificates(_read("cert_file", path))[0]
    except ValueError as error:
        raise CertificateError(f"cert_file {path}: holds no certificate in PEM form") from error
    return first.not_valid_before_utc.astimezone(UTC), first.not_valid_after_utc.astimezone(UTC)


def _check_key(path: Path) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        load_pem_private_key(_read("key_file", path), password=None)
    except TypeError as error:
        raise CertificateError(f"key_file {path}: has a passphrase, which nobody is there to type") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"key_file {path}: holds no private key in PEM form") from error


def _read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(f"{name} {path}: {error.strerror}") from error


def _no_passphrase() -> str:
    """OpenSSL would ask the terminal."""
    return ""
