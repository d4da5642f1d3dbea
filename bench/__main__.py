"""`python -m bench`: measure, print, exit 0; exit 1 with one line when it could not be measured cleanly."""

import argparse
import signal
import sys
from pathlib import Path

from bench import page
from bench.errors import BenchError
from bench.options import SECTIONS, Options
from bench.report import Report, as_json, environment, table
from bench.run import Run


def _sections(text: str) -> frozenset[str]:
    chosen = frozenset(text.split(","))
    if not chosen <= set(SECTIONS):
        raise argparse.ArgumentTypeError(f"choose from {','.join(SECTIONS)}")
    return chosen


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE as well")
    parser.add_argument("--quick", action="store_true", help="one short round, for development")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often all is measured (5)")
    parser.add_argument(
        "--only", type=_sections, default=frozenset(SECTIONS), metavar="LIST", help=",".join(SECTIONS)
    )
    parser.add_argument("--gateway-only", action="store_true", help="neither direct nor nginx")
    parser.add_argument("--peers", action="store_true", help="LiteLLM and Portkey too, installed if need be")
    parser.add_argument(
        "--write-docs", action="store_true", help="write docs/performance.md and its plots from this run"
    )
    return parser


def _options(arguments: argparse.Namespace) -> Options:
    only, gateway_only, peers = arguments.only, arguments.gateway_only, arguments.peers
    if arguments.quick:
        return Options.quick(only, gateway_only=gateway_only, peers=peers)
    rounds = arguments.rounds or Options.rounds
    return Options(only, rounds, gateway_only=gateway_only, peers=peers)


def main() -> int:
    """Exit code 0 whenever the measurement succeeded: aims are reported, not enforced."""
    arguments = parser().parse_args()
    run = Run(_options(arguments))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what we started ends with us
    try:
        run.measure()
        report = Report(
            environment={**environment(), **run.versions},
            rounds=run.options.rounds,
            quick=arguments.quick,
            notes=run.notes,
            metrics=run.results.as_json(),
        )
        print(table(report))
        if arguments.json:
            arguments.json.write_bytes(as_json(report))
        if arguments.write_docs:
            page.write(report)
    except KeyboardInterrupt:
        return 130
    except (BenchError, OSError) as error:  # OSError: a full disk, a report that cannot be written
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
