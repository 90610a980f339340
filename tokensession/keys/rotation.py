"""Rotation: the next document of a ring (SPEC section 7). Pure: the caller passes the time.

Any process can call `plan` at any time, under compare-and-swap. It makes each change once, when it
is due. Switching keys needs no write, because the clock decides. A late run makes a key stay
longer, but never lets a key sign too early.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from tokensession.errors import ConfigError
from tokensession.format.seconds import whole_seconds
from tokensession.keys.continuity import (
    Maker,
    by_age,
    check_minter,
    horizon,
    keep_signing,
    new_key,
    signers,
    within_reach,
)
from tokensession.keys.jwk import Key, generate_key, revocation_at, tombstone
from tokensession.keys.key_set import check_ring
from tokensession.keys.schedule import Schedule, checked_schedule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokensession.keys.ring import KeyRing

__all__ = [
    "Change",
    "Event",
    "Schedule",
    "changed_keys",
    "next_rotation",
    "plan",
    "revoke_key",
    "schedule_is_right",
]

Change = Literal["added", "retired", "extended", "removed", "cleared", "revoked"]


class Event(NamedTuple):
    """A change of a key.

    Attributes:
        change: ``added`` (it signs from `at`), ``retired`` or ``extended`` (it verifies until
            `at`), ``removed`` (it expired at `at`), ``revoked``, or ``cleared`` (the material of a
            revoked key was deleted).
        kid: The key.
        at: Unix second.
    """

    change: Change
    kid: str
    at: int


def plan(
    ring: KeyRing, now: float, schedule: Schedule, *, make_key: Maker = generate_key
) -> tuple[KeyRing, tuple[Event, ...]]:
    """Return the ring as it must be from now on, and the changes; the same ring if none is due.

    1. Publish before use: the next key is added when the newest key's period ends within the
       propagation delay. It signs after that delay, even if the run is late. If no key can sign,
       the new key signs at once.
    2. Grace: when a key's successor signs, the key gets an `exp` after its last tokens. An `exp`
       that is too early is moved. One key that can sign has no `exp`.
    3. A key is removed once its `exp` has passed. A revoked key leaves a tombstone.

    While the active key is older than two periods, or dated in the future, no key gets an end and
    no key is removed. Either the clock has jumped, or no rotation has run for long. The plan
    repairs what a fast clock has left. A key dated out of reach may have signed, so it gets an end.
    An end out of reach is moved.

    Args:
        ring: The ring of the current document.
        now: Unix seconds.
        schedule: The rotation config.
        make_key: Makes the new key, for replays.

    Raises:
        ConfigError: The ring can only read, or an argument has the wrong type.
    """
    at = whole_seconds(now)
    checked_schedule(schedule)
    check_minter(check_ring("ring", ring))
    keys = {key.kid: key for key in ring}
    events: list[Event] = []
    added = _next_key(ring, at, schedule, make_key)
    if added is not None:
        keys[added.kid] = added
        events.append(Event("added", added.kid, added.nbf))
    active = ring.active(at) or added
    trusted = active is not None and 0 <= at - active.nbf <= 2 * schedule.period
    if trusted:
        _remove(keys, at, schedule, events)
        _pull_back(keys, at, schedule)
        _give_ends(keys, at, schedule, events)
    _keep_signing(keys, at, schedule, events, make_key=make_key)
    _clear(keys, at, events)
    return (ring.with_keys(keys.values()), tuple(events)) if events else (ring, ())


def next_rotation(ring: KeyRing, now: float, schedule: Schedule) -> int:
    """Return the Unix second from which a plan adds the next key; in the past, it is overdue."""
    at = whole_seconds(now)
    order = within_reach(check_ring("ring", ring), at, checked_schedule(schedule))
    if not order or not order[-1].nbf:  # a key of unknown age counts as old
        return at
    newest = order[-1]
    return _successor_due(newest, at, schedule) - schedule.propagation


def revoke_key(
    ring: KeyRing,
    kid: str,
    now: float,
    *,
    reason: str | None = None,
    activate_new_now: bool = False,
    unlisted: bool = False,
    make_key: Maker = generate_key,
) -> tuple[KeyRing, tuple[Event, ...]]:
    """Return the ring with a leaked key revoked, and all resulting changes.

    A key that can sign and has no end remains; if there is none, one is added. If the document has
    a rotation config, the changes of `plan` are made too. An invalid config does not prevent the
    revocation.

    Args:
        ring: The ring of the current document.
        kid: The key.
        now: Unix seconds.
        reason: A text for the record.
        activate_new_now: Add a key that signs at once even if others can sign. Processes without it
            refuse its tokens, and the first such token makes them reload. By default such a key is
            added only when no other key can sign.
        unlisted: Accept a kid that the ring does not list, also in a reader's ring. Its tombstone
            ends the sessions that were renewed from its tokens.
        make_key: Makes new keys, for replays.

    Raises:
        ConfigError: The kid is unknown, the ring can only read, or the reason is not a str.
    """
    at = whole_seconds(now)
    check_ring("ring", ring)
    if unlisted and kid not in ring:
        gone = tombstone(kid, revocation_at(at, reason))
        return ring.with_keys([*ring, gone]), (Event("revoked", kid, at),)
    if kid not in ring:
        raise ConfigError(
            f"the ring has no key {kid!r}, only {', '.join(key.kid for key in ring)}: to revoke "
            "a key that is no longer listed, pass --unlisted (in Python unlisted=True)"
        )
    algorithm: str = ring[kid].algorithm
    check_minter(ring)
    changed = ring.revoke(kid, reason=reason, now=at)
    events = [] if changed is ring else [Event("revoked", kid, at)]
    schedule = ring.numbers
    keys = {key.kid: key for key in changed}
    if activate_new_now or changed.active(at) is None:
        own = schedule.algorithm or algorithm
        key = new_key(changed, partial(make_key, own, nbf=max(at, 0)))
        keys[key.kid] = key
        events.append(Event("added", key.kid, key.nbf))
    _keep_signing(keys, at, schedule, events, algorithm=algorithm, make_key=make_key)
    if not events:
        return ring, ()
    changed = ring.with_keys(keys.values())
    if schedule_is_right(ring):
        planned, due = plan(changed, at, schedule, make_key=make_key)
        changed, events = ring.with_keys(planned), [*events, *due]
    return changed, tuple(events)


def schedule_is_right(ring: KeyRing) -> bool:
    """Tell whether the document has a valid rotation config."""
    try:
        return ring.schedule is not None
    except ConfigError:
        return False


def _successor_due(newest: Key, at: int, schedule: Schedule) -> int:
    """Return the Unix second at which the successor of a key is due to sign."""
    if schedule.algorithm not in (None, newest.algorithm):
        return min(at, newest.nbf + schedule.period)
    due = newest.nbf + schedule.period
    return due if newest.exp is None else min(due, newest.exp - schedule.grace)


def _next_key(ring: KeyRing, at: int, schedule: Schedule, make_key: Maker) -> Key | None:
    order = within_reach(ring, at, schedule)
    if order:
        due = _successor_due(order[-1], at, schedule)
        nbf = max(due, at + schedule.propagation, order[-1].nbf + 1)
        if due - schedule.propagation > at or nbf > horizon(at, schedule):
            return None
    else:
        nbf = max(at, 0)  # no key can sign: at once
    last = order[-1] if order else max(ring, key=by_age)
    return new_key(ring, partial(make_key, schedule.algorithm or last.algorithm, nbf=nbf))


def _out_of_reach(second: int, at: int, schedule: Schedule) -> bool:
    """Tell whether a plan with a correct clock could not have written this date."""
    return second > at + 3 * schedule.period + schedule.propagation + schedule.grace


def _give_ends(keys: dict[str, Key], at: int, schedule: Schedule, events: list[Event]) -> None:
    for key, successor in pairwise(signers(keys.values(), at)):
        endless = key.exp is None or _out_of_reach(key.exp, at, schedule)
        if endless and successor.nbf <= at:
            # Never before now: an end must not lie in the past of the key's own tokens.
            exp = max(successor.nbf, at) + schedule.grace
            events.append(Event("retired", key.kid, exp))
            keys[key.kid] = key.with_members(exp=exp)


def _pull_back(keys: dict[str, Key], at: int, schedule: Schedule) -> None:
    """Date out-of-reach keys as the oldest ones, so that they get an end."""
    for key in list(keys.values()):
        if key.can_mint and not key.revoked and _out_of_reach(key.nbf, at, schedule):
            keys[key.kid] = key.with_members(nbf=0)


def _keep_signing(
    keys: dict[str, Key],
    at: int,
    schedule: Schedule,
    events: list[Event],
    *,
    make_key: Maker,
    algorithm: str | None = None,
) -> None:
    former = tuple(keys.values())
    kept = keep_signing(former, at, schedule, algorithm=algorithm, make_key=make_key)
    keys.update({key.kid: key for key in kept})
    events += changed_keys(former, kept)


def changed_keys(former: Iterable[Key], keys: Iterable[Key]) -> tuple[Event, ...]:
    """Return the events between two states of the keys: added keys and changed ends."""
    before = {key.kid: key for key in former}
    events = [Event("added", key.kid, key.nbf) for key in keys if key.kid not in before]
    for key in keys:
        if key.kid in before and key.exp is not None and key.exp != before[key.kid].exp:
            change: Change = "retired" if before[key.kid].exp is None else "extended"
            events.append(Event(change, key.kid, key.exp))
    return tuple(events)


def _remove(keys: dict[str, Key], at: int, schedule: Schedule, events: list[Event]) -> None:
    late = schedule.propagation + schedule.leeway  # other clocks may be behind this one
    for key in list(keys.values()):
        if key.exp is not None and key.exp + late <= at and not key.revoked:
            del keys[key.kid]
            events.append(Event("removed", key.kid, key.exp))


def _clear(keys: dict[str, Key], at: int, events: list[Event]) -> None:
    for key in list(keys.values()):
        if key.revoked and (key.secret is not None or key.public_key is not None):
            keys[key.kid] = key.tombstone()
            events.append(Event("cleared", key.kid, at))
