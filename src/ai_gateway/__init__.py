"""A gateway between applications and LLM providers."""

from __future__ import annotations

__all__ = ["__version__"]

__version__: str


def __getattr__(name: str) -> str:
    """`__version__` is looked up when first asked for: reading the installed metadata takes a while."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ai_gateway._version import version

    globals()[name] = version()
    return str(globals()[name])
