"""Take over the session in another library's cookie, once.

The session becomes a token of ours, which is read like any other. So limits, revocation and the
application's type are checked in the usual places.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from hashlib import sha256
from itertools import product
from typing import TYPE_CHECKING, Final, Generic

from tokensession.errors import (
    BadState,
    ConfigError,
    Expired,
    Malformed,
    SessionTooLarge,
    StateError,
    TokenError,
    UnknownKey,
)
from tokensession.format.claims import SID_BYTES, StateT
from tokensession.format.state import checked_state
from tokensession.legacy.reader import LegacyReader
from tokensession.web.cookies import MAX_CANDIDATES, Cookie

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tokensession.format.claims import Subject
    from tokensession.legacy.reader import LegacySession
    from tokensession.sessions.value import Opened
    from tokensession.tokens.codec import SessionCodec
    from tokensession.tokens.derived_keys import RingKeys
    from tokensession.web.cookies import Header, Headers

_SID_LABEL: Final = b"tokensession/v1/legacy\0"

_log = logging.getLogger("tokensession")


class Takeover(Generic[StateT]):
    """Reads legacy cookies if our cookie is absent, and deletes them.

    Args:
        codec: Writes and reads the tokens.
        cookie: Our own cookie.
        readers: One for each kind of legacy cookie, in any order.

    Raises:
        ConfigError: There is no cookie, a reader uses our cookie's name, the ring cannot sign, or
            the policy does not allow the caps.
    """

    __slots__ = ("_cookie", "_reader", "_readers", "_writer")

    def __init__(
        self,
        codec: SessionCodec[StateT],
        cookie: Cookie | Header,
        readers: Iterable[LegacyReader],
    ) -> None:
        if not isinstance(cookie, Cookie):
            raise ConfigError("legacy readers need a Cookie: a manager with a Header has none")
        if not codec.rings.at_hand().can_mint:
            raise ConfigError(
                "this ring can only read, but a takeover writes a token: take legacy sessions over "
                "in a process whose ring can sign"
            )
        self._cookie = cookie
        self._reader, self._writer = codec.reader, codec.writer
        self._readers = [(reader, self._cookies_of(reader)) for reader in readers]
        for reader, _ in self._readers:
            if reader.cap_seconds is not None:
                codec.writer.policy.check_cap(reader.cap_seconds)

    def _cookies_of(self, reader: LegacyReader) -> list[Cookie]:
        if not isinstance(reader, LegacyReader):
            raise ConfigError(f"legacy must contain readers, not {type(reader).__name__}")
        if self._cookie.name in reader.names:
            raise ConfigError(
                f"{self._cookie.name} is also the name of a legacy cookie: give the new cookie "
                "another name, such as __Host-session"
            )
        # Otherwise use our attributes, because browsers accept our cookie with them.
        return [
            replace(
                self._cookie, name=name, domain=reader.domain, path=reader.path, partitioned=False
            )
            for name in reader.names
        ]

    def opened(
        self, headers: Iterable[tuple[bytes, bytes]], at: int, keys: RingKeys
    ) -> tuple[list[Opened[StateT]], TokenError | None]:
        """Return a request's legacy sessions as opened tokens of ours.

        Args:
            headers: Raw request headers without our cookie.
            at: Unix seconds.
            keys: The keys of the ring of this request.

        Returns:
            The valid sessions, and the error of the last invalid one.
        """
        good = []
        refusal: TokenError | None = None
        for reader, cookies in self._active(at):
            try:
                for values in _candidates(cookies, headers):
                    try:
                        good.append(self._taken(reader, values, at, keys))
                    except TokenError as error:
                        refusal = error
            except Malformed as error:  # too many values, so none is used
                return [], error
        if refusal is not None:
            _log.debug("legacy cookie refused: %s", refusal.code)
        return good, refusal

    def deletions(self, headers: Iterable[tuple[bytes, bytes]], at: int, *, ended: bool) -> Headers:
        """Return the headers that delete the legacy cookies of a request.

        Args:
            headers: The raw request headers.
            at: Unix seconds.
            ended: Whether the session has ended or was replaced, so that no legacy cookie may stay.
        """
        return [
            cookie.delete()
            for reader, cookies in self._active(at)
            if ended or not reader.keep_cookie
            for cookie in cookies
            if cookie.read(headers)
        ]

    def _active(self, at: int) -> Iterator[tuple[LegacyReader, list[Cookie]]]:
        return (pair for pair in self._readers if at < pair[0].ends_at)

    def _taken(
        self, reader: LegacyReader, values: tuple[bytes, ...], at: int, keys: RingKeys
    ) -> Opened[StateT]:
        found = reader.read(values, at)
        subject, state = _converted(reader, found)
        sid = sha256(_SID_LABEL + found.signed).digest()[:SID_BYTES]
        try:
            token = self._token(found, reader, (sid, subject, state), at, keys)
            self._cookie.write(token, 1)
        except StateError as error:
            raise _unfit(reader, f"{error}; or use the reader's convert") from None
        except SessionTooLarge as error:
            reason = f"it takes {error.size}, but {error.limit} fit into a cookie"
            raise _unfit(reader, f"{reason}: use the reader's convert to keep less") from None
        except ConfigError as error:  # the last key that can sign has expired
            _warn(reader, str(error))
            raise UnknownKey("no key can sign the taken-over session") from None
        return self._reader.open(token, at, keys)

    def _token(
        self,
        found: LegacySession,
        reader: LegacyReader,
        session: tuple[bytes, Subject, object],
        at: int,
        keys: RingKeys,
    ) -> str:
        """Return a token of ours. Reading it shows whether the session is valid."""
        sid, subject, state = session
        iat = max(at, found.start)
        age = iat - found.start
        policy = self._writer.policy
        ttl = policy.ttl(policy.idle_timeout, age, reader.cap_seconds)
        if ttl < 1:
            raise Expired("the legacy session has expired and is not taken over")
        claims = (sid, iat, ttl, age, subject)
        return self._writer.adopted(claims, checked_state(state), reader.cap_seconds, keys)


def _candidates(
    cookies: list[Cookie], headers: Iterable[tuple[bytes, bytes]]
) -> Iterator[tuple[bytes, ...]]:
    """Yield the sets of values that could be a session. An incomplete set never verifies.

    Raises:
        Malformed: A name has too many values.
    """
    found = [cookie.read(headers) for cookie in cookies]
    if max(map(len, found)) > MAX_CANDIDATES:  # as for our cookie
        raise Malformed(f"more than {MAX_CANDIDATES} legacy cookies of one name")
    if found[0]:
        yield from product(*(values or [b""] for values in found))


def _converted(reader: LegacyReader, found: LegacySession) -> tuple[Subject, object]:
    """Return subject and state from the application's functions."""
    kind = ""
    try:
        subject = reader.subject(found.state)
        return subject, found.state if reader.convert is None else reader.convert(found.state)
    except Exception as error:  # noqa: BLE001  # an application's function can raise any
        kind = type(error).__name__
    # Raised outside the except block, so that no chained exception holds the state.
    raise _unfit(reader, f"subject or convert raised a {kind}")


def _unfit(reader: LegacyReader, reason: str) -> BadState:
    _warn(reader, reason)
    return BadState("the state of an authentic legacy session cannot be taken over")


def _warn(reader: LegacyReader, reason: str) -> None:
    _log.warning("%s: legacy session not taken over: %s", type(reader).__name__, reason)
