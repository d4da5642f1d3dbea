"""Sign-in attempts: what is let through, and what memory it takes."""

from __future__ import annotations

from ai_gateway.admin.throttle import (
    ACCOUNT_BURST,
    ACCOUNT_REFILL_S,
    ADDRESS_BURST,
    MAX_KEYS,
    Throttle,
    TokenBuckets,
)


def test_an_account_has_a_burst_and_then_one_attempt_at_a_time() -> None:
    throttle = Throttle()
    waits = [throttle.begin("admin", f"10.0.0.{index}", 0.0) for index in range(ACCOUNT_BURST + 1)]
    assert waits == [0] * ACCOUNT_BURST + [ACCOUNT_REFILL_S]
    assert throttle.begin("admin", "10.0.1.1", ACCOUNT_REFILL_S - 1) == 1
    assert throttle.begin("admin", "10.0.1.1", ACCOUNT_REFILL_S) == 0
    assert throttle.begin("admin", "10.0.1.1", ACCOUNT_REFILL_S) > 0


def test_an_address_has_a_burst_for_all_accounts() -> None:
    throttle = Throttle()
    waits = [throttle.begin(f"user-{index}", "10.0.0.1", 0.0) for index in range(ADDRESS_BURST + 1)]
    assert [wait > 0 for wait in waits] == [False] * ADDRESS_BURST + [True]
    assert throttle.begin("somebody", "10.0.0.2", 0.0) == 0


def test_an_ipv6_network_is_one_caller() -> None:
    throttle = Throttle()
    waits = [throttle.begin(f"u{index}", f"2001:db8::{index:x}", 0.0) for index in range(ADDRESS_BURST + 1)]
    assert waits[-1] > 0
    assert throttle.begin("other", "2001:db8:0:1::1", 0.0) == 0


def test_what_succeeds_does_not_count() -> None:
    throttle = Throttle()
    for _ in range(10 * ADDRESS_BURST):
        assert throttle.begin("admin", None, 0.0) == 0
        throttle.succeeded("admin", None, 0.0)


def test_memory_is_bounded() -> None:
    buckets = TokenBuckets(1, 1.0)
    for index in range(MAX_KEYS + 100):
        buckets.take(str(index), 0.0)
    assert len(buckets) == MAX_KEYS
    assert buckets.wait_s("0", 0.0) == 0.0
    assert buckets.wait_s(str(MAX_KEYS), 0.0) == 1.0
