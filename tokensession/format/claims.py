"""Claims as a msgpack array, written and read (SPEC section 3). Pure: no clock, no I/O."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, Protocol, TypeVar, cast

import msgspec
from msgspec.msgpack import Decoder

from tokensession.errors import BadClaims, BadState, StateError
from tokensession.format.lazy_state import Members
from tokensession.format.nesting import SAFE_NESTING, nests_too_deep
from tokensession.format.state import (
    MAX_INT,
    OVERFLOW_KEY,
    UNREADABLE,
    UNWRITABLE,
    check_subject,
    checked_state,
    checked_text,
    encode_msgpack,
    is_plain,
)

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_SECONDS: Final = 2**32 - 1  # ttl and cap: 136 years
SID_BYTES: Final = 16

StateT = TypeVar("StateT")
Subject = str | int | None


class Claims(msgspec.Struct, Generic[StateT], array_like=True, frozen=True, gc=False):
    """What a token says, in the order of its array. Later elements are ignored (SPEC 3)."""

    sid: Annotated[bytes, msgspec.Meta(min_length=SID_BYTES, max_length=SID_BYTES)]
    iat: Annotated[int, msgspec.Meta(ge=0, le=MAX_INT)]
    ttl: Annotated[int, msgspec.Meta(ge=1, le=MAX_SECONDS)]
    age: Annotated[int, msgspec.Meta(ge=0, le=MAX_INT)]
    sub: Annotated[int, msgspec.Meta(ge=-MAX_INT, le=MAX_INT)] | str | None
    state: StateT
    cap: Annotated[int, msgspec.Meta(ge=1, le=MAX_SECONDS)] | None = None
    pad: Any = None


# What the checks of an application's own type may raise, besides msgspec's errors: anything.
_OWN_ERRORS: Final = (Exception,)
_AGE: Final = "claims are not those of a session: age exceeds iat"
_TOO_DEEP: Final = f"claims are nested deeper than {SAFE_NESTING} levels"


def write_claims(
    sid: bytes,
    iat: int,
    ttl: int,
    age: int,
    sub: Subject,
    state: Any,
    cap: int | None,
    *,
    pad_to: int = 0,
) -> bytes:
    """Return the msgpack array of the claims.

    Args:
        sid: 16 bytes.
        iat: Unix seconds.
        ttl: Seconds.
        age: Seconds from the session's start to `iat`.
        sub: Whose session.
        state: As a format's `checked` gives it.
        cap: Seconds, or None.
        pad_to: Zeros are added up to a multiple of this many bytes; 0 adds none.

    Raises:
        StateError: A subject that is no str, int or None, or text that UTF-8 cannot hold.
    """
    if sub is not None:
        check_subject(sub)
    claims: tuple[Any, ...] = (sid, iat, ttl, age, sub, state)
    if cap is not None or pad_to:
        claims = (*claims, cap)
    try:
        packed = encode_msgpack(claims)
    except UnicodeEncodeError:
        packed = b""
    packed = packed or checked_text(claims, state)  # which says where the text is
    return _pad(packed, pad_to) if pad_to else packed


class StateFormat(Protocol[StateT]):
    """How the state of one codec's claims is checked, read and begun."""

    rewrites_alike: bool  # whether a state that is read and written again has the same bytes

    @property
    def empty(self) -> Callable[[], StateT]:
        """What makes the state of a new session."""
        ...

    def checked(self, state: StateT, packed: bytes | None = None) -> Any:
        """Return what goes into the claims, or raise a StateError.

        Args:
            state: The state.
            packed: The state in msgpack, where that is known.
        """
        ...

    def read(self, plaintext: bytes) -> tuple[Claims[StateT], str | None]:
        """Return claims, and None or how the state misses the type, or raise BadClaims."""
        ...

    def pack(self, state: StateT, former: bytes | None) -> msgspec.Raw:
        """Return a state as msgpack that reads back as it is, or raise a StateError.

        What has the same bytes in the state that was read (`former`) need not be checked again.
        """
        ...

    def read_state(self, packed: bytes) -> StateT:
        """Return a state that was kept apart from its claims, or raise BadState."""
        ...


class UntypedState:
    """Claims whose state is made of core values."""

    __slots__ = ()
    rewrites_alike = True  # as every writer uses the shortest forms (SPEC 3)
    _decode = Decoder(Claims[Any]).decode
    _members = Decoder(dict[str, msgspec.Raw]).decode
    empty = dict[str, Any]

    def checked(self, state: Any, packed: bytes | None = None) -> Any:
        """Return what goes into the claims.

        Raises:
            StateError: A value that would be changed on the way; the path says where.
        """
        if type(state) is Members:
            state = state.whole()
        if type(state) is not dict or OVERFLOW_KEY in state or not is_plain(state, 1):
            checked_state(state)  # which says what is wrong, if anything is
        return state if packed is None else msgspec.Raw(packed)

    def read(self, plaintext: bytes) -> tuple[Claims[Any], None]:
        """Return the claims in `plaintext`, with whatever state they hold.

        Raises:
            BadClaims: Not an array of claims, a claim out of range, malformed msgpack anywhere,
                or bytes after its end.
        """
        if len(plaintext) > SAFE_NESTING and nests_too_deep(plaintext):
            raise BadClaims(_TOO_DEEP)
        try:
            claims: Claims[Any] = self._decode(plaintext)
            if claims.age <= claims.iat:
                return claims, None
            reason = _AGE
        except msgspec.ValidationError as error:
            reason = f"claims are not those of a session: {_where(error)}"
        except UNREADABLE:
            reason = "claims are not well-formed msgpack, or bytes follow them"
        # Said here, so that no exception behind this one holds the claims.
        raise BadClaims(reason)

    def pack(self, state: Any, former: bytes | None) -> msgspec.Raw:
        """Return a state as msgpack, after checking those of its members that have changed.

        Raises:
            StateError: A value that would be changed on the way; the path says where.
        """
        if type(state) is Members:
            with contextlib.suppress(*UNWRITABLE):
                return msgspec.Raw(self._checked(state.changed(), state))
            state = state.whole()
        if former is not None and type(state) is dict:
            with contextlib.suppress(*UNWRITABLE):
                known = self._members(former)
                members = {key: msgspec.Raw(encode_msgpack(item)) for key, item in state.items()}
                changed = {key: state[key] for key, raw in members.items() if known.get(key) != raw}
                return msgspec.Raw(self._checked(changed, members))
        return msgspec.Raw(self._checked(state, state))

    @staticmethod
    def _checked(changed: Any, state: Any) -> bytes:
        checked_state(changed)
        return checked_text(state, changed)

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


