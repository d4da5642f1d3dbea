"""`make fuzz`: damaged input for every reader, for so many seconds, and stop at the first fault."""

from __future__ import annotations

import argparse
import itertools
import sys
import time
import traceback
from random import Random

from tests.fuzz.engine import run
from tests.fuzz.targets import TARGETS

EXAMPLES = 300
"""Of a target before the next one has its turn."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default 60)")
    parser.add_argument("--target", choices=sorted(TARGETS), help="only this one")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32, help="of the first round")
    parser.add_argument("--chance", type=int, help="one input of --target again, as a failure names it")
    options = parser.parse_args()
    if options.chance is not None:
        print(TARGETS[options.target](Random(options.chance)))
        return 0
    names = [options.target] if options.target else list(TARGETS)
    print(f"fuzzing {', '.join(names)} for {options.seconds:g} s from seed {options.seed}", flush=True)
    counts = dict.fromkeys(names, 0)
    end = time.monotonic() + options.seconds
    for number in itertools.count(options.seed):
        for name in names:
            if time.monotonic() >= end:
                print(", ".join(f"{name} {count}" for name, count in counts.items()) + " inputs: no fault")
                return 0
            try:
                run(name, examples=EXAMPLES, number=number)
            except Exception:  # noqa: BLE001 - any exception is the find that this program looks for
                traceback.print_exc()
                print(f"fault in {name}, seed {number}", file=sys.stderr)
                return 1
            counts[name] += EXAMPLES
    return 0


if __name__ == "__main__":
    sys.exit(main())
