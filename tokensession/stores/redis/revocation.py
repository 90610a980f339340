"""Revocations in Redis or Valkey by redis-py, on one server, with replicas, or on a cluster.

All keys have one hash tag, so each script is one step on one node. The keys are: a hash with the
entries for everyone; a sorted set of denied ids by their end; a hash of marks, with a sorted set of
their ends; a stream of changes for replicas; and a hash of the chains of ids.
"""

from __future__ import annotations

import re
import secrets
from math import inf
from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import ConfigError, Revoked, StoreError
from tokensession.format.claims import SID_BYTES
from tokensession.format.core_values import check_switch
from tokensession.revocation import decision
from tokensession.revocation.decision import NEVER, Denial, Ended, Entries, Keep, Mark
from tokensession.revocation.limits import BATCH, CHANGE_BYTES, SWEEP_BATCH, SWEEP_MARGIN
from tokensession.revocation.store import Batch, Capabilities, Counts, Position, Store
from tokensession.stores.connection import Role
from tokensession.stores.redis import directory_scripts as listed
from tokensession.stores.redis import revocation_scripts as scripts
from tokensession.stores.redis.records import arguments_of, records_in
from tokensession.stores.redis.server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from tokensession.sessions.listing import Listing

_MEMBERS: Final = ("store", "denied", "marks", "ends", "changes", "chains")
_LISTED: Final = ("records", "order", "ends", "names")
_MARK = re.compile(rb"(-?\d{1,17}) (\d{1,17}) (\d{1,17}) (-|[0-9a-f]{32})")
_NUMBER = re.compile(rb"\d{1,17}")
_SUBJECT_BYTES: Final = 32
_REPLIES: Final = {
    "TSEMPTY": "is empty: it was never created, or was flushed, evicted or restarted without a "
    "log. Run create(), and after a loss revoke_all(), which ends all older sessions",
    "TSVERSION": f"has another version: use one of version {scripts.VERSION}",
    "TSGARBAGE": "contains an invalid entry",
    "TSINFO": "does not tell whether it evicts keys: grant +info to its user (ACL SETUSER), or "
    "accept that with revocations(may_forget=True)",
}


