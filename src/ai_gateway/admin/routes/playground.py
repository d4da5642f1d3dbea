"""A chat with any client's configuration, through the data path."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ai_gateway.admin.identity import Role
from ai_gateway.admin.playground import ChatResponse
from ai_gateway.admin.problems import ApiError
from ai_gateway.admin.routes.clients import find
from ai_gateway.admin.routing import AppServices, Routes, address_of
from ai_gateway.admin.schemas.traffic import PlaygroundChat
from ai_gateway.policy.snapshot import ClientPolicy

__all__ = ["routes"]

routes = Routes("playground")


@routes.post(
    "/playground/chat",
    role=Role.ADMIN,
    response_class=Response,
    responses={
        200: {
            "description": "As Chat Completions answers",
            "content": {
                "text/event-stream": {"schema": {"type": "string"}},
                "application/json": {"schema": {"type": "object"}},
            },
        }
    },
)
async def playground_chat(body: PlaygroundChat, request: Request, services: AppServices) -> Response:
    """Chat as a client, whose limits and accounting apply. Errors of the data path are OpenAI's."""
    client = await find(services, body.client_id)
    if not client.settings.is_active:
        raise ApiError(409, "client_disabled", "this client is disabled")
    return ChatResponse(services.pipeline, ClientPolicy.of(client), body, address=address_of(request))
