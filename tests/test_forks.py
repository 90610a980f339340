"""What each process makes for itself."""

from __future__ import annotations

import os
import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from tests.forks import fork
from tokensession import forks
from tokensession.forks import PerProcess, forks_in_c, process_id
from tokensession.revocation.replica import Replica
from tokensession.sessions.steps import run
from tokensession.stores.memory.revocation import MemoryStore


@pytest.mark.parametrize("hooks", [True, False])
@pytest.mark.parametrize("wipes", [True, False])
def test_each_process_has_its_id(
    *, hooks: bool, wipes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child and its own child know theirs, whether or not the kernel wipes a page in them."""
    if not wipes:
        monkeypatch.setattr(forks, "_page", b"\0")

    def is_known() -> None:
        assert [process_id(), process_id()] == [os.getpid()] * 2

    def check() -> None:
        is_known()
        assert fork(is_known, hooks=hooks)()

    is_known()
    assert fork(check, hooks=hooks)()
    is_known()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux wipes pages in a child")
def test_the_kernel_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that knows its id makes no system call for it."""
    process_id()
    monkeypatch.setattr(forks, "getpid", lambda: pytest.fail("the kernel was asked again"))
    assert process_id() == os.getpid()


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


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({"master": True}, "enable-threads and lazy-apps"),
        ({"enable-threads": True}, "lazy-apps"),
        ({b"threads": b"2", b"lazy-apps": b"false"}, "lazy-apps"),
        ({"lazy-apps": b"true", "enable-threads": b"0"}, "enable-threads"),
        ({"lazy-apps": True, "enable-threads": True}, None),
        ({"lazy": True, "threads": b"8"}, None),
    ],
)
def test_a_warning_names_what_uwsgi_lacks(
    options: dict[Any, Any],
    missing: str | None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each process warns once, with each form in which uWSGI gives its options."""
    monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(opt=options))
    warn = PerProcess(forks._look_at_uwsgi)
    for _ in range(2):
        warn()
    lines = [record.getMessage() for record in caplog.records]
    assert [line.partition("without ")[2].partition(", so")[0] for line in lines] == (
        [] if missing is None else [missing]
    )


@pytest.mark.parametrize(
    ("worker", "master", "expected"),
    [(0, os.getpid(), True), (0, 0, True), (1, os.getppid(), False), (0, os.getppid(), False)],
    ids=["master", "no master", "worker", "worker without an id"],
)
def test_which_process_of_uwsgi_forks(
    worker: int, master: int, *, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its master; neither a worker nor a mule."""
    assert not forks_in_c()
    module: Any = SimpleNamespace(worker_id=lambda: worker, masterpid=lambda: master)
    monkeypatch.setitem(sys.modules, "uwsgi", module)
    assert forks_in_c() is expected


def test_a_master_of_uwsgi_follows_without_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that it forks beside one could hang."""
    module: Any = SimpleNamespace(worker_id=lambda: 0, masterpid=os.getpid, opt={})
    monkeypatch.setitem(sys.modules, "uwsgi", module)
    replica = Replica(MemoryStore())
    replica.read()
    before = set(threading.enumerate())  # threads of other tests can be on their way out
    assert not run(replica.revoking(bytes(16), 0, None))
    assert set(threading.enumerate()) <= before
    replica.close()


def _use(one: PerProcess[object], barrier: threading.Barrier, got: list[object]) -> None:
    barrier.wait()
    got.append(one())
