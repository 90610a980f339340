"""A limit to how long a call on a socket can take, for clients that know none.

A server that hangs keeps its connections open, and libpq waits for its answer without end. So
whoever asks says until when, and one thread shuts the sockets whose time is up: the client then
finds its connection closed.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

_TICK: Final = 0.1  # seconds between two looks at what is due


class Deadlines:
    """Shuts sockets whose time is up."""

    def __init__(self) -> None:
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._pid = os.getpid()
        self._calls: dict[object, tuple[float, int]] = {}
        self._lock = threading.Lock()  # held while a socket is shut
        self._busy = threading.Event()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def limit(self, descriptor: int, seconds: float) -> Generator[None]:
        """Shut the socket of a file descriptor unless the block ends in time.

        Raises:
            TimeoutError: It did not, and so failed; or nobody can see to it, and it is not begun.
        """
        if self._pid != os.getpid():  # the thread stayed with the parent
            self._begin_anew()
        if self._thread is None:
            self._start()
        call = object()
        self._calls[call] = (monotonic() + seconds, descriptor)
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
            if self._thread is None:
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
            for call, (until, descriptor) in list(self._calls.items()):
                if until <= now:
                    self._shut(call, descriptor)

    def _shut(self, call: object, descriptor: int) -> None:
        with self._lock:
            if self._calls.pop(call, None) is None:
                return  # it has just ended
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as one:
                one.shutdown(socket.SHUT_RDWR)


DEADLINES: Final = Deadlines()
