"""The way in: a request's share of its client's limits, taken before any provider is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

import msgspec

from ai_gateway.asking import Order, Reader
from ai_gateway.call import Call
from ai_gateway.core.ledger import Entry, Standing
from ai_gateway.dialects.endpoints import Family, Job
from ai_gateway.dialects.exchange import Exchange
from ai_gateway.dialects.limit_headers import anthropic_limit_lines, limit_lines
from ai_gateway.dialects.openai_usage import BYTES_PER_TOKEN
from ai_gateway.errors import ContextLengthExceeded, Forbidden, GatewayError, LimitReached
from ai_gateway.policy.interface import Accounts, ClientAccount, Reserved
from ai_gateway.policy.limits import Limits, Want
from ai_gateway.policy.snapshot import ClientPolicy
from ai_gateway.policy.targets import Target

__all__ = ["SYSTEM_CLOCK", "Admitter", "Clock", "PriceBook"]

SMALL_BODY_BYTES = 2048
"""Up to here a quarter of the body's bytes is estimate enough of its tokens, while the quota is not tight."""
# Once: members of an enumeration are looked up slowly.
_CHAT, _COUNT, _EMBED, _PLAIN = Job.CHAT, Job.COUNT, Job.EMBED, Job.PLAIN
_ANTHROPIC = Family.ANTHROPIC
_READING = frozenset({"GET", "HEAD"})
_TOKENLESS = _READING | {"DELETE"}
_ANYTHING = Want()
_NOTHING = Want(output_tokens=0)


class Clock(NamedTuple):
    """Seconds: of a clock that never goes back, and of Unix time."""

    monotonic: Callable[[], float]
    wall: Callable[[], float]


SYSTEM_CLOCK = Clock(time.monotonic, time.time)


class Rates(Protocol):
    """USD a token, for reservations."""

    @property
    def input_usd(self) -> float: ...

    @property
    def output_usd(self) -> float: ...


class Listed(Protocol):
    """What a model costs by its name."""

    def at(self, at_s: float, /) -> Rates | None:
        """At a time (Unix seconds); None where no price is known."""
        ...


class PriceBook(Protocol):
    """What providers charge."""

    def of(self, target: Target, /) -> Listed:
        """What a target's model costs, unless the target knows it already."""
        ...


class _Standing(msgspec.Struct, eq=False, gc=False):
    """How one client stands with its limits."""

    client: ClientPolicy
    family: Family
    limiter: Accounts
    now: Callable[[], float]
    wall: Callable[[], float]

    def lines(self) -> str:
        client, now, wall = self.client, self.now, self.wall
        wall_s = wall()
        room = self.limiter.account(client.id, wall_s).room(client.limits, now(), wall_s)
        if self.family is _ANTHROPIC:
            return limit_lines(room) + anthropic_limit_lines(room, wall_s)
        return limit_lines(room)


