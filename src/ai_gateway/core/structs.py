"""How Structs that are written to are written to."""

from __future__ import annotations

from typing import TypeVar

import msgspec

__all__ = ["quick_to_set"]

S = TypeVar("S", bound=msgspec.Struct)


def quick_to_set(cls: type[S]) -> type[S]:
    """Let the members of a Struct be set as those of any object with slots, which takes a sixth of the time.

    msgspec's own way asks first whether the garbage collector must know of the value, and the interpreter has
    no short cut for it. So this is for Structs that are none of the collector's business (`gc=False`), and
    for those that it watches from the beginning, since they are made with a function or the like as a member.
    """
    cls.__setattr__ = object.__setattr__  # type: ignore[method-assign]
    cls.__delattr__ = object.__delattr__  # type: ignore[method-assign]
    return cls
