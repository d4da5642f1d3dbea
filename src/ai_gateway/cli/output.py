"""How results are printed: JSON for programs, tables for people."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ai_gateway.config import Settings

__all__ = ["base_url", "curl_line", "print_json", "print_table", "safe"]

_EVERYWHERE = frozenset({"0.0.0.0", "::", "127.0.0.1", "::1"})  # noqa: S104 - compared with, not bound


def print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, numbers: int = 0) -> None:
    """A table; its last `numbers` columns are aligned right. Off a terminal without lines."""
    cells = [["-" if cell is None else safe(str(cell)) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_rich(columns, cells, numbers)
        return
    table = [list(columns), *cells]
    widths = [max(len(row[index]) for row in table) for index in range(len(columns))]
    first_number = len(columns) - numbers
    for row in table:
        line = [
            cell.rjust(width) if index >= first_number else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(line).rstrip())


def _print_rich(columns: Sequence[str], cells: Sequence[Sequence[str]], numbers: int) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index >= len(columns) - numbers else "left")
    for row in cells:
        table.add_row(*map(Text, row))
    Console().print(table)


def safe(text: str) -> str:
    """No stored text, such as a model's name that a caller made up, can steer a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def base_url(settings: Settings) -> str:
    """Where this machine reaches the gateway, without a trailing slash."""
    server = settings.server
    host = "localhost" if server.host in _EVERYWHERE else server.host
    if ":" in host:
        host = f"[{host}]"
    return f"{'https' if server.https.enabled else 'http'}://{host}:{server.port}"


def curl_line(settings: Settings, key: str, model: str) -> str:
    """A command that streams a completion, to be pasted into a shell."""
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "Hello!"}]}
    words = [
        *("curl", "-N", f"{base_url(settings)}/v1/chat/completions"),
        *("-H", f"Authorization: Bearer {key}", "-H", "Content-Type: application/json"),
        *("-d", json.dumps(body)),
    ]
    return shlex.join(words)
