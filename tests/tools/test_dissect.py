"""A token taken apart: with keys, without keys, and any other pasted text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOW
from tokensession import KeyRing, TokenError, decode, encode
from tokensession.format.base64url import b64url_decode, b64url_encode
from tokensession.tools.dissect import dissect
from tokensession.tools.explanation import describe, lay_out

RING = KeyRing.generate(kid="k1")
TOKEN = encode({"user_id": 42}, RING, subject="42", now=NOW)
HEADER, PAYLOAD, SIGNATURE = TOKEN.split(".")
TEXT = b'{"alg":"HS256","kid":"k1"}'


def b64(data: bytes) -> str:
    """Return canonical base64url."""
    return b64url_encode(data).decode()


def framed(header: bytes, payload: bytes | None = None) -> str:
    """Return the token with another header, or other bytes as its payload."""
    return f"{b64(header)}.{PAYLOAD if payload is None else b64(payload)}.{SIGNATURE}"


class TestDissect:
    def test_a_good_token_has_no_problem(self, ring: KeyRing) -> None:
        """The framing of a token of each algorithm passes."""
        anatomy = dissect(encode({"a": 1}, ring))
        assert anatomy.problem is None
        assert anatomy.unverified_kid in ring

    def test_the_header_is_unverified(self) -> None:
        """Its text, alg and kid are shown, and called unverified."""
        anatomy = dissect(TOKEN)
        assert anatomy.unverified_header == '{"alg":"HS256","kid":"k1"}'
        assert (anatomy.unverified_algorithm, anatomy.unverified_kid) == ("HS256", "k1")

    def test_parts_hold_the_bytes_of_the_payload(self) -> None:
        """Put together, the parts of the payload are the payload; each has its byte range."""
        parts = dissect(TOKEN).parts[1:-1]
        names = ["version", "salt", "nonce", "ciphertext", "tag"]
        assert [part.name for part in parts] == names
        payload = b64url_decode(PAYLOAD.encode())
        for part in parts:
            assert part.content == payload[part.first_byte : part.end_byte]
        assert b"".join(part.content or b"" for part in parts) == payload
        assert [len(part.content or b"") for part in parts[:3]] == [1, 8, 12]
        assert len(parts[4].content or b"") == 16

    @given(st.integers(min_value=0, max_value=40))
    def test_parts_follow_each_other(self, length: int) -> None:
        """The parts and two dots cover each character once, for each size."""
        token = encode("x" * length, RING)
        parts = dissect(token).parts
        covered = [index for part in parts for index in range(part.start, part.end)]
        dots = [index for index, character in enumerate(token) if character == "."]
        assert sorted([*covered, *dots]) == list(range(len(token)))

    def test_a_part_begins_where_its_first_bit_is(self) -> None:
        """Changing the first character of a part changes none of the bytes before it."""
        for part in dissect(TOKEN).parts[1:-1]:
            at = part.start
            other = "A" if TOKEN[at] != "A" else "B"
            changed = b64url_decode((TOKEN[:at] + other + TOKEN[at + 1 :]).split(".")[1].encode())
            whole = b64url_decode(PAYLOAD.encode())
            # A character shared with the part before belongs to that one.
            assert changed[: part.first_byte] == whole[: part.first_byte]

    def test_the_cookie_counts_its_name(self) -> None:
        """The share of a cookie is name and value."""
        assert dissect(TOKEN).cookie_bytes == len(TOKEN) + len("__Host-session")

    @pytest.mark.parametrize(
        ("text", "step", "code"),
        [
            ("", 1, "malformed"),
            ("a.b", 1, "malformed"),
            (f"{TOKEN}.x", 1, "malformed"),
            (f"{HEADER}.{PAYLOAD}é.{SIGNATURE}", 1, "malformed"),
            ("é", 1, "malformed"),
            (f"{HEADER}.{'A' * 8200}.{SIGNATURE}", 1, "malformed"),
            (f".{PAYLOAD}.{SIGNATURE}", 2, "unknown_key"),
            (f"{HEADER}=.{PAYLOAD}.{SIGNATURE}", 2, "unknown_key"),
            (framed(b"not json"), 2, "unknown_key"),
            (framed(b'{"alg":"none","kid":"k1"}'), 2, "unknown_key"),
            (framed(b'{"alg":"HS256", "kid":"k1"}'), 2, "unknown_key"),
            (framed(b'{"kid":"k1","alg":"HS256"}'), 2, "unknown_key"),
            pytest.param(f"{HEADER}..{SIGNATURE}", 3, "malformed", id="no payload"),
            (f"{HEADER}.{PAYLOAD}=.{SIGNATURE}", 3, "malformed"),
            (f"{HEADER}.{PAYLOAD}.", 3, "malformed"),
            (f"{HEADER}.{PAYLOAD}.{SIGNATURE} ", 3, "malformed"),
            (f"{HEADER}.{PAYLOAD}.{b64(bytes(31))}", 3, "malformed"),
            (f"{HEADER}.{PAYLOAD}.{b64(bytes(64))}", 3, "malformed"),
            (framed(TEXT, b"\2" + bytes(60)), 5, "unsupported_version"),
            (framed(TEXT, b"\1" + bytes(36)), 5, "malformed"),
        ],
    )
    def test_the_first_failing_step_is_named(self, text: str, step: int, code: str) -> None:
        """The problem has the step and the code that a reader would give."""
        problem = dissect(text).problem
        assert problem is not None
        assert (problem.step, problem.code) == (step, code)

    def test_the_vectors_agree(self) -> None:
        """Vectors that read have no problem; the malformed ones have that one."""
        path = Path(__file__).parents[2] / "vectors" / "tokens.json"
        for case in json.loads(path.read_text())["cases"]:
            problem = dissect(case["token"]).problem
            if case["expect"] == "ok":
                assert problem is None, case["id"]
            elif case["expect"] == "malformed":
                assert problem is not None, case["id"]
                assert problem.code == "malformed", case["id"]

    def test_the_smallest_payload(self) -> None:
        """38 bytes are divided, with one byte of ciphertext."""
        anatomy = dissect(framed(TEXT, b"\1" + bytes(37)))
        assert anatomy.problem is None
        assert [len(part.content or b"") for part in anatomy.parts[1:-1]] == [1, 8, 12, 1, 16]

    def test_the_limit_of_characters(self) -> None:
        """8192 characters pass, 8193 do not."""
        room = 8192 - len(HEADER) - len(SIGNATURE) - 2
        payload = b64(b"\1" + bytes(room * 3 // 4 - 1))
        assert len(payload) == room
        assert dissect(f"{HEADER}.{payload}.{SIGNATURE}").problem is None
        assert dissect(f"{HEADER}.{payload}A.{SIGNATURE}").problem is not None

    @given(st.text() | st.text("AQgw.eyJ=", max_size=40))
    def test_any_text_is_described(self, text: str) -> None:
        """No text makes it fail, and what is shown is safe on a terminal."""
        anatomy = dissect(text)
        assert anatomy.characters == len(text)
        assert anatomy.parts[-1].end == len(text)
        for line in lay_out(describe(anatomy)):
            assert line.isprintable()
        if anatomy.problem is None:
            return
        with pytest.raises(TokenError):
            decode(text, RING)
