"""What reads strangers' bytes, each with the errors that it may answer with; anything else is a fault."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import uvicorn
from uvicorn.server import ServerState

from ai_gateway.config import ConfigError, parse_settings
from ai_gateway.core.chat import DialectName
from ai_gateway.core.data_url import source_of
from ai_gateway.core.sse import SseFramer, events
from ai_gateway.dialects.endpoints import (
    CHAT,
    COMPLETIONS,
    COUNT_MESSAGE_TOKENS,
    EMBEDDINGS,
    GENERATE_CONTENT,
    MESSAGES,
    RESPONSES,
    STREAM_GENERATE_CONTENT,
    Endpoint,
    Family,
)
from ai_gateway.dialects.exchange import Exchange, Settings
from ai_gateway.dialects.forms import model_in_form
from ai_gateway.dialects.interface import Asked, Rendered
from ai_gateway.dialects.opening import open_exchange
from ai_gateway.errors import BadRequest, GatewayError, UpstreamError, UpstreamProtocolError
from ai_gateway.ingress.redirect import Redirect
from ai_gateway.ingress.routes import route
from ai_gateway.ingress.server import GatewayProtocol
from ai_gateway.policy.forwarded import caller_address, networks
from ai_gateway.providers import PROVIDERS, Provider
from ai_gateway.tools.arguments import Schemas, parsed
from ai_gateway.tools.builtin import built_ins
from ai_gateway.tools.builtin.page import page_text
from ai_gateway.tools.outcomes import ToolFailure
from ai_gateway.upstream.guard import Forbidden, Guard
from ai_gateway.upstream.headers import retry_after_s
from ai_gateway.upstream.http1 import Http1Transport
from ai_gateway.upstream.transport import UpstreamRequest
from tests.fuzz import corpus
from tests.fuzz.mutate import damaged, pieces
from tests.harness.moments import Instant

Target = Callable[[Random], object]
"""Makes an input of chance and feeds it. Returns the input; raises what the reader should not."""

MOMENT: Final = Instant(answer_id="0a1b", created_s=1)
SETTINGS: Final = Settings(model="m", system_prompt="s", max_output_tokens=100, output_limit=50)
CREDENTIAL: Final = "sk-fuzz-credential"
HOMES: Final[dict[DialectName, Provider]] = {
    DialectName.OPENAI_CHAT: PROVIDERS["openai-compatible"],
    DialectName.OPENAI_RESPONSES: PROVIDERS["openai"],
    DialectName.ANTHROPIC: PROVIDERS["anthropic"],
    DialectName.GEMINI: PROVIDERS["gemini"],
}
ENDPOINTS: Final[dict[DialectName, tuple[Endpoint, ...]]] = {
    DialectName.OPENAI_CHAT: (CHAT, COMPLETIONS, EMBEDDINGS),
    DialectName.OPENAI_RESPONSES: (RESPONSES,),
    DialectName.ANTHROPIC: (MESSAGES, COUNT_MESSAGE_TOKENS),
    DialectName.GEMINI: (GENERATE_CONTENT, STREAM_GENERATE_CONTENT),
}
NAMES: Final = tuple(DialectName)


def _open(endpoint: Endpoint, body: bytes, provider: Provider, *, array: bool = False) -> Exchange:
    return open_exchange(
        endpoint,
        body,
        Asked(model="m", stream=endpoint.stream, array=array),
        provider,
        content_type="application/json",
        moment=MOMENT,
        serves=lambda model: model,
    )


def request(rng: Random) -> object:
    """Any dialect's request, for any provider."""
    name = rng.choice(NAMES)
    body = damaged(rng, rng.choice(_requests(name)))
    try:
        exchange = _open(rng.choice(ENDPOINTS[name]), body, HOMES[rng.choice(NAMES)])
        exchange.output_asked()
        exchange.input_estimate()
        exchange.render(SETTINGS, HOMES[rng.choice(NAMES)] if exchange.translated else PROVIDERS["openai"])
    except GatewayError:
        pass
    return body


