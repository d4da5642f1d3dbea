"""Why an answer ended, in Chat's words and in ours.

Source: OpenAI API reference, "The chat completion object" (`finish_reason`); Mistral API reference
(`model_length`); DeepSeek API reference (`insufficient_system_resource`); Hugging Face TGI (`eos_token`,
`stop_sequence`); Cohere's compatibility API; recorded traffic.
"""

from __future__ import annotations

from ai_gateway.core.events import FinishReason

__all__ = ["reason_of", "word_of"]

_OTHER = FinishReason.OTHER
_REASONS = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "eos_token": FinishReason.STOP,
    "end_turn": FinishReason.STOP,
    "complete": FinishReason.STOP,
    "completed": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP_SEQUENCE,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "max_output_tokens": FinishReason.LENGTH,
    "model_length": FinishReason.CONTEXT_WINDOW,
    # The provider ran out of capacity: the answer is cut short, which only `length` says.
    "insufficient_system_resource": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "tool_call": FinishReason.TOOL_CALLS,
    "tool_use": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
    "safety": FinishReason.CONTENT_FILTER,
    "refusal": FinishReason.REFUSAL,
}

_WORDS = {
    FinishReason.STOP: "stop",
    FinishReason.STOP_SEQUENCE: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.CONTEXT_WINDOW: "length",
    FinishReason.TOOL_CALLS: "tool_calls",
    FinishReason.CONTENT_FILTER: "content_filter",
    FinishReason.REFUSAL: "content_filter",
    FinishReason.PAUSE: "stop",
    FinishReason.OTHER: "stop",
}


def reason_of(word: str | None, *, calls: bool, refused: bool) -> FinishReason:
    """Several servers say `stop` although tools are called; a refusal in words says `stop` as well."""
    reason = _REASONS.get(word.lower(), _OTHER) if word else _OTHER
    if calls and (reason is FinishReason.STOP or not word):
        return FinishReason.TOOL_CALLS
    if refused and reason is FinishReason.STOP:
        return FinishReason.REFUSAL
    return reason


def word_of(reason: FinishReason, *, calls: bool, refused: bool) -> str:
    """One of the five words that OpenAI's SDKs know."""
    if reason is FinishReason.STOP and calls:
        return "tool_calls"
    if reason is FinishReason.REFUSAL and refused:
        return "stop"  # the way OpenAI ends an answer whose `refusal` says it
    return _WORDS[reason]
