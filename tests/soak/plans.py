"""What each request of a soak is to go through. The upstream reads it out of the question."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

INPUT: Final = 7
OUTPUT: Final = 3
WORDS: Final = ("Sun", "ny in", " Par", "is", ".")


@dataclass(frozen=True)
class Plan:
    """A kind of request. `status` is its answer's, `row` that of its row in the log."""

    name: str
    weight: float
    """In percent."""
    status: int = 200
    rows: tuple[int, ...] = (200,)
    attempts: tuple[int, ...] = (1,)
    exact: bool = True
    """The row has the very tokens of the answer; not where an attempt that failed is counted too."""
    stream: bool = False
    anthropic: bool = False
    hangs_up: bool = False


PLANS: Final = {
    plan.name: plan
    for plan in (
        Plan("whole", 45),
        Plan("stream", 35, stream=True),
        Plan("translated", 5, anthropic=True),
        Plan("translated-stream", 5, anthropic=True, stream=True),
        # The faults: ten percent.
        Plan("fails-once", 2, attempts=(2,)),
        # One attempt where a kept connection was closed without an answer, which is asked again unseen.
        Plan("resets-once", 1, attempts=(1, 2), exact=False),
        Plan("stream-fails-once", 1, attempts=(2,), exact=False, stream=True),
        Plan("refused", 1.5, status=400, rows=(400,)),
        Plan("malformed", 1, status=400, rows=(400,), attempts=(0,)),
        Plan("breaks", 1, rows=(502,), stream=True),
        Plan("left-early", 1, rows=(499,), hangs_up=True),
        Plan("left-midway", 1.5, rows=(499, 200), stream=True, hangs_up=True),
    )
}


def plans(count: int, seed: int = 1) -> Iterator[tuple[int, Plan]]:
    """The requests of a soak, numbered; the same for the same seed."""
    rng = Random(seed)
    kinds = list(PLANS.values())
    chosen = rng.choices(kinds, [plan.weight for plan in kinds], k=count)
    yield from enumerate(chosen)


def body(plan: Plan, number: int) -> bytes:
    if plan.name == "malformed":
        return b'{"model": "m", "messages": ['
    question = {"role": "user", "content": f"{plan.name} {number}"}
    request = {"model": "m", "messages": [question], "max_tokens": 20, "stream": plan.stream}
    if plan.stream and not plan.anthropic:
        request["stream_options"] = {"include_usage": True}
    return json.dumps(request).encode()
