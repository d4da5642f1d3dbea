"""Addresses that are the data themselves.

Source: RFC 2397, "The data URL scheme".
"""

from __future__ import annotations

from ai_gateway.core.chat import Data, Url

__all__ = ["data_url", "source_of"]

_ANY = "application/octet-stream"


def data_url(data: Data) -> str:
    return f"data:{data.media_type};base64,{data.data}"


def source_of(url: str, media_type: str | None = None) -> Data | Url:
    """A `data:` URL, an address, or (where `media_type` says what it would be) bare Base64."""
    if url.startswith("data:"):
        head, _, data = url[5:].partition(",")
        return Data(head.partition(";")[0] or media_type or _ANY, data)
    if media_type is None or url.startswith(("http://", "https://")):
        return Url(url, media_type)
    return Data(media_type, url)
