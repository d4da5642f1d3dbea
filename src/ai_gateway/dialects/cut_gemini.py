"""The end of a stream of Gemini's chunks that may not go on.

Source: Gemini API reference, "Generating content" (`Candidate.finishReason`, `usageMetadata`).
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.usage import Usage
from ai_gateway.dialects.gemini.usage import encode_usage

__all__ = ["ContentCloser"]


class _Candidate(msgspec.Struct, rename="camel"):
    index: int | None = None
    finish_reason: str | int | None = None


class _Chunk(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    model_version: str | None = None
    response_id: str | None = None


_chunk = msgspec.json.Decoder(_Chunk)


class ContentCloser:
    """One chunk ends every candidate that has begun and not finished."""

    __slots__ = ("_finished", "_model", "_response")

    def __init__(self) -> None:
        self._finished: dict[int, bool] = {}
        self._model: str | None = None
        self._response: str | None = None

    def see(self, data: bytes) -> None:
        for candidate in self._read(data):
            index = candidate.index or 0
            self._finished[index] = self._finished.get(index, False) or bool(candidate.finish_reason)

    def close(self, data: bytes, usage: Usage) -> bytes:
        for candidate in self._read(data):
            self._finished.setdefault(candidate.index or 0, False)
        chunk: dict[str, object] = {
            "candidates": [
                {"content": {"role": "model", "parts": []}, "finishReason": "MAX_TOKENS", "index": index}
                for index, finished in sorted(self._finished.items())
                if not finished
            ],
            "usageMetadata": encode_usage(usage),
        }
        if self._model is not None:
            chunk["modelVersion"] = self._model
        if self._response is not None:
            chunk["responseId"] = self._response
        return b"data: " + msgspec.json.encode(chunk) + b"\r\n\r\n"

    def _read(self, data: bytes) -> list[_Candidate]:
        try:
            chunk = _chunk.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return []
        self._model = chunk.model_version or self._model
        self._response = chunk.response_id or self._response
        return chunk.candidates or []