class TypedState(Generic[StateT]):
    """Claims whose state has the application's own type.

    Args:
        state_type: Any type that msgspec turns into core values and back.

    Raises:
        TypeError: A type that msgspec does not support; the text says which part.
    """

    __slots__ = ("_decode", "_decode_state", "_name", "empty")
    rewrites_alike = False  # a type can have got another field since

    def __init__(self, state_type: type[StateT]) -> None:
        self._name = getattr(state_type, "__name__", str(state_type))
        self._decode_state = Decoder(state_type).decode
        self.empty: Callable[[], StateT] = _empty_of(state_type)
        self._decode = Decoder(
            Claims[state_type]  # type: ignore[valid-type]  # a type known only when this runs
        ).decode

    def checked(self, state: StateT, packed: bytes | None = None) -> msgspec.Raw:
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

    def pack(self, state: StateT, former: bytes | None) -> msgspec.Raw:  # noqa: ARG002  # all of it
        """Return what `checked` does."""
        return self.checked(state)

    def read(self, plaintext: bytes) -> tuple[Claims[StateT], str | None]:
        """Return the claims, and None or how the state misses the type (for step 10).

        Raises:
            BadClaims: As for an untyped state.
        """
        if len(plaintext) > SAFE_NESTING and nests_too_deep(plaintext):
            raise BadClaims(_TOO_DEEP)
        claims: Claims[StateT] | None = None
        misfit = "state"
        try:
            claims = self._decode(plaintext)
        except _OWN_ERRORS as error:
            if isinstance(error, msgspec.ValidationError):
                misfit = _where(error)
        if claims is None:
            # The same bytes, untyped: whatever is wrong with the claims themselves comes first.
            untyped, _ = UntypedState().read(plaintext)
            # msgspec holds each of two equal keys against the type; the last alone counts (SPEC 3),
            # and is all that is left in the untyped state.
            with contextlib.suppress(*_OWN_ERRORS):
                state = self._decode_state(encode_msgpack(untyped.state))
                return msgspec.structs.replace(untyped, state=state), None
            return cast("Claims[StateT]", untyped), f"{misfit} does not fit {self._name}"
        if claims.age > claims.iat:
            raise BadClaims(_AGE)
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

    def _fit(self, packed: bytes) -> tuple[StateT | None, str | None]:
        """Return the state in `packed` and None, or None and how it misses the type."""
        try:
            return self._decode_state(packed), None
        except _OWN_ERRORS as error:
            described = isinstance(error, msgspec.ValidationError)
            return None, _where(error, "state") if described else "state"


def _empty_of(state_type: type[StateT]) -> Callable[[], StateT]:
    """Return what makes the state of a new session: the type's defaults, or None without them."""
    try:
        state_type()
    except (TypeError, ValueError):
        return lambda: cast("StateT", None)
    return state_type


def _pad(packed: bytes, pad_to: int) -> bytes:
    """Append the pad to an array of seven: a bin 8 of zeros, at most `pad_to` + 1 <= 257 bytes."""
    missing = -len(packed) % pad_to
    if missing < 2:  # noqa: PLR2004  # the two bytes that a bin 8 begins with
        missing += pad_to
    zeros = missing - 2
    return b"\x98" + packed[1:] + b"\xc4" + bytes((zeros,)) + bytes(zeros)


_AT = re.compile(r"`\$\[(?P<index>\d)\](?P<rest>[^`]*)`|`\$(?P<path>[^`]*)`")
_NAMES = ("sid", "iat", "ttl", "age", "sub", "state", "cap", "pad")
_SAFE_REASON = re.compile(r"(Expected `[\w |]+`, got `\w+`|Object missing required field `\w+`)")


def _where(error: Exception, root: str = "claims") -> str:
    """Name the field that msgspec complains of, and never the value.

    msgspec gives the path only in its text, and some of its texts quote the value; so only the
    path and two kinds of reason are taken over.
    """
    text = str(error)
    found = _AT.search(text)
    if found is None:
        where = root
    elif found["index"] is not None and root == "claims":
        where = _NAMES[int(found["index"])] + found["rest"]
    else:
        where = root + (found["path"] or "")
    reason = _SAFE_REASON.match(text)
    return f"{where} ({reason[0].replace('`', '')})" if reason else where
