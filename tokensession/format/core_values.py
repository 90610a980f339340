"""Core values: how each value of a state is written, or why it cannot be (SPEC section 3).

A value of exactly a core type is written unchanged. An instance of a subclass is written as its
*base value*, read without its overrides, if the two are equal. So the value that is read equals the
one that was written. Any other value is passed once to the application's ``convert``. So is a value
of a core type that cannot be written: a large integer, NaN, a datetime without a zone, and a key
that is not text.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from math import isnan
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import ConfigError, StateError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    # Converts a value of another type.
    Convert: TypeAlias = Callable[[Any], Any]

MAX_INT: Final = 2**53 - 1  # the largest integer that is exact in all JSON and JavaScript readers
MIN_INT: Final = -MAX_INT
MAX_DEPTH: Final = 32  # levels of arrays and maps in a state; the state itself is level 1

TEXT: Final[frozenset[type]] = frozenset({str, bool, bytes, NoneType})
SCALARS: Final[frozenset[type]] = TEXT | {int, float}
CONTAINERS: Final[frozenset[type]] = frozenset({dict, list, tuple})
_CORE: Final[frozenset[type]] = SCALARS | CONTAINERS | {datetime}
_CONVERT: Final = "pass convert= (in Django: set TOKENSESSION_CONVERT)"
_FIELDS: Final = ("year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo")


def hidden(record: object) -> str:
    """Return a repr without values, because error pages show local variables."""
    return f"<{type(record).__name__}>"


def check_switch(name: str, value: object) -> None:
    """Refuse a switch that is not a bool: "false", of an environment variable, would be true.

    Raises:
        ConfigError: It is another object; the message has the switch's name.
    """
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be True or False, not {type(value).__name__}")


def core_value(value: Any, path: str, depth: int = 1, convert: Convert | None = None) -> Any:
    """Return a value as it is written, in core values; the same object if nothing changes.

    Args:
        value: The value.
        path: The place of the value.
        depth: The level of the value; the state itself is level 1.
        convert: Converts values that cannot be written otherwise.

    Raises:
        StateError: The value cannot be written unchanged; the message has the path.
    """
    if type(value) not in _CORE:
        value = _replaced(value, path, depth, convert)
    elif convert is not None and _is_refused(value):
        value = _converted(value, path, convert)
    kind = type(value)
    if kind in _CHECKED:
        _CHECKED[kind](value, path)
    elif kind in CONTAINERS:
        if depth > MAX_DEPTH:
            raise StateError(path, f"nested deeper than {MAX_DEPTH} levels")
        return (_core_map if kind is dict else _core_array)(value, path, depth, convert)
    return value


def base_value(value: Any) -> Any:
    """Return the base value of a subclass instance, equal or not; otherwise the value itself."""
    for kind, base in _BASES.items():
        if isinstance(value, kind):
            return base(value)
    return value


def check_text(text: str, path: str) -> None:
    """Refuse text that is not valid UTF-8.

    Raises:
        StateError: The text contains a lone surrogate.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        pass
    else:
        return
    # Raised outside the except block, so that no chained exception holds the text.
    raise StateError(path, "the text contains a lone surrogate, which UTF-8 cannot encode")


def check_int(number: int, path: str, *, hint: str = "") -> None:
    """Refuse an integer that is not exact in some languages.

    Raises:
        StateError: The integer is beyond ±(2**53 - 1); the message ends with the hint.
    """
    if not MIN_INT <= number <= MAX_INT:
        reason = f"the integer is beyond {MAX_INT} (2**53 - 1): store it as str{hint}"
        raise StateError(path, reason)


def _core_map(
    value: dict[Any, Any], path: str, depth: int, convert: Convert | None
) -> dict[str, Any]:
    core = {}
    changed = False
    for key, item in value.items():
        name = key if type(key) is str else _core_key(key, path, convert)
        if name in core:
            raise StateError(path, f"two keys are both written as {name!r}")
        check_text(name, path)
        if name == "__proto__":
            raise StateError(path, "JavaScript readers refuse the key __proto__: use another name")
        core[name] = written = core_value(item, _step(path, name), depth + 1, convert)
        changed = changed or written is not item or name is not key
    return core if changed else value


def _core_array(value: Any, path: str, depth: int, convert: Convert | None) -> Any:
    core = [
        core_value(item, f"{path}[{index}]", depth + 1, convert) for index, item in enumerate(value)
    ]
    unchanged = all(written is item for written, item in zip(core, value, strict=True))
    return value if unchanged else core


def _core_key(key: Any, path: str, convert: Convert | None) -> str:
    """Return a map's key as it is written."""
    if type(key) not in _CORE:
        key = _replaced(key, path, MAX_DEPTH, convert)
    if type(key) is not str and convert is not None:
        key = _converted(key, path, convert)
    if type(key) is not str:
        raise StateError(
            path,
            f"a key is of type {type(key).__name__}: use str(...) for keys of maps, or {_CONVERT}",
        )
    return key


