"""Where states go that are too large for their tokens, and how they come back."""

from __future__ import annotations

import logging
from typing import Final

from tokensession.errors import ConfigError, SessionTooLarge, StoreError
from tokensession.overflow.reference import TAG_BYTES, Overflowed, Reference, seal, unseal
from tokensession.overflow.store import MAX_ENTRY, Store

DEFAULT_LIMIT: Final = 1_000_000  # bytes of msgpack
MAX_LIMIT: Final = MAX_ENTRY - TAG_BYTES
# Seconds that an entry outlives its token, for clocks that differ: the store's may be the faster.
KEPT_LONGER: Final = 60

_log = logging.getLogger("tokensession")


class Overflow:
    """A store for states that do not fit into the token, with a limit to their size.

    Each write makes an entry of its own, and the former stays until it ends: a request that still
    has the former token, because it runs at the same time or because the response with the new
    one never arrived, reads what its token says.

    Args:
        store: Where the entries are: ``stores.connect(url).overflow()``, or a store of your own.
        limit: Bytes of msgpack that a state may have; 1,000,000 by default, or what the store
            takes, if that is less.

    Raises:
        ConfigError: No such store, or a limit beyond what it takes.
    """

    __slots__ = ("_store", "limit")

    def __init__(self, store: Store, *, limit: int | None = None) -> None:
        if not isinstance(store, Store):
            raise ConfigError(
                "store must be a store of overflowed states, such as stores.connect(url)."
                f"overflow(), not {type(store).__module__}.{type(store).__name__}"
            )
        most = min(store.largest - TAG_BYTES, MAX_LIMIT)
        if limit is None:
            limit = min(DEFAULT_LIMIT, most)
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= most:
            raise ConfigError(f"limit must be from 1 to {most} bytes, which this store takes")
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
        """Write a state, for a token that dies at `dies_at`.

        Args:
            packed: The state in msgpack.
            sid: Its session.
            context: The purpose of its tokens.
            former: Where the session's state was; kept longer where that is this one still.
            dies_at: Unix second.
            now: Unix second.

        Raises:
            SessionTooLarge: More than the limit.
            StoreError: It could not be written.
        """
        if len(packed) > self.limit:
            raise SessionTooLarge(
                f"the state has {len(packed)} bytes as msgpack; its overflow takes {self.limit}: "
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
            StateLost: Its entry is gone, or not the one that was written.
            StoreError: The store cannot be asked.
        """
        packed = unseal(reference, self._store.get(reference.name), sid, context)
        return Overflowed(reference, sid, packed)

    def drop(self, reference: Reference) -> None:
        """Remove an entry that is not read again; where that fails, it leaves by itself."""
        try:
            self._store.delete(reference.name)
        except StoreError as error:
            _log.warning("an overflowed state was not deleted, and stays until it ends: %s", error)


def overflow_of(overflow: Overflow | Store | None) -> Overflow | None:
    """Return the overflow that a codec was given, or one made of a store."""
    if overflow is None or isinstance(overflow, Overflow):
        return overflow
    if isinstance(overflow, Store):
        return Overflow(overflow)
    raise ConfigError(
        f"overflow must be an Overflow or a store of overflowed states, not "
        f"{type(overflow).__name__}; make one with Overflow(store)"
    )
