"""Revocations in Memcached by pymemcache. Memcached can lose entries.

So the library refuses Memcached unless you accept that with ``may_forget=True``. A marker shows
whether all entries are lost: without it, every session is denied. The store cannot detect that the
server evicted a single entry, which makes that session valid again.

Each write is a compare-and-swap of one key. The entry of a denied id decides how its session goes
on: it names the next id, or none. So a sign-out follows these entries from id to id. Two more keys
shorten that way: ``f:`` names the first id of a chain, and ``c:`` an id near its end.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tokensession.errors import StoreError
from tokensession.format.core_values import check_switch
from tokensession.revocation import decision
from tokensession.revocation.decision import NEVER, Denial, Ended, Entries, Keep, Mark
from tokensession.revocation.limits import SWEEP_MARGIN
from tokensession.revocation.store import Batch, Capabilities, Counts, Position, Store
from tokensession.stores.connection import Role
from tokensession.stores.memcached import revocation_values as values
from tokensession.stores.memcached.server import MemcachedServer, expiry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LINKS: Final = 200  # the most links of a chain that one call follows
_Result = TypeVar("_Result")


class MemcachedStore(Role[MemcachedServer], Store):
    """Keeps revocations in Memcached, until the server needs the room.

    Args:
        connection: The server, or its URL.
        may_forget: Accept that a session is valid again when the server evicts its entry. After a
            restart of the server every session is denied until `create`. The default refuses this.
        options: As for `stores.connect`, with a URL.
    """

    def __init__(
        self, connection: MemcachedServer | str, *, may_forget: bool = False, **options: Any
    ) -> None:
        connection = MemcachedServer.of(connection, options)
        super().__init__(connection)
        check_switch("may_forget", may_forget)
        self._may_forget = may_forget
        self._prefix = f"{connection.prefix}:revocation:"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(durable=False, lists_changes=False, loss_accepted=self._may_forget)

    def create(self) -> None:
        text = values.marker_text(values.Marker(secrets.token_hex(8), NEVER, NEVER, 0))
        self._run(lambda client: client.add(self._prefix + "store", text, noreply=False))
        self._marker()

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        denied = self._key("d", sid)
        marker, mark, found = self._found(subject, denied)
        return decision.entries_with(marker.everyone, mark, denied=denied in found)

    def count(self) -> Counts:
        raise StoreError("the revocation store (memcached) cannot count its entries")

    def read(self, position: Position | None) -> Iterator[Batch]:  # noqa: ARG002  # the protocol's
        """Raise StoreError, because a replica needs a list of keys and Memcached has none."""
        raise StoreError("the revocation store (memcached) cannot list its entries: use Lookup")

    def deny(self, denial: Denial, *, now: int) -> Ended:
        """Deny the ids, then let the mark spare the successor."""
        successor = denial.successor
        denial = denial.lasting(self._life(denial.life), now)
        denied = self._end(denial, now)
        subject = None if successor is None else successor.subject
        if successor is not None and subject is not None and subject == denial.subject:
            self._spare(subject, denied, successor.sid, now)
        return self._ended(denied, subject)

    def replace(self, denial: Denial, new: bytes, *, now: int) -> Ended:
        """Deny the old id with an entry that names the new one, then move the mark.

        The entry decides. If the writer crashes in between, the old id stays denied. The writer
        retries, or the user signs in again.
        """
        denial = denial.lasting(self._life(denial.life), now)
        sid, subject, until = denial.sid, denial.subject, denial.until
        self._claim(denial, new, now)
        first = self._sid("f", sid) or sid
        self._put("f", new, first, until, now)
        self._put("c", first, new, until, now)
        if first != sid:  # the chain lives as long as the entry of its first id
            self._deny(first, until, now)
        if subject is not None:
            self._spare(subject, (sid,), new, now)
        return self._ended((sid,), subject)

    def _claim(self, denial: Denial, new: bytes, now: int) -> None:
        def claim(former: bytes | None) -> tuple[bytes, int] | None:
            found = self.look_up(denial.sid, denial.subject)._replace(denied=former is not None)
            current = values.denied_of(former).new
            if current is not None and self.look_up(current, None).denied:
                current = None
            if decision.is_recorded(denial, new, found, current):
                return None
            return values.denied_text(values.Denied(denial.until, new)), denial.until

        self._change(self._key("d", denial.sid), claim, now)

    def _end(self, denial: Denial, now: int) -> tuple[bytes, ...]:
        """Deny an id and the last id that continues it; return both."""
        sid, until = denial.sid, denial.until
        current = self._deny(sid, until, now)
        if current is None:
            return (sid,)
        first = self._sid("f", sid) or sid
        current = self._sid("c", first) or current
        for _ in range(_LINKS):
            new = self._deny(current, until, now)
            if new is None or new == current:
                return (sid,) if current == sid else (sid, current)
            current = new
        self._put("c", first, current, until, now)  # the next call continues from here
        raise StoreError("the revocation store (memcached) is too busy: retry later")

    def _deny(self, sid: bytes, until: int, now: int) -> bytes | None:
        """Deny one id; return the next id of its chain, or None."""

        def longer(former: bytes | None) -> tuple[bytes, int] | None:
            known, new = values.denied_of(former)
            if known >= until:
                return None
            return values.denied_text(values.Denied(until, new)), until

        return values.denied_of(self._change(self._key("d", sid), longer, now)).new

    def _spare(self, subject: bytes, olds: tuple[bytes, ...], new: bytes, now: int) -> None:
        """Let a subject's mark spare `new` if it spared one of the old ids."""

        def spare(former: bytes | None) -> tuple[bytes, int] | None:
            known = values.mark_of(former)
            marks = (decision.replaced(known, old, new) for old in olds)
            mark = next((mark for mark in marks if mark is not None), None)
            return None if mark is None else (values.mark_text(mark), mark.until)

        self._change(self._key("m", subject), spare, now)

    def _ended(self, denied: tuple[bytes, ...], subject: bytes | None) -> Ended:
        marker, mark, _ = self._found(subject)
        return Ended(denied, marker.everyone, mark)

    def mark(self, subject: bytes, keep: Keep | None, *, now: int, life: int) -> Mark:
        """Raise the marker to the instant, then set the mark."""
        before, made = NEVER, Mark(NEVER, None, NEVER, 0)
        life = self._life(life)

        def later(former: bytes | None) -> tuple[bytes, int] | None:
            nonlocal before, made
            known = values.mark_of(former)
            before = NEVER if known is None else known.instant
            made = decision.next_mark(known, self._marker().everyone, keep, now, life)
            if made == known:
                return None
            # The greatest mark first, so that every later revoke_all sees it.
            highest = made.instant
            self._raise(lambda marker: marker._replace(highest=max(marker.highest, highest)))
            return values.mark_text(made), made.until

        self._change(self._key("m", subject), later, now)
        decision.check_moved(before, made, now)
        return made

    def revoke_all(self, *, now: int) -> int:
        return self._raise(
            lambda marker: marker._replace(
                everyone=decision.next_everyone(marker.everyone, marker.highest, now)
            )
        ).everyone

    def revoke_before(self, instant: int) -> int:
        return self._raise(
            lambda marker: marker._replace(
                everyone=decision.everyone_before(marker.everyone, instant)
            )
        ).everyone

    def _found(
        self, subject: bytes | None, *keys: str
    ) -> tuple[values.Marker, Mark | None, dict[str, bytes]]:
        """Return the marker, the mark of a subject, and other keys."""
        store = self._prefix + "store"
        mark = "" if subject is None else self._key("m", subject)
        names = [name for name in (store, mark, *keys) if name]
        found: dict[str, bytes] = self._run(lambda client: client.get_many(names))
        return values.marker_of(found.get(store)), values.mark_of(found.get(mark)), found

    def _marker(self) -> values.Marker:
        return self._found(None)[0]

    def _life(self, named: int) -> int:
        """Return the greatest life that any writer has named, including this one."""
        marker = self._marker()
        if named > marker.life:
            marker = self._raise(lambda marker: marker._replace(life=max(marker.life, named)))
        return marker.life

    def _raise(self, change: Callable[[values.Marker], values.Marker]) -> values.Marker:
        """Change the marker, and return the new marker."""

        def raised(text: bytes | None) -> tuple[bytes, int] | None:
            marker = values.marker_of(text)
            changed = change(marker)
            return None if changed == marker else (values.marker_text(changed), 0)

        key = self._prefix + "store"
        return values.marker_of(self._connection.change(key, raised, store="revocation"))

    def _change(
        self, key: str, change: Callable[[bytes | None], tuple[bytes, int] | None], now: int
    ) -> bytes | None:
        """Change an entry; `change` returns its text and its end. Return its text."""

        def changed(former: bytes | None) -> tuple[bytes, int] | None:
            entry = change(former)
            return None if entry is None else (entry[0], _expire(entry[1], now))

        return self._connection.change(key, changed, store="revocation")

    def _sid(self, kind: str, sid: bytes) -> bytes | None:
        """Return the id in a key's value, or None."""
        key = self._key(kind, sid)
        return values.sid_of(self._run(lambda client: client.get(key)))

    def _put(self, kind: str, sid: bytes, named: bytes, until: int, now: int) -> None:
        """Store an id as a key's value."""
        key, leaves = self._key(kind, sid), _expire(until, now)
        self._run(lambda client: client.set(key, values.sid_text(named), leaves, noreply=False))

    def _key(self, kind: str, name: bytes) -> str:
        return f"{self._prefix}{kind}:{name.hex()}"

    def _run(self, call: Callable[[Any], _Result]) -> _Result:
        return self._connection.run(call, store="revocation")


def _expire(until: int, now: int) -> int:
    return expiry(until + SWEEP_MARGIN, now)
