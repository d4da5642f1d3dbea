"""What a request used, in tokens."""

from __future__ import annotations

import msgspec

__all__ = ["Usage"]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Disjoint token classes: their sum is all that the provider counted.

    Providers disagree on what contains what; a dialect's decoder takes its provider's figures apart,
    so that nothing is subtracted twice. `raw` keeps the provider's own JSON, to price a row again.
    """

    input: int = 0
    """Input tokens that no cache served or stored."""
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    """Visible output tokens, without reasoning."""
    reasoning: int = 0
    estimated: bool = False
    """True: the provider reported nothing, and this is the gateway's own estimate."""
    raw: bytes | None = None

    @property
    def total_input(self) -> int:
        """All input tokens, cached ones included."""
        return self.input + self.cache_read + self.cache_write

    @property
    def total_output(self) -> int:
        """All output tokens, reasoning included."""
        return self.output + self.reasoning
