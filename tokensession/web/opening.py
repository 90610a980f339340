"""Open the session of a request: from one valid token, or from a legacy cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from tokensession.errors import BadState, Malformed, TokenError
from tokensession.format.claims import StateT
from tokensession.sessions.steps import run
from tokensession.web.cookies import MAX_CANDIDATES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokensession.legacy.reader import LegacyReader
    from tokensession.sessions.steps import Steps
    from tokensession.sessions.value import Opened, SessionValue
    from tokensession.tokens.codec import SessionCodec
    from tokensession.tokens.derived_keys import RingKeys
    from tokensession.tokens.reading import TokenReader
    from tokensession.web.cookies import Cookie, Header
    from tokensession.web.takeover import Takeover


class Opening(Generic[StateT]):
    """Opens the sessions of requests.

    Args:
        reader: Reads tokens.
        cookie: Carries the tokens.
        takeover: Reads the cookies of other libraries, or None.
    """

    __slots__ = ("_cookie", "_reader", "_takeover")

    def __init__(
        self,
        reader: TokenReader[StateT],
        cookie: Cookie | Header,
        takeover: Takeover[StateT] | None,
    ) -> None:
        self._reader = reader
        self._cookie = cookie
        self._takeover = takeover

    def carries(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Tell whether a request can carry a session."""
        return self._takeover is not None or bool(self._cookie.read(headers))

    def now(
        self, headers: Iterable[tuple[bytes, bytes]], at: int, keys: RingKeys
    ) -> SessionValue[StateT]:
        """Return the session of a request; a store is read in this thread.

        Raises:
            StoreError: As for `steps`.
        """
        reader = self._reader
        values = self._cookie.read(headers)
        if not values and self._takeover is None:
            return reader.begin(at)
        if len(values) != 1 or not reader.storeless:
            return run(self._steps(values, headers, at, keys))
        opened = None  # the usual case
        try:
            opened = reader.open(values[0], at, keys)
            value = reader.fit(opened, at)
        except TokenError as error:
            return self._refused(error, opened, at)
        value.presented = True
        return value

    def steps(
        self, headers: Iterable[tuple[bytes, bytes]], at: int, keys: RingKeys
    ) -> Steps[SessionValue[StateT]]:
        """Return the session that a request carries, or a new one.

        Args:
            headers: The raw request headers.
            at: Unix seconds.
            keys: The keys of the ring to read with.

        Raises:
            StoreError: The store could not tell whether the session is revoked.
        """
        return self._steps(self._cookie.read(headers), headers, at, keys)

    def _steps(
        self,
        values: list[bytes],
        headers: Iterable[tuple[bytes, bytes]],
        at: int,
        keys: RingKeys,
    ) -> Steps[SessionValue[StateT]]:
        refused: TokenError | None
        if values:
            openings, refused = self._opened(values, at, keys)
        elif self._takeover is not None:
            # Never beside our own cookie, even an invalid one, which would allow a way back.
            openings, refused = self._takeover.opened(headers, at, keys)
        else:
            return self._reader.begin(at)
        good: list[SessionValue[StateT]] = []
        last: Opened[StateT] | None = None
        for opened in openings:
            try:
                good.append((yield from self._reader.admit(opened, at)))
            except TokenError as error:
                refused, last = error, opened
        if len(good) == 1:
            (value,) = good
            value.presented, value.unwritten = True, not values
            return value
        if len(values) > 1:
            return self._refused(_several(len(values), len(good)), None, at)
        if good:
            return self._refused(Malformed(f"{len(good)} legacy sessions in one request"), None, at)
        return self._reader.begin(at) if refused is None else self._refused(refused, last, at)

    def _refused(
        self, error: TokenError, opened: Opened[StateT] | None, at: int
    ) -> SessionValue[StateT]:
        """Return the new session of a request whose token was refused."""
        value = self._reader.begin(at)
        value.presented, value.refused = True, error.code
        if isinstance(error, BadState):
            # Only its state is invalid, so the session that replaces it must end it.
            value.opened, value.whole = opened, True
        return value

    def _opened(
        self, values: list[bytes], at: int, keys: RingKeys
    ) -> tuple[list[Opened[StateT]], TokenError | None]:
        """Return the tokens that pass steps 1 to 8, and the error of the last invalid one."""
        if len(values) > MAX_CANDIDATES:
            # Do not read the first ones: an attacker who can set cookies could push the true one
            # out.
            return [], None
        openings, refused = [], None
        for value in values:
            try:
                openings.append(self._reader.open(value, at, keys))
            except TokenError as error:
                refused = error
        return openings, refused


def takeover_of(
    codec: SessionCodec[StateT], cookie: Cookie | Header, readers: tuple[LegacyReader, ...]
) -> Takeover[StateT] | None:
    """Return the takeover of other libraries' sessions, if there are readers for them."""
    if not readers:
        return None
    # Imported lazily: most applications have no legacy cookies.
    from tokensession.web.takeover import Takeover  # noqa: PLC0415

    return Takeover(codec, cookie, readers)


def _several(values: int, good: int) -> TokenError:
    """Return the error for several values, of which the true one cannot be recognised."""
    if values > MAX_CANDIDATES:
        return Malformed(f"more than {MAX_CANDIDATES} cookies of one name")
    return Malformed(f"{values} cookies of one name, {good} of them valid")
