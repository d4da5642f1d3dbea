"""Connection tests: step by step, so that what fails is told, and how long each step took."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import msgspec

from ai_gateway.admin.schemas.clients import ConnectionTest, Failure, StepName, TestStep
from ai_gateway.errors import (
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from ai_gateway.providers import Upstream
from ai_gateway.upstream.models import fetch_models
from ai_gateway.upstream.pool import TransportPool
from ai_gateway.upstream.proxies import Proxies

__all__ = ["Target", "fetch", "probe"]

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 15.0
_PORTS = {"http": 80, "https": 443}
_MAX_SHOWN = 3


class Target(msgspec.Struct, frozen=True):
    """What is tested."""

    backend: str
    upstream: Upstream


class _Failed(Exception):
    """A step came to nothing; the message is safe to show."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure
        self.message = message


class _Steps:
    """Notes each step with its time."""

    def __init__(self) -> None:
        self.done: list[TestStep] = []

    @asynccontextmanager
    async def step(self, name: StepName) -> AsyncIterator[list[str]]:
        """Yields a list that takes the step's detail."""
        started_s = time.perf_counter()
        detail: list[str] = []
        try:
            yield detail
        except _Failed as error:
            self._note(name, False, error.message, started_s)
            raise
        self._note(name, True, "".join(detail), started_s)

    def _note(self, name: StepName, ok: bool, detail: str, started_s: float) -> None:
        spent_ms = round((time.perf_counter() - started_s) * 1000, 1)
        self.done.append(TestStep(name=name, ok=ok, detail=detail, ms=spent_ms))


async def fetch(target: Target, transports: TransportPool) -> list[str]:
    """The provider's model list. Raises: UpstreamError."""
    transport = transports.of(target.upstream)
    return await fetch_models(transport, target.upstream, timeout_s=ANSWER_TIMEOUT_S)


async def probe(
    target: Target, transports: TransportPool, proxies: Proxies | None, *, model: str | None
) -> ConnectionTest:
    """Resolve, connect, shake hands, list the models; `model` must be among them.

    Through a forward proxy only the last two steps can be told.
    """
    steps = _Steps()
    failure: Failure | None = None
    models: list[str] | None = None
    upstream = target.upstream
    proxied = proxies is not None and proxies.of(upstream.base) is not None
    try:
        if not upstream.provider.builtin and not proxied:
            await _reach(steps, upstream)
        models = await _list(steps, target, transports)
        if model is not None:
            await _check_model(steps, model, models)
        message = f"works: {_counted(models)}"
    except _Failed as error:
        failure, message = error.failure, error.message
    return ConnectionTest(
        ok=failure is None,
        steps=steps.done,
        latency_ms=round(sum(step.ms for step in steps.done), 1),
        failure=failure,
        message=message,
        models=models,
    )


async def _reach(steps: _Steps, upstream: Upstream) -> None:
    parts = urlsplit(upstream.base)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    async with steps.step("resolve") as detail:
        address = await _resolve(host, port)
        detail.append(f"{host} is {address}")
    async with steps.step("connect") as detail:
        writer = await _connect(address, host, port)
        detail.append(f"port {port} answers")
    try:
        if parts.scheme == "https":
            async with steps.step("tls") as detail:
                detail.append(await _shake_hands(writer, host))
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), 1.0)


async def _resolve(host: str, port: int) -> str:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise _Failed("timeout", f"no name server answered for {host}") from None
    except (OSError, UnicodeError):
        raise _Failed("dns", f"there is no host named {host}") from None
    return str(found[0][4][0])


async def _connect(address: str, host: str, port: int) -> asyncio.StreamWriter:
    """By name, so that every address of it is tried; `address` is for the message."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        message = f"{address} does not answer on port {port} within {CONNECT_TIMEOUT_S:g} s"
        raise _Failed("timeout", message) from None
    except ConnectionRefusedError:
        raise _Failed("refused", f"nothing listens on port {port} of {address}") from None
    except OSError as error:
        raise _Failed("refused", f"no connection to {address}: {error.strerror or error}") from None
    return writer


async def _shake_hands(writer: asyncio.StreamWriter, host: str) -> str:
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            context = await asyncio.to_thread(ssl.create_default_context)  # reads the system's certificates
            await writer.start_tls(context, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise _Failed("tls", f"the certificate is not trusted: {error.verify_message}") from None
    except TimeoutError:
        raise _Failed("tls", "nobody answered the TLS handshake: is it http:// instead?") from None
    except (ssl.SSLError, OSError):
        raise _Failed("tls", "this port does not speak TLS: is it http:// instead?") from None
    found = writer.get_extra_info("ssl_object")
    return str(found.version()) if found else ""


async def _list(steps: _Steps, target: Target, transports: TransportPool) -> list[str]:
    """One call shows whether the key is taken and what the models are."""
    started_s = time.perf_counter()
    try:
        models = await fetch(target, transports)
    except UpstreamError as error:
        failed = _explained(error, target.upstream)
        name: StepName = "authenticate" if failed.failure == "unauthorized" else "models"
        steps.done.append(_step(name, False, failed.message, started_s))
        raise failed from None
    if target.upstream.headers:
        steps.done.append(_step("authenticate", True, "the key is accepted", started_s))
        started_s = time.perf_counter()
    steps.done.append(_step("models", True, _counted(models), started_s))
    return models


def _counted(models: list[str]) -> str:
    return "1 model" if len(models) == 1 else f"{len(models)} models"


def _step(name: StepName, ok: bool, detail: str, started_s: float) -> TestStep:
    spent_ms = round((time.perf_counter() - started_s) * 1000, 1)
    return TestStep(name=name, ok=ok, detail=detail, ms=spent_ms)


def _explained(error: UpstreamError, upstream: Upstream) -> _Failed:
    where = urlsplit(upstream.models_url()).path
    match error:
        case UpstreamTimeout():
            return _Failed("timeout", f"no answer within {ANSWER_TIMEOUT_S:g} s")
        case UpstreamUnreachable():
            return _Failed("refused", error.message)
        case UpstreamProtocolError():
            return _Failed("wrong_path", f"{where} is no model list: check the base URL ({error.message})")
        case UpstreamRejected(status=401 | 403):
            return _Failed("unauthorized", f"the key is refused: {error.message}")
        case UpstreamRejected(status=404 | 405):
            return _Failed("wrong_path", f"there is nothing at {where}: check the base URL")
        case _:
            return _Failed("provider_error", error.message)


async def _check_model(steps: _Steps, model: str, models: list[str]) -> None:
    async with steps.step("model") as detail:
        if model not in models:
            near = [name for name in models if model.lower() in name.lower()][:_MAX_SHOWN]
            hint = f": there is {', '.join(near)}" if near else ""
            raise _Failed("no_such_model", f"the provider lists no model '{model}'{hint}")
        detail.append(f"{model} is listed")
