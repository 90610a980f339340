"""Make the token of a response, if the session has changed or renewal is due."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Generic

from tokensession.errors import SessionTooLarge
from tokensession.format.claims import StateT
from tokensession.format.state import encode_msgpack
from tokensession.web.change import NOTHING, Change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokensession.sessions.steps import Steps
    from tokensession.sessions.value import SessionValue
    from tokensession.tokens.codec import SessionCodec
    from tokensession.tokens.derived_keys import RingKeys
    from tokensession.web.cookies import Cookie, Header, Headers
    from tokensession.web.request_session import RequestSession

_NAMED_KEYS: Final = 3  # the number of keys to name when a state is too large

_log = logging.getLogger("tokensession")


class Making(Generic[StateT]):
    """Makes the session's part of responses.

    Args:
        codec: Writes the tokens.
        cookie: Carries the tokens.
    """

    __slots__ = ("_changes", "_cookie", "_writer")

    def __init__(self, codec: SessionCodec[StateT], cookie: Cookie | Header) -> None:
        self._changes = codec.changes
        self._writer = codec.writer
        self._cookie = cookie

    def making(self, value: SessionValue[StateT], at: int, keys: RingKeys) -> Steps[Change]:
        """Return the header for a changed session."""
        if self._changes.is_empty(value):
            return Change(self._cookie.delete()) if value.presented else NOTHING
        yield from self._writer.dating(value, at)
        return (yield from self.writing(value, at, keys))

    def writing(self, value: SessionValue[StateT], at: int, keys: RingKeys) -> Steps[Change]:
        """Return a new token for a session; a state that is too large overflows.

        Raises:
            TokenSessionError: As for `TokenWriter.write`, or browsers would drop the cookie.
        """
        cookie = self._cookie
        try:
            written = yield from self._writer.write(value, at, keys, room=cookie.room)
            value.entry = written.overflowed
            return Change(cookie.write(written.token, written.seconds), written)
        except SessionTooLarge as error:
            raise _named(error, value.state) from None

    def renewing(self, value: SessionValue[StateT], at: int, keys: RingKeys) -> Steps[Change]:
        """Return a fresh token for an unchanged session, or no change if the token is too large.

        Another algorithm's signature can be longer. A request that only reads must not fail for it.
        """
        try:
            return (yield from self.writing(value, at, keys))
        except SessionTooLarge as error:
            _log.warning("session not renewed: %s", error)
            return NOTHING

    def write_now(
        self, value: SessionValue[StateT], at: int, keys: RingKeys
    ) -> tuple[bytes, bytes]:
        """Return the header with a new token, when no store is configured."""
        try:
            return self._cookie.write(*self._writer.write_now(value, at, keys))
        except SessionTooLarge as error:
            raise _named(error, value.state) from None

    def renewal_is_due(
        self,
        session: RequestSession[StateT],
        value: SessionValue[StateT],
        headers: Headers,
        at: int,
    ) -> bool:
        """Tell whether an unchanged session needs a fresh token in this response."""
        if not value.kid or not session.renewable:
            return False
        keys, policy = session._keys, self._writer.policy
        signer = keys.signer_at(at)
        if signer is None:
            return False
        same = value.kid == signer.kid
        if same and at - value.issued_at < policy.renew_after * value.ttl:
            return False  # the usual case
        retiring = not same and keys.is_retiring(value.kid, at)
        due = policy.renewal_is_due(value, now=at, key_is_retiring=retiring)
        return due and not self._cookie.is_written(headers)


def _named(error: SessionTooLarge, state: Any) -> SessionTooLarge:
    """Name the largest keys of a state, never their values."""
    largest = ""
    if isinstance(state, dict):
        sizes = {key: len(encode_msgpack(value)) for key, value in list(state.items())}
        names: Sequence[str] = sorted(sizes, key=lambda key: -sizes[key])[:_NAMED_KEYS]
        largest = f" (largest: {', '.join(f'{key!r} {sizes[key]} bytes' for key in names)})"
    return SessionTooLarge(f"{error}{largest}", size=error.size, limit=error.limit)
