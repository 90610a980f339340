"""What the session of a request hands down: who has signed for it, and when it authenticated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NOW
from tests.keys.rings import ring_of
from tests.web.exchange import request, response, token_in
from tokensession import Policy, SessionCodec, SessionManager
from tokensession.format.claims import MAX_SIGNERS
from tokensession.stores.memory.revocation import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.web.request_session import RequestSession

LATER = NOW + 900
RING = ring_of(k0=(NOW, None), k1=(LATER, None))
POLICY = Policy()
CODEC: SessionCodec[Any] = SessionCodec(RING, policy=POLICY)
STORES = {"without a list": None, "with a list": MemoryStore()}


def _sign_in_again(session: RequestSession[Any]) -> None:
    session.clear()
    session.sign_in("43")


def _write_again(session: RequestSession[Any]) -> None:
    session.clear()
    session["n"] = 1


VERBS: dict[str, Callable[[RequestSession[Any]], object]] = {
    "renew": len,
    "change": lambda s: s.update(n=2),
    "regenerate": lambda s: s.regenerate(),
    "reauthenticate": lambda s: s.reauthenticate(),
    "set_lifetime": lambda s: s.set_lifetime(60),
    "sign_in": lambda s: s.sign_in("42"),
    "sign_in_as_another": lambda s: s.sign_in("43"),
    "clear_and_sign_in": _sign_in_again,
    "clear_and_write": _write_again,
}


def after(verb: str, manager: SessionManager[Any], token: str, *, now: int = LATER) -> str:
    """Return the token that a response sets after a verb."""
    session = request(manager, token, now=now)
    VERBS[verb](session)
    return token_in(response(manager, session, now=now))


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_changes_who_has_signed(verb: str, store: str) -> None:
    """Revoking the first key ends what became of its session, also under another user."""
    revocation = STORES[store]
    manager: SessionManager[Any] = SessionManager(RING, policy=POLICY, revocation=revocation)
    token = after(verb, manager, CODEC.encode({}, subject="42", now=NOW))
    session = CODEC.decode(token, now=LATER + 9)
    assert (session.kid, session.signers) == ("k1", ("k0",))
    revoked = SessionManager(RING.revoke("k0", now=LATER), policy=POLICY, revocation=revocation)
    refused = request(revoked, token, now=LATER + 9)
    assert (refused.refused, refused.subject, refused.signers) == ("revoked", None, ())


@pytest.mark.parametrize("verb", VERBS)
def test_verbs_keep_the_list_within_the_request(verb: str) -> None:
    """The session says what its token will name."""
    manager: SessionManager[Any] = SessionManager(CODEC)
    session = request(manager, CODEC.encode({}, subject="42", now=NOW), now=LATER)
    VERBS[verb](session)
    assert (session.kid or "k0", session.signers) == ("k0", () if session.kid else ("k0",))


@pytest.mark.parametrize("token", ["", "a.b.c", CODEC.encode({}, subject="42", now=NOW - 9999)])
def test_who_comes_without_a_good_token_begins_with_none(token: str) -> None:
    """A sign-in over a refused token begins a session without former signers."""
    manager: SessionManager[Any] = SessionManager(CODEC)
    session = request(manager, token, now=LATER)
    session.sign_in("42")
    found = CODEC.decode(token_in(response(manager, session, now=LATER)), now=LATER)
    assert (found.kid, found.signers) == ("k1", ())


def test_a_session_that_was_refused_for_its_state_hands_nothing_down() -> None:
    """It passed nine steps of ten, so it is no session."""
    manager: SessionManager[Any] = SessionManager(RING, policy=POLICY, state_type=int)
    session = request(manager, CODEC.encode({"no": "int"}, subject="42", now=NOW), now=LATER)
    assert session.refused == "bad_state"
    session.sign_in("42")
    found = CODEC.decode(token_in(response(manager, session, now=LATER)), now=LATER)
    assert (found.kid, found.signers) == ("k1", ())


@pytest.mark.parametrize(
    ("verb", "at"),
    [("renew", NOW + 300), ("change", NOW + 300), ("regenerate", NOW + 300), ("sign_in", LATER),
     ("reauthenticate", LATER), ("clear_and_sign_in", LATER), ("clear_and_write", None)],
)  # fmt: skip
def test_verbs_and_the_authentication(verb: str, at: int | None) -> None:
    """Only a sign-in and a new authentication change when it was."""
    manager: SessionManager[Any] = SessionManager(CODEC)
    token = CODEC.encode({"n": 1}, subject="42", now=NOW)
    token = after("reauthenticate", manager, token, now=NOW + 300)
    found = CODEC.decode(after(verb, manager, token), now=LATER)
    assert found.authenticated_at == at


def test_an_authentication_is_never_before_its_token() -> None:
    """A node whose clock is behind dates the token after it, and the claims are in order."""
    manager: SessionManager[Any] = SessionManager(CODEC)
    token = CODEC.encode({}, subject="42", now=NOW)
    token = after("reauthenticate", manager, token, now=NOW + 40)
    found = CODEC.decode(after("change", manager, token, now=NOW + 10), now=NOW + 10)
    assert (found.issued_at, found.authenticated_at) == (NOW + 40, NOW + 40)


def test_an_authentication_on_a_node_that_is_behind() -> None:
    """A session that begins in its future has authenticated at its start."""
    manager: SessionManager[Any] = SessionManager(CODEC)
    token = CODEC.encode({}, subject="42", now=NOW)
    found = CODEC.decode(after("reauthenticate", manager, token, now=NOW - 40), now=NOW)
    assert found.authenticated_at == found.started_at == NOW


def test_a_sixteenth_signer_ends_the_session() -> None:
    """It is not renewed; a change or a sign-in deletes the cookie, and the next one begins anew."""
    day = 86400
    kids = {f"k{index}": (NOW + index * day, None) for index in range(MAX_SIGNERS + 2)}
    policy = Policy(absolute_timeout=30 * day, idle_timeout=2 * day)
    manager: SessionManager[Any] = SessionManager(ring_of(**kids), policy=policy)
    token = manager.codec.encode({}, subject="42", now=NOW)
    for index in range(1, MAX_SIGNERS + 1):
        token = after("renew", manager, token, now=NOW + index * day)
    last = NOW + (MAX_SIGNERS + 1) * day
    untouched = request(manager, token, now=last)
    assert len(untouched.signers) == MAX_SIGNERS
    assert "set-cookie" not in response(manager, untouched, now=last)
    for verb in ("change", "sign_in_as_another"):
        session = request(manager, token, now=last)
        VERBS[verb](session)
        assert "Max-Age=0" in response(manager, session, now=last)["set-cookie"]
