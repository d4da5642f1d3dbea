"""The providers of the matrix: one for each wire format, at a scripted upstream."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.conformance import wire
from tests.conformance.wire import FIRST, SECOND, Json, Said
from tests.harness.upstream import Reply, Script, Seen


@dataclass(frozen=True)
class ProviderKind:
    """A wire format, and how a client of the gateway is set up for it."""

    name: str
    backend: str
    model: str
    root: str
    """Where the provider's API begins."""
    speak: Callable[[str, Said, bool], Json | list[bytes]]
    """The body of an answer: model, what it says, whether it streams (then piece by piece)."""
    keeps_signatures: bool = True
    """Whether the wire format has signed or encrypted reasoning."""

    def streams(self, seen: Seen) -> bool:
        if self.name == "gemini":
            return ":streamGenerateContent" in seen.target
        return bool(seen.json.get("stream"))


PROVIDERS: Final = {
    kind.name: kind
    for kind in (
        ProviderKind("chat", "openai-compatible", "some-model", "/v1", wire.chat, keeps_signatures=False),
        ProviderKind("responses", "openai", "gpt-5-codex", "/v1", wire.responses),
        ProviderKind("anthropic", "anthropic", "claude-sonnet-4-6", "/v1", wire.anthropic),
        ProviderKind("gemini", "gemini", "gemini-3-pro-preview", "/v1beta", wire.gemini),
    )
}


async def send(reply: Reply, said: Json | list[bytes]) -> None:
    """An answer as HTTP: a stream where it comes in pieces."""
    if isinstance(said, list):
        await reply.start_stream()
        for piece in said:
            await reply.piece(piece)
        await reply.end_stream()
    else:
        await reply.whole(json.dumps(said, ensure_ascii=False).encode())


def script(kind: ProviderKind) -> Script:
    """The model of the conversation: it calls tools until it sees their results."""

    async def answer(seen: Seen, reply: Reply) -> None:
        said = SECOND if b"sunny, 21 degrees" in seen.body else FIRST
        await send(reply, kind.speak(kind.model, said, kind.streams(seen)))

    return answer
