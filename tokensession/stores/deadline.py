"""A limit to how long a call on a socket can take, for clients that know none.

A server that hangs keeps its connections open, and libpq waits for its answer without end. So each
call says until when it waits, and one thread shuts the sockets whose time is up. The client then
finds its connection closed. None of this needs a file descriptor: a database that hangs is what
lets a process run out of them.
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

_TICK: Final = 0.1  # seconds between two looks at what is due


class _Limited(NamedTuple):
    """A socket that is shut at a time, by its number and its inode."""

    until: float
    descriptor: int
    inode: int


class Deadlines:
    """Shuts sockets of one process whose time is up."""

    def __init__(self) -> None:
        self._calls: dict[object, _Limited] = {}
        self._lock = threading.Lock()  # held while a socket is shut
        self._busy = threading.Event()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def limit(self, descriptor: int, seconds: float) -> Generator[None]:
        """Shut the socket of a file descriptor unless the block ends in time.

        Raises:
            TimeoutError: It did not, and so failed; or the system has no thread left to see to it,
                and it is not begun.
            OSError: There is no such descriptor.
        """
        if self._thread is None or not self._thread.is_alive():
            if forks_in_c():  # without a thread, so without a limit: this is the start of a service
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
                with self._lock:  # until it is shut: after that the number may be another's
                    pass

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(
                    target=self._watch, name="tokensession-deadlines", daemon=True
                )
                try:
                    thread.start()
                except RuntimeError as error:  # the system has none to give
                    raise TimeoutError(f"nobody could end a call in time: {error}") from error
                self._thread = thread

    def _watch(self) -> None:
        while True:
            self._busy.wait()
            sleep(_TICK)
            if not self._calls:
                self._busy.clear()
                if self._calls:  # one that began in between
                    self._busy.set()
            now = monotonic()
            for call, limited in list(self._calls.items()):
                if limited.until <= now:
                    self._shut(call)

    def _shut(self, call: object) -> None:
        with self._lock:
            limited = self._calls.pop(call, None)
            if limited is None:
                return  # it has just ended
            with contextlib.suppress(OSError):
                # A client that lost its connection has closed it: the number may be another's.
                if os.fstat(limited.descriptor).st_ino == limited.inode:
                    _shut_down(limited.descriptor)


def _shut_down(descriptor: int) -> None:
    """Shut a socket by its number, which stays its owner's to close."""
    one = socket.socket(fileno=descriptor)
    try:
        one.shutdown(socket.SHUT_RDWR)
    finally:
        one.detach()


DEADLINES: Final = PerProcess(Deadlines)
