"""Chat Completions answers, whole or streamed, into canonical events.

Source: OpenAI API reference, "The chat completion object", "The chat completion chunk object"; what
compatible servers do differently is from their references and from recorded traffic.
"""

from __future__ import annotations

from operator import attrgetter

import msgspec

from ai_gateway.core.chat import DialectName, Extra
from ai_gateway.core.events import CitationAdded, Event, Extension, Failed, Start, UsageReport
from ai_gateway.core.sse import SseFramer, events
from ai_gateway.dialects.interface import StreamDecoder
from ai_gateway.dialects.openai_chat.answer_wire import (
    EMPTY,
    ChoiceChunk,
    Chunk,
    Loose,
    absent,
    read_as,
    text_of,
)
from ai_gateway.dialects.openai_chat.decode_choice import ChoiceReader
from ai_gateway.dialects.openai_chat.decode_parts import searched
from ai_gateway.dialects.openai_chat.errors import reported_error
from ai_gateway.dialects.openai_chat.usage import read_usage
from ai_gateway.errors import UpstreamError, UpstreamProtocolError
from ai_gateway.providers import Provider

__all__ = ["decode_response", "stream_decoder"]

_CHAT = DialectName.OPENAI_CHAT
_MAX_CHOICES = 1024
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_START_MEMBERS = ("service_tier", "system_fingerprint", "provider")
_starting = attrgetter(*_START_MEMBERS)
_EXTENSIONS = (
    "prompt_filter_results",
    "citations",
    "search_results",
    "images",
    "related_questions",
    "timings",
    "moderation",
)
_extensions = attrgetter(*_EXTENSIONS)
_NO_EXTENSIONS = (EMPTY,) * len(_EXTENSIONS)


class _Plain(Chunk, forbid_unknown_fields=True):
    """A whole answer with no member that is not known."""

    object: msgspec.Raw = EMPTY


_KNOWN = frozenset(_Plain.__struct_fields__)


class _Groq(msgspec.Struct):
    usage: msgspec.Raw = EMPTY
    error: msgspec.Raw = EMPTY


class _Flat(msgspec.Struct):
    """An error without an `error` around it."""

    message: Loose = None
    detail: Loose = None
    object: Loose = None


_flat = msgspec.json.Decoder(_Flat)
_chunk = msgspec.json.Decoder(Chunk)
_plain = msgspec.json.Decoder(_Plain)
_groq = msgspec.json.Decoder(_Groq)
_list = msgspec.json.Decoder(list[msgspec.Raw])
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode_response(body: bytes) -> list[Event]:
    """The events of a whole answer.

    Raises:
        UpstreamProtocolError: it is no chat completion.
        UpstreamError: the failure that it reports (UpstreamRejected where the provider says so).
    """
    try:
        answer: Chunk = _plain.decode(body)
        plain = True
    except _BROKEN:
        answer, plain = _decoded(body), False
    reader = _Reader(whole=True)
    out: list[Event] = []
    _take(reader, answer, out)
    if answer.choices is msgspec.UNSET:
        raise _unlike(body)
    reader.fail_if_ended_so()
    if not plain:
        for name, raw in (read_as(_members, msgspec.Raw(body)) or {}).items():
            if name not in _KNOWN and not absent(raw):
                out.append(Extension(dialect=_CHAT, name=name, raw=msgspec.Raw(bytes(raw))))
    reader.close(out)
    return out


def stream_decoder(provider: Provider) -> StreamDecoder:
    return ChatStreamDecoder(provider)


