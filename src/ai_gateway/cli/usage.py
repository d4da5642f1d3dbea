"""`ai-gateway usage`: what each client used, by day and model; and pricing it again."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

import click
import msgspec

from ai_gateway.cli.context import Command, State, json_option, pass_state
from ai_gateway.cli.output import print_json, print_table
from ai_gateway.store.protocols import UsageRow

if TYPE_CHECKING:
    from ai_gateway.config import Settings
    from ai_gateway.core.client import Client
    from ai_gateway.store.protocols import ClientStore
    from ai_gateway.store.repricing import Repriced

__all__ = ["command"]

_COLUMNS = tuple(name for name in UsageRow.__struct_fields__ if name != "unpriced_requests")
_NUMBERS = 6
_MAX_DAYS = 100_000


@click.command("usage", cls=Command)
@click.option(
    "--days",
    metavar="N",
    type=click.IntRange(1, _MAX_DAYS),
    help="The last N days of `limits.timezone`, today among them (default: all).",
)
@click.option("--client", metavar="NAME", help="One client, by name or id (default: all).")
@click.option(
    "--reprice",
    is_flag=True,
    help="Price the stored requests again, by today's table and overrides, and print the sums. "
    "A running gateway's budgets see them at its next start.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
@pass_state
def command(
    state: State, days: int | None, client: str | None, reprice: bool, as_csv: bool, as_json: bool
) -> None:
    """Report requests, tokens and cost (USD) of each client by day and model."""
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other")
    if as_csv and reprice:
        raise click.UsageError("--csv and --reprice exclude each other")
    since = None if days is None else _first_day(state, days)
    if reprice:
        _print_repriced(_reprice(state, since, client), as_json)
    else:
        _print_usage(_usage(state, since, client), as_csv=as_csv, as_json=as_json)


def _first_day(state: State, days: int) -> str:
    """Of the last so many, as the gateway counts them."""
    from ai_gateway.policy.calendar import Calendar

    today = Calendar(state.settings().limits.timezone).day(time.time()).name
    return (date.fromisoformat(today) - timedelta(days=days - 1)).isoformat()


def _usage(state: State, since: str | None, client: str | None) -> Sequence[UsageRow]:
    async def work(store: ClientStore, _: Settings) -> Sequence[UsageRow]:
        rows = await store.usage(since_day=since, client=client)
        if not rows and client is not None:
            await store.get_client(client)  # nothing used, or no such client?
        return rows

    return state.with_store(work)


def _print_usage(rows: Sequence[UsageRow], *, as_csv: bool, as_json: bool) -> None:
    if as_json:
        print_json([{name: getattr(row, name) for name in _COLUMNS} for row in rows])
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows([getattr(row, name) for name in _COLUMNS] for row in rows)
    else:
        headings = [name.upper().replace("_", " ") for name in _COLUMNS]
        cells = [[*(getattr(row, name) for name in _COLUMNS[:-1]), _cost(row)] for row in rows]
        print_table(headings, cells, numbers=_NUMBERS)


def _cost(row: UsageRow) -> str | None:
    """USD, and that it is not all. None: there was nothing to price."""
    if row.cost_usd is None:
        return "unpriced" if row.unpriced_requests else None
    cost = f"{row.cost_usd:.6f}"
    return f"{cost} + {row.unpriced_requests} unpriced" if row.unpriced_requests else cost


def _reprice(state: State, since: str | None, name: str | None) -> Repriced:
    """Raises: NoSuchClient."""
    from ai_gateway.cli.reprice import Repricer
    from ai_gateway.policy.prices import Prices
    from ai_gateway.store.repricing import reprice

    async def work(store: ClientStore, settings: Settings) -> tuple[Sequence[Client], Settings]:
        clients = await store.list_clients() if name is None else [await store.get_client(name)]
        return clients, settings

    clients, settings = state.with_store(work)
    repricer = Repricer(Prices(settings.prices.overrides), clients)
    only = None if name is None else clients[0].id
    return reprice(settings.database.path, repricer.price, since_day=since, client_id=only)


def _print_repriced(done: Repriced, as_json: bool) -> None:
    if as_json:
        print_json(msgspec.structs.asdict(done))
        return
    click.echo(f"{done.changed} of {done.rows} requests have another cost now")
    click.echo(f"before: {done.cost_usd_before:.6f} USD, {done.unpriced_before} unpriced")
    click.echo(f"after:  {done.cost_usd_after:.6f} USD, {done.unpriced_after} unpriced")
