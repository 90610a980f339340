"""A child that checks something, for tests of what a fork leaves behind."""

from __future__ import annotations

import os
import signal
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 60  # seconds after which a child that waits for ever is ended


def fork(check: Callable[[], object]) -> Callable[[], bool]:
    """Check something in a child; what is returned waits for it, and tells whether it held."""
    child = os.fork()
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
