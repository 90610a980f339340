"""How long sessions live: a policy and its decisions (SPEC section 6). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from tokensession.errors import ConfigError, Expired, NotYetValid
from tokensession.format.seconds import MAX_LEEWAY, duration

if TYPE_CHECKING:
    from tokensession.format.seconds import Duration

DEFAULT_IDLE: Final = 1800  # seconds; the OWASP profile
DEFAULT_ABSOLUTE: Final = 8 * 3600  # the OWASP profile
_DEFAULT: Final[Any] = object()  # marks an argument that was not given


class Dated(Protocol):
    """The dates of a session."""

    issued_at: int
    started_at: int
    ttl: int
    cap: int | None


@dataclass(frozen=True, slots=True, init=False)
class Policy:
    """When sessions end.

    Durations are seconds or a timedelta; the attributes are seconds. The default is the OWASP
    profile.

    Args:
        idle_timeout: Seconds that a token lives unless it is renewed. The default is 1800, or the
            absolute timeout or the ring's token_lifetime, if one of these is less.
        absolute_timeout: Seconds after its start at which a session ends despite renewals. None for
            no limit except the session's own cap. The default is 28800, or `longest` if that is
            less, or the idle timeout if that is more.
        longest: The greatest cap that a session can have, in seconds; by default
            `absolute_timeout`.
        renew_after: The fraction of the idle window after which a token is due for renewal, in (0,
            1]. Use before then does not renew the session. So a user can be idle for at least ``(1
            - renew_after) * idle_timeout`` seconds.
        leeway: Seconds by which another clock can be ahead of this one. It never extends a life.

    Raises:
        ConfigError: A duration is out of range, `idle_timeout` exceeds `absolute_timeout`, or
            `longest` is below it.
    """

    idle_timeout: int
    absolute_timeout: int | None
    longest: int | None
    renew_after: float
    leeway: int
    _idle_is_default: bool = field(init=False, repr=False, compare=False)

    def __init__(
        self,
        *,
        idle_timeout: Duration = _DEFAULT,
        absolute_timeout: Duration | None = _DEFAULT,
        longest: Duration | None = None,
        renew_after: float = 0.5,
        leeway: Duration = 60,
    ) -> None:
        idle_is_default = idle_timeout is _DEFAULT
        idle = DEFAULT_IDLE if idle_is_default else duration("idle_timeout", idle_timeout)
        longest = _optional("longest", longest)
        limit: int | None = max(DEFAULT_ABSOLUTE, idle)
        if absolute_timeout is not _DEFAULT:
            limit = _optional("absolute_timeout", absolute_timeout)
        elif longest is not None:
            limit = max(min(DEFAULT_ABSOLUTE, longest), 0 if idle_is_default else idle)
        if limit is not None and idle > limit:
            if not idle_is_default:
                raise ConfigError(
                    f"idle_timeout ({idle} s) exceeds absolute_timeout ({limit} s), at which "
                    "every session ends: lower idle_timeout or raise absolute_timeout"
                )
            idle = limit
        _check_longest(longest, limit)
        if isinstance(renew_after, bool) or not isinstance(renew_after, int | float):
            raise ConfigError("renew_after must be a number above 0 and at most 1")
        if not 0 < renew_after <= 1:
            raise ConfigError(f"renew_after must be above 0 and at most 1, not {renew_after}")
        leeway = duration("leeway", leeway, least=0, most=MAX_LEEWAY)
        for name, value in (
            ("idle_timeout", idle), ("absolute_timeout", limit), ("longest", longest),
            ("renew_after", renew_after), ("leeway", leeway), ("_idle_is_default", idle_is_default),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    @classmethod
    def owasp(cls) -> Policy:
        """Return the OWASP profile, the default: 30 minutes idle, 8 hours in all.

        Source: OWASP Session Management Cheat Sheet, "Session Expiration": idle timeouts of 15 to
        30 minutes for low-risk applications (2 to 5 for high-value ones), absolute timeouts of
        4 to 8 hours where an office worker uses the application all day.
        """
        return cls()

    @classmethod
    def aal1(cls) -> Policy:
        """Return the profile of NIST SP 800-63B, AAL1: 30 days in all, no separate idle timeout.

        Source: SP 800-63B section 4.1.3 (and SP 800-63B-4 section 2.1.3).
        """
        return cls(idle_timeout=30 * 86400, absolute_timeout=30 * 86400)

    @classmethod
    def aal2(cls) -> Policy:
        """Return the profile of NIST SP 800-63B, AAL2: 30 minutes idle, 12 hours in all.

        Source: SP 800-63B section 4.2.3. (SP 800-63B-4 would allow an hour and a day.)
        """
        return cls(idle_timeout=1800, absolute_timeout=12 * 3600)

    @property
    def longest_cap(self) -> int | None:
        """The greatest cap that a session can have, in seconds, or None for no limit."""
        return self.absolute_timeout if self.longest is None else self.longest

    def limit(self, cap: int | None) -> int | None:
        """Return the seconds after its start at which a session with this `cap` ends, or None."""
        if cap is None:
            return self.absolute_timeout
        longest = self.longest_cap
        return cap if longest is None else min(cap, longest)

    def check_times(self, iat: int, ttl: int, age: int, cap: int | None, now: int) -> int:
        """Return the Unix second at which a token with these claims dies.

        Raises:
            NotYetValid: The token was issued more than the leeway after `now`.
            Expired: The idle window or the session has ended.
        """
        if iat > now + self.leeway:
            raise NotYetValid(
                f"issued {iat - now} s in the future, more than the leeway of {self.leeway} s: "
                "compare the clocks of the two hosts"
            )
        dies_at = iat + ttl
        limit = self.absolute_timeout if cap is None else self.limit(cap)
        if limit is not None and limit - age < ttl:
            dies_at = iat - age + limit
        if now >= dies_at:
            raise Expired(f"expired {now - dies_at} s ago")
        return dies_at

    def renewal_is_due(self, session: Dated, *, now: int, key_is_retiring: bool) -> bool:
        """Tell whether a fresh token must replace a token of the same session.

        It must once the fraction of its idle window has passed, or when its key is retiring. A
        token that lives until the session's end is not renewed.
        """
        if not key_is_retiring and now - session.issued_at < self.renew_after * session.ttl:
            return False
        limit = self.limit(session.cap)
        age = session.issued_at - session.started_at
        return limit is None or session.ttl < limit - age

    def within(self, token_lifetime: int | None) -> Policy:
        """Return this policy for a ring whose tokens can live `token_lifetime` seconds.

        Only a default idle timeout is shortened. The codec refuses an explicit one that is too
        long.
        """
        if token_lifetime is None or not self._idle_is_default:
            return self
        if self.idle_timeout <= token_lifetime:
            return self
        return replace(self, idle_timeout=token_lifetime)

    def lifetime(self, ttl: Duration | None, cap: Duration | None) -> tuple[int, int | None]:
        """Return the idle window and cap of a session with its own.

        Args:
            ttl: Seconds of its idle window; the policy's when None.
            cap: The longest life of the session in seconds; the policy's limit when None.

        Raises:
            ConfigError: A value is out of range, the cap exceeds `longest`, or the ttl exceeds the
                session's limit.
        """
        if cap is not None:
            cap = duration("cap", cap)
            self.check_cap(cap)
        limit = self.limit(cap)
        if ttl is None:
            return (self.idle_timeout if limit is None else min(self.idle_timeout, limit)), cap
        ttl = duration("ttl", ttl)
        if limit is not None and ttl > limit:
            what = "absolute_timeout" if cap is None else "cap"
            raise ConfigError(
                f"ttl ({ttl} s) exceeds the {what} ({limit} s), at which the session ends: lower "
                "the ttl, or raise the cap"
            )
        return ttl, cap

    def check_cap(self, cap: int) -> None:
        """Refuse a cap that a reader with this policy would shorten.

        Raises:
            ConfigError: The cap is out of range or exceeds `longest`.
        """
        duration("cap", cap)
        longest = self.longest_cap
        if longest is not None and cap > longest:
            raise ConfigError(
                f"cap ({cap} s) exceeds the policy's longest ({longest} s): "
                "lower the cap, or set Policy(longest=...)"
            )

    def ttl(self, window: int, age: int, cap: int | None) -> int:
        """Return the ttl of a token made `age` seconds after its session's start.

        It is the idle window, cut at the session's end. It is below 1 if the session has ended.
        """
        limit = self.limit(cap)
        return window if limit is None else min(window, limit - age)


def _optional(name: str, value: Duration | None) -> int | None:
    return None if value is None else duration(name, value)


def _check_longest(longest: int | None, absolute_timeout: int | None) -> None:
    if longest is None:
        return
    if absolute_timeout is None:
        raise ConfigError(
            "longest limits the caps of single sessions, but without absolute_timeout all others "
            "are unlimited: set absolute_timeout too"
        )
    if longest < absolute_timeout:
        raise ConfigError(
            f"longest ({longest} s) is below absolute_timeout ({absolute_timeout} s): raise "
            "longest or lower absolute_timeout"
        )
