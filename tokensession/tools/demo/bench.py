"""What the page works with while it is open: keys, revocations, the sessions it has seen."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import ConfigError
from tokensession.keys.jwk import generate_key
from tokensession.keys.ring import KeyRing
from tokensession.keys.rotation import Schedule, plan, revoke_key
from tokensession.keys.source import update
from tokensession.keys.watcher import KeyRingWatcher
from tokensession.sessions.policy import Policy
from tokensession.stores.memory.revocation import MemoryStore
from tokensession.tokens.codec import SessionCodec
from tokensession.tools.demo.seen import Life, SeenSession, SeenSessions
from tokensession.tools.demo.trial import Trial
from tokensession.web.cookies import Cookie
from tokensession.web.manager import SessionManager

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokensession.keys.file_source import FileSource

POLICY: Final = Policy.owasp()
# One process reads the keys, and as soon as they are written: what is short here would be
# minutes where several do.
SCHEDULE: Final = Schedule(token_lifetime=POLICY.idle_timeout, propagation=30)
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
        stolen: The token that the last sign-out ended, or None.
    """

    def __init__(self, source: FileSource) -> None:
        self._source = source
        self.store: MemoryStore = MemoryStore()
        self.keys: KeyRingWatcher = KeyRingWatcher(source)
        self.policy = POLICY
        self.cookie: Cookie = Cookie()
        self.codec: SessionCodec[Any] = SessionCodec(
            self.keys, context=self.cookie.context, policy=POLICY, revocation=self.store
        )
        self.manager: SessionManager[Any] = SessionManager(self.codec, cookie=self.cookie)
        self.seen: SeenSessions = SeenSessions()
        self.stolen: str | None = None

    def trial(self, token: str, now: int) -> Trial:
        """Return a token before the reader of the page's own sessions."""
        return Trial(
            token=token, keys=self.keys.ring, policy=POLICY, now=now, revocation=self.store
        )

    def token_of(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """Return the one value of the cookie among request headers, or None."""
        values = self.cookie.read(headers)
        return values[0].decode("latin-1") if len(values) == 1 else None

    def rotate(self, now: int) -> None:
        """Add the next key; does I/O."""
        update(self._source, lambda ring: rotated(ring, now))
        self.keys.reload()

    def revoke_key(self, kid: str, now: int) -> None:
        """Revoke a key, whose sessions end with it; does I/O."""
        reason = "by the page of tokensession demo"
        update(self._source, lambda ring: revoke_key(ring, kid, now, reason=reason)[0])
        self.keys.reload()

    def life(self, seen: SeenSession, now: int) -> Life:
        """Return whether a session that was seen would be accepted still, or why not."""
        ring, revocations = self.keys.ring, self.codec.revocations
        assert revocations is not None
        if any(kid in ring and ring[kid].revoked for kid in (seen.kid, *seen.signers)):
            return "key revoked"
        if seen.kid not in ring or not ring[seen.kid].verifies(now):
            return "key expired"
        if now >= seen.expires_at:
            return "expired"
        revoked = revocations.revokes(seen.sid, seen.started_at, seen.subject)
        return "revoked" if revoked else "live"

    def sign_in_elsewhere(self, subject: str | int, now: int) -> None:
        """Begin another session of a subject, as its other device would."""
        token = self.codec.encode({}, subject=subject, now=now)
        self.seen.note(self.codec.decode(token, now=now), now)
