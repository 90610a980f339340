"""What a forked child makes anew: it has no threads of its parent, nor who would unlock a lock."""

from __future__ import annotations

import logging  # noqa: F401  # its hook and that of threading come before ours, which start threads
import os
import threading  # noqa: F401
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable

_Object = TypeVar("_Object")

_calls: WeakKeyDictionary[Any, Callable[[Any], None]] = WeakKeyDictionary()


def call_in_child(one: _Object, call: Callable[[_Object], None]) -> None:
    """Have `call` called with an object, for as long as that lives, in each child after a fork."""
    _calls[one] = call


def _after_fork() -> None:
    for one, call in list(_calls.items()):
        call(one)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
