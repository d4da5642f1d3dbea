"""What a request used, in tokens."""

from __future__ import annotations

import msgspec

__all__ = ["BYTES_PER_TOKEN", "Usage", "estimated_usage"]

BYTES_PER_TOKEN = 4
"""For estimates: what English text comes to with current tokenizers."""


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Disjoint token classes: their sum is all that the provider counted.

    Providers disagree on what contains what; a dialect's reader takes its provider's figures apart, so that
    nothing is subtracted twice. `raw` keeps the provider's own JSON, to price a row again.

    The members after `reasoning` say what else a price may need. Those that are tokens are parts of a class,
    never beside it.
    """

    input: int = 0
    """Input tokens that no cache served or stored."""
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    """Visible output tokens, without reasoning."""
    reasoning: int = 0
    input_audio: int = 0
    """Of `input`; likewise below."""
    input_image: int = 0
    input_video: int = 0
    cache_read_audio: int = 0
    """Of `cache_read`; likewise below."""
    cache_read_image: int = 0
    cache_read_video: int = 0
    cache_write_1h: int = 0
    """Of `cache_write`: what is stored for an hour."""
    output_audio: int = 0
    """Of `output`; likewise below."""
    output_image: int = 0
    output_video: int = 0
    output_citation: int = 0
    """Perplexity's tokens of the sources that it cites."""
    audio_seconds: float = 0.0
    """Sound that was heard, where the provider counts it in seconds."""
    web_searches: int = 0
    """Searches that the provider made."""
    tier: str = ""
    """What it was served as, where that has a price of its own: `flex`, `priority`, `batch`, `fast`."""
    others: tuple[tuple[str, Usage], ...] = ()
    """Work of further models for the same request (Anthropic's advisor): name and usage of each. The classes
    hold none of it."""
    reported_usd: float | None = None
    """What the provider itself says that the request cost."""
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


def estimated_usage(input_tokens: int, output_bytes: int) -> Usage:
    """A stated estimate, where the provider reports nothing."""
    return Usage(input=input_tokens, output=-(-output_bytes // BYTES_PER_TOKEN), estimated=True)
