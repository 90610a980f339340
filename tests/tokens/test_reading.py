"""Reading a token (SPEC section 5): what is accepted, and why the rest is refused."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import example, given
from hypothesis import strategies as st

import tokensession
from tests.conftest import NOW
from tests.tokens.samples import CODECS, RINGS, TOKENS
from tokensession import (
    BadSignature,
    Expired,
    KeyRing,
    Malformed,
    Policy,
    SessionCodec,
    TokenError,
    UnknownKey,
    decode,
    encode,
)
from tokensession.format.base64url import b64url_decode, b64url_encode
from tokensession.tokens import sealing
from tokensession.tokens.limits import CACHED_CIPHERS


@pytest.mark.parametrize(
    "junk",
    ["", ".", "..", "...", "a.b.c", None, 7, 1.5, b"", b"\xff", [], {}, object(), True, "\ud800",
     "ä.b.c", "\0" * 10, "x" * 10_000_000, b"." * 10_000_000, "a.b." + "c" * 8189,
     bytearray(b"a.b.c")],
)  # fmt: skip
def test_junk_is_refused(ring: KeyRing, junk: Any) -> None:
    """Any junk is refused with a TokenError."""
    with pytest.raises(TokenError):
        decode(junk, ring)


@pytest.mark.parametrize(
    ("junk", "reason"),
    [
        ("a.b", "2 segments instead of 3"),
        ("x" * 8192, "1 segments instead of 3"),
        ("x" * 8193, "8193 characters, but a token has at most 8192"),
        ("ä.b.c", "a token must be ASCII"),
        ("é" * 4096, "a token must be ASCII"),
    ],
)
def test_what_is_framed_otherwise_is_refused_with_why(junk: str, reason: str) -> None:
    """Wrong framing is refused with its reason, as text and as bytes."""
    for token in (junk, junk.encode()):
        with pytest.raises(Malformed, match=reason):
            CODECS[0].decode(token, now=NOW)


def test_bytes_beyond_ascii_are_malformed(hs256: KeyRing) -> None:
    """Bytes beyond ASCII are malformed, before the header is looked up."""
    with pytest.raises(Malformed, match="ASCII"):
        decode(b"\xff.a.b", hs256)


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
    """A token that is cut at either end is refused."""
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
    """Any mixture of the segments of two tokens is refused, also by the same key."""
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


def test_refusals_are_logged_by_code_only(hs256: KeyRing, caplog: pytest.LogCaptureFixture) -> None:
    """One line at DEBUG, without the token."""
    caplog.set_level(logging.DEBUG, logger="tokensession")
    with pytest.raises(Malformed):
        decode("secret-text", hs256)
    assert [record.getMessage() for record in caplog.records] == ["token refused: malformed"]
    assert caplog.records[0].levelname == "DEBUG"


def test_messages_never_hold_the_token() -> None:
    """No message of an error holds the token, or a part of it longer than a kid."""
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


def test_the_kid_of_an_unknown_header_is_not_repeated(hs256: KeyRing) -> None:
    """What an attacker writes into a header reaches no log."""
    header = b64url_encode(b'{"alg":"HS256","kid":"evil-kid-with-newline"}').decode()
    with pytest.raises(UnknownKey) as caught:
        decode(f"{header}.AAAA.AAAA", hs256)
    assert "evil" not in str(caught.value)
    assert tokensession.UnknownKey is UnknownKey


def test_a_reader_applies_its_limit_and_never_its_idle_timeout() -> None:
    """A reader applies its absolute timeout, and leaves the idle timeout to the minter."""
    ring = KeyRing.generate("Ed25519")
    token = encode({}, ring, ttl=3000, now=NOW)
    reader = SessionCodec(ring.reader(), policy=Policy(idle_timeout=10, absolute_timeout=2000))
    assert reader.decode(token, now=NOW + 1999).expires_at == NOW + 2000
    with pytest.raises(Expired):
        reader.decode(token, now=NOW + 2000)


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
    for _ in range(CACHED_CIPHERS):
        reader.decode(SessionCodec(hs256).encode({}))
    derived.clear()
    reader.decode(f"{header}.{payload}.{signature}")
    assert len(derived) == 1  # pushed out by the others


def test_a_thousand_keys_cost_a_lookup() -> None:
    """Reading one token of a large ring derives for one key, and asks no other."""
    ring = KeyRing.generate(kid="first")
    token = encode({}, ring)
    keys = [*ring, *(key for n in range(999) for key in KeyRing.generate(kid=f"k{n}"))]
    codec = SessionCodec(KeyRing(keys))
    assert codec.decode(token).kid == "first"
    ready = [key for key in codec.rings.current().by_header.values() if key.ready is not None]
    assert [key.kid for key in ready] == ["first"]


def test_a_token_that_is_opened_says_what_it_holds() -> None:
    """Steps 1 to 8 ask no store, and keep the very bytes of the claims."""
    codec = CODECS[0]
    token = codec.encode({"a": 1}, subject="ada", now=NOW)
    opened = codec.reader.open(token, NOW + 9, codec.rings.current())
    session = codec.decode(token, now=NOW + 9)
    assert (opened.claims.sid, opened.claims.sub) == (session.sid, "ada")
    assert (opened.started_at, opened.dies_at) == (NOW, session.expires_at)
    assert (opened.kid, opened.misfit) == (session.kid, None)
    assert opened.plaintext.endswith(b"\x81\xa1a\x01")


def test_a_reader_of_one_ring_knows_that_ring_alone() -> None:
    """Keys are given to each reading, so a request sees one ring throughout."""
    codec = CODECS[0]
    other = SessionCodec(KeyRing.generate()).rings.current()
    with pytest.raises(UnknownKey):
        codec.reader.open(TOKENS[0], NOW, other)
