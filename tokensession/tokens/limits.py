"""The limits of a codec, and checks that its policy fits its ring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokensession.errors import ConfigError, SessionTooLarge
from tokensession.format.claims import MAX_SIGNERS
from tokensession.format.seconds import whole_seconds
from tokensession.observer import tell

if TYPE_CHECKING:
    from tokensession.keys.ring import KeyRing
    from tokensession.keys.schedule import Schedule
    from tokensession.observer import Observer
    from tokensession.sessions.policy import Policy

MAX_TOKEN: Final = 8192  # characters
MIN_PAYLOAD: Final = 38  # version 1, salt 8, nonce 12, one byte of claims, tag 16
MAX_PADDING: Final = 256  # a pad has up to 255 zeros
CACHED_CIPHERS: Final = 1024  # about 1 kB each
TOO_LARGE: Final = "keep less in the state, or pass overflow=stores.connect(url).overflow()"


def checked_padding(padding: int) -> int:
    """Return a valid padding.

    Raises:
        ConfigError: The padding is not a number of bytes, or is out of range.
    """
    if isinstance(padding, bool) or not isinstance(padding, int):
        raise ConfigError(f"padding must be a number of bytes, not {type(padding).__name__}")
    if padding and not 2 <= padding <= MAX_PADDING:  # noqa: PLR2004
        raise ConfigError(f"padding must be 0 or from 2 to {MAX_PADDING} bytes, not {padding}")
    return padding


def check_room(size: int, room: int) -> None:
    """Refuse a token that is too large even where its state is elsewhere.

    Raises:
        SessionTooLarge: Its subject takes the room.
    """
    if size > room:
        raise SessionTooLarge(
            f"the token has {size} characters without its state, and {room} fit: shorten the "
            "subject",
            size=size,
            limit=room,
        )


def meet_ring(
    ring: KeyRing, *, policy: Policy, observer: Observer | None, first_serial: int
) -> None:
    """Report a ring that a watcher has loaded, and check that the policy fits it."""
    if observer is not None and ring.serial != first_serial:
        tell(observer.ring_reloaded, ring.serial)
    check_lifetimes(ring, policy)


def check_lifetimes(ring: KeyRing, policy: Policy) -> None:
    """Check that the tokens of a policy do not outlive the ring's keys (SPEC section 7).

    Raises:
        ConfigError: They would outlive the keys.
    """
    if ring.can_mint:
        check_ttl("idle_timeout", policy.idle_timeout, ring)
        _check_signers(policy, ring)
        _check_leeway(policy.leeway, ring)
        ring.check_grace(policy.idle_timeout, leeway=policy.leeway, now=whole_seconds(None))


def check_ttl(name: str, seconds: int, ring: KeyRing) -> None:
    """Check a token's life against the ring's rotation config.

    Raises:
        ConfigError: It exceeds the token_lifetime, after which keys are removed.
    """
    lifetime = ring.token_lifetime
    if lifetime is not None and seconds > lifetime:
        raise ConfigError(
            f"{name} ({seconds} s) exceeds the token_lifetime ({lifetime} s) of the ring's "
            "rotation config, after which keys are removed: lower it, or raise token_lifetime"
        )


def _check_signers(policy: Policy, ring: KeyRing) -> None:
    """Check the longest life of a session against the rotation of its signing keys."""
    schedule, longest = _schedule(ring), policy.longest_cap
    # A session can start just before a rotation, so it meets one key more than it has periods.
    most = (MAX_SIGNERS - 1) * (0 if schedule is None else schedule.period)
    if most and longest is not None and longest > most:
        name = "absolute_timeout" if policy.longest is None else "longest"
        raise ConfigError(
            f"{name} ({longest} s) exceeds {MAX_SIGNERS - 1} rotation periods ({most} s) of the "
            f"ring, but a token names at most {MAX_SIGNERS} other signing keys: lower {name}, or "
            "raise the period"
        )


def _check_leeway(leeway: int, ring: KeyRing) -> None:
    schedule = _schedule(ring)
    if schedule is not None and leeway > schedule.leeway:
        raise ConfigError(
            f"the policy's leeway ({leeway} s) exceeds that of the ring's rotation config "
            f"({schedule.leeway} s), after which keys are removed: lower it, or set "
            f'"leeway": {leeway} in the rotation config'
        )


def _schedule(ring: KeyRing) -> Schedule | None:
    """Return the rotation config, or None if it is missing or invalid (rotation reports that)."""
    try:
        return ring.schedule
    except ConfigError:
        return None
