"""Succession: what a running process makes of a document, for each thing that a source gives."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOW
from tokensession import KeyRing
from tokensession.keys.succession import judge


@pytest.fixture
def ring() -> KeyRing:
    """Give a ring of two keys, serial 5."""
    return KeyRing([*KeyRing.generate(kid="a"), *KeyRing.generate(kid="b")], serial=5)


def changed(ring: KeyRing, **members: Any) -> bytes:
    """Return the ring's document with other members, as an editor writes it."""
    document = KeyRing.from_jwks(ring.to_jwks(private=True) | members)
    return document.to_json()


class TestJudge:
    """What becomes of the running ring, for each thing that a source may give."""

    def test_the_same(self, ring: KeyRing) -> None:
        """The same document in another spelling is not a change."""
        assert judge(ring, "x", ring.to_json()) == (ring, None, False)
        assert judge(ring, "x", ring.to_json().replace(b"\n", b"\r\n")).ring is ring

    def test_a_successor(self, ring: KeyRing) -> None:
        """A successor is taken over with its unknown members."""
        verdict = judge(ring, "x", changed(ring.add(now=NOW), note="kept"))
        assert (verdict.ring.serial, len(verdict.ring), verdict.problem) == (6, 3, None)
        assert verdict.ring.to_jwks(private=True)["note"] == "kept"

    @pytest.mark.parametrize(
        ("document", "problem"),
        [
            (None, "no key document|the document is missing: restore serial 5"),
            (b"", "the document is missing"),
            (b'{"keys": [', "not JSON"),
            (b'{"serial": 9, "keys": []}', "has no keys"),
            (b'{"keys": [{"kid": "a", "alg": "HS999"}], "serial": 9}', "newer version"),
        ],
    )
    def test_what_cannot_be_read(self, ring: KeyRing, document: bytes | None, problem: str) -> None:
        """Unreadable is not empty: the last good ring stays."""
        verdict = judge(ring, "x", document)
        assert verdict.ring is ring
        assert not verdict.conflict
        with pytest.raises(AssertionError, match=problem):
            raise AssertionError(verdict.problem)

    def test_without_a_serial(self, ring: KeyRing) -> None:
        """It could not be told from an older one."""
        text = ring.to_json().replace(b'"serial": 5', b'"note": 5')
        assert "no serial" in (judge(ring, "x", text).problem or "")

    def test_an_older_one(self, ring: KeyRing) -> None:
        """A serial never goes backwards; the message says both numbers and both remedies."""
        verdict = judge(ring.add(now=NOW), "x", ring.to_json())
        assert verdict.ring.serial == 6
        assert "serial 5, older than the running 6" in (verdict.problem or "")
        assert "with serial 7" in (verdict.problem or "")

    def test_the_same_serial_with_other_content(self, ring: KeyRing) -> None:
        """Nothing of it is taken over but revocations."""
        document = changed(KeyRing([*ring.add(now=NOW).revoke("a", now=NOW)], serial=5))
        verdict = judge(ring, "x", document)
        assert verdict.conflict
        assert "serial 6" in (verdict.problem or "")
        assert set(verdict.ring.states()) == {"a", "b"}
        assert verdict.ring.serial == 5
        assert verdict.ring["a"].revoked
        assert not verdict.ring["b"].revoked
        again = judge(verdict.ring, "x", document)
        assert again.ring is verdict.ring
        assert again.problem == verdict.problem

    def test_other_material_under_a_kid(self, ring: KeyRing) -> None:
        """Other material under a kid is refused with any serial; its revocations are believed."""
        other = KeyRing([*KeyRing.generate(kid="a"), ring["b"].with_members(revoked={})], serial=9)
        verdict = judge(ring, "x", other.to_json())
        assert verdict.conflict
        assert "give the new key a new kid" in (verdict.problem or "")
        assert verdict.ring["b"].revoked
        assert not verdict.ring["a"].revoked

    def test_a_revocation_undone(self, ring: KeyRing) -> None:
        """It is for good."""
        running = ring.revoke("a", now=NOW)
        verdict = judge(running, "x", KeyRing([*ring], serial=9).to_json())
        assert verdict.ring is running
        assert "revocations are permanent" in (verdict.problem or "")
