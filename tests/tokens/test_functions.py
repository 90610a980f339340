"""The two functions for tokens without a codec."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.conftest import NOW
from tokensession import (
    BadSignature,
    ConfigError,
    Expired,
    KeyRing,
    SessionCodec,
    TokenError,
    decode,
    encode,
)  # fmt: skip

if TYPE_CHECKING:
    from typing import Any


def test_the_functions_are_a_codec(ring: KeyRing) -> None:
    """They and a codec read each other's tokens; a context separates them alike."""
    codec = SessionCodec(ring, context="api")
    assert decode(codec.encode({"a": 1}), ring, context="api").state == {"a": 1}
    assert codec.decode(encode({"a": 1}, ring, context="api", ttl=9)).ttl == 9
    with pytest.raises(BadSignature if codec_is_symmetric(ring) else TokenError, match="'session'"):
        decode(codec.encode({}), ring)


def codec_is_symmetric(ring: KeyRing) -> bool:
    """Tell whether the context is part of the signing key."""
    return next(iter(ring)).algorithm == "HS256"


def test_bytes_are_a_token_too(ring: KeyRing) -> None:
    """Frameworks that hand out bytes need no detour."""
    assert decode(encode({"a": 1}, ring).encode(), ring).state == {"a": 1}


def test_a_session_shows_no_state_and_no_subject(hs256: KeyRing) -> None:
    """Its repr is fit for a log."""
    session = decode(encode({"pin": 271828}, hs256, subject="zoë"), hs256)
    assert "271828" not in repr(session)
    assert "zoë" not in repr(session)
    assert session.sid.hex() in repr(session)


@pytest.mark.parametrize(
    ("lifetime", "ttl"),
    [({}, 1800), ({"ttl": 2**31}, 2**31), ({"cap": 60}, 60), ({"ttl": timedelta(days=1)}, 86400)],
)
def test_only_a_cap_limits_them(hs256: KeyRing, lifetime: dict[str, Any], ttl: int) -> None:
    """A token lives for its ttl, however long, and renewals end at its own cap alone."""
    token = encode({}, hs256, now=NOW, **lifetime)
    assert decode(token, hs256, now=NOW + ttl - 1).expires_at == NOW + ttl
    with pytest.raises(Expired):
        decode(token, hs256, now=NOW + ttl)


def test_a_ttl_beyond_the_cap_is_refused(hs256: KeyRing) -> None:
    """It would be cut."""
    with pytest.raises(ConfigError, match="exceeds the cap"):
        encode({}, hs256, ttl=61, cap=60)


def test_a_codec_in_the_place_of_keys_is_told_from_other_mistakes(hs256: KeyRing) -> None:
    """The error says that the codec has methods of these names."""
    codec: Any = SessionCodec(hs256)
    with pytest.raises(ConfigError, match=r"call codec.encode\(state\)"):
        encode({}, codec)
    with pytest.raises(ConfigError, match=r"codec.decode\(token\)"):
        decode("a.b.c", codec)
    with pytest.raises(ConfigError, match=r"SessionManager\(codec\)"):
        SessionCodec(codec)


def test_wrong_keys_are_refused_where_they_are_used() -> None:
    """What cannot be hashed too."""
    wrong: list[Any] = ["keys.json", ["keys.json"], None, {}]
    for keys in wrong:
        with pytest.raises(ConfigError, match="keys must be a KeyRing"):
            encode({}, keys)
