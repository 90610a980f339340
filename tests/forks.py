"""A child that checks something, for tests of what a fork leaves behind."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import traceback
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 60  # seconds after which a child that waits for ever is ended
BEGINS = 5  # seconds after which a child that has not begun is replaced
# As uWSGI forks: in C, with the interpreter's lock held, and without Python's hooks.
_fork_in_c = ctypes.PyDLL(None).fork


def fork(check: Callable[[], object], *, hooks: bool = True) -> Callable[[], bool]:
    """Check something in a child; what is returned waits for it, and tells whether it held.

    Args:
        check: What the child does.
        hooks: Whether Python's hooks run, as they do not under uWSGI.
    """
    while True:
        begun, begins = os.pipe()
        child = os.fork() if hooks else _fork_in_c()
        if child == 0:
            _live(check, begins)
        os.close(begins)
        with open(begun, "rb"):  # noqa: PTH123  # a descriptor
            has_begun = bool(select.select([begun], [], [], BEGINS)[0])
        if has_begun:
            return lambda: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        # If a thread of the parent wanted the interpreter's lock in the moment of a fork in C, the
        # child hands the lock to that thread, which it does not have, and waits for ever.
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _live(check: Callable[[], object], begins: int) -> NoReturn:
    """Check something in a child, and end it."""
    status = 1
    try:
        os.write(begins, b"1")
        signal.alarm(PATIENCE)
        check()
        status = 0
    except BaseException:  # noqa: BLE001  # it must not become a second pytest
        traceback.print_exc()
    finally:
        os._exit(status)
