"""the Responses API, both ways.

Source: OpenAI API reference, "Responses".
"""

from __future__ import annotations

from ai_gateway.core.chat import DialectName
from ai_gateway.dialects.interface import Dialect
from ai_gateway.dialects.openai_responses.decode import decode_response, stream_decoder
from ai_gateway.dialects.openai_responses.encode import encode_response
from ai_gateway.dialects.openai_responses.encode_stream import stream_encoder
from ai_gateway.dialects.openai_responses.errors import parse_error, render_error
from ai_gateway.dialects.openai_responses.fields import FIELD_NAMES, URL_KINDS
from ai_gateway.dialects.openai_responses.parse import check_foreign, parse_request
from ai_gateway.dialects.openai_responses.render import render_request
from ai_gateway.dialects.openai_responses.usage import read_usage

__all__ = ["DIALECT", "FIELD_NAMES", "URL_KINDS", "read_usage"]

DIALECT = Dialect(
    name=DialectName.OPENAI_RESPONSES,
    parse_request=parse_request,
    check_foreign=check_foreign,
    render_request=render_request,
    decode_response=decode_response,
    stream_decoder=stream_decoder,
    encode_response=encode_response,
    stream_encoder=stream_encoder,
    stream_type="text/event-stream",
    render_error=render_error,
    parse_error=parse_error,
)
