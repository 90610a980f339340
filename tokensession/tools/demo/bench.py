"""What the page works with while it is open: keys, revocations, the directory, copied cookies."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any, Final

from tokensession.directory.directory import Directory
from tokensession.errors import ConfigError, TokenError
from tokensession.keys.jwk import generate_key
from tokensession.keys.ring import KeyRing
from tokensession.keys.rotation import Schedule, plan, revoke_key
from tokensession.keys.source import update
from tokensession.keys.watcher import KeyRingWatcher
from tokensession.sessions.policy import Policy
from tokensession.stores.connection import connect
from tokensession.tokens.codec import SessionCodec
from tokensession.tools.demo.signed_in import CopiedCookies, Copy, Row
from tokensession.tools.demo.trial import Trial
from tokensession.web.cookies import Cookie
from tokensession.web.manager import SessionManager

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokensession.directory.directory import ListedSession
    from tokensession.format.claims import Subject
    from tokensession.keys.file_source import FileSource
    from tokensession.revocation.store import Store
    from tokensession.sessions.session import Session

POLICY: Final = Policy.owasp()
# One process reads the keys, and as soon as they are written: what is short here would be
# minutes where several do.
SCHEDULE: Final = Schedule(token_lifetime=POLICY.idle_timeout, propagation=30)
LIMIT: Final = 3  # sessions of a user: few, so that a visitor meets the limit
MAX_KEYS: Final = 12  # kids; what is revoked stays listed, and the page must stay one
_NOT_YET: Final = "a key is pending already, and signs in {} s: rotate again after that"
_FULL: Final = (
    "the ring lists {} keys, as many as this page shows: wait until one has expired, or start "
    "the program again"
)


def first_ring(now: float | None = None) -> KeyRing:
    """Return a new ring of one key that signs at once, with the rotation config of the page."""
    key = generate_key("HS256", nbf=int(time() if now is None else now))
    return KeyRing([key]).with_schedule(SCHEDULE)


def rotated(ring: KeyRing, now: int) -> KeyRing:
    """Return a ring with the next key, which signs after the propagation delay."""
    ring, _ = plan(ring, now, SCHEDULE)
    pending = [ring[kid].nbf - now for kid, state in ring.states(now).items() if state == "pending"]
    if pending:
        raise ConfigError(_NOT_YET.format(min(pending)))
    if len(ring) >= MAX_KEYS:
        raise ConfigError(_FULL.format(len(ring)))
    superseded = ring.active(now)
    if superseded is None:
        return ring.add(propagation=SCHEDULE.propagation, now=now)
    # After the key that signs, which signs ahead of its date where the one before was revoked.
    nbf = max(now + SCHEDULE.propagation, superseded.nbf + 1)
    ring = ring.add(nbf=nbf, propagation=SCHEDULE.propagation, now=now)
    return ring.retire(superseded.kid, now=now)


class Bench:
    """Keeps what outlives a request, in the memory of this process and a file of keys.

    Attributes:
        signed_out: The listed id of the session that the last sign-out ended, or None.
    """

    def __init__(self, source: FileSource) -> None:
        self._source = source
        memory = connect("memory:")
        self.store: Store = memory.revocations()
        self.keys: KeyRingWatcher = KeyRingWatcher(source)
        self.policy = POLICY
        self.cookie: Cookie = Cookie()
        self.another: Cookie = Cookie(name="__Host-another")
        self.copies: CopiedCookies = CopiedCookies()
        self.codec: SessionCodec[Any] = SessionCodec(
            self.keys,
            context=self.cookie.context,
            policy=POLICY,
            revocation=self.store,
            directory=Directory(memory.directory(), limit=LIMIT),
            audit=self.copies,
        )
        self.manager: SessionManager[Any] = SessionManager(self.codec, cookie=self.cookie)
        self.signed_out: str | None = None

    def trial(self, token: str, now: int) -> Trial:
        """Return a token before the reader of the page's own sessions."""
        return Trial(
            token=token, keys=self.keys.ring, policy=POLICY, now=now, revocation=self.store
        )

    def token_of(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """Return the one value of the cookie among request headers, or None."""
        return _only(self.cookie.read(headers))

    def rotate(self, now: int) -> None:
        """Add the next key; does I/O."""
        update(self._source, lambda ring: rotated(ring, now))
        self.keys.reload()

    def revoke_key(self, kid: str, now: int) -> None:
        """Revoke a key, whose sessions end with it; does I/O."""
        reason = "by the page of tokensession demo"
        update(self._source, lambda ring: revoke_key(ring, kid, now, reason=reason)[0])
        self.keys.reload()

    def keep_copy(self, session: Session[Any], token: str | None, now: int) -> None:
        """Keep a copy of a request's cookie, if its session is listed."""
        if token is None or session.subject is None:
            return
        for listed in self.codec.sessions(session.subject, now=now):
            if listed.id == session.listed_id:
                self.copies.keep(Copy(session.subject, listed, token))

    def sign_in_elsewhere(self, subject: str | int, label: str, now: int) -> bytes:
        """Sign a user in with the other browser, and return the Set-Cookie header for its cookie.

        Its request carries no cookies. This browser keeps its cookie, under another name.
        """
        session = self.manager.open([], now=now)
        session.sign_in(subject, label=label)
        headers: list[tuple[bytes, bytes]] = []
        self.manager.save(session, headers, now=now)
        cookie = dict(headers)[b"set-cookie"].partition(b"=")[2]
        self.keep_copy(session, cookie.partition(b";")[0].decode(), now)
        return self.another.name.encode() + b"=" + cookie

    def window(self, headers: Iterable[tuple[bytes, bytes]], now: int) -> Session[Any] | None:
        """Return the other browser's session, or None where its cookie is refused or missing."""
        token = _only(self.another.read(headers))
        if token is None:
            return None
        try:
            return self.trial(token, now).read()
        except TokenError:
            return None

    def rows(self, viewer: Subject, now: int) -> tuple[Row, ...]:
        """Return the sessions that a user sees, those that live first.

        Without a user this is the session that the last sign-out ended.
        """
        if viewer is None:
            copy = None if self.signed_out is None else self.copies.find(self.signed_out)
            return () if copy is None else (self._row(copy.session, now, is_listed=False),)
        found = self.codec.sessions(viewer, now=now)
        names = {session.id for session in found}
        ended = [
            copy.session
            for copy in self.copies.latest()
            if copy.subject == viewer and copy.session.id not in names
        ]
        live = [self._row(session, now, is_listed=True) for session in found]
        return (*live, *(self._row(session, now, is_listed=False) for session in ended))

    def _row(self, session: ListedSession, now: int, *, is_listed: bool) -> Row:
        copy = self.copies.find(session.id)
        trial = None if copy is None else self.trial(copy.token, now)
        return Row(session, is_listed, trial, self.copies.end(session.id))


def _only(values: list[bytes]) -> str | None:
    return values[0].decode("latin-1") if len(values) == 1 else None
