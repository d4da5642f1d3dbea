"""Signatures come back from any dialect's slot as they were made."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.core.signature import Signature, unwrap, wrap

DIALECTS = ("openai_chat", "openai_responses", "anthropic", "gemini")
signatures = st.builds(
    Signature,
    dialect=st.sampled_from(DIALECTS),
    value=st.text(min_size=1),
    kind=st.sampled_from(["", "redacted", "tool_call"]),
    item=st.text(max_size=20),
)


@given(signature=signatures, slot=st.sampled_from(DIALECTS))
def test_a_foreign_signature_survives_the_slot(signature: Signature, slot: str) -> None:
    if signature.dialect == slot:
        assert wrap(signature, slot) == signature.value
    else:
        assert unwrap(wrap(signature, slot), slot) == signature


@given(signature=signatures)
def test_the_alphabet_for_urls_is_as_good(signature: Signature) -> None:
    slot = "openai_chat" if signature.dialect == "gemini" else "gemini"
    text = wrap(signature, slot).replace("+", "-").replace("/", "_")
    assert unwrap(text, slot) == signature


def test_a_wrapped_one_is_base64_for_slots_that_demand_it() -> None:
    text = wrap(Signature("anthropic", "Eq=="), "gemini")
    assert base64.b64decode(text, validate=True)


@pytest.mark.parametrize("text", ["", "Eq==", "not base64 ·", "YWlndzE6", "YWlndzE6!!", "YWlndzE6e30="])
def test_anything_else_is_the_slots_own(text: str) -> None:
    assert unwrap(text, "anthropic", kind="redacted", item="i") == Signature(
        "anthropic", text, "redacted", "i"
    )
