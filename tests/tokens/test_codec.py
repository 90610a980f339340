"""Tokens, written and read (SPEC sections 4 and 5)."""

from __future__ import annotations

import gc
import logging
import os
import re
import threading
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import example, given
from hypothesis import strategies as st
from jwt.algorithms import HMACAlgorithm, OKPAlgorithm

import tokensession
from tests.conftest import NOW
from tests.format.test_state import core_values, text
from tokensession import (
    BadSignature,
    BadState,
    ConfigError,
    Expired,
    KeyRing,
    Malformed,
    Policy,
    SessionCodec,
    SessionTooLarge,
    StateError,
    TokenError,
    UnknownKey,
    decode,
    encode,
)
from tokensession.format.base64url import b64url_decode, b64url_encode
from tokensession.keys.jwk import generate_key
from tokensession.tokens import sealing
from tokensession.tokens.limits import CACHED_CIPHERS, MAX_TOKEN
from tokensession.tokens.sealing import derive

RINGS = [KeyRing.generate(algorithm) for algorithm in ("HS256", "Ed25519", "ES256")]
CODECS = [SessionCodec(ring) for ring in RINGS]
TOKENS = [codec.encode({"user_id": 42}, subject="42", now=NOW) for codec in CODECS]


def salt_of(token: str) -> bytes:
    """Return the salt in a token."""
    return b64url_decode(token.split(".")[1].encode())[1:9]


# -- what goes in comes out -----------------------------------------------------------------


@given(
    state=core_values,
    subject=st.none() | text | st.integers(-(2**53) + 1, 2**53 - 1),
    ttl=st.none() | st.integers(1, 2**32 - 1),
    cap=st.none() | st.integers(1, 2**32 - 1),
    now=st.integers(0, 2**53 - 1) | st.floats(0, 2**40),
    codec=st.sampled_from(CODECS),
)
def test_round_trip(
    state: Any, subject: Any, ttl: int | None, cap: int | None, now: float, codec: SessionCodec[Any]
) -> None:
    """Every field of every session comes back."""
    session = codec.decode(codec.encode(state, subject=subject, ttl=ttl, cap=cap, now=now), now=now)
    assert repr(session.state) == repr(state)
    assert session.subject == subject
    assert session.issued_at == session.started_at == int(now)
    assert session.ttl == min(ttl or 1800, cap or 2**32)
    assert session.expires_at == int(now) + session.ttl
    assert session.cap == cap
    assert len(session.sid) == 16
    assert session.context == "session"


def test_the_functions_are_the_codec_without_a_policy(ring: KeyRing) -> None:
    """They and a plain codec read each other's tokens; a context separates them alike."""
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


class Cart(msgspec.Struct):
    """A typed state."""

    user_id: int
    note: str = ""


def test_a_typed_state(ring: KeyRing) -> None:
    """It comes back as its type; another state is refused, after the token has expired not."""
    codec = SessionCodec(ring, state_type=Cart)
    assert codec.decode(codec.encode(Cart(7), now=NOW), now=NOW).state == Cart(7)
    other = encode({"user_id": "271828"}, ring, now=NOW)
    with pytest.raises(BadState, match=r"^state.user_id \(Expected int, got str\)") as caught:
        codec.decode(other, now=NOW)
    assert "271828" not in str(caught.value)
    with pytest.raises(Expired):
        codec.decode(other, now=NOW + 1800)
    with pytest.raises(StateError, match=r"^state.user_id"):
        codec.encode(Cart("x"), now=NOW)  # type: ignore[arg-type]


def test_whose_state_does_not_fit_is_known(ring: KeyRing) -> None:
    """So that the session can be ended; it began when it did, whatever its renewals."""
    plain = SessionCodec(ring, policy=Policy.owasp())
    session = plain.decode(plain.encode({"a": "x"}, subject="ada", now=NOW), now=NOW)
    token = plain.renew(session, now=NOW + 100)
    typed = SessionCodec(ring, policy=Policy.owasp(), state_type=dict[str, int])
    with pytest.raises(BadState) as caught:
        typed.decode(token, now=NOW + 100)
    assert caught.value.bearer == (session.sid, "ada", NOW, session.kid)


