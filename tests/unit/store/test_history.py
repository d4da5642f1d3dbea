"""Pages of the request log: complete, in order, and bounded whatever the filters."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlalchemy.dialects import sqlite as sqlite_dialect

from ai_gateway.admin.reports import csv_with_head
from ai_gateway.admin.schemas.traffic import UsageRow
from ai_gateway.store.accounting import SqliteAccounting
from ai_gateway.store.admin_protocols import Grouping, RequestFilter
from ai_gateway.store.database import Database
from ai_gateway.store.history import SqlHistoryStore, conditions, floor_query, page_query
from ai_gateway.store.usage import SqlUsageStore
from tests.harness.databases import empty_database
from tests.unit.store.support import NOON_MS, InThread, row

ROWS = 300


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "gateway.db"
    empty_database(path)
    books = SqliteAccounting(path)
    books.write([made(index) for index in range(ROWS)])
    books.close()
    return path


@pytest.fixture
def path(tmp_path: Path, filled: Path) -> Path:
    return Path(shutil.copy(filled, tmp_path / "gateway.db"))


def made(index: int) -> Any:
    failed = index % 10 == 0
    return row(
        id=f"req_{index:04d}",
        started_at=NOON_MS + index // 3,  # three at a time, so that ids decide
        client_id=f"cl_{index % 4}",
        client_name=f"Client {index % 4}",
        model_served=f"model-{index % 7}",
        provider="rare" if index == 42 else "openai",
        status=(404 if index % 20 else 500) if failed else 200,
        error="not_found" if failed else None,
        error_message="It is 100% gone_away" if failed else None,
        streaming=index % 2 == 0,
    )


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = Database.open(path)
    yield database
    await database.close()


FILTERS: list[tuple[dict[str, Any], Any]] = [
    ({}, lambda r: True),
    ({"client": "cl_1"}, lambda r: r.client_id == "cl_1"),
    ({"model": "model-3"}, lambda r: r.model_served == "model-3"),
    ({"provider": "rare"}, lambda r: r.provider == "rare"),
    ({"status": "ok"}, lambda r: r.status < 400),
    ({"status": "error"}, lambda r: r.status >= 400),
    ({"status": "4xx"}, lambda r: 400 <= r.status < 500),
    ({"status": "500"}, lambda r: r.status == 500),
    ({"status": "200"}, lambda r: r.status == 200),
    ({"streaming": False}, lambda r: not r.streaming),
    ({"text": "GONE_A"}, lambda r: r.status >= 400),
    ({"text": "100%"}, lambda r: r.status >= 400),
    ({"text": "client 2"}, lambda r: r.client_id == "cl_2"),
    ({"text": "%"}, lambda r: r.status >= 400),
    ({"client": "cl_2", "model": "model-3", "status": "error"}, lambda r: (
        r.client_id == "cl_2" and r.model_served == "model-3" and r.status >= 400)),
    ({"model": "model-3", "provider": "rare"}, lambda r: False),
    ({"since_ms": NOON_MS + 20, "until_ms": NOON_MS + 30}, lambda r: 20 <= r.started_at - NOON_MS < 30),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "holds"), FILTERS, ids=[str(wanted) for wanted, _ in FILTERS])
@pytest.mark.parametrize("max_scan", [7, 50, 10_000])
async def test_all_pages_together_are_what_was_asked_for(
    database: Database, wanted: dict[str, Any], holds: Any, max_scan: int
) -> None:
    history = SqlHistoryStore(database, InThread(database.path), max_scan=max_scan)
    found, before, pages = [], None, 0
    while True:
        page = await history.page(RequestFilter(**wanted), before=before, limit=10)
        assert len(page.rows) <= 10
        found += [record.id for record in page.rows]
        pages += 1
        if page.cursor is None:
            break
        assert before is None or page.cursor < before
        before = page.cursor
    expected = [made(index) for index in range(ROWS)]
    expected.sort(key=lambda record: (record.started_at, record.id), reverse=True)
    assert found == [record.id for record in expected if holds(record)]
    assert pages <= ROWS // min(max_scan, 10) + 2


PLANS = [
    (RequestFilter(), "ix_requests_started_at_id"),
    (RequestFilter(client="c"), "ix_requests_client_id_started_at_id"),
    (RequestFilter(client="c", model="m"), "ix_requests_client_id_started_at_id"),
    (RequestFilter(model="m", provider="p"), "ix_requests_model_served_started_at_id"),
    (RequestFilter(provider="p"), "ix_requests_started_at_id"),
    (RequestFilter(status="error"), "ix_requests_failed"),
    (RequestFilter(status="404", text="x"), "ix_requests_failed"),
    (RequestFilter(status="ok", streaming=True), "ix_requests_started_at_id"),
    (RequestFilter(text="x", since_ms=1, until_ms=2), "ix_requests_started_at_id"),
]


@pytest.mark.parametrize(("wanted", "index"), PLANS, ids=[str(index) for index in range(len(PLANS))])
def test_each_query_walks_one_index_in_order(path: Path, wanted: RequestFilter, index: str) -> None:
    leading, residual = conditions(wanted)
    before = (NOON_MS, "x")
    queries = [page_query(leading, residual, before=before, floor=(1, "a"), limit=50)]
    queries.append(floor_query(leading, before=before, scan=100))
    for query in queries:
        plan = explain(path, query)
        assert index in plan, plan
        assert "TEMP B-TREE" not in plan, plan
    assert "COVERING" in plan, plan  # where a page ends is found without a look at the rows


def explain(path: Path, query: Any) -> str:
    text = query.compile(dialect=sqlite_dialect.dialect(), compile_kwargs={"literal_binds": True}).string
    connection = sqlite3.connect(path)
    try:
        return "\n".join(str(line[3]) for line in connection.execute(f"EXPLAIN QUERY PLAN {text}"))
    finally:
        connection.close()


async def test_one_request_with_its_bodies(path: Path, database: Database) -> None:
    books = SqliteAccounting(path)
    books.write([row(id="req_bodies", caller_request="asked", response="said", attempt_log="[]")])
    books.close()
    history = SqlHistoryStore(database, InThread(database.path))
    found = await history.request("req_bodies")
    assert found is not None
    assert (found.caller_request, found.response, found.upstream_request) == ("asked", "said", None)
    assert found.attempt_log == "[]"
    assert await history.request("none") is None


async def test_charts_add_up(database: Database) -> None:
    usage = SqlUsageStore(database, InThread(database.path))
    span = {"from_ms": NOON_MS - 3_600_000, "to_ms": NOON_MS + 3_600_000}
    minutes = await usage.series(step_s=60, client=None, model=None, **span)
    hours = await usage.series(step_s=3600, client="cl_1", model=None, **span)
    own = await usage.client_minutes("cl_1", model="model-3", **span)
    assert sum(point.requests for point in minutes) == ROWS
    assert sum(point.errors for point in minutes) == ROWS // 10
    assert sum(point.requests for point in hours) == ROWS // 4
    assert own is not None
    expected = [index for index in range(ROWS) if index % 4 == 1 and index % 7 == 3]
    assert sum(point.requests for point in own) == len(expected)


async def test_the_minutes_of_a_busy_client_are_not_counted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_gateway.store.usage.MAX_COUNTED", 10)
    usage = SqlUsageStore(database, InThread(database.path))
    found = await usage.client_minutes("cl_1", from_ms=0, to_ms=2 * NOON_MS, model=None)
    assert found is None


async def test_reports(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SqlUsageStore(database, InThread(database.path))
    wanted: dict[str, Any] = {"first_day": None, "last_day": None, "client": None, "model": None}
    by_client = await usage.report(**wanted, groups=frozenset({"client"}), limit=100)
    rows = json.loads(by_client.rows_json)
    assert [(each["client_id"], each["client"], each["day"], each["requests"]) for each in rows] == [
        (f"cl_{number}", f"Client {number}", None, ROWS // 4) for number in range(4)
    ]
    everything = frozenset(get_args(Grouping))
    whole = await usage.report(**wanted, groups=everything, limit=28)
    rows = json.loads(whole.rows_json)
    assert (len(rows), whole.truncated) == (28, False)
    assert list(rows[0]) == list(UsageRow.model_fields)
    cut = await usage.report(**wanted, groups=everything, limit=27)
    assert (json.loads(cut.rows_json), cut.truncated) == (rows[:27], True)
    monkeypatch.setattr("ai_gateway.store.usage.CHUNK", 5)
    chunks = [chunk.decode() async for chunk in csv_with_head(usage.export(**wanted))]
    assert len(chunks) == 1 + 6  # a head, and five rows at a time
    exported = list(csv.DictReader(io.StringIO("".join(chunks))))
    assert exported == [
        {name: "" if value is None else str(value) for name, value in each.items()} for each in rows
    ]
    totals = await usage.totals(first_day="2025-10-09", last_day="2025-10-09", client="cl_1")
    assert totals.requests == ROWS // 4


def test_old_steps_go(path: Path) -> None:
    books = SqliteAccounting(path)
    days = 86_400_000
    assert books.purge_steps(now_ms=NOON_MS + days) == 0
    minutes = books.purge_steps(now_ms=NOON_MS + 4 * days)
    assert minutes == 7
    assert books.purge_steps(now_ms=NOON_MS + 101 * days, limit=10) == 10
    assert books.purge_steps(now_ms=NOON_MS + 101 * days) == 25
    books.close()
