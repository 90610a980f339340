"""A ring can always sign, and its tokens live to their end (SPEC section 7). Pure."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from tokensession.errors import ConfigError
from tokensession.keys.jwk import Key, generate_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tokensession.keys.schedule import Schedule

Keys = tuple[Key, ...]


class Maker(Protocol):
    """Create a new key, as `generate_key` does."""

    def __call__(self, algorithm: str, *, nbf: int) -> Key:
        """Return a new key."""
        ...


def by_age(key: Key) -> tuple[int, str]:
    """Return the sort key of a key: each key takes over from the one before it."""
    return key.nbf, key.kid


def signers(keys: Iterable[Key], at: int) -> list[Key]:
    """Return the keys that can sign at or after the Unix second `at`, in that order."""
    return sorted((key for key in keys if key.can_mint and key.verifies(at)), key=by_age)


def horizon(at: int, schedule: Schedule) -> int:
    """Return the latest nbf, in Unix seconds, that a plan at `at` would give a key."""
    return at + schedule.period + schedule.propagation


def within_reach(keys: Iterable[Key], at: int, schedule: Schedule) -> list[Key]:
    """Return the keys that can sign, without those that a jumping clock dated out of reach."""
    order = signers(keys, at)
    reached = [key for key in order if key.nbf <= horizon(at, schedule)]
    # If all are out of reach, the first one signs already, and so would a new one dated before it.
    return reached or [key for key in order if key.nbf == order[0].nbf][-1:]  # SPEC 7: ties


def check_minter(keys: Iterable[Key]) -> None:
    """Refuse a reader's keys, which can never sign. Expired keys are accepted.

    Raises:
        ConfigError: The keys have no signing half.
    """
    if not any(key.can_mint for key in keys):
        raise ConfigError(
            "this ring can only read: change the document that the reader's ring was made from"
        )


def new_key(keys: Iterable[Key], make: Callable[[], Key]) -> Key:
    """Return a new key with an unused kid."""
    kids = {key.kid for key in keys}
    key = make()
    while key.kid in kids:
        key = make()
    return key


def publish(
    keys: Keys,
    at: int,
    schedule: Schedule,
    *,
    algorithm: str | None = None,
    make_key: Maker = generate_key,
) -> Keys:
    """Return the keys with a new last key, which signs after the propagation delay.

    If no other key can sign, the new key signs at once.
    """
    soon = at + schedule.propagation
    for key in within_reach(keys, at, schedule):
        if key.nbf >= horizon(at, schedule):  # dated before the new key, and within reach
            keys = replace_key(keys, key.with_members(nbf=soon))
    order = within_reach(keys, at, schedule)
    nbf = max(soon, order[-1].nbf + 1) if order else max(at, 0)
    algorithm = schedule.algorithm or algorithm or max(order or keys, key=by_age).algorithm
    return (*keys, new_key(keys, partial(make_key, algorithm, nbf=nbf)))


def keep_signing(
    keys: Keys,
    at: int,
    schedule: Schedule,
    *,
    algorithm: str | None = None,
    make_key: Maker = generate_key,
) -> Keys:
    """Return the keys, one of which can sign and has no end; the other ends are late enough.

    If each key that can sign has an end, a new key is published. If nothing changes, the function
    returns `keys`.
    """
    if not any(key.exp is None for key in within_reach(keys, at, schedule)):
        keys = publish(keys, at, schedule, algorithm=algorithm, make_key=make_key)
    return extend(keys, at, schedule)


def extend(keys: Keys, at: int, schedule: Schedule) -> Keys:
    """Return the keys, each of which expires after its last tokens."""
    for key, successor in end_too_early(keys, at, schedule):
        keys = replace_key(keys, key.with_members(exp=successor.nbf + schedule.grace))
    return keys


def end_too_early(keys: Keys, at: int, schedule: Schedule) -> Iterator[tuple[Key, Key]]:
    """Yield each key that expires before its last tokens, and the key that takes over."""
    for key, successor in pairwise(within_reach(keys, at, schedule)):
        if key.exp is not None and key.exp < successor.nbf + schedule.grace:
            yield key, successor


def replace_key(keys: Keys, changed: Key) -> Keys:
    """Return the keys with one replaced by a version with other members."""
    return tuple(changed if key.kid == changed.kid else key for key in keys)
