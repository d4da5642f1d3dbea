"""Callers on plain sockets: they know what they asked, what they got, and when they left."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from tests.soak.plans import OUTPUT, WORDS, Plan, body

TIMEOUT_S: Final = 60.0
_TEXT: Final = "".join(WORDS).encode()


@dataclass
class Heard:
    """What all callers together can tell."""

    sent: int = 0
    answers: dict[str, Plan] = field(default_factory=dict)
    """By request id; those who left before the answer have none."""
    kinds: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


class Callers:
    """So many callers on kept connections, who take the next request of one list."""

    def __init__(self, port: int, key: str, work: Iterator[tuple[int, Plan]], tick: Callable[[int], None]):
        self.heard = Heard()
        self._port = port
        self._work = work
        self._tick = tick
        rest = f"HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: "
        paths = ("/v1/chat/completions", "/v1/messages")
        self._heads = {path: f"POST {path} {rest}".encode() for path in paths}

    async def run(self, callers: int) -> Heard:
        await asyncio.gather(*(self._caller() for _ in range(callers)))
        return self.heard

    async def _caller(self) -> None:
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        for number, plan in self._work:
            if connection is None:
                connection = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = connection
            self.heard.sent += 1
            self.heard.kinds[plan.name] += 1
            data = body(plan, number)
            head = self._heads["/v1/messages" if plan.anthropic else "/v1/chat/completions"]
            writer.write(head + b"%d\r\n\r\n" % len(data) + data)
            if not await self._hear(reader, plan, number):
                writer.transport.abort()
                connection = None
            self._tick(self.heard.sent)
        if connection is not None:
            connection[1].close()

    async def _hear(self, reader: asyncio.StreamReader, plan: Plan, number: int) -> bool:
        """Whether the connection can go on."""
        if plan.name == "left-early":
            await asyncio.sleep(0.01)  # a person's patience: nothing is waited for
            return False
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._read(reader, plan, number)
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError) as error:
            self.heard.problems.append(f"{plan.name} {number}: {type(error).__name__}")
            return False

    async def _read(self, reader: asyncio.StreamReader, plan: Plan, number: int) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        request_id = _header(head, b"x-request-id").decode()
        self.heard.answers[request_id] = plan
        if plan.hangs_up:
            return False
        length = _header(head, b"content-length")
        whole = await (reader.readexactly(int(length)) if length else _chunks(reader))
        if status != plan.status:
            self.heard.problems.append(f"{plan.name} {number}: status {status}: {whole[:200]!r}")
        elif plan.rows == (200,) and not _is_whole(plan, whole):
            self.heard.problems.append(f"{plan.name} {number}: {whole[:500]!r}")
        return True


def _header(head: bytes, name: bytes) -> bytes:
    return head.partition(b"\r\n" + name + b": ")[2].partition(b"\r\n")[0]


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    found = b""
    while size := int(await reader.readline(), 16):
        found += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return found


def _is_whole(plan: Plan, data: bytes) -> bool:
    """Every word, the usage, and the dialect's end."""
    if not plan.stream:
        return _TEXT in data and (b'tokens":%d' % OUTPUT in data.replace(b" ", b""))
    words = all(word.encode() in data for word in WORDS)
    return words and (b"message_stop" in data if plan.anthropic else data.endswith(b"data: [DONE]\n\n"))
