"""Errors of the admin API, as problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from starlette.responses import Response

from ai_gateway.admin.schemas.base import Problem, ProblemField

__all__ = ["ApiError", "field_faults", "invalid", "not_found", "problem", "summary_of", "validation_problem"]

_TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    412: "Changed meanwhile",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid fields",
    428: "Precondition required",
    429: "Too many attempts",
    500: "Internal error",
    502: "Provider failed",
    503: "Unavailable",
}
_MEDIA_TYPE = "application/problem+json"


class ApiError(Exception):
    """An answer other than success; its message is safe to show."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[ProblemField] = (),
        etag: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = list(errors)
        self.etag = etag
        self.headers = dict(headers or {})

    def response(self) -> Response:
        return problem(
            self.status, self.code, self.detail, errors=self.errors, etag=self.etag, headers=self.headers
        )


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[ProblemField] = (),
    etag: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer that stands for an error."""
    body = Problem(
        title=_TITLES.get(status, "Error"),
        status=status,
        detail=detail,
        code=code,
        errors=list(errors),
        etag=etag,
    )
    return Response(body.model_dump_json(), status, headers=dict(headers or {}), media_type=_MEDIA_TYPE)


def not_found(what: str) -> ApiError:
    return ApiError(404, "not_found", f"there is no {what}")


def invalid(field: str, message: str) -> ApiError:
    """One field is wrong."""
    return ApiError(422, "invalid_fields", message, errors=[ProblemField(field=field, message=message)])


def validation_problem(error: ValidationError) -> ApiError:
    """What pydantic found, by field."""
    faults = field_faults(error.errors(include_url=False, include_input=False))
    return ApiError(422, "invalid_fields", summary_of(faults), errors=faults)


def field_faults(found: Iterable[Any], *, skip: int = 0) -> list[ProblemField]:
    """pydantic's or FastAPI's error list, whose types differ; `skip` leading parts name where it was."""
    return [_fault(detail, skip) for detail in found]


def _fault(detail: Mapping[str, Any], skip: int) -> ProblemField:
    message = detail["msg"]
    if detail["type"] == "value_error" and "error" in detail.get("ctx", {}):
        message = str(detail["ctx"]["error"])
    place = detail["loc"][skip:]
    field = ".".join(str(part) for part in place)
    if not field and detail["type"] == "value_error":
        field, _, rest = message.partition(": ") if ": " in message else ("", "", message)
        message = rest or message
        if " " in field:
            field, message = "", f"{field}: {rest}"
    return ProblemField(field=field, message=message.replace("Input should be", "must be"))


def summary_of(faults: Sequence[ProblemField]) -> str:
    """All of them in one line."""
    return "; ".join(f"{fault.field}: {fault.message}" if fault.field else fault.message for fault in faults)
