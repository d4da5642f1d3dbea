"""Runs targets under hypothesis, which remembers what failed and shows how to have it again."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, Phase, Verbosity, given, note, seed, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, Target

__all__ = ["run"]


def run(name: str, *, examples: int, number: int) -> None:
    """`examples` inputs for a target; the same ones for the same `number`.

    Raises: whatever the target should not have raised, with the seed of its chance in the notes.
    """
    target: Target = TARGETS[name]

    # A true `Random` behind one drawn seed: quick, and the same again from that seed.
    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**63))
    def feed(chance: int) -> None:
        note(f"python -m tests.fuzz --target {name} --chance {chance}")
        target(Random(chance))

    feed()