@pytest.mark.parametrize("padding", [2, 16, 256])
def test_padding_hides_the_length(hs256: KeyRing, padding: int) -> None:
    """States of about the same size give tokens of exactly the same size."""
    codec = SessionCodec(hs256, padding=padding)
    lengths = {len(codec.encode({"x": "y" * n})) for n in range(16)}
    assert len(lengths) <= 16 // padding + 1
    assert decode(codec.encode({"a": 1}), hs256).state == {"a": 1}


# -- stock libraries ------------------------------------------------------------------------


def test_a_stock_library_verifies_our_tokens(ring: KeyRing, algorithm: str) -> None:
    """To any JOSE library a token is an ordinary JWS, and a changed one is not."""
    token = encode({"user_id": 42}, ring)
    (key,) = ring
    jws = jwt.api_jws.PyJWS()
    stock_key: Any = key.public_key
    if algorithm == "HS256":
        assert key.secret is not None
        stock_key = derive(key.secret, b"sig", b"session")
    elif algorithm == "Ed25519":
        jws.register_algorithm("Ed25519", OKPAlgorithm())  # no name of RFC 9864 yet
    payload = jws.decode(token, stock_key, algorithms=[algorithm])
    assert payload[0] == 1
    assert jws.get_unverified_header(token) == {"alg": algorithm, "kid": key.kid}
    header, body, signature = token.split(".")
    with pytest.raises(jwt.InvalidSignatureError):
        jws.decode(f"{header}.B{body[1:]}.{signature}", stock_key, algorithms=[algorithm])


def test_the_pre_keyed_hmac_is_pyjwts() -> None:
    """The copied HMAC gives what PyJWT's algorithm gives for the whole input."""
    (key,) = RINGS[0]
    header, payload, signature = TOKENS[0].encode().split(b".")
    assert key.secret is not None
    hs256 = HMACAlgorithm(HMACAlgorithm.SHA256)
    mac = hs256.sign(header + b"." + payload, derive(key.secret, b"sig", b"session"))
    assert b64url_encode(mac) == signature


# -- whatever comes in ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "junk",
    ["", ".", "..", "...", "a.b.c", None, 7, 1.5, b"", b"\xff", [], {}, object(), True, "\ud800",
     "ä.b.c", "\0" * 10, "x" * 10_000_000, b"." * 10_000_000, "a.b." + "c" * 8189,
     bytearray(b"a.b.c")],
)  # fmt: skip
def test_junk_is_refused(ring: KeyRing, junk: Any) -> None:
    """Whatever it is, it ends in a TokenError."""
    with pytest.raises(TokenError):
        decode(junk, ring)


@pytest.mark.parametrize(
    ("junk", "reason"),
    [
        ("a.b", "2 segments; a token has 3"),
        ("x" * 8192, "1 segments; a token has 3"),
        ("x" * 8193, "8193 characters; a token has at most 8192"),
        ("ä.b.c", "a token is ASCII"),
        ("é" * 4096, "a token is ASCII"),
    ],
)
def test_what_is_framed_otherwise_is_refused_with_why(junk: str, reason: str) -> None:
    """As text and as bytes."""
    for token in (junk, junk.encode()):
        with pytest.raises(Malformed, match=reason):
            CODECS[0].decode(token, now=NOW)


@given(
    st.text() | st.binary() | st.text("AQgw-_.=+/ ", min_size=1).map(lambda tail: TOKENS[0] + tail)
)
@example(TOKENS[0] + "=")
def test_any_input_ends_in_a_token_error(junk: Any) -> None:
    """Arbitrary text and bytes raise nothing else."""
    with pytest.raises(TokenError):
        CODECS[0].decode(junk, now=NOW)


