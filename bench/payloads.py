"""The bytes that travel: one chat request, one chat reply, the events of a chat stream.

Shapes: OpenAI API reference, "Create chat completion" and "The chat completion chunk object".
"""

import json

MODEL = "bench-model"
CHAT_PATH = "/v1/chat/completions"
REQUEST_BYTES = 1024
REPLY_CONTENT_BYTES = 330
MARK = b"@"
"""Stands once in each content event and nowhere else, so counting it counts events however bytes are cut."""
STAMP_DIGITS = 19


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _prose(length: int) -> str:
    words = "The quick brown fox jumps over the lazy dog and thinks about gateways. "
    return (words * (length // len(words) + 1))[:length]


def chat_request(*, stream: bool, model: str = MODEL) -> bytes:
    """A chat request of exactly 1,024 bytes; a streamed one does not ask for usage, like most."""

    def body(question: str) -> bytes:
        messages = [
            {"role": "system", "content": "You are a helpful assistant. Answer in short sentences."},
            {"role": "user", "content": question},
        ]
        settings = {"temperature": 0.7, "max_tokens": 256, "stream": stream}
        return _compact({"model": model, "messages": messages, **settings}).encode()

    return body(_prose(REQUEST_BYTES - len(body(""))))


MESSAGES_PATH = "/v1/messages"


def messages_request(*, stream: bool) -> bytes:
    """The same request of exactly 1,024 bytes, as an Anthropic SDK writes it (Anthropic API reference,
    "Create a Message")."""

    def body(question: str) -> bytes:
        system = "You are a helpful assistant. Answer in short sentences."
        messages = [{"role": "user", "content": question}]
        settings = {"temperature": 0.7, "max_tokens": 256, "stream": stream}
        return _compact({"model": MODEL, "system": system, "messages": messages, **settings}).encode()

    return body(_prose(REQUEST_BYTES - len(body(""))))


def asked(form: str, *, stream: bool, model: str = MODEL) -> tuple[str, bytes]:
    """Path and body of a request in one of the forms: `chat` is relayed, `messages` translated."""
    if form == "messages":
        return MESSAGES_PATH, messages_request(stream=stream)
    return CHAT_PATH, chat_request(stream=stream, model=model)


def chat_reply() -> str:
    """A chat completion with usage, some 700 bytes of JSON, free of `'` and `$` (it stands in nginx.conf)."""
    message = {"role": "assistant", "content": _prose(REPLY_CONTENT_BYTES), "refusal": None}
    details = {"cached_tokens": 0}
    return _compact(
        {
            "id": "chatcmpl-bench00000000000000000000",
            "object": "chat.completion",
            "created": 1760000000,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": {
                "prompt_tokens": 210,
                "completion_tokens": 75,
                "total_tokens": 285,
                "prompt_tokens_details": details,
            },
            "system_fingerprint": "fp_bench00000",
        }
    )


def model_list() -> str:
    """The answer of `GET /v1/models`."""
    model = {"id": MODEL, "object": "model", "created": 1760000000, "owned_by": "bench"}
    return _compact({"object": "list", "data": [model]})


def http_chunk(payload: bytes) -> bytes:
    """`payload` as one chunk of a chunked body (RFC 9112, section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def _event(choices: list[dict[str, object]], fingerprint: str, **extra: object) -> bytes:
    chunk = {
        "id": "chatcmpl-bench00000000000000000000",
        "object": "chat.completion.chunk",
        "created": 1760000000,
        "model": MODEL,
        "system_fingerprint": fingerprint,
        "choices": choices,
    }
    return http_chunk(b"data: " + _compact(chunk | extra).encode() + b"\n\n")


def _choice(delta: dict[str, str], finish_reason: str | None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


FINGERPRINT = "fp_bench00000"
FIRST_EVENT = _event([_choice({"role": "assistant", "content": ""}, None)], FINGERPRINT)
_STAMP = MARK.decode() + "0" * STAMP_DIGITS
_CONTENT_HEAD, _CONTENT_TAIL = _event(
    [_choice({"content": f"{_STAMP} lorem ipsum"}, None)], FINGERPRINT
).split(_STAMP.encode())


def content_event(stamp_ns: int) -> bytes:
    """One content event of some 250 bytes, carrying the monotonic time at which it is written."""
    return b"%b%b%019d%b" % (_CONTENT_HEAD, MARK, stamp_ns, _CONTENT_TAIL)


def last_events(content_events: int, *, include_usage: bool) -> list[bytes]:
    """The end of a stream, piece by piece; the finish event tells how many content events came before it."""
    pieces = [_event([_choice({}, "stop")], f"fp_{content_events:010d}")]
    if include_usage:
        usage = {
            "prompt_tokens": 210,
            "completion_tokens": content_events,
            "total_tokens": 210 + content_events,
        }
        pieces.append(_event([], FINGERPRINT, usage=usage))
    return [*pieces, http_chunk(b"data: [DONE]\n\n"), b"0\r\n\r\n"]
