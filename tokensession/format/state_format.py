"""How the state of a codec is read, packed and checked: core values, or a type of its own."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, cast

import msgspec
from msgspec.msgpack import Decoder

from tokensession.errors import BadClaims, BadState, ConfigError, StateError
from tokensession.format.claims import (
    AGE_EXCEEDS_IAT,
    Claims,
    StateT,
    check_nesting,
    packed_state,
    read_claims,
    where_it_fails,
)
from tokensession.format.lazy_state import Members
from tokensession.format.nesting import SAFE_NESTING
from tokensession.format.state import (
    OVERFLOW_KEY,
    UNREADABLE,
    UNWRITABLE,
    are_plain,
    checked_state,
    encode_msgpack,
    is_plain,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

# What the checks of an application's own type may raise, besides msgspec's errors: anything.
_OWN_ERRORS: Final = (Exception,)


class StateFormat(Protocol[StateT]):
    """How the state of one codec's claims is read, packed, checked and begun."""

    @property
    def empty(self) -> Callable[[], StateT]:
        """What makes the state of a new session."""
        ...

    def read(self, plaintext: bytes) -> tuple[Claims[StateT], str | None]:
        """Return claims, and None or how the state misses the type, or raise BadClaims."""
        ...

    def read_state(self, packed: bytes) -> StateT:
        """Return a state that was kept apart from its claims, or raise BadState."""
        ...

    def repacked(self, packed: bytes) -> bytes | None:
        """Return a state that another writer has packed as this one would; None if it cannot."""
        ...

    def checked(
        self,
        state: StateT,
        packed: bytes | None,
        *,
        touched: Collection[Any] | None,
        former: bytes | None,
    ) -> Any:
        """Return what goes into the claims, or raise a StateError.

        Args:
            state: The state.
            packed: The state in msgpack, where that is known.
            touched: The members that can have changed since the state was read; None for all. The
                others come from a key holder, and stay as they came.
            former: The state as it was read in msgpack, where it is large: then members with the
                same bytes need no check.
        """
        ...


class UntypedState:
    """A state that is made of core values."""

    __slots__ = ()
    empty = dict[str, Any]
    _members = Decoder(dict[str, msgspec.Raw]).decode

    def read(self, plaintext: bytes) -> tuple[Claims[Any], None]:
        """Return the claims in `plaintext`, with a state of any kind; or raise BadClaims."""
        return read_claims(plaintext), None

    def read_state(self, packed: bytes) -> Any:
        """Return a state that was kept apart from its claims; of a map, its `Members`.

        Raises:
            BadState: It is not well-formed msgpack.
        """
        with contextlib.suppress(*UNREADABLE):
            return Members(packed)
        with contextlib.suppress(*UNREADABLE):
            return msgspec.msgpack.decode(packed)
        raise BadState("the state is not well-formed msgpack, or bytes follow it")

    def repacked(self, packed: bytes) -> bytes | None:
        """Return a state as this library packs it; None if it cannot."""
        return _packed(lambda: msgspec.msgpack.decode(packed))

    def checked(
        self,
        state: Any,
        packed: bytes | None = None,
        *,
        touched: Collection[Any] | None = None,
        former: bytes | None = None,
    ) -> Any:
        """Return what goes into the claims.

        Raises:
            StateError: A value that would be changed on the way; the path says where.
        """
        if packed is None and type(state) is Members:
            state = state.whole()
        if touched is None or type(state) is not dict or not are_plain(state, touched):
            part = state
            if packed is not None or touched is not None:
                part = self._changed(state, touched, former)
            if type(part) is not dict or OVERFLOW_KEY in part or not is_plain(part, 1):
                checked_state(part)  # which says what is wrong, if anything is
        return state if packed is None else msgspec.Raw(packed)

    def _changed(self, state: Any, touched: Collection[Any] | None, former: bytes | None) -> Any:
        """Return as much of a state as has to be checked."""
        if type(state) is Members:
            return state.changed()
        if type(state) is not dict:
            return state
        if touched is not None:
            # The state's own keys: one that was touched by an equal key is still that key.
            return {key: item for key, item in state.items() if key in touched}
        if former is None:
            return state
        with contextlib.suppress(*UNREADABLE):
            known = self._members(former)
            return {
                key: item
                for key, item in state.items()
                if type(key) is not str or known.get(key) != msgspec.Raw(encode_msgpack(item))
            }
        return state


