"""State that must not survive a fork: the parent's locks, threads, connections and salts.

A forked child does not run its parent's threads, so it must not use locks that they hold. uWSGI
forks in C and runs none of Python's fork hooks. So each use compares the process id, and the hook
is only a shortcut.
"""

from __future__ import annotations

import logging  # its hook and that of threading must run before ours, which starts threads
import mmap
import os
import sys
import threading  # noqa: F401
from os import getpid
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable

_Object = TypeVar("_Object")

_log = logging.getLogger("tokensession")

_calls: WeakKeyDictionary[Any, Callable[[Any], object]] = WeakKeyDictionary()

_WIPE_ON_FORK = 18  # MADV_WIPEONFORK, which the mmap module does not name


def _wiped_page() -> mmap.mmap | bytes:
    """Return a memory page that a fork resets to zero, or a zero byte if the kernel has none."""
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        page.madvise(_WIPE_ON_FORK)
    except (AttributeError, OSError, ValueError):  # not Linux, or older than 4.14
        return b"\0"
    return page


_page = _wiped_page()
_pid = 0


def process_id() -> int:
    """Return the id of this process, read from the kernel once per process.

    A system call for each token can cost a tenth of its time. The page detects a fork as well.
    """
    global _pid  # noqa: PLW0603  # per process, like the page
    if _page[0]:
        return _pid
    _pid = getpid()
    if isinstance(_page, mmap.mmap):
        _page[0] = 1  # last, because other threads use the id from now on
    return _pid


class PerProcess(Generic[_Object]):
    """An object that each process creates lazily for itself.

    A child neither uses nor closes its parent's object, because the sockets in it belong to the
    parent.

    Args:
        make: Creates the object. Concurrent first uses can call it several times; all threads get
            the same object.
    """

    __slots__ = ("__weakref__", "_made", "_make")

    def __init__(self, make: Callable[[], _Object]) -> None:
        self._make = make
        self._made: dict[int, _Object] = {}  # by process id

    def __call__(self) -> _Object:
        """Return the object of this process."""
        pid = process_id()
        made = self._made.get(pid)
        # One atomic step instead of a lock, because a fork could copy a held lock.
        return self._made.setdefault(pid, self._make()) if made is None else made

    def give_up(self) -> _Object | None:
        """Remove and return this process's object, if it has one; the next use creates another."""
        return self._made.pop(process_id(), None)


def forks_in_c() -> bool:
    """Tell whether this process is a uWSGI master that has not yet forked its workers.

    Such a process must not start a thread. A worker that is forked while another thread waits for
    the interpreter's lock can hang for ever.
    """
    uwsgi: Any = sys.modules.get("uwsgi")  # exists only inside uWSGI
    return uwsgi is not None and not uwsgi.worker_id() and uwsgi.masterpid() in (0, process_id())


def _look_at_uwsgi() -> bool:
    """Warn about uWSGI options that stop threads or keep them in the master; return True."""
    given = getattr(sys.modules.get("uwsgi"), "opt", None)
    if given is None:
        return True
    on = {
        name.decode() if isinstance(name, bytes) else name
        for name, value in given.items()
        if value not in (False, b"false", b"0")
    }
    missing = []
    if on.isdisjoint({"enable-threads", "threads"}):
        missing.append("enable-threads")
    if on.isdisjoint({"lazy-apps", "lazy"}):
        missing.append("lazy-apps")
    if missing:
        _log.warning(
            "uWSGI runs without %s, so no thread reads keys and revocations, and requests wait for "
            "them; set %s",
            " and ".join(missing),
            " and ".join(f"{name} = true" for name in missing),
        )
    return True


warn_of_uwsgi: PerProcess[bool] = PerProcess(_look_at_uwsgi)  # once per process


def call_in_child(one: _Object, call: Callable[[_Object], object]) -> None:
    """Call `call` with an object in each forked child, for as long as the object lives."""
    _calls[one] = call


def _after_fork() -> None:
    for one, call in list(_calls.items()):
        call(one)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
