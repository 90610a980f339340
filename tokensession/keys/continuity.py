"""There is always a key that can sign, and its tokens live to their end (SPEC section 7). Pure."""

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
    """Makes a new key, as `generate_key` does."""

    def __call__(self, algorithm: str, *, nbf: int) -> Key:
        """Return a new key."""
        ...


def by_age(key: Key) -> tuple[int, str]:
    """Return what keys are sorted by: each takes over from the one before it."""
    return key.nbf, key.kid


def signers(keys: Iterable[Key], at: int) -> list[Key]:
    """Return the keys that may sign at or after the Unix second `at`, in the order of that."""
    return sorted((key for key in keys if key.can_mint and key.verifies(at)), key=by_age)


def horizon(at: int, schedule: Schedule) -> int:
    """Return the last Unix second for which a plan made at `at` would date a key."""
    return at + schedule.period + schedule.propagation


def within_reach(keys: Iterable[Key], at: int, schedule: Schedule) -> list[Key]:
    """Return the keys that may sign, but for those that a jumping clock has put out of reach."""
    order = signers(keys, at)
    # Where all are out of reach the first of them signs already, and one dated before it would too.
    return [key for key in order if key.nbf <= horizon(at, schedule)] or order[:1]


def check_minter(keys: Iterable[Key]) -> None:
    """Refuse the keys of a reader, which could never sign; whether they have expired is no matter.

    Raises:
        ConfigError: No key has its signing half.
    """
    if not any(key.can_mint for key in keys):
        raise ConfigError(
            "this ring only reads: change the document that the reader's was made from"
        )


def new_key(keys: Iterable[Key], make: Callable[[], Key]) -> Key:
    """Return a new key whose kid the keys do not have."""
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
    """Return the keys and a new last one, which signs after the propagation delay.

    It signs at once where no other key can.
    """
    soon = at + schedule.propagation
    for key in within_reach(keys, at, schedule):
        if key.nbf >= horizon(at, schedule):  # the new one is dated behind it, and within reach
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
    """Return the keys with one that can sign and has no end, and with ends that are late enough.

    Where each key that can sign has an end, one more is published. Where nothing changes, the
    function returns `keys`.
    """
    if not any(key.exp is None for key in within_reach(keys, at, schedule)):
        keys = publish(keys, at, schedule, algorithm=algorithm, make_key=make_key)
    return extend(keys, at, schedule)


def extend(keys: Keys, at: int, schedule: Schedule) -> Keys:
    """Return the keys, whose ends are moved behind the last tokens that they sign."""
    for key, successor in end_too_early(keys, at, schedule):
        keys = replace_key(keys, key.with_members(exp=successor.nbf + schedule.grace))
    return keys


def end_too_early(keys: Keys, at: int, schedule: Schedule) -> Iterator[tuple[Key, Key]]:
    """Yield each key that expires before its last tokens do, and the key that takes over."""
    for key, successor in pairwise(within_reach(keys, at, schedule)):
        if key.exp is not None and key.exp < successor.nbf + schedule.grace:
            yield key, successor


def replace_key(keys: Keys, changed: Key) -> Keys:
    """Return the keys with one that has other members."""
    return tuple(changed if key.kid == changed.kid else key for key in keys)
