"""How a JSON schema is asked of Claude models that have no structured output of their own.

The request forces one tool whose arguments are the answer (Anthropic docs, "Tool use", "JSON mode" of older
models); the decoder gives the arguments back as text, so that the caller never sees the tool.
"""

from __future__ import annotations

__all__ = ["FORMAT_TOOL"]

FORMAT_TOOL = "gateway_structured_output"
"""Reserved: a caller's own tool of this name is refused."""
