"""What each process makes for itself."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from tests.forks import fork
from tokensession.forks import PerProcess


def test_it_is_made_on_first_use_and_kept() -> None:
    """The constructor makes nothing; what was given up is made again."""
    made: list[int] = []
    one = PerProcess(lambda: made.append(0) or len(made))  # type: ignore[func-returns-value]
    assert one.give_up() is None
    assert made == []
    assert (one(), one()) == (1, 1)
    assert one.give_up() == 1
    assert one() == 2


@pytest.mark.parametrize("hooks", [True, False])
def test_a_child_makes_its_own(*, hooks: bool) -> None:
    """What the parent has made is neither used nor closed there."""
    closed: list[int] = []

    class Socket:
        def __init__(self) -> None:
            self.pid = os.getpid()

        def __del__(self) -> None:
            closed.append(self.pid)

    one = PerProcess(Socket)
    assert one().pid == os.getpid()

    def check() -> None:
        for _ in range(2):
            assert one().pid == os.getpid()
        assert one.give_up()
        assert closed == [os.getpid()]

    assert fork(check, hooks=hooks)()
    assert closed == []


def test_threads_that_come_first_at_once_get_the_same() -> None:
    """Each can make one, and all of them use one."""
    for _ in range(20):
        one, barrier, got = PerProcess(object), threading.Barrier(8), list[object]()
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            threads = [threading.Thread(target=_use, args=(one, barrier, got)) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(interval)
        assert len(set(map(id, got))) == 1


def _use(one: PerProcess[object], barrier: threading.Barrier, got: list[object]) -> None:
    barrier.wait()
    got.append(one())
