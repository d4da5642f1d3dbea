"""A stream that would go past its quota ends there, as an answer of full length does in its dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from tests.conformance import asking, heard
from tests.conformance.asking import CALLERS, Asked
from tests.conformance.providers import PROVIDERS, ProviderKind
from tests.conformance.wire import INPUT, Said
from tests.harness.burst import ask, at_once, request
from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.upstream import Reply, ScriptedUpstream, Seen
from tests.harness.waiting import wait_until

QUOTA = 200
"""Output tokens."""
WORD = "word"
"""A token as the gateway estimates it."""
LAST = {"chat": "length", "responses": "max_output_tokens", "anthropic": "max_tokens", "gemini": "MAX_TOKENS"}


class Talker(ScriptedUpstream):
    """Says more than it was asked for, never ends, and notes who hung up."""

    def __init__(self) -> None:
        super().__init__(self._talk)
        self.left: list[str] = []

    async def _talk(self, seen: Seen, reply: Reply) -> None:
        kind = PROVIDERS[seen.target.split("/")[1]]
        pieces = kind.speak(kind.model, Said((WORD,) * 3 * QUOTA), True)
        assert isinstance(pieces, list)
        events = b"".join(pieces).split(b"\n\n")
        try:
            await reply.start_stream()
            for event in events[: 2 * QUOTA]:
                await reply.piece(event + b"\n\n")
            await reply.hung_up()
        finally:
            self.left.append(kind.name)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Talker]:
    with Talker() as server:
        yield server


def chat(gateway: GatewayProcess, key: str, model: str) -> tuple[str, str]:
    """Text and finish reason."""
    text, finish = "", ""
    with openai.OpenAI(
        base_url=gateway.base_url, api_key=key, max_retries=0, _strict_response_validation=True
    ) as sdk:
        for chunk in sdk.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "hi"}], stream=True
        ):
            for choice in chunk.choices:
                text += choice.delta.content or ""
                finish = choice.finish_reason or finish
    return text, finish


def responses(gateway: GatewayProcess, key: str, model: str) -> tuple[str, str]:
    with openai.OpenAI(
        base_url=gateway.base_url, api_key=key, max_retries=0, _strict_response_validation=True
    ) as sdk:
        *_, last = sdk.responses.create(model=model, input="hi", stream=True)
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    return last.response.output_text, str(last.response.incomplete_details.reason)


def messages(gateway: GatewayProcess, key: str, model: str) -> tuple[str, str]:
    asked: Any = {"model": model, "max_tokens": 5000, "messages": [{"role": "user", "content": "hi"}]}
    with (
        anthropic.Anthropic(
            base_url=gateway.url, auth_token=key, max_retries=0, _strict_response_validation=True
        ) as sdk,
        sdk.messages.stream(**asked) as stream,
    ):
        answer = stream.get_final_message()
    text = "".join(block.text for block in answer.content if block.type == "text")
    return text, str(answer.stop_reason)


def contents(gateway: GatewayProcess, key: str, model: str) -> tuple[str, str]:
    text, finish = "", ""
    with genai.Client(api_key=key, http_options=types.HttpOptions(base_url=gateway.url)) as sdk:
        for chunk in sdk.models.generate_content_stream(model=model, contents="hi"):
            for candidate in chunk.candidates or ():
                parts = (candidate.content.parts if candidate.content else None) or []
                text += "".join(part.text or "" for part in parts)
                finish = candidate.finish_reason.value if candidate.finish_reason else finish
    return text, finish


SDKS: dict[str, Callable[[GatewayProcess, str, str], tuple[str, str]]] = {
    "chat": chat,
    "responses": responses,
    "anthropic": messages,
    "gemini": contents,
}


Fresh = Callable[[str, ProviderKind], ClientInfo]


@pytest.fixture(scope="module")
def fresh(gateway: GatewayProcess, upstream: Talker) -> Fresh:
    """Clients whose quota is untouched, two for each caller and provider."""
    pairs = [(caller, kind) for caller in CALLERS for kind in PROVIDERS.values()] * 2
    made = gateway.create_clients(
        [
            {
                "backend": kind.backend,
                "base_url": f"{upstream.url}/{kind.name}{kind.root}",
                "backend_api_key": "sk-upstream-planted",
                "quota_output_tokens_day": QUOTA,
            }
            for _, kind in pairs
        ]
    )
    left = list(zip(pairs, made, strict=True))

    def take(caller: str, kind: ProviderKind) -> ClientInfo:
        index = next(at for at, (pair, _) in enumerate(left) if pair == (caller, kind))
        return left.pop(index)[1]

    return take


@pytest.mark.parametrize("kind", PROVIDERS.values(), ids=lambda kind: kind.name)
@pytest.mark.parametrize("caller", CALLERS)
def test_a_stream_ends_at_its_quota(
    gateway: GatewayProcess, upstream: Talker, fresh: Fresh, kind: ProviderKind, caller: str
) -> None:
    client = fresh(caller, kind)
    left = len(upstream.left)
    text, finish = SDKS[caller](gateway, client.api_key, kind.model)
    assert finish == LAST[caller]
    assert text == WORD * QUOTA
    wait_until(lambda: len(upstream.left) > left, what="the upstream being hung up on")
    (row,) = gateway.requests_of(client)
    assert (row["status"], row["output_tokens"], row["usage_estimated"]) == (200, QUOTA, 1)
    path, body = asking.request(caller, Asked(), kind.model, True)
    after = ask(gateway.port, request(client, path, body))
    assert after.status == 429
    assert heard.error_of(caller, after.body) == f"quota reached: {QUOTA} output tokens a day"


@pytest.mark.parametrize("kind", PROVIDERS.values(), ids=lambda kind: kind.name)
async def test_a_stream_that_is_cut_keeps_to_the_wire_format(
    gateway: GatewayProcess, fresh: Fresh, kind: ProviderKind
) -> None:
    for caller in CALLERS:
        path, body = asking.request(caller, Asked(), kind.model, True)
        body |= {"stream_options": {"include_usage": True}} if caller == "chat" else {}
        (answer,) = await at_once(gateway.port, [request(fresh(caller, kind), path, body)])
        assert (answer.status, answer.complete) == (200, True)
        found = heard.read(caller, answer.body, True)
        assert (found.text, found.finish, found.error) == (WORD * QUOTA, LAST[caller], "")
        assert found.usage[2] == QUOTA
        if kind.name in ("anthropic", "gemini"):  # which tell the input before the text
            assert found.usage[0] == INPUT
