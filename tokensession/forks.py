"""What must not live through a fork: the parent's locks, threads, connections and salts.

A child has none of its parent's threads, so a lock that one of them held is never released there.
uWSGI forks in C and runs no hook of Python. So each use compares the id of the process, and the
hook only makes it sooner.
"""

from __future__ import annotations

import logging  # noqa: F401  # its hook and that of threading come before ours, which start threads
import os
import threading  # noqa: F401
from os import getpid
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable

_Object = TypeVar("_Object")

_calls: WeakKeyDictionary[Any, Callable[[Any], object]] = WeakKeyDictionary()


class PerProcess(Generic[_Object]):
    """An object that each process makes for itself, on its first use there.

    A child neither uses nor closes what its parent has made: the sockets in it are the parent's.

    Args:
        make: Makes the object. Threads that come first at once can each make one, and all of them
            get the same.
    """

    __slots__ = ("__weakref__", "_made", "_make")

    def __init__(self, make: Callable[[], _Object]) -> None:
        self._make = make
        self._made: dict[int, _Object] = {}  # by process

    def __call__(self) -> _Object:
        """Return the object of this process."""
        pid = getpid()
        made = self._made.get(pid)
        # In one step, without a lock, which a fork could catch held.
        return self._made.setdefault(pid, self._make()) if made is None else made

    def give_up(self) -> _Object | None:
        """Return the object of this process, if it has one; the next use makes another."""
        return self._made.pop(getpid(), None)


def call_in_child(one: _Object, call: Callable[[_Object], object]) -> None:
    """Have `call` called with an object, for as long as that lives, in each child after a fork."""
    _calls[one] = call


def _after_fork() -> None:
    for one, call in list(_calls.items()):
        call(one)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
