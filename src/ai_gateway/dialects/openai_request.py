"""Requests of the OpenAI dialect, relayed: opened once, edited where they must be, closed once.

Source: OpenAI API reference, "Create chat completion", "Create a model response", "Create completion".
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.members import Members, as_json, is_plain_object, member, open_object, write_object
from ai_gateway.errors import BadRequest

__all__ = ["CHAT", "COMPLETIONS", "EDITS", "PLAIN", "RESPONSES", "Endpoint", "RelayRequest", "Rendered"]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How the body of one endpoint is edited. `path` is relative to the API's root."""

    path: str
    system: str | None = None
    """The member that takes the system prompt."""
    output_caps: tuple[str, ...] = ()
    """The members that limit output tokens."""
    required: tuple[str, ...] = ()
    usage_option: bool = False
    """Whether a stream reports usage only on `stream_options.include_usage`."""


CHAT = Endpoint(
    path="/chat/completions",
    system="messages",
    output_caps=("max_tokens", "max_completion_tokens"),
    required=("messages",),
    usage_option=True,
)
COMPLETIONS = Endpoint(path="/completions", system="prompt", output_caps=("max_tokens",), usage_option=True)
RESPONSES = Endpoint(path="/responses", system="instructions", output_caps=("max_output_tokens",))
PLAIN = Endpoint(path="")
"""Any other endpoint: the model is checked and routed, the rest passes."""

_OPENING_BRACKET = ord("[")

EDITS = {endpoint.path: endpoint for endpoint in (CHAT, COMPLETIONS, RESPONSES)}


class Rendered(msgspec.Struct, frozen=True):
    """A body ready for the upstream."""

    body: bytes
    usage_asked: bool = False
    """The gateway asked for the usage chunk: the caller did not, and must not see it."""
    dropped: tuple[str, ...] = ()
    """Members left out because the provider rejects them."""


class RelayRequest:
    """A request of the OpenAI dialect on its way through."""

    __slots__ = ("_stated", "body", "endpoint", "members", "model", "streaming", "tools", "wants_usage")

    def __init__(self, endpoint: Endpoint, body: bytes, members: Members | None, model: str | None) -> None:
        self.endpoint = endpoint
        self.body = body
        self.members = members
        """None where the body is no JSON object (a form, audio, nothing)."""
        self.model = model
        """The model asked for; the path may name it where the body does not."""
        self._stated = model
        self.streaming = False
        self.wants_usage = False
        self.tools = False

    @classmethod
    def parse(cls, endpoint: Endpoint, body: bytes) -> RelayRequest:
        """Open a JSON body and check what the gateway itself relies on.

        Raises:
            BadRequest: not JSON, not an object, a wrong type or a missing member (`param` names it).
        """
        members = open_object(body)
        request = cls(endpoint, body, members, member(members, "model", str, "a string"))
        request.streaming = bool(member(members, "stream", bool, "a boolean"))
        request.tools = "tools" in members
        if endpoint.usage_option and "stream_options" in members:
            options = member(members, "stream_options", dict[str, msgspec.Raw], "an object") or {}
            request.wants_usage = bool(member(options, "include_usage", bool, "a boolean"))
        for name in endpoint.required:
            raw = members.get(name)
            if raw is None:
                raise BadRequest(f"missing required parameter: '{name}'", param=name)
            if memoryview(raw)[0] != _OPENING_BRACKET:
                raise BadRequest(f"'{name}' must be an array", param=name)
        return request

    def render(
        self,
        *,
        model: str | None,
        system_prompt: str = "",
        max_output_tokens: int = 0,
        ask_usage: bool = False,
        rejected: frozenset[str] = frozenset(),
    ) -> Rendered:
        """The body for the upstream: the caller's own bytes where nothing must change.

        `rejected` are members that this provider refuses. Raises: BadRequest where the system prompt
        has no place to go.
        """
        if self.members is None:
            return Rendered(self.body)
        members = self.members
        edited: Members = {}
        if model is not None and model != self._stated:
            edited["model"] = as_json(model)
        if system_prompt:
            self._put_system_prompt(edited, system_prompt)
        if max_output_tokens:
            self._cap_output(edited, max_output_tokens)
        usage_asked = ask_usage and self.streaming and self.endpoint.usage_option and not self.wants_usage
        if usage_asked:
            options = member(members, "stream_options", dict[str, msgspec.Raw], "an object") or {}
            edited["stream_options"] = as_json({**options, "include_usage": True})
        dropped = tuple(name for name in rejected if name in members)
        if not edited and not dropped:
            return Rendered(self.body if is_plain_object(self.body, members) else write_object(members))
        result = {**members, **edited}
        for name in dropped:
            del result[name]
        return Rendered(write_object(result), usage_asked, dropped)

    def _put_system_prompt(self, edited: Members, prompt: str) -> None:
        members = self.members or {}
        match self.endpoint.system:
            case "messages":
                first = msgspec.json.encode({"role": "system", "content": prompt})
                rest = bytes(members["messages"])[1:].lstrip()
                edited["messages"] = msgspec.Raw(b"[" + first + (b"" if rest[:1] == b"]" else b",") + rest)
            case "instructions":
                own = member(members, "instructions", str, "a string")
                edited["instructions"] = as_json(f"{prompt}\n\n{own}" if own else prompt)
            case "prompt":
                edited["prompt"] = as_json(_before_prompt(prompt, members))
            case _:
                pass  # embeddings, images, audio: there is no conversation to instruct

    def _cap_output(self, edited: Members, cap: int) -> None:
        for name in self.endpoint.output_caps:
            own = member(self.members or {}, name, int, "an integer")
            if own is not None and own > cap:
                edited[name] = as_json(cap)


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
