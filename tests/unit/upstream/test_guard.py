"""What the gateway refuses to fetch on a caller's word."""

from __future__ import annotations

import pytest

from ai_gateway.upstream.guard import Forbidden, Guard, is_public

PRIVATE = [
    "127.0.0.1",
    "127.8.9.10",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "64:ff9b:1::a00:1",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "fec0::1",
    "4000::1",
    "2001:db8::1",
    "3fff::1",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.0.8",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.1",
    "localhost",
    "",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("scheme", "host"),
    [
        ("http", "127.0.0.1"),
        ("https", "::1"),
        ("http", "127.1"),
        ("http", "0x7f000001"),
        ("http", "2130706433"),
        ("http", "017700000001"),
        ("http", "0177.0.0.1"),
        ("http", "0x7f.0.0.1"),
        ("http", "0"),
        ("http", "::ffff:7f00:1"),
        ("http", "64:ff9b::7f00:1"),
        ("file", "example.com"),
        ("gopher", "8.8.8.8"),
        ("", ""),
        ("http", ""),
        ("http", None),
    ],
)
def test_an_address_that_is_not_public_http_is_refused(scheme: str, host: str | None) -> None:
    with pytest.raises(Forbidden):
        Guard().check(scheme, host)


def test_a_name_is_judged_by_what_it_resolves_to() -> None:
    guard = Guard()
    guard.check("https", "files.example.com")
    with pytest.raises(Forbidden):
        guard.check_address("10.1.2.3")


def test_what_is_allowed_by_name_may_be_private() -> None:
    guard = Guard({"Intranet.example", "10.0.0.5"})
    assert guard.allows_name("intranet.EXAMPLE")
    assert guard.allows_name("intranet.example.")
    assert not guard.allows_name("other.example")
    guard.check("http", "10.0.0.5")
    with pytest.raises(Forbidden):
        guard.check("http", "10.0.0.6")
