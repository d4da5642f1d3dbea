"""Failures that a provider reports inside an answer of status 200: what they would have been as an answer.

Sources: OpenAI API reference, "Error codes" and "Streaming events" (`error`, `response.failed`); Anthropic
API docs, "Errors"; google.rpc `Code`; OpenRouter documentation, "Errors and Debugging"; recorded traffic.
"""

from __future__ import annotations

import msgspec

from ai_gateway.errors import UpstreamError, UpstreamRejected

__all__ = ["FAILED", "as_fault", "check_reported", "told_status"]

FAILED = 502
"""The provider's own failure, and whatever is unknown: another try may succeed."""
_MAX_MESSAGE = 2000
_ABSENT = msgspec.Raw(b"")
_NOTHING = (b"", b"null", b"[]", b"{}", b'""')

_WORDS: tuple[tuple[str, int], ...] = (
    ("invalid_api_key", 401),
    ("invalid_authentication", 401),
    ("invalid_request", 400),
    ("invalid_prompt", 400),
    ("invalid_argument", 400),
    ("invalid_value", 400),
    ("invalid_image", 400),
    ("image_", 400),
    ("unsupported_", 400),
    ("failed_precondition", 400),
    ("out_of_range", 400),
    ("unimplemented", 400),
    ("context_length", 400),
    ("string_above_max_length", 400),
    ("content_policy", 400),
    ("content_filter", 400),
    ("cyber_policy", 400),
    ("bio_policy", 400),
    ("authentication", 401),
    ("unauthenticated", 401),
    ("unauthorized", 401),
    ("billing", 402),
    ("insufficient_quota", 429),
    ("insufficient_", 402),
    ("permission", 403),
    ("forbidden", 403),
    ("access_denied", 403),
    ("not_found", 404),
    ("model_not_found", 404),
    ("request_too_large", 413),
    ("rate_limit", 429),
    ("resource_exhausted", 429),
    ("too_many_requests", 429),
    ("overloaded", 529),
    ("api_error", 500),
    ("server_error", 500),
    ("internal", 500),
    ("unavailable", 503),
    ("timeout", 504),
    ("deadline_exceeded", 504),
)
"""How types, codes and status names begin, and the status that goes with each."""


class _Told(msgspec.Struct):
    raw_status_code: object = None
    status: object = None
    code: object = None
    type: object = None
    error: object = None


def told_status(raw: bytes) -> int:
    """The HTTP status of a failure: 4xx where the provider refuses the request, else `FAILED` or a 5xx.

    `raw` is an error object, an object that holds one as `error`, or anything else. A figure that is an HTTP
    status decides (OpenRouter's `code`, Mistral's `raw_status_code`, Google's `code`); otherwise the words.
    """
    try:
        told = msgspec.json.decode(raw, type=_Told)
        inner = msgspec.convert(told.error, _Told) if isinstance(told.error, dict) else told
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return FAILED
    for figure in (inner.raw_status_code, inner.status, inner.code):
        status = _status(figure)
        if status:
            return status
    for word in (inner.code, inner.type, inner.status):
        status = _status_of_word(word)
        if status:
            return status
    return FAILED


def as_fault(raw: bytes, message: str) -> UpstreamError:
    """The failure that `raw` reports, in the words of `message`."""
    status = told_status(raw)
    if not 400 <= status < 500:
        return UpstreamError(message)
    try:
        told = msgspec.json.decode(raw, type=_Told)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        told = _Told()
    kind, code = (word if isinstance(word, str) and word else None for word in (told.type, told.code))
    return UpstreamRejected(message, status=status, kind=None if kind == "error" else kind, code=code)


class _Whole(msgspec.Struct):
    error: msgspec.Raw = _ABSENT
    choices: msgspec.Raw = _ABSENT
    output: msgspec.Raw = _ABSENT
    content: msgspec.Raw = _ABSENT
    candidates: msgspec.Raw = _ABSENT
    data: msgspec.Raw = _ABSENT


class _Worded(msgspec.Struct):
    message: str | None = None


def check_reported(body: bytes) -> None:
    """Raises: UpstreamError where a whole answer of status 200 holds a failure in the place of an answer, in
    any dialect."""
    if body.find(b'"error"') < 0:  # quicker than `in`, which asks first whether it is given a number
        return
    try:
        whole = msgspec.json.decode(body, type=_Whole)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    answers = (whole.choices, whole.output, whole.content, whole.candidates, whole.data)
    if bytes(whole.error) in _NOTHING or any(bytes(raw) not in _NOTHING for raw in answers):
        return
    raw = bytes(whole.error)
    try:
        message = msgspec.json.decode(raw, type=_Worded).message
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        message = raw[:_MAX_MESSAGE].decode("utf-8", "replace")
    raise as_fault(raw, (message or "the upstream reported a failure")[:_MAX_MESSAGE])


def _status(figure: object) -> int:
    """An HTTP error status, or 0."""
    if isinstance(figure, bool) or not isinstance(figure, (int, float, str)):
        return 0
    try:
        status = int(figure)
    except (ValueError, OverflowError):
        return 0
    return status if 400 <= status < 600 else 0


def _status_of_word(word: object) -> int:
    """0 where it is not known."""
    if not isinstance(word, str):
        return 0
    name = word.lower()
    return next((status for prefix, status in _WORDS if name.startswith(prefix)), 0)
