"""The base class of legacy readers, and the session that they return."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import ConfigError, Expired, Malformed
from tokensession.format.core_values import check_switch
from tokensession.format.seconds import END_OF_DATES, duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tokensession.format.claims import Subject
    from tokensession.format.seconds import Duration

MAX_VALUE: Final = 8192  # bytes of a cookie's value, as for a token; browsers accept half of it


@dataclass(frozen=True, slots=True)
class LegacySession:
    """The content of another library's authentic cookie.

    Attributes:
        state: The state, as the other library would give it to the application.
        start: Unix second of the cookie's timestamp, or of the reader's `since` without one.
        signed: The signed bytes.
    """

    state: Any = field(repr=False)
    start: int
    signed: bytes = field(repr=False)


@dataclass(frozen=True, eq=False)
class LegacyReader(ABC):
    """Reads the session cookie of another library.

    Attributes:
        secret: The secret with which the other library signs.
        fallbacks: Older secrets that it still accepts.
        until: The day on which the reader is switched off: "2030-01-31" or a date, which begins at
            midnight UTC. An aware datetime or Unix seconds are exact. Choose the end of the old
            cookies' life, and no later day: until then a thief of an old secret can forge sessions.
        subject: Returns the subject of a state: a str, an int, or None without a user. Its
            ValueError refuses the cookie.
        cookie_name: The cookie's name.
        convert: Returns the part of a state to keep; by default all of it. Use it for values that a
            session cannot contain, such as a UUID. Its ValueError refuses the cookie.
        cap: The longest life of a session from its start, in seconds or as a timedelta; by default
            the policy's limit. To let old sessions live longer, set this and `Policy(longest=...)`.
        keep_cookie: Keep the old cookie until sign-in or sign-out, for a rolling deployment or a
            rollback. Until then sessions do not end by idleness, because the old cookie restores
            them.
        domain: The Domain of the old cookie, if any; needed to delete it.
        path: The Path of the old cookie; needed to delete it.

    Raises:
        ConfigError: An argument is invalid.
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
        check_switch("keep_cookie", self.keep_cookie)
        cap = None if self.cap is None else duration("cap", self.cap)
        object.__setattr__(self, "cap_seconds", cap)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the session's cookies, the one with the state first."""
        return (self.cookie_name,)

    def read(self, values: tuple[bytes, ...], now: int) -> LegacySession:
        """Return the session in the cookies' values.

        Args:
            values: One for each of `names`, as in the request.
            now: Unix seconds.

        Raises:
            TokenError: There is no session: `malformed`, `bad_signature`, `bad_claims` (the signed
                value is not a session), `expired` or `not_yet_valid`.
        """
        size = max(map(len, values))
        if size > MAX_VALUE:
            raise Malformed(f"a cookie of {size} bytes, but a legacy reader accepts {MAX_VALUE}")
        if not all(value.isascii() for value in values):
            raise Malformed("a signed cookie must be ASCII")
        return self._read(values, now)

    @abstractmethod
    def _read(self, values: tuple[bytes, ...], now: int) -> LegacySession:
        """Return the session in ASCII values of bounded size, or raise a TokenError."""


def instant(name: str, value: object) -> int:
    """Return a date (or its ISO text), an aware datetime or Unix seconds as Unix seconds."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = date.fromisoformat(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < END_OF_DATES:
        return value
    if isinstance(value, datetime) and value.utcoffset() is not None:
        return int(value.timestamp() // 1)
    if isinstance(value, date) and not isinstance(value, datetime):
        return int(datetime.combine(value, time(), UTC).timestamp())
    raise ConfigError(
        f'{name} must be a date such as "2030-01-31", an aware datetime or Unix seconds'
    )


def check_max_age(max_age: Duration | None) -> None:
    """Refuse an invalid `max_age`; None means no limit."""
    if max_age is not None:
        duration("max_age", max_age)


def check_age(start: int, max_age: Duration | None, now: int) -> None:
    """Refuse a cookie that is too old for its own library."""
    if max_age is not None:
        ends = start + duration("max_age", max_age)
        if now >= ends:
            raise Expired(f"the old cookie expired {now - ends} s ago")


def _secrets(secret: object, fallbacks: object) -> tuple[bytes, ...]:
    """Return secrets as bytes; refuse a single secret in place of a list."""
    if isinstance(fallbacks, str | bytes) or not isinstance(fallbacks, list | tuple):
        raise ConfigError("fallbacks must be a list of secrets, not a single one: pass [secret]")
    return tuple(map(_secret, (secret, *fallbacks)))


def _secret(secret: object) -> bytes:
    if isinstance(secret, str):
        secret = secret.encode("utf-8", "surrogatepass")
    if not isinstance(secret, bytes):
        raise ConfigError(f"a secret must be str or bytes, not {type(secret).__name__}")
    if not secret:
        raise ConfigError("an empty secret lets anyone sign: pass the secret in use")
    return secret
