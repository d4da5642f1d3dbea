"""Whose address it is, behind proxies that may lie."""

from __future__ import annotations

import pytest

from ai_gateway.policy.forwarded import caller_address, networks

TRUSTED = networks(["10.0.0.0/8", "fd00::/8"])

CASES: list[tuple[str | None, list[str], str | None]] = [
    ("203.0.113.9", [], "203.0.113.9"),
    # Nobody whom we trust has written this.
    ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
    ("10.0.0.1", [], "10.0.0.1"),
    ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
    # What the caller had put before what the proxy added.
    ("10.0.0.1", ["127.0.0.1, 198.51.100.1"], "198.51.100.1"),
    ("10.0.0.1", ["10.9.9.9, 198.51.100.1"], "198.51.100.1"),
    ("10.0.0.1", ["127.0.0.1", "198.51.100.1"], "198.51.100.1"),
    # Two proxies of ours.
    ("10.0.0.1", ["127.0.0.1, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
    ("10.0.0.1", ["198.51.100.1", "10.0.0.2"], "198.51.100.1"),
    # A caller from within.
    ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
    # Ports, brackets, IPv6.
    ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
    ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
    ("10.0.0.1", ["[2001:db8::1]"], "2001:db8::1"),
    ("10.0.0.1", ["2001:DB8:0::1"], "2001:db8::1"),
    ("fd00::1", ["2001:db8::1, fd00::2"], "2001:db8::1"),
    # IPv4 on a socket of IPv6.
    ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
    ("10.0.0.1", ["198.51.100.1, ::ffff:10.0.0.2"], "198.51.100.1"),
    ("10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
    # What cannot be read ends what can be known.
    ("10.0.0.1", ["unknown"], "10.0.0.1"),
    ("10.0.0.1", ["198.51.100.1, _hidden, 10.0.0.2"], "10.0.0.2"),
    ("10.0.0.1", ["198.51.100.1,"], "10.0.0.1"),
    ("10.0.0.1", [""], "10.0.0.1"),
    ("10.0.0.1", ["198.51.100.1, unix:"], "10.0.0.1"),
    ("10.0.0.1", ["1.2.3.4.5"], "10.0.0.1"),
    ("10.0.0.1", ["0x7f.1"], "10.0.0.1"),
    ("10.0.0.1", ["[", "]", "::::"], "10.0.0.1"),
    (None, ["198.51.100.1"], None),
    ("unix", ["198.51.100.1"], "unix"),
]


@pytest.mark.parametrize(("peer", "forwarded", "expected"), CASES)
def test_callers(peer: str | None, forwarded: list[str], expected: str | None) -> None:
    assert caller_address(peer, forwarded, TRUSTED) == expected


@pytest.mark.parametrize("peer", ["10.0.0.1", "203.0.113.9", "::1"])
def test_without_trusted_proxies_only_the_connection_counts(peer: str) -> None:
    assert caller_address(peer, ["198.51.100.1"], ()) == peer
