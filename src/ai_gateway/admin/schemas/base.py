"""What all models of the admin API share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

__all__ = ["Input", "Instant", "Model", "Page", "Problem", "ProblemField", "instant"]

T = TypeVar("T")

Instant = AwareDatetime
"""ISO 8601 with a time zone; answers are UTC with a Z."""


class Model(BaseModel):
    """An answer."""

    model_config = ConfigDict(frozen=True)


class Input(BaseModel):
    """A request's body: unknown members are refused, so that a misspelt one is told."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Page(Model, Generic[T]):
    """A part of a list. It may hold fewer items than asked for, even none, while there is a next one."""

    items: list[T]
    next_cursor: Annotated[str | None, Field(description="null: this was the last page")] = None


class ProblemField(Model):
    """What is wrong with one field; an empty field stands for the whole."""

    field: str
    message: str


class Problem(Model):
    """An error (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    errors: list[ProblemField] = []
    etag: Annotated[str | None, Field(description="the current one, where another change came first")] = None


def instant(ms: int) -> datetime:
    """Unix milliseconds as a time."""
    return datetime.fromtimestamp(ms / 1000, UTC)
