"""Which names of models may be labels: callers make names up, and each would be a series of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable

__all__ = ["MAX_LEARNED", "MAX_MODELS", "NONE", "OTHER", "ModelNames"]

OTHER = "other"
"""Stands for every model that is not known."""
NONE = "none"
"""Where no model, or no client, was named."""
MAX_MODELS = 1000
"""Labels of one client."""
MAX_LEARNED = 100
"""Of these, how many may come from requests. Up to here, too, a caller can make names up that a price's
pattern matches."""


class ModelNames:
    """Known are the models that a client's settings or its provider's list name, and those that were served
    at a known price. A name that was known stays so. One thread: the accounting writer's."""

    def __init__(self, named: Callable[[str, str], bool]) -> None:
        """`named(client_id, model)`: whether the client's settings, or its provider's list, have it."""
        self._named = named
        self._known: dict[str, set[str]] = {}

    def label(self, client_id: str, model: str | None, *, priced: bool) -> str:
        """The model's name, or what stands for it. `priced`: a provider served it, at a known price."""
        if not model:
            return NONE
        known = self._known.get(client_id)
        if known is None:
            known = self._known[client_id] = set()
        if model in known:
            return model
        room = len(known)
        if (priced and room < MAX_LEARNED) or (room < MAX_MODELS and self._named(client_id, model)):
            known.add(model)
            return model
        return OTHER

    def forget(self, clients: Iterable[str]) -> None:
        """Forget the names of clients that are deleted."""
        for client_id in clients:
            self._known.pop(client_id, None)
