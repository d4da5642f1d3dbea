"""What a run says about an aim: a busy machine may leave it open, but never makes it hold."""

from __future__ import annotations

import pytest
from bench.aims import AIMS, Aim, Kind, busy_machine, shared_load
from bench.results import DIRECT, GATEWAY, MACHINE, NGINX, Results

QUIET = {"chat_cpu_us": {NGINX: [12.0, 12.4, 12.1]}}
VARIED = {"chat_cpu_us": {NGINX: [12.0, 20.0, 12.1]}}
OTHERS = {"foreign_busy": {MACHINE: [31.0]}}
NOISE = "not measurable: machine busy, nginx's CPU a request varied by 66 %"


def verdict(
    values: list[float], others: dict[str, dict[str, list[float]]], kind: Kind, *, at_least: bool = False
) -> str:
    aim = Aim("an aim", "x", 2, lambda found: found.runs("it", GATEWAY), kind, at_least=at_least)
    return aim.verdict(Results({"it": {GATEWAY: values}} | others))


@pytest.mark.parametrize(
    ("values", "others", "kind", "expected"),
    [
        ([1.0, 1.9, 1.5], QUIET, Kind.RATIO, "holds"),
        ([1.0, 3.0, 1.5], QUIET, Kind.RATIO, "holds"),
        ([3.0, 1.9, 2.5], QUIET, Kind.RATIO, "MISSED"),
        ([], QUIET, Kind.RATIO, "not measured"),
        ([1.0, 1.9, 1.5], VARIED, Kind.RATIO, "holds"),
        ([1.0, 3.0, 1.5], VARIED, Kind.RATIO, NOISE),
        ([3.0, 1.9, 2.5], VARIED, Kind.RATIO, NOISE),
        ([3.0, 2.9, 2.5], VARIED, Kind.RATIO, "MISSED"),
        ([3.0], OTHERS, Kind.RATIO, "not measurable: machine busy, others took 31 % of the cores"),
        ([1.0, 3.0, 1.5], VARIED, Kind.TIME, "holds"),
        ([3.0, 2.9, 2.5], VARIED, Kind.TIME, NOISE),
        ([3.0], OTHERS, Kind.SIZE, "MISSED"),
    ],
)
def test_verdict(
    values: list[float], others: dict[str, dict[str, list[float]]], kind: Kind, expected: str
) -> None:
    assert verdict(values, others, kind) == expected


def test_a_lower_bound() -> None:
    assert verdict([2.0, 2.5], QUIET, Kind.RATIO, at_least=True) == "holds"
    assert verdict([1.9, 1.5], QUIET, Kind.RATIO, at_least=True) == "MISSED"


@pytest.mark.parametrize(
    ("direct", "load_busy", "expected"),
    [
        ([99.9], [60.0], "MISSED"),
        ([80.0], [60.0], "not measurable: the load itself reached 80 % of that rate"),
        ([99.9], [99.0], "not measurable: the load's core was full"),
    ],
)
def test_falling_behind_is_the_gateways_fault_only_where_the_load_kept_up(
    direct: list[float], load_busy: list[float], expected: str
) -> None:
    [aim] = [aim for aim in AIMS if aim.text.startswith("5,000")]
    results = Results(
        {
            "paced5000_achieved": {DIRECT: direct, GATEWAY: [90.0]},
            "paced5000_load_busy": {GATEWAY: load_busy},
        }
    )
    assert aim.verdict(results) == expected


@pytest.mark.parametrize(
    ("nginx", "expected"),
    [([1.0], "MISSED"), ([7.4], "not measurable: nginx itself adds 7.40 ms"), ([], "MISSED")],
)
def test_no_gateway_adds_less_latency_than_a_bare_proxy(nginx: list[float], expected: str) -> None:
    [aim] = [aim for aim in AIMS if aim.text == "added latency at half load, p99"]
    assert aim.verdict(Results({"rate_added_p99_ms": {NGINX: nginx, GATEWAY: [8.0]}})) == expected
    held = Results({"rate_added_p99_ms": {NGINX: nginx, GATEWAY: [1.9]}})
    assert aim.verdict(held) == "holds"


