from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from ai_gateway.store.segments import Position
from tests.unit.store.support import (
    MemoryAccounting,
    files,
    kill,
    new_spool,
    replayed,
    row,
    store_all,
)


def test_a_row_comes_back_as_it_was(folder: Path) -> None:
    record = row(
        error_message='line\nbreak "quoted" \u2028 \0 é',
        cost_usd=0.1,
        usage_raw='{"a": 1}',
        caller_request="x" * 300_000,
    )
    spool = new_spool(folder)
    spool.append(record)
    spool.append(row(id="after"))
    store = MemoryAccounting()
    store_all(spool, store)
    spool.close()
    assert store.rows[record.id] == record
    assert "after" in store.rows


def test_depth_and_backlog_follow_the_rows(folder: Path) -> None:
    spool = new_spool(folder)
    assert (spool.depth, spool.backlog_bytes) == (0, 0)
    for _ in range(600):
        spool.append(row())
    assert spool.depth == 600
    assert spool.backlog_bytes == sum(file.stat().st_size for file in files(folder, "*.jsonl"))
    found = spool.read()
    assert found is not None
    batch, is_new = found
    assert is_new
    assert len(batch.records) == 512
    assert spool.depth == 600  # read is not yet stored
    spool.commit(batch)
    assert spool.depth == 88
    store_all(spool, MemoryAccounting())
    assert (spool.depth, spool.backlog_bytes) == (0, 0)
    spool.close()


def test_looking_ahead_shows_each_row_once(folder: Path) -> None:
    spool = new_spool(folder)
    for name in ("a", "b"):
        spool.append(row(id=name))
    ahead = spool.read_ahead()
    assert ahead is not None
    assert [record.id for record in ahead.records] == ["a", "b"]
    assert spool.read_ahead() is None
    spool.append(row(id="c"))
    for names, expected_new in ((["a", "b"], False), (["c"], True)):
        found = spool.read()
        assert found is not None
        batch, is_new = found
        assert ([record.id for record in batch.records], is_new) == (names, expected_new)
        spool.commit(batch)
    assert spool.read_ahead() is None
    spool.close()


