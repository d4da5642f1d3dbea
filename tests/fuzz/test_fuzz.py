"""A short run of the fuzzer; the long one is `make fuzz`."""

from __future__ import annotations

import pytest

from tests.fuzz.engine import run
from tests.fuzz.targets import TARGETS

EXAMPLES = 150


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_input_raises_only_what_is_documented(name: str) -> None:
    run(name, examples=EXAMPLES, number=1)
