"""`ai-gateway secrets rotate` under a gateway that serves."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable

from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.upstream import Reply, ScriptedUpstream, Seen, completion
from tests.harness.waiting import wait_until

SECRET = "sk-upstream-rotated-9135"


async def _script(_: Seen, reply: Reply) -> None:
    await reply.json(completion("Hi"))


def ask(gateway: GatewayProcess, client: ClientInfo) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}]})
    connection.request("POST", "/v1/chat/completions", body, {"authorization": f"Bearer {client.api_key}"})
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_running_gateway_sees_the_new_key(new_gateway: Callable[..., GatewayProcess]) -> None:
    with ScriptedUpstream(_script) as upstream:
        gateway = new_gateway(config={})

        def create() -> ClientInfo:
            return gateway.create_client(
                backend="openai-compatible", base_url=upstream.base_url, backend_api_key=SECRET
            )

        client = create()
        key_file = gateway.database_path.parent / "secret.key"
        old = key_file.read_text()
        over = threading.Event()
        found: set[int] = set()

        def busy() -> None:
            while not over.is_set():
                found.add(ask(gateway, client))

        caller = threading.Thread(target=busy)
        caller.start()
        try:
            printed = gateway.cli("secrets", "rotate", "--json").stdout
            [version] = gateway.query("SELECT version FROM changes")
            later = create()
            wait_until(lambda: ask(gateway, later) == 200, what="the client of the new key")
        finally:
            over.set()
            caller.join()
        assert json.loads(printed) == {"reencrypted": 1}
        assert version["version"] > 0
        assert found == {200}
        assert key_file.read_text() != old
        assert gateway.get_status("/health/ready") == 200
        gateway.restart()
        assert ask(gateway, client) == ask(gateway, later) == 200
        assert {seen.headers["authorization"] for seen in upstream.seen} == {f"Bearer {SECRET}"}
        assert old.strip() not in gateway.stdout() + gateway.stderr()