@pytest.mark.parametrize("number", range(3))
def test_every_truncation_is_refused(number: int) -> None:
    """From either end."""
    token, codec = TOKENS[number], CODECS[number]
    for length in range(len(token)):
        for part in (token[:length], token[len(token) - length :]):
            with pytest.raises(TokenError):
                codec.decode(part, now=NOW)


@pytest.mark.parametrize("number", range(3))
def test_every_bit_flip_is_refused(number: int) -> None:
    """Any single bit of the text, and any single bit of the decoded payload and signature."""
    token, codec = TOKENS[number].encode(), CODECS[number]
    for position in range(len(token)):
        for bit in range(8):
            flipped = bytearray(token)
            flipped[position] ^= 1 << bit
            with pytest.raises(TokenError):
                codec.decode(bytes(flipped), now=NOW)
    header, payload, signature = token.split(b".")
    for segment in (1, 2):
        data = b64url_decode((payload, signature)[segment - 1])
        for position in range(len(data)):
            flipped = bytearray(data)
            flipped[position] ^= 1 << (position % 8)
            parts = [header, payload, signature]
            parts[segment] = b64url_encode(bytes(flipped))
            with pytest.raises(BadSignature):
                codec.decode(b".".join(parts), now=NOW)


@given(
    st.sampled_from(range(3)), st.sampled_from(range(3)), st.integers(1, 200), st.integers(1, 200)
)
def test_splices_of_two_tokens_are_refused(a: int, b: int, cut: int, other_cut: int) -> None:
    """No part of one token goes with a part of another."""
    other = CODECS[b].encode({"user_id": 43}, subject="43", now=NOW)
    spliced = TOKENS[a][:cut] + other[other_cut:]
    if spliced not in (TOKENS[a], other):
        with pytest.raises(TokenError):
            CODECS[a].decode(spliced, now=NOW)


@pytest.mark.parametrize("number", range(3))
def test_swapped_segments_are_refused(number: int) -> None:
    """Of two tokens by the same key, any mixture but the two themselves."""
    one = TOKENS[number].split(".")
    two = CODECS[number].encode({"user_id": 43}, now=NOW).split(".")
    for choice in range(1, 7):
        mixed = [(one, two)[choice >> place & 1][place] for place in range(3)]
        if mixed not in (one, two):
            with pytest.raises(TokenError):
                CODECS[number].decode(".".join(mixed), now=NOW)


@given(
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60
    )
)
def test_another_context_is_refused(context: str) -> None:
    """A token of one purpose never reads in another, however alike the names are."""
    for ring, token in zip(RINGS, TOKENS, strict=True):
        if context != "session":
            with pytest.raises(TokenError) as caught:
                decode(token, ring, context=context, now=NOW)
            assert caught.value.code in ("bad_signature", "decrypt_failed")
            assert repr(context) in str(caught.value)


@pytest.mark.parametrize("context", ["", "a\0b", "x" * 256, "ä" * 128, "\ud800", None, 5, b"x"])
def test_wrong_contexts_are_refused(hs256: KeyRing, context: Any) -> None:
    """A context is 1 to 255 bytes of UTF-8 without a zero byte."""
    with pytest.raises(ConfigError, match="context"):
        SessionCodec(hs256, context=context)


def test_refusals_are_logged_by_code_only(hs256: KeyRing, caplog: pytest.LogCaptureFixture) -> None:
    """One line at DEBUG, without the token."""
    caplog.set_level(logging.DEBUG, logger="tokensession")
    with pytest.raises(Malformed):
        decode("secret-text", hs256)
    assert [record.getMessage() for record in caplog.records] == ["token refused: malformed"]
    assert caplog.records[0].levelname == "DEBUG"


def test_messages_never_hold_the_token() -> None:
    """Nor any part of it that is longer than a kid."""
    for number, token in enumerate(TOKENS):
        for broken in (
            token[:-1],
            token[:-1] + "!",
            token + "A",
            token[:-6] + "AAAAAA",
            "x" + token,
        ):
            with pytest.raises(TokenError) as caught:
                CODECS[number].decode(broken, now=NOW)
            parts = re.findall(r"[A-Za-z0-9_-]{12,}", str(caught.value))
            assert not any(part in token for part in parts)


