"""How long sessions live (SPEC section 6)."""

from __future__ import annotations

import copy
import math
import pickle
from dataclasses import FrozenInstanceError, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NOW
from tokensession import ConfigError, Expired, NotYetValid, Policy
from tokensession.format.claims import MAX_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"idle_timeout": 0}, "idle_timeout must be from 1"),
        ({"idle_timeout": -1}, "idle_timeout must be from 1"),
        ({"idle_timeout": MAX_SECONDS + 1}, "idle_timeout must be from 1 to 4294967295"),
        ({"idle_timeout": 1800.0}, "whole number of seconds"),
        ({"idle_timeout": True}, "whole number of seconds"),
        ({"idle_timeout": "1800"}, "whole number of seconds"),
        ({"absolute_timeout": 0}, "absolute_timeout must be from 1"),
        ({"longest": 0}, "longest must be from 1"),
        ({"idle_timeout": 61, "absolute_timeout": 60}, "idle_timeout .61 s. exceeds abs"),
        ({"idle_timeout": timedelta(seconds=1.5)}, "whole number of seconds"),
        ({"leeway": timedelta(hours=2)}, "leeway must be from 0 to 3600"),
        ({"absolute_timeout": 3600, "longest": 3599}, "longest .3599 s. is below"),
        ({"absolute_timeout": None, "longest": 3600}, "set absolute_timeout too"),
        ({"renew_after": 0}, "above 0 and at most 1"),
        ({"renew_after": 1.01}, "above 0 and at most 1"),
        ({"renew_after": math.nan}, "above 0 and at most 1"),
        ({"renew_after": "half"}, "must be a number"),
        ({"renew_after": True}, "must be a number"),
        ({"leeway": -1}, "leeway must be from 0"),
        ({"leeway": 3601}, "leeway must be from 0 to 3600"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], reason: str) -> None:
    """A policy that makes no sense is refused where it is made, with the range."""
    with pytest.raises(ConfigError, match=reason):
        Policy(**settings)


@pytest.mark.parametrize(
    ("absolute", "longest", "cap", "limit"),
    [
        (3600, None, None, 3600),
        (3600, None, 60, 60),
        (3600, None, 7200, 3600),
        (3600, 7200, None, 3600),
        (3600, 7200, 5000, 5000),
        (3600, 7200, 9999, 7200),
        (None, None, None, None),
        (None, None, 9999, 9999),
    ],
)
def test_limit(
    absolute: int | None, longest: int | None, cap: int | None, limit: int | None
) -> None:
    """The limit is the cap, at most the longest, or else the absolute timeout."""
    assert Policy(absolute_timeout=absolute, longest=longest).limit(cap) == limit


def test_a_longest_given_alone_lowers_the_default_limit() -> None:
    """Without an absolute timeout, `longest` is the limit where it is below the default."""
    assert Policy(longest=3600).absolute_timeout == 3600
    assert Policy(longest=86400).absolute_timeout == 28800
    assert Policy(longest=600).idle_timeout == 600
    with pytest.raises(ConfigError, match=r"longest .3600 s. is below"):
        Policy(idle_timeout=7200, longest=3600)


def test_longest_may_equal_the_absolute_timeout() -> None:
    """The boundary is inside."""
    assert Policy(absolute_timeout=3600, longest=3600).longest_cap == 3600


@pytest.mark.parametrize(
    ("profile", "idle", "absolute"),
    [
        (Policy.owasp, 1800, 28800),
        (Policy.aal1, 2592000, 2592000),
        (Policy.aal2, 1800, 43200),
    ],
)
def test_profiles(profile: Callable[[], Policy], idle: int, absolute: int) -> None:
    """The named profiles have the figures of their sources."""
    policy = profile()
    assert (policy.idle_timeout, policy.absolute_timeout) == (idle, absolute)


def test_what_holds_unless_it_is_said() -> None:
    """Half an hour of idleness and 8 hours in all, renewed at half, with a minute of leeway."""
    given = Policy(
        idle_timeout=1800, absolute_timeout=28800, longest=None, renew_after=0.5, leeway=60
    )
    assert Policy() == Policy.owasp() == given
    assert hash(Policy()) == hash(given)
    assert repr(Policy()) == repr(given)


