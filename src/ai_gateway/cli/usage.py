"""`ai-gateway usage`: what each client used, by day and model."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click
import msgspec

from ai_gateway.cli.context import Command, State, json_option, pass_state
from ai_gateway.cli.output import print_json, print_table
from ai_gateway.store.protocols import UsageRow

if TYPE_CHECKING:
    from ai_gateway.config import Settings
    from ai_gateway.store.protocols import ClientStore

__all__ = ["command"]

_COLUMNS = UsageRow.__struct_fields__
_NUMBERS = 6
_MAX_DAYS = 100_000


@click.command("usage", cls=Command)
@click.option(
    "--days",
    metavar="N",
    type=click.IntRange(1, _MAX_DAYS),
    help="The last N days, UTC, today among them (default: all).",
)
@click.option("--client", metavar="NAME", help="One client, by name or id (default: all).")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
@pass_state
def command(state: State, days: int | None, client: str | None, as_csv: bool, as_json: bool) -> None:
    """Report requests, tokens and cost (USD) of each client by day and model."""
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other")
    since = None
    if days is not None:
        since = (datetime.now(UTC).date() - timedelta(days=days - 1)).isoformat()

    async def work(store: ClientStore, _: Settings) -> Sequence[UsageRow]:
        rows = await store.usage(since_day=since, client=client)
        if not rows and client is not None:
            await store.get_client(client)  # nothing used, or no such client?
        return rows

    rows = state.with_store(work)
    if as_json:
        print_json([msgspec.structs.asdict(row) for row in rows])
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(msgspec.structs.astuple(row) for row in rows)
    else:
        headings = [name.upper().replace("_", " ") for name in _COLUMNS]
        print_table(headings, [msgspec.structs.astuple(row) for row in rows], numbers=_NUMBERS)