def test_no_exception_but_token_errors_crosses_threads(ring: KeyRing) -> None:
    """Many threads share one codec, and each reads what it wrote."""
    codec = SessionCodec(ring)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for n in range(60):
                assert codec.decode(codec.encode([number, n])).state == [number, n]
        except BaseException as error:  # noqa: BLE001  # reported by the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# -- arguments ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"ttl": 0}, "ttl must be from 1"),
        ({"ttl": 1.5}, "ttl must be a whole number"),
        ({"ttl": 2**32}, "ttl must be from 1"),
        ({"cap": 0}, "cap must be from 1"),
        ({"cap": 3601}, "cap .3601 s. exceeds"),
        ({"cap": True}, "cap must be a whole"),
        ({"now": float("nan")}, "now must be a finite"),
        ({"now": -1}, "before 1970"),
    ],
)
def test_wrong_arguments_are_refused(hs256: KeyRing, arguments: Any, reason: str) -> None:
    """Each with its name and range."""
    codec = SessionCodec(hs256, policy=Policy(absolute_timeout=3600))
    with pytest.raises(ConfigError, match=reason):
        codec.encode({}, **arguments)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"keys": "session-keys.json"}, "keys must be a KeyRing, not str"),
        ({"keys": None}, "keys must be a KeyRing"),
        ({"policy": {"idle_timeout": 5}}, "policy must be a Policy"),
        ({"padding": 1}, "padding must be 0 or from 2"),
        ({"padding": 257}, "padding must be 0 or from 2 to 256"),
        ({"padding": True}, "padding must be a number"),
        ({"padding": "64"}, "padding must be a number"),
        ({"state_type": str | bytes}, "state_type is not supported"),
        ({"state_type": dict[bytes, complex] | list[int] | list[str]}, "state_type is not"),
    ],
)
def test_wrong_configurations_are_refused(hs256: KeyRing, arguments: Any, reason: str) -> None:
    """Where the codec is made, before any request."""
    with pytest.raises(ConfigError, match=reason):
        SessionCodec(arguments.pop("keys", hs256), **arguments)


def test_lifetimes_stay_within_the_rotation_config(hs256: KeyRing) -> None:
    """No token may outlive the time that the schedule leaves to old keys."""
    document = hs256.to_jwks(private=True) | {"rotation": {"token_lifetime": 1800}}
    ring = KeyRing.from_jwks(document)
    codec = SessionCodec(ring, policy=Policy(idle_timeout=1800))
    codec.encode({}, ttl=1800)
    with pytest.raises(ConfigError, match=r"ttl \(1801 s\) exceeds the token_lifetime \(1800 s\)"):
        codec.encode({}, ttl=1801)
    with pytest.raises(ConfigError, match=r"idle_timeout .1801 s. exceeds"):
        SessionCodec(ring, policy=Policy(idle_timeout=1801))


def test_the_default_lifetime_is_within_the_rotation_config(hs256: KeyRing) -> None:
    """Without a policy a token lives 1800 s, or less where the ring allows less."""
    document = hs256.to_jwks(private=True) | {"rotation": {"token_lifetime": 300}}
    ring = KeyRing.from_jwks(document)
    assert decode(encode({}, ring), ring).ttl == 300
    assert decode(encode({}, ring, ttl=200), ring).ttl == 200


def test_bytes_beyond_ascii_are_malformed(hs256: KeyRing) -> None:
    """As in text, and before the header is looked up."""
    with pytest.raises(Malformed, match="ASCII"):
        decode(b"\xff.a.b", hs256)


def test_a_reader_applies_its_limit_and_never_its_idle_timeout() -> None:
    """Idle was settled by whoever minted."""
    ring = KeyRing.generate("Ed25519")
    token = encode({}, ring, ttl=3000, now=NOW)
    reader = SessionCodec(ring.reader(), policy=Policy(idle_timeout=10, absolute_timeout=2000))
    assert reader.decode(token, now=NOW + 1999).expires_at == NOW + 2000
    with pytest.raises(Expired):
        reader.decode(token, now=NOW + 2000)


