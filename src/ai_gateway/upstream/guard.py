"""Which addresses the gateway may fetch from on a caller's word: public ones, and those allowed by name.

A caller must not reach through the gateway what only the gateway can reach: its own host, its neighbours, a
cloud's metadata service. Names are checked by what they resolve to, at the moment of connecting, so that a
name cannot point elsewhere a second later; every redirect is checked again.
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

__all__ = ["Forbidden", "Guard", "Unfetched", "is_public"]

_NAT64 = IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All of IPv6 that is given out so far (IANA, "IPv6 Global Unicast Address Assignments")."""
_SPECIAL = tuple(
    ip_network(text)
    for text in (
        "192.0.0.0/24",  # protocol assignments (RFC 6890); a cloud's metadata is at 192.0.0.192
        "192.88.99.0/24",  # 6to4 relays, given up (RFC 7526)
        "168.63.129.16/32",  # what every machine of Azure's reaches its host at
        "3fff::/20",  # documentation (RFC 9637)
    )
)
"""That some versions of Python's own tables take for public, or that only looks so."""


class Forbidden(Exception):
    """An address that the gateway does not fetch from."""


class Unfetched(Exception):
    """A file that could not be had; the message says why, in words for whoever asked for it."""


class Guard:
    """`allowed_hosts` are host names or addresses, in lower case, that may be private."""

    def __init__(self, allowed_hosts: Collection[str] = ()) -> None:
        self._allowed = frozenset(host.lower() for host in allowed_hosts)

    def check(self, scheme: str, host: str | None) -> None:
        """Raises: Forbidden where this is not http(s), or `host` is an address that is not public. A name is
        judged by the addresses that it resolves to, each with `check_address`."""
        if scheme not in ("http", "https") or not host:
            raise Forbidden("only http and https URLs are fetched")
        if _is_address(host) and not self.allows_name(host):
            self.check_address(host)

    def allows_name(self, host: str) -> bool:
        """Whether `host` may resolve to anything."""
        return host.rstrip(".").lower() in self._allowed

    def check_address(self, address: str) -> None:
        """Raises: Forbidden where `address` is not a public one."""
        if address.lower() not in self._allowed and not is_public(address):
            raise Forbidden("it points to an address that is not public")


def is_public(text: str) -> bool:
    """Whether an IP address is reachable for everybody. What embeds an IPv4 address counts as that one."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        inner = _embedded(address)
        if inner is None and address not in _GLOBAL_UNICAST:
            return False
        address = inner or address
    if any(address in network for network in _SPECIAL if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _is_address(host: str) -> bool:
    """Also in the short and hexadecimal forms that the C library takes for an IPv4 address."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        try:
            socket.inet_aton(host)
        except (OSError, ValueError):  # ValueError: a NUL character
            return False
    return True
