"""The keys that a codec derives from its ring, in one object that is replaced as a whole.

A request takes the object once, so it keeps its ring even if a watcher loads another one.
"""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING

from tokensession.errors import ConfigError
from tokensession.forks import PerProcess
from tokensession.format.claims import MAX_SECONDS
from tokensession.keys.ring import KeyRing
from tokensession.tokens.sealing import TokenKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.keys.jwk import Key
    from tokensession.keys.watcher import KeyRingWatcher

_log = logging.getLogger("tokensession")


class RingKeys:
    """A ring's keys in one context, indexed by token header.

    Args:
        ring: The ring.
        context: The context's bytes, from `context_bytes`.
        former: The object for the previous ring, whose derived keys are reused if they are still
            valid.
        watcher: The watcher that loaded the ring, or None.
    """

    __slots__ = ("_signing", "_watcher", "by_header", "can_mint", "longest_ttl", "revoked", "ring")

    def __init__(
        self,
        ring: KeyRing,
        context: bytes,
        former: RingKeys | None = None,
        *,
        watcher: KeyRingWatcher | None = None,
    ) -> None:
        self.ring: KeyRing = ring
        self.can_mint: bool = ring.can_mint
        self.longest_ttl: int = ring.token_lifetime or MAX_SECONDS
        known = {} if former is None else former.by_header
        self.by_header: dict[bytes, TokenKey] = {
            key.header: _token_key(key, context, known) for key in ring
        }
        self.revoked: frozenset[str] = frozenset(key.kid for key in ring if key.revoked)
        # The signing key with the Unix seconds of its time; replaced as a whole.
        self._signing: tuple[float, float, TokenKey | None] = (0, 0, None)
        self._watcher = watcher

    def signer_at(self, now: int) -> TokenKey | None:
        """Return the key that signs at the Unix second `now`, or None."""
        since, until, key = self._signing
        if since <= now < until:
            return key
        signer = self.ring.signer(now)
        if signer is None:
            return None
        key = self.by_header[signer.key.header]
        self._signing = (signer.since, signer.until, key)
        return key

    def signing_key(self, now: int) -> TokenKey:
        """Return the key that signs at the Unix second `now`.

        Raises:
            ConfigError: No key can sign.
        """
        since, until, key = self._signing
        if not since <= now < until:
            key = self.signer_at(now)
        if key is None:
            raise ConfigError(
                "no key of the ring can sign, because all are expired, revoked or without their "
                "private half: add a key, or mint where the ring is not a reader's"
            )
        return key

    def check_can_mint(self) -> None:
        """Refuse a change of a session that the ring cannot sign.

        Raises:
            ConfigError: The ring is a reader's.
        """
        if not self.can_mint:
            raise ConfigError(
                "the session was changed, but this ring can only read: change it in a process "
                "whose ring can sign"
            )

    def is_retiring(self, kid: str, now: int) -> bool:
        """Tell whether a key is retiring, so that its tokens need renewal.

        A pending key is not retiring, because a host with a faster clock already signs with it. A
        key that a newer ring has dropped counts as retiring.
        """
        return kid not in self.ring or self.ring[kid].nbf <= now

    def missed(self) -> None:
        """Record a token under a key that the ring does not list."""
        if self._watcher is not None:
            self._watcher.missed()


def _token_key(key: Key, context: bytes, known: dict[bytes, TokenKey]) -> TokenKey:
    former = known.get(key.header)
    made = TokenKey(key, context, former=former)
    # Keep the same object if nothing changed for tokens, because it is the cache key of ciphers.
    same = former is not None and former.has_material_of(key) and former.until == made.until
    return former if same and former is not None else made


class DerivedKeys:
    """The keys of a ring in one context; for a watcher, those of its current ring.

    Each use compares the watcher's ring with the ring of the derived keys.

    Args:
        keys: The ring, or its watcher.
        context: The context's bytes, from `context_bytes`.
        check: Raises a ConfigError for a ring that does not fit the codec. It is called for each
            ring that the watcher loads after the first. The error is logged.
    """

    __slots__ = ("_check", "_context", "_derived", "_lock", "_watcher")

    def __init__(
        self,
        keys: KeyRing | KeyRingWatcher,
        context: bytes,
        check: Callable[[KeyRing], None],
    ) -> None:
        self._context = context
        self._check = check
        self._lock = PerProcess(Lock)  # held while keys are derived
        self._watcher: KeyRingWatcher | None = None
        if isinstance(keys, KeyRing):
            self._derived = RingKeys(keys, context)
        else:
            self._watcher = keys
            self._derived = RingKeys(keys.ring, context, watcher=keys)

    def current(self) -> RingKeys:
        """Return the keys to use now.

        Raises:
            StoreError: The watcher's thread cannot be started.
        """
        derived, watcher = self._derived, self._watcher
        if watcher is None or watcher.current() is derived.ring:
            return derived
        return self._derive(watcher)

    @property
    def lags(self) -> bool:
        """Whether the next use of the keys can wait for the ring's source."""
        return self._watcher is not None and self._watcher.lags

    def due(self) -> Callable[[], None] | None:
        """Return the reading to make before a token is accepted; `current` makes it itself.

        Raises:
            StoreError: The watcher's thread cannot be started.
        """
        return None if self._watcher is None else self._watcher.due()

    @property
    def fixed(self) -> RingKeys | None:
        """The keys, or None if a watcher can replace them."""
        return self._derived if self._watcher is None else None

    def at_hand(self) -> RingKeys:
        """Return the current keys, without starting to follow their source."""
        derived, watcher = self._derived, self._watcher
        if watcher is None or watcher.ring is derived.ring:
            return derived
        return self._derive(watcher)

    def _derive(self, watcher: KeyRingWatcher) -> RingKeys:
        with self._lock():
            former = self._derived
            # Read under the lock, so that a late thread does not publish an older ring.
            ring = watcher.ring
            if former.ring is ring:
                return former
            derived = RingKeys(ring, self._context, former, watcher=watcher)
            self._derived = derived
        # Not under the lock, because the check calls the application's observer.
        try:
            self._check(ring)
        except ConfigError as error:
            # Other codecs already use the ring; refusing it here would end more sessions.
            _log.warning("the new key ring does not fit this codec: %s", error)
        return derived


def ring_of(keys: KeyRing | KeyRingWatcher) -> KeyRing:
    """Return the current ring; raise ConfigError for an invalid argument."""
    if isinstance(keys, KeyRing):
        return keys
    from tokensession.keys.watcher import KeyRingWatcher  # noqa: PLC0415  # lazily: most applications have no watcher

    if not isinstance(keys, KeyRingWatcher):
        raise ConfigError(
            f"keys must be a KeyRing, not {type(keys).__name__}: "
            'make one with KeyRing.open("session-keys.json")'
        )
    return keys.ring