def test_the_size_limit(hs256: KeyRing) -> None:
    """A token of 8192 characters is written and read; what would be longer is refused."""
    room = next(n for n in range(6100, 5900, -1) if fits(hs256, n))
    token = encode("x" * room, hs256)
    assert MAX_TOKEN - 2 <= len(token) <= MAX_TOKEN
    assert decode(token, hs256).state == "x" * room
    with pytest.raises(SessionTooLarge, match=r"has \d+ characters; the format allows 8192") as no:
        encode("x" * (room + 3), hs256)
    assert no.value.size > no.value.limit == MAX_TOKEN


def fits(ring: KeyRing, length: int) -> bool:
    """Tell whether a text of that length fits into a token."""
    try:
        encode("x" * length, ring)
    except SessionTooLarge:
        return False
    return True


# -- expiry and renewal ---------------------------------------------------------------------


def test_idle_and_absolute_expiry(ring: KeyRing) -> None:
    """A session that is renewed in time lives until its absolute end, and not a second longer."""
    codec = SessionCodec(ring, policy=Policy(idle_timeout=600, absolute_timeout=1500))
    token, now = codec.encode({"n": 0}, subject=7, now=NOW), NOW
    first = codec.decode(token, now=NOW)
    while True:
        now += 500
        try:
            session = codec.decode(token, now=now)
        except Expired:
            break
        assert (session.sid, session.started_at, session.subject) == (first.sid, NOW, 7)
        session.state["n"] += 1
        token = codec.renew(session, now=now)
        renewed = codec.decode(token, now=now)
        assert renewed.expires_at == min(now + 600, NOW + 1500)
    assert now == NOW + 1500


def test_an_idle_window_as_long_as_the_session(hs256: KeyRing) -> None:
    """A session lives to the last second of it, as a new one says itself."""
    codec = SessionCodec(hs256, policy=Policy(idle_timeout=100, absolute_timeout=100))
    session = codec.decode(codec.encode({}, now=NOW), now=NOW + 99)
    assert session.expires_at == codec.new(now=NOW).expires_at == NOW + 100


def test_renewal_keeps_the_sessions_own_lifetime(hs256: KeyRing) -> None:
    """Its idle window and cap are those that it was given, whatever the policy says."""
    codec = SessionCodec(hs256, policy=Policy(absolute_timeout=1000, longest=50_000))
    session = codec.decode(codec.encode({}, ttl=9000, cap=20_000, now=NOW), now=NOW + 5000)
    renewed = codec.decode(codec.renew(session, now=NOW + 5000), now=NOW + 5000)
    assert (renewed.ttl, renewed.cap, renewed.started_at) == (9000, 20_000, NOW)
    late = codec.decode(codec.renew(renewed, now=NOW + 13_000), now=NOW + 19_999)
    assert late.ttl == 7000
    assert late.expires_at == NOW + 20_000


def test_renewal_at_the_end_writes_nothing(hs256: KeyRing) -> None:
    """A session whose limit has come is not renewed."""
    codec = SessionCodec(hs256, policy=Policy(absolute_timeout=100))
    session = codec.decode(codec.encode({}, now=NOW), now=NOW)
    assert codec.decode(codec.renew(session, now=NOW + 99), now=NOW + 99).ttl == 1
    with pytest.raises(Expired):
        codec.renew(session, now=NOW + 100)


def test_renewal_on_a_slow_clock(hs256: KeyRing) -> None:
    """A node that is behind never writes a date before the session's start."""
    codec = SessionCodec(hs256)
    session = codec.decode(codec.encode({}, now=NOW), now=NOW - 30)
    renewed = codec.decode(codec.renew(session, now=NOW - 30), now=NOW - 30)
    assert renewed.issued_at == renewed.started_at == NOW


