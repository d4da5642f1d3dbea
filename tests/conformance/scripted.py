"""A model that says one thing after the other, behind a client in gateway mode."""

from __future__ import annotations

from ai_gateway.policy.snapshot import ClientPolicy
from tests.conformance import told
from tests.conformance.providers import PROVIDERS, ProviderKind, send
from tests.conformance.wire import Json, Said
from tests.harness.conversing import policy
from tests.harness.upstream import Reply, ScriptedUpstream, Seen


class Model(ScriptedUpstream):
    """Says one thing after the other."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.kind = PROVIDERS["chat"]
        self.lines: list[Said] = []

    def plays(self, kind: ProviderKind, *lines: Said) -> ClientPolicy:
        """A client in gateway mode whose provider this model is."""
        self.kind, self.lines = kind, list(lines)
        self.seen.clear()
        return policy(
            backend=kind.backend,
            backend_api_key="sk-up",
            base_url=f"{self.url}{kind.root}",
            default_model=kind.model,
        )

    async def _answer(self, seen: Seen, reply: Reply) -> None:
        await send(reply, self.kind.speak(self.kind.model, self.lines.pop(0), self.kind.streams(seen)))

    def told(self, index: int) -> told.Told:
        return told.read(self.kind.name, self.seen[index].json)


def only_time(body: Json) -> Json:
    """The caller's own tools: `get_time` alone."""
    if "contents" in body:
        functions = body["tools"][0]["functionDeclarations"]
        kept = [tool for tool in functions if tool["name"] == "get_time"]
        return {**body, "tools": [{"functionDeclarations": kept}]}
    return {**body, "tools": [tool for tool in body["tools"] if "get_time" in str(tool)]}
