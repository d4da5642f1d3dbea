"""The models that a provider offers."""

from __future__ import annotations

from ai_gateway.dialects.openai_errors import blot, parse_error
from ai_gateway.errors import UpstreamProtocolError
from ai_gateway.providers import Upstream
from ai_gateway.upstream.transport import Transport, UpstreamRequest

__all__ = ["fetch_models"]

_MAX_LIST_BYTES = 16 * 1024 * 1024


async def fetch_models(transport: Transport, upstream: Upstream, *, timeout_s: float) -> list[str]:
    """Model names as the provider lists them.

    Raises:
        UpstreamError: and its kinds, where the provider refuses, fails or sends no list.
    """
    response = await transport.send(
        UpstreamRequest(
            method="GET",
            url=upstream.models_url(),
            headers=[
                *upstream.headers,
                *upstream.provider.headers,
                ("Accept", "application/json"),
                ("Accept-Encoding", "identity"),
            ],
            body=b"",
            timeout_s=timeout_s,
        )
    )
    try:
        body = bytearray()
        while chunk := await response.chunk():
            body += chunk
            if len(body) > _MAX_LIST_BYTES:
                raise UpstreamProtocolError("the upstream's model list is longer than 16 MiB")
    finally:
        response.close()
    if response.status >= 300:
        error = parse_error(response.status, bytes(body), credential=upstream.credential)
        raise blot(error, upstream.credential)
    try:
        return upstream.read_models(bytes(body))
    except ValueError as error:
        raise UpstreamProtocolError(f"the upstream sent {error}") from error