def _exchange(rng: Random, *, streaming: bool) -> tuple[Exchange, Rendered, DialectName]:
    """A sound request of one dialect, and the dialect that its answer comes in."""
    caller = rng.choice(NAMES)
    provider = HOMES[rng.choice(NAMES)]
    body = dict(corpus.REQUESTS[caller])
    endpoint = ENDPOINTS[caller][0]
    if caller is DialectName.GEMINI:
        endpoint = STREAM_GENERATE_CONTENT if streaming else GENERATE_CONTENT
    elif streaming:
        body["stream"] = True
    exchange = _open(endpoint, _encode(body), provider, array=streaming and rng.random() < 0.3)
    rendered = exchange.render(SETTINGS, provider)
    assert rendered is not None
    return exchange, rendered, caller if not exchange.translated else provider.dialects[0]


def answer(rng: Random) -> object:
    """A whole answer, in the form that was asked for or in the other one."""
    exchange, _, spoken = _exchange(rng, streaming=rng.random() < 0.3)
    streamed = rng.random() < 0.3
    body = damaged(rng, rng.choice(_streams(spoken) if streamed else _answers(spoken)))
    try:
        if streamed or exchange.streaming:
            exchange.convert(body, streamed=streamed)
        else:
            exchange.whole(body)
    except GatewayError:
        pass
    return body


def failure(rng: Random) -> object:
    """The body of an error answer is always an error, and never shows the credential."""
    exchange, _, spoken = _exchange(rng, streaming=False)
    body = damaged(rng, rng.choice((*ERRORS, *_answers(spoken))))
    error = exchange.parse_error(rng.choice((400, 401, 404, 429, 500, 503)), body, CREDENTIAL, None)
    assert isinstance(error, UpstreamError)
    assert CREDENTIAL not in error.message
    return body


ERRORS: Final = (
    b'{"error": {"message": "bad key sk-fuzz-credential", "type": "t", "code": "c", "param": null}}',
    b'{"type": "error", "error": {"type": "overloaded_error", "message": "sk-fuzz-credential"}}',
    b'[{"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT", "details": [{"reason": "R"}]}}]',
    b'{"detail": [{"loc": ["body"], "msg": "m"}]}',
)


def stream(rng: Random) -> object:
    """A stream in any pieces: relayed or translated, up to its end or its failure."""
    exchange, rendered, spoken = _exchange(rng, streaming=True)
    parts = pieces(rng, damaged(rng, rng.choice(_streams(spoken))))
    watcher = exchange.stream(rendered, CREDENTIAL)
    if rng.random() < 0.3:
        watcher.bound(lambda _: 0, input_tokens=5)
    try:
        for part in parts:
            watcher.feed(part)
            if watcher.failure is not None or watcher.done:
                break
        else:
            watcher.finish()
    except GatewayError as error:
        watcher.error_event(error)
    if watcher.failure is not None:
        watcher.error_event(watcher.failure)
    return parts


def framing(rng: Random) -> object:
    """A stream's events are the same however the network cuts it."""
    data = damaged(rng, rng.choice(_streams(rng.choice(NAMES))))
    found = []
    for parts in ([data], pieces(rng, data)):
        framer = SseFramer()
        try:
            blocks = [framer.feed(part) for part in parts]
        except UpstreamProtocolError:
            return parts
        found.append(b"".join(blocks) + framer.rest())
        for block in blocks:
            for _ in events(block):
                pass
    assert found[0] == found[1]
    return data


def config(rng: Random) -> object:
    text = damaged(rng, corpus.CONFIG).decode("utf-8", "replace")
    try:
        parse_settings(text, Path("/etc/config.yaml"), {})
    except ConfigError as error:
        told = error.problems
    else:
        return text
    assert told
    assert all(problem.strip() for problem in told)
    return text


# A page that a model fetches, and its own words for a tool.


def page(rng: Random) -> object:
    text = damaged(rng, corpus.PAGE).decode("utf-8", "replace")
    page_text(text, "https://example.com/a")
    return text


def tool_arguments(rng: Random) -> object:
    text = damaged(rng, rng.choice(corpus.TOOL_ARGUMENTS)).decode("utf-8", "surrogateescape")
    with contextlib.suppress(ToolFailure):
        _schemas.check(parsed(text), built_ins()["get_time"].offered().parameters)
    return text


