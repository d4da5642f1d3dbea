"""The dashboard's files, as the build has left them: hashed names for ever, the page itself never cached."""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
from pathlib import Path

import msgspec

from ai_gateway.admin import landing
from ai_gateway.admin.asgi import HeaderList, Scope, Send, answer, header

__all__ = ["CSP", "FOLDER", "StaticFiles"]

FOLDER = Path(__file__).parent / "static"
CSP = (
    b"default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
"""Styles in attributes are allowed, scripts in the page are not."""
_INDEX = "index.html"
_ASSETS = "assets/"
_FOR_EVER = b"public, max-age=31536000, immutable"
_PLAIN: HeaderList = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]


class _File(msgspec.Struct, frozen=True):
    path: Path
    packed: bool
    """There is a `.gz` beside it."""
    kind: bytes
    etag: bytes


class StaticFiles:
    """Answers for every path of `/admin` that is not the API's."""

    def __init__(self, version: str, folder: Path = FOLDER) -> None:
        self._version = version
        self._folder = folder
        self._files: dict[str, _File] = {}
        self._built_ns = -1
        """When the index was written, as of the last look; -1: there is none."""

    async def __call__(self, scope: Scope, send: Send) -> None:
        method, path = scope["method"], scope["path"].removeprefix("/admin").removeprefix("/")
        if method not in ("GET", "HEAD"):
            await answer(send, 405, [*_PLAIN, (b"allow", b"GET, HEAD")], b"method not allowed\n")
            return
        await asyncio.to_thread(self._look)
        head = method == "HEAD"
        if not self._files:
            if path:
                await answer(send, 404, _PLAIN, b"not found: the dashboard is not built\n", head=head)
            else:
                await answer(send, 200, landing.HEADERS, landing.page(self._version), head=head)
            return
        found = self._files.get(path)
        if found is None and path.startswith(_ASSETS):
            await answer(send, 404, _PLAIN, b"not found\n", head=head)
            return
        await self._send(scope, send, found or self._files[_INDEX], head=head)

    async def _send(self, scope: Scope, send: Send, file: _File, *, head: bool) -> None:
        headers: HeaderList = [
            (b"etag", file.etag),
            (b"vary", b"accept-encoding"),
            (b"content-security-policy", CSP),
        ]
        headers.append((b"cache-control", self._caching(file)))
        if file.etag.decode() in header(scope, b"if-none-match"):
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        path = file.path
        if file.packed and "gzip" in header(scope, b"accept-encoding"):
            path = path.with_name(f"{path.name}.gz")
            headers.append((b"content-encoding", b"gzip"))
        headers.append((b"content-type", file.kind))
        try:
            body = await asyncio.to_thread(path.read_bytes)
        except OSError:  # built anew at this very moment
            await answer(send, 404, _PLAIN, b"not found: load the page again\n", head=head)
            return
        await answer(send, 200, headers, body, head=head)

    def _caching(self, file: _File) -> bytes:
        if file.path.parent != self._folder:
            return _FOR_EVER
        return b"no-store" if file.path.name == _INDEX else b"no-cache"

    def _look(self) -> None:
        """Read the folder's list where the index is another one than before."""
        try:
            built_ns = (self._folder / _INDEX).stat().st_mtime_ns
        except OSError:
            self._files, self._built_ns = {}, -1
            return
        if built_ns != self._built_ns:
            paths = [path for path in self._folder.rglob("*") if path.is_file() and path.suffix != ".gz"]
            self._files = {path.relative_to(self._folder).as_posix(): _file(path) for path in paths}
            self._built_ns = built_ns


def _file(path: Path) -> _File:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind in ("application/javascript", "image/svg+xml"):
        kind += "; charset=utf-8"
    etag = f'"{hashlib.sha256(path.read_bytes()).hexdigest()[:20]}"'
    packed = path.with_name(f"{path.name}.gz").is_file()
    return _File(path, packed, kind.encode(), etag.encode())
