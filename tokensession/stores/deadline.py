"""Time limits for calls on sockets, for clients that have none.

A server that hangs keeps its connections open, and libpq waits for its answer for ever. So each
call registers its deadline, and one thread shuts the sockets that are late. The client then finds
its connection closed. This needs no file descriptor, because a database that hangs can use up a
process's descriptors.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final, NamedTuple

from tokensession.forks import PerProcess, forks_in_c

if TYPE_CHECKING:
    from collections.abc import Generator

_TICK: Final = 0.1  # seconds between two checks of the deadlines


class _Limited(NamedTuple):
    """A socket with its deadline, identified by number and inode."""

    until: float
    descriptor: int
    inode: int


class Deadlines:
    """Shuts sockets of one process at their deadlines."""

    def __init__(self) -> None:
        self._calls: dict[object, _Limited] = {}
        self._lock = threading.Lock()  # held while a socket is shut
        self._busy = threading.Event()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def limit(self, descriptor: int, seconds: float) -> Generator[None]:
        """Shut the socket of a file descriptor unless the block ends in time.

        Raises:
            TimeoutError: The block did not end in time; or the system cannot start the thread, so
                the block was not run.
            OSError: The descriptor is not open.
        """
        if self._thread is None or not self._thread.is_alive():
            if forks_in_c():  # no thread allowed, so no limit: the service is starting
                yield
                return
            self._start()
        call = object()
        inode = os.fstat(descriptor).st_ino
        self._calls[call] = _Limited(monotonic() + seconds, descriptor, inode)
        self._busy.set()
        try:
            yield
        except Exception as error:
            if call not in self._calls:
                raise TimeoutError(f"timeout: no answer within {seconds:g} s") from error
            raise
        finally:
            if self._calls.pop(call, None) is None:
                with self._lock:  # wait until it is shut: afterwards the number can be reused
                    pass

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(
                    target=self._watch, name="tokensession-deadlines", daemon=True
                )
                try:
                    thread.start()
                except RuntimeError as error:  # the system has no thread left
                    raise TimeoutError(f"no thread can limit the call's time: {error}") from error
                self._thread = thread

    def _watch(self) -> None:
        while True:
            self._busy.wait()
            sleep(_TICK)
            if not self._calls:
                self._busy.clear()
                if self._calls:  # a call that started in between
                    self._busy.set()
            now = monotonic()
            for call, limited in list(self._calls.items()):
                if limited.until <= now:
                    self._shut(call)

    def _shut(self, call: object) -> None:
        with self._lock:
            limited = self._calls.pop(call, None)
            if limited is None:
                return  # the call has just ended
            with contextlib.suppress(OSError):
                # A client that lost its connection has closed it, so the number may be reused.
                if os.fstat(limited.descriptor).st_ino == limited.inode:
                    _shut_down(limited.descriptor)


def _shut_down(descriptor: int) -> None:
    """Shut a socket by its number; its owner must still close it."""
    one = socket.socket(fileno=descriptor)
    try:
        one.shutdown(socket.SHUT_RDWR)
    finally:
        one.detach()


DEADLINES: Final = PerProcess(Deadlines)
