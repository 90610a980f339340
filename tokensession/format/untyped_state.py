"""A state of core values, or of values that are written as core values."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.msgpack import Decoder

from tokensession.errors import BadState, StateError
from tokensession.format.claims import Claims, read_claims
from tokensession.format.core_values import base_value, core_value
from tokensession.format.lazy_state import Members
from tokensession.format.state import (
    OVERFLOW_KEY,
    UNREADABLE,
    UNWRITABLE,
    are_plain,
    checked_state,
    checked_text,
    comparer,
    encode_msgpack,
    is_plain,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from tokensession.format.core_values import Convert


class UntypedState:
    """A state of core values, or of values that are written as core values.

    Args:
        convert: Converts values of other types, or None.

    Attributes:
        pack: Packs states for comparison; returns None if that fails.
    """

    __slots__ = ("_convert", "pack")
    empty = dict[str, Any]
    lacks = ""
    _members = Decoder(dict[str, msgspec.Raw]).decode

    def __init__(self, convert: Convert | None = None) -> None:
        self._convert = convert
        self.pack: Callable[[Any], bytes | None] = _comparer(convert)

    def read(self, plaintext: bytes) -> tuple[Claims[Any], None]:
        """Return the claims in `plaintext`, with a state of any kind; or raise BadClaims."""
        return read_claims(plaintext), None

    def read_state(self, packed: bytes) -> Any:
        """Return a state that was stored apart from its claims; a map as its `Members`.

        Raises:
            BadState: The state is malformed msgpack.
        """
        with contextlib.suppress(*UNREADABLE):
            return Members(packed)
        with contextlib.suppress(*UNREADABLE):
            return msgspec.msgpack.decode(packed)
        raise BadState("the state is malformed msgpack, or bytes follow it")

    def repacked(self, packed: bytes) -> bytes | None:
        """Return a state as this library packs it, or None if it cannot."""
        with contextlib.suppress(*UNWRITABLE):
            return encode_msgpack(msgspec.msgpack.decode(packed))
        return None

    def checked(  # noqa: C901  # calls would be too slow
        self,
        state: Any,
        packed: bytes | None = None,
        *,
        touched: Collection[Any] | None = None,
        former: bytes | None = None,
    ) -> Any:
        """Return the state for the claims.

        Raises:
            StateError: A value cannot be written unchanged; the message has the path.
        """
        try:
            if packed is None:
                if touched is None and type(state) is dict:  # the usual case first
                    if OVERFLOW_KEY not in state and is_plain(state, 1):
                        return state
                elif type(state) is Members:
                    state = state.whole()
            if touched is None or type(state) is not dict or not are_plain(state, touched):
                part = state
                if packed is not None or touched is not None:
                    part = self._changed(state, touched, former)
                if type(part) is not dict or OVERFLOW_KEY in part or not is_plain(part, 1):
                    core = checked_state(
                        part, self._convert
                    )  # raises with the reason, if anything is wrong
                    if core is not part:
                        if part is not state and any(not isinstance(key, str) for key in part):
                            # `convert` wrote a key. Only the whole state keeps the order of keys.
                            state = part = state.whole() if type(state) is Members else state
                            core = checked_state(state, self._convert)
                        state = core if part is state else _merged(state, core)
                        packed = None if packed is None else checked_text(state, state)
            return state if packed is None else msgspec.Raw(packed)
        except RuntimeError:  # of an iteration
            pass
        raise StateError(
            "state",
            "another thread changed it while it was written: end its work before the response",
        )

    def _changed(self, state: Any, touched: Collection[Any] | None, former: bytes | None) -> Any:
        """Return the part of a state that must be checked."""
        if type(state) is Members:
            return state.changed()
        if type(state) is not dict:
            return state
        if touched is not None:
            # Use the state's own keys, because `touched` can contain an equal key of another type.
            return {key: item for key, item in state.items() if key in touched}
        if former is None:
            return state
        with contextlib.suppress(*UNREADABLE):
            known = self._members(former)
            return {
                key: item
                for key, item in state.items()
                if type(key) is not str or known.get(key) != msgspec.Raw(self.pack(item) or b"")
            }
        return state


def _comparer(convert: Convert | None) -> Callable[[Any], bytes | None]:
    """Return a function as `comparer` does; it also packs integers of more than 64 bits."""
    compare = comparer(convert)
    if convert is None:
        return compare

    def pack(value: Any) -> bytes | None:
        packed = compare(value)
        if packed is None:
            with contextlib.suppress(StateError, *UNWRITABLE):
                value = value.whole() if type(value) is Members else value
                packed = compare(core_value(value, "state", convert=convert))
        return packed

    return pack


def _merged(state: Any, core: dict[str, Any]) -> dict[str, Any]:
    """Return a state with some of its members replaced by their written form."""
    if type(state) is Members:
        return state.replaced(core)
    keys = {key: base_value(key) for key in state}
    return {base: core.get(base, state[key]) for key, base in keys.items()}
