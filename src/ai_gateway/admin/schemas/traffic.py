"""Requests, usage, the dashboard."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from ai_gateway.admin.schemas.base import Input, Model

__all__ = [
    "Attempt",
    "Bodies",
    "ChatMessage",
    "Delta",
    "DeltaMessage",
    "Overview",
    "PlaygroundChat",
    "Point",
    "RequestDetail",
    "RequestSummary",
    "Series",
    "SnapshotMessage",
    "ToolRun",
    "TopClient",
    "TopModel",
    "Totals",
    "Usage",
    "UsageRow",
]

Cost = Annotated[float | None, Field(description="USD; null: no price is known")]


class Totals(Model):
    requests: int
    errors: int
    error_rate: Annotated[float, Field(description="0 to 1")]
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost_usd: Cost
    unpriced_requests: int


class Point(Model):
    """One step of a series, which starts at `at`."""

    at: datetime
    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost_usd: Cost


class Series(Model):
    step_s: int
    points: list[Point]


class TopModel(Model):
    model: str
    requests: int
    tokens: int
    cost_usd: Cost


class TopClient(Model):
    id: str
    name: str
    requests: int
    tokens: int
    cost_usd: Cost


class RequestSummary(Model):
    id: str
    at: datetime
    client_id: str | None
    client_name: str | None
    endpoint: str
    dialect: str
    provider: str | None
    model_asked: str | None
    model_served: str | None
    status: int
    error: str | None
    streaming: bool
    tools_used: bool
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost_usd: Cost
    ttfb_ms: float | None
    latency_ms: float
    attempts: int
    usage_estimated: bool


class Attempt(Model):
    """One call to a provider."""

    provider: str
    backend: str
    model: str
    round: Annotated[int, Field(description="counted up each time that the gateway's tools have run")]
    started_ms: float
    latency_ms: float
    status: int | None
    error: str | None
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    usage_estimated: bool
    cost_usd: Cost


class ToolRun(Model):
    """One run of a tool of the gateway."""

    name: str
    server: Annotated[str | None, Field(description="the MCP server that has it; null: built in")]
    round: Annotated[int, Field(description="of the upstream calls, the one that asked for it")]
    started_ms: Annotated[float, Field(description="after the request's start")]
    duration_ms: float
    error: Annotated[str | None, Field(description="null: it worked")]


class Bodies(Model):
    """Only of clients whose bodies are logged, until they are purged."""

    caller_request: str | None
    upstream_request: str | None
    response: str | None


class RequestDetail(RequestSummary):
    model_reported: str | None
    error_message: str | None
    cache_write_tokens: int
    overhead_ms: float
    key_tail: str | None
    caller_address: str | None
    usage_raw: str | None
    attempt_log: list[Attempt]
    tool_runs: list[ToolRun]
    bodies: Bodies | None


class Overview(Model):
    """Now, and the last 60 minutes by minute."""

    today: Totals
    in_flight: int
    active_clients: Annotated[int, Field(description="clients with a request within the last 60 minutes")]
    series: Series
    top_models: list[TopModel]
    top_clients: list[TopClient]
    recent: list[RequestSummary]


class Delta(Model):
    """What has changed since the message before."""

    today: Totals
    in_flight: int
    active_clients: int
    minute: Point
    recent: Annotated[list[RequestSummary], Field(description="new ones, newest first")]
    top_models: list[TopModel] | None = None
    top_clients: list[TopClient] | None = None


class SnapshotMessage(Model):
    type: Literal["snapshot"] = "snapshot"
    data: Overview


class DeltaMessage(Model):
    type: Literal["delta"] = "delta"
    data: Delta


class UsageRow(Model):
    """A day, client and model; what the report was not grouped by is empty."""

    day: str | None
    client_id: str | None
    client: str | None
    model: str | None
    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost_usd: Cost
    unpriced_requests: int


class Usage(Model):
    rows: list[UsageRow]
    totals: Totals
    truncated: Annotated[bool, Field(description="there are more rows: narrow the report")] = False


class ChatMessage(Input):
    role: Literal["system", "user", "assistant"]
    content: str


class PlaygroundChat(Input):
    client_id: str
    model: Annotated[str, Field(max_length=500)] = ""
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=1000)]
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    max_tokens: Annotated[int | None, Field(ge=1, le=2**31)] = None
    stream: bool = True
