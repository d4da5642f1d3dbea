"""The model is found in a form, wherever it stands."""

from __future__ import annotations

import pytest

from ai_gateway.dialects.forms import model_in_form
from ai_gateway.errors import BadRequest

TYPE = b'multipart/form-data; boundary="b0"'


def form(*parts: tuple[str, bytes]) -> bytes:
    out = b""
    for name, value in parts:
        out += b'--b0\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name.encode(), value)
    return out + b"--b0--\r\n"


@pytest.mark.parametrize(
    ("body", "model"),
    [
        (form(("model", b"whisper-1"), ("file", b"\x00" * 5000)), "whisper-1"),
        (form(("file", b'name="model"\r\n\r\nfake'), ("model", b" whisper-1 ")), "whisper-1"),
        (form(("file", b"x"), ("models", b"no")), None),
    ],
)
def test_the_model_of_a_form(body: bytes, model: str | None) -> None:
    assert model_in_form(TYPE, body) == model


def test_other_bodies_have_none() -> None:
    assert model_in_form(b"audio/mpeg", b"\xff\xfb") is None


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (TYPE, form(("model", b"a"), ("model", b"b"))),
        (TYPE, b"no form at all"),
        (b"multipart/form-data", form(("model", b"a"))),
    ],
)
def test_a_broken_form_is_refused(kind: bytes, body: bytes) -> None:
    with pytest.raises(BadRequest):
        model_in_form(kind, body)
