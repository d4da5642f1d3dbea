"""Messages as Chat Completions has them.

Source: OpenAI API reference, "Create chat completion" (`messages`); Mistral API reference, "Chat"
(`document_url`, ids of calls); Perplexity API reference (`file_url`); OpenRouter documentation, "Reasoning
Tokens", "Prompt Caching".
"""

from __future__ import annotations

import hashlib
from typing import assert_never

import msgspec

from ai_gateway.core.chat import (
    Audio,
    CacheMarker,
    ChatRequest,
    Data,
    DialectName,
    Document,
    FileId,
    Image,
    Message,
    Opaque,
    Part,
    PlainText,
    Refusal,
    ResultPart,
    Role,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Url,
    Video,
)
from ai_gateway.core.data_url import data_url
from ai_gateway.core.signature import wrap
from ai_gateway.core.tool_arguments import free_text
from ai_gateway.errors import BadRequest
from ai_gateway.providers import Provider

__all__ = ["Json", "MessageWriter"]

Json = dict[str, object]
_ME = DialectName.OPENAI_CHAT
# Once: members of an enumeration are looked up slowly.
_USER, _ASSISTANT, _DEVELOPER = Role.USER, Role.ASSISTANT, Role.DEVELOPER
_SOUNDS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}


class MessageWriter:
    """Writes the messages of one request, and notes what is left out."""

    def __init__(self, request: ChatRequest, provider: Provider, *, own: bool) -> None:
        self.own = own
        self.dropped: list[str] = []
        self._request = request
        self._provider = provider
        self._custom = {
            tool.name
            for tool in request.tools
            if isinstance(tool, Tool) and tool.custom and provider.custom_tools
        }

    def write(self, orders: str) -> list[Json]:
        """`orders` go to the end of the leading system instructions. Raises: BadRequest."""
        rows: list[Json] = []
        for index, message in enumerate(self._request.messages):
            where = f"messages[{index}]"
            if message.role is _ASSISTANT:
                self._assistant(message, rows, where)
            else:
                self._other(message, rows, where)
        if orders:
            place = 0
            while place < len(rows) and rows[place]["role"] in ("system", "developer"):
                place += 1
            rows.insert(place, {"role": self._system(Role.SYSTEM), "content": orders})
        return rows

    def mark(self, row: Json, cache: CacheMarker, name: str) -> None:
        """A cache marker, where the provider takes Anthropic's."""
        if self._provider.cache_control:
            row["cache_control"] = {"type": "ephemeral", **({"ttl": cache.ttl} if cache.ttl else {})}
        else:
            self.dropped.append(name)

    def _system(self, role: Role) -> str:
        keeps = self.own or self._provider.developer_role
        return "developer" if role is _DEVELOPER and keeps else "system"

    def _with_own(self, row: Json, message: Message) -> Json:
        if message.name is not None:
            row["name"] = message.name
        if message.extra and self.own:
            row |= message.extra
        elif message.extra:
            self.dropped += [f"messages.{name}" for name in message.extra]
        return row

    def _other(self, message: Message, rows: list[Json], where: str) -> None:
        """Results first, each a message of its own; their pictures follow in a message of the user."""
        content: list[Json] = []
        after: list[Json] = []
        for index, part in enumerate(message.parts):
            at = f"{where}.content[{index}]"
            if type(part) is ToolResult:
                rows.append(self._with_own(self._result(part, after, at), message))
            else:
                content += self._part(part, at)
        content = after + content
        if not content and message.parts:
            return
        role = "user" if message.role is _USER else self._system(message.role)
        rows.append(self._with_own({"role": role, "content": _compact(content)}, message))

    def _result(self, part: ToolResult, after: list[Json], where: str) -> Json:
        row: Json = {"role": "tool", "tool_call_id": self._id(part.call_id)}
        if part.name is not None and self.own:
            row["name"] = part.name
        if part.cache is not None:
            self.mark(row, part.cache, "messages.cache")
        texts: list[Json] = []
        media: list[Json] = []
        for index, inner in enumerate(part.content):
            found = self._part(inner, f"{where}.content[{index}]")
            (texts if self.own or isinstance(inner, Text) else media).extend(found)
        if self.own:
            return row | {"content": _compact(texts)}
        if media:
            label = f"Of the result of the tool call {part.call_id}:"
            after += [{"type": "text", "text": label}, *media]
        words = "\n".join(str(row["text"]) for row in texts)
        if media and not words:
            words = "The result follows in the next message."
        if part.is_error:
            self.dropped.append("messages.is_error")
        return row | {"content": words}

    def _assistant(self, message: Message, rows: list[Json], where: str) -> None:
        """Neighbours of this role are one message: calls must stand beside the words before them."""
        said = _Said()
        for index, part in enumerate(message.parts):
            self._take(part, said, f"{where}.content[{index}]")
        if said.empty and not self.own:
            return
        row: Json = {"role": "assistant", "content": _compact(said.content) if said.speaks else None}
        if said.audio is not None:
            row["audio"] = said.audio
        if said.refusals:
            row["refusal"] = "".join(said.refusals)
        self._think(row, said.thoughts, called=bool(said.calls))
        if said.calls:
            row["tool_calls"] = said.calls
        if row == {"role": "assistant", "content": ""} and not self.own:
            return  # thoughts that this provider does not take back
        row = self._with_own(row, message)
        if rows and rows[-1]["role"] == "assistant" and not self.own:
            _join(rows[-1], row)
        else:
            rows.append(row)

    def _take(self, part: Part, said: _Said, where: str) -> None:
        match part:
            case ToolCall():
                said.calls.append(self._call(part))
            case Thinking():
                said.thoughts.append(part)
            case Refusal(text=text):
                said.refusals.append(text)
            case Opaque(kind=kind, dialect=dialect, raw=raw) if dialect is not _ME or kind == "audio":
                if dialect is _ME:
                    said.audio = raw
                else:
                    self.dropped.append(f"messages.{kind}")
            case _:
                said.content += self._part(part, where)

    def _call(self, part: ToolCall) -> Json:
        row: Json = {"id": self._id(part.id), "type": "function"}
        if part.name in self._custom:
            row |= {"type": "custom", "custom": {"name": part.name, "input": free_text(part.arguments)}}
        else:
            row["function"] = {"name": part.name, "arguments": part.arguments}
        if part.signature is not None and part.signature.dialect == _ME.value:
            row["extra_content"] = {"google": {"thought_signature": part.signature.value}}
        if part.cache is not None:
            self.dropped.append("messages.cache")
        if part.extra and self.own:
            row |= part.extra
        elif part.extra:
            self.dropped += [f"messages.{name}" for name in part.extra]
        return row

    def _id(self, identifier: str) -> str:
        """Mistral wants nine letters and digits: the same for a call and its result."""
        length = 0 if self.own else self._provider.call_id_length
        if not length or (len(identifier) == length and identifier.isalnum() and identifier.isascii()):
            return identifier
        return hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()[:length]

    def _think(self, row: Json, thoughts: list[Thinking], *, called: bool) -> None:
        """Reasoning goes back in the form that the provider takes."""
        if not thoughts:
            return
        text = "".join(part.text for part in thoughts)
        form = self._provider.reasoning_history
        if form == "reasoning_details":
            details = [_detail(part, index) for index, part in enumerate(thoughts)]
            kept = [detail for detail in details if detail is not None]
            if kept:
                row["reasoning_details"] = kept
            if len(kept) < len(thoughts):
                self.dropped.append("messages.thinking")
        elif (
            form == "reasoning_content" and text and (called or self.own or self._provider.keeps_thoughts)
        ) or (self.own and text):
            row["reasoning_content"] = text
        else:
            self.dropped.append("messages.thinking")

    def _part(self, part: Part | ResultPart, where: str) -> list[Json]:
        match part:
            case Text(text=text):
                if not text and not self.own:
                    return []
                row = self._text(part)
            case Image() | Document() | Audio() | Video():
                row = self._medium(part, where)
            case Opaque(dialect=dialect, kind=kind, raw=raw):
                if dialect is not _ME:
                    raise BadRequest(f"'{kind}' content cannot be sent to this provider", param=where)
                return [msgspec.json.decode(raw, type=dict[str, object])]
            case Refusal(text=text):
                return [{"type": "refusal", "refusal": text}]
            case Thinking() | ToolCall() | ToolResult():
                raise BadRequest("a tool call or a thought must stand in a message of its own", param=where)
            case _:
                assert_never(part)
        if part.cache is not None:
            self.mark(row, part.cache, "messages.cache")
        return [row]

    def _text(self, part: Text) -> Json:
        row: Json = {"type": "text", "text": part.text}
        if part.extra:
            if self.own:
                return row | part.extra
            self.dropped += [f"messages.{name}" for name in part.extra]
        return row

    def _medium(self, part: Image | Document | Audio | Video, where: str) -> Json:
        match part:
            case Image():
                return self._image(part, where)
            case Document():
                return self._document(part, where)
            case Audio():
                return self._audio(part, where)
            case Video():
                return self._video(part, where)
            case _:
                assert_never(part)

    def _image(self, part: Image, where: str) -> Json:
        match part.source:
            case Url(url=url):
                address = url
            case Data() as data:
                address = data_url(data)
            case FileId():
                raise BadRequest("Chat Completions takes no image by file id", param=where)
            case PlainText():
                raise BadRequest("an image cannot be text", param=where)
            case source:
                assert_never(source)
        image: Json = {"url": address}
        if part.detail is not None:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}

    def _document(self, part: Document, where: str) -> Json:
        if part.context is not None:
            self.dropped.append("messages.context")
        source = part.source
        if isinstance(source, PlainText):
            return {"type": "text", "text": f"{part.name}\n\n{source.text}" if part.name else source.text}
        if isinstance(source, FileId):
            if source.dialect not in (_ME, DialectName.OPENAI_RESPONSES):
                raise BadRequest("the file is another provider's: send its content", param=where)
            return {"type": "file", "file": {"file_id": source.id}}
        name = part.name if self.own else part.name or "document.pdf"
        named: Json = {} if name is None else {"filename": name}
        address = source.url if isinstance(source, Url) else data_url(source)
        match self._provider.documents:
            case "file":
                return {"type": "file", "file": {**named, "file_data": address}}
            case "document_url":
                row: Json = {"type": "document_url", "document_url": address}
                return row if name is None else row | {"document_name": name}
            case "file_url":
                row = {"type": "file_url", "file_url": {"url": _bare(source)}}
                return row if name is None else row | {"file_name": name}
            case _:
                raise BadRequest(f"{self._provider.title} takes no documents", param=where)

    def _audio(self, part: Audio, where: str) -> Json:
        source = part.source
        if not isinstance(source, Data):
            raise BadRequest("the sound's data is needed", param=where)
        form = _SOUNDS.get(source.media_type) or (
            source.media_type.removeprefix("audio/") if self.own else None
        )
        if form is None:
            raise BadRequest(
                f"sounds of type {source.media_type} cannot be sent: WAV and MP3 can", param=where
            )
        if self._provider.bare_audio:
            return {"type": "input_audio", "input_audio": source.data}
        return {"type": "input_audio", "input_audio": {"data": source.data, "format": form}}

    def _video(self, part: Video, where: str) -> Json:
        if not (self._provider.video or self.own):
            raise BadRequest(f"{self._provider.title} takes no video", param=where)
        match part.source:
            case Url(url=url):
                return {"type": "video_url", "video_url": {"url": url}}
            case Data() as data:
                return {"type": "video_url", "video_url": {"url": data_url(data)}}
            case _:
                raise BadRequest("the file is another provider's: send its content", param=where)


