"""What a codec derives from its ring: one object, replaced as a whole when the ring is another.

A request takes it once, and works with that ring even if a watcher loads another meanwhile.
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
    """A ring's keys in one context, by their headers.

    Args:
        ring: The ring.
        context: As `context_bytes` gives it.
        former: Those of the ring before it; what they have derived is kept where it still holds.
        watcher: The watcher that has loaded the ring, if any.
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
        # Who signs, from one Unix second until another; replaced as a whole.
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
            ConfigError: None can.
        """
        since, until, key = self._signing
        if not since <= now < until:
            key = self.signer_at(now)
        if key is None:
            raise ConfigError(
                "no key of the ring can sign: all are expired, revoked or without their "
                "private half; add one, or mint where the ring is no reader's"
            )
        return key

    def is_retiring(self, kid: str, now: int) -> bool:
        """Tell whether a key that does not sign is about to leave, so that its tokens are renewed.

        One that is still pending here is not: a node that is seconds ahead signs with it already.
        A key that a newer ring has dropped is past retiring.
        """
        return kid not in self.ring or self.ring[kid].nbf <= now

    def missed(self) -> None:
        """Take note of a token under a key that the ring does not list."""
        if self._watcher is not None:
            self._watcher.missed()


def _token_key(key: Key, context: bytes, known: dict[bytes, TokenKey]) -> TokenKey:
    former = known.get(key.header)
    made = TokenKey(key, context, former=former)
    # The very object, where nothing has changed for tokens: ciphers are cached by it.
    same = former is not None and former.has_material_of(key) and former.until == made.until
    return former if same and former is not None else made


class DerivedKeys:
    """The keys of a ring in one context; of a watcher, those of the ring that it has at the moment.

    Rings are pulled: each use compares the watcher's ring with the one that was derived from.

    Args:
        keys: The ring, or its watcher.
        context: As `context_bytes` gives it.
        check: Raises a ConfigError for a ring that does not fit; called for each ring that the
            watcher brings after the first one. The error is logged.
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
        """Whether the next use of the keys can wait for their source."""
        return self._watcher is not None and self._watcher.lags

    def due(self) -> Callable[[], None] | None:
        """Return the reading that must come before a token is accepted; `current` makes it itself.

        Raises:
            StoreError: The watcher's thread cannot be started.
        """
        return None if self._watcher is None else self._watcher.due()

    @property
    def fixed(self) -> RingKeys | None:
        """The keys, where no watcher replaces them."""
        return self._derived if self._watcher is None else None

    def at_hand(self) -> RingKeys:
        """Return the keys to use now, without starting to follow their source."""
        derived, watcher = self._derived, self._watcher
        if watcher is None or watcher.ring is derived.ring:
            return derived
        return self._derive(watcher)

    def _derive(self, watcher: KeyRingWatcher) -> RingKeys:
        with self._lock():
            former = self._derived
            # Read under the lock, so that a thread that comes late does not publish an older ring.
            ring = watcher.ring
            if former.ring is ring:
                return former
            derived = RingKeys(ring, self._context, former, watcher=watcher)
            self._derived = derived
        # Without the lock, because the check calls the application's observer.
        try:
            self._check(ring)
        except ConfigError as error:
            # Other codecs use the ring already; refusing it here would end more sessions.
            _log.warning("the new key ring does not fit this codec: %s", error)
        return derived


def ring_of(keys: KeyRing | KeyRingWatcher) -> KeyRing:
    """Return the ring of this moment, or raise a ConfigError for what has none."""
    if isinstance(keys, KeyRing):
        return keys
    from tokensession.keys.watcher import KeyRingWatcher  # noqa: PLC0415  # lazily, as most have a ring

    if not isinstance(keys, KeyRingWatcher):
        raise ConfigError(
            f"keys must be a KeyRing, not {type(keys).__name__}; "
            'make one with KeyRing.open("session-keys.json")'
        )
    return keys.ring
