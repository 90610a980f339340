"""Who watches: inherit, and override what is to be counted."""

from __future__ import annotations


class Observer:
    """Is told what happens, in the thread where it happens; does nothing by itself.

    Give it to a `SessionCodec` and to a `Replica`. Override methods, and let them be fast and
    never raise. Nothing that it is told names a session, a subject or an unknown key.
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
