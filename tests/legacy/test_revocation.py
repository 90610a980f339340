"""Legacy sessions where revocation is configured: an old cookie never undoes a logout."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOW
from tests.web.test_takeover import POLICY, RING, Browser, cookie_at, manager, reader, sign_out
from tokensession import Revoked, SessionCodec, StoreError
from tokensession.revocation.replica import Replica
from tokensession.stores.memory.revocation import MemoryStore


def regenerate(session: Any) -> None:
    """Give the session a new id, as after a change of rights."""
    session.regenerate()


def revoking(**options: Any) -> tuple[SessionCodec[Any], Any]:
    """Return a codec with a store of its own, and a manager that takes old cookies over."""
    codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=MemoryStore())
    return codec, manager(reader(**options), codec=codec)


@pytest.mark.parametrize("steps", [(), (dict,), (dict, dict)])
def test_after_sign_out_a_copy_of_the_old_cookie_is_revoked(steps: tuple[Any, ...]) -> None:
    """That holds for a session taken over in the same request or before, and for any copy."""
    _, served_by = revoking()
    old = cookie_at(NOW - 60)
    browser = Browser(served_by, session=old)
    for step in steps:
        browser.request(step)
    browser.request(sign_out, now=NOW + 1)
    thief = Browser(served_by, session=old)
    assert thief.request(dict, now=NOW + 2) == {}
    assert thief.session.refused == "revoked"


def served(kind: str) -> tuple[SessionCodec[Any], Any]:
    """Return what `revoking` does, asked in one of the two ways."""
    store = MemoryStore()
    check = Replica(store) if kind == "replica" else store
    codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=check)
    return codec, manager(reader(keep_cookie=True), codec=codec)


def copies() -> list[str]:
    """Return what the old library signed for one sign-in, from one response to the next."""
    texts = [cookie_at(NOW - ago) for ago in (600, 60, 0)]
    return [*texts, cookie_at(NOW - 1, {"user_id": 42, "cart": []})]


@pytest.mark.parametrize("kind", ["lookup", "replica"])
@pytest.mark.parametrize(
    "before", [(), (dict,), (dict, regenerate)], ids=["at once", "later", "new id"]
)
@pytest.mark.parametrize("verb", ["clear", "sign_in", "another", "revoke", "reauthenticate"])
def test_no_copy_of_the_old_cookie_survives_the_end(
    kind: str, before: tuple[Any, ...], verb: str
) -> None:
    """The old library signed the session with each response, and no such text signs in again."""
    codec, served_by = served(kind)
    texts = copies()
    browser = Browser(served_by, session=texts[1])
    for step in before:
        browser.request(step)

    def end(session: Any) -> None:
        assert session.subject == 42
        if verb == "clear":
            session.clear()
        elif verb == "revoke":
            codec.revoke(session, now=NOW + 1)
        elif verb == "reauthenticate":
            session.reauthenticate()
        else:
            session.sign_in(42 if verb == "sign_in" else "ada")

    browser.request(end, now=NOW + 1)
    for text in texts:
        thief = Browser(served_by, session=text)
        assert thief.request(dict, now=NOW + 2) == {}
        assert thief.session.refused == "revoked"
    subject = {"sign_in": 42, "reauthenticate": 42, "another": "ada"}.get(verb)
    assert browser.request(lambda session: session.subject, now=NOW + 2) == subject
    later = Browser(served_by, session=cookie_at(NOW + 20))
    assert later.request(dict, now=NOW + 30)["user_id"] == 42


def test_sessions_that_begin_after_the_end_live() -> None:
    """Other sessions of the subject end with it, and the user signs in again at once."""
    codec, served_by = served("lookup")
    other = codec.encode({"device": 2}, subject=42, now=NOW - 5)
    stranger = codec.encode({"device": 3}, subject=7, now=NOW - 5)
    browser = Browser(served_by, session=copies()[0])
    browser.request(sign_out)
    browser.request(lambda session: session.sign_in(42), now=NOW + 1)
    assert browser.request(lambda session: session.subject, now=NOW + 2) == 42
    with pytest.raises(Revoked):
        codec.decode(other, now=NOW + 2)
    assert codec.decode(stranger, now=NOW + 2).state == {"device": 3}


def test_own_sessions_end_alone() -> None:
    """Signing out of a session that began here ends no other one, beside a reader too."""
    codec, served_by = served("lookup")
    other = codec.encode({"device": 2}, subject=42, now=NOW - 5)
    browser = Browser(served_by)
    browser.request(lambda session: session.sign_in(42))
    browser.request(sign_out, now=NOW + 1)
    assert codec.decode(other, now=NOW + 2).subject == 42


@pytest.mark.parametrize("taken", [False, True])
def test_without_a_subject_one_copy_ends(*, taken: bool) -> None:
    """An anonymous session has no mark, so each copy has to end by itself."""
    codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=MemoryStore())
    served_by = manager(reader(subject=lambda state: None), codec=codec)
    texts = copies()
    browser = Browser(served_by, session=texts[0])
    if taken:
        browser.request(dict)
    browser.request(sign_out, now=NOW + 1)
    refused = []
    for text in texts:
        thief = Browser(served_by, session=text)
        thief.request(dict, now=NOW + 2)
        refused.append(thief.session.refused)
    assert refused == ["revoked", None, None, None]


@pytest.mark.parametrize("write", [False, True])
def test_a_change_that_ends_nothing_marks_nothing(*, write: bool) -> None:
    """Neither taking over nor a new id ends the user's other sessions."""
    codec, served_by = served("lookup")
    other = codec.encode({}, subject=42, now=NOW - 5)
    browser = Browser(served_by, session=copies()[0])
    browser.request(lambda session: session.update(a=1) if write else dict(session))
    browser.request(regenerate, now=NOW + 1)
    assert codec.decode(other, now=NOW + 2).subject == 42