def test_renewal_under_another_context_is_refused(hs256: KeyRing) -> None:
    """A session of one purpose must not become one of another."""
    session = decode(encode({}, hs256), hs256)
    with pytest.raises(ConfigError, match="context 'session'; this codec writes 'admin'"):
        SessionCodec(hs256, context="admin").renew(session)


def test_renewal_moves_to_the_active_key(algorithm: str) -> None:
    """After a rotation, also to another algorithm, the session goes on under the new key."""
    ring = KeyRing.generate(algorithm, kid="old")
    for successor in ("HS256", "Ed25519", "ES256"):
        rotated = ring.add(successor, now=NOW)
        codec = SessionCodec(rotated)
        session = codec.decode(encode({"n": 1}, ring, now=NOW), now=NOW + 900)
        renewed = codec.decode(codec.renew(session, now=NOW + 900), now=NOW + 900)
        assert (session.kid, renewed.state, renewed.sid) == ("old", {"n": 1}, session.sid)
        assert rotated[renewed.kid].algorithm == successor


# -- salts, nonces and caches ---------------------------------------------------------------


def test_salt_and_nonce_never_repeat(hs256: KeyRing) -> None:
    """Nonces are fresh for each token, and a salt serves 4096 tokens at the most."""
    codec = SessionCodec(hs256)
    tokens = [codec.encode({}, now=NOW) for _ in range(2 * 4096 + 10)]
    seen = {b64url_decode(token.split(".")[1].encode())[1:21] for token in tokens}
    assert len(seen) == len(tokens)
    salts = [salt_of(token) for token in tokens]
    assert len(set(salts)) == 3
    assert {salts.count(salt) for salt in set(salts)} == {4096, 10}


