"""The dashboard's figures: what is stored and what is on its way are each counted once."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ai_gateway.admin.asgi import Message
from ai_gateway.admin.feed import PENDING, Feed
from ai_gateway.admin.live import RECENT, Hub, LiveStore
from ai_gateway.admin.sessions import Sessions
from ai_gateway.admin.socket import LiveSocket
from ai_gateway.policy.calendar import Calendar
from ai_gateway.store.accounting import SqliteAccounting
from ai_gateway.store.admin_protocols import Baseline, Moment
from ai_gateway.store.live import SqliteLiveStore
from ai_gateway.store.protocols import StoreError
from tests.harness.databases import empty_database
from tests.unit.store.support import NOON_MS, InThread, row


class Desk:
    """A feed, a database and a hub, with a clock to turn."""

    def __init__(self, path: Path) -> None:
        empty_database(path)
        self.path = path
        self.books = SqliteAccounting(path)
        self.feed = Feed()
        self.now_ms = NOON_MS + 1000
        self.flying = 0
        self.hub = self.hub_of(SqliteLiveStore(InThread(path)))

    def hub_of(self, store: LiveStore) -> Hub:
        return Hub(self.feed, store, Calendar(), lambda: self.flying, lambda: self.now_ms)

    def finish(self, *, stored: bool = True, **fields: Any) -> None:
        record = row(**{"started_at": self.now_ms, **fields})
        self.feed.put([record])
        if stored:
            self.books.write([record])


def nothing() -> None:
    pass


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "data" / "gateway.db")
    yield desk
    desk.books.close()


async def test_the_first_look_counts_stored_and_pending_rows_once(desk: Desk) -> None:
    desk.finish(cost_usd=0.5)
    desk.finish(status=500, error="api_error")
    desk.finish(stored=False, client_id="cl_b", client_name="bee", model_served="n")
    overview = await desk.hub.overview()
    assert (overview.today.requests, overview.today.errors) == (3, 1)
    assert overview.today.error_rate == pytest.approx(1 / 3)
    assert overview.today.cost_usd == 0.5
    assert overview.today.input_tokens == 9
    assert overview.series.points[-1].requests == 3
    assert len(overview.series.points) == 60
    assert [(top.model, top.requests) for top in overview.top_models] == [("m", 2), ("n", 1)]
    assert [(top.id, top.requests) for top in overview.top_clients] == [("cl_a", 2), ("cl_b", 1)]
    assert [each.client_name for each in overview.recent] == ["bee", "app", "app"]


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look may be a new frame."""
    monkeypatch.setattr("ai_gateway.admin.live.FRAME_INTERVAL_S", 0.0)


async def told(desk: Desk, seen: int | None) -> tuple[int, str, Any]:
    """Number, type and data of the next message."""
    found = await desk.hub.next(seen)
    assert found is not None
    message = json.loads(found[1])
    return found[0], message["type"], message["data"]


@pytest.mark.usefixtures("always")
async def test_rows_after_the_first_look_are_added(desk: Desk) -> None:
    desk.finish()
    seen, kind, data = await told(desk, None)
    assert (kind, data["today"]["requests"]) == ("snapshot", 1)
    assert await desk.hub.next(seen) is None
    desk.finish(stored=False)
    desk.flying = 4
    seen, kind, data = await told(desk, seen)
    assert (kind, data["today"]["requests"], data["in_flight"], len(data["recent"])) == ("delta", 2, 4, 1)
    assert data["top_models"][0]["requests"] == 2
    desk.flying = 5
    _, kind, data = await told(desk, seen)
    assert (kind, data["in_flight"], data["recent"], data["top_models"]) == ("delta", 5, [], None)