class _Reader:
    """What whole answers and streams have in common. Failures are raised."""

    __slots__ = ("_choices", "_ended_in_error", "_held", "_seed", "_seen", "_whole", "started")

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole
        self._choices: dict[int, ChoiceReader] = {}
        self._held: list[Event] = []
        """What came before the first chunk with an id or a choice (Azure's filter chunk)."""
        self._ended_in_error = False
        self._seed = ""
        self._seen: dict[str, msgspec.Raw] = {}
        """Top-level members as they were last told."""
        self.started = False

    @property
    def finished(self) -> bool:
        """Every choice so far has said why it ended."""
        return bool(self._choices) and all(one.finish_word is not None for one in self._choices.values())

    def take(self, chunk: Chunk, out: list[Event]) -> None:
        """Append the events of a chunk.

        Raises:
            UpstreamError: it reports a failure; what came with it is in `out`.
        """
        if not self.started:
            self._start(chunk, out)
        choices = chunk.choices
        if choices:
            for choice in choices:
                self._take_choice(choice, out)
        if not choices or _more(chunk):
            self._take_rare(chunk, out if self.started else self._held)

    def close(self, out: list[Event]) -> None:
        """The answer is over: sources, and the ends of the choices."""
        if not self.started:
            self.started = True
            out.append(Start())
            out.extend(self._held)
        first = self._choices.get(0)
        seen = self._seen
        if first is not None and ("search_results" in seen or "citations" in seen):
            sources = searched(seen.get("search_results", EMPTY), seen.get("citations", EMPTY))
            out.extend(CitationAdded(citation=one) for one in sources if one.url not in first.cited)
        for index in sorted(self._choices):
            self._choices[index].close(out)

    def _start(self, chunk: Chunk, out: list[Event]) -> None:
        if not chunk.choices and not (chunk.id and chunk.model):  # Azure's filter chunk
            return
        extra: Extra = {}
        raw: msgspec.Raw
        for name, raw in zip(_START_MEMBERS, _starting(chunk), strict=True):
            if raw is not EMPTY and not absent(raw):
                extra[name] = self._seen[name] = msgspec.Raw(bytes(raw))
        start = Start(
            id=text_of(chunk.id) or None,
            model=text_of(chunk.model) or None,
            created_s=_seconds(chunk.created),
            extra=extra or None,
        )
        self.started = True
        self._seed = f"{start.id}:{start.created_s}:{start.model}"
        out.append(start)
        out.extend(self._held)
        self._held = []

    def _take_choice(self, choice: ChoiceChunk, out: list[Event]) -> None:
        index = choice.index or 0
        reader = self._choices.get(index)
        if reader is None:
            if not 0 <= index < _MAX_CHOICES:
                raise UpstreamProtocolError(f"the upstream answered with a choice of index {index}")
            reader = self._choices[index] = ChoiceReader(index)
        message = choice.message if self._whole else choice.delta
        if message is None and not reader.said:
            message = choice.delta if self._whole else choice.message
        if message is not None:
            reader.take(message, self._seed, out)
        if choice.error is not EMPTY and not absent(choice.error):
            raise reported_error(choice.error)
        reader.note(choice, out)
        if choice.finish_reason == "error":  # the error itself may still stand beside the choices
            self._ended_in_error = True

    def _take_rare(self, chunk: Chunk, out: list[Event]) -> None:
        if chunk.usage is not EMPTY:
            self._take_usage(chunk.usage, chunk.service_tier, out)
        self._take_extensions(chunk, out)
        groq = read_as(_groq, chunk.x_groq)
        if groq is not None:
            if groq.usage is not EMPTY and absent(chunk.usage):
                self._take_usage(groq.usage, chunk.service_tier, out)
            if not absent(groq.error):
                raise reported_error(groq.error)
        if not absent(chunk.error):
            raise reported_error(chunk.error)

    def fail_if_ended_so(self) -> None:
        """Raises: UpstreamError: the finish reason was `error`, and no error object said which."""
        if self._ended_in_error:
            raise UpstreamError("the upstream ended its answer with an error")

    def _take_usage(self, raw: msgspec.Raw, tier: msgspec.Raw, out: list[Event]) -> None:
        usage = read_usage(raw, tier)
        if usage is not None:
            out.append(UsageReport(usage))

    def _take_extensions(self, chunk: Chunk, out: list[Event]) -> None:
        """Members that only this dialect knows: told once, and again where they change."""
        if _extensions(chunk) != _NO_EXTENSIONS:
            for name in _EXTENSIONS:
                self._extend(name, getattr(chunk, name), out)
        if self.started:
            for name in _START_MEMBERS:  # known only after the start (OpenRouter's service tier)
                if name not in self._seen:
                    self._extend(name, getattr(chunk, name), out)

    def _extend(self, name: str, raw: msgspec.Raw, out: list[Event]) -> None:
        if raw is EMPTY or absent(raw):
            return
        value = bytes(raw)
        known = self._seen.get(name)
        if known is None or bytes(known) != value:
            self._seen[name] = msgspec.Raw(value)
            out.append(Extension(dialect=_CHAT, name=name, raw=self._seen[name]))


