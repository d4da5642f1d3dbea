"""The caller's address behind proxies that the admin trusts.

Source: MDN, "X-Forwarded-For": each proxy adds the address it was asked from at the end; only what trusted
proxies have written can be believed, so it is read from the end.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

__all__ = ["Networks", "caller_address", "networks"]

Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def networks(texts: Sequence[str]) -> Networks:
    """Raises: ValueError."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def caller_address(peer: str | None, forwarded: Sequence[str], trusted: Networks) -> str | None:
    """The first address, from the end, that is no trusted proxy's. `peer` is the connection's, `forwarded`
    the values of all `X-Forwarded-For` headers in their order."""
    address = peer
    if not trusted or not _within(peer, trusted):
        return address
    for text in reversed([hop for value in forwarded for hop in value.split(",")]):
        hop = _bare(text.strip())
        if hop is None:
            return address  # what stands before it was written by nobody we know
        address = hop
        if not _within(hop, trusted):
            return address
    return address


def _within(address: str | None, trusted: Networks) -> bool:
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return any(ip in network for network in trusted)


def _bare(text: str) -> str | None:
    """An address without its port; None where it is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    return str((ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None) or ip)
