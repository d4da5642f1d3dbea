"""Ways to damage bytes, and JSON by its structure."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final

TOKENS: Final = (
    *(
        b"",
        b"\x00",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"\r\n\r\n",
        b"data: ",
        b"event: error\n",
        b"[DONE]",
        b":",
    ),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"\\",
        b"null",
        b"NaN",
        b"1e999",
        b"-0",
        b"\xff",
        b"\xc3",
        b"\xed\xa0\x80",
    ),
    *(
        b"\\ud800",
        b"\xe2\x80\xa8",
        b"9" * 400,
        b"[" * 3000,
        b'{"a":' * 1500,
        b"%0d%0a",
        b"../",
        b"0x10",
        b"+1",
    ),
)
VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**400, 0.5, -0.0, 1e308),
    *("", " ", "x", "é", "\x00", "\ud800", "null", "m\r\nX: 1", "data:,x", "http://127.0.0.1/", "a" * 5000),
    *([], {}, [[]], [None], {"": None}, [1, "a"], {"type": None}, {"type": "text"}, {"type": "unknown"}),
)


def damaged(rng: Random, data: bytes) -> bytes:
    """`data` with one to four changes."""
    for _ in range(rng.randint(1, 4)):
        data = _json_change(rng, data) if rng.random() < 0.6 else _byte_change(rng, data)
    return data


def pieces(rng: Random, data: bytes) -> list[bytes]:
    """`data`, cut in up to a dozen places."""
    cuts = sorted(rng.randint(0, len(data)) for _ in range(rng.randint(0, 12)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def _byte_change(rng: Random, data: bytes) -> bytes:
    at = rng.randint(0, len(data))
    end = min(len(data), at + rng.choice((0, 1, 1, 4, 40, 400)))
    match rng.randrange(5):
        case 0:
            return data[:at] + data[end:]
        case 1:
            return data[:at] + rng.choice(TOKENS) + data[end:]
        case 2:
            return data[:end] + data[at:end] * rng.choice((1, 2, 30)) + data[end:]
        case 3:
            return data[:at] + rng.randbytes(rng.randint(1, 4)) + data[end:]
        case _:
            return data[:at]


def _json_change(rng: Random, data: bytes) -> bytes:
    """A change inside the whole, or inside one of the lines, where either is JSON."""
    try:
        return _dump(_changed(rng, json.loads(data)))
    except (ValueError, RecursionError):
        pass
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    head, colon, value = lines[at].partition(b": ")
    try:
        lines[at] = head + colon + _dump(_changed(rng, json.loads(value)))
    except (ValueError, RecursionError):
        lines[at] = rng.choice(lines)
    return b"\n".join(lines)


def _dump(value: object) -> bytes:
    """Lone surrogates go out escaped, as some writers do."""
    return json.dumps(value).encode()


def _changed(rng: Random, value: Any) -> Any:
    """One place of a tree is changed; the tree itself may be."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        name = rng.choice(list(value))
        match rng.randrange(8):
            case 0:
                return {key: inner for key, inner in value.items() if key != name}
            case 1:
                return {**value, rng.choice(("type", "id", "index", "x", name.upper())): value[name]}
            case _:
                return {**value, name: _changed(rng, value[name])}
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        match rng.randrange(8):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return [*value, *value[at:]]
            case _:
                return [*value[:at], _changed(rng, value[at]), *value[at + 1 :]]
    return rng.choice(VALUES)
