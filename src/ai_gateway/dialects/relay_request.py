"""Requests relayed in their own dialect: opened once, edited where they must be, closed once."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from ai_gateway.core.members import (
    Members,
    as_json,
    is_plain_object,
    member,
    open_object,
    read_object,
    write_object,
)
from ai_gateway.core.structs import quick_to_set
from ai_gateway.dialects.endpoints import Endpoint
from ai_gateway.dialects.interface import Rendered
from ai_gateway.dialects.relay_limits import limit_output
from ai_gateway.errors import BadRequest

__all__ = ["RelayRequest"]

_OPENING_BRACKET = ord("[")
_OBJECT = dict[str, msgspec.Raw]
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_text = msgspec.json.Decoder(str | None).decode
_truth = msgspec.json.Decoder(bool | None).decode


@quick_to_set
class RelayRequest(msgspec.Struct, eq=False, gc=False):
    """A request on its way through, in the caller's own dialect."""

    endpoint: Endpoint
    body: bytes
    members: Members | None = None
    """None where the body is no JSON object (a form, audio, nothing)."""
    stated: str | None = None
    """The model that the body names; the path may name it where the body does not."""
    streaming: bool = False
    wants_usage: bool = False
    asked: int | None = None
    """Output tokens that one member limits all answers to, and nothing else does, as far as that is known."""

    @classmethod
    def parse(cls, endpoint: Endpoint, body: bytes) -> RelayRequest:
        """One that has been read. Raises: as `read` does."""
        request = cls(endpoint, body)
        request.read()
        return request

    def read(self) -> None:
        """Open the JSON body and check what the gateway itself relies on.

        Raises:
            BadRequest: not JSON, not an object, a wrong type or a missing member (`param` names it).
        """
        endpoint, body = self.endpoint, self.body
        try:
            members = self.members = read_object(body) if body.isascii() else open_object(body)
            if "model" in members:
                self.stated = _text(members["model"])
            if endpoint.stream is not None:
                self.streaming = endpoint.stream
            elif "stream" in members:
                self.streaming = bool(_truth(members["stream"]))
        except _BROKEN:  # what of it, is found by those who can tell
            members = open_object(body)
            member(members, "model", str, "a string")
            member(members, "stream", bool, "a boolean")
            raise
        if endpoint.usage_option and "stream_options" in members:
            options = member(members, "stream_options", _OBJECT, "an object") or {}
            self.wants_usage = bool(member(options, "include_usage", bool, "a boolean"))
        for name in endpoint.required:
            raw = members.get(name)
            if raw is None:
                raise BadRequest(f"missing required parameter: '{name}'", param=name)
            if memoryview(raw)[0] != _OPENING_BRACKET:
                raise BadRequest(f"'{name}' must be an array", param=name)

    def written(
        self,
        model: str | None,
        system_prompt: str = "",
        max_output_tokens: int = 0,
        output_limit: int | None = None,
        output_cap: str = "",
        ask_usage: bool = False,
        rejected: frozenset[str] = frozenset(),
    ) -> Rendered:
        """The body for the upstream: the caller's own bytes where nothing must change.

        `max_output_tokens` and `output_limit` as in `Settings`; `output_cap` is the member by which this
        provider is told. `rejected` are members that it refuses. Raises: BadRequest where the system prompt
        has no place to go.
        """
        if self.members is None:
            return Rendered(body=self.body)
        endpoint, members, stated = self.endpoint, self.members, self.stated
        path, query = None, ""
        edited: Members = {}
        if endpoint.model_in_path:
            path = f"/models/{quote(model or '', safe='')}{endpoint.path}"
            query = "alt=sse" if self.streaming else ""
            if model is not None and stated is not None and model != stated:
                edited["model"] = as_json(f"models/{model}")
        elif model is not None and model != stated:
            edited["model"] = as_json(model)
        if system_prompt:
            _put_system_prompt(endpoint, members, edited, system_prompt)
        lost: tuple[str, ...] = ()
        if self._is_over(max_output_tokens, output_limit):
            lost = limit_output(endpoint, members, edited, max_output_tokens, output_limit, output_cap)
        usage_asked = self.streaming and ask_usage and endpoint.usage_option and not self.wants_usage
        if usage_asked:
            options = member(members, "stream_options", _OBJECT, "an object") or {}
            edited["stream_options"] = as_json({**options, "include_usage": True})
        dropped = tuple(name for name in rejected if name in members) if rejected else ()
        if not edited and not dropped:
            body = self.body if is_plain_object(self.body, members) else write_object(members)
            return Rendered(body=body) if path is None else Rendered(body=body, path=path, query=query)
        result = {**members, **edited}
        for name in dropped:
            del result[name]
        return Rendered(
            body=write_object(result), path=path, query=query, usage_asked=usage_asked, dropped=dropped + lost
        )

    def _is_over(self, cap: int, limit: int | None) -> bool:
        """Whether there is any limit to tell that is not kept by what the caller asks for."""
        asked = self.asked
        if asked is None:
            return bool(cap) or limit is not None
        return (limit is not None and asked > limit) or (cap > 0 and asked > cap)


