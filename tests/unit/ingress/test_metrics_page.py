"""Who may read the metrics."""

from __future__ import annotations

import base64

import pytest

from ai_gateway.ingress.metrics import MetricsPage, fingerprint


async def text() -> bytes:
    return b"up 1\n"


PAGE = MetricsPage(username="prömetheus", password_sha256=fingerprint("päss:word"), render=text)
BAD = [
    None,
    b"",
    b"Basic",
    b"Basic !!!",
    b"Basic " + base64.b64encode(b"\xff\xfe"),
    b"Basic " + base64.b64encode("prömetheus".encode()),
    b"Basic " + base64.b64encode("prömetheus:".encode()),
    b"Basic " + base64.b64encode("prömetheus:päss".encode()),
    b"Basic " + base64.b64encode("other:päss:word".encode()),
    b"Bearer " + base64.b64encode("prömetheus:päss:word".encode()),
    b"Bearer gm_whatever",
]


@pytest.mark.parametrize("authorization", BAD)
async def test_nobody_else_gets_in(authorization: bytes | None) -> None:
    headers = [] if authorization is None else [(b"authorization", authorization)]
    page = await PAGE.answer(headers)
    assert page.status == 401
    assert dict(page.headers)[b"www-authenticate"].startswith(b"Basic realm=")
    assert b"up" not in page.body


@pytest.mark.parametrize("scheme", [b"Basic", b"basic", b"BASIC"])
async def test_name_and_password_open_it(scheme: bytes) -> None:
    pair = base64.b64encode("prömetheus:päss:word".encode())
    page = await PAGE.answer([(b"authorization", scheme + b" " + pair)])
    assert (page.status, page.body) == (200, b"up 1\n")
    assert dict(page.headers)[b"content-type"] == b"text/plain; version=0.0.4; charset=utf-8"
