"""generateContent, both ways.

Source: Gemini API reference, "Generating content".
"""

from __future__ import annotations

from ai_gateway.core.chat import DialectName
from ai_gateway.dialects.gemini.decode import decode_response, stream_decoder
from ai_gateway.dialects.gemini.encode import encode_response
from ai_gateway.dialects.gemini.encode_stream import stream_encoder
from ai_gateway.dialects.gemini.errors import parse_error, render_error
from ai_gateway.dialects.gemini.fields import FIELD_NAMES, URL_KINDS
from ai_gateway.dialects.gemini.parse import check_foreign, parse_request
from ai_gateway.dialects.gemini.render import render_request
from ai_gateway.dialects.gemini.usage import read_usage
from ai_gateway.dialects.interface import Dialect

__all__ = ["DIALECT", "FIELD_NAMES", "URL_KINDS", "read_usage"]

DIALECT = Dialect(
    name=DialectName.GEMINI,
    parse_request=parse_request,
    check_foreign=check_foreign,
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
