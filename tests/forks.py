"""A child that checks something, for tests of what a fork leaves behind."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import signal
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 60  # seconds after which a child that waits for ever is ended
RESTED = 0.02  # seconds without a running thread; threads that wake twice a second rest longer
# As uWSGI forks: in C, with the interpreter's lock held, and without Python's hooks.
_fork_in_c = ctypes.PyDLL(None).fork


def fork(check: Callable[[], object], *, hooks: bool = True) -> Callable[[], bool]:
    """Check something in a child; what is returned waits for it, and tells whether it held.

    Args:
        check: What the child does.
        hooks: Whether Python's hooks run, as they do not under uWSGI.
    """
    while True:
        rested = None if hooks else _when_others_rest()
        goes, go = os.pipe()
        child = os.fork() if hooks else _fork_in_c()
        if child == 0:
            _live(check, goes)
        os.close(goes)
        with open(go, "wb") as gate:  # noqa: PTH123  # a descriptor
            if hooks or _others() == rested:
                gate.write(b"1")
                return lambda: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        os.kill(child, signal.SIGKILL)  # another thread woke, see `_when_others_rest`
        os.waitpid(child, 0)


def _live(check: Callable[[], object], goes: int) -> NoReturn:
    """Check something in a child, and end it."""
    status = 1
    try:
        if os.read(goes, 1):
            faulthandler.register(signal.SIGALRM, file=2, chain=True)  # says where it waited
            signal.alarm(PATIENCE)
            check()
            status = 0
    except BaseException:  # noqa: BLE001  # it must not become a second pytest
        traceback.print_exc()
    finally:
        os._exit(status)


def _when_others_rest() -> dict[str, tuple[str, str]]:
    """Wait until this thread is the only one that runs, and return what the others are then.

    The interpreter's lock is copied in the state that it has. A thread that waits for it in the
    moment of a fork in C waits in the child for ever, and the child's threads wait for that one.
    """
    latest = time.monotonic() + PATIENCE
    before, now = None, _others()
    while before != now or any(state != "S" for state, _ in now.values()):
        assert time.monotonic() < latest, f"threads that do not rest: {threading.enumerate()}"
        time.sleep(RESTED)
        before, now = now, _others()
    return now


def _others() -> dict[str, tuple[str, str]]:
    """Tell of each other thread whether it sleeps, and how often it has gone to sleep."""
    found = {}
    for task in Path("/proc/self/task").iterdir():
        if int(task.name) != threading.get_native_id():
            with contextlib.suppress(OSError):  # the thread has just ended
                lines = (task / "status").read_text().splitlines()
                status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
                found[task.name] = (status["State"][0], status["voluntary_ctxt_switches"])
    return found
