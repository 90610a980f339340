"""Rotation: what a ring's next document must be (SPEC section 7). Pure: time is given.

`plan` may be called by anyone, as often as they like, under compare-and-swap: it does what is due
and nothing twice. Nothing has to be written at the moment of a switch, which follows from the
clock; a run that comes late makes a key stay longer, and never one sign too early.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

from tokensession.errors import ConfigError
from tokensession.format.seconds import whole_seconds
from tokensession.keys.jwk import Key, generate_key
from tokensession.keys.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokensession.keys.ring import KeyRing

__all__ = ["Change", "Event", "Schedule", "next_rotation", "plan", "revoke_key", "signers"]

Change = Literal["added", "retired", "extended", "removed", "cleared", "revoked"]

_READS_ONLY: Final = "this ring only reads: change the document that the reader's was made from"


class Event(NamedTuple):
    """Something that was done to a key.

    Attributes:
        change: ``added`` (it signs from `at`), ``retired`` or ``extended`` (it verifies until
            `at`), ``removed`` (it had expired at `at`, or `at` was a date out of reach),
            ``revoked``, or ``cleared`` (the material of a revoked key is gone).
        kid: The key.
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
    3. What verifies nothing any more is removed; of a revoked key the tombstone stays.

    While the active key is older than two periods, or younger than it can be, nothing gets an end
    and nothing is removed: either the clock has jumped, or no rotation has run for long. What a
    clock years ahead has left behind is put right: a key dated out of reach has signed nothing and
    goes, and an end out of reach is moved.

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
    candidates = signers(ring, at)
    if not candidates and any(key.verifies(at) for key in ring):
        raise ConfigError(_READS_ONLY)
    keys = {key.kid: key for key in ring}
    events: list[Event] = []
    added = _next_key(ring, candidates, at, schedule, make_key)
    if added is not None:
        keys[added.kid] = added
        events.append(Event("added", added.kid, added.nbf))
    active = ring.active(at) or added
    trusted = active is not None and 0 <= at - active.nbf <= 2 * schedule.period
    if trusted:
        _remove(keys, at, schedule, events)
    _give_grace(keys, at, schedule, events, trusted=trusted)
    _clear(keys, at, events)
    return (ring.with_keys(keys.values()), tuple(events)) if events else (ring, ())


def next_rotation(ring: KeyRing, now: float, schedule: Schedule) -> int:
    """Return the Unix second from which a plan adds the next key; one that is past is overdue."""
    at = whole_seconds(now)
    newest = _newest(signers(ring, at), at, schedule)
    if newest is None or not newest.nbf:  # a key of unknown age counts as old
        return at
    return _successor_due(newest, at, schedule) - schedule.propagation


def revoke_key(
    ring: KeyRing,
    kid: str,
    now: float,
    *,
    reason: str | None = None,
    activate_new_now: bool = False,
    make_key: _Maker = generate_key,
) -> tuple[KeyRing, tuple[Event, ...]]:
    """Return the ring in which a key that leaked is revoked, and what else that made necessary.

    Where the document has a rotation config, what is due by `plan` is done in the same step: the
    key that takes over may have been about to expire.

    Args:
        ring: The ring of the document as it is.
        kid: The key.
        now: Unix seconds.
        reason: Words for the record.
        activate_new_now: Add a key that signs at once even if others can sign. Processes that do
            not have it yet refuse its tokens until they reload, which the first of them brings
            about. Without it, that happens only when no other key can sign.
        make_key: Makes new keys, for replays.

    Raises:
        ConfigError: No such kid, or a ring that reads only.
    """
    at = whole_seconds(now)
    algorithm: str = ring[kid].algorithm
    if not ring.can_mint and any(key.verifies(at) for key in ring):
        raise ConfigError(_READS_ONLY)
    changed = ring.revoke(kid, reason=reason, now=at)
    events = [] if changed is ring else [Event("revoked", kid, at)]
    schedule = ring.schedule
    if activate_new_now or changed.active(at) is None:
        if schedule is not None and schedule.algorithm is not None:
            algorithm = schedule.algorithm
        key = _make(ring, make_key, algorithm, nbf=max(at, 0))
        changed = changed.with_keys([*changed, key])
        events.append(Event("added", key.kid, key.nbf))
    if schedule is not None:
        changed, due = plan(changed, at, schedule, make_key=make_key)
        events += due
    return (ring.with_keys(changed), tuple(events)) if events else (ring, ())


