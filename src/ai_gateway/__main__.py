"""The command `ai-gateway`."""

from __future__ import annotations

import gc
import sys
import typing
from pathlib import Path

if typing.TYPE_CHECKING:
    from ai_gateway.config import Settings

__all__ = ["main"]

NEW_OBJECTS = 50_000
"""Before they are looked through for cycles. Modules are some 90,000 that stay: with Python's own 700, to
look through them again and again took a fifth of a start."""


def _serve(settings: Settings, *, config_path: Path) -> int:
    # Here, since the command line must not pay for the server's imports, nor know of it.
    from ai_gateway.app import serve

    gc.freeze()  # what is loaded is not looked through any more
    return serve(settings, config_path=config_path)


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        gc.set_threshold(NEW_OBJECTS)
        from ai_gateway.cli import run

        sys.exit(run(serve=_serve))
    except KeyboardInterrupt:
        sys.exit("ai-gateway: interrupted")


if __name__ == "__main__":
    main()
