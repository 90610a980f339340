"""Hooks for metrics and logs: inherit from `Observer` and override the methods that you need."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, Final

from tokensession.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

_LOGGED_AGAIN: Final = 60.0  # seconds until a hook that still fails is logged again

# When hooks are logged again, by the monotonic clock; for those whose object cannot hold it.
_logged: dict[str, float] = {}

_log = logging.getLogger("tokensession")


class Observer:
    """Receive the events of the library. The methods of this class do nothing.

    Pass an observer to a `SessionCodec` and to a `Replica`. The library calls a method in the
    thread of the event and holds no lock meanwhile, so keep the methods fast. The library logs an
    exception of a method and continues. The arguments never name a session, a subject or an unknown
    key.
    """

    def decoded(self) -> None:
        """A token yielded a session."""

    def refused(self, code: str) -> None:
        """A token was refused with this code of the closed list (SPEC section 5)."""

    def renewed(self) -> None:
        """A session received a new token."""

    def signed_in(self) -> None:
        """A response began a session of a subject."""

    def signed_out(self) -> None:
        """A response ended the session of its request."""

    def reauthenticated(self) -> None:
        """A subject authenticated again."""

    def ended(self, by: str) -> None:
        """Sessions were ended from elsewhere: by ``user``, ``limit``, ``provider`` or ``operator``.

        A session beyond the limit is told alone; a call that ends several is told once.
        """

    def revoked(self, what: str) -> None:
        """A revocation of a ``session``, a ``subject`` or ``everyone`` was recorded."""

    def store_failed(self, operation: str) -> None:
        """A store failed to ``look_up``, ``read`` or ``revoke``, or a directory to ``list``."""

    def replica_read(self, entries: int, skipped: int) -> None:
        """A replica is up to date: it holds `entries` entries and skipped invalid ones."""

    def replica_stale(self, seconds: float) -> None:
        """A replica could not read its store; it was last up to date `seconds` seconds ago."""

    def ring_reloaded(self, serial: int) -> None:
        """A newer key ring replaced the current one."""


SILENT = Observer()


def tell(hook: Callable[..., object], *facts: object) -> None:
    """Call a hook of the application; log its exceptions and continue.

    The caller must not hold a lock. A hook that keeps failing is logged once a minute.

    Args:
        hook: A method of an `Observer`, or another callback.
        facts: The arguments of the hook.
    """
    try:
        hook(*facts)
    except Exception:  # noqa: BLE001  # an application can raise any
        name = getattr(hook, "__qualname__", type(hook).__qualname__)
        own = getattr(getattr(hook, "__self__", None), "__dict__", None)  # not of a class or slots
        logged = own.setdefault("_tokensession_logged", {}) if type(own) is dict else _logged
        if monotonic() >= logged.get(name, 0.0):
            logged[name] = monotonic() + _LOGGED_AGAIN
            _log.exception("%s raised an error", name)


def checked_observer(observer: object) -> Observer:
    """Return an observer.

    Raises:
        ConfigError: It is another object, or the class itself.
    """
    if not isinstance(observer, Observer):
        raise ConfigError(f"observer must be an Observer, not {type(observer).__name__}")
    return observer
