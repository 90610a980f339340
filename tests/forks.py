"""A child that checks something, for tests of what a fork leaves behind."""

from __future__ import annotations

import ctypes
import os
import signal
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 60  # seconds after which a child that waits for ever is ended
# As uWSGI forks: in C, with the interpreter's lock held, and without Python's hooks.
_fork_in_c = ctypes.PyDLL(None).fork


def fork(check: Callable[[], object], *, hooks: bool = True) -> Callable[[], bool]:
    """Check something in a child; what is returned waits for it, and tells whether it held.

    Args:
        check: What the child does.
        hooks: Whether Python's hooks run, as they do not under uWSGI.
    """
    child = os.fork() if hooks else _fork_in_c()
    if child == 0:
        status = 1
        try:
            signal.alarm(PATIENCE)
            check()
            status = 0
        except BaseException:  # noqa: BLE001  # it must not become a second pytest
            traceback.print_exc()
        finally:
            os._exit(status)
    return lambda: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
