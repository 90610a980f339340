"""The bounds within which the signed part of a legacy cookie is taken apart."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensession import BadClaims
from tokensession.legacy.payload import (
    MAX_INFLATED,
    MAX_NESTING,
    decoded,
    inflated,
    json_object,
    nests_too_deep,
)


@given(data=st.binary(max_size=100))
def test_base64_of_either_alphabet_decodes(data: bytes) -> None:
    """Base64 of either alphabet decodes, with padding and without."""
    for text in (b64encode(data), urlsafe_b64encode(data)):
        assert decoded(text) == decoded(text.rstrip(b"=")) == data


@pytest.mark.parametrize("text", [b"A", b"AAAAA", b"AA=A", b"A A", b"AA\n", b"A%41"])
def test_other_text_does_not(text: bytes) -> None:
    """It is refused, not skipped over."""
    with pytest.raises(BadClaims, match="base64"):
        decoded(text)


def test_decompression_is_bounded() -> None:
    """A payload of at most 65536 bytes is decompressed."""
    for size in (MAX_INFLATED - 1, MAX_INFLATED):
        assert len(inflated(zlib.compress(bytes(size)))) == size
    with pytest.raises(BadClaims, match="65536"):
        inflated(zlib.compress(bytes(MAX_INFLATED + 1)))


def test_nesting_is_bounded() -> None:
    """JSON has at most 128 levels, and any number of containers beside each other."""
    for depth in (MAX_NESTING - 1, MAX_NESTING):
        inner = depth - 1
        assert json_object(b'{"a":' + b"[" * inner + b"]" * inner + b"}")
    with pytest.raises(BadClaims, match="128 levels"):
        json_object(b'{"a":' + b"[" * MAX_NESTING + b"]" * MAX_NESTING + b"}")
    assert json_object(json.dumps({"a": [{}, []] * 500}).encode())


@given(
    value=st.recursive(
        st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
        max_leaves=300,
    )
)
def test_brackets_in_text_do_not_count(value: object) -> None:
    """The text of a string counts as text, quotes and backslashes too."""
    text = json.dumps({"brackets": "[{" * 200, "value": value}, ensure_ascii=False)
    assert nests_too_deep(text.encode("utf-8", "surrogatepass")) is False
