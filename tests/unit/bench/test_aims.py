"""What a run says about an aim: a busy machine may leave it open, but never makes it hold."""

from __future__ import annotations

import pytest
from bench.aims import AIMS, Aim, Kind, busy_machine
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


def test_a_quiet_machine() -> None:
    assert busy_machine(Results(QUIET | {"foreign_busy": {MACHINE: [1.0]}})) is None


def test_aims_have_names_of_their_own() -> None:
    assert len({aim.text for aim in AIMS}) == len(AIMS)
