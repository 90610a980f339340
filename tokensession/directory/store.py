"""What a store of a directory does: a role of the connection that holds the revocation list.

A record is written at a sign-in, when a session gets a new id, and when its token is renewed. What
is revoked is in the list beside it, so a record of an ended session is never given, even where it
is still there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tokensession.revocation.limits import SWEEP_BATCH

if TYPE_CHECKING:
    from tokensession.revocation.decision import Ended
    from tokensession.revocation.store import Store as RevocationStore
    from tokensession.sessions.listing import Listing, Record


@runtime_checkable
class Store(Protocol):
    """A store of records. Synchronous; safe under threads, and after a fork.

    A constructor does no I/O. Every method raises StoreError when the store cannot be reached, is
    full, is not created, or gives an invalid answer, and nothing else. Times are Unix seconds.
    The store of revocations beside it does what `Denial.listing` says, in the step of the denial.
    """

    def is_beside(self, revocations: RevocationStore) -> bool:
        """Tell whether a store of revocations is a role of the same connection."""
        ...

    def create(self) -> None:
        """Make what it and the revocation list need; leave alone what is there."""
        ...

    def add(self, listing: Listing, *, now: int) -> Ended:
        """List a session that begins, and end the oldest beyond the limit, in one step.

        A record of this id that is there is replaced. The new session stays, however old it is.
        """
        ...

    def touch(self, record: Record) -> None:
        """Note when a session was seen and when it ends; add the record where there is none.

        Of two calls the one that saw the session later counts. Label and provider stay.
        """
        ...

    def sessions(
        self, subject: bytes, *, now: int, after: tuple[int, bytes] | None, limit: int
    ) -> list[Record]:
        """Return the sessions of a subject that live, the newest first.

        Args:
            subject: The subject's key.
            now: Unix second.
            after: The start and the listed id of the last record of the page before.
            limit: How many to return.
        """
        ...

    def find(self, name: bytes, *, now: int) -> Record | None:
        """Return the session of a listed id, or None where none lives."""
        ...

    def of_provider(self, provider: bytes, *, now: int) -> list[Record]:
        """Return the sessions that live and were signed in with a provider's session."""
        ...

    def count(self) -> int:
        """Return how many records there are, those of ended sessions included."""
        ...

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:
        """Remove up to `limit` records whose end is before `now`; return how many were."""
        ...