class Admitter:
    """Admits requests by all limits of their clients, or refuses them."""

    def __init__(
        self,
        limiter: Accounts,
        prices: PriceBook,
        *,
        block_unpriced: bool = False,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """`block_unpriced`: a client with a budget may not use what has no price."""
        self._limiter = limiter
        self._prices = prices
        self._block_unpriced = block_unpriced
        self._now, self._wall = clock

    def day(self, wall_s: float) -> str:
        """The calendar day of an instant, YYYY-MM-DD."""
        return self._limiter.calendar.day(wall_s).name

    def standing(self, client: ClientPolicy, family: Family) -> Standing | None:
        """What answers to such callers tell of the client's limits; None where they tell nothing."""
        if not client.limits.told:
            return None
        return _Standing(client, family, self._limiter, self._now, self._wall)

    def admit(
        self,
        call: Call,
        entry: Entry,
        client: ClientPolicy,
        exchange: Exchange,
        reader: Reader | None,
        main: Target,
    ) -> Order:
        """Take the request's share of every limit. `exchange` is what `reader` made of it for `main`.

        Raises: LimitReached, ContextLengthExceeded; Forbidden where a budget needs a price and none is known.
        """
        limits, job = client.limits, call.endpoint.job
        targets = _targets(client, main, job) if client.fallbacks else (main,)
        now, wall = self._now, self._wall
        wall_s = wall()
        account = self._limiter.account(client.id, wall_s)
        if not limits.counts_tokens:
            want = _ANYTHING
        elif job is _COUNT:
            want = _NOTHING
        else:
            if job is _PLAIN:
                output_tokens: int | None = 0 if call.method in _TOKENLESS else 1
            else:
                output_tokens, cap = exchange.output_asked(), client.max_output_tokens
                if cap and output_tokens is not None and output_tokens > cap:
                    output_tokens = cap
            if self._block_unpriced and limits.has_budget and output_tokens != 0:
                targets = self._priced(targets, wall_s)
            size = len(exchange.body)
            input_tokens = size // BYTES_PER_TOKEN if size <= SMALL_BODY_BYTES else exchange.input_estimate()
            if limits.has_budget:
                want = self._want(limits, targets, input_tokens, output_tokens, wall_s)
            else:
                want = Want(input_tokens, output_tokens)
        try:
            reservation = account.admit(limits, want, now(), wall_s)
        except (LimitReached, ContextLengthExceeded) as error:
            reservation, want = self._once_more(error, client, account, exchange, targets, want, wall_s)
        entry.charge = reservation
        entry.record.admitted, entry.record.day = True, reservation.day
        repeatable = call.endpoint.known or call.method in _READING
        return Order(
            call, entry, client, exchange, reader, targets, reservation, want.input_tokens, repeatable
        )

    def _once_more(
        self,
        error: GatewayError,
        client: ClientPolicy,
        account: ClientAccount,
        exchange: Exchange,
        targets: Iterable[Target],
        want: Want,
        wall_s: float,
    ) -> tuple[Reserved, Want]:
        """Where its input is too much as it was estimated, it is counted. Raises: `error`, or another one."""
        limits = client.limits
        tight = limits.input_tokens and account.input_in_use + want.input_tokens > limits.input_tokens
        try:
            if not tight or want is _NOTHING:
                raise error
            want = self._want(limits, targets, exchange.input_estimate(), want.output_tokens, wall_s)
            return account.admit(limits, want, self._now(), wall_s), want
        except LimitReached as refusal:
            self._limiter.refused(client.id, refusal.reason)
            raise

    def _want(
        self,
        limits: Limits,
        targets: Iterable[Target],
        input_tokens: int,
        output_tokens: int | None,
        wall_s: float,
    ) -> Want:
        """What the request is expected to use, wherever it ends up: at the dearest of its prices."""
        if not limits.has_budget:
            return Want(input_tokens, output_tokens)
        input_usd = output_usd = 0.0
        for target in targets:
            rates = (target.tariff or self._prices.of(target)).at(wall_s)
            if rates is not None:
                if (usd := rates.input_usd) > input_usd:
                    input_usd = usd
                if (usd := rates.output_usd) > output_usd:
                    output_usd = usd
        return Want(input_tokens, output_tokens, input_tokens * input_usd, output_usd)

    def _priced(self, targets: tuple[Target, ...], wall_s: float) -> tuple[Target, ...]:
        """Those whose price is known. Raises: Forbidden where the first has none."""
        found = tuple(
            each for each in targets if (each.tariff or self._prices.of(each)).at(wall_s) is not None
        )
        if not found or found[0] is not targets[0]:
            raise Forbidden(
                f"no price is known for model '{targets[0].model}', and this client has a budget to keep",
                code="model_not_allowed",
                param="model",
            )
        return found


def _targets(client: ClientPolicy, main: Target, job: Job) -> tuple[Target, ...]:
    """Where the request may go. Vectors of another model mean something else: for them only another backend
    with the very same model will do."""
    if job not in (_CHAT, _EMBED):
        return (main,)
    others = (each for each in client.fallbacks if each.key != main.key)
    return (main, *(each for each in others if job is _CHAT or each.model == main.model))
