"""Embeddings between OpenAI's API and Gemini's.

Sources: OpenAI API reference, "Create embeddings" (`encoding_format`: the SDK asks for Base64 of
little-endian 32-bit floats unless told otherwise); Gemini API reference, "Embeddings".
"""

from __future__ import annotations

import array
import base64
import binascii
import sys
from urllib.parse import quote

import msgspec

from ai_gateway.core.members import member, open_object
from ai_gateway.dialects.interface import Asked, Rendered, Target
from ai_gateway.errors import BadRequest, UpstreamProtocolError

__all__ = [
    "EmbedAnswer",
    "EmbedRequest",
    "encode_gemini",
    "encode_openai",
    "parse_gemini",
    "parse_openai",
    "read_gemini",
    "read_openai",
    "render_gemini",
    "render_openai",
]

_MAX_BATCH = 2048
"""Inputs of one request (OpenAI's limit)."""
_OPENAI_MEMBERS = frozenset({"model", "input", "dimensions", "encoding_format", "user"})


class EmbedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What either API asks for. `texts` in the order in which their vectors come back."""

    model: str
    texts: tuple[str, ...]
    dimensions: int | None = None
    base64: bool = False
    """The caller wants Base64 rather than numbers."""
    task_type: str | None = None
    """Gemini's; OpenAI has none."""
    dropped: tuple[str, ...] = ()
    """Members that the other API has no place for."""


class EmbedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Vectors in the order of the texts. None: the provider does not say."""

    vectors: tuple[list[float], ...]
    model: str | None = None
    input_tokens: int | None = None


def parse_openai(body: bytes) -> EmbedRequest:
    """Raises: BadRequest, also for inputs given as token ids: they mean nothing to another provider."""
    members = open_object(body)
    rows = _texts(members.get("input"))
    if not rows or len(rows) > _MAX_BATCH:
        raise BadRequest(f"'input' must hold 1 to {_MAX_BATCH} texts", param="input")
    dimensions = member(members, "dimensions", int, "an integer")
    if dimensions is not None and dimensions < 1:
        raise BadRequest("'dimensions' must be at least 1", param="dimensions")
    form = member(members, "encoding_format", str, "'float' or 'base64'") or "float"
    if form not in ("float", "base64"):
        raise BadRequest("'encoding_format' must be 'float' or 'base64'", param="encoding_format")
    return EmbedRequest(
        model=member(members, "model", str, "a string") or "",
        texts=tuple(rows),
        dimensions=dimensions,
        base64=form == "base64",
        dropped=tuple(name for name in members if name not in _OPENAI_MEMBERS or name == "user"),
    )


def _texts(raw: msgspec.Raw | None) -> list[str]:
    if raw is None or bytes(raw) == b"null":
        raise BadRequest("'input' is missing", param="input")
    try:
        found = msgspec.json.decode(raw, type=str | list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest("'input' must be a string or a list of strings", param="input") from error
    return [found] if isinstance(found, str) else [_text(row, index) for index, row in enumerate(found)]


def _text(raw: msgspec.Raw, index: int) -> str:
    try:
        return msgspec.json.decode(raw, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(
            "this client's provider embeds texts only: token ids and other inputs cannot be translated",
            param=f"input[{index}]",
        ) from error


def render_gemini(request: EmbedRequest) -> Rendered:
    """One batch, whatever the number of texts."""
    model = request.model.removeprefix("models/")
    row: dict[str, object] = {"model": f"models/{model}"}
    if request.dimensions is not None:
        row["outputDimensionality"] = request.dimensions
    requests = [{**row, "content": {"parts": [{"text": text}]}} for text in request.texts]
    return Rendered(
        body=msgspec.json.encode({"requests": requests}),
        path=f"/models/{quote(model, safe='-_.~')}:batchEmbedContents",
        dropped=request.dropped,
    )


class _Values(msgspec.Struct):
    values: list[float] = []


class _Metadata(msgspec.Struct):
    promptTokenCount: int | None = None  # noqa: N815 - the wire's own name


class _GeminiAnswer(msgspec.Struct):
    embeddings: list[_Values]
    usageMetadata: _Metadata | None = None  # noqa: N815


def read_gemini(body: bytes) -> EmbedAnswer:
    """Raises: UpstreamProtocolError."""
    try:
        found = msgspec.json.decode(body, type=_GeminiAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UpstreamProtocolError(
            f"the upstream's embeddings are not what they should be: {error}"
        ) from error
    return EmbedAnswer(
        vectors=tuple(row.values for row in found.embeddings),
        input_tokens=found.usageMetadata.promptTokenCount if found.usageMetadata else None,
    )


def encode_openai(answer: EmbedAnswer, request: EmbedRequest, input_estimate: int) -> bytes:
    """A `CreateEmbeddingResponse`. Its `usage` is required: `input_estimate` stands in where the provider
    reports nothing."""
    tokens = input_estimate if answer.input_tokens is None else answer.input_tokens
    return msgspec.json.encode(
        {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": _spelled(vector, request.base64)}
                for index, vector in enumerate(answer.vectors)
            ],
            "model": answer.model or request.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def _spelled(vector: list[float], as_base64: bool) -> list[float] | str:
    if not as_base64:
        return vector
    packed = array.array("f", vector)
    if sys.byteorder == "big":
        packed.byteswap()
    return base64.b64encode(packed.tobytes()).decode()


class _Part(msgspec.Struct):
    text: str | None = None


class _Content(msgspec.Struct):
    parts: list[_Part] = []


class _GeminiRow(msgspec.Struct):
    """Both spellings of each member: the API takes either."""

    content: _Content
    model: str | None = None
    outputDimensionality: int | None = None  # noqa: N815
    output_dimensionality: int | None = None
    taskType: str | None = None  # noqa: N815
    task_type: str | None = None
    title: str | None = None


class _GeminiBatch(msgspec.Struct):
    requests: list[_GeminiRow]


def parse_gemini(body: bytes, asked: Asked, batch: bool) -> EmbedRequest:
    """The body of `:embedContent` or `:batchEmbedContents`. Raises: BadRequest."""
    open_object(body)
    try:
        rows = (
            msgspec.json.decode(body, type=_GeminiBatch).requests
            if batch
            else [msgspec.json.decode(body, type=_GeminiRow)]
        )
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"the embedding request is not what it should be: {error}") from error
    if not rows or len(rows) > _MAX_BATCH:
        raise BadRequest(f"'requests' must hold 1 to {_MAX_BATCH} requests", param="requests")
    sizes = {row.outputDimensionality or row.output_dimensionality for row in rows}
    if len(sizes) > 1:
        raise BadRequest("all requests of a batch must have one 'outputDimensionality'", param="requests")
    named = {"taskType": any(row.taskType or row.task_type for row in rows)}
    named["title"] = any(row.title for row in rows)
    return EmbedRequest(
        model=(asked.model or rows[0].model or "").removeprefix("models/"),
        texts=tuple(_joined(row, index, batch) for index, row in enumerate(rows)),
        dimensions=sizes.pop(),
        dropped=tuple(name for name, there in named.items() if there),
    )


def _joined(row: _GeminiRow, index: int, batch: bool) -> str:
    where = f"requests[{index}].content" if batch else "content"
    texts = [part.text for part in row.content.parts]
    if not texts or any(text is None for text in texts):
        raise BadRequest("this client's provider embeds texts only", param=f"{where}.parts")
    return "\n".join(text for text in texts if text is not None)


def render_openai(request: EmbedRequest, target: Target) -> Rendered:
    """Numbers are asked for, which every compatible server gives."""
    body: dict[str, object] = {
        "model": request.model,
        "input": request.texts[0] if len(request.texts) == 1 else list(request.texts),
        "encoding_format": "float",
    }
    if request.dimensions is not None:
        body[target.provider.embedding_size] = request.dimensions
    body = {name: value for name, value in body.items() if name not in target.provider.rejects}
    return Rendered(body=msgspec.json.encode(body), path="/embeddings", dropped=request.dropped)


class _Row(msgspec.Struct):
    embedding: list[float] | str
    index: int = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    total_tokens: int | None = None


class _OpenAIAnswer(msgspec.Struct):
    data: list[_Row]
    model: str | None = None
    usage: _Usage | None = None


def read_openai(body: bytes) -> EmbedAnswer:
    """Raises: UpstreamProtocolError."""
    try:
        found = msgspec.json.decode(body, type=_OpenAIAnswer)
        vectors = tuple(_numbers(row.embedding) for row in sorted(found.data, key=lambda row: row.index))
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise UpstreamProtocolError(
            f"the upstream's embeddings are not what they should be: {error}"
        ) from error
    usage = found.usage or _Usage()
    tokens = usage.prompt_tokens if usage.prompt_tokens is not None else usage.total_tokens
    return EmbedAnswer(vectors=vectors, model=found.model, input_tokens=tokens)


def _numbers(embedding: list[float] | str) -> list[float]:
    if not isinstance(embedding, str):
        return embedding
    try:
        packed = array.array("f", base64.b64decode(embedding, validate=True))
    except binascii.Error as error:
        raise ValueError(f"an embedding is not Base64: {error}") from error
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tolist()


def encode_gemini(answer: EmbedAnswer, request: EmbedRequest, batch: bool) -> bytes:
    """`{"embedding"}` or, for a batch, `{"embeddings"}`."""
    rows = [{"values": vector} for vector in answer.vectors]
    body: dict[str, object] = {"embeddings": rows} if batch else {"embedding": rows[0] if rows else {}}
    if answer.input_tokens is not None:
        body["usageMetadata"] = {"promptTokenCount": answer.input_tokens}
    return msgspec.json.encode(body)
