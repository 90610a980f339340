"""Check and pack states (SPEC section 3)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokensession.errors import StateError
from tokensession.format.core_values import (
    CONTAINERS,
    MAX_DEPTH,
    MAX_INT,
    MIN_INT,
    SCALARS,
    TEXT,
    base_value,
    check_int,
    check_text,
    core_value,
)
from tokensession.format.lazy_state import Members

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tokensession.format.core_values import Convert

OVERFLOW_KEY: Final = (
    "tokensession/overflow"  # this key of a state marks a reference to the overflow (SPEC 14)
)
UNREADABLE: Final = (ValueError, RecursionError, MemoryError)  # msgspec's errors are ValueErrors
UNWRITABLE: Final = (*UNREADABLE, TypeError, OverflowError)


def packer(convert: Convert | None = None) -> Callable[[Any], bytes]:
    """Return a function that packs values as msgpack.

    Args:
        convert: Converts values of other types.
    """

    def write_unknown(value: Any) -> Any:
        """Return a value that msgspec can pack."""
        if type(value) is Members:
            return msgspec.Raw(value.packed(encode))
        base = base_value(value)
        if base is not value:
            return base
        if convert is not None:
            with contextlib.suppress(Exception):  # an application's function can raise any
                return convert(value)
        raise TypeError(f"msgpack has no {type(value).__name__}")

    encode = msgspec.msgpack.Encoder(enc_hook=write_unknown).encode
    return encode


encode_msgpack: Callable[[Any], bytes] = packer()


def comparer(convert: Convert | None = None) -> Callable[[Any], bytes | None]:
    """Return a function that packs values for comparison; it returns None if that fails.

    Args:
        convert: As for `packer`.
    """
    encode = encode_msgpack if convert is None else packer(convert)

    def pack(value: Any) -> bytes | None:
        try:
            return encode(value)
        except UNWRITABLE:
            return None

    return pack


def pack_state(state: Any) -> bytes:
    """Return `state` as msgpack that reads back equal (a tuple reads back as a list).

    Raises:
        StateError: A value cannot be written unchanged; the message has the path.
    """
    return checked_text(checked_state(state), state)


def checked_state(state: Any, convert: Convert | None = None) -> Any:
    """Return `state` in core values; everything is checked but text, which the encoder checks.

    Raises:
        StateError: A value cannot be written unchanged; the message has the path.
    """
    if not (is_plain(state, 1) if type(state) in CONTAINERS else type(state) in TEXT):
        state = core_value(state, "state", convert=convert)
    if type(state) is dict and OVERFLOW_KEY in state:
        raise StateError("state", f"the key {OVERFLOW_KEY} is reserved: use another name")
    return state


def checked_text(value: Any, state: Any) -> bytes:
    """Return `value` in msgpack; the encoder checks that all text in it is valid UTF-8.

    Raises:
        StateError: The `state` in the value contains a lone surrogate.
    """
    try:
        return encode_msgpack(value)
    except UnicodeEncodeError:
        pass
    # Raised outside the except block, so that no chained exception holds the text.
    core_value(state, "state")
    raise StateError("state", "the text contains a lone surrogate, which UTF-8 cannot encode")


_RESERVED = frozenset({OVERFLOW_KEY, "__proto__"})


def is_plain(value: Any, depth: int) -> bool:  # noqa: C901  # calls would be too slow
    """Tell quickly whether a container has only core values; False can also mean a rare case.

    Only exact types count, because the slower walk finds the base values of others.
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
        elif kind in CONTAINERS:
            if depth == MAX_DEPTH or (item and not is_plain(item, depth + 1)):
                return False
        elif kind not in SCALARS or item != item:  # noqa: PLR0124  # NaN is unequal to itself
            return False
    return True


def are_plain(state: dict[str, Any], keys: Iterable[Any]) -> bool:
    """Tell quickly whether these members of a state have only core values, as `is_plain` does."""
    for key in keys:
        if key in state:
            if type(key) is not str or key in _RESERVED:
                return False
            item = state[key]
            kind = type(item)
            if kind in TEXT or (kind is int and MIN_INT <= item <= MAX_INT):
                continue
            if kind not in CONTAINERS or not is_plain(item, 2):
                return False
    return True


def check_given_subject(subject: Any) -> None:
    """Refuse a subject that is not a str, int within ±(2**53 - 1) or None; and an empty one.

    The format has the empty text for a subject. A form field that was left out gives it too, and
    everybody who left it out would be one user.

    Raises:
        StateError: With the path ``subject``.
    """
    check_subject(subject)
    if subject == "":
        raise StateError("subject", "empty text; pass the user's id, or None for no user")


def check_subject(subject: Any) -> None:
    """Refuse a subject that is not a str, an int within ±(2**53 - 1) or None.

    Raises:
        StateError: The subject is invalid; the path is ``subject``.
    """
    if type(subject) is str:
        check_text(subject, "subject")
    elif type(subject) is int:
        check_int(subject, "subject")
    elif subject is not None:
        kind = type(subject).__name__
        raise StateError("subject", f"must be a str, an int or None, not {kind}: use str(...)")
