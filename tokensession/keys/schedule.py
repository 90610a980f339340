"""The rotation config of a ring's document: how often keys rotate (SPEC section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast, get_args

from tokensession.errors import ConfigError
from tokensession.format.claims import MAX_SECONDS
from tokensession.format.seconds import MAX_LEEWAY, check_seconds, duration
from tokensession.keys.jwk import Algorithm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensession.format.seconds import Duration

DEFAULT_PERIOD: Final = 90 * 86400
# Refresh interval + distribution + the largest difference between two clocks.
DEFAULT_PROPAGATION: Final = 900
DEFAULT_LEEWAY: Final = 60  # the default leeway of a policy
DEFAULT_LIFETIME: Final = 1800  # the idle timeout of the default policy


@dataclass(frozen=True, slots=True, init=False)
class Schedule:
    """When a ring changes its keys.

    Durations are seconds or a timedelta; the attributes are seconds.

    Args:
        token_lifetime: The longest ttl that any codec mints, in seconds. A superseded key verifies
            for this time.
        period: Seconds for which a key signs.
        propagation: Seconds until every process has a new document: the sum of refresh interval,
            distribution and the largest difference between two clocks.
        algorithm: The algorithm of new keys; None for that of the newest key.
        leeway: The greatest leeway of any policy, in seconds, by which clocks can differ.

    Raises:
        ConfigError: A duration is out of range, the period is not longer than the propagation
            delay, or the algorithm is unknown.
    """

    token_lifetime: int
    period: int
    propagation: int
    algorithm: str | None
    leeway: int

    def __init__(
        self,
        *,
        token_lifetime: Duration,
        period: Duration = DEFAULT_PERIOD,
        propagation: Duration = DEFAULT_PROPAGATION,
        algorithm: str | None = None,
        leeway: Duration = DEFAULT_LEEWAY,
    ) -> None:
        for name, given, least, most in (
            ("token_lifetime", token_lifetime, 1, MAX_SECONDS),
            ("period", period, 1, MAX_SECONDS),
            ("propagation", propagation, 1, MAX_SECONDS),
            ("leeway", leeway, 0, MAX_LEEWAY),
        ):
            what = f'"{name}" of the rotation config'
            object.__setattr__(self, name, duration(what, given, least=least, most=most))
        object.__setattr__(self, "algorithm", algorithm)
        if self.period <= self.propagation:
            raise ConfigError(
                f"the period ({self.period} s) must be longer than the propagation delay "
                f"({self.propagation} s): raise the period, or lower the propagation delay"
            )
        if self.algorithm is not None and self.algorithm not in get_args(Algorithm):
            raise ConfigError(
                f'"algorithm" of the rotation config must be {", ".join(get_args(Algorithm))}'
            )

    @property
    def grace(self) -> int:
        """Seconds from its successor's nbf for which a key must still verify.

        The nbf stands for the publication, which is never later. A process that does not know the
        successor still signs with the key until then.
        """
        return self.propagation + self.token_lifetime + self.leeway

    def to_member(self) -> dict[str, Any]:
        """Return the config as the document's member ``rotation``."""
        members: dict[str, Any] = {
            "period": self.period,
            "propagation": self.propagation,
            "token_lifetime": self.token_lifetime,
        }
        if self.algorithm is not None:
            members["algorithm"] = self.algorithm
        if self.leeway != DEFAULT_LEEWAY:
            members["leeway"] = self.leeway
        return members


def checked_schedule(schedule: object) -> Schedule:
    """Return a rotation config; raise ConfigError if it is another object."""
    if not isinstance(schedule, Schedule):
        raise ConfigError(f"schedule must be a Schedule, not {type(schedule).__name__}")
    return schedule


def token_lifetime(members: Mapping[str, Any]) -> int | None:
    """Return the longest ttl in seconds that the rotation config allows, or None.

    A reader must understand only this part of the config. The rest is checked where it is used.
    """
    lifetime = _config(members).get("token_lifetime")
    if lifetime is None:
        return None
    check_seconds('"token_lifetime" of the rotation config', lifetime)
    return int(lifetime)


def parse_schedule(members: Mapping[str, Any]) -> Schedule | None:
    """Return the rotation config among a document's members, or None.

    Unknown members are ignored. All members except ``token_lifetime`` have defaults.
    """
    config = _config(members)
    known = {
        name: config[name]
        for name in Schedule.__slots__
        if name in config and config[name] is not None
    }
    if not known:
        return None
    if "token_lifetime" not in known:
        raise ConfigError(
            'the member "rotation" lacks "token_lifetime": set it to the longest ttl in seconds '
            "that any codec mints"
        )
    return Schedule(**known)


def schedule_for_revoking(members: Mapping[str, Any]) -> Schedule:
    """Return the rotation config, with defaults for invalid or missing members.

    In an emergency, an invalid config must not prevent the revocation of a key.
    """
    try:
        schedule = parse_schedule(members)
    except ConfigError:
        schedule = None
    return schedule or Schedule(token_lifetime=token_lifetime(members) or DEFAULT_LIFETIME)


def _config(members: Mapping[str, Any]) -> dict[str, Any]:
    rotation: object = members.get("rotation")
    if rotation is None:
        return {}
    if not isinstance(rotation, dict):
        raise ConfigError('the member "rotation" must be an object')
    return cast("dict[str, Any]", rotation)
