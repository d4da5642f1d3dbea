"""How much Claude shall think, as each of its models wants it asked.

Sources: Anthropic docs, "Extended thinking", "Adaptive thinking", "Effort".
"""

from __future__ import annotations

from ai_gateway.core.chat import ChatRequest, DialectName, Reasoning, Role, Thinking, ToolCall
from ai_gateway.core.reasoning import MIN_BUDGET, budget_of, effort_of, is_off
from ai_gateway.dialects.anthropic.models import Claude

__all__ = ["think"]

Json = dict[str, object]
_ME = DialectName.ANTHROPIC
_DEFAULT_BUDGET = 8192
_RISING = ("minimal", "low", "medium", "high", "xhigh", "max")
_ADAPTIVE = ("both", "adaptive", "always")


def think(request: ChatRequest, model: Claude, body: Json) -> list[str]:
    """Write `thinking` and the effort into `body`; the names of what could not be kept."""
    reasoning = request.reasoning
    if reasoning is None:
        return []
    if request.dialect is _ME:
        _as_asked(reasoning, body)
        return []
    if is_off(reasoning):
        return _off(model, body)
    if model.thinking == "none":
        return ["reasoning"]
    if _forced(body):
        return ["reasoning"]  # Anthropic refuses thinking together with a forced tool
    if model.thinking in _ADAPTIVE and not (model.thinking == "both" and reasoning.budget_tokens):
        return _adaptive(reasoning, model, body)
    return _budgeted(request, reasoning, body)


def _as_asked(reasoning: Reasoning, body: Json) -> None:
    extra = dict(reasoning.extra or {})
    if reasoning.adaptive:
        body["thinking"] = {"type": "adaptive", **extra}
    elif reasoning.budget_tokens == 0:
        body["thinking"] = {"type": "disabled", **extra}
    elif reasoning.budget_tokens is not None:
        body["thinking"] = {"type": "enabled", "budget_tokens": reasoning.budget_tokens, **extra}
    if reasoning.effort is not None:
        _config(body)["effort"] = reasoning.effort


def _config(body: Json) -> Json:
    config = body.setdefault("output_config", {})
    assert isinstance(config, dict)
    return config


def _off(model: Claude, body: Json) -> list[str]:
    """Not asked for is off, but for models that always think: as little as they can."""
    if model.thinking != "always":
        return []
    _config(body)["effort"] = model.efforts[0]
    return ["reasoning"]


def _forced(body: Json) -> bool:
    choice = body.get("tool_choice")
    return isinstance(choice, dict) and choice["type"] in ("any", "tool")


def _adaptive(reasoning: Reasoning, model: Claude, body: Json) -> list[str]:
    thinking: Json = {"type": "adaptive"}
    if reasoning.visible is not False:
        thinking["display"] = "summarized"
    body["thinking"] = thinking
    effort = effort_of(reasoning)
    if effort is None or not model.efforts:
        return []
    fitted = _fitted(effort, model.efforts)
    _config(body)["effort"] = fitted
    return [] if fitted == effort or reasoning.effort is None else ["reasoning"]


def _fitted(effort: str, known: tuple[str, ...]) -> str:
    """The nearest effort that the model knows, from below where there is one."""
    if effort not in _RISING:
        return "high"
    below = [name for name in known if _RISING.index(name) <= _RISING.index(effort)]
    return below[-1] if below else known[0]


def _budgeted(request: ChatRequest, reasoning: Reasoning, body: Json) -> list[str]:
    """At least 1,024 tokens, and fewer than `max_tokens`."""
    limit = body["max_tokens"]
    assert isinstance(limit, int)
    if limit <= MIN_BUDGET or _misses_thoughts(request):
        return ["reasoning"]
    wanted = budget_of(reasoning)
    budget = max(MIN_BUDGET, min(wanted if wanted and wanted > 0 else _DEFAULT_BUDGET, limit - 1))
    body["thinking"] = {"type": "enabled", "budget_tokens": budget}
    return ["reasoning"] if reasoning.budget_tokens and budget != reasoning.budget_tokens > 0 else []


def _misses_thoughts(request: ChatRequest) -> bool:
    """While its tool calls are being answered, a turn must begin with its own signed thoughts: where the
    caller did not keep them, Anthropic refuses to think on."""
    for message in reversed(request.messages):
        if message.role is Role.ASSISTANT:
            if not any(isinstance(part, ToolCall) for part in message.parts):
                return False
            first = message.parts[0]
            signature = first.signature if isinstance(first, Thinking) else None
            return signature is None or signature.dialect != _ME.value
    return False
