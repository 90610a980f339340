"""Base64url has one spelling (SPEC section 2)."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensession.format.base64url import _ALPHABET, NotCanonical, b64url_decode, b64url_encode


@given(st.binary(min_size=1))
def test_round_trip(data: bytes) -> None:
    """Any bytes come back, and the text is that of the standard library without padding."""
    text = b64url_encode(data)
    assert text == base64.urlsafe_b64encode(data).rstrip(b"=")
    assert b64url_decode(text) == data


@given(st.binary(min_size=1, max_size=12))
def test_only_the_canonical_text_decodes(text: bytes) -> None:
    """Text that decodes is spelled as we would spell it."""
    try:
        data = b64url_decode(text)
    except ValueError:
        return
    assert b64url_encode(data) == text


@pytest.mark.parametrize(
    "text",
    [b"", b"A", b"AAAAA", b"AA==", b"AAA=", b"AB", b"AAB", b"A+A-", b"A/A_", b"AA\n", b" AA",
     b"A A", b"AAA\x00", b"AA\xff", b"=AAA", b"AA=A", b"===="],
)  # fmt: skip
def test_other_spellings_are_refused(text: bytes) -> None:
    """Padding, white space, another alphabet, stray bits and impossible lengths do not decode."""
    with pytest.raises(ValueError, match=r"."):
        b64url_decode(text)


@given(st.binary(min_size=1, max_size=300), st.data())
def test_no_other_byte_in_any_place(data: bytes, draw: st.DataObject) -> None:
    """A text with a byte outside the alphabet, at any place, does not decode."""
    text = bytearray(b64url_encode(data))
    place = draw.draw(st.integers(0, len(text) - 1))
    text[place] = draw.draw(st.sampled_from(sorted({*range(256)} - set(_ALPHABET))))
    with pytest.raises(NotCanonical):
        b64url_decode(bytes(text))


@given(st.binary(min_size=1, max_size=100))
def test_any_text_of_the_alphabet_decodes_as_the_standard_library_does(data: bytes) -> None:
    """The decoder is not ours, so it is held against another."""
    text = bytes(_ALPHABET[byte & 63] for byte in data)
    padded = text + b"=" * (-len(text) % 4)
    try:
        expected = base64.b64decode(padded, altchars=b"-_", validate=True)
    except ValueError:
        expected = None
    if expected is not None and base64.urlsafe_b64encode(expected) == padded:
        assert b64url_decode(text) == expected
    else:
        with pytest.raises(NotCanonical):
            b64url_decode(text)
