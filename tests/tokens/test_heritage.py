"""The keys that have signed for a session (SPEC 4): who names them, and what revoking one ends."""

from __future__ import annotations

from typing import NoReturn

import pytest

from tests.conftest import NOW
from tests.keys.rings import ring_of
from tokensession import Expired, KeyRing, Policy, Revoked, SessionCodec
from tokensession.format.claims import MAX_SIGNERS
from tokensession.stores.memory.revocation import MemoryStore

MONTH = 30 * 86400
LONG = Policy(absolute_timeout=20 * MONTH, idle_timeout=2 * MONTH)


def months(count: int) -> KeyRing:
    """Return a ring of so many keys, each of which signs for a month."""
    return ring_of(**{f"k{index}": (NOW + index * MONTH, None) for index in range(count)})


def test_a_new_session_names_nobody() -> None:
    """Only its own key has signed for it."""
    codec = SessionCodec(months(1))
    session = codec.decode(codec.encode({}, now=NOW), now=NOW)
    assert (session.kid, session.signers) == ("k0", ())
    assert codec.decode(codec.renew(session, now=NOW), now=NOW).signers == ()


def test_renewals_name_who_has_signed_before() -> None:
    """They stand in the order in which they did, each once, without the key of the token itself."""
    ring, token = months(3), ""
    codec = SessionCodec(ring, policy=LONG)
    token = codec.encode({}, subject="42", now=NOW)
    found = []
    for now in (NOW, NOW + MONTH, NOW + MONTH, NOW + 2 * MONTH):
        token = codec.renew(codec.decode(token, now=now), now=now)
        session = codec.decode(token, now=now)
        found.append((session.kid, session.signers))
    assert found == [("k0", ()), ("k1", ("k0",)), ("k1", ("k0",)), ("k2", ("k0", "k1"))]


def test_a_key_that_signs_again_keeps_its_place() -> None:
    """Nodes seconds apart renew back and forth, and the list does not grow."""
    codec = SessionCodec(months(2), policy=LONG)
    token, found = codec.encode({}, now=NOW + MONTH - 9), []
    for now in (NOW + MONTH, NOW + MONTH - 1, NOW + MONTH):
        token = codec.renew(codec.decode(token, now=now), now=now)
        session = codec.decode(token, now=now)
        found.append((session.kid, session.signers))
    assert found == [("k1", ("k0",)), ("k0", ("k1",)), ("k1", ("k0",))]


def test_revoking_a_key_ends_what_was_renewed_since() -> None:
    """Without a store, however often the session was renewed under other keys."""
    ring = months(4)
    codec = SessionCodec(ring, policy=LONG)
    token = codec.encode({"role": "admin"}, subject="ceo", now=NOW)
    for month in (1, 2, 3):
        token = codec.renew(codec.decode(token, now=NOW + month * MONTH), now=NOW + month * MONTH)
    now = NOW + 3 * MONTH
    for kid in ("k0", "k1", "k2"):
        with pytest.raises(Revoked, match=f"key '{kid}' has signed for the session"):
            SessionCodec(ring.revoke(kid, now=now), policy=LONG).decode(token, now=now)


def test_what_a_stale_node_renews_is_refused_by_all_who_have_heard() -> None:
    """A renewal of a forged session is as dead as the session."""
    ring = months(2)
    forged = SessionCodec(KeyRing([ring["k0"]])).encode({}, subject="ceo", now=NOW)
    stale = SessionCodec(ring, policy=LONG)
    token = stale.renew(stale.decode(forged, now=NOW + 9), now=NOW + MONTH)
    heard = SessionCodec(ring.revoke("k0", now=NOW + 8), policy=LONG)
    for _ in range(3):
        with pytest.raises(Revoked):
            heard.decode(token, now=NOW + MONTH)
        token = stale.renew(stale.decode(token, now=NOW + MONTH), now=NOW + MONTH)


def test_the_ring_is_looked_at_before_the_list() -> None:
    """No store is asked about a session for which a revoked key has signed."""

    class Silent(MemoryStore):
        """A store that must not be asked."""

        def look_up(self, sid: bytes, subject: bytes | None) -> NoReturn:
            pytest.fail("the store was asked")

    ring = months(2)
    codec = SessionCodec(ring, policy=LONG)
    token = codec.renew(codec.decode(codec.encode({}, now=NOW), now=NOW + MONTH), now=NOW + MONTH)
    ring = ring.revoke("k0", now=NOW + MONTH)
    with pytest.raises(Revoked):
        SessionCodec(ring, policy=LONG, revocation=Silent()).decode(token, now=NOW + MONTH)


def test_nothing_is_dropped_from_the_list() -> None:
    """A session that would need a sixteenth signer is not renewed."""
    ring = months(MAX_SIGNERS + 2)
    codec = SessionCodec(ring, policy=LONG)
    token, now = codec.encode({}, now=NOW), NOW
    for month in range(1, MAX_SIGNERS + 1):
        now = NOW + month * MONTH
        token = codec.renew(codec.decode(token, now=now), now=now)
    session = codec.decode(token, now=now)
    assert session.signers == tuple(f"k{month}" for month in range(MAX_SIGNERS))
    assert codec.renew(session, now=now)
    with pytest.raises(Expired, match="more than 15 other keys"):
        codec.renew(session, now=now + MONTH)