@pytest.mark.parametrize(
    ("settings", "idle", "absolute"),
    [
        ({"absolute_timeout": 1799}, 1799, 1799),
        ({"absolute_timeout": 1800}, 1800, 1800),
        ({"absolute_timeout": 43200}, 1800, 43200),
        ({"absolute_timeout": None}, 1800, None),
        ({"idle_timeout": 28800}, 28800, 28800),
        ({"idle_timeout": 28801}, 28801, 28801),
        ({"idle_timeout": 7, "absolute_timeout": 7}, 7, 7),
        ({"idle_timeout": 86400, "absolute_timeout": None}, 86400, None),
    ],
)
def test_what_is_not_given_adapts(
    settings: dict[str, Any], idle: int, absolute: int | None
) -> None:
    """The idle timeout gives way to a shorter limit, and the limit to a longer idle timeout."""
    policy = Policy(**settings)
    assert (policy.idle_timeout, policy.absolute_timeout) == (idle, absolute)


def test_durations_are_seconds_or_timedeltas() -> None:
    """The attributes hold seconds."""
    policy = Policy(
        idle_timeout=timedelta(minutes=15), absolute_timeout=timedelta(hours=4),
        longest=timedelta(days=30), leeway=timedelta(seconds=30),
    )  # fmt: skip
    assert policy == Policy(idle_timeout=900, absolute_timeout=14400, longest=2592000, leeway=30)
    assert policy.leeway == 30


@pytest.mark.parametrize(
    ("policy", "token_lifetime", "idle"),
    [
        (Policy(), None, 1800),
        (Policy(), 1800, 1800),
        (Policy(), 1799, 1799),
        (Policy(absolute_timeout=600), 300, 300),
        (Policy(idle_timeout=1800), 300, 1800),  # the codec refuses it
    ],
)
def test_the_idle_timeout_adapts_to_the_ring(
    policy: Policy, token_lifetime: int | None, idle: int
) -> None:
    """One that was given stays, and so does everything else."""
    within = policy.within(token_lifetime)
    assert within.idle_timeout == idle
    assert replace(within, idle_timeout=1) == replace(policy, idle_timeout=1)


def pickled(policy: Policy) -> Policy:
    """Return what another process makes of a policy."""
    copied: Policy = pickle.loads(pickle.dumps(policy))  # noqa: S301  # our own bytes
    return copied


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickled])
def test_a_policy_is_a_value(duplicate: Callable[[Policy], Policy]) -> None:
    """It is copied, pickled and replaced in part, and never changes."""
    policy = Policy(absolute_timeout=3600, longest=7200)
    assert duplicate(policy) == policy
    assert duplicate(Policy()).within(60).idle_timeout == 60
    assert replace(policy, leeway=20).leeway == 20
    with pytest.raises(FrozenInstanceError):
        policy.leeway = 20  # type: ignore[misc]


LIFETIMES = Policy(idle_timeout=600, absolute_timeout=3600, longest=7200)


@pytest.mark.parametrize(
    ("ttl", "cap", "lifetime"),
    [
        (None, None, (600, None)),
        (60, None, (60, None)),
        (3600, None, (3600, None)),
        (None, 7200, (600, 7200)),
        (None, 60, (60, 60)),
        (7200, 7200, (7200, 7200)),
        (timedelta(minutes=1), timedelta(hours=1), (60, 3600)),
    ],
)
def test_a_lifetime_of_its_own(ttl: Any, cap: Any, lifetime: tuple[int, int | None]) -> None:
    """What is not given is the policy's; an idle timeout that was not given gives way to a cap."""
    assert LIFETIMES.lifetime(ttl, cap) == lifetime


@pytest.mark.parametrize(
    ("ttl", "cap", "reason"),
    [
        (3601, None, r"ttl \(3601 s\) exceeds the absolute_timeout \(3600 s\), at which"),
        (61, 60, r"ttl \(61 s\) exceeds the cap \(60 s\)"),
        (None, 7201, r"cap \(7201 s\) exceeds the policy's longest \(7200 s\)"),
        (0, None, "ttl must be from 1"),
        (None, 0, "cap must be from 1"),
        (timedelta(milliseconds=1), None, "ttl must be a whole number of seconds"),
    ],
)
def test_a_lifetime_that_would_be_cut_is_refused(ttl: Any, cap: Any, reason: str) -> None:
    """The error names both, and what to do."""
    with pytest.raises(ConfigError, match=reason):
        LIFETIMES.lifetime(ttl, cap)


