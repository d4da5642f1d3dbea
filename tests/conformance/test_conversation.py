"""Each SDK holds one conversation with tools with a model of each wire format, streamed and not.

What must hold in all of them: the model is told the same things, the program comes out with the same calls,
words and token counts, the provider gets its own signatures back, and what could not be told is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from tests.conformance import told as telling
from tests.conformance import wire
from tests.conformance.callers import CALLERS, Way
from tests.conformance.conversation import (
    MAX_TOKENS,
    PICTURE,
    QUESTION,
    RESULTS,
    STOP,
    SYSTEM,
    TEMPERATURE,
    TOOLS,
    Outcome,
)
from tests.conformance.providers import PROVIDERS, ProviderKind, script
from tests.conformance.told import Told
from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.upstream import ScriptedUpstream

FINISHES: Final = {
    "openai-chat": ["tool_calls", "stop"],
    "openai-responses": ["completed", "completed"],
    "anthropic": ["tool_use", "end_turn"],
    "google-genai": ["STOP", "STOP"],
}
DROPPED_NAMES: Final = {
    "temperature": {"temperature", "generationConfig.temperature"},
    "stop": {"stop", "stop_sequences", "generationConfig.stopSequences"},
}
"""How callers spell what a provider may not take."""


@dataclass(frozen=True)
class Model:
    """A scripted provider, and a client of the gateway for it."""

    kind: ProviderKind
    upstream: ScriptedUpstream
    client: ClientInfo


@pytest.fixture(scope="module", params=PROVIDERS.values(), ids=lambda kind: kind.name)
def model(request: pytest.FixtureRequest, gateway: GatewayProcess) -> Iterator[Model]:
    kind: ProviderKind = request.param
    with ScriptedUpstream(script(kind)) as upstream:
        client = gateway.create_client(
            backend=kind.backend,
            base_url=upstream.base_url.removesuffix("/v1") + kind.root,
            backend_api_key="upstream-secret",
        )
        yield Model(kind, upstream, client)


def supported(caller: str, kind: ProviderKind) -> bool:
    """The Responses API has no stop sequences: a caller who needs them is told so."""
    return not (kind.name == "responses" and caller in ("openai-chat", "anthropic", "google-genai"))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("caller", CALLERS)
def test_a_conversation_with_tools(gateway: GatewayProcess, model: Model, caller: str, stream: bool) -> None:
    outcome = Outcome()
    before = len(model.upstream.seen)
    stop = supported(caller, model.kind)
    way = Way(gateway, model.client.api_key, model.kind.model, stream, outcome, stop=stop)

    CALLERS[caller](way)

    check_outcome(outcome, FINISHES[caller])
    assert outcome.thoughts.strip() == wire.THOUGHT.strip()
    first, second = (telling.read(model.kind.name, seen.json) for seen in model.upstream.seen[before:])
    check_told(first, second, model.kind, outcome, stop=stop and caller != "openai-responses")


def check_outcome(outcome: Outcome, finishes: list[str]) -> None:
    assert outcome.calls == list(wire.CALLS)
    assert not any(outcome.call_ids) or len(set(outcome.call_ids)) == 2
    assert outcome.text == wire.TEXT
    assert outcome.finish == finishes
    assert outcome.usage == [(wire.INPUT, wire.CACHED, wire.OUTPUT)] * 2


def check_told(
    first: Told, second: Told, kind: ProviderKind, outcome: Outcome, *, stop: bool, kept: bool = True
) -> None:
    """`kept`: the SDK hands signatures back."""
    for turn in (first, second):
        assert turn.system == [SYSTEM]
        assert turn.user == [QUESTION]
        assert turn.images == [("image/png", PICTURE)]
        assert turn.tools == {name: schema["properties"] for name, schema in TOOLS.items()}
        assert turn.max_tokens == MAX_TOKENS
        assert turn.temperature == TEMPERATURE or outcome.dropped & DROPPED_NAMES["temperature"]
        if stop:
            assert turn.stop == STOP
    assert first.calls == []
    assert second.calls == list(wire.CALLS)
    assert second.results == list(RESULTS.items())
    if kind.keeps_signatures and kept:
        assert second.signatures == [wire.SIGNATURE]


@pytest.mark.parametrize("model", [PROVIDERS["responses"]], indirect=True, ids=["responses"])
def test_a_need_that_a_provider_cannot_meet_is_refused(gateway: GatewayProcess, model: Model) -> None:
    """Stop sequences change where the answer ends: they are never dropped."""
    way = Way(gateway, model.client.api_key, model.kind.model, False, Outcome(), stop=True)
    with pytest.raises(Exception, match="stop"):
        CALLERS["anthropic"](way)
