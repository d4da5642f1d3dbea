"""The same conversation, held by the JavaScript SDKs; see `test_conversation`."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Final

import pytest

from tests.conformance import conversation, wire
from tests.conformance import told as telling
from tests.conformance.conversation import Outcome
from tests.conformance.providers import PROVIDERS, script
from tests.conformance.test_conversation import check_outcome, check_told
from tests.harness.gateway import GatewayProcess
from tests.harness.node import run_script
from tests.harness.upstream import ScriptedUpstream

FINISHES: Final = {
    "openai-chat": ["tool_calls", "stop"],
    "openai-responses": ["completed", "completed"],
    "anthropic": ["tool_use", "end_turn"],
    "google-genai": ["STOP", "STOP"],
    "vercel-openai-compatible": ["tool-calls", "stop"],
    "vercel-anthropic": ["tool-calls", "stop"],
    "vercel-google": ["tool-calls", "stop"],
}
FORGETFUL: Final = {"vercel-openai-compatible"}
"""SDKs that do not hand reasoning back."""
SAID: Final = {
    "system": conversation.SYSTEM,
    "question": conversation.QUESTION,
    "picture": conversation.PICTURE,
    "tools": conversation.TOOLS,
    "descriptions": conversation.DESCRIPTIONS,
    "results": conversation.RESULTS,
    "maxTokens": conversation.MAX_TOKENS,
    "temperature": conversation.TEMPERATURE,
    "stops": conversation.STOP,
}


@dataclass(frozen=True)
class Plan:
    """One way through the gateway, as the script takes it."""

    caller: str
    url: str
    key: str
    model: str
    stream: bool
    stop: bool


@pytest.mark.parametrize("caller", FINISHES)
def test_a_conversation_with_tools(gateway: GatewayProcess, caller: str) -> None:
    with ExitStack() as stack:
        ways = []
        for kind in PROVIDERS.values():
            upstream = stack.enter_context(ScriptedUpstream(script(kind)))
            client = gateway.create_client(
                backend=kind.backend,
                base_url=upstream.base_url.removesuffix("/v1") + kind.root,
                backend_api_key="upstream-secret",
            )
            for stream in (False, True):
                plan = Plan(caller, gateway.url, client.api_key, kind.model, stream, kind.name != "responses")
                ways.append((kind, upstream, plan))
        printed = run_script(
            "conversation.mjs", {"ways": [asdict(plan) for _, _, plan in ways], "said": SAID}
        )
        for (kind, upstream, plan), seen in zip(ways, printed, strict=True):
            where = f"{caller} to {kind.name}, {'stream' if plan.stream else 'whole'}"
            assert "error" not in seen, f"{where}: {seen['error']}"
            outcome = Outcome.of(seen)
            check_outcome(outcome, FINISHES[caller])
            assert outcome.thoughts.strip() == wire.THOUGHT.strip(), where
            turns = upstream.seen[2:] if plan.stream else upstream.seen[:2]
            first, second = (telling.read(kind.name, turn.json) for turn in turns)
            stop = plan.stop and caller != "openai-responses"
            check_told(first, second, kind, outcome, stop=stop, kept=caller not in FORGETFUL)
