"""Each argument that takes the seconds of a duration takes a timedelta, too."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NOW
from tokensession import ConfigError, KeyRing, Policy, SessionCodec, decode, encode, stores
from tokensession.keys.schedule import Schedule
from tokensession.keys.watcher import KeyRingWatcher
from tokensession.legacy.django import DjangoReader
from tokensession.legacy.flask import FlaskReader
from tokensession.revocation.replica import Replica
from tokensession.stores.memory.revocation import MemoryStore
from tokensession.testing import FixedClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def lifetimes_of(keys: KeyRing, unit: Callable[[timedelta], Any]) -> list[object]:
    """Return what tokens and sessions say of the durations that they were given."""
    token = encode({}, keys, ttl=unit(HOUR), cap=unit(DAY), now=NOW)
    plain = decode(token, keys, now=NOW)
    policy = Policy(idle_timeout=unit(HOUR), absolute_timeout=unit(DAY), longest=unit(30 * DAY))
    session = SessionCodec(keys, policy=policy).new(now=NOW)
    session.sign_in("ada", ttl=unit(2 * HOUR), cap=unit(3 * DAY))
    given = [session.ttl, session.cap, session.is_fresh(unit(MINUTE))]
    session.set_lifetime(unit(4 * HOUR), cap=unit(2 * DAY))
    return [policy, plain.ttl, plain.cap, *given, session.ttl, session.cap]


def seconds(duration: timedelta) -> int:
    """Return a duration in seconds."""
    return int(duration.total_seconds())


def same(duration: timedelta) -> timedelta:
    """Return a duration as it is."""
    return duration


def test_lifetimes(hs256: KeyRing) -> None:
    """Lifetimes of tokens, sessions and policies take a timedelta."""
    assert lifetimes_of(hs256, same) == lifetimes_of(hs256, seconds)


def test_the_rotation_of_keys() -> None:
    """Rotation config, publication and retirement; the document holds seconds."""
    schedule = Schedule(
        token_lifetime=HOUR, period=30 * DAY, propagation=5 * MINUTE, leeway=timedelta(seconds=90)
    )
    assert schedule == Schedule(token_lifetime=3600, period=2_592_000, propagation=300, leeway=90)
    assert schedule.to_member() == {
        "token_lifetime": 3600, "period": 2_592_000, "propagation": 300, "leeway": 90,
    }  # fmt: skip
    ring = KeyRing.generate(kid="a").add(propagation=5 * MINUTE, now=NOW)
    assert max(key.nbf for key in ring) == NOW + 300
    given, timed = (
        ring.retire("a", token_lifetime=life, leeway=leeway, now=NOW)["a"].exp
        for life, leeway in ((3600, 90), (HOUR, timedelta(seconds=90)))
    )
    assert given == timed


def test_what_follows_a_source(tmp_path: Path) -> None:
    """A watcher and a replica; what is out of range is named in seconds."""
    path = tmp_path / "keys.json"
    watcher = KeyRing.follow(path, refresh=MINUTE)
    assert isinstance(watcher, KeyRingWatcher)
    watcher.stop()
    with pytest.raises(ConfigError, match="refresh must be above 0 and at most 86400 seconds"):
        KeyRing.follow(path, refresh=2 * DAY)
    Replica(MemoryStore(), refresh=timedelta(milliseconds=500), max_staleness=MINUTE).close()
    with pytest.raises(ConfigError, match=r"not 60.0 and 30 seconds"):
        Replica(MemoryStore(), refresh=MINUTE, max_staleness=30)


@pytest.mark.parametrize(
    "url", ["sqlite:///x.db", "redis://h", "memcached://h:1", "mongodb://h", "postgresql://h/d"]
)
def test_the_timeout_of_a_store(url: str) -> None:
    """A call takes so long at most; an hour and a second is refused."""
    stores.connect(url, timeout=timedelta(seconds=1.5)).close()
    with pytest.raises(ConfigError, match="at most 3600 seconds, not 3601"):
        stores.connect(url, timeout=HOUR + timedelta(seconds=1))


def test_legacy_cookies() -> None:
    """Their age, and the cap of the sessions that come from them."""
    reader = FlaskReader("old", until="2030-01-31", subject=str, max_age=31 * DAY, cap=DAY)
    assert reader.cap_seconds == 86_400
    for wrong in ({"max_age": timedelta(0)}, {"cap": timedelta(0)}):
        options: dict[str, Any] = {"until": "2030-01-31", **wrong}
        with pytest.raises(ConfigError, match="must be from 1 to"):
            DjangoReader("old", **options)


def test_the_clock_of_tests() -> None:
    """It advances by either."""
    with FixedClock(NOW) as clock:
        clock.advance(HOUR)
        clock.advance(60)
        assert clock.now == NOW + 3660