class _Said:
    """What a message of the assistant is made of."""

    def __init__(self) -> None:
        self.content: list[Json] = []
        self.refusals: list[str] = []
        self.calls: list[Json] = []
        self.thoughts: list[Thinking] = []
        self.audio: msgspec.Raw | None = None

    @property
    def speaks(self) -> bool:
        """Whether `content` is more than null."""
        return bool(self.content) or not (self.calls or self.refusals or self.audio)

    @property
    def empty(self) -> bool:
        return not (self.content or self.calls or self.refusals or self.thoughts or self.audio)


def _bare(source: Url | Data) -> str:
    """An address, or Base64 without a head."""
    return source.url if isinstance(source, Url) else source.data


def _compact(content: list[Json]) -> str | list[Json]:
    """One plain text is a string: every server takes that."""
    if len(content) == 1:
        only = content[0]
        if len(only) == 2 and "text" in only and "type" in only:
            return str(only["text"])
    return content or ""


def _join(first: Json, second: Json) -> None:
    """Two messages of the assistant as one."""
    for name, value in second.items():
        own = first.get(name)
        if name == "role" or value is None or value == "":
            continue
        if own is None or own == "":
            first[name] = value
        elif isinstance(own, str) and isinstance(value, str):
            first[name] = own + value
        else:
            first[name] = [*_listed(own), *_listed(value)]


def _listed(value: object) -> list[object]:
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    return list(value) if isinstance(value, list) else [value]


def _detail(part: Thinking, index: int) -> Json | None:
    """An entry of `reasoning_details`: only what came from there goes back."""
    signature = part.signature
    if signature is not None and signature.dialect != _ME.value:
        return None
    row: Json = {"type": "reasoning.text", "index": index}
    if part.redacted and signature is not None:
        row |= {"type": "reasoning.encrypted", "data": wrap(signature, _ME.value)}
    else:
        row["text"] = part.text
        if signature is not None:
            row["signature"] = wrap(signature, _ME.value)
    if part.id:
        row["id"] = part.id
    extra = part.extra or {}
    if "type" in extra:
        row.pop("text", None)
        row["summary"] = part.text
    return row | extra
