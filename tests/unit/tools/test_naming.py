"""Names that every provider takes, each tool under one of its own."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.tools.naming import Patterns, tool_names


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        (["echo"], ["s__echo"]),
        (["a.b", "a/b"], ["s__a_b", "s__a_b_9cd599"]),
        (["a.b", "a_b"], ["s__a_b_ee0af2", "s__a_b"]),
        (["déjà vu"], ["s__d_j__vu"]),
    ],
)
def test_names(tools: list[str], expected: list[str]) -> None:
    names = list(tool_names("s", tools).values())
    assert [re.sub(r"_[0-9a-f]{6}$", "", name) for name in names] == [
        re.sub(r"_[0-9a-f]{6}$", "", name) for name in expected
    ]
    assert len(set(names)) == len(tools)


@given(st.lists(st.text(max_size=100), unique=True, max_size=20))
def test_every_tool_has_a_name_of_its_own(tools: list[str]) -> None:
    names = tool_names("server", tools)
    assert list(names) == tools
    assert len(set(names.values())) == len(tools)
    assert all(re.fullmatch(r"server__[A-Za-z0-9_-]{0,56}", name) for name in names.values())
    assert tool_names("server", tools) == names


def test_a_long_name_is_cut_and_told_apart() -> None:
    long = [f"{'x' * 80}{n}" for n in range(2)]
    first, second = tool_names("s", long).values()
    assert len(first) == len(second) == 64
    assert first != second


@pytest.mark.parametrize(
    ("patterns", "name", "allowed"),
    [
        ((), "a", False),
        (("a",), "a", True),
        (("a*",), "abc", True),
        (("*c",), "abc", True),
        (("a.c",), "abc", False),
        (("a*c", "x"), "ab", False),
        (("*",), "", True),
    ],
)
def test_patterns(patterns: tuple[str, ...], name: str, allowed: bool) -> None:
    assert Patterns(patterns).allow(name) is allowed