def paths(rng: Random) -> object:
    path = damaged(rng, rng.choice(corpus.TARGETS)).decode("latin-1")
    try:
        found = route(rng.choice(("GET", "POST", "PUT")), path, rng.choice(tuple(Family)))
    except GatewayError:
        return path
    assert "/../" not in f"{found.path}/"
    return path


def words(rng: Random) -> object:
    """Headers, addresses, data URLs, forms: small readers."""
    text = damaged(rng, rng.choice(WORDS)).decode("latin-1")
    retry_after_s([(b"retry-after", text.encode("latin-1")), (b"date", text.encode("latin-1"))])
    caller_address("127.0.0.1", [text], TRUSTED)
    source_of(text)
    with contextlib.suppress(Forbidden):
        Guard().check("http", text)
    with contextlib.suppress(BadRequest):
        model_in_form(b"multipart/form-data; boundary=b", text.encode("latin-1"))
    return text


TRUSTED: Final = networks(["127.0.0.0/8"])
WORDS: Final = (
    b"Wed, 21 Oct 2026 07:28:00 GMT",
    b"120",
    b"10.0.0.1, [::1]:80, 8.8.8.8:1",
    b"data:image/png;base64,iVBORw0KGgo=",
    b"0x7f.0.0.1",
    b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--b--\r\n',
)


class Wire(asyncio.Transport):
    """A caller's connection that only remembers what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name in ("peername", "sockname") else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0


def http(rng: Random) -> object:
    """Bytes for the server: every connection gets answers, or is closed; nothing is raised."""
    data = b"".join(damaged(rng, rng.choice(corpus.HTTP)) for _ in range(rng.randint(1, 3)))
    parts = pieces(rng, data)
    _loop().run_until_complete(_serve(parts))
    return parts


async def _serve(parts: list[bytes]) -> None:
    loop, state, wire = asyncio.get_running_loop(), ServerState(), Wire()
    faults: list[object] = []
    loop.set_exception_handler(lambda _, context: faults.append(context))
    logging.getLogger("uvicorn.error").filters[:] = [_Tracebacks(faults)]
    protocol = GatewayProtocol(config=server_config(), server_state=state, app_state={}, _loop=loop)
    protocol.connection_made(wire)
    for part in parts:
        if not wire.closed:
            protocol.data_received(part)
    await asyncio.sleep(0)
    protocol.connection_lost(None)
    await asyncio.gather(*state.tasks)
    assert not faults, faults
    assert wire.written[:9] in (b"", b"HTTP/1.1 "), wire.written[:100]
    assert b"500 Internal" not in wire.written


def upstream(rng: Random) -> object:
    """Bytes from a provider's connection: an answer, or a failure of the provider's."""
    parts = pieces(rng, damaged(rng, rng.choice(corpus.HTTP_ANSWERS)))
    _loop().run_until_complete(_ask(parts))
    return parts


async def _ask(parts: list[bytes]) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            for part in parts:
                writer.write(part)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    transport = Http1Transport()
    try:
        response = await transport.send(
            UpstreamRequest(method="GET", url=url, headers=[], body=b"", timeout_s=5.0, repeatable=False)
        )
        while await response.chunk():
            pass
        response.close()
    except UpstreamError:
        pass
    finally:
        await transport.close()
        server.close()
        await server.wait_closed()


class _Tracebacks:
    """Keeps what the server logs of an exception, and nothing else of its log."""

    def __init__(self, found: list[object]) -> None:
        self._found = found

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info:
            self._found.append(record.exc_info)
        return False


@cache
def server_config() -> uvicorn.Config:
    made = uvicorn.Config(
        Redirect(443),
        interface="asgi3",
        http=GatewayProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        proxy_headers=False,
    )
    made.load()
    return made


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _encode(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


_schemas = Schemas()
_requests = cache(corpus.requests)
_answers = cache(corpus.answers)
_streams = cache(corpus.streams)

TARGETS: Final[dict[str, Target]] = {
    target.__name__: target
    for target in (
        *(request, answer, failure, stream, framing, config, paths, words, http, upstream),
        *(page, tool_arguments),
    )
}
