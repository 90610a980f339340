"""How long sessions live: a policy, and what it decides (SPEC section 6). Pure: time is given."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from tokensession.errors import ConfigError, Expired, NotYetValid
from tokensession.format.seconds import MAX_LEEWAY, duration

if TYPE_CHECKING:
    from tokensession.format.seconds import Duration

DEFAULT_IDLE: Final = 1800  # seconds; the OWASP profile
DEFAULT_ABSOLUTE: Final = 8 * 3600  # seconds; likewise
_DEFAULT: Final[Any] = object()  # stands for an argument that was not given


class Dated(Protocol):
    """The dates of a session."""

    issued_at: int
    started_at: int
    ttl: int
    cap: int | None


@dataclass(frozen=True, slots=True, init=False)
class Policy:
    """When sessions end.

    Durations are seconds, or a timedelta; the attributes hold seconds. Without arguments it is
    the OWASP profile.

    Args:
        idle_timeout: Seconds that a token lives unless it is renewed. By default 1800, or the
            absolute timeout or the ring's token_lifetime, if one of these is less.
        absolute_timeout: Seconds from its start after which a session ends in spite of renewals;
            None for no limit but the session's own cap. By default 28800, or `longest`, if that
            is less, or the idle timeout, if that is more.
        longest: The most seconds that a session's own cap may grant; None stands for
            `absolute_timeout`.
        renew_after: The fraction of the idle window after which a token is due for renewal, in
            (0, 1]. A session that is used once more before then is not renewed by it, so the
            fraction guarantees ``(1 - renew_after) * idle_timeout`` seconds of idleness.
        leeway: Seconds by which another clock may be ahead of this one. It never extends a life.

    Raises:
        ConfigError: A duration out of range, an `idle_timeout` above `absolute_timeout`, or a
            `longest` below it.
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
                    "every session ends: lower the one or raise the other"
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
        """Return the OWASP profile, which is the default: 30 minutes idle, 8 hours in all.

        Source: OWASP Session Management Cheat Sheet, "Session Expiration": idle timeouts of 15 to
        30 minutes for low-risk applications (2 to 5 for high-value ones), absolute timeouts of
        4 to 8 hours where an office worker uses the application all day.
        """
        return cls()

    @classmethod
    def aal1(cls) -> Policy:
        """Return the profile of NIST SP 800-63B, AAL1: 30 days in all, no idle timeout of its own.

        Source: SP 800-63B section 4.1.3 (and SP 800-63B-4 section 2.1.3).
        """
        return cls(idle_timeout=30 * 86400, absolute_timeout=30 * 86400)

    @classmethod
    def aal2(cls) -> Policy:
        """Return the profile of NIST SP 800-63B, AAL2: 30 minutes of idleness, 12 hours in all.

        Source: SP 800-63B section 4.2.3. (SP 800-63B-4 would allow an hour and a day.)
        """
        return cls(idle_timeout=1800, absolute_timeout=12 * 3600)

    @property
    def longest_cap(self) -> int | None:
        """The most seconds that a cap may grant, or None for no bound."""
        return self.absolute_timeout if self.longest is None else self.longest

    def limit(self, cap: int | None) -> int | None:
        """Return how many seconds after its start a session with this `cap` ends, or None."""
        if cap is None:
            return self.absolute_timeout
        longest = self.longest_cap
        return cap if longest is None else min(cap, longest)

    def check_times(self, iat: int, ttl: int, age: int, cap: int | None, now: int) -> int:
        """Return the Unix second at which a token with these claims dies.

        Raises:
            NotYetValid: Issued more than the leeway after `now`.
            Expired: Its idle window or its session is over.
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
        """Tell whether a token should be replaced by a fresh one of the same session.

        It should once the fraction of its idle window has passed, or its key is about to leave;
        not when it already lives until the session's end, which no renewal can move.
        """
        if not key_is_retiring and now - session.issued_at < self.renew_after * session.ttl:
            return False
        limit = self.limit(session.cap)
        age = session.issued_at - session.started_at
        return limit is None or session.ttl < limit - age

    def within(self, token_lifetime: int | None) -> Policy:
        """Return this policy for a ring whose tokens may live that many seconds.

        Only an idle timeout that was not given gives way; the codec refuses
        one that was.
        """
        if token_lifetime is None or not self._idle_is_default:
            return self
        if self.idle_timeout <= token_lifetime:
            return self
        return replace(self, idle_timeout=token_lifetime)

    def lifetime(self, ttl: Duration | None, cap: Duration | None) -> tuple[int, int | None]:
        """Return idle window and cap of a session that is given its own.

        Args:
            ttl: Seconds of its idle window; the policy's when None.
            cap: Seconds that it may last at the most; the policy's limit when None.

        Raises:
            ConfigError: Out of range, a cap above `longest`, or a ttl above the session's limit.
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
                "the ttl or give the session a longer cap"
            )
        return ttl, cap

    def check_cap(self, cap: int) -> None:
        """Refuse a cap that no reader with this policy would grant in full.

        Raises:
            ConfigError: Out of range, or above `longest`.
        """
        duration("cap", cap)
        longest = self.longest_cap
        if longest is not None and cap > longest:
            raise ConfigError(
                f"cap ({cap} s) exceeds the policy's longest ({longest} s): "
                "lower the cap or set Policy(longest=...)"
            )

    def ttl(self, window: int, age: int, cap: int | None) -> int:
        """Return the ttl of a token made `age` seconds after its session's start.

        That is its idle window, cut at the session's end; below 1 when the session has ended.
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
            "longest bounds the caps of single sessions; without an absolute_timeout every other "
            "session is unbounded: set absolute_timeout too"
        )
    if longest < absolute_timeout:
        raise ConfigError(
            f"longest ({longest} s) is below absolute_timeout ({absolute_timeout} s): raise "
            "longest or lower absolute_timeout"
        )