class TypedState(Generic[StateT]):
    """A state of the application's own type.

    Args:
        state_type: Any type that msgspec turns into core values and back.

    Raises:
        TypeError: A type that msgspec does not support; the text says which part.
    """

    __slots__ = ("_decode", "_decode_state", "_name", "empty")

    def __init__(self, state_type: type[StateT]) -> None:
        self._name = getattr(state_type, "__name__", str(state_type))
        self._decode_state = Decoder(state_type).decode
        self.empty: Callable[[], StateT] = _empty_of(state_type)
        self._decode = Decoder(
            Claims[state_type]  # type: ignore[valid-type]  # a type known only when this runs
        ).decode

    def read(self, plaintext: bytes) -> tuple[Claims[StateT], str | None]:
        """Return the claims, and None or how the state misses the type (for step 10).

        Raises:
            BadClaims: As for an untyped state.
        """
        if len(plaintext) > SAFE_NESTING:
            check_nesting(plaintext)
        claims: Claims[StateT] | None = None
        misfit = "state"
        try:
            claims = self._decode(plaintext)
        except _OWN_ERRORS as error:
            if isinstance(error, msgspec.ValidationError):
                misfit = where_it_fails(error)
        if claims is None:
            # The same bytes, untyped: what is wrong with the claims themselves comes first.
            untyped = read_claims(plaintext)
            state, still = self._fit(packed_state(plaintext))
            if still is None:
                return msgspec.structs.replace(untyped, state=state), None
            return cast("Claims[StateT]", untyped), f"{misfit} does not fit {self._name}"
        if claims.age > claims.iat:
            raise BadClaims(AGE_EXCEEDS_IAT)
        return claims, None

    def read_state(self, packed: bytes) -> StateT:
        """Return a state that was kept apart from its claims.

        Raises:
            BadState: It does not fit the type.
        """
        state, misfit = self._fit(packed)
        if misfit is not None:
            raise BadState(f"{misfit} does not fit {self._name}")
        return cast("StateT", state)

    def repacked(self, packed: bytes) -> bytes | None:
        """Return a state as this library packs it; a type can have got another field since."""
        return _packed(lambda: self.read_state(packed))

    def checked(
        self,
        state: StateT,
        packed: bytes | None = None,
        *,
        touched: Collection[Any] | None = None,  # noqa: ARG002  # all of it is looked at
        former: bytes | None = None,  # noqa: ARG002  # likewise
    ) -> msgspec.Raw:
        """Return `state` as msgpack that reads back as the same value of the type.

        Raises:
            StateError: Not of the type, not made of core values, or changed by the round trip.
        """
        core: Any = None
        try:
            packed = packed or encode_msgpack(state)
            core = msgspec.msgpack.decode(packed)
        except UNWRITABLE:
            packed = None
        if packed is None:
            # Said here, so that no exception behind this one holds the state; so it is in `_fit`.
            raise StateError("state", f"msgspec cannot write this {self._name}")
        checked_state(core)
        back, misfit = self._fit(packed)
        if misfit is not None:
            raise StateError(misfit, f"does not fit {self._name}")
        # A type without equality differs even from itself, read twice; then nothing can be said.
        if back != state and back == self._decode_state(packed):
            raise StateError(
                "state",
                f"does not read back as the same {self._name}: a tuple, set or UUID "
                "in a field typed Any comes back as another type",
            )
        return msgspec.Raw(packed)

    def _fit(self, packed: bytes | msgspec.Raw) -> tuple[StateT | None, str | None]:
        """Return the state in `packed` and None, or None and how it misses the type."""
        misfit = "state"
        try:
            return self._decode_state(packed), None
        except _OWN_ERRORS as error:
            if isinstance(error, msgspec.ValidationError):
                misfit = where_it_fails(error, "state")
        # msgspec holds each of two equal keys against the type; the last alone counts (SPEC 3),
        # and is all that is left in the untyped state.
        with contextlib.suppress(*_OWN_ERRORS):
            untyped = msgspec.msgpack.decode(packed)
            return self._decode_state(encode_msgpack(untyped)), None
        return None, misfit


def state_format(state_type: type[StateT] | None) -> StateFormat[StateT]:
    """Return the format of a state type; None stands for core values.

    Raises:
        ConfigError: A type that msgspec does not support.
    """
    if state_type is None:
        return cast("StateFormat[StateT]", UntypedState())
    try:
        return cast("StateFormat[StateT]", TypedState(state_type))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"state_type is not supported: {error}") from error


def pack(state: Any) -> bytes | None:
    """Return a state in msgpack, to tell whether it has changed; None if that fails."""
    try:
        return encode_msgpack(state)
    except UNWRITABLE:
        return None


def _packed(read: Callable[[], Any]) -> bytes | None:
    with contextlib.suppress(BadState, *UNWRITABLE):
        return encode_msgpack(read())
    return None


def _empty_of(state_type: type[StateT]) -> Callable[[], StateT]:
    """Return what makes the state of a new session: the type's defaults, or None without them."""
    try:
        state_type()
    except (TypeError, ValueError):
        return lambda: cast("StateT", None)
    return state_type
