"""Events of a stream, put together into an answer."""

from __future__ import annotations

import msgspec
import pytest

from ai_gateway.core.answer import collect
from ai_gateway.core.chat import Citation, DialectName, Image, Refusal, Text, Thinking, ToolCall, Url
from ai_gateway.core.events import (
    CitationAdded,
    Event,
    Extension,
    Failed,
    Finish,
    FinishReason,
    Logprobs,
    PartDone,
    PartEnd,
    RefusalDelta,
    Start,
    TextDelta,
    ThinkingDelta,
    ThinkingEnd,
    TokenLogprob,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from ai_gateway.core.signature import Signature
from ai_gateway.core.usage import Usage
from ai_gateway.errors import UpstreamError

SIGNED = Signature("anthropic", "s")
SOURCE = Citation(dialect=DialectName.ANTHROPIC, raw=msgspec.Raw(b"{}"), url="https://x.test")

PARTS: list[tuple[str, list[Event], tuple[object, ...]]] = [
    ("text in pieces", [TextDelta("a"), TextDelta("b")], (Text("ab"),)),
    ("two texts", [TextDelta("a"), PartEnd(), TextDelta("b")], (Text("a"), Text("b"))),
    (
        "thought, then text",
        [ThinkingDelta("t"), ThinkingEnd(signature=SIGNED), TextDelta("a")],
        (Thinking("t", SIGNED), Text("a")),
    ),
    ("a thought without an end", [ThinkingDelta("t"), TextDelta("a")], (Thinking("t"), Text("a"))),
    (
        "a redacted thought",
        [ThinkingEnd(redacted=True, signature=SIGNED)],
        (Thinking("", SIGNED, redacted=True),),
    ),
    ("a refusal", [RefusalDelta("no"), RefusalDelta("!")], (Refusal("no!"),)),
    ("a signature on no text", [PartEnd(signature=SIGNED)], (Text("", signature=SIGNED),)),
    (
        "calls that interleave",
        [
            TextDelta("a"),
            ToolCallStart(index=0, id="1", name="f"),
            ToolCallStart(index=1, id="2", name="g"),
            ToolCallDelta(1, '{"b"'),
            ToolCallDelta(0, '{"a":1}'),
            ToolCallDelta(1, ":2}"),
            ToolCallEnd(0),
            ToolCallEnd(1),
        ],
        (Text("a"), ToolCall("1", "f", '{"a":1}'), ToolCall("2", "g", '{"b":2}')),
    ),
    ("a call of nothing", [ToolCallStart(index=0, id="1", name="f")], (ToolCall("1", "f", "{}"),)),
    (
        "a citation",
        [TextDelta("a"), CitationAdded(citation=SOURCE), TextDelta("b")],
        (Text("ab", citations=(SOURCE,)),),
    ),
    ("a picture", [TextDelta("a"), PartDone(part=Image(Url("u")))], (Text("a"), Image(Url("u")))),
]


@pytest.mark.parametrize(("_name", "events", "parts"), PARTS, ids=[row[0] for row in PARTS])
def test_parts(_name: str, events: list[Event], parts: tuple[object, ...]) -> None:
    (choice,) = collect([Start(), *events, Finish(reason=FinishReason.STOP)]).choices
    assert choice.parts == parts


def test_what_belongs_to_the_answer() -> None:
    extension = Extension(dialect=DialectName.GEMINI, name="safety", raw=msgspec.Raw(b"1"))
    tokens = (TokenLogprob("a", -0.5),)
    answer = collect(
        [
            Start(id="x", model="m"),
            TextDelta("a", 1),
            TextDelta("b", 0),
            Logprobs(tokens=tokens, choice=1),
            extension,
            Finish(reason=FinishReason.STOP, choice=0),
            Finish(reason=FinishReason.LENGTH, choice=1),
            UsageReport(Usage(input=1)),
            UsageReport(Usage(input=2)),
        ]
    )
    assert (answer.start.id, answer.start.model) == ("x", "m")
    assert [choice.text for choice in answer.choices] == ["b", "a"]
    assert answer.choices[1].logprobs == tokens
    assert answer.choices[0].extensions == (extension,)
    assert answer.usage == Usage(input=2)


def test_a_reported_failure_is_raised() -> None:
    with pytest.raises(UpstreamError, match="broken"):
        collect([Start(), TextDelta("a"), Failed(UpstreamError("broken"))])