class RedisStore(Role[RedisServer], Store):
    """Keeps revocations in Redis or Valkey.

    Args:
        connection: The server or cluster, or its URL or client.
        may_forget: Accept a server that evicts keys when it is full. The default refuses it.
        options: As for `stores.connect`, with a URL or client.

    Raises:
        ConfigError: The client decodes its replies or reads from replicas.
    """

    def __init__(
        self, connection: RedisServer | Any, *, may_forget: bool = False, **options: Any
    ) -> None:
        connection = RedisServer.of(connection, options)
        super().__init__(connection)
        connection.check_bytes()
        spread = ("read_from_replicas", "load_balancing_strategy")
        if any(getattr(connection.client, option, None) for option in spread):
            raise ConfigError(
                "the client reads from replicas, which can miss a revocation: create it without "
                "read_from_replicas and load_balancing_strategy"
            )
        check_switch("may_forget", may_forget)
        self._may_forget = may_forget
        self._keys = [f"{{{connection.prefix}}}:revocation:{member}" for member in _MEMBERS]
        listed_keys = [f"{{{connection.prefix}}}:directory:{member}" for member in _LISTED]
        self._listed_keys = self._keys + listed_keys
        self._scripts: dict[str, Any] = {}
        self._memory_is_checked = False

    @property
    def capabilities(self) -> Capabilities:
        may_forget = self._may_forget
        return Capabilities(durable=not may_forget, lists_changes=True, loss_accepted=may_forget)

    def create(self) -> None:
        self._write(scripts.CREATE, secrets.token_hex(8))

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        denied, everyone, mark, kept = self._run(scripts.LOOK_UP, sid, subject or b"")
        return Entries(denied == 1, everyone, mark, _kept(kept))

    def deny(self, denial: Denial, *, now: int) -> Ended:
        successor = denial.successor
        follows = (b"", b"") if successor is None else (successor.sid, successor.subject or b"")
        values = (denial.sid, denial.until, denial.subject or b"", *follows, *_lasts(denial, now))
        if denial.listing is None:
            return _ended(self._write(scripts.DENY, now - SWEEP_MARGIN, *values))
        return self._list(listed.DENY, *values, listing=denial.listing, now=now)

    def replace(self, denial: Denial, new: bytes, *, now: int) -> Ended:
        values: tuple[Any, ...]
        values = (denial.sid, denial.until, denial.subject or b"", new, denial.started_at or 0)
        values = (now - SWEEP_MARGIN, *values, *_lasts(denial, now))
        if denial.listing is None:
            answer = self._write(scripts.REPLACE, *values)
        else:
            values = (*values, *arguments_of(denial.listing, now))
            answer = self.run_listed(listed.REPLACE, *values, secrets.token_bytes(CHANGE_BYTES))
        if answer is None:
            raise Revoked("the session was revoked meanwhile, so it cannot get a new id")
        return _ended(answer)

    def add(self, listing: Listing, *, now: int) -> Ended:
        """List a session that begins; see the directory's protocol."""
        return self._list(listed.ADD, listing=listing, now=now)

    def _list(self, script: str, *values: Any, listing: Listing, now: int) -> Ended:
        values = (now - SWEEP_MARGIN, *values, *arguments_of(listing, now))
        values = (*values, secrets.token_bytes(CHANGE_BYTES))
        everyone, text, denied, over = self.run_listed(script, *values)
        return _ended([everyone, text, *denied])._replace(over=tuple(records_in(over)))

    def run_listed(self, script: str, *arguments: Any) -> Any:
        """Run a script of the directory."""
        return self._run(script, *arguments, keys=self._listed_keys)

    def mark(self, subject: bytes, keep: Keep | None, *, now: int, life: int) -> Mark:
        kept = ("-", NEVER) if keep is None else (keep.sid.hex(), keep.started_at)
        values = (subject, *kept, now, life)
        before, text = self._write(scripts.MARK, now - SWEEP_MARGIN, *values)
        mark = _answered_mark(text)
        decision.check_moved(before, mark, now)
        return mark

    def revoke_all(self, *, now: int) -> int:
        everyone, highest = self._write(scripts.REVOKE_ALL, now)
        return decision.next_everyone(everyone, highest, now)

    def revoke_before(self, instant: int) -> int:
        return int(self._write(scripts.REVOKE_BEFORE, instant))

    def count(self) -> Counts:
        return Counts(*self._run(scripts.COUNT))

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:
        return int(self._run(scripts.SWEEP, now, limit))

    def read(self, position: Position | None) -> Iterator[Batch]:
        epoch, everyone, highest, (number, fields) = self._run(scripts.HERE)
        here: Position | None = None
        if position is not None:
            here = yield from self._changes_after(position)
        if here is None:
            here = _position(number, dict(zip(fields[::2], fields[1::2], strict=True)))
            yield from self._everything()
        yield Batch(everyone=everyone, highest=highest, epoch=epoch.decode(), position=here)

    def _changes_after(self, since: Position) -> Generator[Batch, None, Position | None]:
        """Yield the changes after one, and return the last position; None if the first is gone."""
        while True:
            # Include the last change that was read: if it exists, so do all later ones.
            found = self._call("xrange", self._keys[4], f"{since[0]}-{since[1]}", count=BATCH + 1)
            if not found or _position(*found[0]) != since:
                return None
            page = found[1:]
            if page:
                since = _position(*page[-1])
                yield _changes(page)
            if len(page) < BATCH:
                return since

    def _everything(self) -> Iterator[Batch]:
        _, denied, marks, *_ = self._keys
        cursor = 0
        while True:
            cursor, page = self._call("zscan", denied, cursor, count=BATCH)
            yield _batch([pair for pair in page if pair[0] != b"epoch"], ())
            if cursor == 0:
                break
        while True:
            cursor, found = self._call("hscan", marks, cursor, count=BATCH)
            yield _batch((), [pair for pair in found.items() if pair[0] != b"epoch"])
            if cursor == 0:
                break

    def _write(self, script: str, *arguments: Any) -> Any:
        return self._run(script, *arguments, secrets.token_bytes(CHANGE_BYTES))

    def _run(self, script: str, *arguments: Any, keys: list[str] | None = None) -> Any:
        if not self._memory_is_checked:
            self._check_memory()
        return self._evaluate(script, keys or self._keys, arguments)

    def _evaluate(self, script: str, keys: list[str], arguments: tuple[Any, ...]) -> Any:
        registered = self._scripts.get(script)
        if registered is None:
            registered = self._scripts[script] = self._connection.client.register_script(script)
        return self._ask(lambda client: registered(keys=keys, args=arguments, client=client))

    def _call(self, command: str, *arguments: Any, **options: Any) -> Any:
        return self._ask(lambda client: getattr(client, command)(*arguments, **options))

    def _ask(self, call: Callable[[Any], Any]) -> Any:
        return self._connection.run(call, store="revocation", replies=_REPLIES)

    def _check_memory(self) -> None:
        """Refuse a server that evicts acknowledged entries when it is full."""
        if self._may_forget:
            return
        policy, most = self._evaluate(scripts.MEMORY, self._keys[:1], ())
        # A volatile policy evicts only keys with an expiry, and this store has none.
        harmless = policy in (b"", b"noeviction") or policy.startswith(b"volatile-")
        if not harmless and int(most) > 0:
            raise StoreError(
                "the revocation store (redis) evicts keys when it is full (maxmemory-policy "
                f"{policy.decode()}), which makes revoked sessions valid again: set noeviction, or "
                "accept it with revocations(may_forget=True)"
            )
        self._memory_is_checked = True


