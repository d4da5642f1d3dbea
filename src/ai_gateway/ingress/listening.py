"""The sockets that the gateway listens on, and the servers behind them."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

import uvicorn

from ai_gateway import __version__
from ai_gateway.config import ConfigError
from ai_gateway.config.certificate import CertificateError
from ai_gateway.config.model import HttpsSettings, ServerSettings
from ai_gateway.ingress.api import Api
from ai_gateway.ingress.health import Health
from ai_gateway.ingress.redirect import Redirect
from ai_gateway.ingress.server import GatewayProtocol, GatewayServer
from ai_gateway.ingress.tls import Certificates

__all__ = ["Bound", "announce", "bind", "certificates_of", "listen", "server_of"]

BACKLOG = 2048
WS_MESSAGE_BYTES = 64 * 1024
"""The dashboard says nothing over its socket."""

_log = logging.getLogger("ai_gateway")


def certificates_of(https: HttpsSettings) -> Certificates | None:
    """Raises: ConfigError where the files have become unusable since they were checked."""
    if not https.enabled or https.cert_file is None or https.key_file is None:
        return None
    try:
        return Certificates(https.cert_file, https.key_file)
    except CertificateError as error:
        raise ConfigError([f"server.https: {error}"]) from error


class Bound(NamedTuple):
    """Listening sockets."""

    sockets: list[socket.socket]
    plain: list[socket.socket]
    """For the redirect to HTTPS."""

    def close(self) -> None:
        for each in (*self.sockets, *self.plain):
            each.close()

    def rest(self) -> None:
        """Take no connections until they are listened on again: those that share the port get them. Those
        that wait here are reset. On Linux; elsewhere they go on waiting."""
        for each in (*self.sockets, *self.plain):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RD)


def bind(server: ServerSettings, *, times: int = 1) -> list[Bound]:
    """The sockets to listen on; several `times` where as many processes shall accept connections, which the
    system then spreads over them. Empty, and told on stderr, where a port cannot be had."""
    redirect_port = server.https.redirect_port
    shared = times > 1
    try:
        if shared:  # others of this user could take a share of a port, too: first see that it is free
            Bound(_bind(server.host, server.port), _bind_plain(server)).close()
        return [
            Bound(_bind(server.host, server.port, shared=shared), _bind_plain(server, shared=shared))
            for _ in range(times)
        ]
    except OSError as error:
        reason = error.strerror or str(error)
        ports = " or ".join(str(port) for port in (server.port, redirect_port) if port)
        print(f"ai-gateway: cannot listen on {server.host}:{ports}: {reason}", file=sys.stderr)  # noqa: T201
        return []


async def listen(
    server: ServerSettings,
    api: Api,
    health: Health,
    on_started: Callable[[], None],
    certificates: Certificates | None,
    bound: Bound,
    protocol: type[GatewayProtocol] = GatewayProtocol,
) -> None:
    """Serve until a signal says stop; `on_started` is called once it listens."""
    GatewayProtocol.websocket_paths = frozenset({b"/admin/ws"})
    made = server_of(server, api, health, on_started, certificates, plain=bound.plain, protocol=protocol)
    await made.serve(sockets=bound.sockets)


def server_of(
    server: ServerSettings,
    api: Api,
    health: Health,
    on_started: Callable[[], None],
    certificates: Certificates | None,
    *,
    plain: Sequence[socket.socket] = (),
    protocol: type[GatewayProtocol] = GatewayProtocol,
    kind: type[GatewayServer] = GatewayServer,
) -> GatewayServer:
    """A server that does not listen yet. `certificates` None: without TLS."""

    def draining() -> None:
        health.draining = True

    return kind(
        _server_config(server, api, certificates, protocol),
        on_started=on_started,
        on_drain=draining,
        read_timeout_s=server.read_timeout_seconds,
        write_timeout_s=server.write_timeout_seconds,
        plain=_server_config(server, Redirect(server.port), None) if plain else None,
        plain_sockets=plain,
    )


def _server_config(
    server: ServerSettings,
    app: Api | Redirect,
    certificates: Certificates | None,
    protocol: type[GatewayProtocol] = GatewayProtocol,
) -> uvicorn.Config:
    """uvicorn's own."""

    def context(_: uvicorn.Config, _default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        assert certificates is not None
        return certificates.context

    return uvicorn.Config(
        app,
        interface="asgi3",
        http=protocol,
        ws="none",  # made by GatewayProtocol where it is wanted
        ws_max_size=WS_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # a caller's word on its own address is not to be trusted
        headers=[("strict-transport-security", "max-age=31536000")] if certificates is not None else None,
        timeout_keep_alive=server.keep_alive_seconds,
        timeout_graceful_shutdown=server.shutdown_timeout_seconds,
        ssl_certfile=server.https.cert_file if certificates is not None else None,
        ssl_keyfile=server.https.key_file if certificates is not None else None,
        ssl_context_factory=context if certificates is not None else None,
    )


def announce(server: ServerSettings, *, is_tls: bool) -> None:
    """Say where it listens."""
    scheme = "https" if is_tls else "http"
    _log.info("ai-gateway %s listens on %s://%s:%d", __version__, scheme, server.host, server.port)


def _bind_plain(server: ServerSettings, *, shared: bool = False) -> list[socket.socket]:
    port = server.https.redirect_port
    return _bind(server.host, port, shared=shared) if port else []


def _bind(host: str, port: int, *, shared: bool = False) -> list[socket.socket]:
    """Listening sockets for every address of `host`. Raises: OSError."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    addresses = dict.fromkeys((family, address[:2]) for family, _, _, _, address in found)
    return [
        socket.create_server((str(name), int(number)), family=family, backlog=BACKLOG, reuse_port=shared)
        for family, (name, number) in addresses
    ]
