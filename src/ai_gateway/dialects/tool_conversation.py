"""A request that the gateway answers in rounds, running its own tools between them.

Everything goes through the canonical types, whatever dialects the caller and the provider speak: the gateway
must read the model's calls. To the caller it is one answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from ai_gateway.core.answer import collect
from ai_gateway.core.chat import (
    ChatRequest,
    DialectName,
    Message,
    Part,
    Role,
    Tool,
    ToolChoice,
    ToolResult,
)
from ai_gateway.core.events import Event, Failed, FinishReason, PartEnd, Start, TextDelta, ToolCallStart
from ai_gateway.core.server_tools import ServerTool
from ai_gateway.core.usage import Usage
from ai_gateway.dialects.content_array import ArrayEncoder
from ai_gateway.dialects.counting import estimate_tokens
from ai_gateway.dialects.endpoints import COMPLETIONS, Endpoint, Job
from ai_gateway.dialects.exchange import Settings
from ai_gateway.dialects.interface import (
    AnswerContext,
    Asked,
    Dialect,
    Rendered,
    StreamDecoder,
    StreamEncoder,
)
from ai_gateway.dialects.opening import dialect_for
from ai_gateway.dialects.registry import DIALECTS
from ai_gateway.dialects.relay_stream import Reply, StreamRelay
from ai_gateway.dialects.tool_history import fit_limits, in_words, plain, signed_calls, signed_only
from ai_gateway.dialects.tool_names import ToolNames
from ai_gateway.dialects.tool_offer import names_of, takes_more_tools
from ai_gateway.dialects.tool_round import Round
from ai_gateway.dialects.translated_stream import Meter, TranslatedStream, is_answer, renamed
from ai_gateway.dialects.translation import Moment, Translation
from ai_gateway.errors import BadRequest
from ai_gateway.providers import Provider

__all__ = ["Conversation", "RoundExchange", "takes_tools"]


def takes_tools(endpoint: Endpoint) -> bool:
    """Whether the gateway can offer tools there."""
    return endpoint.job is Job.CHAT and endpoint is not COMPLETIONS


class Conversation:
    """A caller's request, and what the rounds so far have made of it."""

    def __init__(
        self,
        endpoint: Endpoint,
        body: bytes,
        asked: Asked,
        moment: Moment,
        *,
        tools: Mapping[str, ServerTool],
        restore: Callable[[ChatRequest], ChatRequest],
    ) -> None:
        """`tools` are the gateway's, by name; one of a name that the caller uses itself is not offered.
        `restore` brings back what callers do not know of earlier turns.

        Raises: BadRequest.
        """
        assert endpoint.dialect is not None
        self.endpoint = endpoint
        self.body = body
        self.asked = asked
        self.moment = moment
        self.caller: Dialect = DIALECTS[endpoint.dialect]
        self.request = self.caller.parse_request(body, asked)
        """The caller's own."""
        _check(self.request)
        self.tools = tools
        self.own_tools = names_of(self.request.tools)
        offered = (_as_tool(tool) for name, tool in tools.items() if name not in self.own_tools)
        known = signed_only(restore(self.request))
        self.present = msgspec.structs.replace(known, tools=(*self.request.tools, *offered))
        """What the next round asks."""
        self.rounds = 0
        """That are over."""
        self.begun = False
        """Something of the answer is on its way to the caller."""
        self._asked_messages = len(self.present.messages)
        self._used: Usage | None = None
        self._spoke = False
        self._first_id: str | None = None
        self.round = self._round()
        """The latest try at the present one."""
        self._lead: list[Event] = []
        """What introduces the answer, and waits for its first content."""
        self._shown: list[Event] = []
        """The answer so far, where it does not stream."""
        self._encoder: StreamEncoder | None = None
        self._target = self.caller.name

    def offers(self, provider: Provider, serves: Callable[[str | None], str | None]) -> bool:
        """Whether `provider` takes the gateway's tools in this request."""
        model = serves(self.request.model or None) or ""
        target = dialect_for(self.endpoint, provider, self.present, model)
        return takes_more_tools(self.request, target, model)

    def exchange(self, provider: Provider, serves: Callable[[str | None], str | None]) -> RoundExchange:
        """The present round for `provider`; `serves` tells the model behind the caller's name."""
        model = serves(self.request.model or None) or ""
        self._target = dialect_for(self.endpoint, provider, self.present, model)
        if not self.offers(provider, serves):
            self.present = msgspec.structs.replace(self.present, tools=self.request.tools)
        if self._target is DialectName.GEMINI is self.caller.name:
            self.present = signed_calls(self.present, model)
        return RoundExchange(self, provider, self._target)

    def begin(self) -> Round:
        """A try at the present round. One that fails has left no trace."""
        self.round = self._round()
        return self.round

    def lead(self) -> list[Event]:
        """What must go out before the first content of this round."""
        return list(self._lead)

    def encoder(self, context: AnswerContext) -> StreamEncoder:
        """Of the whole answer: it does not end with a round."""
        if self._encoder is None or not self.begun:
            encoder = self.caller.stream_encoder(context)
            self._encoder = ArrayEncoder(encoder) if self.asked.array else encoder
        return self._encoder

    def hold(self, lead: list[Event]) -> None:
        """A round is over, and has said nothing yet."""
        self._lead = lead

    def show(self, events: Iterable[Event]) -> None:
        """Add to an answer that does not stream."""
        self._shown += events

    def whole(self, context: AnswerContext) -> bytes:
        """An answer that does not stream."""
        return self.caller.encode_response(collect(self._shown), context)

    def ask_on(self, results: Sequence[ToolResult], *, last: bool) -> None:
        """The present round is over, and its calls have been answered: prepare the next one. `last`: the
        model must do without the gateway's tools. That one must be called, a caller means of its own."""
        if not self.rounds:
            self._first_id = self.round.id
        self.rounds += 1
        self._used = self.round.usage
        self._spoke = self._spoke or self.round.spoke
        choice, tools = self.present.tool_choice, self.present.tools
        if not self.own_tools:
            if last:
                choice = ToolChoice(mode="none")
            elif choice is not None and choice.mode == "required":
                choice = msgspec.structs.replace(choice, mode="auto")  # what was required has been done
        elif last:
            tools = self.request.tools
        self.present = msgspec.structs.replace(
            self.present,
            messages=(
                *self.present.messages,
                Message(role=Role.ASSISTANT, parts=self._said()),
                Message(role=Role.USER, parts=tuple(results)),
            ),
            tools=tools,
            tool_choice=choice,
        )

    def response_ids(self) -> tuple[str, str] | None:
        """By which the caller, and the provider, know the answer, where the provider keeps it by an id."""
        last = self.round.id
        if self._target is not DialectName.OPENAI_RESPONSES or self.caller.name is not self._target:
            return None
        first = self._first_id if self.request.stream and self.rounds else last
        return (first, last) if first and last else None

    def turn(self) -> tuple[Message, ...]:
        """All that was said since the caller's request, the present round last."""
        message = Message(role=Role.ASSISTANT, parts=self._said())
        return (*self.present.messages[self._asked_messages :], message)

    def in_words(self) -> None:
        """Tell the next round of media that tools have brought in words: its provider takes none there."""
        self.present = msgspec.structs.replace(
            self.present,
            messages=(
                *self.present.messages[: self._asked_messages],
                *(in_words(message) for message in self.present.messages[self._asked_messages :]),
            ),
        )

    def input_estimate(self) -> int:
        """Tokens of the present round's input."""
        return estimate_tokens(self.present)

    def end(self, context: AnswerContext, reason: FinishReason | None = None) -> bytes:
        """The last bytes of the answer, after the tools of the present round: all of it where it does not
        stream. `reason`: why it ends although the model would go on."""
        events = self.round.conclude(reason)
        if not self.request.stream:
            self.show(events)
            return self.whole(context)
        encoder = self.encoder(context)
        lead, self._lead, self.begun = self._lead, [], True
        return b"".join(map(encoder.feed, [*lead, *events])) + encoder.finish()

    def _said(self) -> tuple[Part, ...]:
        """In the present round, by the model."""
        if self._target is self.caller.name:
            return self.round.parts
        return tuple(map(plain, self.round.parts))

    def _round(self) -> Round:
        separator: tuple[Event, ...] = ()
        if self.rounds and self._spoke:
            # A part of its own; where all text is one string, at least a paragraph.
            chat = self.caller.name is DialectName.OPENAI_CHAT
            separator = (PartEnd(), TextDelta("\n\n")) if chat else (PartEnd(),)
        form = self.request.output_format
        return Round(
            self.own_tools,
            used=self._used if self.rounds else None,
            whole_text=form is not None and form.kind != "text",
            separator=separator,
        )


