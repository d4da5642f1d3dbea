"""The tables of docs/dialects say what the code does, and the code never drops a thing silently."""

from __future__ import annotations

import pytest
from scripts.dialect_probes import PROBES
from scripts.dialect_tables import PAGES, PROVIDERS_PAGE, places, providers_written, written

from ai_gateway.core.chat import DialectName
from tests.conformance import report

DEFAULTS = {"`thinking` (`adaptive`)"}
"""What models of the target do by themselves: think as much as they see fit."""


@pytest.mark.parametrize("caller", DialectName)
def test_the_page_is_up_to_date(caller: DialectName) -> None:
    assert PAGES[caller].read_text() == written(caller), "run `python -m scripts.dialect_tables`"


@pytest.mark.parametrize("caller", DialectName)
@pytest.mark.parametrize("target", DialectName)
def test_nothing_is_dropped_silently(caller: DialectName, target: DialectName) -> None:
    if caller is target:
        return
    silent = [label for label, place in places(caller, target) if place.silent]
    assert set(silent) <= DEFAULTS


@pytest.mark.parametrize("caller", DialectName)
def test_a_refusal_names_the_member(caller: DialectName) -> None:
    for target in DialectName:
        if target is not caller:
            assert all(place.refused != "" for _, place in places(caller, target))


def test_the_table_of_providers_is_up_to_date() -> None:
    assert PROVIDERS_PAGE.read_text() == providers_written(), "run `python -m scripts.dialect_tables`"


def test_every_dialect_is_probed() -> None:
    assert set(PROBES) == set(DialectName)
    assert all(len(probes) >= 25 for probes in PROBES.values())


def test_the_conformance_page_is_of_a_run_in_which_all_passed() -> None:
    assert report.PAGE.read_text() == report.render(report.all_passed()), "run `make conformance`"
