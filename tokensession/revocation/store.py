"""The protocol of a revocation store; implement it for any storage.

Entries can only revoke more. So a store can apply a call twice or late, and keep an entry too long.
It must never drop an entry early.
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
    """The capabilities of a store.

    Attributes:
        durable: Whether acknowledged entries survive a restart, and none is evicted.
        lists_changes: Whether `read` works, so that a replica can follow the store.
        loss_accepted: Whether the application has accepted, by an argument, that the store can lose
            entries.
    """

    durable: bool
    lists_changes: bool
    loss_accepted: bool = False


class Batch(NamedTuple):
    """A part of a store's entries, or of its changes.

    Attributes:
        denied: Denied session ids, each with the second until which it must live.
        marks: Marks by their subjects' keys.
        everyone: The instant for everyone, or -1.
        highest: The greatest mark ever set, or -1.
        epoch: Identifies the store; it changes when the store is emptied and created again.
        position: In the last batch, the position for the next reading; otherwise None.
        skipped: The number of invalid entries, which were left out.
    """

    denied: Sequence[tuple[bytes, int]] = ()
    marks: Sequence[tuple[bytes, Mark]] = ()
    everyone: int = NEVER
    highest: int = NEVER
    epoch: str = ""
    position: Position | None = None
    skipped: int = 0


class Counts(NamedTuple):
    """The numbers of a store's entries."""

    denied: int
    marks: int


@runtime_checkable
class Store(Protocol):
    """A revocation store. It is synchronous, thread-safe and fork-safe.

    A constructor does no I/O. Methods raise only StoreError: the store is unreachable, full, not
    created, or returned an invalid answer. `replace` can also raise Revoked. Each call ends within
    a few seconds. Arguments are subject keys (`tokensession.revocation.decision.subject_key`) and
    Unix seconds.
    """

    @property
    def capabilities(self) -> Capabilities:
        """The capabilities, known without I/O."""
        ...

    def create(self) -> None:
        """Create what the store needs (tables, an epoch); keep what exists.

        Raises:
            StoreError: Creating failed, or the existing store has another version.
        """
        ...

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        """Return the entries about one session. An entry past its end may count or not."""
        ...

    def deny(self, denial: Denial, *, now: int) -> Ended:
        """Deny a session id and the current id of its chain, in one step.

        The entry lives as long as the greatest life that any writer has named, including this one.
        The mark of the denial's subject can spare one of these ids. If the successor has the same
        subject, the mark then spares the successor instead. A repeated call is a no-op; the later
        of two ends counts.
        """
        ...

    def replace(self, denial: Denial, new: bytes, *, now: int) -> Ended:
        """Let `new` continue a session under another id, in one step.

        `decision.is_recorded` decides. The old id is denied, its chain's current id becomes `new`,
        and a mark that spares the old id spares `new` instead.

        Raises:
            Revoked: The session has ended, or another id already continues it. Nothing changes.
        """
        ...

    def mark(self, subject: bytes, keep: Keep | None, *, now: int, life: int) -> Mark:
        """Set a subject's mark to `decision.next_mark` of its current mark, in one step.

        The mark is after every instant for everyone that was acknowledged before the call. It lives
        as long as `deny` describes.

        Raises:
            StoreError: The mark has not moved (see `decision.check_moved`); the spared session is
                replaced.
        """
        ...

    def revoke_all(self, *, now: int) -> int:
        """Set the instant for everyone to `decision.next_everyone`, and return it.

        The instant is after every mark that was acknowledged before the call.
        """
        ...

    def revoke_before(self, instant: int) -> int:
        """Set the instant for everyone to `decision.everyone_before`, and return it."""
        ...

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Yield all entries, or the changes since a position, in batches.

        A reader that continues from the last batch's position misses no later acknowledged entry.
        Entries can occur twice. If the changes after a position are gone, or it belongs to another
        store, this yields all entries.
        """
        ...

    def count(self) -> Counts:
        """Return the numbers of entries, including those past their end."""
        ...

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:  # noqa: ARG002  # nothing to do
        """Remove up to `limit` entries whose end is before `now`; return how many.

        Stores whose entries expire by themselves do nothing, and return 0.
        """
        return 0
