"""What a state may hold: the core values that every language reads back alike (SPEC section 3)."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isnan
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokensession.errors import StateError
from tokensession.format.lazy_state import Members

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_INT: Final = 2**53 - 1  # the largest integer that every JSON and JavaScript reader keeps exact
MIN_INT: Final = -MAX_INT
OVERFLOW_KEY: Final = "tokensession/overflow"  # of a state: it stands for one elsewhere (SPEC 14)
MAX_DEPTH: Final = 32  # levels of arrays and maps in a state; the state itself is level 1
UNREADABLE: Final = (ValueError, RecursionError, MemoryError)  # msgspec's errors are ValueErrors
UNWRITABLE: Final = (*UNREADABLE, TypeError, OverflowError)


def _write_unknown(value: Any) -> msgspec.Raw:
    """Return what stands for a value that msgspec does not know."""
    if type(value) is Members:
        return msgspec.Raw(value.packed())
    raise TypeError(f"a {type(value).__name__}, which msgpack does not have")


encode_msgpack: Callable[[Any], bytes] = msgspec.msgpack.Encoder(enc_hook=_write_unknown).encode


def pack_state(state: Any) -> bytes:
    """Return `state` as msgpack that reads back as it is (a tuple as a list).

    Raises:
        StateError: A value that would be changed on the way; the path says where.
    """
    checked_state(state)
    return checked_text(state, state)


def checked_state(state: Any) -> Any:
    """Return `state` after checking all of it but its text, which the encoder does.

    Raises:
        StateError: A value that would be changed on the way; the path says where.
    """
    if not (is_plain(state, 1) if type(state) in _CONTAINERS else type(state) in _TEXT):
        check_state(state)
    if type(state) is dict and OVERFLOW_KEY in state:
        raise StateError("state", f"the key {OVERFLOW_KEY}, which only this library writes")
    return state


def checked_text(value: Any, state: Any) -> bytes:
    """Return `value` in msgpack, after the encoder has found all text in it to be UTF-8.

    Raises:
        StateError: A lone surrogate in `state`, which is part of the value.
    """
    try:
        return encode_msgpack(value)
    except UnicodeEncodeError:
        pass
    # Said here and not above, so that no exception behind this one holds the text.
    check_state(state)
    raise StateError("state", "text with a lone surrogate, which UTF-8 cannot hold")


def check_state(state: Any) -> None:
    """Refuse a state that is not made of core values, or would come back as something else.

    Raises:
        StateError: The path of the first such value, what it is, and the remedy.
    """
    _check_value(state, "state", 1)


_TEXT = frozenset({str, bool, bytes, NoneType})
_SCALARS = _TEXT | {int, float}
_CONTAINERS = frozenset({dict, list, tuple})
_RESERVED = frozenset({OVERFLOW_KEY, "__proto__"})


def is_plain(value: Any, depth: int) -> bool:  # noqa: C901  # calls would cost more than they say
    """Tell quickly that a container holds core values only; what is rare is left to the walk.

    Exact types: an instance of a subclass would come back as its base.
    """
    if type(value) is dict:
        if "__proto__" in value:
            return False
        for key in value:
            if type(key) is not str:
                return False
        value = value.values()
    for item in value:
        kind = type(item)
        if kind is str:
            continue
        if kind is int:
            if not MIN_INT <= item <= MAX_INT:
                return False
        elif kind in _CONTAINERS:
            if depth == MAX_DEPTH or (item and not is_plain(item, depth + 1)):
                return False
        elif kind not in _SCALARS or item != item:  # noqa: PLR0124  # NaN differs from itself
            return False
    return True


def are_plain(state: dict[str, Any], keys: Iterable[Any]) -> bool:
    """Tell quickly that these members of a state hold core values only, as `is_plain` does."""
    for key in keys:
        if key in state:
            if type(key) is not str or key in _RESERVED:
                return False
            item = state[key]
            kind = type(item)
            if kind in _TEXT or (kind is int and MIN_INT <= item <= MAX_INT):
                continue
            if kind not in _CONTAINERS or not is_plain(item, 2):
                return False
    return True


def _check_value(value: Any, path: str, depth: int) -> None:
    kind = type(value)
    if kind in _CONTAINERS:
        if depth > MAX_DEPTH:
            raise StateError(path, f"nested deeper than {MAX_DEPTH} levels")
        if kind is dict:
            for key, item in value.items():
                _check_key(key, path)
                _check_value(item, _step(path, key), depth + 1)
        else:
            for index, item in enumerate(value):
                _check_value(item, f"{path}[{index}]", depth + 1)
    elif kind in _CHECKED:
        _CHECKED[kind](value, path)
    elif kind not in _SCALARS:
        raise StateError(path, _unsupported(kind))


def _check_key(key: Any, path: str) -> None:
    if type(key) is not str:
        raise StateError(path, f"a key of type {type(key).__name__}; keys of a map must be str")
    if key == "__proto__":
        raise StateError(path, "the key __proto__, which JavaScript readers refuse")
    _check_text(key, path)


def _check_text(text: str, path: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        pass
    else:
        return
    # Said here and not above, as `checked_text` does.
    raise StateError(path, "text with a lone surrogate, which UTF-8 cannot hold")


def _check_int(number: int, path: str) -> None:
    if not MIN_INT <= number <= MAX_INT:
        raise StateError(path, f"an integer beyond {MAX_INT} (2**53 - 1); store it as str")


def _check_float(number: float, path: str) -> None:
    if isnan(number):
        raise StateError(path, "NaN, which does not equal itself after the round trip; use None")


def _check_datetime(moment: datetime, path: str) -> None:
    if moment.utcoffset() is None:
        raise StateError(path, "a datetime without time zone; add one, such as timezone.utc")
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise StateError(path, "a datetime outside the years 1 to 9999 in UTC") from None


_CHECKED: dict[type, Callable[[Any, str], None]] = {
    str: _check_text,
    int: _check_int,
    float: _check_float,
    datetime: _check_datetime,
}


def check_subject(subject: Any) -> None:
    """Refuse a subject that is no str, int within ±(2**53 - 1) or None.

    Raises:
        StateError: With the path ``subject``.
    """
    if type(subject) is str:
        _check_text(subject, "subject")
    elif type(subject) is int:
        _check_int(subject, "subject")
    elif subject is not None:
        kind = type(subject).__name__
        raise StateError("subject", f"a {kind}; a subject is a str, an int or None (use str(...))")


def _unsupported(kind: type) -> str:
    for base in (str, int, float, bytes, dict, list, tuple, datetime):
        if issubclass(kind, base):
            return f"a {kind.__name__}, which would come back as {base.__name__}; convert it"
    return (
        f"a {kind.__name__}, which msgpack does not keep; convert it "
        "(for example with str) or use a state_type"
    )


def _step(path: str, key: str) -> str:
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{key!r}]"
