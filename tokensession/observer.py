"""Who watches: inherit, and override what is to be counted."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_LOGGED_AGAIN: Final = 60.0  # seconds after which a hook that goes on failing is logged again

_log = logging.getLogger("tokensession")


class Observer:
    """Is told what happens, in the thread where it happens; does nothing by itself.

    Give it to a `SessionCodec` and to a `Replica`. Override methods, and let them be fast: the
    library holds no lock while it calls them. What they raise is logged and ends nothing. Nothing
    that it is told names a session, a subject or an unknown key.
    """

    def decoded(self) -> None:
        """A token gave a session."""

    def refused(self, code: str) -> None:
        """A token was refused, with this code of the closed list (SPEC section 5)."""

    def renewed(self) -> None:
        """A session got a new token."""

    def revoked(self, what: str) -> None:
        """A revocation was recorded: of a ``session``, a ``subject`` or ``everyone``."""

    def store_failed(self, operation: str) -> None:
        """A store of revocations could not do a ``look_up``, ``read`` or ``revoke``."""

    def replica_read(self, entries: int, skipped: int) -> None:
        """A replica is up to date again, with so many entries; so many were garbage."""

    def replica_stale(self, seconds: float) -> None:
        """A replica could not read, and was up to date so many seconds ago for the last time."""

    def ring_reloaded(self, serial: int) -> None:
        """A key ring was replaced by a newer one."""


SILENT = Observer()


def tell(hook: Callable[..., object], *facts: object) -> None:
    """Call what the application wants to be told by; what it raises is logged and ends nothing.

    Call it under no lock. A hook that goes on failing is logged once a minute.

    Args:
        hook: A method of an `Observer`, or another callback.
        facts: What it is told.
    """
    try:
        hook(*facts)
    except Exception:  # noqa: BLE001  # an application can raise any
        name = getattr(hook, "__qualname__", type(hook).__qualname__)
        logged = vars(getattr(hook, "__self__", tell)).setdefault("_tokensession_logged", {})
        if monotonic() >= logged.get(name, 0.0):
            logged[name] = monotonic() + _LOGGED_AGAIN
            _log.exception("%s raised an error", name)
