"""An MCP server over stdio that misbehaves as it is told. Standard library only, so that it starts at once.

Run as `python -I -S mcp_child.py [MODE]`. Modes: `silent` (greets nobody), `flood` (a line without an end),
`slow to end` (ignores the end of its input and SIGTERM), `loud` (says its SECRET on stderr and ends), `with a
child` (which outlives it), `twins` (two tools of one name).
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 8).decode()
TOOLS = [
    "echo",
    "env",
    "image",
    "resources",
    "structured",
    "fails",
    "refuses",
    "hang",
    "die",
    "flood",
    "grow",
]
GROWN: list[str] = []


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(value: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": value}]}


def call(name: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """The result; None: there is none."""
    match name:
        case "env":
            return text(json.dumps(dict(os.environ)))
        case "image":
            return {"content": [{"type": "image", "data": PNG, "mimeType": "image/png"}]}
        case "resources":
            kinds = {"a.txt": "text/plain", "a.pdf": "application/pdf", "a.bin": "application/x-thing"}
            data = base64.b64encode(b"hello").decode()
            blobs = [{"uri": f"file:///{uri}", "mimeType": kind, "blob": data} for uri, kind in kinds.items()]
            resources = [{"uri": "file:///note", "text": "a note"}, *blobs]
            link = {"type": "resource_link", "uri": "file:///b", "name": "b", "description": "another"}
            return {"content": [*({"type": "resource", "resource": each} for each in resources), link]}
        case "structured":
            return {"content": [], "structuredContent": {"degrees": 21}}
        case "fails":
            return {**text("no such city"), "isError": True}
        case "hang":
            return None
        case "die":
            sys.stderr.write("out of memory\n")
            sys.stderr.flush()
            os._exit(3)
        case "flood":
            return text("x" * int(arguments.get("size", 1_000_000)))
        case "grow":
            GROWN.append("grown")
            send({"method": "notifications/tools/list_changed"})
            return text("grown")
        case _:
            return text(json.dumps(arguments))


def answer(message: dict[str, Any]) -> None:
    params, number = message.get("params") or {}, message.get("id")
    match message["method"]:
        case "initialize":
            info = {"name": "child", "version": "1"}
            capabilities = {"tools": {"listChanged": True}}
            version = params["protocolVersion"]
            result: dict[str, Any] | None = {
                "protocolVersion": version,
                "capabilities": capabilities,
                "serverInfo": info,
            }
        case "tools/list":
            at = int(params.get("cursor") or 0)  # two a page
            names = [*TOOLS, *GROWN]
            if sys.argv[1:] == ["twins"]:
                names.insert(1, names[0])
            tools = [{"name": name, "inputSchema": {"type": "object"}} for name in names[at : at + 2]]
            result = {"tools": tools, **({"nextCursor": str(at + 2)} if at + 2 < len(names) else {})}
        case "tools/call" if params["name"] == "refuses":
            send({"id": number, "error": {"code": -32602, "message": "the city is missing"}})
            return
        case "tools/call":
            result = call(params["name"], params.get("arguments") or {})
        case "notifications/cancelled":
            sys.stderr.write("cancelled\n")
            sys.stderr.flush()
            return
        case method if number is not None:
            send({"id": number, "error": {"code": -32601, "message": f"there is no {method}"}})
            return
        case _:
            return
    if result is not None:
        send({"id": number, "result": result})


def main(mode: str) -> None:
    if mode == "loud":
        sys.stderr.write(f"the key {os.environ['SECRET']} is not valid\n")
        sys.exit(1)
    if mode == "flood":
        while True:
            sys.stdout.write("x" * 65536)
    if mode == "slow to end":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if mode == "with a child":
        outlives = "import time; time.sleep(600)"  # unless it is ended with its parent: nothing waits for it
        child = subprocess.Popen([sys.executable, "-I", "-S", "-c", outlives])
        TOOLS.append(f"child_{child.pid}")
    for line in sys.stdin:
        if mode != "silent":
            answer(json.loads(line))
    while mode == "slow to end":
        time.sleep(60)  # it does not end by itself: that is the fault


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
