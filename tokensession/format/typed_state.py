"""A state of the application's own type."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, Generic, cast

import msgspec
from msgspec.msgpack import Decoder

from tokensession.errors import BadClaims, BadState, StateError
from tokensession.format.claims import (
    UNORDERED,
    Claims,
    StateT,
    check_nesting,
    packed_state,
    read_claims,
    where_it_fails,
)
from tokensession.format.nesting import SAFE_NESTING
from tokensession.format.state import UNWRITABLE, checked_state, comparer, encode_msgpack

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from tokensession.format.core_values import Convert

# The checks of an application's own type can raise any exception.
_OWN_ERRORS: Final = (Exception,)


class TypedState(Generic[StateT]):
    """A state of the application's own type.

    Args:
        state_type: Any type that msgspec converts to core values and back.
        convert: Converts values that msgspec does not know, or None.

    Attributes:
        pack: As for an untyped state.
        empty: Creates the state of a new session.
        lacks: The fields without a default, in words; empty if there are none.

    Raises:
        TypeError: msgspec does not support the type, or a type in it such as a pydantic model. The
            message names the type.
    """

    __slots__ = ("_decode", "_decode_state", "_name", "empty", "lacks", "pack")

    def __init__(self, state_type: type[StateT], convert: Convert | None = None) -> None:
        self.pack: Callable[[Any], bytes | None] = comparer(convert)
        self._name = getattr(state_type, "__name__", str(state_type))
        self._decode_state = Decoder(state_type).decode
        described = msgspec.inspect.type_info(state_type)
        for unknown in _custom_types(described, set()):
            raise TypeError(
                f"msgspec cannot read {unknown.__name__} back: use a dataclass, a msgspec.Struct "
                "or a pydantic dataclass"
            )
        self.empty: Callable[[], StateT] = _empty_of(state_type)
        required = [field.name for field in getattr(described, "fields", ()) if field.required]
        self.lacks: str = f"{self._name} requires {', '.join(required)}" if required else ""
        self._decode = Decoder(
            Claims[state_type]  # type: ignore[valid-type]  # the type is known only at run time
        ).decode

    def read(self, plaintext: bytes) -> tuple[Claims[StateT], str | None]:
        """Return the claims, with None or the reason why the state does not fit (for step 10).

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
            # Read the same bytes untyped, because an error in the claims themselves comes first.
            untyped = read_claims(plaintext)
            state, still = self._fit(packed_state(plaintext))
            if still is None:
                return msgspec.structs.replace(untyped, state=state), None
            return cast("Claims[StateT]", untyped), f"{misfit} does not fit {self._name}"
        if claims.age <= claims.iat and (not claims.auth or claims.auth <= claims.age):
            return claims, None
        raise BadClaims(UNORDERED)

    def read_state(self, packed: bytes) -> StateT:
        """Return a state that was stored apart from its claims.

        Raises:
            BadState: The state does not fit the type.
        """
        state, misfit = self._fit(packed)
        if misfit is not None:
            raise BadState(f"{misfit} does not fit {self._name}")
        return cast("StateT", state)

    def repacked(self, packed: bytes) -> bytes | None:
        """Return a state as this library packs it; its type can have gained a field since."""
        with contextlib.suppress(BadState):
            return self.pack(self.read_state(packed))
        return None

    def checked(
        self,
        state: StateT,
        packed: bytes | None = None,
        *,
        touched: Collection[Any] | None = None,  # noqa: ARG002  # all of it is checked
        former: bytes | None = None,  # noqa: ARG002  # all of it is checked
    ) -> msgspec.Raw:
        """Return `state` as msgpack that reads back as the same value of the type.

        Raises:
            StateError: The state is not of the type, contains other than core values, or reads back
                different.
        """
        core: Any = None
        packed = packed or self.pack(state)
        try:
            core = msgspec.msgpack.decode(packed or b"")
        except UNWRITABLE:
            packed = None
        if packed is None:
            # Raised outside the except block, so that no chained exception holds the state; so in
            # `_fit`.
            raise StateError("state", f"msgspec cannot write this {self._name}")
        checked_state(core)
        back, misfit = self._fit(packed)
        if misfit is not None:
            raise StateError(misfit, f"does not fit {self._name}")
        # A type without equality differs from itself when it is read twice; then nothing is known.
        differs = True
        with contextlib.suppress(*_OWN_ERRORS):
            differs = bool(back != state and back == self._decode_state(packed))
        if differs and type(back) is not type(state):
            raise StateError("state", f"is a {type(state).__name__}, not a {self._name}")
        if differs:
            raise StateError(
                "state",
                f"does not read back as the same {self._name}: give a field typed Any that holds "
                "a tuple, set or UUID its own type",
            )
        return msgspec.Raw(packed)

    def _fit(self, packed: bytes | msgspec.Raw) -> tuple[StateT | None, str | None]:
        """Return the state in `packed` and None, or None and the reason why it does not fit."""
        misfit = "state"
        try:
            return self._decode_state(packed), None
        except _OWN_ERRORS as error:
            if isinstance(error, msgspec.ValidationError):
                misfit = where_it_fails(error, "state")
        # msgspec checks each of two equal keys against the type. Only the last one counts (SPEC 3),
        # and an untyped state has only that one.
        with contextlib.suppress(*_OWN_ERRORS):
            untyped = msgspec.msgpack.decode(packed)
            return self._decode_state(encode_msgpack(untyped)), None
        return None, misfit


def _custom_types(info: Any, seen: set[int]) -> Iterator[type]:
    """Yield the types inside a type that msgspec leaves to hooks."""
    if id(info) in seen:
        return
    seen.add(id(info))
    if isinstance(info, msgspec.inspect.CustomType):
        yield info.cls
    elif isinstance(info, tuple):
        for part in info:
            yield from _custom_types(part, seen)
    elif isinstance(info, msgspec.inspect.Type | msgspec.inspect.Field):
        for name in info.__struct_fields__:
            yield from _custom_types(getattr(info, name), seen)


def _empty_of(state_type: type[StateT]) -> Callable[[], StateT]:
    """Return the function that creates a new session's state: the type's defaults, or None."""
    try:
        state_type()
    except _OWN_ERRORS:
        return lambda: cast("StateT", None)
    return state_type
