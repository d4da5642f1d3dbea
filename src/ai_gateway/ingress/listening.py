"""The sockets that the gateway listens on, and the servers behind them."""

from __future__ import annotations

import logging
import socket
import ssl
import sys
from collections.abc import Callable

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

__all__ = ["certificates_of", "listen"]

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


async def listen(
    server: ServerSettings,
    api: Api,
    health: Health,
    introduce: Callable[[], None],
    certificates: Certificates | None,
) -> int:
    """Serve until a signal says stop; `introduce` is called once it listens.

    Returns the exit code: 1 where a port cannot be had.
    """
    try:
        sockets = _bind(server.host, server.port)
        redirect_port = server.https.redirect_port
        plain_sockets = _bind(server.host, redirect_port) if redirect_port else []
    except OSError as error:
        reason = error.strerror or str(error)
        ports = " or ".join(str(port) for port in (server.port, server.https.redirect_port) if port)
        print(f"ai-gateway: cannot listen on {server.host}:{ports}: {reason}", file=sys.stderr)  # noqa: T201
        return 1

    def started() -> None:
        scheme = "https" if certificates is not None else "http"
        port = sockets[0].getsockname()[1]
        _log.info("ai-gateway %s listens on %s://%s:%d", __version__, scheme, server.host, port)
        introduce()

    def draining() -> None:
        health.draining = True

    GatewayProtocol.websocket_paths = frozenset({b"/admin/ws"})
    await GatewayServer(
        _server_config(server, api, certificates),
        on_started=started,
        on_drain=draining,
        read_timeout_s=server.read_timeout_seconds,
        write_timeout_s=server.write_timeout_seconds,
        plain=_server_config(server, Redirect(server.port), None) if plain_sockets else None,
        plain_sockets=plain_sockets,
    ).serve(sockets=sockets)
    return 0


def _server_config(
    server: ServerSettings, app: Api | Redirect, certificates: Certificates | None
) -> uvicorn.Config:
    def context(_: uvicorn.Config, _default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        assert certificates is not None
        return certificates.context

    return uvicorn.Config(
        app,
        interface="asgi3",
        http=GatewayProtocol,
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


def _bind(host: str, port: int) -> list[socket.socket]:
    """Listening sockets for every address of `host`. Raises: OSError."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    addresses = dict.fromkeys((family, address[:2]) for family, _, _, _, address in found)
    return [
        socket.create_server((str(name), int(number)), family=family, backlog=BACKLOG)
        for family, (name, number) in addresses
    ]
