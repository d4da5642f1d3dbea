"""Changing one value of a config file in place: comments, order and mode stay."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from pathlib import Path

from ai_gateway.config.document import read_document, scalar_span
from ai_gateway.config.load import ConfigError

__all__ = ["replace_value", "write_new"]


def write_new(path: Path, text: str) -> bool:
    """Create `path` with mode 0600, whole or not at all; False where something is there already.

    Raises: OSError.
    """
    draft = _draft(path, text, 0o600)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def replace_value(path: Path, location: tuple[str, ...], value: str) -> None:
    """Put `value` where the file has the scalar at `location`, in one step; keeps owner and mode.

    Raises: ConfigError where the file holds no such scalar, or cannot be rewritten safely; OSError.
    """
    target = path.resolve()  # a link stays a link
    name = ".".join(location)
    old = target.read_bytes().decode("utf-8-sig")
    span = scalar_span(old, location)
    if span is None:
        raise ConfigError([f"{path}: {name} is not set there"])
    new = f"{old[: span[0]]}{json.dumps(value)}{old[span[1] :]}"
    if not _differs_only_at(old, new, location, value):
        raise ConfigError([f"{path}: {name} is written in a way that cannot be changed here: set it by hand"])
    status = target.stat()
    draft = _draft(target, new, status.st_mode & 0o7777)
    try:
        if hasattr(os, "chown"):
            with contextlib.suppress(PermissionError):  # another's file, in a folder that we may write
                os.chown(draft, status.st_uid, status.st_gid)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _differs_only_at(old: str, new: str, location: tuple[str, ...], value: str) -> bool:
    before, after = read_document(old), read_document(new)
    if after.problems:
        return False
    *sections, name = location
    place = before.data
    for section in sections:
        place = place[section]
    place[name] = value
    return before.data == after.data


def _draft(path: Path, text: str, mode: int) -> Path:
    """The text in a file beside `path`, on the disk. Its mode is never wider than `mode`. Raises: OSError."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(file, "w", encoding="utf-8", newline="") as stream:  # noqa: PTH123 - a descriptor
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.chmod(mode)
    except OSError:
        draft.unlink()
        raise
    return draft
