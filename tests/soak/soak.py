"""One soak: a real gateway, many requests, and what it must not have left behind."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.harness.gateway import GatewayProcess
from tests.harness.waiting import wait_until, wait_until_async
from tests.soak.callers import Callers, Heard
from tests.soak.plans import INPUT, OUTPUT, plans
from tests.soak.upstream import PlannedUpstream

MAX_GROWTH: Final = 0.05
"""Of the resident memory, from the middle of the run to its end."""
SAMPLES: Final = 100
SETTLE_S: Final = 120.0
STOP_S: Final = 10.0


@dataclass
class Report:
    """What was found; `problems` is empty where all is well."""

    requests: int
    seconds: float = 0.0
    memory: list[int] = field(default_factory=list)
    """Resident KiB, at equal steps of the run."""
    kinds: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """From the middle of the run to its end, as a fraction."""
        step = max(1, len(self.memory) // 10)
        middle = len(self.memory) // 2
        before = statistics.median(self.memory[middle : middle + step])
        return statistics.median(self.memory[-step:]) / before - 1


async def soak(folder: Path, *, requests: int, callers: int) -> Report:
    """Runs the gateway in `folder`, and stops it again."""
    report = Report(requests)
    loop = asyncio.get_running_loop()
    failed: set[bytes] = set()
    connections: set[PlannedUpstream] = set()
    server = await loop.create_server(lambda: PlannedUpstream(failed, connections), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    gateway = await asyncio.to_thread(GatewayProcess, folder, config={"logging": {"level": "error"}})
    try:
        # As many requests at once as there are callers: a slot that is not given back shows as a 429.
        client = await asyncio.to_thread(
            lambda: gateway.create_client(
                backend="openai-compatible",
                base_url=f"http://127.0.0.1:{port}/v1",
                backend_api_key="sk-upstream-soak",
                max_concurrency=callers + callers // 2,
            )
        )
        before = _held(gateway.pid)

        def tick(sent: int) -> None:
            if sent % max(1, requests // SAMPLES) == 0:
                report.memory.append(_resident_kib(gateway.pid))

        started = time.monotonic()
        crowd = Callers(gateway.port, client.api_key, plans(requests), tick)
        heard = await crowd.run(callers)
        report.seconds = time.monotonic() - started
        report.kinds, report.problems = heard.kinds, list(heard.problems)
        await asyncio.to_thread(_check_rows, gateway, client.id, heard, report)
        for connection in tuple(connections):
            connection.close()
        await _check_held(gateway.pid, before, report)
    finally:
        server.close()
        await asyncio.to_thread(_stop, gateway, report)
    if report.growth > MAX_GROWTH and requests >= SAMPLES * 100:
        report.problems.append(f"resident memory grew by {report.growth:.1%} over the second half")
    return report


def _stop(gateway: GatewayProcess, report: Report) -> None:
    """A task that is left over holds the end up."""
    began = time.monotonic()
    gateway.stop()
    if time.monotonic() - began > STOP_S:
        report.problems.append(f"the gateway took over {STOP_S:g} s to stop: tasks are left")
    output = gateway.stdout() + gateway.stderr()
    report.problems += [f"logged: {line}" for line in output.splitlines() if _is_alarming(line)][:10]


def _is_alarming(line: str) -> bool:
    """Not what it says of a request: those fail as they are meant to."""
    if '"event":"request"' in line:
        return False
    return any(
        word in line
        for word in ('"level":"error"', '"level":"critical"', "Traceback", "never retrieved", "Cancel ")
    )


def _check_rows(gateway: GatewayProcess, client_id: str, heard: Heard, report: Report) -> None:
    """Callers' count = rows = aggregates, and each row says what its caller saw."""

    def own() -> list[dict[str, object]]:
        columns = "id, status, attempts, input_tokens, output_tokens"
        return gateway.query(f"SELECT {columns} FROM requests WHERE client_id = ?", client_id)

    probes = 1  # by which `create_client` finds out that the gateway knows the key
    count = "SELECT count(*) AS n FROM requests WHERE client_id = ?"
    try:
        wait_until(
            lambda: gateway.query(count, client_id)[0]["n"] >= heard.sent + probes,
            SETTLE_S,
            what="a row for every request",
        )
    except TimeoutError as error:
        report.problems.append(str(error))
    rows = {str(row["id"]): row for row in own()}
    if len(rows) != heard.sent + probes:
        report.problems.append(f"{heard.sent} requests, {len(rows) - probes} rows")
    wrong: Counter[str] = Counter()
    for request_id, plan in heard.answers.items():
        row = rows.get(request_id)
        if row is None:
            wrong[f"{plan.name}: no row"] += 1
        elif row["status"] not in plan.rows:
            wrong[f"{plan.name}: row says {row['status']}"] += 1
        elif row["attempts"] not in plan.attempts:
            wrong[f"{plan.name}: {row['attempts']} attempts"] += 1
        elif (
            plan.exact
            and plan.rows == (200,)
            and (row["input_tokens"], row["output_tokens"]) != (INPUT, OUTPUT)
        ):
            wrong[f"{plan.name}: {row['input_tokens']}+{row['output_tokens']} tokens"] += 1
    report.problems += [f"{count} times {what}" for what, count in wrong.items()]
    _check_sums(gateway, client_id, report)


def _check_sums(gateway: GatewayProcess, client_id: str, report: Report) -> None:
    sums = "sum(input_tokens) AS i, sum(output_tokens) AS o, sum(cached_tokens) AS c"
    of_rows = f"SELECT count(*) AS n, sum(status >= 400) AS e, {sums} FROM requests WHERE client_id = ?"
    of_days = f"SELECT sum(requests) AS n, sum(errors) AS e, {sums} FROM usage_daily WHERE client_id = ?"
    rows, days = gateway.query(of_rows, client_id), gateway.query(of_days, client_id)
    if rows != days:
        report.problems.append(f"rows sum to {rows}, aggregates to {days}")


def _resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("the gateway is gone")


def _held(pid: int) -> tuple[int, int]:
    """Sockets and threads."""
    links = (link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink())
    sockets = 0
    for link in links:
        sockets += str(link).startswith("socket:")
    return sockets, len(list(Path(f"/proc/{pid}/task").iterdir()))


async def _check_held(pid: int, before: tuple[int, int], report: Report) -> None:
    async def given_back() -> bool:
        try:
            return _held(pid)[0] <= before[0]
        except FileNotFoundError:  # a descriptor that was closed while being counted
            return False

    try:
        await wait_until_async(given_back, 30.0, what="every socket being given back")
    except TimeoutError:
        report.problems.append(f"{_held(pid)[0] - before[0]} sockets are left")
