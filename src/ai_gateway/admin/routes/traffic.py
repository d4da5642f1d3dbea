"""The dashboard, requests, usage."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import Query
from starlette.responses import Response, StreamingResponse

from ai_gateway.admin.identity import Role
from ai_gateway.admin.listing import decode_cursor, encode_cursor
from ai_gateway.admin.problems import invalid, not_found
from ai_gateway.admin.reports import Range, csv_with_head, read_groups, series_of
from ai_gateway.admin.routing import AppServices, Routes
from ai_gateway.admin.schemas.base import Instant, Page
from ai_gateway.admin.schemas.traffic import Overview, RequestDetail, RequestSummary, Series, Usage
from ai_gateway.admin.views import request_detail, request_summary, totals
from ai_gateway.store.admin_protocols import RequestFilter

__all__ = ["routes"]

routes = Routes("traffic")

MAX_REPORT_ROWS = 2000
Text = Annotated[str | None, Query(max_length=500)]
From = Annotated[Instant | None, Query(alias="from")]
To = Annotated[Instant | None, Query(alias="to")]
Day = Annotated[str | None, Query(pattern=r"^\d{4}-\d{2}-\d{2}$")]


@routes.get("/overview", role=Role.VIEWER)
async def overview(services: AppServices) -> Overview:
    """Show what is happening now."""
    return await services.live.overview()


@routes.get("/series", role=Role.VIEWER)
async def series(
    services: AppServices,
    client: Text = None,
    model: Text = None,
    from_: From = None,
    to: To = None,
    step: Literal["minute", "hour", "day"] = "minute",
) -> Series:
    """Show requests, tokens and cost over time, of everything, a client (its id) or a model."""
    span = Range.of(step, from_, to, now_ms=services.now_ms())
    return await series_of(
        services.usage, services.calendar, span, client=client or None, model=model or None
    )


@routes.get("/requests", role=Role.VIEWER)
async def list_requests(
    services: AppServices,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    client: Annotated[str | None, Query(max_length=500, description="a client's id")] = None,
    model: Annotated[str | None, Query(max_length=500, description="the model that served")] = None,
    provider: Text = None,
    status: Annotated[
        str | None, Query(pattern=r"^(ok|error|[1-5]xx|[1-5]\d\d)$", description="ok, error, 404, 4xx, 5xx")
    ] = None,
    since: Instant | None = None,
    until: Instant | None = None,
    q: Annotated[
        str | None, Query(max_length=200, description="part of an id, error, model or client's name")
    ] = None,
    streaming: bool | None = None,
) -> Page[RequestSummary]:
    """List requests, newest first. A page may be short, or empty, while there is a next one."""
    wanted = RequestFilter(
        client=client or None,
        model=model or None,
        provider=provider or None,
        status=status,
        streaming=streaming,
        since_ms=_ms(since),
        until_ms=_ms(until),
        text=q or None,
    )
    before = decode_cursor(cursor)
    page = await services.history.page(
        wanted, before=None if before is None else _position(before), limit=limit
    )
    return Page(
        items=[request_summary(row) for row in page.rows],
        next_cursor=encode_cursor(page.cursor),
    )


def _position(cursor: tuple[str | int | float | None, ...]) -> tuple[int, str]:
    match cursor:
        case (int(at), str(id_)):
            return at, id_
        case _:
            raise invalid("cursor", "is not one of this list's")


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)


@routes.get("/requests/{request_id}", role=Role.VIEWER)
async def get_request(request_id: str, services: AppServices) -> RequestDetail:
    """Show a request with its attempts, timing and, where they are logged, bodies."""
    row = await services.history.request(request_id)
    if row is None:
        raise not_found(f"request '{request_id}'")
    return request_detail(row)


@routes.get("/usage", role=Role.VIEWER, response_model=Usage)
async def usage(
    services: AppServices,
    from_: Annotated[str | None, Query(alias="from", pattern=r"^\d{4}-\d{2}-\d{2}$")] = None,
    to: Day = None,
    client: Annotated[str | None, Query(max_length=500, description="a client's id")] = None,
    model: Text = None,
    group: Annotated[str, Query(max_length=50, description="any of day,client,model")] = "day,client,model",
) -> Response:
    """Report usage by day, client and model. Days are those of limits.timezone, both ends included."""
    first, last = _days(from_, to)
    groups = read_groups(group)
    report = await services.usage.report(
        first_day=first,
        last_day=last,
        client=client or None,
        model=model or None,
        groups=groups,
        limit=MAX_REPORT_ROWS,
    )
    sums = await services.usage.totals(
        first_day=first or "0000", last_day=last or "9999", client=client or None, model=model or None
    )
    body = b'{"rows":%b,"totals":%b,"truncated":%b}' % (
        report.rows_json,
        totals(sums).model_dump_json().encode(),
        b"true" if report.truncated else b"false",
    )
    return Response(body, media_type="application/json")


def _days(first: str | None, last: str | None) -> tuple[str | None, str | None]:
    for field, value in (("from", first), ("to", last)):
        try:
            if value is not None:
                date.fromisoformat(value)
        except ValueError:
            raise invalid(field, "must be a day, such as 2030-01-31") from None
    if first is not None and last is not None and first > last:
        raise invalid("to", "must not be before from")
    return first, last


@routes.get(
    "/usage.csv",
    role=Role.VIEWER,
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def usage_csv(
    services: AppServices,
    from_: Annotated[str | None, Query(alias="from", pattern=r"^\d{4}-\d{2}-\d{2}$")] = None,
    to: Day = None,
    client: Text = None,
    model: Text = None,
) -> StreamingResponse:
    """Export usage by day, client and model as CSV."""
    first, last = _days(from_, to)
    lines = services.usage.export(first_day=first, last_day=last, client=client or None, model=model or None)
    headers = {"content-disposition": 'attachment; filename="usage.csv"'}
    return StreamingResponse(csv_with_head(lines), media_type="text/csv; charset=utf-8", headers=headers)
