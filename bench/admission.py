"""What admission costs in process, all limits on: CPU time of admit and settle, and of the limit headers."""

import time

from ai_gateway.dialects.limit_headers import limit_lines
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.limiter import Limiter
from ai_gateway.policy.limits import Limits, Want
from bench.results import GATEWAY, Results

_ROUNDS = 5
_REQUESTS = 20_000
_MANY = 10**9
_ALL = Limits(
    minute=_MANY,
    hour=_MANY,
    day=_MANY,
    concurrency=_MANY,
    requests=_MANY,
    input_tokens=10**12,
    output_tokens=10**12,
    usd_day=1e6,
    usd_month=1e6,
)
_WANT = Want(input_tokens=256, output_tokens=1000, input_usd=1e-5, output_usd=1e-6)


def measure(results: Results) -> None:
    """Record the best of some rounds: whatever else runs here can only add to it."""
    limiter = Limiter(Calendar())
    results.add("admission_us", GATEWAY, min(_admissions(limiter) for _ in range(_ROUNDS)))
    results.add("limit_headers_us", GATEWAY, min(_headers(limiter) for _ in range(_ROUNDS)))


def _admissions(limiter: Limiter) -> float:
    began = time.process_time()
    for _ in range(_REQUESTS):
        wall_s = time.time()
        reservation = limiter.account("client", wall_s).admit(
            _ALL, _WANT, now_s=time.monotonic(), wall_s=wall_s
        )
        reservation.settle(input_tokens=250, output_tokens=300, usd=1e-4)
    return (time.process_time() - began) / _REQUESTS * 1e6


def _headers(limiter: Limiter) -> float:
    began = time.process_time()
    for _ in range(_REQUESTS):
        wall_s = time.time()
        account = limiter.account("client", wall_s)
        limit_lines(account.room(_ALL, now_s=time.monotonic(), wall_s=wall_s))
    return (time.process_time() - began) / _REQUESTS * 1e6
