"""What a codec derives from a ring: one object, replaced as a whole when the ring is.

A caller that takes the object once works with one ring, also while a watcher loads another.
"""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING

from tokensession.errors import ConfigError
from tokensession.forks import call_in_child
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
    """

    __slots__ = ("_signing", "by_header", "can_mint", "ring")

    def __init__(self, ring: KeyRing, context: bytes, former: RingKeys | None = None) -> None:
        self.ring: KeyRing = ring
        self.can_mint: bool = ring.can_mint
        known = {} if former is None else former.by_header
        self.by_header: dict[bytes, TokenKey] = {
            key.header: _token_key(key, context, known) for key in ring
        }
        # Who signs, from one Unix second until another; replaced as a whole.
        self._signing: tuple[float, float, TokenKey | None] = (0, 0, None)

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
        key = self.signer_at(now)
        if key is None:
            raise ConfigError(
                "no key of the ring can sign: all are expired, revoked or without their "
                "private half; add one, or mint where the ring is no reader's"
            )
        return key


def _token_key(key: Key, context: bytes, known: dict[bytes, TokenKey]) -> TokenKey:
    former = known.get(key.header)
    made = TokenKey(key, context, former=former)
    # The very object, where nothing has changed for tokens: ciphers are cached by it.
    same = former is not None and former.has_material_of(key) and former.until == made.until
    return former if same and former is not None else made


class DerivedKeys:
    """What is derived from a ring in one context; of a watcher, from the ring of the moment.

    Args:
        keys: A ring, or a watcher, whose ring is pulled with each use.
        context: The context, as `context_bytes` returns it.
        check: Raises a ConfigError for a ring that does not fit. It is called for each ring that
            the watcher brings after the first one, and the error is logged.

    Attributes:
        is_pinned: Whether the ring stays the same.
    """

    __slots__ = ("__weakref__", "_check", "_context", "_keyed", "_lock", "_pinned", "_watcher",
                 "is_pinned")  # fmt: skip

    def __init__(
        self, keys: KeyRing | KeyRingWatcher, context: bytes, check: Callable[[KeyRing], None]
    ) -> None:
        self._context = context
        self._check = check
        self._pinned: DerivedKeys | None = None
        self._watcher: KeyRingWatcher | None = None
        self.is_pinned: bool = isinstance(keys, KeyRing)
        if isinstance(keys, KeyRing):
            self._keyed = RingKeys(keys, context)
        else:
            self._watcher = keys
            self._keyed = RingKeys(keys.ring, context)
            self._begin()
            call_in_child(self, DerivedKeys._begin)

    def _begin(self) -> None:
        """Create the lock, which a thread of the parent can hold during a fork."""
        self._lock = Lock()  # held while keys are derived

    def current(self) -> RingKeys:
        """Return the keys of the ring in use.

        Raises:
            StoreError: As for `KeyRingWatcher.current`.
        """
        keyed, watcher = self._keyed, self._watcher
        if self.is_pinned or watcher is None or watcher.current() is keyed.ring:
            return keyed
        return self._derive(watcher)

    def _derive(self, watcher: KeyRingWatcher) -> RingKeys:
        with self._lock:
            former = self._keyed
            # Read under the lock, so that a thread that comes late does not publish an older ring.
            ring = watcher.ring
            if former.ring is ring:
                return former
            keyed = self._keyed = RingKeys(ring, self._context, former)
        # Without the lock, because the check calls the application's observer.
        try:
            self._check(ring)
        except ConfigError as error:
            # Other codecs use the ring already; refusing it here would end more sessions.
            _log.warning("the new key ring does not fit this codec: %s", error)
        return keyed

    def missed(self) -> None:
        """Note a token under a key that the ring does not list."""
        if self._watcher is not None:
            self._watcher.missed()

    def pinned(self) -> DerivedKeys:
        """Return the keys with the ring of this moment, for the length of a request.

        Until the ring is replaced this is the same object, and for a plain ring the object itself.

        Raises:
            StoreError: As for `current`.
        """
        if self.is_pinned:
            return self
        keyed, pinned = self.current(), self._pinned
        if pinned is None or pinned._keyed is not keyed:  # noqa: SLF001  # our own class
            pinned = self._pinned = self._pin(keyed)
        return pinned

    def _pin(self, keyed: RingKeys) -> DerivedKeys:
        pinned = object.__new__(DerivedKeys)
        pinned._context, pinned._check, pinned._pinned = self._context, self._check, None
        pinned._keyed, pinned._watcher, pinned.is_pinned = keyed, self._watcher, True
        return pinned
