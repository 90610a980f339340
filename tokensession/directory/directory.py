"""The directory of a codec: what it records of sessions, and what it lists of them."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tokensession.directory.decision import denial_of
from tokensession.directory.store import Store
from tokensession.errors import ConfigError, StoreError
from tokensession.format.state import check_subject
from tokensession.observer import tell
from tokensession.revocation.decision import subject_key
from tokensession.sessions.listing import (
    Listing,
    Record,
    SignIn,
    last_end,
    listed_id,
    provider_key,
    window_of,
)

if TYPE_CHECKING:
    from tokensession.format.claims import Subject
    from tokensession.observer import Observer
    from tokensession.revocation.decision import Denial, Ended
    from tokensession.revocation.list import RevocationList
    from tokensession.sessions.events import Events
    from tokensession.sessions.policy import Policy
    from tokensession.sessions.steps import Steps
    from tokensession.sessions.value import SessionValue

MAX_PAGE: Final = 1000  # sessions in one answer

_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_CURSOR: Final = re.compile(r"(\d{1,16})-([0-9a-f]{32})", re.ASCII)

_log = logging.getLogger("tokensession")


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session in the list of its subject.

    Attributes:
        id: What `end_session` takes and `listed_id` is: 32 hexadecimal digits, no secret.
        label: What the application said of it at its sign-in, or "".
        started_at: Unix second at which it began.
        last_seen: Unix second at which it was renewed last, not of its last request.
        ends_at: Unix second at which it has ended, unless it is renewed again.
    """

    id: str
    label: str
    started_at: int
    last_seen: int
    ends_at: int

    @property
    def cursor(self) -> str:
        """The text after which the next page begins; see `SessionCodec.sessions`."""
        return f"{self.started_at}-{self.id}"


class Directory:
    """A store of a directory, with a limit to the sessions of a subject.

    Args:
        store: The directory of the connection that holds the revocation list, such as
            ``stores.connect(url).directory()``.
        limit: How many sessions a subject can have. A sign-in ends the oldest beyond it.

    Raises:
        ConfigError: Not such a store, or a limit below 1.
    """

    __slots__ = ("limit", "store")

    def __init__(self, store: Store, *, limit: int | None = None) -> None:
        if isinstance(store, type) or not isinstance(store, Store):
            raise ConfigError(
                "a directory is needed, such as stores.connect(url).directory(), not "
                f"{type(store).__name__}"
            )
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
            raise ConfigError(f"limit must be a number of sessions, not {type(limit).__name__}")
        if limit is not None and limit < 1:
            raise ConfigError(f"limit must be at least 1 session, not {limit}")
        self.store: Store = store
        self.limit: int | None = limit


