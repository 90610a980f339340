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

# What the checks of an application's own type may raise, besides msgspec's errors: anything.
_OWN_ERRORS: Final = (Exception,)


class TypedState(Generic[StateT]):
    """A state of the application's own type.

    Args:
        state_type: Any type that msgspec turns into core values and back.
        convert: Returns what values that msgspec does not know are written as, or None.

    Attributes:
        pack: As for an untyped state.
        empty: Makes the state of a new session.
        lacks: The fields without a default, in words; empty where there are none.

    Raises:
        TypeError: A type that msgspec does not support, or in it one that it leaves to hooks, such
            as a pydantic model; the text says which.
    """

    __slots__ = ("_decode", "_decode_state", "_name", "empty", "lacks", "pack")

    def __init__(self, state_type: type[StateT], convert: Convert | None = None) -> None:
        self.pack: Callable[[Any], bytes | None] = comparer(convert)
        self._name = getattr(state_type, "__name__", str(state_type))
        self._decode_state = Decoder(state_type).decode
        described = msgspec.inspect.type_info(state_type)
        for unknown in _custom_types(described, set()):
            raise TypeError(
                f"msgspec cannot read {unknown.__name__} back; use a dataclass, a msgspec.Struct "
                "or a pydantic dataclass"
            )
        self.empty: Callable[[], StateT] = _empty_of(state_type)
        required = [field.name for field in getattr(described, "fields", ()) if field.required]
        self.lacks: str = (required and f"{self._name} requires {', '.join(required)}") or ""
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
        if claims.age <= claims.iat and (not claims.auth or claims.auth <= claims.age):
            return claims, None
        raise BadClaims(UNORDERED)

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
        with contextlib.suppress(BadState):
            return self.pack(self.read_state(packed))
        return None

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
        packed = packed or self.pack(state)
        try:
            core = msgspec.msgpack.decode(packed or b"")
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


def _custom_types(info: Any, seen: set[int]) -> Iterator[type]:
    """Find the types in a type, as msgspec describes it, that it leaves to hooks."""
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
    """Return what makes the state of a new session: the type's defaults, or None without them."""
    try:
        state_type()
    except (TypeError, ValueError):
        return lambda: cast("StateT", None)
    return state_type
