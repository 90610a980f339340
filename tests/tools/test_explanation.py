"""A token explained: what it shows without the keys, and with them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOW
from tests.keys.rings import ring_of
from tokensession import ConfigError, KeyRing, SessionCodec, TokenError, decode, encode, errors
from tokensession.format.base64url import b64url_encode
from tokensession.tools.dissect import dissect
from tokensession.tools.explanation import (
    EXPLANATIONS,
    Field,
    describe,
    explain,
    lay_out,
    size_field,
)

RING = KeyRing.generate(kid="k1")
TOKEN = encode({"user_id": 42}, RING, subject="42", now=NOW)
HEADER = TOKEN.split(".")[0]


def b64(data: bytes) -> str:
    """Return canonical base64url."""
    return b64url_encode(data).decode()


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
        assert rows["issued"] == rows["started"] == "2026-07-25T17:20:00Z (2s ago)"
        assert rows["age"] == "2s"
        assert rows["idle window"] == "30m"
        assert rows["expires"] == "2026-07-25T17:50:00Z (in 29m58s)"

    def test_key(self) -> None:
        """Kid, algorithm and the key's state come from the ring."""
        rows = values()
        assert (rows["kid"], rows["algorithm"], rows["key state"]) == ("k1", "HS256", "active")

    def test_who_has_signed(self) -> None:
        """The other keys are named, and when the subject authenticated."""
        assert (values()["signers"], values()["authenticated"]) == ("none", "not known")
        ring = ring_of(k0=(NOW - 9, None), k1=(NOW + 9, None))
        codec: SessionCodec[Any] = SessionCodec(ring)
        session = codec.decode(codec.encode({}, subject="ada", now=NOW), now=NOW)
        session = codec.decode(codec.renew(session, now=NOW + 9), now=NOW + 9)
        rows = {row.name: row.value for row in explain(session, ring, now=NOW + 9)}
        assert rows["signers"] == "k0"
        assert rows["authenticated"] == "2026-07-25T17:20:00Z (9s ago)"

    @pytest.mark.parametrize(
        ("cap", "value"),
        [(None, "not in the token"), (3600, "2026-07-25T18:20:00Z (in 59m58s)")],
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
        assert shown["age"] == "-5s"
        assert shown["started"].endswith("(in 5s)")


class TestRows:
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
