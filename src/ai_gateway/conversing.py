"""Gateway tool mode: calls of the gateway's own tools are run, and the model is asked on until it answers.

To the caller it is one answer, to its limits and its log row one request of several upstream calls.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from ai_gateway.answer_headers import answer_lines
from ai_gateway.answering import Opened, deliver, end_stream, pass_stream
from ai_gateway.asking import Asker, Order, Reader, check_plain
from ai_gateway.call import Call, Caller
from ai_gateway.core.chat import ChatRequest, Text, ToolCall, ToolResult
from ai_gateway.core.events import FinishReason
from ai_gateway.core.ledger import Entry
from ai_gateway.core.runs import as_task
from ai_gateway.core.server_tools import RunError, ServerTool, ToolBox, ToolOutcome, ToolRun
from ai_gateway.dialects.tool_conversation import Conversation, RoundExchange, takes_tools
from ai_gateway.errors import GatewayError, ToolLoop
from ai_gateway.policy.kept_turns import KeptResponse, KeptTurn, KeptTurns, Place
from ai_gateway.policy.restoring import restored, resumed
from ai_gateway.policy.snapshot import ClientPolicy
from ai_gateway.policy.targets import Target
from ai_gateway.providers import Provider

__all__ = ["Converser"]

RUNS_AT_ONCE = 8
"""Of one answer's calls; the others wait."""
MAX_RUNS = 64
"""Of one answer's calls; the model is told of the others that they were not run."""
MAX_NAME_CHARS = 64
"""Of a tool in the log: models make names up."""

_CANCELLED = ToolOutcome(parts=(), error=RunError.CANCELLED)
_TOO_MANY = ToolOutcome(
    parts=(Text(f"This call was not run: only the first {MAX_RUNS} of an answer are. Call it again."),),
    error=RunError.TOO_MANY,
)
_encode = msgspec.json.Encoder().encode


class Converser:
    """Carries on conversations in which the gateway runs tools."""

    def __init__(self, asker: Asker, toolbox: ToolBox, *, max_rounds: int) -> None:
        """`max_rounds`: how often tools are run for one request, at most."""
        self._asker = asker
        self._toolbox = toolbox
        self._max_rounds = max_rounds
        self._turns = KeptTurns()

    def reader(
        self,
        call: Call,
        client: ClientPolicy,
        body: bytes,
        provider: Provider,
        serves: Callable[[str | None], str | None],
    ) -> Reader | None:
        """Reads the request as the first round of a conversation; None where the client has no tool to offer,
        or the endpoint, or its `provider` beside what is asked, takes none.

        Raises: BadRequest.
        """
        if not takes_tools(call.endpoint):
            return None
        tools = self._toolbox.offered(client.settings.server_tools)
        if not tools:
            return None
        conversation = self._opened(call, client, body, tools)
        return conversation.exchange if conversation.offers(provider, serves) else None

    def _opened(
        self, call: Call, client: ClientPolicy, body: bytes, tools: Mapping[str, ServerTool]
    ) -> Conversation:
        check_plain(call)
        now_s = time.monotonic()
        find = partial(self._turns.find, client.id, now_s=now_s)
        find_response = partial(self._turns.find_response, client.id, now_s=now_s)

        def restore(request: ChatRequest) -> ChatRequest:
            return resumed(restored(request, find), find_response)

        return Conversation(
            call.endpoint,
            body,
            call.asked,
            call,
            tools=tools,
            restore=restore,
        )

    async def converse(
        self, order: Order, exchange: RoundExchange, caller: Caller, found: tuple[Opened, Target]
    ) -> None:
        """Deliver an answer that has begun, over as many rounds as it takes. Raises: GatewayError."""
        await as_task()
        conversation = exchange.conversation
        runs: list[ToolRun] = []
        while True:
            opened, target = found
            try:
                over = await self._deliver_round(order, exchange, caller, opened, target)
            finally:
                opened.response.close()
            if over:
                return
            results = await self._run_all(order, conversation, runs)
            reason: FinishReason | None = None
            if conversation.round.asks_caller:
                self._keep(order.client, conversation, results)
            else:
                conversation.ask_on(results, last=conversation.rounds + 1 >= self._max_rounds)
                reason = _reserve(order, conversation)
            if conversation.round.asks_caller or reason is not None:
                await _end(order, exchange, caller, opened, reason)
                return
            order, exchange = _next(order, conversation, target)
            try:
                again = await self._asker.ask(order)
            except GatewayError as error:
                await _fail(order, exchange, caller, error)
                return
            assert again is not None, "a conversation is always answered by a provider"
            found = again

    async def _deliver_round(
        self, order: Order, exchange: RoundExchange, caller: Caller, opened: Opened, target: Target
    ) -> bool:
        """Pass on what a round says. True where the answer is over. Raises: ToolLoop."""
        call, entry, watcher = order.call, order.entry, opened.watcher
        current = exchange.conversation.round
        if watcher is None:
            if not current.calls:
                self._keep_response(order.client, exchange.conversation)
                await _deliver_whole(call, caller, entry, opened)
                return True
            out = opened.body
        else:
            lines = b"" if caller.started else answer_lines(call, entry)
            out, failure = await pass_stream(caller, entry, opened, watcher, lines)
            if failure is not None or not current.calls:
                self._keep_response(order.client, exchange.conversation)
                broke = await end_stream(caller, entry, opened, watcher, lines, out, failure)
                if broke is not None and broke is not opened.fault:
                    self._asker.note_break(target, broke)
                return True
            await opened.response.drain()
        if exchange.conversation.rounds >= self._max_rounds:
            await _fail(order, exchange, caller, _too_many(self._max_rounds))
            return True
        entry.end_round(time.perf_counter())
        if out:
            if not caller.started:
                await caller.start(opened.response.status, opened.headers, lines=answer_lines(call, entry))
            entry.keep(out)
            await caller.write(out)
        return False

    async def _run_all(
        self, order: Order, conversation: Conversation, runs: list[ToolRun]
    ) -> list[ToolResult]:
        """Run a round's calls side by side. Cancelled with the request; never fails."""
        gate = asyncio.Semaphore(RUNS_AT_ONCE)

        async def run(call: ToolCall, number: int) -> ToolResult:
            async with gate:
                started_s, outcome = time.perf_counter(), _CANCELLED
                try:
                    if number >= MAX_RUNS:
                        outcome = _TOO_MANY
                    elif call.name in conversation.tools:
                        outcome = await self._toolbox.run(call.name, call.arguments)
                    else:  # what this client is not offered, its model cannot have run
                        outcome = _unknown(call.name, conversation)
                finally:
                    runs.append(_run_of(order, conversation, call, started_s, outcome))
            return ToolResult(
                call_id=call.id,
                content=outcome.parts,
                name=call.name,
                is_error=True if outcome.error else None,
            )

        calls = conversation.round.calls
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(run(call, number)) for number, call in enumerate(calls)]
        finally:  # also where the caller hangs up: its row says what ran
            order.entry.record.tool_log = _encode(runs).decode()
        return [task.result() for task in tasks]

    def _keep(self, client: ClientPolicy, conversation: Conversation, results: Sequence[ToolResult]) -> None:
        """For the request in which the caller answers its own calls."""
        turn = KeptTurn(
            place=Place.after(conversation.request.messages),
            messages=conversation.turn(),
            results=tuple(results),
            own_calls=conversation.round.own_calls,
        )
        self._turns.keep(client.id, turn, time.monotonic())
        self._keep_response(client, conversation, turn.results)

    def _keep_response(
        self, client: ClientPolicy, conversation: Conversation, results: tuple[ToolResult, ...] = ()
    ) -> None:
        """For the request that goes on after this answer by its id."""
        ids = conversation.response_ids()
        if ids is not None and (results or ids[0] != ids[1]):
            response = KeptResponse(id=ids[1], results=results)
            self._turns.keep_response(client.id, ids[0], response, time.monotonic())


