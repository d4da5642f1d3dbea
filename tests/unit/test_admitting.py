"""What a request reserves: at the dearest price, within the client's cap, not where a price is missing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

import msgspec
import pytest

from ai_gateway.admitting import Admitter, Clock
from ai_gateway.asking import Order, read
from ai_gateway.call import Call
from ai_gateway.core.client import Client, ClientSettings
from ai_gateway.core.ledger import Entry
from ai_gateway.core.record import RequestRecord
from ai_gateway.dialects.endpoints import CHAT, EMBEDDINGS, Endpoint, Family, plain
from ai_gateway.errors import Forbidden, LimitReached
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.limiter import Limiter
from ai_gateway.policy.snapshot import ClientPolicy
from ai_gateway.policy.targets import Target, target_of

NOW = 1_760_000_400.0


class Rates(msgspec.Struct):
    input_usd: float
    output_usd: float


class Listed(msgspec.Struct):
    rates: Rates | None

    def at(self, at_s: float) -> Rates | None:
        return self.rates


class Book:
    """Prices of three models."""

    known: ClassVar = {"cheap": Rates(1e-6, 2e-6), "dear": Rates(1e-5, 1e-4), "free": Rates(0.0, 0.0)}

    def of(self, target: Target) -> Listed:
        return Listed(self.known.get(str(target.model)))


def policy(**settings: Any) -> ClientPolicy:
    moment = datetime.fromtimestamp(NOW, UTC)
    return ClientPolicy.of(
        Client(
            id="cl_a",
            settings=ClientSettings(name="app", backend="openai", **settings),
            created_at=moment,
            updated_at=moment,
        )
    )


def admit(
    client: ClientPolicy,
    limiter: Limiter,
    endpoint: Endpoint = CHAT,
    *,
    block: bool = False,
    method: str = "POST",
    **body: object,
) -> Order:
    call = Call(
        id="req_0",
        started_s=0.0,
        started_ms=round(NOW * 1000),
        method=method,
        path=endpoint.path,
        label="POST /v1",
        endpoint=endpoint,
        headers=[],
        key=None,
        address=None,
    )
    record = RequestRecord(id="req_0", started_at=0, endpoint="", dialect="openai", status=200)
    entry = Entry(record, started_s=0.0, sink=lambda _: None)
    asked = {"model": "cheap", "messages": [], "input": "", **body}
    assert client.upstream is not None
    reader = partial(read, call, json.dumps(asked).encode())
    exchange = reader(client.upstream.provider, client.serves)
    admitter = Admitter(limiter, Book(), block_unpriced=block, clock=Clock(lambda: 0.0, lambda: NOW))
    main = target_of(client.upstream, str(asked["model"]))
    return admitter.admit(call, entry, client, exchange, reader, main)


@pytest.fixture
def limiter() -> Limiter:
    return Limiter(Calendar())


def held_usd(limiter: Limiter) -> float:
    return limiter.account("cl_a", NOW).today.held_usd


def test_money_is_reserved_at_the_price_of_the_dearest_target(limiter: Limiter) -> None:
    order = admit(policy(budget_usd_day=1.0, fallback_models=("dear",)), limiter, max_tokens=100)
    assert [each.model for each in order.targets] == ["cheap", "dear"]
    assert held_usd(limiter) == pytest.approx(order.input_tokens * 1e-5 + 100 * 1e-4)


def test_a_budget_that_needs_prices_leaves_out_fallbacks_without_one(limiter: Limiter) -> None:
    client = policy(budget_usd_day=1.0, fallback_models=("unknown", "dear"))
    assert [each.model for each in admit(client, limiter).targets] == ["cheap", "unknown", "dear"]
    assert [each.model for each in admit(client, limiter, block=True).targets] == ["cheap", "dear"]
    with pytest.raises(Forbidden, match="no price is known for model 'other'"):
        admit(client, limiter, block=True, model="other")
    assert admit(policy(), limiter, block=True, model="other").reservation.allowance


@pytest.mark.parametrize(("asked", "allowance"), [(100_000, 50), (20, 20), (None, 4096)])
def test_no_more_is_reserved_than_the_cap_lets_through(
    limiter: Limiter, asked: int | None, allowance: int
) -> None:
    client = policy(quota_output_tokens_day=10_000, max_output_tokens=50)
    assert admit(client, limiter, max_tokens=asked).reservation.allowance == allowance


def test_vectors_come_from_the_very_same_model_only(limiter: Limiter) -> None:
    extra = {"name": "b", "backend": "openai", "base_url": "http://b/v1"}
    client = policy(extra_backends=(extra,), fallback_models=("dear", "b/cheap", "b/dear"))
    order = admit(client, limiter, EMBEDDINGS)
    assert [(each.backend, each.model) for each in order.targets] == [("", "cheap"), ("b", "cheap")]


def test_what_only_reads_needs_no_output_tokens(limiter: Limiter) -> None:
    client = policy(quota_output_tokens_day=1)
    admit(client, limiter, max_tokens=1)
    admit(client, limiter, plain(Family.OPENAI), method="GET")
    with pytest.raises(LimitReached):
        admit(client, limiter, plain(Family.OPENAI))
