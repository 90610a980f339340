"""What every legacy reader is told, and what it gives: the session in another library's cookie."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import ConfigError, Expired, Malformed
from tokensession.format.core_values import MAX_INT
from tokensession.format.seconds import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tokensession.format.claims import Subject
    from tokensession.format.seconds import Duration

MAX_VALUE: Final = 8192  # bytes of a cookie's value, as of a token; browsers keep half of it


@dataclass(frozen=True, slots=True)
class LegacySession:
    """What an authentic cookie of another library says.

    Attributes:
        state: What it holds, as its library would give it to the application.
        start: Unix second of its own timestamp, or of the reader's `since` where it has none.
        signed: What its signature covers, byte for byte.
    """

    state: Any = field(repr=False)
    start: int
    signed: bytes = field(repr=False)


@dataclass(frozen=True, eq=False)
class LegacyReader(ABC):
    """Reads the session cookie that another library made.

    Attributes:
        secret: What the other library signs with.
        fallbacks: Older secrets that it still accepts.
        until: From this day on the reader is off: "2030-01-31" or a date, which begins at midnight
            UTC; an aware datetime or Unix seconds are exact. As late as the old cookies live, and
            no later: until then a thief of an old secret can make sessions.
        subject: Returns whose session a state is: a str, an int, or None without a user. A
            ValueError of it refuses the cookie.
        cookie_name: The cookie.
        convert: Returns what is to be kept of a state; all of it by default. For values that a
            session cannot hold, such as a UUID. A ValueError of it refuses the cookie.
        cap: Seconds that a session may last from its start, or a timedelta; by default the policy's
            limit holds. Old sessions that are to live on longer than that need it, and
            `Policy(longest=...)`.
        keep_cookie: Leave the old cookie until sign-in or sign-out. For a rolling deploy or a
            rollback: until then no session ends for being idle, since the old cookie brings it
            back.
        domain: The Domain that the old cookie was set with, if any; needed to delete it.
        path: The Path that it was set with; likewise.

    Raises:
        ConfigError: Wrong arguments.
    """

    secret: str | bytes = field(repr=False)
    _: KW_ONLY
    until: str | date | int
    subject: Callable[[Any], Subject]
    cookie_name: str
    fallbacks: Sequence[str | bytes] = field(default=(), repr=False)
    convert: Callable[[Any], Any] | None = None
    cap: Duration | None = None
    keep_cookie: bool = False
    domain: str | None = None
    path: str = "/"
    ends_at: int = field(init=False)
    cap_seconds: int | None = field(init=False, repr=False)
    secrets: tuple[bytes, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ends_at", instant("until", self.until))
        object.__setattr__(self, "secrets", _secrets(self.secret, self.fallbacks))
        if not callable(self.subject):
            raise ConfigError("subject must be a function of the state, such as "
                              'lambda state: state.get("user_id")')  # fmt: skip
        if self.convert is not None and not callable(self.convert):
            raise ConfigError("convert must be a function of the state")
        cap = None if self.cap is None else duration("cap", self.cap)
        object.__setattr__(self, "cap_seconds", cap)

    @property
    def names(self) -> tuple[str, ...]:
        """The cookies that a session consists of, the one with the state first."""
        return (self.cookie_name,)

    def read(self, values: tuple[bytes, ...], now: int) -> LegacySession:
        """Return the session in the values of the cookies.

        Args:
            values: One for each of `names`, as they stand in the request.
            now: Unix seconds.

        Raises:
            TokenError: There is none: `malformed`, `bad_signature`, `bad_claims` (what was signed
                is no session), `expired` or `not_yet_valid`.
        """
        size = max(map(len, values))
        if size > MAX_VALUE:
            raise Malformed(f"a cookie of {size} bytes; a legacy reader takes {MAX_VALUE}")
        if not all(value.isascii() for value in values):
            raise Malformed("a signed cookie is ASCII")
        return self._read(values, now)

    @abstractmethod
    def _read(self, values: tuple[bytes, ...], now: int) -> LegacySession:
        """Return the session in ASCII values of bounded size, or raise a TokenError."""


def instant(name: str, value: object) -> int:
    """Return a date (its ISO text, too), an aware datetime or Unix seconds as Unix seconds."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = date.fromisoformat(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INT:
        return value
    if isinstance(value, datetime) and value.utcoffset() is not None:
        return int(value.timestamp() // 1)
    if isinstance(value, date) and not isinstance(value, datetime):
        return int(datetime.combine(value, time(), UTC).timestamp())
    raise ConfigError(
        f'{name} must be a date such as "2030-01-31", an aware datetime or Unix seconds'
    )


def check_max_age(max_age: Duration | None) -> None:
    """Refuse a `max_age` that is no duration; None stands for no limit."""
    if max_age is not None:
        duration("max_age", max_age)


def check_age(start: int, max_age: Duration | None, now: int) -> None:
    """Refuse a cookie that its own library would call too old."""
    if max_age is not None:
        ends = start + duration("max_age", max_age)
        if now >= ends:
            raise Expired(f"the old cookie expired {now - ends} s ago")


def _secrets(secret: object, fallbacks: object) -> tuple[bytes, ...]:
    """Return secrets as bytes; never the letters of one that is given where a list belongs."""
    if isinstance(fallbacks, str | bytes) or not isinstance(fallbacks, list | tuple):
        raise ConfigError(
            "fallbacks must be a list of secrets; of a str each letter would become a secret"
        )
    return tuple(map(_secret, (secret, *fallbacks)))


def _secret(secret: object) -> bytes:
    if isinstance(secret, str):
        secret = secret.encode("utf-8", "surrogatepass")
    if not isinstance(secret, bytes):
        raise ConfigError(f"a secret must be str or bytes, not {type(secret).__name__}")
    if not secret:
        raise ConfigError("an empty secret signs for everybody: give the one in use")
    return secret