class RoundExchange(Translation):
    """One round: to the rest of the gateway an exchange like any other."""

    def __init__(self, conversation: Conversation, provider: Provider, target: DialectName) -> None:
        super().__init__(
            conversation.endpoint,
            conversation.caller,
            conversation.present,
            body=conversation.body,
            provider=provider,
            target=target,
            moment=conversation.moment,
            array=conversation.asked.array,
        )
        self._asked = conversation.request
        self.conversation = conversation
        self.foreign = target is not conversation.caller.name

    def render(self, settings: Settings, provider: Provider) -> Rendered | None:
        if self.canonical is not None:
            self.conversation.present = self.canonical  # what was fetched is not fetched again
        try:
            return super().render(settings, provider)
        except BadRequest:
            if not self.conversation.rounds:
                raise
        self.conversation.in_words()
        self.canonical = self.conversation.present
        return super().render(settings, provider)

    def _instructed(self, settings: Settings) -> ChatRequest:
        wanted = super()._instructed(settings)
        return wanted if self.foreign else fit_limits(self._request, wanted)

    def stream(self, rendered: Rendered, credential: str) -> StreamRelay:
        return RoundStream(
            self.conversation, self._target.stream_decoder(self._provider), self.context(), self._names
        )

    def whole(self, body: bytes) -> tuple[bytes, Reply]:
        return self._collected(self._target.decode_response(body))

    def convert(self, body: bytes, *, streamed: bool) -> tuple[bytes, Reply]:
        if streamed:
            decoder = self._target.stream_decoder(self._provider)
            return self._collected([*decoder.feed(body), *decoder.finish()])
        answer = RoundStream(
            self.conversation, _Whole(self._target.decode_response(body)), self.context(), self._names
        )
        out = answer.finish()
        if answer.failure is not None:
            raise answer.failure
        return out, answer.reply()

    def context(self) -> AnswerContext:
        return self._context()

    def _collected(self, events: list[Event]) -> tuple[bytes, Reply]:
        """The round of an answer that does not stream: empty bytes where another one follows."""
        conversation, meter = self.conversation, Meter()
        current = conversation.begin()
        shown: list[Event] = []
        for event in renamed(events, self._names):
            if isinstance(event, Failed):
                raise event.error
            meter.see(event)
            shown += current.take(event)
        if current.calls:
            conversation.show(shown + ([] if current.asks_caller else current.goes_on()))
            return b"", meter.reply()
        conversation.show(shown + current.conclude())
        return conversation.whole(self.context()), meter.reply()


