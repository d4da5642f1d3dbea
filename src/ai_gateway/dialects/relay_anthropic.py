"""Answers of Anthropic's dialect, relayed: what the gateway reads from them while they pass.

Source: Anthropic API reference, "Create a Message", and docs, "Streaming messages".
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.usage import Usage
from ai_gateway.dialects.anthropic import DIALECT, read_usage
from ai_gateway.dialects.bounding import Closer
from ai_gateway.dialects.cut_anthropic import MessageCloser
from ai_gateway.dialects.first_content import message_answers
from ai_gateway.dialects.relay_stream import EMPTY, NOTHING, Relay, Reply, text_size
from ai_gateway.errors import GatewayError, UpstreamProtocolError

__all__ = ["MessagesRelay", "read_reply"]

_Members = dict[str, msgspec.Raw]


class _Block(msgspec.Struct):
    type: str | None = None
    text: msgspec.Raw = EMPTY
    thinking: msgspec.Raw = EMPTY
    partial_json: msgspec.Raw = EMPTY
    input: msgspec.Raw = EMPTY


class _Message(msgspec.Struct):
    model: str | None = None
    usage: _Members | None = None
    content: list[_Block] | None = None


class _Event(msgspec.Struct):
    type: str | None = None
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Block | None = None
    usage: _Members | None = None
    error: msgspec.Raw = EMPTY


_event = msgspec.json.Decoder(_Event)
_message = msgspec.json.Decoder(_Message)


def read_reply(body: bytes) -> Reply:
    """Raises: UpstreamProtocolError where the body is not JSON."""
    try:
        found = _message.decode(body)
    except msgspec.ValidationError:
        return Reply()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamProtocolError(f"the upstream's answer is not valid JSON: {error}") from error
    blocks = found.content or ()
    return Reply(
        model=found.model,
        usage=_usage(found.usage),
        output_bytes=sum(map(_size, blocks)),
        tools_used=any(block.type == "tool_use" for block in blocks),
    )


class MessagesRelay(Relay[_Event]):
    """Events of `/messages`; of other paths (`ends` false) it is not known how they end."""

    _texts = (b'"text":"', b'"thinking":"', b'"partial_json":"')

    __slots__ = ("_counts", "_ends")

    def __init__(self, credential: str, *, ends: bool) -> None:
        super().__init__(credential, _event, lenient=not ends)
        self._ends = ends
        self._counts: _Members = {}

    def _take(self, event: _Event) -> bool:
        if event.delta is not None:
            self.output_bytes += _size(event.delta)
        if event.message is not None:
            self.model = self.model or event.message.model
            self._count(event.message.usage)
        if event.content_block is not None:
            self.output_bytes += _size(event.content_block)
            self.tools_used = self.tools_used or event.content_block.type == "tool_use"
        self._count(event.usage)
        if event.type == "error":
            self._note_fault(event.error)
            if self.fault is None:
                self._set_fault(b"", "the upstream reported a failure")
            self.done = True
        elif event.type == "message_stop":
            self.done = True
        return True

    def _answers(self, data: bytes) -> bool:
        return message_answers(data)

    def _closer(self) -> Closer | None:
        return MessageCloser() if self._ends else None

    def _count(self, usage: _Members | None) -> None:
        """Later figures replace earlier ones: each event holds totals, not all of them every class."""
        if usage:
            self._counts = {**self._counts, **usage}
            self.usage = _usage(self._counts)

    def finish(self) -> bytes:
        out = self._pass(self._framer.finish())
        if self._ends and not self.done and self.failure is None:
            self.failure = UpstreamProtocolError("the upstream's stream stopped before its end")
        return out

    def error_event(self, error: GatewayError) -> bytes:
        return b"event: error\ndata: " + DIALECT.render_error(error, "") + b"\n\n"


def _usage(members: _Members | None) -> Usage | None:
    return read_usage(msgspec.json.encode(members)) if members else None


def _size(block: _Block) -> int:
    size = text_size(block.text) + text_size(block.thinking) + text_size(block.partial_json)
    return size + (len(bytes(block.input)) if bytes(block.input) not in (*NOTHING, b"{}") else 0)
