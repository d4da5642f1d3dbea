"""One round of a conversation in which the gateway runs tools: which of the model's words reach the caller.

Calls of the gateway's own tools are kept back, all else goes on: the caller sees one answer, however many
rounds it takes.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from ai_gateway.core.answer import ChoiceBuilder
from ai_gateway.core.chat import Opaque, Part, ToolCall
from ai_gateway.core.events import (
    ChoiceEvent,
    CitationAdded,
    Event,
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
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from ai_gateway.core.usage import Usage
from ai_gateway.errors import UpstreamError

__all__ = ["Round", "added"]

MAX_CHARS = 64 * 1024 * 1024
"""Of one round's answer: it goes back to the model whole."""
MAX_CALLS = 256
"""In one round."""

_CUT = frozenset(
    {
        FinishReason.LENGTH,
        FinishReason.CONTEXT_WINDOW,
        FinishReason.CONTENT_FILTER,
        FinishReason.REFUSAL,
    }
)
"""The model was stopped: a call before that may be half a call, and nothing is run."""

_CALLERS = frozenset(
    {"apply_patch_call", "computer_call", "local_shell_call", "mcp_approval_request", "shell_call"}
)
"""Items of the Responses API that are no functions, and that the caller must answer."""


class Round:
    """What one answer of a provider says, sorted."""

    def __init__(
        self,
        own_tools: Collection[str],
        *,
        used: Usage | None,
        whole_text: bool,
        separator: tuple[Event, ...],
    ) -> None:
        """`own_tools` are the caller's. `used` is what earlier rounds have used; `whole_text` keeps text back
        until it is known to be the answer's; `separator` comes before the first text."""
        self._own_tools = own_tools
        self._used = used
        self._whole_text = whole_text
        self._separator = separator
        self._said = ChoiceBuilder(0)
        self._size = 0
        self._parts: tuple[Part, ...] | None = None
        self._thought: ThinkingEnd | None = None
        """Ended, with its signature: what follows decides whether the caller gets that."""
        self._thinks = False
        """Thoughts have gone to the caller that are not ended."""
        self._hid = False
        """What came last is a call that the caller is not shown."""
        self._kept_text: list[Event] = []
        self._shown: dict[int, int] = {}
        """The caller's calls: the provider's index, and the caller's."""
        self._hidden: set[int] = set()
        self._awaits = False
        """A call of another kind has gone to the caller."""
        self._usage: Usage | None = None
        self.id: str | None = None
        """The provider's, of this round's answer."""
        self.finish: Finish | None = None
        self.spoke = False
        """Text has gone to the caller."""

    @property
    def usage(self) -> Usage | None:
        """Of this round and those before."""
        return added(self._used, self._usage)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """Those that are the gateway's to run; none where the model was stopped in the middle."""
        if not self._hidden or (self.finish is not None and self.finish.reason in _CUT):
            return ()
        return tuple(
            part for part in self.parts if isinstance(part, ToolCall) and part.name not in self._own_tools
        )

    @property
    def own_calls(self) -> tuple[ToolCall, ...]:
        """Those that are the caller's to run."""
        return tuple(
            part for part in self.parts if isinstance(part, ToolCall) and part.name in self._own_tools
        )

    @property
    def asks_caller(self) -> bool:
        """Whether the next word is the caller's."""
        return bool(self._shown) or self._awaits

    @property
    def parts(self) -> tuple[Part, ...]:
        """All that the model said, when it is over."""
        if self._parts is None:
            self._parts = self._said.build().parts
        return self._parts

    def take(self, event: Event) -> list[Event]:
        """What the caller gets of an event. Raises: UpstreamError where there is more than can be kept."""
        match event:
            case Start(id=identifier):
                self.id = identifier
                return [event]
            case UsageReport(usage):
                self._usage = usage
                total = self.usage
                assert total is not None
                return [UsageReport(total)]
            case Failed():
                return [event]
            case _ if event.choice:
                return []  # one answer was asked for
            case _:
                self._keep(event)
                return self._sort(event)

    def _keep(self, event: ChoiceEvent) -> None:
        self._size += len(getattr(event, "text", "") or getattr(event, "arguments", ""))
        if isinstance(event, PartDone):
            self._size += len(msgspec.json.encode(event.part))
        if self._size > MAX_CHARS:
            raise UpstreamError(f"the upstream's answer is longer than {MAX_CHARS} characters")
        if isinstance(event, ToolCallStart) and event.index >= MAX_CALLS:
            raise UpstreamError(f"the model calls more than {MAX_CALLS} tools at once")
        self._said.take(event)

    def _sort(self, event: ChoiceEvent) -> list[Event]:
        """What the caller gets of what the model says."""
        match event:
            case Finish():
                self.finish = event
                return []
            case ThinkingEnd():
                thinks = self._thinks and self._thought is None
                shown = self._settled(hidden=self._hid)
                self._thought, self._thinks = event, thinks
                return shown
            case ToolCallStart() | ToolCallDelta() | ToolCallEnd():
                return self._call(event)
            case TextDelta() | PartEnd() | CitationAdded() | Logprobs() if self._whole_text:
                self._kept_text.append(event)
                return []
            case TextDelta() | RefusalDelta():
                return [*self._settled(hidden=False), *self._speak(event)]
            case ThinkingDelta():
                shown = [*self._settled(hidden=self._hid), event]
                self._thinks = True
                return shown
            case PartDone(part=Opaque(kind=kind)) if kind in _CALLERS:
                self._awaits = True
                return [*self._settled(hidden=False), event]
            case _:
                return [*self._settled(hidden=False), event]

    def conclude(self, reason: FinishReason | None = None) -> list[Event]:
        """What the caller gets at the end of the whole answer. `reason`: why it ends although the model
        would go on."""
        events = self._settled(hidden=self._hid)
        for event in self._kept_text:
            events += self._speak(event) if isinstance(event, TextDelta) else [event]
        finish = self.finish
        if reason is not None:
            finish = Finish(reason=reason)
        elif finish is not None and finish.reason is FinishReason.TOOL_CALLS and not self.asks_caller:
            finish = Finish(reason=FinishReason.STOP)
        if finish is not None:
            events.append(finish)
        return events

    def goes_on(self) -> list[Event]:
        """What the caller gets where another round follows."""
        self._kept_text = []
        return self._settled(hidden=True)

    def _speak(self, event: TextDelta | RefusalDelta) -> list[Event]:
        if self.spoke or not event.text:
            return [event]
        self.spoke = True
        return [*self._separator, event]

    def _call(self, event: ToolCallStart | ToolCallDelta | ToolCallEnd) -> list[Event]:
        if isinstance(event, ToolCallStart):
            if event.name not in self._own_tools:
                self._hidden.add(event.index)
                self._hid = True
                return []  # a call of the caller's may follow: the thoughts before are of both
            self._shown[event.index] = len(self._shown)
        index = self._shown.get(event.index)
        if index is None:
            return []
        return [*self._settled(hidden=False), msgspec.structs.replace(event, index=index)]

    def _settled(self, *, hidden: bool) -> list[Event]:
        """The end of the thoughts so far. Signed thoughts must come back with what they led to: where that is
        `hidden` from the caller, it does not get the signature."""
        end, self._thought = self._thought, None
        thinks, self._thinks = self._thinks, False
        self._hid = False
        if end is None:
            return []
        if not hidden:
            return [end]
        return [ThinkingEnd()] if thinks else []


_SUMS = tuple(
    name
    for name in Usage.__struct_fields__
    if name not in ("tier", "others", "reported_usd", "estimated", "raw")
)


def added(first: Usage | None, second: Usage | None) -> Usage | None:
    """The sum of two rounds' usage; `raw` is the second's."""
    if first is None or second is None:
        return second or first
    sums = {name: getattr(first, name) + getattr(second, name) for name in _SUMS}
    told = [usage.reported_usd for usage in (first, second) if usage.reported_usd is not None]
    return Usage(
        **sums,
        tier=second.tier,
        others=first.others + second.others,
        reported_usd=sum(told) if told else None,
        estimated=first.estimated or second.estimated,
        raw=second.raw,
    )
