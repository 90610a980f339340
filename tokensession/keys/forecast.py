"""The future events of a ring, and checks of its numbers. Pure."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from tokensession.errors import ConfigError
from tokensession.format.seconds import in_units, in_utc, whole_seconds
from tokensession.keys.continuity import by_age, horizon, signers
from tokensession.keys.rotation import next_rotation, schedule_is_right

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokensession.keys.ring import KeyRing
    from tokensession.keys.schedule import Schedule


class Moment(NamedTuple):
    """An event that the clock brings.

    Attributes:
        at: The Unix second of the event.
        what: A key ``signs`` from then on or ``expires``, or the next key is ``due``.
        kid: The key; "" for a key that does not exist yet.
    """

    at: int
    what: Literal["signs", "expires", "due"]
    kid: str


class Check(NamedTuple):
    """A rule, checked with its numbers.

    Attributes:
        holds: Whether the rule holds.
        text: The rule with its numbers; if the rule is broken, also the fix.
    """

    holds: bool
    text: str


def upcoming(ring: KeyRing, now: float) -> tuple[Moment, ...]:
    """Return the future events of the ring after the Unix second `now`, the soonest first."""
    at = whole_seconds(now)
    alive = [key for key in ring if key.verifies(at)]
    moments = [
        Moment(key.nbf, "signs", key.kid)
        for key in alive
        if at < key.nbf and ring.active(key.nbf) is key
    ]
    moments += [Moment(key.exp, "expires", key.kid) for key in alive if key.exp is not None]
    if ring.can_mint and schedule_is_right(ring):
        moments.append(Moment(next_rotation(ring, at, ring.numbers), "due", ""))
    return tuple(sorted(moments))


def check(
    ring: KeyRing, now: float, *, refresh: int | None = None, idle_timeout: int | None = None
) -> tuple[Check, ...]:
    """Return the rules that a ring and its users must keep, each with its numbers.

    Args:
        ring: The ring of the document.
        now: Unix seconds.
        refresh: Seconds between two polls of the processes that follow the document.
        idle_timeout: The longest idle timeout or ttl of any codec, in seconds.
    """
    at = whole_seconds(now)
    if not any(key.can_mint for key in ring):
        return (Check(holds=True, text="a reader's ring: check its minter's document instead"),)
    checks = list(_signing(ring, at))
    try:
        schedule = ring.schedule
    except ConfigError as error:
        text = f"{error}: set it with `tokensession keys schedule`"
        return (*checks, Check(holds=False, text=text))
    if schedule is None:
        text = "no rotation config: set it with `tokensession keys schedule`"
        return (*checks, Check(holds=False, text=text))
    checks += _numbers(schedule, refresh, idle_timeout)
    checks += _grace(ring, at, schedule)
    checks += _due(ring, at, schedule)
    return tuple(checks)


def _signing(ring: KeyRing, at: int) -> Iterator[Check]:
    active = ring.active(at)
    if active is None:
        yield Check(
            holds=False, text="no key can sign: rotate now, which adds a key that signs at once"
        )
    else:
        yield Check(holds=True, text=f"key {active.kid!r} signs")


def _numbers(schedule: Schedule, refresh: int | None, idle_timeout: int | None) -> Iterator[Check]:
    yield Check(
        holds=True,
        text=f"period {in_units(schedule.period)} > propagation {in_units(schedule.propagation)}",
    )
    if refresh is not None:
        needed = refresh + schedule.leeway
        text = (
            f"propagation {in_units(schedule.propagation)} >= refresh {in_units(refresh)} + "
            f"{in_units(schedule.leeway)} between clocks"
        )
        if needed > schedule.propagation:
            text += f" = {in_units(needed)}: raise --propagation, and add the time of distribution"
        yield Check(holds=needed <= schedule.propagation, text=text)
    if idle_timeout is not None:
        lifetime = in_units(schedule.token_lifetime)
        text = f"idle timeout {in_units(idle_timeout)} <= token lifetime {lifetime}"
        fits = idle_timeout <= schedule.token_lifetime
        yield Check(holds=fits, text=text if fits else f"{text}: raise --token-lifetime")


def _grace(ring: KeyRing, at: int, schedule: Schedule) -> Iterator[Check]:
    for key, successor in pairwise(signers(ring, at)):
        if key.exp is None:
            continue
        needed = successor.nbf + schedule.grace
        text = (
            f"key {key.kid!r}: exp {in_utc(key.exp)} >= {in_utc(needed)} = nbf "
            f"{in_utc(successor.nbf)} of {successor.kid!r} + propagation "
            f"{in_units(schedule.propagation)} + token lifetime "
            f"{in_units(schedule.token_lifetime)} + leeway {in_units(schedule.leeway)}"
        )
        fits = key.exp >= needed
        yield Check(holds=fits, text=text if fits else f"{text}: rotate, which moves its exp")


def _due(ring: KeyRing, at: int, schedule: Schedule) -> Iterator[Check]:
    order = signers(ring, at)
    last = horizon(at, schedule)
    for key in order:
        if key.nbf > last:
            text = (
                f"key {key.kid!r}: nbf {in_utc(key.nbf)} <= {in_utc(last)}, a period away: a wrong "
                "clock dated it, so revoke it"
            )
            yield Check(holds=False, text=text)
    newest = max((key for key in order if key.nbf <= last), key=by_age, default=None)
    if newest is None:
        return
    if not newest.nbf:
        text = f"key {newest.kid!r} has no nbf, so its age is unknown: rotate once"
        yield Check(holds=False, text=text)
        return
    # A run can be late by one propagation delay before an operator must act.
    due = next_rotation(ring, at, schedule)
    fits = at <= due + schedule.propagation
    late = due + schedule.propagation
    text = f"now {in_utc(at)} <= {in_utc(late)}, the deadline for adding the next key"
    remedy = ": check that the scheduled `tokensession keys rotate` runs"
    yield Check(holds=fits, text=text if fits else text + remedy)
