"""What revoking ends: the sentences of docs/rotation.md and SECURITY.md, carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from tests.conftest import NOW
from tokensession import (
    Cookie,
    KeyRing,
    Policy,
    Revoked,
    SessionCodec,
    SessionManager,
    UnknownKey,
    decode,
    encode,
)
from tokensession.adapters.asgi import SessionMiddleware
from tokensession.keys.jwk import generate_key
from tokensession.stores.memory.revocation import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

POLICY = Policy(idle_timeout=1800, absolute_timeout=28_800)


def leaked() -> tuple[KeyRing, SessionCodec[Any], str]:
    """Return a ring whose older key has leaked, its codec, and a session that a thief forged."""
    old = generate_key(kid="leaked", nbf=NOW - 86400)
    ring = KeyRing([old, generate_key(kid="good", nbf=NOW - 900)])
    forged = SessionCodec[Any](KeyRing([old]), policy=POLICY).encode({}, subject="root", now=NOW)
    return ring, SessionCodec(ring, policy=POLICY), forged


class TestLeakedKey:
    """Each sentence of docs/rotation.md about a leak, carried out."""

    def test_renewals_under_other_keys_end_too(self) -> None:
        """What was forged, and what was renewed since, is refused; without any store."""
        ring, codec, forged = leaked()
        renewed = codec.renew(codec.decode(forged, now=NOW), now=NOW)
        assert codec.decode(renewed, now=NOW).kid == "good"
        after: SessionCodec[Any] = SessionCodec(ring.revoke("leaked", now=NOW), policy=POLICY)
        with pytest.raises(UnknownKey):
            after.decode(forged, now=NOW)
        with pytest.raises(Revoked):
            after.decode(renewed, now=NOW)

    def test_a_stale_process_revives_nothing(self) -> None:
        """A stale process renews a forged token, and informed processes refuse both."""
        ring, stale, forged = leaked()
        after: SessionCodec[Any] = SessionCodec(ring.revoke("leaked", now=NOW), policy=POLICY)
        token = forged
        for now in (NOW, NOW + 60):
            token = stale.renew(stale.decode(token, now=now), now=now)
            with pytest.raises(Revoked):
                after.decode(token, now=now)

    def test_sessions_for_which_it_never_signed_go_on(self) -> None:
        """Users who signed in under another key notice nothing."""
        ring, codec, _ = leaked()
        token = codec.encode({}, subject="ada", now=NOW)
        after: SessionCodec[Any] = SessionCodec(ring.revoke("leaked", now=NOW), policy=POLICY)
        assert after.decode(token, now=NOW).subject == "ada"

    def test_its_users_sign_in_again(self) -> None:
        """Their session has ended, and the next one has nothing of it."""
        ring, _, honest = leaked()
        manager: SessionManager[Any] = SessionManager(ring.revoke("leaked", now=NOW), policy=POLICY)
        assert isinstance(manager.cookie, Cookie)
        header = (b"cookie", f"{manager.cookie.name}={honest}".encode())
        session = manager.open([header], now=NOW)
        assert (session.refused, session.subject) == ("unknown_key", None)
        session.sign_in("ada")
        headers: list[tuple[bytes, bytes]] = []
        manager.save(session, headers, now=NOW)
        token = dict(headers)[b"set-cookie"].decode().partition("=")[2].partition(";")[0]
        assert manager.codec.decode(token, now=NOW).signers == ()

    def test_a_process_that_read_the_file_once_does_not_hear_of_it(self, tmp_path: Path) -> None:
        """`KeyRing.open` reads once: until its restart such a process goes on."""
        path = tmp_path / "keys.json"
        once, watched = KeyRing.open(path), KeyRing.follow(path)
        forged = encode({}, once, subject="root")
        (kid,) = (key.kid for key in once)
        KeyRing.open(path).revoke(kid).add().save(path)
        assert decode(forged, once).subject == "root"
        watched.reload()
        with pytest.raises(UnknownKey):
            decode(forged, watched)
        with pytest.raises(UnknownKey):
            decode(forged, KeyRing.open(path))
        watched.stop()

    def test_what_it_has_brought_about_elsewhere_stays(self) -> None:
        """A new token that an application made for a forged session is a session of its own."""
        ring, codec, forged = leaked()
        session = codec.decode(forged, now=NOW)
        shop: SessionCodec[Any] = SessionCodec(ring, context="shop", policy=POLICY)
        handed_on = shop.encode({}, subject=session.subject, now=NOW)
        ring = ring.revoke("leaked", now=NOW)
        after: SessionCodec[Any] = SessionCodec(ring, context="shop", policy=POLICY)
        assert after.decode(handed_on, now=NOW).subject == "root"


class TestOpenConnection:
    def test_a_websocket_that_is_open_goes_on(self) -> None:
        """Its session was read when it was accepted; revoking is seen by the next connection."""
        store = MemoryStore()
        codec: SessionCodec[Any] = SessionCodec(KeyRing.generate(), policy=POLICY, revocation=store)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            websocket = WebSocket(scope, receive, send)
            session: Any = websocket.session
            subject = session.subject
            await websocket.accept()
            async for _ in websocket.iter_text():
                await websocket.send_text(str(subject))

        client = TestClient(SessionMiddleware(app, SessionManager(codec)))
        token = codec.encode({}, subject="ada")
        cookie = {"cookie": f"__Host-session={token}"}
        with client.websocket_connect("/", headers=cookie) as connection:
            codec.revoke(codec.decode(token))
            connection.send_text("who am I?")
            assert connection.receive_text() == "ada"
        with client.websocket_connect("/", headers=cookie) as connection:
            connection.send_text("who am I?")
            assert connection.receive_text() == "None"
