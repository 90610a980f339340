"""The changes of a key ring, and the rules between its keys (SPEC section 7). Pure.

Each function takes the keys of a ring and returns those of the next ring, or raises ConfigError.
`KeyRing` numbers the rings and documents the arguments.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tokensession.errors import ConfigError
from tokensession.format.seconds import duration
from tokensession.keys.continuity import (
    Keys,
    by_age,
    check_minter,
    end_too_early,
    extend,
    horizon,
    new_key,
    publish,
    replace_key,
    within_reach,
)
from tokensession.keys.jwk import Key, generate_key, revocation_at, tombstone
from tokensession.keys.signer import signer_of

if TYPE_CHECKING:
    from tokensession.format.seconds import Duration
    from tokensession.keys.schedule import Schedule


def add(
    keys: Keys, algorithm: str | Key, *, nbf: int | None, propagation: Duration, now: int
) -> Keys:
    """Return the keys with one more key: publish before use."""
    propagation = duration("propagation", propagation, least=0)
    # The only key need not wait: no process can sign without it.
    alone = signer_of(keys, now) is None
    if isinstance(algorithm, Key):
        key = algorithm if nbf is None else algorithm.with_members(nbf=nbf)
    else:
        if nbf is None and not alone:
            nbf = now + propagation
        key = new_key(keys, partial(generate_key, algorithm, nbf=nbf))
    if any(key.kid == other.kid for other in keys):
        raise ConfigError(f"the ring already has a key {key.kid!r}: choose a new kid")
    if key.can_mint and not key.revoked and not alone and key.nbf < now + propagation:
        raise ConfigError(
            f"key {key.kid!r} would sign from {key.nbf}, before {now + propagation} (now {now} + "
            f"propagation {propagation} s), so processes without it would refuse its tokens: pass "
            f"nbf={now + propagation} or later"
        )
    return (*keys, key)


def retire(keys: Keys, key: Key, schedule: Schedule, *, now: int) -> Keys:
    """Return the keys with an end for `key`, when its last tokens have expired.

    If no other key without an end can sign after it, a new key is published.
    """
    if not key.verifies(now):
        state = "revoked" if key.revoked else f"expired since {key.exp}"
        raise ConfigError(f"key {key.kid!r} is already {state}, so it cannot be retired")
    check_minter(keys)
    if key.nbf >= horizon(now, schedule):  # as in `publish`: its end must come after its nbf
        key = key.with_members(nbf=now + schedule.propagation)
        keys = replace_key(keys, key)
    others = within_reach((other for other in keys if other is not key), now, schedule)
    lasts = any(other.exp is None for other in others)
    if not lasts or _successor(keys, key, schedule, now) is None:
        keys = publish(keys, now, schedule)
    successor = _successor(keys, key, schedule, now)
    exp = (now if successor is None else max(now, successor.nbf)) + schedule.grace
    if key.exp is None or key.exp > exp:
        keys = replace_key(keys, key.with_members(exp=exp))
    return extend(keys, now, schedule)


def revoke(keys: Keys, key: Key, *, reason: str | None, now: int) -> Keys:
    """Return the keys with one revoked, or `keys` itself if it was revoked before."""
    revoked = revocation_at(now, reason)
    return keys if key.revoked else replace_key(keys, key.with_members(revoked=revoked))


def revoke_like(keys: Keys, others: Keys) -> Keys:
    """Return the keys, and revoke those that another document of the ring revokes.

    The keys keep their material, because the other document can hold other material under the same
    kid. An unlisted kid gets a tombstone. If nothing changes, the function returns `keys`.
    """
    revoked = {key.kid: key for key in others if key.revoked}
    listed = {key.kid for key in keys}
    if not revoked.keys() - {key.kid for key in keys if key.revoked}:
        return keys
    changed = [
        key.with_members(revoked=_believed(revoked[key.kid]))
        if key.kid in revoked and not key.revoked
        else key
        for key in keys
    ]
    changed += [tombstone(kid, _believed(revoked[kid])) for kid in revoked if kid not in listed]
    return tuple(changed)


def _believed(key: Key) -> dict[str, object]:
    """Return why and when a key was revoked, without digests, which could match a key in use."""
    return {name: item for name, item in key.revocation.items() if name != "used"}


def check_grace(keys: Keys, schedule: Schedule, *, now: int) -> None:
    """Refuse a key that expires before its last tokens."""
    for key, successor in end_too_early(keys, now, schedule):
        needed = successor.nbf + schedule.grace
        raise ConfigError(
            f"key {key.kid!r} expires at {key.exp}, but its last tokens live until {needed} (nbf "
            f"{successor.nbf} of {successor.kid!r} + propagation {schedule.propagation} s + "
            f"lifetime {schedule.token_lifetime} s + leeway {schedule.leeway} s): set its exp to "
            f"{needed} or later, or shorten the idle timeout"
        )


def _successor(keys: Keys, key: Key, schedule: Schedule, now: int) -> Key | None:
    """Return the key that takes over from `key`, or None."""
    order = within_reach(keys, now, schedule)
    return next((other for other in order if by_age(other) > by_age(key)), None)
