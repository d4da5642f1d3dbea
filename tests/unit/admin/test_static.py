"""The dashboard's files: caching, compression, paths that lead nowhere."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from ai_gateway.admin.asgi import HeaderList, Message
from ai_gateway.admin.static_files import StaticFiles

PAGE = b"<!doctype html><title>x</title>"
SCRIPT = b"console.log(1)\n" * 50


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "assets" / "app-1a2b.js").write_bytes(SCRIPT)
    (static / "assets" / "app-1a2b.js.gz").write_bytes(gzip.compress(SCRIPT))
    (static / "favicon.svg").write_bytes(b"<svg/>")
    (static / "index.html").write_bytes(PAGE)
    (tmp_path / "secret").write_bytes(b"secret")
    return static


class Got:
    """An answer."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message["body"]


async def get(files: StaticFiles, path: str, *, method: str = "GET", **headers: str) -> Got:
    pairs: HeaderList = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    got = Got()
    await files({"method": method, "path": path, "headers": pairs}, got.send)
    return got


async def test_hashed_files_are_kept_for_ever_and_packed(folder: Path) -> None:
    files = StaticFiles("1", folder)
    plain = await get(files, "/admin/assets/app-1a2b.js")
    assert (plain.status, plain.body) == (200, SCRIPT)
    assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert plain.headers["content-type"].startswith("text/javascript")
    packed = await get(files, "/admin/assets/app-1a2b.js", accept_encoding="br, gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == SCRIPT
    assert packed.headers["vary"] == "accept-encoding"
    same = await get(files, "/admin/assets/app-1a2b.js", if_none_match=plain.headers["etag"])
    assert (same.status, same.body) == (304, b"")


@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/clients", "/admin/clients/cl_1/edit"])
async def test_every_page_is_the_index(folder: Path, path: str) -> None:
    got = await get(StaticFiles("1", folder), path)
    assert (got.status, got.body) == (200, PAGE)
    assert got.headers["cache-control"] == "no-store"
    assert "script-src 'self';" in got.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in got.headers["content-security-policy"]
    head = await get(StaticFiles("1", folder), path, method="HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(PAGE)))


async def test_other_files_are_asked_for_again(folder: Path) -> None:
    got = await get(StaticFiles("1", folder), "/admin/favicon.svg")
    assert got.headers["cache-control"] == "no-cache"
    assert got.headers["content-type"] == "image/svg+xml; charset=utf-8"


@pytest.mark.parametrize(
    "path", ["/admin/assets/gone.js", "/admin/assets/../../secret", "/admin/assets/app-1a2b.js.gz"]
)
async def test_what_is_not_there(folder: Path, path: str) -> None:
    got = await get(StaticFiles("1", folder), path)
    assert got.status == 404


async def test_nothing_outside_is_read(folder: Path) -> None:
    for path in ("/admin/../secret", "/admin//etc/passwd", "/admin/..%2fsecret"):
        assert (await get(StaticFiles("1", folder), path)).body == PAGE


async def test_a_new_build_is_seen(folder: Path) -> None:
    files = StaticFiles("1", folder)
    await get(files, "/admin")
    (folder / "assets" / "new.js").write_bytes(b"2")
    (folder / "index.html").unlink()
    (folder / "index.html").write_bytes(b"new")
    assert (await get(files, "/admin")).body == b"new"
    assert (await get(files, "/admin/assets/new.js")).body == b"2"


async def test_without_a_build_a_page_says_how(tmp_path: Path) -> None:
    files = StaticFiles("1.2", tmp_path / "none")
    got = await get(files, "/admin")
    assert got.status == 200
    assert b"make run" in got.body
    assert b"1.2" in got.body
    assert (await get(files, "/admin/clients")).status == 404
    assert (await get(files, "/admin", method="POST")).status == 405
