"""Django's test client, which stores a session's token in its cookies."""

from __future__ import annotations

import sys
from typing import Any, Final

_CLIENT: Final = "django.test.client"
_FRAMES: Final = 3  # from this function to the caller that creates the session


def client_that_asks() -> Any:
    """Return the test client whose ``session`` is being created, or None.

    Django does not let a store give its client a new token, because a database's key stays the
    same.
    """
    frame = sys._getframe(1)
    for _ in range(_FRAMES):
        if frame.f_back is None:
            return None
        frame = frame.f_back
        if frame.f_globals.get("__name__") == _CLIENT:
            return frame.f_locals.get("self")
    return None