def _unknown(name: str, conversation: Conversation) -> ToolOutcome:
    there = ", ".join(sorted([*conversation.tools, *conversation.own_tools]))
    text = f"There is no tool named {name[:MAX_NAME_CHARS]!r}. There are: {there}."
    return ToolOutcome(parts=(Text(text),), error=RunError.UNKNOWN)


def _run_of(
    order: Order, conversation: Conversation, call: ToolCall, started_s: float, outcome: ToolOutcome
) -> ToolRun:
    tool = conversation.tools.get(call.name)
    return ToolRun(
        name=call.name[:MAX_NAME_CHARS],
        source=tool.source if tool is not None else "",
        round=order.round,
        started_ms=round((started_s - order.call.started_s) * 1000, 3),
        duration_ms=round((time.perf_counter() - started_s) * 1000, 3),
        error=outcome.error,
    )


def _next(order: Order, conversation: Conversation, target: Target) -> tuple[Order, RoundExchange]:
    """The next round, for the provider that has answered so far: signed thoughts are its own."""
    exchange = conversation.exchange(target.upstream.provider, partial(_same, target))
    return msgspec.structs.replace(
        order, exchange=exchange, targets=(target,), round=order.round + 1
    ), exchange


def _same(target: Target, _: str | None) -> str | None:
    return target.model


def _too_many(rounds: int) -> ToolLoop:
    return ToolLoop(f"the model still calls tools after {rounds} rounds of them (tools.max_iterations)")


def _reserve(order: Order, conversation: Conversation) -> FinishReason | None:
    """Take the next round's share of the client's limits. Returns why there is none."""
    tokens, cap = conversation.input_estimate(), order.client.max_input_tokens
    if cap and tokens > cap:
        return FinishReason.CONTEXT_WINDOW
    if not order.reservation.another(tokens):
        return FinishReason.LENGTH
    order.input_tokens = tokens
    return None


async def _deliver_whole(call: Call, caller: Caller, entry: Entry, opened: Opened) -> None:
    """An answer that did not come as a stream. A stream that has begun ends with it."""
    if not caller.started:
        await deliver(call, caller, entry, opened)
        return
    entry.keep(opened.body)
    entry.settle(time.perf_counter())
    await caller.end(opened.body)


async def _end(
    order: Order, exchange: RoundExchange, caller: Caller, opened: Opened, reason: FinishReason | None
) -> None:
    """The last bytes, after tools have run: the caller's own are next, or there is no room for more."""
    body = exchange.conversation.end(exchange.context(), reason)
    await _deliver_whole(
        order.call, caller, order.entry, msgspec.structs.replace(opened, body=body, watcher=None)
    )


async def _fail(order: Order, exchange: RoundExchange, caller: Caller, error: GatewayError) -> None:
    """Tell the caller inside its stream. Raises: the `error`, where that has not begun."""
    if not caller.started:
        raise error
    order.entry.fail(error)
    out = exchange.conversation.encoder(exchange.context()).error_event(error)
    order.entry.keep(out)
    order.entry.settle(time.perf_counter())
    await caller.end(out)
