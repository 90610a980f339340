"""Takes over the session in another library's cookie: once, and as if it had always been ours.

It becomes a token of our own, which is then read like any other: limit, revocation and the
application's type are checked where they always are.
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
# What the caller's functions may raise of a state that they did not expect.
_REFUSALS: Final = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)

_log = logging.getLogger("tokensession")


class Takeover(Generic[StateT]):
    """Reads legacy cookies where the own one is absent, and deletes them.

    Args:
        codec: Writes and reads the tokens.
        cookie: The own cookie.
        readers: One for each kind of legacy cookie; their order means nothing.

    Raises:
        ConfigError: No cookie, a reader's cookie of the own name, a ring that cannot sign, or
            caps that the policy does not grant.
    """

    __slots__ = ("_cookie", "_reader", "_readers", "_writer")

    def __init__(
        self,
        codec: SessionCodec[StateT],
        cookie: Cookie | Header,
        readers: Iterable[LegacyReader],
    ) -> None:
        if not isinstance(cookie, Cookie):
            raise ConfigError("legacy readers read cookies; sessions in a Header have none")
        if not codec.rings.at_hand().can_mint:
            raise ConfigError(
                "this ring only reads, and a legacy session has to be written out as a token: take "
                "sessions over where the ring can sign"
            )
        self._cookie = cookie
        self._reader, self._writer = codec.reader, codec.writer
        self._readers = [(reader, self._cookies_of(reader)) for reader in readers]
        for reader, _ in self._readers:
            if reader.cap_seconds is not None:
                codec.writer.policy.check_cap(reader.cap_seconds)

    def _cookies_of(self, reader: LegacyReader) -> list[Cookie]:
        if not isinstance(reader, LegacyReader):
            raise ConfigError(f"legacy holds readers, no {type(reader).__name__}")
        if self._cookie.name in reader.names:
            raise ConfigError(
                f"{self._cookie.name} is the name of a legacy cookie too, so that neither could "
                "be told from the other: give the new cookie another name, such as __Host-session"
            )
        # Else of our attributes, with which browsers accept our own cookie here.
        return [
            replace(
                self._cookie, name=name, domain=reader.domain, path=reader.path, partitioned=False
            )
            for name in reader.names
        ]

    def opened(
        self, headers: Iterable[tuple[bytes, bytes]], at: int, keys: RingKeys
    ) -> tuple[list[Opened[StateT]], TokenError | None]:
        """Return the legacy sessions of a request as tokens of ours that are opened.

        Args:
            headers: Raw request headers without the own cookie.
            at: Unix seconds.
            keys: The keys of the ring of this request.

        Returns:
            Those that are good so far, and why the last of the others is not.
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
            except Malformed as error:  # too many values, none of which counts
                return [], error
        if refusal is not None:
            _log.debug("legacy cookie refused: %s", refusal.code)
        return good, refusal

    def deletions(self, headers: Iterable[tuple[bytes, bytes]], at: int, *, ended: bool) -> Headers:
        """Return what deletes the legacy cookies of a request.

        Args:
            headers: Its raw headers.
            at: Unix seconds.
            ended: Whether the session has ended or begun anew, so that none may stay.
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
            reason = f"it takes {error.size}, and {error.limit} fit into a cookie"
            raise _unfit(reader, f"{reason}: keep less by the reader's convert") from None
        except ConfigError as error:  # the ring's last key that can sign has expired
            _warn(reader, str(error))
            raise UnknownKey("no key can sign a legacy session over") from None
        return self._reader.open(token, at, keys)

    def _token(
        self,
        found: LegacySession,
        reader: LegacyReader,
        session: tuple[bytes, Subject, object],
        at: int,
        keys: RingKeys,
    ) -> str:
        """Return a token of ours. It is on trial: reading it tells whether the session lives."""
        sid, subject, state = session
        iat = max(at, found.start)
        age = iat - found.start
        policy = self._writer.policy
        ttl = policy.ttl(policy.idle_timeout, age, reader.cap_seconds)
        if ttl < 1:
            raise Expired("the session has reached its end and is not taken over")
        claims = (sid, iat, ttl, age, subject)
        return self._writer.adopted(claims, checked_state(state), reader.cap_seconds, keys)


def _candidates(
    cookies: list[Cookie], headers: Iterable[tuple[bytes, bytes]]
) -> Iterator[tuple[bytes, ...]]:
    """Give the sets of values that could be a session; an incomplete one, which none verifies.

    Raises:
        Malformed: More values of a name than are looked at.
    """
    found = [cookie.read(headers) for cookie in cookies]
    if max(map(len, found)) > MAX_CANDIDATES:  # as of our own cookie
        raise Malformed(f"more than {MAX_CANDIDATES} legacy cookies of one name")
    if found[0]:
        yield from product(*(values or [b""] for values in found))


def _converted(reader: LegacyReader, found: LegacySession) -> tuple[Subject, object]:
    """Return subject and state as the caller's functions give them."""
    kind = ""
    try:
        subject = reader.subject(found.state)
        return subject, found.state if reader.convert is None else reader.convert(found.state)
    except _REFUSALS as error:
        kind = type(error).__name__
    # Said here, so that no exception behind this one holds the state.
    raise _unfit(reader, f"subject or convert raised a {kind}")


def _unfit(reader: LegacyReader, reason: str) -> BadState:
    _warn(reader, reason)
    return BadState("the state of an authentic legacy session cannot be taken over")


def _warn(reader: LegacyReader, reason: str) -> None:
    _log.warning("%s: legacy session not taken over: %s", type(reader).__name__, reason)
