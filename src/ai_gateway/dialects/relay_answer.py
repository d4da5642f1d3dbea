"""Which relay watches the answer of which endpoint."""

from __future__ import annotations

from collections.abc import Callable

from ai_gateway.core.usage import Usage
from ai_gateway.dialects import anthropic, gemini, relay_anthropic, relay_gemini, relay_openai
from ai_gateway.dialects.endpoints import Endpoint, Family
from ai_gateway.dialects.faults import check_reported
from ai_gateway.dialects.openai_usage import read_usage
from ai_gateway.dialects.relay_stream import Reply, StreamRelay

__all__ = ["read_reply", "stream_relay", "usage_in_tail"]


# Once: members of an enumeration are looked up slowly.
_OPENAI, _ANTHROPIC, _GEMINI = Family.OPENAI, Family.ANTHROPIC, Family.GEMINI


def stream_relay(
    endpoint: Endpoint,
    *,
    hide_usage: bool = False,
    tell_usage: bool = False,
    terminator_optional: bool = False,
    credential: str = "",
    array: bool = False,
) -> StreamRelay:
    """The relay for a stream of `endpoint`.

    `hide_usage`: the gateway asked for the usage chunk, the caller did not.
    `tell_usage`: the caller asked for it.
    `terminator_optional`: this provider is known to leave `[DONE]` out after a finished answer.
    `credential` is the key that was sent: what is noted of a failure does not hold it.
    `array`: the caller gets Gemini's events as one JSON array.
    """
    if endpoint.family is _ANTHROPIC:
        return relay_anthropic.MessagesRelay(credential, ends=endpoint.known)
    if endpoint.family is _GEMINI:
        return relay_gemini.ContentRelay(credential, ends=endpoint.known, array=array)
    if endpoint.usage_option:
        return relay_openai.ChatRelay(credential, hide_usage, terminator_optional, tell_usage=tell_usage)
    return relay_openai.EventRelay(credential, ends=endpoint.system == "instructions")


def read_reply(endpoint: Endpoint, body: bytes) -> Reply:
    """Read a whole answer; unknown or oddly typed members are nobody's business here.

    Raises:
        UpstreamProtocolError: it is not JSON.
        UpstreamError: it reports a failure in the place of an answer.
    """
    if endpoint.family is _OPENAI:
        return relay_openai.read_reply(body, endpoint.known)
    if endpoint.known:
        check_reported(body)
    if endpoint.family is _ANTHROPIC:
        return relay_anthropic.read_reply(body)
    return relay_gemini.read_reply(body)


_USAGES: dict[Family, tuple[bytes, Callable[[bytes], Usage | None]]] = {
    Family.OPENAI: (b'"usage"', read_usage),
    Family.ANTHROPIC: (b'"usage"', anthropic.read_usage),
    Family.GEMINI: (b'"usageMetadata"', gemini.read_usage),
}
"""Where each family's answers report usage, and how it is read."""


def usage_in_tail(family: Family, tail: bytes) -> Usage | None:
    """Usage from the end of an answer that is too long to keep: the last such object in it."""
    name, read = _USAGES[family]
    start = tail.rfind(name)
    if start < 0:
        return None
    opening = tail.find(b"{", start)
    closing = opening
    while opening >= 0 and (closing := tail.find(b"}", closing + 1)) >= 0:
        usage = read(tail[opening : closing + 1])
        if usage is not None:
            return usage
    return None
