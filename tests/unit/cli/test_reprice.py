"""`usage --reprice`: stored rows get the cost of today's prices, and the daily sums with them."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ai_gateway.core.record import Attempt, RequestRecord
from ai_gateway.store import repricing
from ai_gateway.store.accounting import SqliteAccounting
from tests.unit.cli.conftest import Cli
from tests.unit.store.support import DAY_MS, NOON_MS, row

NOW_MS = round(datetime.now(UTC).timestamp() * 1000)


@pytest.fixture
def client(cli: Cli) -> str:
    options = ("--name", "app", "--backend", "openai", "--backend-api-key", "sk-x")
    created = cli.ok("clients", "create", *options, "--json").json()
    return str(created["id"])


def store(cli: Cli, *rows: RequestRecord) -> None:
    with closing(SqliteAccounting(cli.database)) as accounting:
        accounting.write(rows)


def select(cli: Cli, query: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(cli.database)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(found) for found in connection.execute(query)]


def costs(cli: Cli) -> dict[str, float | None]:
    return {found["id"]: found["cost_usd"] for found in select(cli, "SELECT id, cost_usd FROM requests")}


def daily(cli: Cli) -> dict[tuple[str, str], tuple[Any, int]]:
    return {
        (found["day"], found["model"]): (found["cost_usd"], found["unpriced_requests"])
        for found in select(cli, "SELECT * FROM usage_daily")
    }


def override(cli: Cli, text: str) -> None:
    cli.config.write_text(f"prices: {{overrides: {{{text}}}}}\n")


def test_rows_and_daily_sums_get_todays_prices(cli: Cli, client: str) -> None:
    million = {"client_id": client, "model_served": "m", "input_tokens": 1_000_000, "output_tokens": 0}
    store(
        cli,
        row(id="a", **million),
        row(id="b", **million, cost_usd=5.0),
        row(id="c", **{**million, "model_served": "gpt-4o"}, cost_usd=2.5),
        row(id="failed", **{**million, "input_tokens": 0}, status=502),
    )
    override(cli, "m: {input: 3, output: 1}")
    assert cli.ok("usage", "--reprice", "--json").json() == {
        "rows": 4,
        "changed": 2,
        "cost_usd_before": 7.5,
        "cost_usd_after": 8.5,
        "unpriced_before": 1,
        "unpriced_after": 0,
    }
    assert costs(cli) == {"a": 3.0, "b": 3.0, "c": 2.5, "failed": None}
    assert daily(cli) == {("2025-10-09", "m"): (6.0, 0), ("2025-10-09", "gpt-4o"): (2.5, 0)}
    assert cli.ok("usage", "--reprice").out == (
        "0 of 4 requests have another cost now\n"
        "before: 8.500000 USD, 0 unpriced\n"
        "after:  8.500000 USD, 0 unpriced\n"
    )


def test_a_price_that_is_gone_leaves_rows_unpriced_not_free(cli: Cli, client: str) -> None:
    used = {"client_id": client, "model_served": "mine", "input_tokens": 9}
    store(cli, row(id="a", **used, cost_usd=0.3), row(id="b", **used, cost_usd=0.4))
    cli.ok("usage", "--reprice")
    assert costs(cli) == {"a": None, "b": None}
    assert daily(cli) == {("2025-10-09", "mine"): (None, 2)}
    line = cli.ok("usage").out.splitlines()[1]
    assert line.endswith("unpriced")
    assert cli.ok("usage", "--json").json()[0]["cost_usd"] is None
    assert cli.ok("usage", "--csv").out.splitlines()[1].endswith(",")


def test_each_row_at_its_own_time(cli: Cli, client: str) -> None:
    used = {"client_id": client, "model_served": "m", "input_tokens": 1_000_000, "output_tokens": 0}
    store(cli, row(id="old", **used), row(id="new", **used, started_at=NOON_MS + 2 * DAY_MS))
    override(cli, 'm: [{input: 1, output: 1}, {input: 2, output: 2, effective_at: "2025-10-10T00:00:00Z"}]')
    cli.ok("usage", "--reprice")
    assert costs(cli) == {"old": 1.0, "new": 2.0}


HOUR = (
    '{"input_tokens":0,"output_tokens":0,"cache_creation_input_tokens":100000,'
    '"cache_creation":{"ephemeral_1h_input_tokens":100000}}'
)
RAW = [
    (
        "openai",
        "gpt-4o",
        '{"prompt_tokens":1000000,"completion_tokens":0,"prompt_tokens_details":{"cached_tokens":1000000}}',
        1.25,
    ),
    ("openrouter", "x/y", '{"prompt_tokens":1,"completion_tokens":1,"cost":0.75}', 0.75),
    (
        "anthropic",
        "claude-sonnet-4-5",
        HOUR,
        0.6,
    ),
    (
        "gemini",
        "gemini-2.5-flash",
        '{"promptTokenCount":0,"thoughtsTokenCount":1000000,"totalTokenCount":1}',
        2.5,
    ),
    ("openai", "gpt-4o", "{damaged", 0.00000750),
]


@pytest.mark.parametrize(("provider", "model", "raw", "cost"), RAW)
def test_what_the_provider_reported_is_read_again(
    cli: Cli, provider: str, model: str, raw: str, cost: float
) -> None:
    options = ("--name", "app", "--backend", provider, "--backend-api-key", "sk-x")
    client = cli.ok("clients", "create", *options, "--json").json()["id"]
    used = {"provider": provider, "model_served": model, "usage_raw": raw, "output_tokens": 0}
    store(cli, row(id="a", client_id=client, **used))
    cli.ok("usage", "--reprice")
    assert costs(cli)["a"] == pytest.approx(cost)


def test_without_what_was_reported_the_rows_own_figures_count(cli: Cli, client: str) -> None:
    used = {
        "input_tokens": 111,
        "cached_tokens": 10,
        "cache_write_tokens": 100,
        "output_tokens": 11_000,
        "reasoning_tokens": 10_000,
    }
    store(cli, row(id="a", client_id=client, **used))
    override(cli, "m: {input: 1, output: 2, cache_read: 3, cache_write: 4, reasoning: 6}")
    cli.ok("usage", "--reprice")
    assert costs(cli)["a"] == pytest.approx((1 + 30 + 400 + 2000 + 60_000) / 1e6)


def test_rows_that_nobody_can_price_again_keep_their_cost(cli: Cli, client: str) -> None:
    kept = {"model_served": "gpt-4o", "cost_usd": 7.0}
    store(
        cli,
        row(id="client is gone", client_id="cl_gone", **kept),
        row(id="no client", client_id=None, **kept),
        row(id="provider is unknown", client_id=client, provider="acme", **kept),
        row(id="no provider", client_id=client, provider=None, **kept),
        row(id="no address", client_id=client, provider="openai-compatible", **kept),
        row(id="nothing used", client_id=client, input_tokens=0, output_tokens=0, **kept),
        row(id="azure has moved", client_id=client, provider="azure-openai", **kept),
    )
    assert cli.ok("usage", "--reprice", "--json").json()["changed"] == 1
    again = costs(cli)
    assert again.pop("azure has moved") == pytest.approx(3 * 2.5e-6 + 5 * 1e-5)
    assert set(again.values()) == {7.0}


def test_attempts_are_priced_each_by_its_own_provider(cli: Cli) -> None:
    extra = '[{"name": "b", "backend": "anthropic", "backend_api_key": "x"}]'
    options = ("--name", "app", "--backend", "openai", "--backend-api-key", "x", "--extra-backends", extra)
    client = cli.ok("clients", "create", *options, "--json").json()["id"]
    attempts = [
        Attempt(provider="openai", model="gpt-4o", error="upstream_error"),
        Attempt(provider="openai", model="gpt-4o", error="upstream_error", input_tokens=1000, cost_usd=9.0),
        Attempt(provider="anthropic", backend="b", model="claude-sonnet-4-5", output_tokens=1000),
    ]
    log = msgspec.json.encode(attempts).decode()
    used = {"model_served": "claude-sonnet-4-5", "input_tokens": 1000, "output_tokens": 1000}
    store(
        cli,
        row(id="a", client_id=client, provider="anthropic", attempts=3, attempt_log=log, **used),
        row(id="b", client_id=client, provider="anthropic", model_served="claude-sonnet-4-5", cost_usd=0.5),
    )
    assert daily(cli)["2025-10-09", "gpt-4o"] == (9.0, 0)
    done = cli.ok("usage", "--reprice", "--json").json()
    assert done["changed"] == 2
    assert costs(cli)["a"] == pytest.approx(0.0025 + 0.015)
    [found] = select(cli, "SELECT attempt_log FROM requests WHERE id = 'a'")
    again = msgspec.json.decode(found["attempt_log"], type=list[Attempt])
    assert [one.cost_usd for one in again] == [None, pytest.approx(0.0025), pytest.approx(0.015)]
    sums = daily(cli)
    assert sums["2025-10-09", "gpt-4o"] == (pytest.approx(0.0025), 0)
    assert sums["2025-10-09", "claude-sonnet-4-5"] == (pytest.approx(0.015 + 3 * 3e-6 + 5 * 1.5e-5), 0)


def test_an_attempt_without_a_price_leaves_the_request_without_one(cli: Cli, client: str) -> None:
    attempts = [
        Attempt(provider="openai", model="unheard-of", error="upstream_error", input_tokens=1000),
        Attempt(provider="openai", model="gpt-4o", input_tokens=1000, cost_usd=1.0),
    ]
    log = msgspec.json.encode(attempts).decode()
    store(cli, row(id="a", client_id=client, model_served="gpt-4o", attempt_log=log, cost_usd=1.0))
    cli.ok("usage", "--reprice")
    assert costs(cli)["a"] is None
    assert daily(cli)["2025-10-09", "gpt-4o"] == (pytest.approx(0.0025), 1)


def test_days_and_client_choose_the_rows(cli: Cli, client: str) -> None:
    other = cli.ok(
        "clients", "create", "--name", "other", "--backend", "vllm", "--base-url", "http://h/v1", "--json"
    )
    used = {"model_served": "m", "input_tokens": 1_000_000, "output_tokens": 0}
    store(
        cli,
        row(id="old", client_id=client, started_at=NOW_MS - 40 * DAY_MS, **used),
        row(id="new", client_id=client, started_at=NOW_MS - 1000, **used),
        row(id="other", client_id=other.json()["id"], provider="vllm", started_at=NOW_MS - 1000, **used),
    )
    override(cli, "m: {input: 1, output: 1}")
    assert cli.ok("usage", "--reprice", "--days", "2", "--client", "app", "--json").json()["rows"] == 1
    assert costs(cli) == {"old": None, "new": 1.0, "other": None}
    cli.ok("usage", "--reprice", "--days", "2")
    assert costs(cli) == {"old": None, "new": 1.0, "other": 1.0}
    cli.ok("usage", "--reprice")
    assert costs(cli) == {"old": 1.0, "new": 1.0, "other": 1.0}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--client", "nobody"], 1, "there is no client 'nobody'"),
        (["--csv"], 2, "--csv and --reprice exclude each other"),
        (["--days", "0"], 2, "Invalid value for '--days'"),
    ],
)
def test_bad_input_is_told(cli: Cli, client: str, arguments: list[str], code: int, message: str) -> None:
    result = cli("usage", "--reprice", *arguments)
    assert result.code == code
    assert message in result.err


def test_a_bad_price_is_told(cli: Cli, client: str) -> None:
    override(cli, "m: {input: 1}")
    result = cli("usage", "--reprice")
    assert result.code == 1
    assert "prices.overrides.m.output: is missing" in result.err


def test_a_running_gateway_goes_on_writing(cli: Cli, client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows come in all the while; none of them, and no sum, is lost."""
    monkeypatch.setattr(repricing, "PAUSE_S", 0.001)
    used = {"client_id": client, "input_tokens": 1_000_000, "output_tokens": 0}
    store(cli, *(row(id=f"old{number}", **used) for number in range(3000)))
    override(cli, "m: {input: 1, output: 1}")

    def write() -> None:
        for number in range(20):
            store(cli, row(id=f"new{number}", cost_usd=2.0, started_at=NOW_MS + DAY_MS, **used))

    written = threading.Thread(target=write)
    written.start()
    assert cli.ok("usage", "--reprice", "--json").json()["changed"] == 3000
    written.join()
    assert daily(cli)["2025-10-09", "m"] == (pytest.approx(3000.0), 0)
    assert sum(cost or 0 for cost in costs(cli).values()) == pytest.approx(3040.0)


def test_a_row_that_changes_meanwhile_is_left(tmp_path: Path, cli: Cli, client: str) -> None:
    store(cli, row(id="a", client_id=client), row(id="b", client_id=client))

    def price(found: RequestRecord) -> RequestRecord:
        if found.id == "a":
            with closing(sqlite3.connect(cli.database, isolation_level=None)) as connection:
                connection.execute("UPDATE requests SET cost_usd = 4.0 WHERE id = 'a'")
        return msgspec.structs.replace(found, cost_usd=1.0)

    done = repricing.reprice(cli.database, price)
    assert (done.rows, done.changed) == (2, 1)
    assert costs(cli) == {"a": 4.0, "b": 1.0}
    assert daily(cli)["2025-10-09", "m"] == (1.0, 1)


def test_a_partly_priced_day_shows_it(cli: Cli, client: str) -> None:
    store(cli, row(client_id=client, cost_usd=0.25), row(client_id=client), row(client_id=client, status=401))
    line = cli.ok("usage").out.splitlines()[1]
    assert line.endswith("0.250000 + 2 unpriced")
    assert cli.ok("usage", "--json").json()[0]["cost_usd"] == 0.25