@pytest.mark.parametrize("fraction", [1, 1.0, 0.001])
def test_the_fraction_may_be_all_of_the_window(fraction: float) -> None:
    """The upper boundary is inside: then a token is renewed only as its key leaves."""
    policy = Policy(renew_after=fraction)
    assert policy.renew_after == fraction
    assert policy.renewal_is_due(_Token(), now=NOW + 100, key_is_retiring=False)


def test_the_longest_durations_are_inside() -> None:
    """136 years of a session, an hour of leeway, and a second of either."""
    longest = Policy(idle_timeout=MAX_SECONDS, absolute_timeout=MAX_SECONDS, leeway=3600)
    assert longest.ttl(MAX_SECONDS, 0, None) == MAX_SECONDS
    assert Policy(idle_timeout=1, absolute_timeout=1, longest=1, leeway=0).longest_cap == 1
    longest.check_cap(MAX_SECONDS)


def test_leeway_is_closed() -> None:
    """A token from exactly the leeway ahead is valid, one second more is not."""
    policy = Policy(leeway=60)
    policy.check_times(NOW + 60, 1800, 0, None, NOW)
    with pytest.raises(NotYetValid, match="61 s in the future"):
        policy.check_times(NOW + 61, 1800, 0, None, NOW)


def test_a_token_dies_at_iat_plus_ttl() -> None:
    """It is valid in the last second before, and the leeway does not extend it."""
    policy = Policy(leeway=60)
    assert policy.check_times(NOW, 100, 0, None, NOW + 99) == NOW + 100
    with pytest.raises(Expired, match="expired 0 s ago"):
        policy.check_times(NOW, 100, 0, None, NOW + 100)


@pytest.mark.parametrize(("policy", "cap"), [(Policy(absolute_timeout=1000), None), (None, 1000)])
def test_a_session_ends_at_its_limit_whatever_the_ttl(
    policy: Policy | None, cap: int | None
) -> None:
    """The session's start counts, not the token's date."""
    policy = policy or Policy(absolute_timeout=None)
    start = NOW - 900
    assert policy.check_times(NOW, 1800, 900, cap, NOW + 99) == start + 1000
    with pytest.raises(Expired):
        policy.check_times(NOW, 1800, 900, cap, NOW + 100)


@pytest.mark.parametrize(
    ("window", "age", "cap", "ttl"),
    [(300, 0, None, 300), (300, 800, None, 200), (300, 1000, None, 0), (300, 1001, None, -1),
     (2000, 0, None, 1000), (300, 0, 60, 60), (300, 59, 60, 1)],
)  # fmt: skip
def test_ttl_is_cut_at_the_end_of_the_session(
    window: int, age: int, cap: int | None, ttl: int
) -> None:
    """No token outlives its session."""
    assert Policy(absolute_timeout=1000).ttl(window, age, cap) == ttl


@dataclass
class _Token:
    """The dates of one."""

    issued_at: int = NOW
    started_at: int = NOW
    ttl: int = 100
    cap: int | None = None


@pytest.mark.parametrize(
    ("passed", "retiring", "due"),
    [(0, False, False), (49, False, False), (50, False, True), (99, False, True),
     (0, True, True), (49, True, True)],
)  # fmt: skip
def test_renewal_is_due_by_the_fraction_or_by_the_key(
    passed: int, *, retiring: bool, due: bool
) -> None:
    """Renewal is due once half of the window has passed, or at once if the key is retiring."""
    policy = Policy(absolute_timeout=1000, renew_after=0.5)
    now = NOW + passed
    assert policy.renewal_is_due(_Token(), now=now, key_is_retiring=retiring) is due


@pytest.mark.parametrize(
    ("absolute", "age", "cap", "due"),
    [(1000, 899, None, True), (1000, 900, None, False), (1000, 950, None, False),
     (1000, 99, 200, True), (1000, 100, 200, False), (None, 10**6, None, True)],
)  # fmt: skip
def test_no_renewal_of_what_lives_until_the_end(
    absolute: int | None, age: int, cap: int | None, *, due: bool
) -> None:
    """A token whose window ends with its session or after it cannot be bettered; any other can."""
    policy = Policy(absolute_timeout=absolute)
    token = _Token(started_at=NOW - age, cap=cap)
    assert policy.renewal_is_due(token, now=NOW + 60, key_is_retiring=True) is due