FULL = "not measurable"


@pytest.mark.parametrize(
    ("load_us", "two", "expected"),
    [
        ([60.0], 6500.0, "MISSED"),
        (
            [100.0],
            6500.0,
            f"{FULL}: one worker and the load take 1.50 of 2 cores, which leaves room for 1.33x",
        ),
        ([60.0], 7600.0, "holds"),
        ([], 6500.0, "MISSED"),
    ],
)
def test_two_workers_cannot_use_more_than_two_cores(load_us: list[float], two: float, expected: str) -> None:
    [aim] = [aim for aim in AIMS if aim.text.startswith("requests/s of two workers")]
    results = Results(
        {
            "workers1_rps": {GATEWAY: [5000.0]},
            "workers1_cpu_us": {GATEWAY: [200.0]},
            "workers1_load_cpu_us": {GATEWAY: load_us},
            "workers2_rps": {GATEWAY: [two]},
        }
    )
    assert aim.verdict(results) == expected


VARIED_QUIET = "not measurable: machine busy, p99 without it varied by 150 %"


@pytest.mark.parametrize(
    ("quiet", "busy", "expected"),
    [
        ([4.0] * 8, [8.0] * 3 + [4.0] * 5, "holds"),
        ([4.0] * 8, [8.0] * 5 + [4.0] * 3, "MISSED"),
        ([4.0] * 7 + [10.0], [8.0] * 5 + [4.0] * 3, VARIED_QUIET),
        ([4.0] * 7 + [10.0], [8.0] * 3 + [4.0] * 5, VARIED_QUIET),
        ([4.0] * 7 + [10.0], [8.0] * 6 + [4.0] * 2, VARIED_QUIET),
        ([4.0] * 7 + [10.0], [8.0] * 7 + [4.0] * 1, "MISSED"),
        ([4.0] * 7 + [10.0], [8.0] * 1 + [4.0] * 7, "holds"),
    ],
)
def test_pairs_whose_own_baseline_varies_must_agree(
    quiet: list[float], busy: list[float], expected: str
) -> None:
    [aim] = [aim for aim in AIMS if aim.text.startswith("p99 with the control path busy")]
    results = Results({"quiet_p99_ms": {GATEWAY: quiet}, "control_p99_ms": {GATEWAY: busy}})
    assert aim.verdict(results) == expected


@pytest.mark.parametrize(
    ("own", "load", "expected"),
    [
        (1.08, 1.0, "holds"),
        (1.15, 1.02, "MISSED"),
        (
            1.15,
            1.13,
            "not measurable: load and upstream, with the same to do as before, took 1.13 times the CPU, too",
        ),
        (1.3, 1.13, "MISSED"),
    ],
)
def test_what_shared_cores_cost_the_load_too_is_no_second_workers(
    own: float, load: float, expected: str
) -> None:
    [aim] = [aim for aim in AIMS if aim.text.startswith("CPU a request of two workers")]
    results = Results(
        {
            "workers1_cpu_us": {GATEWAY: [100.0] * 3},
            "workers2_cpu_us": {GATEWAY: [100.0 * own] * 3},
            "workers1_load_cpu_us": {GATEWAY: [30.0] * 3},
            "workers2_load_cpu_us": {GATEWAY: [30.0 * load] * 3},
        }
    )
    assert aim.verdict(results) == expected


def test_what_two_workers_do_to_the_load_is_told() -> None:
    assert list(shared_load(Results())) == []
    results = Results({f"workers{workers}_load_cpu_us": {GATEWAY: [30.0 * workers]} for workers in (1, 2)})
    [said] = shared_load(results)
    assert "2.00 times the CPU" in said


def test_a_quiet_machine() -> None:
    assert busy_machine(Results(QUIET | {"foreign_busy": {MACHINE: [1.0]}})) is None


def test_aims_have_names_of_their_own() -> None:
    assert len({aim.text for aim in AIMS}) == len(AIMS)
