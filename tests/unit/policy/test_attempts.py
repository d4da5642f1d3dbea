"""What follows a failure: another try, another target, or the end."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.errors import (
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from ai_gateway.policy.attempts import Attempts, backoff_s
from ai_gateway.policy.targets import Target, fallback_targets, target_of
from ai_gateway.policy.upkeep import Upkeep
from ai_gateway.providers import Upstream

HERE = Upstream.of("openai-compatible", base_url="http://here/v1", credential="k")
THERE = Upstream.of("openai-compatible", base_url="http://there/v1", credential="k")
A, B, C = target_of(HERE, "a"), target_of(HERE, "b"), target_of(THERE, "c", "spare")


def busy(retry_after_s: int | None = None) -> UpstreamRejected:
    return UpstreamRejected("slow down", status=429, retry_after_s=retry_after_s)


def begin(*targets: Target, upkeep: Upkeep | None = None, **options: float | bool) -> Attempts:
    targets, upkeep = targets or (A,), upkeep or Upkeep()
    now_s, patience_s = float(options.get("now_s", 0.0)), float(options.get("patience_s", 120.0))
    retries, safe = int(options.get("max_retries", 2)), bool(options.get("safe", True))
    attempts = Attempts(targets[0], targets, upkeep, now_s + patience_s, retries, safe)
    attempts.choose(now_s)
    return attempts


def tries(attempts: Attempts, error: UpstreamError, now: float = 0.0) -> tuple[list[str], list[float]]:
    """Which models are asked, one after the other, while all fail; and the pauses between them."""
    asked, pauses = [str(attempts.target.model)], list[float]()
    while (pause := attempts.failed(error, now_s=now, jitter=1.0)) is not None:
        now += pause
        asked.append(str(attempts.target.model))
        pauses.append(pause)
    return asked, pauses


def broken(upkeep: Upkeep, *targets: Target, now: float = 0.0) -> Upkeep:
    for each in targets:
        for _ in range(5):
            upkeep.failed(each, now, probe=False)
    return upkeep


@pytest.mark.parametrize(
    "error",
    [
        UpstreamError("500"),
        UpstreamUnreachable("refused"),
        UpstreamUnreachable.unanswered(),
        UpstreamTimeout("slow"),
        UpstreamProtocolError("broke"),
        UpstreamRejected("408", status=408),
        busy(),
    ],
)
def test_retries_then_the_next_targets_in_their_order(error: UpstreamError) -> None:
    asked, pauses = tries(begin(A, B, C), error)
    assert asked == ["a", "a", "a", "b", "b", "b", "c", "c", "c"]
    assert pauses == [0.25, 0.5, 0.0, 0.25, 0.5, 0.0, 0.25, 0.5]


@pytest.mark.parametrize(
    "error",
    [
        UpstreamRejected("bad", status=400),
        UpstreamRejected("who", status=401),
        UpstreamRejected("gone", status=404),
        UpstreamRejected("too long", status=413),
    ],
)
def test_a_refusal_is_the_end(error: UpstreamError) -> None:
    upkeep = Upkeep()
    for _ in range(10):
        assert tries(begin(A, B, upkeep=upkeep), error) == (["a"], [])
    assert upkeep.circuits(0.0) == []


@pytest.mark.parametrize(
    "error",
    [
        UpstreamRejected("spent", status=429, code="insufficient_quota"),
        UpstreamRejected("spent", status=402),
    ],
)
def test_an_account_without_money_is_left_for_the_next_target_at_once(error: UpstreamError) -> None:
    upkeep = Upkeep()
    assert tries(begin(A, B, upkeep=upkeep), error) == (["a", "b"], [0.0])
    assert upkeep.circuits(0.0) == []


def test_a_busy_provider_is_not_broken() -> None:
    upkeep = Upkeep()
    for _ in range(10):
        tries(begin(upkeep=upkeep), busy())
    assert upkeep.circuits(0.0) == []


def test_the_provider_says_how_long() -> None:
    assert tries(begin(A, max_retries=1), busy(7))[1] == [7.0]
    assert tries(begin(A, max_retries=1), busy(10))[1] == [10.0]
    assert tries(begin(A, max_retries=1), busy(0))[1] == [0.25]


def test_too_long_a_wait_is_left_to_the_next_target_or_the_caller() -> None:
    assert tries(begin(A, B), busy(11)) == (["a", "b"], [0.0])
    assert tries(begin(A), busy(3600)) == (["a"], [])


def test_patience_ends_it() -> None:
    assert tries(begin(A, B, patience_s=5), busy(5)) == (["a", "b"], [0.0])
    assert tries(begin(A, B, patience_s=5), UpstreamError("500"), now=5.0) == (["a"], [])
    attempts = begin(A, now_s=100.0, patience_s=5)
    assert (attempts.left_s(101.0), attempts.left_s(105.0), attempts.left_s(200.0)) == (4.0, 0.0, 0.0)


def test_what_perhaps_was_done_is_not_done_again() -> None:
    for error in (UpstreamError("500"), UpstreamTimeout("slow"), UpstreamUnreachable.unanswered()):
        assert tries(begin(A, B, safe=False), error) == (["a"], [])
    for error in (UpstreamUnreachable("refused"), UpstreamTimeout.connecting(), busy()):
        assert tries(begin(A, B, safe=False, max_retries=1), error)[0] == ["a", "a", "b", "b"]


def test_an_open_circuit_is_passed_over() -> None:
    assert tries(begin(A, B, upkeep=broken(Upkeep(), A), max_retries=0), UpstreamError("500"))[0] == ["b"]
    assert tries(begin(A, B, C, upkeep=broken(Upkeep(), B), max_retries=0), UpstreamError("500"))[0] == [
        "a",
        "c",
    ]


def test_where_all_circuits_are_open_the_first_is_asked_once() -> None:
    upkeep = broken(Upkeep(), A, B)
    assert tries(begin(A, B, upkeep=upkeep), UpstreamError("500")) == (["a"], [])
    assert tries(begin(A, upkeep=upkeep), busy()) == (["a"], [])


def test_the_retry_that_opens_a_circuit_is_the_last() -> None:
    upkeep = Upkeep()
    assert tries(begin(A, C, upkeep=upkeep, max_retries=9), UpstreamError("500"))[0] == ["a"] * 5 + ["c"] * 5
    assert len(upkeep.circuits(0.0)) == 2


def test_an_upstream_without_retries_left_is_asked_once() -> None:
    upkeep = Upkeep()
    while upkeep.take_retry(A):
        pass
    assert tries(begin(A, C, upkeep=upkeep, max_retries=1), busy())[0] == ["a", "c", "c"]


@pytest.mark.parametrize("end", ["abandoned", "skip", "busy", "refused", "succeeded"])
def test_a_probe_always_frees_its_place(end: str) -> None:
    upkeep = broken(Upkeep(), A)
    attempts = begin(A, B, upkeep=upkeep, now_s=5.0, max_retries=0)
    assert attempts.target is A
    assert not upkeep.admits(A, 5.0)
    if end == "abandoned":
        attempts.abandoned()
        attempts.abandoned()
    elif end == "skip":
        assert attempts.skip(5.0)
        assert attempts.target is B
    elif end == "succeeded":
        attempts.succeeded(5.0)
    else:
        error = busy() if end == "busy" else UpstreamRejected("bad", status=400)
        attempts.failed(error, now_s=5.0, jitter=0.0)
    assert upkeep.admits(A, 5.0)


def test_skipping_ends_with_the_last() -> None:
    attempts = begin(A, B)
    assert attempts.skip(0.0)
    assert attempts.target is B
    assert not attempts.skip(0.0)


@given(st.integers(1, 20), st.floats(0, 1))
def test_backoff(retry: int, jitter: float) -> None:
    full = min(0.25 * 2 ** (retry - 1), 8.0)
    assert full / 2 <= backoff_s(retry, jitter) <= full


ERRORS = st.one_of(
    st.builds(busy, st.none() | st.integers(0, 20)),
    st.sampled_from([500, 408, 400, 401]).map(lambda status: UpstreamRejected("x", status=status)),
    st.just(UpstreamError("500")),
    st.just(UpstreamUnreachable("refused")),
    st.just(UpstreamTimeout("slow")),
)
MODELS = st.lists(st.sampled_from("abcde"), min_size=1, unique=True)


@given(
    MODELS,
    st.sets(st.sampled_from("abcde")),
    st.integers(0, 3),
    st.floats(0.1, 3.9),
    st.booleans(),
    st.data(),
)
def test_whatever_fails_it_ends(
    models: list[str], dead: set[str], max_retries: int, patience_s: float, safe: bool, data: st.DataObject
) -> None:
    """Within less than 5 seconds: circuits that are open stay so."""
    upkeep, now = broken(Upkeep(), *(target_of(HERE, model) for model in sorted(dead))), 1.0
    targets = [target_of(HERE, model) for model in models]
    attempts = begin(
        *targets, upkeep=upkeep, now_s=now, patience_s=patience_s, max_retries=max_retries, safe=safe
    )
    asked, paused = [str(attempts.target.model)], 0.0
    while True:
        took = data.draw(st.floats(0, 5))
        now += min(took, attempts.left_s(now))
        error = data.draw(ERRORS)
        pause = attempts.failed(error, now_s=now, jitter=data.draw(st.floats(0, 1)))
        if pause is None:
            break
        assert error.retryable
        assert safe or error.status == 429 or not error.arrived
        assert pause >= 0.0
        assert pause < attempts.left_s(now)
        if pause and error.retry_after_s:
            assert error.retry_after_s <= pause <= 10
        paused += pause
        now += pause
        asked.append(str(attempts.target.model))
    assert paused < patience_s
    assert max(Counter(asked).values()) <= 1 + max_retries
    places = [models.index(model) for model in asked]
    assert places == sorted(places), "targets are asked in their order"
    if set(models) <= dead:
        assert asked == models[:1]
    else:
        assert not dead & set(asked)


SPARE = Upstream.of("openai", credential="s")


@pytest.mark.parametrize(
    ("entry", "backend", "model"),
    [
        ("gpt-5", "", "gpt-5"),
        ("meta-llama/Llama-4:free", "", "meta-llama/Llama-4:free"),
        ("spare/gpt-5", "spare", "gpt-5"),
        ("spare/meta-llama/Llama-4", "spare", "meta-llama/Llama-4"),
        ("Spare/gpt-5", "", "Spare/gpt-5"),
        ("spare", "", "spare"),
        ("spare/", "", "spare/"),
        ("/gpt-5", "", "/gpt-5"),
        ("spare:gpt-5", "", "spare:gpt-5"),
    ],
)
def test_fallback_entries(entry: str, backend: str, model: str) -> None:
    (found,) = fallback_targets([entry], HERE, {"spare": SPARE})
    assert (found.backend, found.model) == (backend, model)
    assert found.upstream is (SPARE if backend else HERE)


def test_backends_that_cannot_be_used_are_left_out() -> None:
    assert fallback_targets(["spare/x"], HERE, {"spare": None}) == ()
    found = fallback_targets(["b", "spare/x"], None, {"spare": SPARE})
    assert [(each.backend, each.model) for each in found] == [("spare", "x")]


def test_a_fallback_that_is_named_twice_is_one() -> None:
    found = fallback_targets(["a", "same/b", "a", "b", "spare/b"], HERE, {"same": HERE, "spare": SPARE})
    assert [(each.backend, each.model) for each in found] == [("", "a"), ("same", "b"), ("spare", "b")]
