"""How often a password may be tried: per address, and per account."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict

__all__ = ["MAX_KEYS", "Throttle", "TokenBuckets"]

MAX_KEYS = 10_000
"""Of each kind; beyond, the one that was quiet longest is forgotten."""
ADDRESS_BURST, ADDRESS_REFILL_S = 20, 15.0
ACCOUNT_BURST, ACCOUNT_REFILL_S = 10, 30.0


class TokenBuckets:
    """A bucket of attempts for each key. Clocks are the caller's: seconds that never go back."""

    def __init__(self, burst: int, refill_s: float) -> None:
        """`refill_s`: seconds until one more attempt is granted."""
        self._burst = burst
        self._refill_s = refill_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, key: str, now_s: float) -> float:
        """Seconds until an attempt is granted; 0.0: now."""
        return max(0.0, (1.0 - self._level(key, now_s)) * self._refill_s)

    def take(self, key: str, now_s: float) -> None:
        self._put(key, self._level(key, now_s) - 1.0, now_s)

    def give_back(self, key: str, now_s: float) -> None:
        """An attempt that was right after all."""
        self._put(key, self._level(key, now_s) + 1.0, now_s)

    def _level(self, key: str, now_s: float) -> float:
        found = self._buckets.get(key)
        if found is None:
            return float(self._burst)
        level, at_s = found
        return min(float(self._burst), level + (now_s - at_s) / self._refill_s)

    def _put(self, key: str, level: float, now_s: float) -> None:
        self._buckets[key] = (min(level, float(self._burst)), now_s)
        self._buckets.move_to_end(key)
        if len(self._buckets) > MAX_KEYS:
            self._buckets.popitem(last=False)

    def __len__(self) -> int:
        return len(self._buckets)


class Throttle:
    """Counts attempts before they are checked, so that many at once gain nothing."""

    def __init__(self) -> None:
        self._addresses = TokenBuckets(ADDRESS_BURST, ADDRESS_REFILL_S)
        self._accounts = TokenBuckets(ACCOUNT_BURST, ACCOUNT_REFILL_S)

    def begin(self, account: str, address: str | None, now_s: float) -> int:
        """Whole seconds to wait; 0: go on, the attempt is counted."""
        place = _network(address)
        wait_s = max(self._accounts.wait_s(account, now_s), self._addresses.wait_s(place, now_s))
        if wait_s > 0:
            return math.ceil(wait_s)
        self._accounts.take(account, now_s)
        self._addresses.take(place, now_s)
        return 0

    def succeeded(self, account: str, address: str | None, now_s: float) -> None:
        """The attempt was right: it does not count."""
        self._accounts.give_back(account, now_s)
        self._addresses.give_back(_network(address), now_s)


def _network(address: str | None) -> str:
    """One caller has a whole /64 of IPv6."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return address or ""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((int(ip) >> 64 << 64, 64)))
    return str(ip)
