"""Write and read claims as a msgpack array (SPEC section 3). Pure: no clock, no I/O."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from msgspec.msgpack import Decoder

from tokensession.errors import BadClaims
from tokensession.format.core_values import MAX_INT, hidden
from tokensession.format.nesting import SAFE_NESTING, nests_too_deep
from tokensession.format.state import UNREADABLE, check_subject, checked_text, encode_msgpack

MAX_SECONDS: Final = 2**32 - 1  # ttl and cap: 136 years
SID_BYTES: Final = 16
MAX_SIGNERS: Final = 15  # about 150 bytes; a policy keeps sessions below it (SPEC 7)

StateT = TypeVar("StateT")
Subject = str | int | None
_Kid = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{1,32}\Z")]
_Signers = Annotated[tuple[_Kid, ...], msgspec.Meta(min_length=1, max_length=MAX_SIGNERS)]


class Claims(msgspec.Struct, Generic[StateT], array_like=True, frozen=True, gc=False):
    """The claims of a token, in the order of its array. Later elements are ignored (SPEC 3)."""

    sid: Annotated[bytes, msgspec.Meta(min_length=SID_BYTES, max_length=SID_BYTES)]
    iat: Annotated[int, msgspec.Meta(ge=0, le=MAX_INT)]
    ttl: Annotated[int, msgspec.Meta(ge=1, le=MAX_SECONDS)]
    age: Annotated[int, msgspec.Meta(ge=0, le=MAX_INT)]
    sub: Annotated[int, msgspec.Meta(ge=-MAX_INT, le=MAX_INT)] | str | None
    state: StateT
    cap: Annotated[int, msgspec.Meta(ge=1, le=MAX_SECONDS)] | None = None
    pad: Any = None
    signers: _Signers | None = None
    auth: Annotated[int, msgspec.Meta(ge=0, le=MAX_INT)] | None = 0

    def __repr__(self) -> str:
        """Show no value."""
        return hidden(self)


UNORDERED: Final = "claims are not those of a session: age exceeds iat, or auth exceeds age"
TOO_DEEP: Final = f"claims are nested deeper than {SAFE_NESTING} levels"


def write_claims(
    sid: bytes,
    iat: int,
    ttl: int,
    age: int,
    sub: Subject,
    state: Any,
    cap: int | None,
    *,
    signers: tuple[str, ...] = (),
    auth: int | None = 0,
    pad_to: int = 0,
) -> bytes:
    """Return the msgpack array of the claims.

    Args:
        sid: 16 bytes.
        iat: Unix seconds.
        ttl: Seconds.
        age: Seconds from the session's start to `iat`.
        sub: The subject.
        state: The state from a format's `checked`.
        cap: Seconds, or None.
        signers: The other keys that have signed tokens of the session, oldest first.
        auth: Seconds from the session's start to the last authentication of its subject, or None if
            unknown.
        pad_to: Pad the claims to a multiple of this many bytes; 0 for no padding.

    Raises:
        StateError: The subject is not a str, int or None, or text is not valid UTF-8.
    """
    if sub is not None:
        check_subject(sub)
    claims: tuple[Any, ...] = (sid, iat, ttl, age, sub, state)
    later: tuple[Any, ...] = ()
    if cap is not None or signers or auth != 0 or pad_to:
        later = (signers or None, auth) if auth != 0 else (signers,) if signers else ()
        claims = (*claims, cap) if pad_to or not later else (*claims, cap, None, *later)
    try:
        packed = encode_msgpack(claims)
    except UnicodeEncodeError:
        packed = b""
    packed = packed or checked_text(claims, state)  # this names the place of the text
    return _padded(packed, pad_to, later) if pad_to else packed


_decode = Decoder(Claims[Any]).decode
_decode_packed = Decoder(Claims[msgspec.Raw]).decode
_decode_members = Decoder(Claims[dict[str, msgspec.Raw]]).decode


def check_nesting(plaintext: bytes) -> None:
    """Refuse claims that are nested too deeply for a small thread's stack.

    Raises:
        BadClaims: They are nested too deeply.
    """
    if nests_too_deep(plaintext):
        raise BadClaims(TOO_DEEP)


def read_claims(plaintext: bytes) -> Claims[Any]:
    """Return the claims in `plaintext`, with a state of any kind.

    Raises:
        BadClaims: The bytes are not an array of claims, a claim is out of range, the msgpack is
            malformed, or bytes follow it.
    """
    if len(plaintext) > SAFE_NESTING:
        check_nesting(plaintext)
    try:
        claims: Claims[Any] = _decode(plaintext)
        if claims.age <= claims.iat and (not claims.auth or claims.auth <= claims.age):
            return claims
        reason = UNORDERED
    except msgspec.ValidationError as error:
        reason = f"claims are not those of a session: {where_it_fails(error)}"
    except UNREADABLE:
        reason = "claims are not well-formed msgpack, or bytes follow them"
    # Raised outside the except blocks, so that no chained exception holds the claims.
    raise BadClaims(reason)


def packed_state(plaintext: bytes) -> bytes:
    """Return the packed state in claims that were read before."""
    return bytes(_decode_packed(plaintext).state)


def packed_members(plaintext: bytes) -> dict[str, msgspec.Raw]:
    """Return the members of the state in claims that were read before."""
    return _decode_members(plaintext).state


def _padded(packed: bytes, pad_to: int, later: tuple[Any, ...]) -> bytes:
    """Append the pad to an array of seven claims, then the later claims.

    The pad is a bin 8 of zeros, at most `pad_to` + 1 <= 257 bytes with its head.
    """
    tail = b"".join(map(encode_msgpack, later))
    missing = -(len(packed) + len(tail)) % pad_to
    if missing < 2:  # noqa: PLR2004  # the two bytes of a bin 8's head
        missing += pad_to
    zeros = missing - 2
    head = bytes((0x98 + len(later),))
    return head + packed[1:] + b"\xc4" + bytes((zeros,)) + bytes(zeros) + tail


_AT = re.compile(r"`\$\[(?P<index>\d)\](?P<rest>[^`]*)`|`\$(?P<path>[^`]*)`")
_NAMES = ("sid", "iat", "ttl", "age", "sub", "state", "cap", "pad", "signers", "auth")
_SAFE_REASON = re.compile(r"(Expected `[\w |]+`, got `\w+`|Object missing required field `\w+`)")


def where_it_fails(error: Exception, root: str = "claims") -> str:
    """Return the name of the field in msgspec's error, never the value.

    msgspec gives the path only in its text, and some texts quote the value. So only the path and
    two kinds of reason are used.
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
