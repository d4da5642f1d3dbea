"""The end of a stream of chat completion chunks, or of older completions, that may not go on.

Source: OpenAI API reference, "The chat completion chunk object" (`finish_reason`, `usage`), "The completion
object".
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.usage import Usage
from ai_gateway.dialects.openai_chat.usage import usage_wire

__all__ = ["ChatCloser"]

_EMPTY = msgspec.Raw(b"")


class _Choice(msgspec.Struct):
    index: int | None = None
    finish_reason: str | None = None
    text: msgspec.Raw = _EMPTY


class _Chunk(msgspec.Struct):
    id: msgspec.Raw = _EMPTY
    object: msgspec.Raw = _EMPTY
    created: msgspec.Raw = _EMPTY
    model: msgspec.Raw = _EMPTY
    choices: list[_Choice] | None = None


_chunk = msgspec.json.Decoder(_Chunk)


class ChatCloser:
    """Each choice that has begun and not finished ends with `length`; then usage, where the caller asked for
    it, and the terminator."""

    __slots__ = ("_finished", "_head", "_legacy", "_tell_usage")

    def __init__(self, *, tell_usage: bool) -> None:
        self._tell_usage = tell_usage
        self._head: dict[str, object] = {}
        self._finished: dict[int, bool] = {}
        self._legacy = False

    def see(self, data: bytes) -> None:
        for choice in self._read(data):
            index = choice.index or 0
            self._finished[index] = self._finished.get(index, False) or choice.finish_reason is not None

    def close(self, data: bytes, usage: Usage) -> bytes:
        unheard = [choice.index or 0 for choice in self._read(data)]
        ends = [self._end(index, begun=True) for index in self._open()]
        ends += [self._end(index, begun=False) for index in sorted(set(unheard) - self._finished.keys())]
        out = [self._write([end]) for end in ends]
        if self._tell_usage:
            out.append(self._write([], usage=usage_wire(usage)))
        return b"".join(out) + b"data: [DONE]\n\n"

    def _read(self, data: bytes) -> list[_Choice]:
        """The choices in a chunk; what stands around them is kept for the chunks that end them."""
        try:
            chunk = _chunk.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return []
        if chunk.choices:
            head = {name: getattr(chunk, name) for name in ("id", "object", "created", "model")}
            self._head = {name: raw for name, raw in head.items() if raw is not _EMPTY}
            self._legacy = chunk.choices[0].text is not _EMPTY
        return chunk.choices or []

    def _open(self) -> list[int]:
        return sorted(index for index, finished in self._finished.items() if not finished)

    def _end(self, index: int, *, begun: bool) -> dict[str, object]:
        """`begun`: something of this choice has passed, and with it the role."""
        said: dict[str, object] = {"delta": {} if begun else {"role": "assistant", "content": ""}}
        if self._legacy:
            said = {"text": ""}
        return {"index": index, **said, "logprobs": None, "finish_reason": "length"}

    def _write(self, choices: list[dict[str, object]], **more: object) -> bytes:
        return b"data: " + msgspec.json.encode({**self._head, "choices": choices, **more}) + b"\n\n"
