"""A caller's request, with what the gateway's tools did in earlier turns put back.

Callers know only of their own calls, and each says in its own way what the model said: as one message or
several, the calls one after the other or each followed by its result, with the calls' ids or (Gemini's SDKs)
without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from ai_gateway.core.chat import ChatRequest, DialectName, Message, Part, Role, ToolCall, ToolResult
from ai_gateway.policy.kept_turns import KeptResponse, KeptTurn, Place

__all__ = ["Find", "restored", "resumed"]

Find = Callable[[str, str], KeptTurn | None]
"""By place, and id of a call there; an empty one: the latest turn of the place."""

_PREVIOUS = "previous_response_id"
_encode = msgspec.json.Encoder().encode


def restored(request: ChatRequest, find: Find) -> ChatRequest:
    """The request with the turns that `find` still has, in place of what the caller knows of them."""
    restorer = _Restorer(request, find)
    restorer.run()
    if not restorer.ids:
        return request
    return msgspec.structs.replace(request, messages=tuple(restorer.out))


class _Restorer:
    def __init__(self, request: ChatRequest, find: Find) -> None:
        self.out: list[Message] = []
        self.ids: dict[str, str] = {}
        """Of calls that were found: the caller's id, and the one that the model knows."""
        self._messages = request.messages
        self._find = find
        self._without_ids = request.dialect is DialectName.GEMINI
        self._place = Place()
        self._at = 0
        self._paired: set[str] = set()
        """Calls of the present turn that the caller knows of."""

    def run(self) -> None:
        while self._at < len(self._messages):
            run = self._run()
            turn = self._turn_of(run) if run else None
            if turn is not None:
                self._put_back(turn)
            elif run:
                self.out += run
            else:
                self.out.append(self._next())

    def _next(self) -> Message:
        """The next message, with the ids that the model knows."""
        message = self._messages[self._at]
        self._at += 1
        self._place.pass_by(message)
        if not any(isinstance(part, ToolResult) and part.call_id in self.ids for part in message.parts):
            return message
        return msgspec.structs.replace(message, parts=tuple(map(self._known, message.parts)))

    def _known(self, part: Part) -> Part:
        if not isinstance(part, ToolResult):
            return part
        return msgspec.structs.replace(part, call_id=self.ids.get(part.call_id, part.call_id))

    def _run(self) -> list[Message]:
        """The model's messages from here on."""
        run = []
        while self._at < len(self._messages) and self._messages[self._at].role is Role.ASSISTANT:
            run.append(self._next())
        return run

    def _turn_of(self, run: Sequence[Message]) -> KeptTurn | None:
        calls = _calls(run)
        place = self._place.name if calls else ""
        self._paired = set()
        for call in calls:
            turn = self._find(place, call.id)
            if turn is not None:
                return turn if self._pair(turn, calls) else None
        turn = self._find(place, "") if calls and self._without_ids else None
        return turn if turn is not None and self._pair(turn, calls) else None

    def _pair(self, turn: KeptTurn, calls: Sequence[ToolCall]) -> bool:
        """Whether all the calls are of the turn: by their ids, or by their names in their order."""
        left = {call.id: call for call in turn.own_calls if call.id not in self._paired}
        ids: dict[str, str] = {}
        for call in calls:
            known = call.id if call.id in left else None
            if known is None and self._without_ids:
                known = next((own.id for own in left.values() if own.name == call.name), None)
            if known is None:
                return False
            del left[known]
            ids[call.id] = known
        self.ids |= ids
        self._paired |= set(ids.values())
        return True

    def _put_back(self, turn: KeptTurn) -> None:
        """The turn, then the results of both in the order of their calls."""
        results = self._results(turn)
        answered = self._paired | {result.call_id for result in turn.results}
        *before, last = turn.messages
        parts = tuple(part for part in last.parts if not isinstance(part, ToolCall) or part.id in answered)
        self.out += [*before, msgspec.structs.replace(last, parts=parts)]
        message, others = Message(role=Role.USER, parts=()), []
        if self._more_results() or (len(results) == len(turn.results) and self._plain_user()):
            message = self._next()
            results += [part for part in message.parts if isinstance(part, ToolResult)]
            others = [part for part in message.parts if not isinstance(part, ToolResult)]
        places = {call.id: place for place, call in enumerate(_calls([last]))}
        results.sort(key=lambda result: places.get(result.call_id, len(places)))
        self.out.append(msgspec.structs.replace(message, parts=(*results, *others)))

    def _results(self, turn: KeptTurn) -> list[ToolResult]:
        """The gateway's, and the caller's that stand by themselves."""
        results = list(turn.results)
        while (message := self._ahead) is not None:
            if _is_results(message):
                results += [part for part in self._next().parts if isinstance(part, ToolResult)]
            elif _is_calls(message) and self._pair(turn, _calls([message])):
                self._next()  # this caller puts each result behind its call
            else:
                break
        return results

    @property
    def _ahead(self) -> Message | None:
        return self._messages[self._at] if self._at < len(self._messages) else None

    def _more_results(self) -> bool:
        message = self._ahead
        return message is not None and any(isinstance(part, ToolResult) for part in message.parts)

    def _plain_user(self) -> bool:
        message = self._ahead
        return message is not None and message.role is Role.USER and not (message.extra or message.name)


def _calls(messages: Sequence[Message]) -> list[ToolCall]:
    return [part for message in messages for part in message.parts if isinstance(part, ToolCall)]


def _is_results(message: Message) -> bool:
    return (
        message.role is Role.USER
        and message.extra is None
        and bool(message.parts)
        and all(isinstance(part, ToolResult) for part in message.parts)
    )


def _is_calls(message: Message) -> bool:
    return message.role is Role.ASSISTANT and all(isinstance(part, ToolCall) for part in message.parts)


def resumed(request: ChatRequest, find: Callable[[str], KeptResponse | None]) -> ChatRequest:
    """The request that goes on after an earlier response, with the id by which the provider knows that."""
    raw = (request.extra or {}).get(_PREVIOUS)
    if raw is None:
        return request
    try:
        found = find(msgspec.json.decode(raw, type=str))
    except msgspec.ValidationError:
        return request  # the provider's to refuse
    if found is None:
        return request
    extra = {**(request.extra or {}), _PREVIOUS: msgspec.Raw(_encode(found.id))}
    results = (Message(role=Role.USER, parts=found.results),) if found.results else ()
    return msgspec.structs.replace(request, extra=extra, messages=(*results, *request.messages))
