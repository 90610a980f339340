"""Revocations in Memcached by pymemcache. It forgets when it is full or restarted.

So it is refused unless that is accepted by name, and a marker tells at least when all is gone: its
absence denies everybody. A single entry that is evicted is not noticed, and its session is back.
Writes are made by compare-and-swap, each key by itself, in an order in which nothing is ever spared
that should not be.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Final, NamedTuple

from tokensession.errors import StoreError
from tokensession.revocation import decision
from tokensession.revocation.decision import NEVER, Entries, Mark
from tokensession.revocation.store import SWEEP_BATCH, SWEEP_MARGIN, Batch, Capabilities, Counts
from tokensession.stores.memcached.server import TIMEOUT, MemcachedServer, expiry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tokensession.revocation.decision import Denial, Keep
    from tokensession.revocation.store import Position

VERSION: Final = 1

_TRIES: Final = 200  # of a compare-and-swap; each that fails lets another writer succeed
_MARKER = re.compile(rb"(\d{1,9}) ([0-9a-f]{16}) (-?\d{1,17}) (-?\d{1,17})")
_MARK = re.compile(rb"(-?\d{1,17}) (\d{1,17}) (\d{1,17}) (-|[0-9a-f]{32})")
_DENIED = re.compile(rb"\d{1,17}")


class MemcachedStore:
    """Keeps revocations in Memcached, for as long as the server has room.

    Args:
        server: ``host:port`` or ``unix:/path/to/socket``.
        prefix: What the names of the keys begin with.
        timeout: Seconds that a call may take at the most.
        may_forget: Accept that sessions come back when the server evicts their entries, and that
            everybody is denied after its restart, until `create`. By default that is refused.

    Raises:
        ConfigError: A wrong argument.
    """

    def __init__(
        self,
        server: str,
        *,
        prefix: str = "tokensession",
        timeout: float = TIMEOUT,
        may_forget: bool = False,
    ) -> None:
        self.capabilities: Capabilities = Capabilities(
            durable=False, lists_changes=False, loss_accepted=may_forget
        )
        self._server = MemcachedServer(server, store="revocation", prefix=prefix, timeout=timeout)
        self._prefix = f"{prefix}:revocation:"

    def close(self) -> None:
        """Close the connections that are idle; the next call makes new ones."""
        self._server.close()

    def create(self) -> None:
        """Make the marker; leave alone what is there.

        Raises:
            StoreError: It cannot, or what is there is of another version.
        """
        marker = _Marker(secrets.token_hex(8), NEVER, NEVER)
        self._server.run(
            lambda client: client.add(self._prefix + "store", marker.text(), noreply=False)
        )
        self._marker()

    # -- asking --------------------------------------------------------------------------------

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        """Return what it holds about one session, in one round trip.

        Raises:
            StoreError: It cannot be asked, or was not created.
        """
        store, denied = self._prefix + "store", self._denied(sid)
        keys = [store, denied] if subject is None else [store, denied, self._mark(subject)]
        found = self._server.run(lambda client: client.get_many(keys))
        marker = _marker(found.get(store))
        mark = None if subject is None else _mark(found.get(self._mark(subject)))
        if mark is None:
            return Entries(denied in found, marker.everyone)
        return Entries(denied in found, marker.everyone, mark.instant, mark.kept)

    def count(self) -> Counts:
        """Refuse: the server cannot tell.

        Raises:
            StoreError: Always.
        """
        raise StoreError("the revocation store (memcached) cannot count its entries")

    def read(self, position: Position | None) -> Iterator[Batch]:  # noqa: ARG002  # the protocol's
        """Refuse: the server cannot list its keys, so no replica can follow it.

        Raises:
            StoreError: Always.
        """
        raise StoreError("the revocation store (memcached) cannot list its entries")

    # -- telling -------------------------------------------------------------------------------

    def deny(self, denial: Denial, *, now: int) -> None:
        """Deny a session id.

        Raises:
            StoreError: It could not be recorded.
        """
        self._marker()
        self._deny(denial, now)

    def _deny(self, denial: Denial, now: int) -> None:
        def longer(former: bytes | None) -> tuple[bytes, int] | None:
            known = int(former) if former is not None and _DENIED.fullmatch(former) else NEVER
            return None if known >= denial.until else (b"%d" % denial.until, denial.until)

        self._change(self._denied(denial.sid), longer, now)

    def replace(self, denial: Denial, new: bytes, *, now: int) -> None:
        """Deny a session id and, where its subject's mark spares it, spare `new` instead.

        First the mark: from then on it ends the old id by itself, and spares the new one.

        Raises:
            StoreError: It could not be recorded.
        """
        self._marker()

        def spare(former: bytes | None) -> tuple[bytes, int] | None:
            mark = decision.replaced(_mark(former), denial.sid, new)
            return None if mark is None else (_text(mark), mark.until)

        if denial.subject is not None:
            self._change(self._mark(denial.subject), spare, now)
        self._deny(denial, now)

    def mark(self, subject: bytes, keep: Keep | None, *, now: int, life: int) -> Mark:
        """Set a subject's mark.

        Raises:
            StoreError: It could not be recorded.
        """
        made: Mark | None = None

        def later(former: bytes | None) -> tuple[bytes, int]:
            nonlocal made
            known = _mark(former)
            marker = self._marker()
            made = decision.next_mark(known, marker.everyone, keep, now, life)
            until = made.until if known is None else max(made.until, known.until)
            made = made._replace(until=until)
            # The greatest mark first: whoever revokes all after this call sees it in any case.
            highest = made.instant
            self._raise(lambda marker: marker._replace(highest=max(marker.highest, highest)))
            return _text(made), until

        self._change(self._mark(subject), later, now)
        assert made is not None
        return made

    def revoke_all(self, *, now: int) -> int:
        """End every session begun so far.

        Raises:
            StoreError: It could not be recorded.
        """
        return self._raise(
            lambda marker: marker._replace(
                everyone=decision.next_everyone(marker.everyone, marker.highest, now)
            )
        ).everyone

    def revoke_before(self, instant: int) -> int:
        """End every session begun before an instant.

        Raises:
            StoreError: It could not be recorded.
        """
        return self._raise(
            lambda marker: marker._replace(
                everyone=decision.everyone_before(marker.everyone, instant)
            )
        ).everyone

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:  # noqa: ARG002  # the protocol's
        """Return 0: the server removes what has ended."""
        return 0

    # -- talking to the server -----------------------------------------------------------------

    def _marker(self) -> _Marker:
        found: bytes | None = self._server.run(lambda client: client.get(self._prefix + "store"))
        return _marker(found)

    def _raise(self, change: Callable[[_Marker], _Marker]) -> _Marker:
        """Change the marker, by compare-and-swap."""
        key = self._prefix + "store"
        for _ in range(_TRIES):
            text, token = self._server.run(lambda client: client.gets(key))
            marker = _marker(text)
            changed = change(marker)
            if changed == marker or self._swap(key, changed.text(), token, 0):
                return changed
        raise StoreError("the revocation store (memcached) is too busy")

    def _change(
        self, key: str, change: Callable[[bytes | None], tuple[bytes, int] | None], now: int
    ) -> None:
        """Change an entry, by compare-and-swap; None leaves it alone."""
        for _ in range(_TRIES):
            former, token = self._server.run(lambda client: client.gets(key))
            changed = change(former)
            if changed is None:
                return
            text, until = changed
            if self._swap(key, text, token, _expire(until, now)):
                return
        raise StoreError("the revocation store (memcached) is too busy")

    def _swap(self, key: str, text: bytes, token: bytes | None, expire: int) -> bool:
        if token is None:
            return bool(
                self._server.run(
                    lambda client: client.add(key, text, expire, noreply=False), again=False
                )
            )
        return bool(
            self._server.run(
                lambda client: client.cas(key, text, token, expire, noreply=False), again=False
            )
        )

    def _denied(self, sid: bytes) -> str:
        return f"{self._prefix}d:{sid.hex()}"

    def _mark(self, subject: bytes) -> str:
        return f"{self._prefix}m:{subject.hex()}"


class _Marker(NamedTuple):
    """What is for everyone, and the sign that nothing has been flushed."""

    epoch: str
    everyone: int
    highest: int

    def text(self) -> bytes:
        """Return what the server keeps."""
        return b"%d %b %d %d" % (VERSION, self.epoch.encode(), self.everyone, self.highest)


def _marker(text: bytes | None) -> _Marker:
    if text is None:
        raise StoreError(
            "the revocation store (memcached) is empty: what it held is gone (flushed, evicted, "
            "restarted), or it was never made; make it with create(), and end all older sessions "
            "if it is a loss (revoke_all)"
        )
    found = _MARKER.fullmatch(text)
    if found is None or int(found[1]) != VERSION:
        raise StoreError(
            f"the revocation store (memcached) is of another version; this library knows {VERSION}"
        )
    return _Marker(found[2].decode(), int(found[3]), int(found[4]))


def _text(mark: Mark) -> bytes:
    kept = b"-" if mark.kept is None else mark.kept.hex().encode()
    return b"%d %d %d %b" % (mark.instant, mark.until, mark.revision, kept)


def _mark(text: bytes | None) -> Mark | None:
    if text is None:
        return None
    found = _MARK.fullmatch(text)
    if found is None:
        raise StoreError("the revocation store (memcached) holds something that is no mark")
    kept = None if found[4] == b"-" else bytes.fromhex(found[4].decode())
    return Mark(int(found[1]), kept, int(found[2]), int(found[3]))


def _expire(until: int, now: int) -> int:
    return expiry(until + SWEEP_MARGIN, now)