class SessionDirectory:
    """The directory of a codec.

    Args:
        directory: A `Directory`, or a store of one.
        revocations: The codec's revocation list, or None.
        policy: The codec's.
        observer: Is told when the store fails.
        events: Is told of the sessions that the limit ends.

    Raises:
        ConfigError: No directory, no revocation list, or one of another connection.
    """

    __slots__ = ("_down", "_events", "_limit", "_observer", "_policy", "_revocations", "_store")

    def __init__(
        self,
        directory: Directory | Store,
        revocations: RevocationList | None,
        policy: Policy,
        observer: Observer,
        events: Events,
    ) -> None:
        if not isinstance(directory, Directory):
            directory = Directory(directory)
        if revocations is None:
            raise ConfigError(
                "a directory needs the revocation list of its connection, by which it ends "
                "sessions: pass revocation=store.revocations() beside directory=store.directory()"
            )
        if not directory.store.is_beside(revocations.store):
            raise ConfigError(
                "directory and revocation list must be roles of one connection, so that a session "
                "is listed in the step that ends another: make both of one stores.connect(url)"
            )
        self._store = directory.store
        self._limit = directory.limit
        self._revocations = revocations
        self._policy = policy
        self._observer = observer
        self._events = events
        self._down = False

    # -- what is recorded ----------------------------------------------------------------------

    def listing(self, value: SessionValue[Any], at: int) -> Listing:
        """Return what lists a session that begins, or that got a new id."""
        if value.subject is None:
            return Listing()
        return Listing(self._record(value, at), None if value.kid else self._limit)

    def adding(self, value: SessionValue[Any], at: int) -> Steps[Ended]:
        """List a session that begins; raise StoreError where that cannot be recorded."""
        ended: Ended = yield partial(self._add, self.listing(value, at), at)
        self.tell_over(ended, value.subject, at)
        return ended

    def tell_over(self, ended: Ended, subject: Subject, at: int) -> None:
        """Tell of the sessions that were ended because they are beyond the limit."""
        for record in ended.over:
            self._events.tell("ended", subject, record.sid, at, "limit")

    def touching(self, value: SessionValue[Any], at: int) -> Steps[None]:
        """Note that a session got another token, once in each window; that never fails."""
        if value.subject is not None and self._is_seen(value, at):
            yield partial(self._touch, self._record(value, at))

    def _add(self, listing: Listing, at: int) -> Ended:
        record = listing.record
        assert record is not None
        try:
            ended = self._store.add(listing, now=at)
        except StoreError:
            tell(self._observer.store_failed, "list")
            raise
        self._revocations.hear(ended, record.subject, at)
        return ended

    def _touch(self, record: Record) -> None:
        try:
            self._store.touch(record)
        except StoreError as error:
            tell(self._observer.store_failed, "list")
            if not self._down:  # once per outage, not per renewal
                _log.warning("sessions are not listed as seen until their next renewal: %s", error)
            self._down = True
        else:
            self._down = False

    def _is_seen(self, value: SessionValue[Any], at: int) -> bool:
        """Tell whether a session enters another window, or is listed under other terms."""
        found = value.opened
        if found is None or value.unwritten:
            return True
        claims = found.claims
        if (value.sid, value.ttl, value.cap) != (claims.sid, claims.ttl, claims.cap):
            return True
        window = window_of(value.ttl, self._policy.renew_after)
        return _age(value, at) // window != claims.age // window

    def _record(self, value: SessionValue[Any], at: int) -> Record:
        start, limit = value.started_at, self._policy.limit(value.cap)
        subject = subject_key(value.subject)
        assert subject is not None
        assert limit is not None  # as revocation needs one
        said = value.sign_in or SignIn()
        ends = start + last_end(_age(value, at), value.ttl, self._policy.renew_after, limit)
        return Record(
            listed_id(value.sid), value.sid, subject, start, max(at, start), ends, start + limit,
            said.label, said.provider,
        )  # fmt: skip

    # -- what is listed ------------------------------------------------------------------------

    def sessions(
        self, subject: str | int, after: str | None, limit: int, now: int
    ) -> list[ListedSession]:
        """Return the sessions of a subject; see `SessionCodec.sessions`."""
        return sessions_in(self._store, subject, after, limit, now)

    def end(self, subject: str | int, name: str, now: int) -> bool:
        """End a session of a subject; see `SessionCodec.end_session`."""
        denial = denial_in(self._store, subject, name, now)
        if denial is None:
            return False
        self._revocations.end(denial, now)
        self._events.tell("ended", subject, denial.sid, now, "user")
        return True

    def end_of_provider(self, issuer: str, sid: str, now: int) -> int:
        """End the sessions of a provider's session; see `SessionCodec.end_provider_session`."""
        found = self._store.of_provider(provider_key((issuer, sid)), now=now)
        for record in found:
            self._revocations.end(denial_of(record), now)
            self._events.tell("ended", None, record.sid, now, "provider")
        return len(found)

    def lists(self, sid: bytes, now: int) -> bool:
        """Tell whether the session of an id is listed."""
        return self._store.find(listed_id(sid), now=now) is not None


def sessions_in(
    store: Store, subject: str | int, after: str | None, limit: int, now: int
) -> list[ListedSession]:
    """Return the sessions of a subject in a store; see `SessionCodec.sessions`."""
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_PAGE:
        raise ConfigError(f"limit must be from 1 to {MAX_PAGE} sessions")
    found = store.sessions(_key(subject), now=now, after=_place(after), limit=limit)
    return [
        ListedSession(one.id.hex(), one.label, one.started_at, one.last_seen, one.ends_at)
        for one in found
    ]


def denial_in(store: Store, subject: str | int, name: str, now: int) -> Denial | None:
    """Return what ends a session of a subject; None where it has none of this listed id."""
    key = _key(subject)
    if not isinstance(name, str) or not _ID.fullmatch(name):
        return None
    record = store.find(bytes.fromhex(name), now=now)
    return None if record is None or record.subject != key else denial_of(record)


def _age(value: SessionValue[Any], at: int) -> int:
    """Return the age of a session's token that is made at a moment."""
    return max(at - value.started_at, value.auth or 0)


def _key(subject: str | int) -> bytes:
    check_subject(subject)
    key = subject_key(subject)
    if key is None:
        raise ConfigError("None is not a subject: sessions without one are not listed")
    return key


def _place(after: object) -> tuple[int, bytes] | None:
    if after is None:
        return None
    found = _CURSOR.fullmatch(after) if isinstance(after, str) else None
    if found is None:
        raise ConfigError("after is not the cursor of a listed session")
    return int(found[1]), bytes.fromhex(found[2])