class _Whole:
    """An answer that came whole, where a stream was asked for."""

    done = True

    def __init__(self, events: list[Event]) -> None:
        self._events = events

    def feed(self, chunk: bytes) -> list[Event]:
        return []

    def finish(self) -> list[Event]:
        return self._events


class RoundStream(TranslatedStream):
    """A round's stream, on its way to the caller."""

    __slots__ = ("_conversation", "_held", "_round")

    def __init__(
        self, conversation: Conversation, decoder: StreamDecoder, context: AnswerContext, names: ToolNames
    ) -> None:
        super().__init__(decoder, conversation.encoder(context), names, several=False)
        self._conversation = conversation
        self._round = conversation.begin()
        self._held = conversation.lead()

    def _take(self, event: Event) -> bytes:
        if self._names and isinstance(event, ToolCallStart):
            event = msgspec.structs.replace(event, name=self._names.get(event.name, event.name))
        return self._show(self._round.take(event))

    def _show(self, events: list[Event]) -> bytes:
        """Nothing goes out before the first content, so that until then another try leaves no trace."""
        if self._conversation.rounds:  # a stream begins once, and has one id
            events = [event for event in events if not isinstance(event, Start)]
        if not self.content:
            self._held += events
            if not any(map(is_answer, events)):
                return b""
            events, self._held = self._held, []
            self.content = self._conversation.begun = True
            self._conversation.hold([])
        return b"".join(map(self._encoder.feed, events))

    def _last(self) -> bytes:
        """What is owed after the provider's last word: nothing yet where the gateway's tools come first."""
        if self._round.calls:
            out = b"" if self._round.asks_caller else self._show(self._round.goes_on())
            if not self.content:
                self._conversation.hold(self._held)
            return out
        return self._show(self._round.conclude()) + self._encoder.finish()


def _check(request: ChatRequest) -> None:
    """Raises: BadRequest where the answer cannot be made in rounds."""
    if (request.n or 1) > 1:
        raise BadRequest(f"{_WITH_TOOLS}, and come one at a time: leave 'n' at 1", param="n")
    for name in ("conversation", "background"):
        if bytes((request.extra or {}).get(name, b"null")) not in (b"null", b"false"):
            raise BadRequest(f"{_WITH_TOOLS}, which cannot be done with '{name}'", param=name)


_WITH_TOOLS = "this client's answers may use the gateway's tools"


def _as_tool(tool: ServerTool) -> Tool:
    return Tool(name=tool.name, description=tool.description or None, parameters=tool.parameters, ours=True)
