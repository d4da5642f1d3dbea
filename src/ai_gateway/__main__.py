"""The command `ai-gateway`."""

from __future__ import annotations

import sys
import typing
from pathlib import Path

if typing.TYPE_CHECKING:
    from ai_gateway.config import Settings

__all__ = ["main"]


def _serve(settings: Settings, *, config_path: Path) -> int:
    # Here, since the command line must not pay for the server's imports, nor know of it.
    from ai_gateway.app import serve

    return serve(settings, config_path=config_path)


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        from ai_gateway.cli import run

        sys.exit(run(serve=_serve))
    except KeyboardInterrupt:
        sys.exit("ai-gateway: interrupted")


if __name__ == "__main__":
    main()
