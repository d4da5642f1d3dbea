"""What OpenAI's models differ in, as far as a request must know.

Source: OpenAI docs, "Reasoning models" (parameters that they do not take), "Models".
"""

from __future__ import annotations

__all__ = ["is_reasoning_model"]

_REASONING = ("o1", "o3", "o4", "gpt-5", "gpt-6", "codex", "computer-use")
_PLAIN = ("gpt-5-chat", "gpt-5.1-chat", "gpt-5.2-chat", "gpt-5.3-chat")


def is_reasoning_model(model: str) -> bool:
    """Whether it thinks first: it then refuses `temperature`, `top_p`, penalties and logprobs."""
    name = model.rpartition("/")[2]
    return name.startswith(_REASONING) and not name.startswith(_PLAIN)