@pytest.mark.usefixtures("always")
async def test_too_much_for_a_delta_or_a_new_minute_is_a_snapshot(desk: Desk) -> None:
    seen, _, _ = await told(desk, None)
    for _ in range(RECENT + 1):
        desk.finish(stored=False)
    seen, kind, data = await told(desk, seen)
    assert (kind, len(data["recent"])) == ("snapshot", RECENT)
    desk.now_ms += 60_000
    seen, kind, _ = await told(desk, seen)
    assert kind == "snapshot"
    desk.finish(stored=False)
    await told(desk, seen)
    desk.finish(stored=False)
    await told(desk, seen + 1)
    assert (await told(desk, seen))[1] == "snapshot"  # it has missed a frame


async def test_all_watchers_share_one_frame(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ai_gateway.admin.live.FRAME_INTERVAL_S", 1e9)
    first = await desk.hub.next(None)
    desk.finish(stored=False)
    assert first is not None
    assert await desk.hub.next(first[0]) is None  # it is not time yet
    assert await desk.hub.next(None) == first


class Interrupted:
    """A live store, and what happens just before and after each of its readings."""

    def __init__(self, store: LiveStore, happens: list[Callable[[], None]]) -> None:
        self._store = store
        self._happens = iter(happens)

    async def baseline(self, *, day: str, since_ms: int, recent: int) -> Baseline:
        next(self._happens)()
        found = await self._store.baseline(day=day, since_ms=since_ms, recent=recent)
        next(self._happens)()
        return found

    async def stored(self, ids: Sequence[str], moment: Moment) -> frozenset[str]:
        next(self._happens)()
        found = await self._store.stored(ids, moment)
        next(self._happens)()
        return found


COMES = [(told, stored) for told in range(4) for stored in range(told, 5)]
"""The first of these moments at which a row is told of, and the one at which it is stored; 4: never."""


@pytest.mark.parametrize(("told", "stored"), COMES)
async def test_a_row_that_comes_while_the_database_is_read_counts_once(
    desk: Desk, told: int, stored: int
) -> None:
    late = row(started_at=desk.now_ms, model_served="late")

    def happens(moment: int) -> None:
        desk.finish(stored=moment == 2)
        if moment == told:
            desk.feed.put([late])
        if moment == stored:
            desk.books.write([late])

    for _ in range(2):
        desk.finish()
        desk.finish(stored=False)
    store = SqliteLiveStore(InThread(desk.path))
    hub = desk.hub_of(Interrupted(store, [partial(happens, moment) for moment in range(4)]))
    overview = await hub.overview()
    assert overview.today.requests == 9
    assert [(top.model, top.requests) for top in overview.top_models] == [("m", 8), ("late", 1)]
    assert overview.series.points[-1].requests == 9
    assert len({each.id for each in overview.recent}) == len(overview.recent) == 9
    desk.finish()
    assert (await hub.overview()).today.requests == 10


async def test_more_rows_than_memory_is_for_while_it_is_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_gateway.admin.live.MAX_MEANWHILE", 3)

    def many() -> None:
        for _ in range(5):
            desk.finish()

    store = SqliteLiveStore(InThread(desk.path))
    hub = desk.hub_of(Interrupted(store, [many, nothing, nothing, nothing]))
    with pytest.raises(StoreError, match="more slowly than requests come"):
        await hub.overview()


async def test_a_database_that_is_rewritten_meanwhile_is_not_believed(desk: Desk) -> None:
    def rewrite() -> None:
        with closing(sqlite3.connect(desk.path)) as connection:
            connection.execute("VACUUM")

    desk.finish()
    store = SqliteLiveStore(InThread(desk.path))
    hub = desk.hub_of(Interrupted(store, [nothing, rewrite, nothing, nothing] + [nothing] * 4))
    with pytest.raises(StoreError, match="has been rewritten"):
        await hub.overview()
    assert (await hub.overview()).today.requests == 1


async def test_a_purge_of_the_newest_rows_meanwhile_is_noticed(desk: Desk) -> None:
    """The database gives their numbers to the rows that come next."""
    long_ago = desk.now_ms - 100 * 86_400_000
    desk.finish()
    for _ in range(3):
        desk.books.write([row(started_at=long_ago)])  # out of an old spool

    def purge() -> None:
        desk.books.purge(rows_before_ms=long_ago + 1, bodies_before_ms=long_ago + 1)
        desk.finish()

    store = SqliteLiveStore(InThread(desk.path))
    hub = desk.hub_of(Interrupted(store, [nothing, purge, nothing, nothing] + [nothing] * 4))
    with pytest.raises(StoreError, match="has been rewritten"):
        await hub.overview()
    assert (await hub.overview()).today.requests == 2


async def test_a_reading_that_takes_long_is_of_use(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has asked since it began, but somebody waits for it."""
    monkeypatch.setattr("ai_gateway.admin.live.ASLEEP_AFTER_S", -1.0)
    desk.finish()
    assert (await desk.hub.overview()).today.requests == 1
    desk.finish()
    assert (await desk.hub.overview()).today.requests == 2


async def test_hours_and_days_pass(desk: Desk) -> None:
    desk.finish()
    assert (await desk.hub.overview()).active_clients == 0  # no such client is stored
    desk.now_ms += 61 * 60_000
    overview = await desk.hub.overview()
    assert sum(point.requests for point in overview.series.points) == 0
    assert overview.today.requests == 1
    desk.now_ms += 86_400_000
    desk.finish()
    overview = await desk.hub.overview()
    assert overview.today.requests == 1


async def test_a_rows_own_day_decides(desk: Desk) -> None:
    desk.finish(stored=False, day="2025-10-08")
    overview = await desk.hub.overview()
    assert overview.today.requests == 0
    assert overview.series.points[-1].requests == 1


def test_memory_is_bounded_and_bodies_are_left_out(desk: Desk) -> None:
    record = row(caller_request="x" * 1000, response="y", usage_raw="{}", attempt_log="[]")
    desk.feed.put([record] * (PENDING + 50))
    assert len(desk.feed.newest()) == PENDING
    kept = desk.feed.newest()[-1]
    assert (kept.caller_request, kept.response, kept.usage_raw, kept.attempt_log) == (None,) * 4
    assert record.caller_request is not None


class Browser:
    """The other end of a socket, which reads when it is let."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self._said: asyncio.Queue[Message] = asyncio.Queue()
        self._said.put_nowait({"type": "websocket.connect"})
        self._news = asyncio.Event()

    async def receive(self) -> Message:
        return await self._said.get()

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        self.sent.append(message)
        self._news.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.sent) < count:
                self._news.clear()
                await self._news.wait()

    def leave(self) -> None:
        self._said.put_nowait({"type": "websocket.disconnect"})


class Everybody(Sessions):
    """Knows each cookie."""

    def __init__(self) -> None: ...

    async def of_cookie(self, cookie: str, *, address: str | None) -> Any:
        return object()


async def test_a_reader_that_stalls_is_told_all_anew(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ai_gateway.admin.socket.INTERVAL_S", 0.0)
    monkeypatch.setattr("ai_gateway.admin.live.FRAME_INTERVAL_S", 0.0)
    browser = Browser()
    scope = {"headers": [], "scheme": "ws"}
    serving = asyncio.create_task(LiveSocket(desk.hub, Everybody())(scope, browser.receive, browser.send))
    await browser.until(2)
    assert '"type":"snapshot"' in browser.sent[1]["text"]
    desk.finish(stored=False)
    await browser.until(3)
    assert '"type":"delta"' in browser.sent[2]["text"]
    browser.reads.clear()
    for _ in range(500):
        desk.finish(stored=False)
        await asyncio.sleep(0)
    assert len(browser.sent) == 3
    browser.reads.set()
    await browser.until(5)  # the one that was stuck, then all of it
    assert '"type":"snapshot"' in browser.sent[4]["text"]
    assert '"requests":501' in browser.sent[4]["text"]
    browser.leave()
    await asyncio.wait_for(serving, 10)
    assert browser.sent[-1]["type"] != "websocket.close"
