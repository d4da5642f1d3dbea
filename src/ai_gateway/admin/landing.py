"""The page at `/admin` where the dashboard was not built: what runs here, and how it is administered."""

from __future__ import annotations

import base64
import hashlib

__all__ = ["HEADERS", "page"]

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}code,pre{font:14px/1.5 ui-monospace,monospace;background:#f0f0f0;"
    "border-radius:4px;padding:.1rem .3rem}pre{padding:.8rem;white-space:pre-wrap;overflow-wrap:anywhere}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}code,pre{background:#2a2a2a}}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS: list[tuple[bytes, bytes]] = [
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'".encode(),
    ),
    (b"cache-control", b"no-store"),
]


def page(version: str) -> bytes:
    """HTML, complete in itself. `version` is of PEP 440: nothing in it needs escaping."""
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>ai-gateway</title><style>{_STYLE}</style></head>
<body>
<h1>ai-gateway</h1>
<p>This gateway is running, version {version}. Its dashboard is not built: <code>make run</code> and
<code>make build</code> do that, from a source tree. Until then it is administered from its command line:</p>
<pre>ai-gateway clients list
ai-gateway clients create --name my-app --backend openai --backend-api-key KEY
ai-gateway usage</pre>
<p>Applications talk to it as they talk to OpenAI, at <code>/v1</code> on this address.</p>
</body>
</html>
""".encode()
