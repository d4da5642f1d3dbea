"""How Gemini's callers spell the canonical fields, and what the API takes by address.

Source: Gemini API reference, "Generating content". Of addresses it takes YouTube's.
"""

from __future__ import annotations

__all__ = ["FIELD_NAMES", "URL_KINDS"]

FIELD_NAMES = {
    "messages": "contents",
    "max_output_tokens": "generationConfig.maxOutputTokens",
    "temperature": "generationConfig.temperature",
    "top_p": "generationConfig.topP",
    "top_k": "generationConfig.topK",
    "stop": "generationConfig.stopSequences",
    "n": "generationConfig.candidateCount",
    "seed": "generationConfig.seed",
    "presence_penalty": "generationConfig.presencePenalty",
    "frequency_penalty": "generationConfig.frequencyPenalty",
    "logprobs": "generationConfig.responseLogprobs",
    "top_logprobs": "generationConfig.logprobs",
    "reasoning": "generationConfig.thinkingConfig",
    "output_format": "generationConfig.responseJsonSchema",
    "modalities": "generationConfig.responseModalities",
    "tool_choice": "toolConfig.functionCallingConfig",
}

URL_KINDS = frozenset({"video"})
