"""What a codec derives from a ring: one object, replaced as a whole when the ring is.

Whoever takes it once works with one ring, whatever is loaded meanwhile.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

from tokensession.errors import ConfigError
from tokensession.tokens.sealing import TokenKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.keys.jwk import Key
    from tokensession.keys.ring import KeyRing
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


class FixedRing:
    """One ring for good: a plain one, or that of a watcher for the length of a request.

    Attributes:
        current: Its keys.
    """

    __slots__ = ("_watcher", "current")

    def __init__(self, current: RingKeys, watcher: KeyRingWatcher | None = None) -> None:
        self.current: RingKeys = current
        self._watcher = watcher

    def missed(self) -> None:
        """Take note of a token under a key that the ring does not list."""
        if self._watcher is not None:
            self._watcher.missed()


class WatchedRing:
    """The ring of a watcher, in one context.

    Attributes:
        current: Its keys at the moment.
        watcher: Who replaces them.
    """

    __slots__ = ("__weakref__", "_check", "_context", "_former", "current", "watcher")

    current: RingKeys
    watcher: KeyRingWatcher
    _check: Callable[[KeyRing], None]
    _context: bytes
    _former: RingKeys | None

    def follow(self, ring: KeyRing) -> None:
        """Take over a ring of the watcher, with what is derived from the one before."""
        former = self._former
        if former is not None and former.ring is ring:
            self.current = former
            return
        try:
            self._check(ring)
        except ConfigError as error:
            # It is in use elsewhere already; to refuse it here would end more sessions.
            _log.warning("the new key ring does not fit this codec: %s", error)
        self.current = self._former = RingKeys(ring, self._context, former)

    def forget(self) -> None:
        """Look for the watcher again on the next use."""
        self.__class__ = UnattachedRing  # pyright: ignore[reportAttributeAccessIssue]
        with contextlib.suppress(AttributeError):  # it was not there yet
            del self.current

    def missed(self) -> None:
        """Take note of a token under a key that the ring does not list."""
        self.watcher.missed()


class UnattachedRing(WatchedRing):
    """A watched ring before its first use, and in a forked child before the first one there.

    Looking for its `current` attaches it to the watcher.

    Args:
        watcher: The watcher.
        context: As `context_bytes` gives it.
        check: Raises a ConfigError for a ring that does not fit.
    """

    __slots__ = ()

    def __init__(
        self, watcher: KeyRingWatcher, context: bytes, check: Callable[[KeyRing], None]
    ) -> None:
        self.watcher = watcher
        self._context = context
        self._check = check
        self._former = None

    def __getattr__(self, name: str) -> Any:
        """Attach to the watcher, as `current` is asked for and not there."""
        if name != "current":
            raise AttributeError(name)
        self.watcher.attach(self)
        # A class with __getattr__ makes every access slower, so it is left behind.
        self.__class__ = WatchedRing  # type: ignore[assignment]
        return self.current
