"""Trace contexts: what comes from the caller, what goes upstream, and the same again from the row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.core.trace import continue_trace, trace_of

REQUEST = "req_0123456789ab00112233445566ff"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"

VALID = [
    (PARENT, True),
    (f"00-{TRACE}-{SPAN}-00", False),
    (f"00-{TRACE}-{SPAN}-03", True),
    (f"  {PARENT} ", True),
    (f"01-{TRACE}-{SPAN}-01-what-a-later-version-adds", True),
    (f"cc-{TRACE}-{SPAN}-01", True),
]


@pytest.mark.parametrize(("header", "sampled"), VALID)
@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_a_callers_trace_goes_on_and_its_word_on_sampling_holds(
    header: str, sampled: bool, ratio: float
) -> None:
    found = continue_trace(REQUEST, header.encode(), ratio)
    assert (found.trace_id, found.parent_id, found.sampled) == (TRACE, SPAN, sampled)
    assert found.span_id == "00112233445566ff"


INVALID = [
    None,
    "",
    "nonsense",
    PARENT.upper(),
    PARENT + "-more",
    f"ff-{TRACE}-{SPAN}-01",
    f"00-{'0' * 32}-{SPAN}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"00-{TRACE}-{SPAN}",
    f"00-{TRACE[1:]}-{SPAN}-01",
    f"00-{TRACE}-{SPAN}-0\N{ARABIC-INDIC DIGIT ONE}",
    PARENT + "\n" + PARENT,
]


@pytest.mark.parametrize("header", INVALID)
def test_anything_else_begins_a_trace(header: str | None) -> None:
    found = continue_trace(REQUEST, header and header.encode(), 1.0)  # type: ignore[arg-type]
    assert (found.trace_id, found.parent_id) == ("0000" + REQUEST[4:], None)
    assert found.sampled


def test_the_ratio_is_of_new_traces() -> None:
    ids = [f"req_0123456789ab{n * 0x1999999999999999:016x}" for n in range(10)]
    assert [continue_trace(each, None, 0.35).sampled for each in ids] == [True] * 4 + [False] * 6
    assert not continue_trace(ids[0], None, 0.0).sampled
    assert continue_trace("req_0123456789ab" + "f" * 16, None, 1.0).sampled


def test_every_attempt_has_a_span_of_its_own() -> None:
    found = continue_trace(REQUEST, PARENT.encode(), 1.0)
    headers = [found.traceparent(number) for number in range(1, 20)]
    assert all(header.startswith(f"00-{TRACE}-") and header.endswith("-01") for header in headers)
    spans = {header.split("-")[2] for header in headers}
    assert len(spans | {found.span_id, SPAN}) == 21
    assert spans == {found.attempt_id(number) for number in range(1, 20)}


@given(
    st.one_of(st.none(), st.from_regex(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", fullmatch=True), st.text()),
    st.floats(0, 1),
)
def test_a_row_remembers_it(header: str | None, ratio: float) -> None:
    raw = None if header is None else header.encode("utf-8", "replace")
    found = continue_trace(REQUEST, raw, ratio)
    assert trace_of(REQUEST, found.note()) == found
