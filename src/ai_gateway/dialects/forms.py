"""The one field of a multipart form that the gateway must see: its model."""

from __future__ import annotations

from collections.abc import Callable

from ai_gateway.errors import BadRequest

__all__ = ["model_in_form"]

_MAX_MODEL_BYTES = 1024
ParseOptions = Callable[[bytes], tuple[bytes, dict[bytes, bytes]]]


def model_in_form(content_type: bytes, body: bytes) -> str | None:
    """The `model` field of a `multipart/form-data` body; None where it has none.

    Raises:
        BadRequest: the form is broken, or names two models.
    """
    if not content_type.lower().startswith(b"multipart/form-data"):
        return None
    from python_multipart.exceptions import FormParserError  # here: 2 MB that most never need
    from python_multipart.multipart import MultipartParser, parse_options_header

    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise BadRequest("the multipart content-type has no boundary")
    reader = _Reader(parse_options_header)
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": reader.part_begin,
            "on_header_field": reader.header_field,
            "on_header_value": reader.header_value,
            "on_header_end": reader.header_end,
            "on_part_data": reader.part_data,
            "on_part_end": reader.part_end,
        },
    )
    try:
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise BadRequest(f"the multipart body is broken: {error}") from error
    if len(reader.models) > 1:
        raise BadRequest("the form names more than one model", param="model")
    return reader.models[0] if reader.models else None


class _Reader:
    """Collects the values of parts named `model`."""

    def __init__(self, parse_options: ParseOptions) -> None:
        self._parse_options = parse_options
        self.models: list[str] = []
        self._field = b""
        self._value = b""
        self._is_model = False
        self._data = b""

    def part_begin(self) -> None:
        self._is_model = False
        self._field = self._value = self._data = b""

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            _, options = self._parse_options(self._value)
            self._is_model = options.get(b"name") == b"model"
        self._field = self._value = b""

    def part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_model and len(self._data) < _MAX_MODEL_BYTES:
            self._data += data[start:end]

    def part_end(self) -> None:
        if self._is_model:
            self.models.append(self._data.decode("utf-8", "replace").strip())
