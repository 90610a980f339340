"""States as JSON: what a person writes, and the tagged JSON that shows what JSON lacks.

null, booleans, numbers, strings, arrays and objects stand for themselves. The rest is an object of
one member, as in the test vectors::

    {"$bin": "00ff"}               bytes, in hex
    {"$timestamp": [s, ns]}        an instant: Unix seconds, and nanoseconds from 0 to 999999999
    {"$float": "inf"}              inf, -inf or nan
    {"$int": "9007199254740992"}   an integer beyond 2**53 - 1, from another writer
    {"$ext": [code, "00ff"]}       an extension type, from another writer
    {"$map": [[key, value], ...]}  a map with a key that is no string, or that begins with $

Tags are written only: a state that is read as JSON is taken as it stands.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any

from tokensession.format.core_values import MAX_INT
from tokensession.tools.cli.streams import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def parse_state(text: bytes) -> Any:
    """Return the state that JSON text describes."""
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"the state is not UTF-8 (at byte {error.start})") from None
    try:
        return json.loads(
            decoded,
            object_pairs_hook=_unique_members,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except InputError:
        raise
    except json.JSONDecodeError as error:
        # Its text names positions only; the error itself holds the state, so it is not chained.
        raise InputError(f"the state is not JSON: {error}") from None
    except RecursionError:
        raise InputError("the state is nested too deep") from None
    except ValueError:
        raise InputError("the state has an integer of too many digits; store it as str") from None


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"the state names the member {json.dumps(twice)} twice in one object")
    return members


def _no_constant(name: str) -> Any:
    raise InputError(f"the state has {name}, which is not JSON; use null")


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise InputError("the state has a number beyond the range of float64; store it as str")
    return number


def tagged(value: object) -> Any:
    """Return a state as values that JSON has, with tags for the rest."""
    write = _WRITERS.get(type(value))
    if write is not None:
        return write(value)
    if value is None or isinstance(value, bool | str):
        return value
    extension: Any = value
    return {"$ext": [extension.code, bytes(extension.data).hex()]}


def _tagged_map(members: dict[Any, Any]) -> Any:
    if all(isinstance(key, str) and not key.startswith("$") for key in members):
        return {key: tagged(item) for key, item in members.items()}
    return {"$map": [[tagged(key), tagged(item)] for key, item in members.items()]}


def _tagged_items(items: Sequence[Any]) -> list[Any]:
    return [tagged(item) for item in items]


def _tagged_bytes(data: bytes) -> dict[str, str]:
    return {"$bin": data.hex()}


def _tagged_moment(moment: datetime) -> dict[str, list[int]]:
    seconds, rest = divmod(moment - _EPOCH, _SECOND)
    return {"$timestamp": [seconds, rest.microseconds * 1000]}


def _tagged_float(number: float) -> float | dict[str, str]:
    return number if isfinite(number) else {"$float": str(number)}


def _tagged_int(number: int) -> int | dict[str, str]:
    return number if abs(number) <= MAX_INT else {"$int": str(number)}


_WRITERS: dict[type, Callable[[Any], Any]] = {
    dict: _tagged_map,
    list: _tagged_items,
    tuple: _tagged_items,
    bytes: _tagged_bytes,
    datetime: _tagged_moment,
    float: _tagged_float,
    int: _tagged_int,
}
