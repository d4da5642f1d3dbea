"""Chat Completions, both ways.

Source: OpenAI API reference, "Chat Completions".
"""

from __future__ import annotations

from ai_gateway.core.chat import DialectName
from ai_gateway.dialects.interface import Dialect
from ai_gateway.dialects.openai_chat.decode import decode_response, stream_decoder
from ai_gateway.dialects.openai_chat.encode import encode_response
from ai_gateway.dialects.openai_chat.encode_stream import stream_encoder
from ai_gateway.dialects.openai_chat.errors import parse_error, render_error
from ai_gateway.dialects.openai_chat.fields import FIELD_NAMES, URL_KINDS
from ai_gateway.dialects.openai_chat.parse import parse_request
from ai_gateway.dialects.openai_chat.render import render_request
from ai_gateway.dialects.openai_chat.usage import read_usage

__all__ = ["DIALECT", "FIELD_NAMES", "URL_KINDS", "read_usage"]

DIALECT = Dialect(
    name=DialectName.OPENAI_CHAT,
    parse_request=parse_request,
    render_request=render_request,
    decode_response=decode_response,
    stream_decoder=stream_decoder,
    encode_response=encode_response,
    stream_encoder=stream_encoder,
    stream_type="text/event-stream",
    several_choices=True,
    render_error=render_error,
    parse_error=parse_error,
)
