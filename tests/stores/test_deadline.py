"""Limits of calls on sockets: a call that takes too long finds its connection closed."""

from __future__ import annotations

import os
import socket
import sys
import threading
from contextlib import contextmanager
from time import monotonic, sleep
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tests.forks import fork
from tests.stores.fixtures import no_descriptors
from tokensession.stores import deadline as module
from tokensession.stores.deadline import DEADLINES, Deadlines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONG = 3600.0  # seconds: what is limited so is not shut within a test


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Give two ends of a connection."""
    one, other = socket.socketpair()
    with one, other:
        yield one, other


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often at what is due."""
    monkeypatch.setattr(module, "_TICK", 0.005)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something."""
    while not condition():
        sleep(0.005)


def works(one: socket.socket, other: socket.socket) -> bool:
    """Tell whether what is sent arrives."""
    other.sendall(b"x")
    return one.recv(1) == b"x"


def test_a_call_that_takes_too_long_ends() -> None:
    """Its socket is shut; those of others are not."""
    deadlines = Deadlines()
    with pair() as (one, other), pair() as (third, fourth):
        with deadlines.limit(third.fileno(), LONG), deadlines.limit(one.fileno(), 0.01):
            assert one.recv(1) == b""
        assert works(third, fourth)
        with pytest.raises(BrokenPipeError):
            other.sendall(b"x")


def test_a_call_that_ends_in_time_leaves_its_socket_alone() -> None:
    """It is forgotten, so that its number may be another's, also when it ends by an error."""
    deadlines = Deadlines()
    with pair() as (one, other):
        for _ in range(3):
            with pytest.raises(ZeroDivisionError), deadlines.limit(one.fileno(), LONG):
                raise ZeroDivisionError
        assert deadlines._calls == {}
        deadlines._shut(object())  # its time was up when it ended
        assert works(one, other)


def test_a_socket_that_is_gone_is_no_matter() -> None:
    """A socket that was closed before its deadline is ignored."""
    deadlines = Deadlines()
    with pair() as (one, _), deadlines.limit(one.fileno(), 0.01):
        one.close()
        until(lambda: not deadlines._calls)


def test_a_number_that_is_another_sockets_is_left_alone() -> None:
    """A client that lost its connection has closed it, and the next one has its number."""
    deadlines = Deadlines()
    with pair() as (one, _), pair() as (third, fourth):
        number = one.fileno()
        with deadlines.limit(number, 0.05):
            os.dup2(third.fileno(), number)
            until(lambda: not deadlines._calls)
        assert works(third, fourth)


def test_no_descriptor_is_needed() -> None:
    """A process that has run out of them is told in time all the same."""
    deadlines = Deadlines()
    with pair() as (one, _), no_descriptors(), deadlines.limit(one.fileno(), 0.01):
        assert one.recv(1) == b""


@pytest.mark.parametrize("hooks", [True, False])
def test_a_child_has_a_thread_of_its_own(*, hooks: bool) -> None:
    """The one of its parent stayed there, with its lock."""
    with pair() as (one, other):
        with DEADLINES().limit(one.fileno(), LONG):
            pass

        def check() -> None:
            with DEADLINES().limit(one.fileno(), 0.01):
                assert one.recv(1) == b""

        with DEADLINES()._lock:
            held_in_child = fork(check, hooks=hooks)
        assert held_in_child()
        assert other.recv(1) == b""


def test_a_master_of_uwsgi_gets_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that it forks beside one could hang; the call is made without a limit."""
    deadlines = Deadlines()
    master = SimpleNamespace(worker_id=lambda: 0, masterpid=os.getpid)
    monkeypatch.setitem(sys.modules, "uwsgi", master)
    with deadlines.limit(0, 0.01):
        pass
    assert deadlines._thread is None


def test_a_call_that_begins_when_the_thread_goes_to_rest_is_seen() -> None:
    """Between its last look and its sleep."""
    deadlines = Deadlines()
    with pair() as (one, _):

        class Late(threading.Event):
            def clear(self) -> None:
                super().clear()
                if not begun:
                    begun.append(object())
                    inode = os.fstat(one.fileno()).st_ino
                    limited = module._Limited(monotonic(), one.fileno(), inode)
                    deadlines._calls[begun[0]] = limited

        begun: list[object] = []
        deadlines._busy = Late()
        with deadlines.limit(one.fileno(), LONG):
            pass
        assert one.recv(1) == b""


def test_a_system_without_threads_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that no thread could end is not begun, and the next call tries again."""
    deadlines = Deadlines()

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with pair() as (one, other):
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", fail)
            with pytest.raises(TimeoutError, match="start new"), deadlines.limit(0, LONG):
                raise AssertionError
        with deadlines.limit(one.fileno(), 0.01):
            assert one.recv(1) == b""
        assert other.recv(1) == b""


def test_a_thread_that_has_died_is_started_again() -> None:
    """A dead thread of deadlines is replaced, so that calls still end in time."""
    deadlines = Deadlines()
    with pair() as (one, _):
        with deadlines.limit(one.fileno(), LONG):
            pass
        dead = threading.Thread(target=int)
        dead.start()
        dead.join()
        deadlines._thread = dead
        with deadlines.limit(one.fileno(), 0.01):
            assert one.recv(1) == b""


def test_threads_that_begin_at_once_share_one_thread() -> None:
    """Threads that begin at the same time start one thread of deadlines."""
    deadlines = Deadlines()
    deadlines._start()
    thread = deadlines._thread
    deadlines._start()
    assert deadlines._thread is thread
