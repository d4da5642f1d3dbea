"""`make soak`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.soak.soak import MAX_GROWTH, soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=soak.__doc__)
    parser.add_argument("--requests", type=int, default=200_000, help="how many (default 200000)")
    parser.add_argument("--callers", type=int, default=48, help="at once (default 48)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ai-gateway-soak-") as folder:
        report = asyncio.run(soak(Path(folder), requests=options.requests, callers=options.callers))
    rate = report.requests / report.seconds
    print(f"{report.requests} requests in {report.seconds:.0f} s, {rate:.0f} a second")
    print(", ".join(f"{name} {count}" for name, count in report.kinds.most_common()))
    first, middle, last = (report.memory[at] / 1024 for at in (0, len(report.memory) // 2, -1))
    print(
        f"resident memory: {first:.1f} MiB at first, {middle:.1f} half-way, {last:.1f} at last: "
        f"{report.growth:+.1%} over the second half (at most {MAX_GROWTH:.0%})"
    )
    for problem in report.problems[:30]:
        print(f"PROBLEM: {problem}", file=sys.stderr)
    print("nothing leaked, nothing miscounted" if not report.problems else f"{len(report.problems)} problems")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