def by_age(key: Key) -> tuple[int, str]:
    return key.nbf, key.kid


def signers(keys: Iterable[Key], at: int) -> list[Key]:
    """Return the keys that may sign at or after the Unix second `at`, in the order of that."""
    return sorted((key for key in keys if key.can_mint and key.verifies(at)), key=by_age)


def horizon(at: int, schedule: Schedule) -> int:
    """Return the last Unix second for which a plan made at `at` would date a key."""
    return at + schedule.period + schedule.propagation


def _newest(candidates: list[Key], at: int, schedule: Schedule) -> Key | None:
    """Return the last in order, but for those that a jumping clock has put out of reach."""
    # Where all are out of reach the first of them signs already, and one dated before it would too.
    within = [key for key in candidates if key.nbf <= horizon(at, schedule)] or candidates[:1]
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
        if due - schedule.propagation > at or nbf > horizon(at, schedule):
            return None
    else:
        nbf = max(at, 0)  # nobody can sign: at once
    last = max(ring, key=by_age)
    algorithm = schedule.algorithm or (newest or last).algorithm
    return _make(ring, make_key, algorithm, nbf=nbf)


def _make(ring: KeyRing, make_key: _Maker, algorithm: str, *, nbf: int) -> Key:
    key = make_key(algorithm, nbf=nbf)
    while key.kid in ring:
        key = make_key(algorithm, nbf=nbf)
    return key


def _out_of_reach(second: int, at: int, schedule: Schedule) -> bool:
    """Tell whether no plan with a clock that is right would have written this date."""
    return second > at + 3 * schedule.period + schedule.propagation + schedule.grace


def _give_grace(
    keys: dict[str, Key], at: int, schedule: Schedule, events: list[Event], *, trusted: bool
) -> None:
    order = signers(keys.values(), at)
    for key, successor in pairwise(order):
        needed = successor.nbf + schedule.grace
        endless = key.exp is None or _out_of_reach(key.exp, at, schedule)
        if endless and successor.nbf <= at and trusted:
            # From now on, if that is later, and longer by the delay: who has not heard of a
            # successor that signs at once (after an emergency) goes on signing for so long.
            exp = max(successor.nbf, at) + schedule.propagation + schedule.grace
            events.append(Event("retired", key.kid, exp))
        elif key.exp is not None and key.exp < needed:
            exp = needed
            events.append(Event("extended", key.kid, exp))
        else:
            continue
        keys[key.kid] = key.with_members(exp=exp)


def _remove(keys: dict[str, Key], at: int, schedule: Schedule, events: list[Event]) -> None:
    late = schedule.propagation + schedule.leeway  # other clocks may be behind this one
    for key in list(keys.values()):
        if key.revoked:
            continue
        if key.exp is not None and key.exp + late <= at:
            del keys[key.kid]
            events.append(Event("removed", key.kid, key.exp))
        elif key.can_mint and _out_of_reach(key.nbf, at, schedule):
            del keys[key.kid]
            events.append(Event("removed", key.kid, key.nbf))


def _clear(keys: dict[str, Key], at: int, events: list[Event]) -> None:
    for key in list(keys.values()):
        if key.revoked and (key.secret is not None or key.public_key is not None):
            keys[key.kid] = key.tombstone()
            events.append(Event("cleared", key.kid, at))
