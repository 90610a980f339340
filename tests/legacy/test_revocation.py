"""Legacy sessions where revocation is configured: an old cookie never undoes a logout."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOW
from tests.web.test_takeover import POLICY, RING, Browser, cookie_at, manager, reader, sign_out
from tokensession import SessionCodec, StoreError
from tokensession.stores.memory.revocation import MemoryStore


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
    """As for a cookie of our own."""

    class Down(MemoryStore):
        def look_up(self, sid: bytes, subject: bytes | None) -> Any:
            raise StoreError("down")

    codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=Down())
    browser = Browser(manager(codec=codec), session=cookie_at(NOW))
    with pytest.raises(StoreError):
        browser.request(dict)
    assert set(browser.cookies) == {"session"}
