from __future__ import annotations

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.store.crypto import KEY_BYTES, KEY_VARIABLE, SecretBox
from ai_gateway.store.keyring import KeySource
from ai_gateway.store.protocols import StoreError

KEY = bytes(range(32))
CONTEXT = "cl_1/backend_api_key"


def load_or_create_key(path: Path, value: str | None) -> bytes:
    return KeySource(path, {KEY_VARIABLE: value} if value is not None else {}).keys()[0]


@given(st.text())
def test_opens_what_it_sealed(plaintext: str) -> None:
    box = SecretBox(KEY)
    token = box.seal(plaintext, context=CONTEXT)
    assert token.isascii()
    assert token.isprintable()
    assert SecretBox(KEY).open(token, context=CONTEXT) == plaintext


def test_a_token_shows_nothing_and_is_never_the_same() -> None:
    box = SecretBox(KEY)
    tokens = {box.seal("sk-upstream", context=CONTEXT) for _ in range(100)}
    assert len(tokens) == 100
    assert not any("sk-upstream" in token for token in tokens)


def test_another_key_is_named_as_the_cause() -> None:
    token = SecretBox(KEY).seal("x", context=CONTEXT)
    with pytest.raises(StoreError, match=r"another key.*key file.*AI_GATEWAY_SECRET_KEY"):
        SecretBox(bytes(32)).open(token, context=CONTEXT)


def test_another_context_does_not_open() -> None:
    token = SecretBox(KEY).seal("x", context=CONTEXT)
    with pytest.raises(StoreError, match="damaged"):
        SecretBox(KEY).open(token, context="cl_2/backend_api_key")


def test_every_changed_character_is_found() -> None:
    box = SecretBox(KEY)
    # 12 + 2 + 16 bytes: base64 without unused bits, of which a change would be none.
    token = box.seal("xy", context=CONTEXT)
    for i, character in enumerate(token):
        changed = token[:i] + ("A" if character != "A" else "B") + token[i + 1 :]
        with pytest.raises(StoreError):
            box.open(changed, context=CONTEXT)


@pytest.mark.parametrize("token", ["", "v1", "v1.", "v2.abc.def", "plain text", "v1..", "v1.00000000.é"])
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(StoreError):
        SecretBox(KEY).open(token, context=CONTEXT)


@pytest.mark.parametrize("data", ["", "AA", "A", "é", "A" * 16])
def test_damaged_data_under_the_right_fingerprint(data: str) -> None:
    box = SecretBox(KEY)
    head = box.seal("x", context=CONTEXT).rpartition(".")[0]
    with pytest.raises(StoreError, match="damaged"):
        box.open(f"{head}.{data}", context=CONTEXT)


@pytest.mark.parametrize(
    "value",
    [
        KEY.hex(),
        KEY.hex().upper(),
        base64.b64encode(KEY).decode(),
        base64.b64encode(KEY).decode().rstrip("="),
        base64.urlsafe_b64encode(KEY).decode(),
        f"  {KEY.hex()}\n",
    ],
)
def test_the_environment_may_hold_the_key_itself(value: str, tmp_path: Path) -> None:
    assert load_or_create_key(tmp_path / "key", value) == KEY
    assert not (tmp_path / "key").exists()


def test_url_safe_and_plain_base64_are_the_same_key(tmp_path: Path) -> None:
    key = b"\xff\xfe" * 16
    for value in (base64.b64encode(key), base64.urlsafe_b64encode(key)):
        assert load_or_create_key(tmp_path / "key", value.decode()) == key


def test_a_passphrase_is_stretched(tmp_path: Path) -> None:
    first = load_or_create_key(tmp_path / "key", "correct horse battery staple")
    second = load_or_create_key(tmp_path / "key", "correct horse battery stapl3")
    assert len(first) == len(second) == KEY_BYTES
    assert first != second
    assert first == load_or_create_key(tmp_path / "key", "correct horse battery staple")


def test_a_short_value_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="too short") as caught:
        load_or_create_key(tmp_path / "key", "fifteen-letters")
    assert "fifteen-letters" not in str(caught.value)


@pytest.mark.parametrize("unset", [None, "", "  "])
def test_the_key_file_is_made_once(unset: str | None, tmp_path: Path) -> None:
    path = tmp_path / "data" / "key"
    key = load_or_create_key(path, unset)
    before = path.stat()
    assert len(key) == KEY_BYTES
    assert stat.S_IMODE(before.st_mode) == 0o600
    assert load_or_create_key(path, unset) == key
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert [file.name for file in path.parent.iterdir()] == ["key"]


def test_the_key_file_never_has_a_wider_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    really = os.write

    def spy(file: int, data: bytes) -> int:
        modes.append(stat.S_IMODE(os.fstat(file).st_mode))
        return really(file, data)

    monkeypatch.setattr(os, "write", spy)
    previous = os.umask(0)
    try:
        load_or_create_key(tmp_path / "key", None)
    finally:
        os.umask(previous)
    assert modes == [0o600]
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_many_at_once_get_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: load_or_create_key(tmp_path / "key", None), range(64)))
    assert len(keys) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["key"]


def test_a_file_system_without_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    key = load_or_create_key(tmp_path / "key", None)
    assert load_or_create_key(tmp_path / "key", None) == key
    assert [file.name for file in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff\xfe binary", b"A" * 500])
def test_a_broken_key_file_is_not_replaced(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(StoreError, match=str(path)):
        load_or_create_key(path, None)
    assert path.read_bytes() == content


def test_an_impossible_place_for_the_key_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot use the key file"):
        load_or_create_key(tmp_path / "file" / "key", None)