def test_revoking_the_session_revokes_the_old_cookie() -> None:
    """They are one session."""
    codec, served_by = revoking(keep_cookie=True)
    browser = Browser(served_by, session=cookie_at(NOW - 60))
    browser.request(dict)
    codec.revoke(codec.decode(browser.cookies["__Host-session"], now=NOW), now=NOW)
    del browser.cookies["__Host-session"]
    assert browser.request(dict, now=NOW + 1) == {}
    assert browser.session.refused == "revoked"


@pytest.mark.parametrize("everybody", [False, True])
def test_marks_end_old_cookies_by_their_timestamp(*, everybody: bool) -> None:
    """Those of before the mark, also of one that was never taken over; and by the subject given."""
    codec, served_by = revoking()
    if everybody:
        codec.revoke_all(now=NOW)
    else:
        codec.revoke_subject("42", now=NOW)
    browser = Browser(served_by, session=cookie_at(NOW - 1))
    assert browser.request(dict, now=NOW + 30) == {}
    assert browser.session.refused == "revoked"
    other = Browser(served_by, session=cookie_at(NOW - 1, {"user_id": 7}))
    assert other.request(dict, now=NOW + 30) == ({} if everybody else {"user_id": 7})
    later = Browser(served_by, session=cookie_at(NOW + 20))
    assert later.request(dict, now=NOW + 30) == {"user_id": 42, "cart": ["tea"]}


def test_taking_over_moves_no_start() -> None:
    """A session that is written out anew keeps the start by which revocations know it."""
    codec, served_by = revoking()
    browser = Browser(served_by, session=cookie_at(NOW - 600))
    browser.request(dict)
    session = codec.decode(browser.cookies["__Host-session"], now=NOW)
    assert session.started_at == NOW - 600


def test_a_store_that_is_down_denies_and_leaves_the_cookie() -> None:
    """A failing store denies an old session, and leaves its cookie."""

    class Down(MemoryStore):
        def look_up(self, sid: bytes, subject: bytes | None) -> Any:
            raise StoreError("down")

    codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=Down())
    browser = Browser(manager(codec=codec), session=cookie_at(NOW))
    with pytest.raises(StoreError):
        browser.request(dict)
    assert set(browser.cookies) == {"session"}
