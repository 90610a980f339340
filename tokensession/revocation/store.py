"""What a store of revocations does; implement it over anything that keeps data.

Entries only ever come to deny more, so a store may apply what it is told twice or late, and keep
an entry longer than it must; it may never drop one early.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, runtime_checkable

from tokensession.revocation.decision import NEVER, Denial, Ended, Entries, Keep, Mark
from tokensession.revocation.limits import SWEEP_BATCH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


Position: TypeAlias = tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a store can do.

    Attributes:
        durable: Whether what it has acknowledged survives its restart, and nothing is evicted.
        lists_changes: Whether `read` works, so that a replica can follow it.
        loss_accepted: Whether whoever made the store has said, by an argument of its own, that
            it may forget.
    """

    durable: bool
    lists_changes: bool
    loss_accepted: bool = False


class Batch(NamedTuple):
    """A part of what a store holds, or of what has changed in it.

    Attributes:
        denied: Denied session ids, each with the second until which it must live.
        marks: Marks by their subjects' keys.
        everyone: The instant for everyone, or -1.
        highest: The greatest mark ever set, or -1.
        epoch: Which store it is: another value after it was emptied and made again.
        position: In the last batch, from where to read on; in the others None.
        skipped: Entries that are no such thing, and were left out.
    """

    denied: Sequence[tuple[bytes, int]] = ()
    marks: Sequence[tuple[bytes, Mark]] = ()
    everyone: int = NEVER
    highest: int = NEVER
    epoch: str = ""
    position: Position | None = None
    skipped: int = 0


class Counts(NamedTuple):
    """How many entries a store holds."""

    denied: int
    marks: int


@runtime_checkable
class Store(Protocol):
    """A store of revocations. Synchronous; safe under threads, and after a fork.

    A constructor does no I/O. Every method raises StoreError when the store cannot be reached, is
    full, is not created, or gives an invalid answer, and nothing else; `replace` raises Revoked
    too. Each call ends within a few seconds. Subjects are given by their keys
    (`tokensession.revocation.decision.subject_key`), times as Unix seconds.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; known without I/O."""
        ...

    def create(self) -> None:
        """Make what it needs (tables, an epoch); leave alone what is there.

        Raises:
            StoreError: It cannot, or what is there is of another version.
        """
        ...

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        """Return what it holds about one session. An entry past its end may count or not."""
        ...

    def deny(self, denial: Denial, *, now: int) -> Ended:
        """Deny a session id and the current id of its chain, in one step.

        The entry lives as long as the greatest life that any writer has named, this one included.
        Where the mark of the denial's subject spares one of these ids and the denial's successor
        has the same subject, the mark spares the successor instead. To repeat it is a no-op; of
        two ends the later counts.
        """
        ...

    def replace(self, denial: Denial, new: bytes, *, now: int) -> Ended:
        """Let `new` continue a session under another id, in one step.

        Decides by `decision.is_recorded`. The old id is denied, its chain's current id becomes
        `new`, and a mark that spares the old id spares `new` instead.

        Raises:
            Revoked: The session has ended, or another id already continues it; nothing changes.
        """
        ...

    def mark(self, subject: bytes, keep: Keep | None, *, now: int, life: int) -> Mark:
        """Set a subject's mark to `decision.next_mark` of what is there, in one step.

        It is after every instant for everyone that was acknowledged before the call began. It
        lives as `deny` says.

        Raises:
            StoreError: The mark stays, as `decision.check_moved` says; what it spares is replaced.
        """
        ...

    def revoke_all(self, *, now: int) -> int:
        """Set the instant for everyone to `decision.next_everyone`, and return it.

        It is after every mark that was acknowledged before the call began.
        """
        ...

    def revoke_before(self, instant: int) -> int:
        """Set the instant for everyone to `decision.everyone_before`, and return it."""
        ...

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Give all that it holds, or what has changed since a position, in batches.

        Nothing that is acknowledged after this began is lost to who reads on from the last
        batch's position; entries may come twice. A position that can no longer be followed (the
        changes after it are gone, or it is another store's) gives all that there is.
        """
        ...

    def count(self) -> Counts:
        """Return how many entries it holds, those past their end included."""
        ...

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:  # noqa: ARG002  # nothing to do
        """Remove up to `limit` entries whose end is before `now`; return how many were.

        Stores from which entries leave by themselves do nothing, and return 0.
        """
        return 0
