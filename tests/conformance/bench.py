"""A scripted provider behind the gateway, asked over HTTP in any caller's dialect."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass

from tests.conformance import asking, told
from tests.conformance.asking import Asked
from tests.conformance.providers import ProviderKind, send
from tests.conformance.wire import Said
from tests.harness.gateway import HOST, ClientInfo, GatewayProcess
from tests.harness.upstream import Reply, ScriptedUpstream, Seen


@dataclass(frozen=True)
class Bench:
    """A scripted provider and the gateway's client for it."""

    gateway: GatewayProcess
    kind: ProviderKind
    upstream: ScriptedUpstream
    client: ClientInfo

    def ask(self, caller: str, asked: Asked, *, stream: bool) -> tuple[int, bytes]:
        path, body = asking.request(caller, asked, self.kind.model, stream)
        connection = http.client.HTTPConnection(HOST, self.gateway.port, timeout=30)
        headers = {"authorization": f"Bearer {self.client.api_key}", "content-type": "application/json"}
        try:
            connection.request("POST", path, json.dumps(body).encode(), headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def says(self, said: Said) -> None:
        async def answer(seen: Seen, reply: Reply) -> None:
            await send(reply, self.kind.speak(self.kind.model, said, self.kind.streams(seen)))

        self.upstream.script = answer

    def told(self) -> told.Told:
        """What the provider was told last."""
        return told.read(self.kind.name, self.upstream.seen[-1].json)