def _put_system_prompt(endpoint: Endpoint, members: Members, edited: Members, prompt: str) -> None:
    match endpoint.system:
        case "messages":
            edited["messages"] = _prepended({"role": "system", "content": prompt}, members["messages"])
        case "instructions":
            own = member(members, "instructions", str, "a string")
            edited["instructions"] = as_json(f"{prompt}\n\n{own}" if own else prompt)
        case "prompt":
            edited["prompt"] = as_json(_before_prompt(prompt, members))
        case "system":
            edited["system"] = _before_system(prompt, members.get("system"))
        case "systemInstruction":
            name = "system_instruction" if "system_instruction" in members else "systemInstruction"
            edited[name] = _before_instruction(prompt, members, name)
        case _:
            pass  # embeddings, images, audio: there is no conversation to instruct


def _prepended(first: object, array: msgspec.Raw) -> msgspec.Raw:
    rest = bytes(array)[1:].lstrip()
    return msgspec.Raw(b"[" + msgspec.json.encode(first) + (b"" if rest[:1] == b"]" else b",") + rest)


def _before_prompt(prompt: str, members: Members) -> str | list[str]:
    try:
        own = msgspec.json.decode(members.get("prompt", msgspec.Raw(b'""')), type=str | list[str] | None)
    except msgspec.ValidationError as error:
        raise BadRequest(
            "this client has a system prompt, which cannot be put before a prompt of token ids: send text",
            param="prompt",
        ) from error
    if isinstance(own, list):
        return [f"{prompt}\n\n{text}" for text in own]
    return f"{prompt}\n\n{own}" if own else prompt


def _before_system(prompt: str, own: msgspec.Raw | None) -> msgspec.Raw:
    """Anthropic's `system`: a string, or text blocks (whose cache markers keep their places)."""
    if own is None or bytes(own) == b"null":
        return as_json(prompt)
    if bytes(own)[:1] == b"[":
        return _prepended({"type": "text", "text": prompt}, own)
    try:
        text = msgspec.json.decode(own, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest("'system' must be a string or an array of text blocks", param="system") from error
    return as_json(f"{prompt}\n\n{text}" if text else prompt)


def _before_instruction(prompt: str, members: Members, name: str) -> msgspec.Raw:
    """Gemini's system instruction: a content object, whose first part the prompt becomes."""
    raw = members.get(name)
    if raw is not None and bytes(raw)[:1] == b'"':
        own = member(members, name, str, "an object")
        return as_json({"parts": [{"text": prompt}, {"text": own}]})
    content = member(members, name, _OBJECT, "an object") or {}
    parts = content.get("parts")
    if parts is None or bytes(parts)[:1] not in (b"[", b"{"):
        return _with_parts(content, as_json([{"text": prompt}]))
    if bytes(parts)[:1] == b"{":
        return _with_parts(content, as_json([{"text": prompt}, parts]))
    return _with_parts(content, _prepended({"text": prompt}, parts))


def _with_parts(content: Members, parts: msgspec.Raw) -> msgspec.Raw:
    return as_json({**content, "parts": parts})