class ChatStreamDecoder:
    """Chunks in server-sent events, ended by `[DONE]`."""

    __slots__ = ("_framer", "_optional_end", "_reader", "done")

    def __init__(self, provider: Provider) -> None:
        self.done = False
        self._framer = SseFramer()
        self._reader = _Reader(whole=False)
        self._optional_end = provider.terminator_optional

    def feed(self, chunk: bytes) -> list[Event]:
        """Raises: UpstreamProtocolError: not this dialect, or an event beyond the size limit."""
        if self.done:
            return []
        block = self._framer.feed(chunk)
        return self._read(block) if block else []

    def finish(self) -> list[Event]:
        """Raises: UpstreamProtocolError: the stream stopped before its end."""
        over = self.done
        if over:
            return []
        rest = self._framer.rest().lstrip()
        if rest[:1] == b"{" and not self._reader.started:  # no stream at all: an answer, or an error
            self.done = True
            try:
                return decode_response(rest)
            except UpstreamProtocolError:
                raise
            except UpstreamError as error:
                return [Failed(error)]
        out = self._read(self._framer.finish())
        if self.done:
            return out
        if not (self._optional_end and self._reader.finished):
            raise UpstreamProtocolError("the upstream's stream stopped before its end")
        self._end(out)
        return out

    def _read(self, block: bytes) -> list[Event]:
        out: list[Event] = []
        for _, data in events(block):
            if not data:
                continue
            if data[:1] == b"[" and data.strip() == b"[DONE]":
                self._end(out)
                break
            self._take(data, out)
            if self.done:
                break
        return out

    def _take(self, data: bytes, out: list[Event]) -> None:
        chunk = _decoded(data)
        try:
            _take(self._reader, chunk, out)
            if chunk.choices is msgspec.UNSET:
                self._take_choiceless(data)
        except UpstreamProtocolError:
            raise
        except UpstreamError as error:
            self._fail(error, out)

    def _take_choiceless(self, data: bytes) -> None:
        """Usage alone is fine; an error that does not say `error` is one all the same."""
        flat = read_as(_flat, msgspec.Raw(data))
        if flat is not None and (flat.message or flat.detail or flat.object == "error"):
            raise reported_error(data)

    def _end(self, out: list[Event]) -> None:
        self.done = True
        try:
            self._reader.fail_if_ended_so()
        except UpstreamError as error:
            self._fail(error, out)
            return
        self._reader.close(out)

    def _fail(self, error: UpstreamError, out: list[Event]) -> None:
        self.done = True
        out.append(Failed(error))


def _take(reader: _Reader, chunk: Chunk, out: list[Event]) -> None:
    """Members are read only when they are needed: what is broken in one of them shows here."""
    try:
        reader.take(chunk, out)
    except _BROKEN as error:
        raise UpstreamProtocolError(f"the upstream sent a bad chat chunk: {error}") from error


def _more(chunk: Chunk) -> bool:
    """Whether there is anything beside choices, id, model and the like."""
    if (
        chunk.usage is not EMPTY and bytes(chunk.usage) != b"null"
    ):  # null in each chunk, where it is asked for
        return True
    return not (
        chunk.error is EMPTY
        and chunk.x_groq is EMPTY
        and chunk.citations is EMPTY
        and chunk.search_results is EMPTY
        and chunk.prompt_filter_results is EMPTY
        and chunk.timings is EMPTY
        and chunk.moderation is EMPTY
        and chunk.images is EMPTY
        and chunk.related_questions is EMPTY
    )


def _decoded(data: bytes) -> Chunk:
    try:
        return _chunk.decode(data)
    except msgspec.ValidationError as error:
        if data.lstrip()[:1] == b"[":
            raise _unlike(data) from error
        raise UpstreamProtocolError(f"the upstream sent a bad chat chunk: {error}") from error
    except _BROKEN as error:
        raise UpstreamProtocolError(f"the upstream sent a chunk that is not JSON: {error}") from error


def _unlike(body: bytes) -> UpstreamError:
    """What a body without choices is: a failure in some form, or nothing that we know."""
    if body.lstrip()[:1] == b"[":  # Google's compatible endpoint wraps its error in a list
        wrapped = read_as(_list, msgspec.Raw(body))
        if not wrapped:
            return UpstreamProtocolError("the upstream's answer is no chat completion")
        body = bytes(wrapped[0])
    error = reported_error(body)
    if error.message != "the upstream reported a failure":
        return error
    return UpstreamProtocolError("the upstream's answer is no chat completion")


def _seconds(created: Loose) -> int | None:
    """Unix time; the zero of a chunk that has none is none."""
    return int(created) or None if isinstance(created, (int, float)) else None
