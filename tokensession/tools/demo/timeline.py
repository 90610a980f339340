"""The states of a ring's keys over a stretch of time, as the clock gives them. Pure."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from tokensession.keys.jwk import Key
    from tokensession.keys.ring import KeyRing
    from tokensession.keys.signer import State

STATES: Final = {
    "pending": "is read, and signs from a known second on",
    "active": "signs new tokens",
    "retiring": "is read until its last tokens have ended",
    "expired": "is refused: its time is over",
    "revoked": "is refused: somebody ended it",
}
"""The states of a key, in the order of its life."""


class Stretch(NamedTuple):
    """The seconds from `start` to before `end`, in which a key keeps one state."""

    state: State
    start: int
    end: int


def stretches(ring: KeyRing, start: int, end: int) -> dict[str, list[Stretch]]:
    """Return what each key of the ring is from the Unix second `start` to before `end`.

    For seconds to come these are the states of `KeyRing.states`. For those that are past the ring
    still tells when a key began, expired or was revoked; where it begins before its first signing,
    that is by the propagation delay of the rotation config.
    """
    revocations = {key.kid: revoked_at(key) for key in ring}
    made = {key.kid: _made(ring, key, revocations) for key in ring}
    edges: set[int] = {start, end, *made.values()}
    for key in ring:
        edges |= {edge for edge in (key.nbf, key.exp, revocations[key.kid]) if edge is not None}
    found: dict[str, list[Stretch]] = {key.kid: [] for key in ring}
    for left, right in pairwise(sorted(edge for edge in edges if start <= edge <= end)):
        signing = _signing(ring, left, revocations)
        for key in ring:
            if left < made[key.kid]:
                continue
            state = _state(key, left, revocations, signs=key is signing)
            row = found[key.kid]
            if row and row[-1].state == state:
                row[-1] = row[-1]._replace(end=right)
            else:
                row.append(Stretch(state, left, right))
    return found


def next_change(ring: KeyRing, now: int) -> int | None:
    """Return the next Unix second at which the state of a key changes by itself, or None."""
    edges = {edge for key in ring for edge in (key.nbf, key.exp) if edge is not None and edge > now}
    present = ring.states(now)
    return next((edge for edge in sorted(edges) if ring.states(edge) != present), None)


def revoked_at(key: Key) -> int | None:
    """Return the Unix second at which a key was revoked, or None; 0 where the ring has no date."""
    if not key.revoked:
        return None
    note = key.to_jwks(private=True)[0]["revoked"]
    at = note.get("revoked_at") if isinstance(note, dict) else None
    return at if isinstance(at, int) else 0


def _made(ring: KeyRing, key: Key, revocations: dict[str, int | None]) -> int:
    """Return when a key was published, as far as the ring tells."""
    first = min(other.nbf for other in ring)
    # After an emergency a key signs from the very second in which it is made.
    at_once = key.nbf == first or key.nbf in revocations.values() or ring.schedule is None
    delay = 0 if at_once or ring.schedule is None else ring.schedule.propagation
    published = max(first, key.nbf - delay)
    revoked = revocations[key.kid]
    return published if revoked is None else min(published, revoked)


def _verifies(key: Key, at: int, revocations: dict[str, int | None]) -> bool:
    revoked = revocations[key.kid]
    return (key.exp is None or at < key.exp) and (revoked is None or at < revoked)


def _signing(ring: KeyRing, at: int, revocations: dict[str, int | None]) -> Key | None:
    able = [key for key in ring if _verifies(key, at, revocations)]
    first = min((key.nbf for key in able), default=0)
    due = [key for key in able if key.nbf <= max(at, first)]
    return max(due, key=lambda key: (key.nbf, key.kid), default=None)


def _state(key: Key, at: int, revocations: dict[str, int | None], *, signs: bool) -> State:
    revoked = revocations[key.kid]
    if revoked is not None and at >= revoked:
        return "revoked"
    if not _verifies(key, at, revocations):
        return "expired"
    if signs:
        return "active"
    return "pending" if at < key.nbf else "retiring"
