"""The state as it is checked and packed (SPEC section 3)."""

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

OVERFLOW_KEY: Final = "tokensession/overflow"  # of a state: it stands for one elsewhere (SPEC 14)
UNREADABLE: Final = (ValueError, RecursionError, MemoryError)  # msgspec's errors are ValueErrors
UNWRITABLE: Final = (*UNREADABLE, TypeError, OverflowError)


def packer(convert: Convert | None = None) -> Callable[[Any], bytes]:
    """Return what packs values as msgpack.

    Args:
        convert: Returns what values of other types are written as.
    """

    def write_unknown(value: Any) -> Any:
        """Return what stands for a value that msgspec does not know."""
        if type(value) is Members:
            return msgspec.Raw(value.packed(encode))
        base = base_value(value)
        if base is not value:
            return base
        if convert is not None:
            with contextlib.suppress(Exception):  # of the application
                return convert(value)
        raise TypeError(f"a {type(value).__name__}, which msgpack does not have")

    encode = msgspec.msgpack.Encoder(enc_hook=write_unknown).encode
    return encode


encode_msgpack: Callable[[Any], bytes] = packer()


def comparer(convert: Convert | None = None) -> Callable[[Any], bytes | None]:
    """Return what packs values to compare them; it gives None for those that cannot be packed.

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
    """Return `state` as msgpack that reads back as it is (a tuple as a list).

    Raises:
        StateError: A value that would be changed on the way; the path says where.
    """
    return checked_text(checked_state(state), state)


def checked_state(state: Any, convert: Convert | None = None) -> Any:
    """Return `state` in core values, after checking all of it but its text; the encoder does that.

    Raises:
        StateError: A value that would be changed on the way; the path says where.
    """
    if not (is_plain(state, 1) if type(state) in CONTAINERS else type(state) in TEXT):
        state = core_value(state, "state", convert=convert)
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
    core_value(state, "state")
    raise StateError("state", "text with a lone surrogate, which UTF-8 cannot hold")


_RESERVED = frozenset({OVERFLOW_KEY, "__proto__"})


def is_plain(value: Any, depth: int) -> bool:  # noqa: C901  # calls would cost more than they say
    """Tell quickly that a container holds core values only; what is rare is left to the walk.

    Exact types: the walk finds the base values of others.
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
        elif kind not in SCALARS or item != item:  # noqa: PLR0124  # NaN differs from itself
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
    """Refuse a subject that is no str, int within ±(2**53 - 1) or None.

    Raises:
        StateError: With the path ``subject``.
    """
    if type(subject) is str:
        check_text(subject, "subject")
    elif type(subject) is int:
        check_int(subject, "subject")
    elif subject is not None:
        kind = type(subject).__name__
        raise StateError("subject", f"a {kind}; a subject is a str, an int or None (use str(...))")
