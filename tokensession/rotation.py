"""Rotation: what a ring's next document must be (SPEC section 7). Pure: time is given.

`plan` may be called by anyone, as often as they like, under compare-and-swap: it does what is due
and nothing twice. Nothing has to be written at the moment of a switch, which follows from the
clock; a run that comes late makes a key stay longer, and never one sign too early.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from tokensession.errors import ConfigError
from tokensession.jwk import Key, generate_key
from tokensession.policy import whole_seconds
from tokensession.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokensession.keys import KeyRing

__all__ = ["Change", "Event", "Schedule", "find_faults", "next_rotation", "plan", "upcoming"]

Change = Literal["added", "retired", "extended", "removed", "cleared", "signs", "expires"]


class Event(NamedTuple):
    """Something that a plan did to a key, or that the clock will.

    Attributes:
        change: ``added`` (it signs from `at`), ``retired`` or ``extended`` (it verifies until
            `at`), ``removed`` (it had expired at `at`), ``cleared`` (the material of a revoked
            key is gone); of those to come, ``signs``, ``expires``, or ``added`` with no kid yet.
        kid: The key; "" for one that is not made yet.
        at: Unix second.
    """

    change: Change
    kid: str
    at: int


class _Maker(Protocol):
    def __call__(self, algorithm: str, *, nbf: int) -> Key: ...


def plan(
    ring: KeyRing, now: float, schedule: Schedule, *, make_key: _Maker = generate_key
) -> tuple[KeyRing, tuple[Event, ...]]:
    """Return the ring as it should be from now on, and what was changed; the same ring if nothing.

    1. Publish before use: the next key is added when the newest one's period ends within the
       propagation delay, and signs after that delay, however late this is. A ring in which no key
       can sign gets one that signs at once.
    2. Grace: a key whose successor signs gets an `exp`, when its last tokens have expired; an
       `exp` that would come before that is moved.
    3. What verifies nothing any more is removed; of a revoked key the tombstone stays. While the
       active key is older than two periods nothing is removed, since either the clock has jumped
       or nobody has rotated for long.

    Args:
        ring: The ring of the document as it is.
        now: Unix seconds.
        schedule: The rotation config.
        make_key: Makes the new key, for replays.

    Raises:
        ConfigError: A ring that reads only, or arguments of other types.
    """
    at = whole_seconds(now)
    if not isinstance(schedule, Schedule):
        raise ConfigError(f"schedule must be a Schedule, not {type(schedule).__name__}")
    candidates = _candidates(ring, at)
    if not candidates and any(key.verifies(at) for key in ring):
        raise ConfigError(
            "this ring only reads: rotate the document that its reader's ring was made from"
        )
    keys = {key.kid: key for key in ring}
    events: list[Event] = []
    added = _next_key(ring, candidates, at, schedule, make_key)
    if added is not None:
        keys[added.kid] = added
        events.append(Event("added", added.kid, added.nbf))
    _give_grace(keys, at, schedule, events)
    active = ring.active(at) or added
    _remove(keys, active, at, schedule, events)
    return (ring.with_keys(keys.values()), tuple(events)) if events else (ring, ())


def next_rotation(ring: KeyRing, now: float, schedule: Schedule) -> int:
    """Return the Unix second from which a plan adds the next key; one that is past is overdue."""
    at = whole_seconds(now)
    newest = _newest(_candidates(ring, at), at, schedule)
    return at if newest is None else _successor_due(newest, at, schedule) - schedule.propagation


def upcoming(ring: KeyRing, now: float, schedule: Schedule | None) -> tuple[Event, ...]:
    """Return what the clock will bring to a ring, the soonest first, and when a plan is due."""
    at = whole_seconds(now)
    events = [
        Event("signs", key.kid, key.nbf)
        for key in ring
        if at < key.nbf and key.verifies(at) and ring.active(key.nbf) is key
    ]
    events += [
        Event("expires", key.kid, key.exp)
        for key in ring
        if key.exp is not None and key.verifies(at)
    ]
    if schedule is not None and ring.can_mint:
        events.append(Event("added", "", next_rotation(ring, at, schedule)))
    return tuple(sorted(events, key=lambda event: (event.at, event.kid)))


def find_faults(ring: KeyRing, now: float) -> tuple[str, ...]:
    """Return what an operator must look at, in sentences with numbers; nothing when all is well.

    Args:
        ring: The ring of the document.
        now: Unix seconds.
    """
    at = whole_seconds(now)
    faults = []
    schedule = ring.schedule
    verifying = [key for key in ring if key.verifies(at)]
    reads_only = bool(verifying) and not any(key.can_mint for key in verifying)
    if reads_only:
        return ()
    if ring.active(at) is None:
        faults.append("no key can sign: rotate now, which adds one that signs at once")
    if schedule is None:
        faults.append('the document has no rotation config: set it with "keys schedule"')
        return tuple(faults)
    due = next_rotation(ring, at, schedule)
    # A run may be one propagation delay late without anybody having to look.
    if due + schedule.propagation < at:
        newest = max(_candidates(ring, at), key=_by_age, default=None)
        if newest is not None and newest.nbf:
            faults.append(
                f"the next key was due at {due}, {at - due} s ago: does the scheduled "
                "`tokensession keys rotate` run?"
            )
        elif newest is not None:
            faults.append("the key has no nbf, so its age is unknown: rotate once")
    horizon = _horizon(at, schedule)
    faults += [
        f"key {key.kid!r} has nbf {key.nbf}, more than a period away: a clock was wrong when it "
        "was added; revoke it"
        for key in verifying
        if key.nbf > horizon
    ]
    order = _candidates(ring, at)
    for key, successor in pairwise(order):
        needed = successor.nbf + schedule.grace
        if key.exp is not None and key.exp < needed:
            faults.append(
                f"key {key.kid!r} expires at {key.exp}, before the last of its tokens at {needed} "
                f"(nbf {successor.nbf} of {successor.kid!r} + token_lifetime "
                f"{schedule.token_lifetime} s + leeway {schedule.leeway} s): rotate, which moves it"
            )
    return tuple(faults)


def _by_age(key: Key) -> tuple[int, str]:
    return key.nbf, key.kid


def _candidates(keys: Iterable[Key], at: int) -> list[Key]:
    """Return the keys that may sign, in the order in which they do."""
    return sorted((key for key in keys if key.can_mint and key.verifies(at)), key=_by_age)


def _horizon(at: int, schedule: Schedule) -> int:
    """Return the last second for which a plan made now would date a key."""
    return at + schedule.period + schedule.propagation


def _newest(candidates: list[Key], at: int, schedule: Schedule) -> Key | None:
    """Return the last in order, but for those that a jumping clock has put out of reach."""
    within = [key for key in candidates if key.nbf <= _horizon(at, schedule)]
    return within[-1] if within else None


def _successor_due(newest: Key, at: int, schedule: Schedule) -> int:
    """Return the second at which the successor of a key should sign."""
    if schedule.algorithm not in (None, newest.algorithm):
        return min(at, newest.nbf + schedule.period)
    due = newest.nbf + schedule.period
    return due if newest.exp is None else min(due, newest.exp - schedule.grace)


def _next_key(
    ring: KeyRing, candidates: list[Key], at: int, schedule: Schedule, make_key: _Maker
) -> Key | None:
    newest = _newest(candidates, at, schedule)
    if newest is not None:
        due = _successor_due(newest, at, schedule)
        nbf = max(due, at + schedule.propagation, newest.nbf + 1)
        if due - schedule.propagation > at or nbf > _horizon(at, schedule):
            return None
    else:
        # Nobody can sign: at once. Or only keys of a distant future can: not before it spread.
        nbf = at + schedule.propagation if candidates else max(at, 0)
    last = max(ring, key=_by_age)
    algorithm = schedule.algorithm or (newest or last).algorithm
    key = make_key(algorithm, nbf=nbf)
    while key.kid in ring:
        key = make_key(algorithm, nbf=nbf)
    return key


def _give_grace(keys: dict[str, Key], at: int, schedule: Schedule, events: list[Event]) -> None:
    order = _candidates(keys.values(), at)
    for key, successor in pairwise(order):
        needed = successor.nbf + schedule.grace
        if key.exp is None and successor.nbf <= at:
            # From now on, if that is later: a run that is late may have had late signers.
            exp = max(successor.nbf, at) + schedule.grace
            events.append(Event("retired", key.kid, exp))
        elif key.exp is not None and key.exp < needed:
            exp = needed
            events.append(Event("extended", key.kid, exp))
        else:
            continue
        keys[key.kid] = key.with_members(exp=exp)


def _remove(
    keys: dict[str, Key], active: Key | None, at: int, schedule: Schedule, events: list[Event]
) -> None:
    trusted = active is not None and at - active.nbf <= 2 * schedule.period
    late = schedule.propagation + schedule.leeway  # other clocks may be behind this one
    for key in list(keys.values()):
        if key.revoked:
            if key.secret is not None or key.public_key is not None:
                keys[key.kid] = key.tombstone()
                events.append(Event("cleared", key.kid, at))
        elif trusted and key.exp is not None and key.exp + late <= at:
            del keys[key.kid]
            events.append(Event("removed", key.kid, key.exp))