def test_a_salt_ages(hs256: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    """After 15 minutes of the monotonic clock a new one is drawn."""
    clock = 1000.0
    monkeypatch.setattr(sealing, "monotonic", lambda: clock)
    codec = SessionCodec(hs256)
    first = salt_of(codec.encode({}))
    clock += 900 - 0.001
    assert salt_of(codec.encode({})) == first
    clock += 0.001
    assert salt_of(codec.encode({})) != first


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_draws_its_own_salt(hs256: KeyRing) -> None:
    """After a fork parent and child never seal under the same salt."""
    codec = SessionCodec(hs256)
    before = salt_of(codec.encode({}))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover  # runs in the child
        try:
            os.write(writing, salt_of(codec.encode({})))
        finally:
            os._exit(0)
    os.close(writing)
    childs = os.read(reading, 9)
    os.close(reading)
    os.waitpid(child, 0)
    assert len(childs) == 8
    assert childs != before
    assert salt_of(codec.encode({})) == before


def test_threads_share_a_salt_within_its_bound(hs256: KeyRing) -> None:
    """However threads meet, no salt seals more than 4096 tokens."""
    codec = SessionCodec(hs256)
    salts: list[bytes] = []

    def work() -> None:
        salts.extend(salt_of(codec.encode({})) for _ in range(2500))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(salts.count(salt) for salt in set(salts)) <= 4096


def test_derived_keys_are_cached_after_authentication_only(
    hs256: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forged tokens derive nothing; genuine ones derive once per salt; the cache is bounded."""
    reader = SessionCodec(hs256)
    derived: list[bytes] = []
    made = AESGCM

    def counting(key: bytes) -> AESGCM:
        derived.append(key)
        return made(key)

    monkeypatch.setattr(sealing, "AESGCM", counting)
    header, payload, signature = encode({}, hs256).split(".")
    derived.clear()
    for n in range(100):
        forged = b64url_encode(b"\x01" + n.to_bytes(8, "big") + bytes(40)).decode()
        with pytest.raises(BadSignature):
            reader.decode(f"{header}.{forged}.{signature}")
    assert derived == []
    for _ in range(3):
        reader.decode(f"{header}.{payload}.{signature}")
    assert len(derived) == 1
    for _ in range(CACHED_CIPHERS + 5):
        reader.decode(SessionCodec(hs256).encode({}))
    assert reader._cipher.cache_info().currsize == CACHED_CIPHERS


def test_a_dropped_codec_drops_its_keys() -> None:
    """Nothing global keeps the secrets of a codec that is no longer used."""
    gc.collect()
    before = sum(type(thing) is sealing.TokenKey for thing in gc.get_objects())
    codec = SessionCodec(KeyRing.generate())
    codec.decode(codec.encode({}))
    del codec
    gc.collect()
    after = sum(type(thing) is sealing.TokenKey for thing in gc.get_objects())
    assert after == before


def test_a_thousand_keys_cost_a_lookup() -> None:
    """Reading one token of a large ring derives for one key, and asks no other."""
    ring = KeyRing.generate(kid="first")
    token = encode({}, ring)
    large = ring
    keys = [*ring, *(key for n in range(999) for key in KeyRing.generate(kid=f"k{n}"))]
    large = KeyRing(keys)
    codec = SessionCodec(large)
    assert codec.decode(token).kid == "first"
    ready = [key for key in codec._rings.current.by_header.values() if key.ready is not None]
    assert [key.kid for key in ready] == ["first"]


def test_the_kid_of_an_unknown_header_is_not_repeated(hs256: KeyRing) -> None:
    """What an attacker writes into a header reaches no log."""
    header = b64url_encode(b'{"alg":"HS256","kid":"evil-kid-with-newline"}').decode()
    with pytest.raises(UnknownKey) as caught:
        decode(f"{header}.AAAA.AAAA", hs256)
    assert "evil" not in str(caught.value)
    assert tokensession.UnknownKey is UnknownKey


# -- sessions that began elsewhere ----------------------------------------------------------

BOUNDED: SessionCodec[Any] = SessionCodec(
    RINGS[0], policy=Policy(idle_timeout=50, absolute_timeout=1000)
)


@pytest.mark.parametrize(("age", "left"), [(0, 50), (949, 50), (950, 50), (951, 49), (999, 1)])
def test_what_is_adopted_keeps_its_start(age: int, left: int) -> None:
    """Its token lives for an idle window, or for what is left of the session, to the second."""
    token = BOUNDED.adopt(
        {"a": 1}, sid=b"s" * 16, start=NOW - age, subject="ada", cap=None, now=NOW
    )
    session = BOUNDED.decode(token, now=NOW)
    assert (session.sid, session.subject, session.state) == (b"s" * 16, "ada", {"a": 1})
    assert (session.started_at, session.issued_at) == (NOW - age, NOW)
    assert session.expires_at == NOW + left


def test_what_begins_in_a_moment_is_adopted_from_then_on() -> None:
    """Where another clock is ahead, no token is older than its session."""
    token = BOUNDED.adopt({}, sid=bytes(16), start=NOW + 5, subject=None, cap=None, now=NOW)
    session = BOUNDED.decode(token, now=NOW)
    assert (session.started_at, session.issued_at) == (NOW + 5, NOW + 5)


@pytest.mark.parametrize(("age", "cap"), [(1000, None), (1001, None), (60, 60)])
def test_what_has_ended_is_not_adopted(age: int, cap: int | None) -> None:
    """By the policy's limit or by the session's own, from its very second on."""
    with pytest.raises(Expired, match="not taken over"):
        BOUNDED.adopt({}, sid=bytes(16), start=NOW - age, subject=None, cap=cap, now=NOW)


def test_a_cap_is_held_against_the_policy() -> None:
    """As much as is granted passes, and no cap does; a second more is refused."""
    BOUNDED.check_cap(None)
    BOUNDED.check_cap(1000)
    with pytest.raises(ConfigError, match="exceeds the policy's longest"):
        BOUNDED.check_cap(1001)


@pytest.mark.parametrize("ring", RINGS, ids=("HS256", "Ed25519", "ES256"))
def test_the_length_of_a_token_is_known_before_it_is_made(ring: KeyRing) -> None:
    """To the character, whatever the rest of the division by three."""
    (key,) = SessionCodec(ring)._rings.current.by_header.values()
    for size in range(1, 40):
        token = key.token(bytes(size), key.salt(), bytes(12))
        assert key.token_length(size) == len(token)


@pytest.mark.parametrize("wrong", [2**53, float("nan"), object(), "\ud800", {1: 2}])
def test_what_would_change_on_the_way_is_never_sealed(wrong: Any) -> None:
    """In any state that is written: of a new session, a renewed one, and one from elsewhere."""
    session = CODECS[0].decode(TOKENS[0], now=NOW)
    session.state["wrong"] = wrong
    with pytest.raises(StateError, match=r"^state\.wrong"):
        CODECS[0].encode({"wrong": wrong}, now=NOW)
    with pytest.raises(StateError, match=r"^state\.wrong"):
        CODECS[0].renew(session, now=NOW)
    with pytest.raises(StateError, match=r"^state\.wrong"):
        CODECS[0].adopt({"wrong": wrong}, sid=bytes(16), start=NOW, subject=None, cap=None, now=NOW)


@pytest.mark.parametrize("ring", RINGS, ids=("HS256", "Ed25519", "ES256"))
def test_what_was_derived_is_kept_for_the_same_material_alone(ring: KeyRing) -> None:
    """Not for another secret, nor where a reader takes a minter's place."""
    (key,) = ring
    first = sealing.TokenKey(key, b"session")
    salt, signature = first.salt(), first.signature
    same = sealing.TokenKey(key.with_members(exp=NOW), b"session", former=first)
    assert same.salt() is salt
    assert same.signature is signature
    others = [next(iter(KeyRing.generate(key.algorithm, kid=key.kid)))]
    if key.algorithm != "HS256":
        others.append(key.reader())
    for other in others:
        assert not first.has_material_of(other)
        assert sealing.TokenKey(other, b"session", former=first).signature is not signature


def test_a_tombstone_derives_nothing() -> None:
    """It is no key's equal, not even its own, and says what it lacks."""
    (key,) = RINGS[0]
    tombstone = sealing.TokenKey(key.with_members(revoked={}).tombstone(), b"session")
    assert not tombstone.has_material_of(tombstone.key)
    with pytest.raises(ConfigError, match="has no material left"):
        tombstone.cipher(bytes(8))


def test_a_successor_signs_from_its_very_second_on() -> None:
    """Not a second later, whatever was found for the one before."""
    first, second = (generate_key(kid=kid, nbf=nbf)
                     for kid, nbf in (("a", NOW), ("b", NOW + 100)))  # fmt: skip
    codec = SessionCodec(KeyRing([first, second]))
    for now, kid in ((NOW, "a"), (NOW + 99, "a"), (NOW + 100, "b"), (NOW + 99, "a")):
        assert codec.decode(codec.encode({}, now=now), now=now).kid == kid


def test_a_key_is_retiring_from_the_very_second_on() -> None:
    """Two that are due at once: one signs, and what the other signed alone is renewed."""
    first, second = (generate_key(kid=kid, nbf=NOW) for kid in ("a", "b"))
    session = SessionCodec(KeyRing([first])).new(now=NOW)
    token = SessionCodec(KeyRing([first])).renew(session, now=NOW)
    both = SessionCodec(KeyRing([first, second]))
    assert both.renewal_is_due(both.decode(token, now=NOW), now=NOW)
    assert not both.renewal_is_due(both.decode(both.renew(session, now=NOW), now=NOW), now=NOW)


def test_there_is_a_signer_from_the_first_second_on() -> None:
    """The epoch is an instant like any other."""
    codec = SessionCodec(RINGS[0])
    assert codec.decode(codec.encode({}, now=0), now=0).issued_at == 0


def test_a_ring_without_a_signer_says_so() -> None:
    """What is missing, and what to do about it."""
    reader = SessionCodec(KeyRing.generate("Ed25519").reader())
    with pytest.raises(ConfigError, match="no key of the ring can sign"):
        reader.encode({}, now=NOW)