def test_rows_that_come_between_two_looks_of_the_reader(
    folder: Path, small_segments: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = new_spool(folder)
    store = MemoryAccounting()
    spool.append(row(id="first"))
    store_all(spool, store)
    really = spool._own._lines_at

    def race(start: Position, until: Position | None) -> bytes:
        data = really(start, until)
        if not data and spool.depth < 10:
            for i in range(10):
                spool.append(row(id=f"late{i}"))
        return data

    monkeypatch.setattr(spool._own, "_lines_at", race)
    assert spool.read_ahead() is None
    assert len(files(folder, "*.jsonl")) > 2
    monkeypatch.undo()
    store_all(spool, store)
    assert list(store.rows) == ["first", *(f"late{i}" for i in range(10))]
    spool.close()


def test_nothing_is_left_after_a_clean_end(folder: Path) -> None:
    spool = new_spool(folder)
    spool.append(row())
    store_all(spool, MemoryAccounting())
    spool.close()
    assert [file.name for file in folder.iterdir()] == ["adopt.lock"]


def test_rows_that_are_not_stored_wait_for_the_next_start(folder: Path) -> None:
    spool = new_spool(folder)
    records = [row() for _ in range(3)]
    for record in records:
        spool.append(record)
    spool.close()
    assert list(replayed(folder).rows.values()) == records
    assert replayed(folder).rows == {}


def test_a_row_after_the_end_is_kept(folder: Path) -> None:
    spool = new_spool(folder)
    spool.close()
    spool.append(row(id="late"))
    spool.close()
    assert list(replayed(folder).rows) == ["late"]


def test_segments_rotate_and_are_deleted_when_stored(folder: Path, small_segments: int) -> None:
    spool = new_spool(folder)
    store = MemoryAccounting()
    for i in range(50):
        spool.append(row(id=f"r{i:02d}"))
    segments = files(folder, "*.jsonl")
    assert len(segments) > 5
    assert all(file.stat().st_size < 2 * small_segments for file in segments)
    store_all(spool, store)
    assert list(store.rows) == [f"r{i:02d}" for i in range(50)]
    assert len(files(folder, "*.jsonl")) == 1
    spool.close()


def test_everything_is_private(folder: Path) -> None:
    previous = os.umask(0)
    try:
        spool = new_spool(folder)
        spool.append(row())
        store_all(spool, MemoryAccounting())
        spool.append(row())
    finally:
        os.umask(previous)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    spool.close()
    assert {mode for name, mode in modes.items() if "." in name or name in ("position", "lock")} == {0o600}
    assert {mode for name, mode in modes.items() if name[0].isdecimal() and "." not in name} == {0o700}
    assert modes["spool"] == 0o700


def test_a_dead_process_rows_are_adopted_and_a_live_one_is_left_alone(folder: Path) -> None:
    dead, live = new_spool(folder), new_spool(folder)
    dead.append(row(id="orphan"))
    live.append(row(id="alive"))
    kill(dead)
    spool = new_spool(folder)
    spool.append(row(id="own"))
    spool.adopt()
    assert spool.depth == 2
    store = MemoryAccounting()
    store_all(spool, store)
    assert list(store.rows) == ["own", "orphan"]
    assert spool.depth == 0
    store_all(live, store)
    assert list(store.rows) == ["own", "orphan", "alive"]
    for each in (spool, live):
        each.close()
    assert not files(folder, "*.jsonl")


def test_an_orphan_is_adopted_by_one_only(folder: Path) -> None:
    dead = new_spool(folder)
    dead.append(row())
    kill(dead)
    first, second = new_spool(folder), new_spool(folder)
    first.adopt()
    second.adopt()
    assert (first.depth, second.depth) == (1, 0)
    first.close()  # it did not come to storing it
    second.adopt()
    assert second.depth == 1
    second.close()


def test_replay_goes_on_where_the_dead_process_was(folder: Path, small_segments: int) -> None:
    spool = new_spool(folder)
    store = MemoryAccounting()
    for _ in range(10):
        spool.append(row())
    store_all(spool, store)
    spool.append(row(id="new"))
    kill(spool)
    assert list(replayed(folder).rows) == ["new"]


@pytest.mark.parametrize(
    "position", [b"", b"garbage", b"7", b"1 x", b"1 99999999999999999999", b"1 -5", b"1 100000", b"8 0"]
)
def test_a_broken_position_loses_no_row(position: bytes, folder: Path) -> None:
    spool = new_spool(folder)
    spool.append(row(id="a"))
    (spool._own.path / "position").write_bytes(position)
    kill(spool)
    found = replayed(folder).rows
    assert list(found) == ["a"]
    assert not files(folder, "*.jsonl")


@pytest.mark.parametrize("torn", [b"{", b'{"id":"x","started_at":1', b"\xff\xfe", b"\0" * 5000])
def test_a_torn_last_line_is_skipped(torn: bytes, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = new_spool(folder)
    spool.append(row(id="whole"))
    os.write(spool._file, torn)
    kill(spool)
    assert list(replayed(folder).rows) == ["whole"]
    assert "half a line" in caplog.text
    assert not files(folder, "*.bad")


@pytest.mark.parametrize(
    "bad",
    [
        b"garbage",
        b"",
        b"{}",
        b"\xff\xfe",
        b'{"id": "cut',
        b"\0" * 200_000,
        b"[" * 100_000,
        b'{"id": 1e999999}',
    ],
)
def test_a_corrupt_line_is_set_aside_and_the_rest_goes_on(
    bad: bytes, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = new_spool(folder)
    spool.append(row(id="before"))
    os.write(spool._file, bad + b"\n")
    spool.append(row(id="after"))
    kill(spool)
    assert list(replayed(folder).rows) == ["before", "after"]
    (aside,) = files(folder, "*.bad")
    assert aside.read_bytes() == bad + b"\n"
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert str(aside) in caplog.text


def test_rows_of_a_later_version_with_more_fields_are_read(folder: Path) -> None:
    spool = new_spool(folder)
    line = {"id": "n", "started_at": 1, "endpoint": "", "dialect": "", "status": 200, "region": "eu"}
    os.write(spool._file, json.dumps(line).encode() + b"\n")
    kill(spool)
    assert list(replayed(folder).rows) == ["n"]


def test_foreign_files_in_the_folder_are_left_alone(folder: Path) -> None:
    (folder / "notes").mkdir(parents=True)
    (folder / "12-abc").mkdir()
    (folder / "notes" / "00000001.jsonl").write_text("{}\n")
    assert replayed(folder).rows == {}
    assert (folder / "notes" / "00000001.jsonl").read_text() == "{}\n"
    assert not list((folder / "12-abc").iterdir())


def test_an_orphan_that_cannot_be_read_does_not_hold_up_the_rest(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken, fine = new_spool(folder), new_spool(folder)
    for spool in (broken, fine):
        spool.append(row(id=f"of-{spool is fine}"))
        kill(spool)
    segment = broken._own.segment(1)
    segment.unlink()
    segment.mkdir()
    assert list(replayed(folder).rows) == ["of-True"]
    assert "cannot replay" in caplog.text
    assert segment.exists()


@pytest.mark.parametrize(
    "strange", [{"model_asked": "a\ud800"}, {"error_message": "\udfff", "input_tokens": 10**30}]
)
def test_a_row_that_utf8_refuses_is_stored_all_the_same(strange: dict[str, object], folder: Path) -> None:
    spool = new_spool(folder)
    spool.append(row(id="strange", **strange))
    store = MemoryAccounting()
    store_all(spool, store)
    spool.close()
    stored = store.rows["strange"]
    assert stored.model_asked in ("m", "a?")
    assert stored.input_tokens in (3, 2**53)