def _position(text: bytes, fields: dict[bytes, bytes]) -> Position:
    """Return the position of a change in the stream."""
    milliseconds, _, number = text.partition(b"-")
    return int(milliseconds), int(number), fields.get(b"i", b"").hex()


def _lasts(denial: Denial, now: int) -> tuple[int, int]:
    """Return the start of a session, or now if unknown, and the life that its writer names."""
    return now if denial.started_at is None else denial.started_at, denial.life


def _kept(text: bytes) -> bytes | None:
    return None if text == b"-" else bytes.fromhex(text.decode())


def _mark(text: bytes) -> Mark | None:
    found = _MARK.fullmatch(text)
    if found is None:
        return None
    instant, until, revision, kept = found.groups()
    return Mark(int(instant), _kept(kept), int(until), int(revision))


def _answered_mark(text: bytes) -> Mark:
    mark = _mark(text)
    if mark is None:
        raise StoreError("the revocation store (redis) returned an invalid mark")
    return mark


def _ended(answer: list[Any]) -> Ended:
    everyone, text, *denied = answer
    return Ended(tuple(denied), everyone, _answered_mark(text) if text else None)


def _batch(
    denied: Iterable[tuple[bytes, float]],
    marks: Iterable[tuple[bytes, bytes]],
    everyone: int = NEVER,
) -> Batch:
    """Return the entries that were found, and the number of invalid ones."""
    sids: list[tuple[bytes, int]] = []
    subjects: list[tuple[bytes, Mark]] = []
    skipped = 0
    for sid, until in denied:
        if len(sid) == SID_BYTES and 0 <= until < inf:
            sids.append((sid, int(until)))
        else:
            skipped += 1
    for subject, text in marks:
        mark = _mark(text)
        if len(subject) == _SUBJECT_BYTES and mark is not None:
            subjects.append((subject, mark))
        else:
            skipped += 1
    return Batch(sids, subjects, everyone, skipped=skipped)


def _changes(page: list[tuple[bytes, dict[bytes, bytes]]]) -> Batch:
    """Return the entries in a page of the stream."""
    denied: list[tuple[bytes, float]] = []
    marks: list[tuple[bytes, bytes]] = []
    everyone, skipped = NEVER, 0
    for _, fields in page:
        if b"d" in fields:
            denied.append((fields[b"d"], float(_number(fields.get(b"u", b"")))))
        elif b"m" in fields:
            marks.append((fields[b"m"], fields.get(b"v", b"")))
        elif b"e" in fields:
            everyone = max(everyone, _number(fields[b"e"]))
        elif b"c" not in fields:
            skipped += 1
    batch = _batch(denied, marks, everyone)
    return batch._replace(skipped=batch.skipped + skipped)


def _number(text: bytes) -> int:
    return int(text) if _NUMBER.fullmatch(text) else NEVER
