"""Read tagged JSON, in which the vectors write states (vectors/README.md), and compare values."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def value(tagged: Any) -> Any:
    """Return the value of tagged JSON."""
    if isinstance(tagged, list):
        return [value(item) for item in tagged]
    if not isinstance(tagged, dict):
        return tagged
    if len(tagged) == 1:
        ((tag, content),) = tagged.items()
        if tag in _TAGS:
            return _TAGS[tag](content)
    return {key: value(item) for key, item in tagged.items()}


def _moment(seconds: int, nanoseconds: int) -> datetime:
    """Return a moment in UTC; one up to a day outside the years 1 to 9999 in another time zone."""
    for hours in (0, 23, -23):
        with suppress(OverflowError):
            zone = timezone(timedelta(hours=hours))
            local = timedelta(seconds=seconds + hours * 3600, microseconds=nanoseconds / 1000)
            return (_EPOCH + local).replace(tzinfo=zone)
    raise ValueError(f"a datetime cannot stand for the Unix second {seconds}")


_TAGS: Final[dict[str, Callable[[Any], Any]]] = {
    "$float": float,
    "$bin": bytes.fromhex,
    "$int": int,
    "$timestamp": lambda pair: _moment(*pair),
    "$utf16": lambda units: bytes.fromhex(units).decode("utf-16-be", "surrogatepass"),
    "$repeat": lambda pair: value(pair[0]) * pair[1],
    "$numbered": lambda count: dict.fromkeys([f"k{number:05}" for number in range(count)]),
    "$map": lambda pairs: {value(key): value(item) for key, item in pairs},
}


def compare(what: str, found: object, expected: object) -> str | None:
    """Return a complaint if two values differ, else None."""
    return None if found == expected else f"{what}: {found} is not {expected}"


def same(found: Any, expected: Any) -> bool:
    """Compare values and types; the sign of zero and bool against int count."""
    if type(found) is not type(expected):
        return False
    if isinstance(found, dict):
        return found.keys() == expected.keys() and all(same(found[k], expected[k]) for k in found)
    if isinstance(found, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(found, float):
        return found == expected and math.copysign(1, found) == math.copysign(1, expected)
    return bool(found == expected)
