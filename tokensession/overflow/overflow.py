"""Write and read states that are too large for their tokens."""

from __future__ import annotations

import logging
from typing import Final

from tokensession.errors import ConfigError, SessionTooLarge, StoreError
from tokensession.overflow.reference import TAG_BYTES, Overflowed, Reference, seal, unseal
from tokensession.overflow.store import MAX_ENTRY, Store

DEFAULT_LIMIT: Final = 1_000_000  # bytes of msgpack
MAX_LIMIT: Final = MAX_ENTRY - TAG_BYTES
# Seconds that an entry outlives its token, because the store's clock can be faster.
KEPT_LONGER: Final = 60

_log = logging.getLogger("tokensession")


class Overflow:
    """A store for states that are too large for a token, with a size limit.

    Each write creates a new entry, and the former entry stays until it ends. A concurrent request
    with the former token, or a client that missed the new one, can still read it.

    Args:
        store: The entries' store: ``stores.connect(url).overflow()``, or your own store.
        limit: The largest state in bytes of msgpack. The default is 1,000,000, or the store's limit
            if that is less.

    Raises:
        ConfigError: The store is invalid, or the limit exceeds the store's.
    """

    __slots__ = ("_store", "limit")

    def __init__(self, store: Store, *, limit: int | None = None) -> None:
        if not isinstance(store, Store):
            raise ConfigError(
                "store must be an overflow store, such as stores.connect(url).overflow(), not "
                f"{type(store).__module__}.{type(store).__name__}"
            )
        most = min(store.largest - TAG_BYTES, MAX_LIMIT)
        if limit is None:
            limit = min(DEFAULT_LIMIT, most)
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= most:
            raise ConfigError(f"limit must be from 1 to {most} bytes, the limit of this store")
        self._store = store
        self.limit: int = limit

    def put(
        self,
        packed: bytes,
        sid: bytes,
        context: bytes,
        *,
        former: Overflowed | None = None,
        dies_at: int,
        now: int,
    ) -> Overflowed:
        """Write a state for a token that expires at `dies_at`.

        Args:
            packed: The state in msgpack.
            sid: The session id.
            context: The context of the session's tokens.
            former: The former reference to the state. If the state is unchanged, its entry is kept
                longer.
            dies_at: Unix second.
            now: Unix second.

        Raises:
            SessionTooLarge: The state exceeds the limit.
            StoreError: The state could not be written.
        """
        if len(packed) > self.limit:
            raise SessionTooLarge(
                f"the state has {len(packed)} bytes as msgpack, but its limit is {self.limit}: "
                "keep less in the state",
                size=len(packed),
                limit=self.limit,
            )
        until = dies_at + KEPT_LONGER
        if (
            former is not None
            and (former.sid, former.packed) == (sid, packed)
            and self._store.keep(former.reference.name, until=until, now=now)
        ):
            return former
        reference, entry = seal(packed, sid, context)
        self._store.put(reference.name, entry, until=until, now=now)
        return Overflowed(reference, sid, packed)

    def get(self, reference: Reference, sid: bytes, context: bytes) -> Overflowed:
        """Read a state.

        Raises:
            StateLost: The entry is gone, or is not the one that was written.
            StoreError: The store cannot be read.
        """
        packed = unseal(reference, self._store.get(reference.name), sid, context)
        return Overflowed(reference, sid, packed)

    def drop(self, reference: Reference) -> None:
        """Delete an entry that is no longer needed. If that fails, it expires by itself."""
        try:
            self._store.delete(reference.name)
        except StoreError as error:
            _log.warning(
                "an overflowed state was not deleted, and stays until it expires: %s", error
            )


def overflow_of(overflow: Overflow | Store | None) -> Overflow | None:
    """Return the given overflow, or one made from a store."""
    if overflow is None or isinstance(overflow, Overflow):
        return overflow
    if isinstance(overflow, Store):
        return Overflow(overflow)
    raise ConfigError(
        f"overflow must be an Overflow or an overflow store, not {type(overflow).__name__}: "
        "pass Overflow(store)"
    )