def _is_refused(value: Any) -> bool:
    """Tell whether a value of a core type cannot be written; text is never passed to `convert`."""
    kind = type(value)
    if kind is str or kind not in _CHECKED:
        return False
    try:
        _CHECKED[kind](value, "")
    except StateError:
        return True
    return False


def _replaced(value: Any, path: str, depth: int, convert: Convert | None) -> Any:
    """Return the core value that replaces this value."""
    if not isinstance(value, _SUBCLASSED):
        if convert is not None:
            return _converted(value, path, convert)
        raise StateError(path, _unsupported(value))
    if depth > MAX_DEPTH:
        raise StateError(path, f"nested deeper than {MAX_DEPTH} levels")
    core = _equal_base(value)
    if core is _UNEQUAL:
        raise StateError(path, _unsupported(value))
    return _converted(value, path, convert) if convert is not None and _is_refused(core) else core


def _converted(value: Any, path: str, convert: Convert) -> Any:
    """Return the core value that the application's function returns for this value."""
    kind = type(value).__name__
    try:
        converted = convert(value)
    except Exception as error:  # noqa: BLE001  # an application's function can raise any
        reason = f"convert raised {type(error).__name__} for a {kind}"
    else:
        core = converted if type(converted) in _CORE else _equal_base(converted)
        if core is not _UNEQUAL:
            return core
        reason = f"convert returned a {type(converted).__name__} for a {kind}: "
        reason += "return core values, such as str"
    # Raised outside the except block, so that no chained exception holds the value.
    raise StateError(path, reason)


_UNEQUAL: Final = object()


def _equal_base(value: Any) -> Any:
    """Return the base value of a subclass instance if it equals the instance, else `_UNEQUAL`."""
    try:
        base = base_value(value)
        if type(base) not in _CORE or not bool(value == base):  # `!=` can be a different method
            return _UNEQUAL
        if type(base) is dict and [*value.items()] != [*base.items()]:
            return _UNEQUAL
        if type(base) is list and [*value] != base:
            return _UNEQUAL
    except Exception:  # noqa: BLE001  # a subclass can raise any
        return _UNEQUAL
    return base


def _base_datetime(moment: datetime) -> datetime:
    fields = [getattr(datetime, name).__get__(moment) for name in _FIELDS]
    fold: int = datetime.fold.__get__(moment)
    return datetime(*fields, fold=fold)  # noqa: DTZ001  # the fields include the zone


# A value has the base value of the first type that fits.
_BASES: Final[dict[type, Callable[[Any], Any]]] = {
    str: str.__str__,
    int: int.__index__,
    float: float.__float__,
    bytes: lambda value: bytes(memoryview(value)),
    dict: lambda value: dict(dict.items(value)),
    list: lambda value: [*list.__iter__(value)],
    datetime: _base_datetime,
}
_SUBCLASSED: Final = tuple(_BASES)


def _check_number(number: int, path: str) -> None:
    check_int(number, path, hint=f", or {_CONVERT}")


def _check_float(number: float, path: str) -> None:
    if isnan(number):
        reason = f"NaN does not equal itself after reading: store None, or {_CONVERT}"
        raise StateError(path, reason)


def _check_datetime(moment: datetime, path: str) -> None:
    if moment.utcoffset() is None:
        reason = f"a datetime without time zone: add one, such as timezone.utc, or {_CONVERT}"
        raise StateError(path, reason)
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise StateError(path, "a datetime outside the years 1 to 9999 in UTC") from None


_CHECKED: Final[dict[type, Callable[[Any, str], None]]] = {
    str: check_text,
    int: _check_number,
    float: _check_float,
    datetime: _check_datetime,
}

# What to store instead of an instance of these types, in order.
_REMEDIES: Final = {
    "Decimal": "str(...)",
    "UUID": "str(...)",
    "date": "its isoformat()",
    "time": "its isoformat()",
    "timedelta": "its total_seconds()",
    "set": "sorted(...)",
    "frozenset": "sorted(...)",
    "bytearray": "bytes(...)",
    "memoryview": "bytes(...)",
    "tuple": "tuple(...)",
    "BaseModel": 'its model_dump(mode="json")',
    "Enum": "its value",
}


def _unsupported(value: Any) -> str:
    kind = type(value)
    for base in _BASES:
        if isinstance(value, base):
            what = f"a {kind.__name__} does not equal the {base.__name__} that is read back"
            return f"{what}: store a {base.__name__}"
    names = [base.__name__ for base in kind.__mro__]
    remedy = next((text for name, text in _REMEDIES.items() if name in names), "a core value")
    return f"msgpack has no {kind.__name__}: store {remedy}, {_CONVERT}, or use a state_type"


def _step(path: str, key: str) -> str:
    if key.isascii() and key.isidentifier():
        return f"{path}.{key}"
    return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
