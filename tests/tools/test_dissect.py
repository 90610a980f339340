"""A token taken apart: with and without keys, and whatever else somebody pastes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOW
from tokensession import ConfigError, KeyRing, TokenError, decode, encode, errors
from tokensession.format.base64url import b64url_decode, b64url_encode
from tokensession.tools.dissect import (
    EXPLANATIONS,
    Field,
    describe,
    dissect,
    duration,
    explain,
    iso,
    lay_out,
    printable,
    quoted,
    relative,
    size_field,
)

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


def values(**changes: Any) -> dict[str, str]:
    """Explain a session 2 s after it was made; return the values by name."""
    token = encode({}, RING, now=NOW, **changes)
    rows = explain(decode(token, RING, now=NOW + 2), RING, now=NOW + 2)
    return {row.name: row.value for row in rows}


class TestExplanations:
    def test_every_code_has_one(self) -> None:
        """The sentences cover the closed list of the errors, and nothing else."""
        codes = {
            value.code
            for value in vars(errors).values()
            if isinstance(value, type) and issubclass(value, TokenError) and value is not TokenError
        }
        assert set(EXPLANATIONS) == codes

    def test_each_is_one_sentence(self) -> None:
        """An explanation is a sentence: a capital letter, a full stop, no second one."""
        for text in EXPLANATIONS.values():
            assert text[0].isupper()
            assert text.endswith(".")
            assert text.count(". ") == 0


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
        """Whatever the size, the parts and two dots cover each character once."""
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


class TestDescribe:
    def test_rows_of_a_token(self) -> None:
        """Each part has a row with its size and its characters."""
        rows = {row.name: row.value for row in describe(dissect(TOKEN))}
        assert rows["unverified kid"] == "k1"
        assert rows["header text"] == '{"alg":"HS256","kid":"k1"}'
        assert rows["version"] == f"1 byte, characters {len(HEADER) + 1} to {len(HEADER) + 2}: 01"
        assert rows["signature"].startswith("32 bytes, characters ")

    def test_rows_of_what_is_no_token(self) -> None:
        """What cannot be read is said to be so."""
        rows = {row.name: row.value for row in describe(dissect("hello"))}
        assert rows["unverified alg"] == rows["unverified kid"] == "none to be read"
        assert rows["text"] == "characters 0 to 4"
        rows = {row.name: row.value for row in describe(dissect("..?"))}
        assert rows["header"] == "empty"
        assert "header text" not in rows

    def test_a_header_cannot_act_on_the_terminal(self) -> None:
        """Escape sequences and bytes that are no text are shown as escapes."""
        header = b64(b"\x1b[2J\xff")
        rows = {row.name: row.value for row in describe(dissect(f"{header}.A.A"))}
        assert rows["header text"] == r"\u001b[2J\xff"


class TestExplain:
    def test_dates_and_ages(self) -> None:
        """Dates are ISO 8601 in UTC, with their distance from now."""
        rows = values()
        assert rows["issued"] == rows["started"] == "2026-07-25T17:20:00Z (2 s ago)"
        assert rows["age"] == "2 s"
        assert rows["idle window"] == "30 min"
        assert rows["expires"] == "2026-07-25T17:50:00Z (in 29 min 58 s)"

    def test_key(self) -> None:
        """Kid, algorithm and the key's state come from the ring."""
        rows = values()
        assert (rows["kid"], rows["algorithm"], rows["key state"]) == ("k1", "HS256", "active")

    @pytest.mark.parametrize(
        ("cap", "value"),
        [(None, "not in the token"), (3600, "2026-07-25T18:20:00Z (in 59 min 58 s)")],
    )
    def test_the_end_is_the_cap(self, cap: int | None, value: str) -> None:
        """A session ends at its start plus its cap, where it has one."""
        assert values(cap=cap)["session end"] == value

    @pytest.mark.parametrize(("subject", "value"), [(None, "none"), (42, "42"), ("42", '"42"')])
    def test_subjects_of_different_types_differ(
        self, subject: str | int | None, value: str
    ) -> None:
        """A text is quoted, an integer not."""
        assert values(subject=subject)["subject"] == value

    def test_a_session_of_another_ring_is_refused(self) -> None:
        """The ring must have the session's key."""
        session = decode(TOKEN, RING, now=NOW)
        with pytest.raises(ConfigError, match="no key 'k1'"):
            explain(session, KeyRing.generate(kid="k2"), now=NOW)

    def test_a_session_begun_by_a_faster_clock(self) -> None:
        """Within the leeway a session may begin in the future; its age is then negative."""
        rows = explain(decode(TOKEN, RING, now=NOW - 5), RING, now=NOW - 5)
        shown = {row.name: row.value for row in rows}
        assert shown["age"] == "-5 s"
        assert shown["started"].endswith("(in 5 s)")


class TestTexts:
    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0, "0 s"),
            (1, "1 s"),
            (59, "59 s"),
            (60, "1 min"),
            (1798, "29 min 58 s"),
            (3600, "1 h"),
            (3601, "1 h"),
            (5400, "1 h 30 min"),
            (86399, "23 h 59 min"),
            (86400, "1 d"),
            (90000, "1 d 1 h"),
            (-90, "-1 min 30 s"),
        ],
    )
    def test_duration(self, seconds: int, text: str) -> None:
        """The two greatest units that stand beside each other are shown."""
        assert duration(seconds) == text

    @pytest.mark.parametrize(
        ("second", "text"), [(NOW, "now"), (NOW + 1, "in 1 s"), (NOW - 1, "1 s ago")]
    )
    def test_relative(self, second: int, text: str) -> None:
        """Before, at and after now are told apart."""
        assert relative(second, NOW) == text

    def test_iso(self) -> None:
        """A date is given to the second; one beyond the calendar as a number."""
        assert iso(0) == "1970-01-01T00:00:00Z"
        assert iso(253402300799) == "9999-12-31T23:59:59Z"
        assert iso(253402300800) == "253402300800 s after 1970, beyond the year 9999"
        assert "beyond" in iso(2**53)

    @pytest.mark.parametrize("text", ["\n", "\x1b", "\x7f", "\x9b", "\u202e", "\u2028", "\ud800"])
    def test_what_a_terminal_acts_upon_is_escaped(self, text: str) -> None:
        """Controls, direction marks, separators and lone surrogates show as JSON escapes."""
        assert printable(text).startswith("\\")
        assert quoted(text).isprintable()

    def test_other_text_stays(self) -> None:
        """Letters of any language are shown as they are."""
        assert printable("Zoë 漢 🙂") == "Zoë 漢 🙂"

    @pytest.mark.parametrize(("characters", "words"), [(4082, "It fits"), (4083, "Browsers drop")])
    def test_the_cookie_limit(self, characters: int, words: str) -> None:
        """4096 bytes of name and value fit, one more does not."""
        assert size_field(characters).explanation.startswith(words)

    def test_lay_out(self) -> None:
        """Values stand in one column, explanations under them, and nothing is wider than asked."""
        rows = [Field("a", "1", "One."), Field("long", "x" * 30, "two words " * 5)]
        lines = lay_out(rows, width=26)
        assert lines[:2] == ["a     1", "      One."]
        assert lines[2] == "long  " + "x" * 20
        assert max(map(len, lines)) <= 26
        assert lay_out([]) == []
