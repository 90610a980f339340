"""Which session a request carries: by one good token, read when it is asked for or ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NOW
from tokensession import Header, KeyRing, SessionCodec, SessionManager, StoreError
from tokensession.legacy.starlette import StarletteReader
from tokensession.sessions.steps import run
from tokensession.stores.memory.revocation import MemoryStore

from .exchange import IDLE, POLICY, request, response, token_in

if TYPE_CHECKING:
    from tokensession.revocation.decision import Entries
    from tokensession.web.cookies import Headers


class TestSeveralValues:
    @pytest.mark.parametrize(
        ("values", "read"),
        [
            ("g", True), ("jg", True), ("jjg", True), ("jjjg", True), ("jjjjg", False),
            ("gj", True), ("gjjj", True), ("gjjjj", False), ("gg", False), ("gjjjg", False),
            ("j", False),
        ],
    )  # fmt: skip
    def test_one_of_at_most_four_counts(
        self, manager: SessionManager[Any], codec: SessionCodec[Any], values: str, *, read: bool
    ) -> None:
        """Exactly one must be good (g), beside at most three that are junk (j)."""
        tokens = {"g": codec.encode({"a": 1}, now=NOW), "j": "junk"}
        session = request(manager, *(tokens[value] for value in values))
        assert session.state == ({"a": 1} if read else {})
        assert session.refused == (None if read else "malformed")

    def test_what_is_set_after_it_replaces_one(
        self, manager: SessionManager[Any], codec: SessionCodec[Any]
    ) -> None:
        """A session that none of several gave is new."""
        token = codec.encode({"a": 1}, subject="42", now=NOW)
        session = request(manager, token, token)
        session["b"] = 2
        after = codec.decode(token_in(response(manager, session)), now=NOW)
        assert (after.state, after.subject) == ({"b": 2}, None)


class TestHeaderTransport:
    @pytest.fixture
    def manager(self, codec: SessionCodec[Any]) -> SessionManager[Any]:
        """Give a manager of an API."""
        return SessionManager(codec, cookie=Header(context=codec.context))

    def test_in_and_out(self, manager: SessionManager[Any], codec: SessionCodec[Any]) -> None:
        """A bearer token in, a response header out, and Vary to match."""
        session = request(manager, codec.encode({"a": 1}, subject="42", now=NOW))
        assert session["a"] == 1
        session["a"] = 2
        headers = response(manager, session)
        assert set(headers) == {"vary", "session-token", "cache-control"}
        assert headers["vary"] == "Authorization"
        assert codec.decode(headers["session-token"], now=NOW).state == {"a": 2}

    @pytest.mark.parametrize("algorithm", ["HS256", "Ed25519", "ES256"])
    def test_no_token_of_a_header_does_for_a_cookie(self, algorithm: Any) -> None:
        """A client's token is refused in the cookie, and the cookie's in the header."""
        ring = KeyRing.generate(algorithm)
        managers = [SessionManager(ring), SessionManager(ring, cookie=Header())]
        names = "set-cookie", "session-token"
        for own, other, name in zip(managers, reversed(managers), names, strict=True):
            session = request(own)
            session.sign_in("ada")
            said = response(own, session)
            token = token_in(said) if name == "set-cookie" else said[name]
            assert request(own, token).subject == "ada"
            refused = request(other, token)
            code = "bad_signature" if algorithm == "HS256" else "decrypt_failed"
            assert (refused.subject, refused.refused) == (None, code)

    def test_an_emptied_session(
        self, manager: SessionManager[Any], codec: SessionCodec[Any]
    ) -> None:
        """The client is told to drop its token."""
        session = request(manager, codec.encode({"a": 1}, subject="42", now=NOW))
        session.clear()
        assert response(manager, session)["session-token"] == ""

    def test_it_may_be_larger_than_a_cookie(
        self, manager: SessionManager[Any], codec: SessionCodec[Any]
    ) -> None:
        """The format's own limit holds."""
        session = request(manager)
        session["a"] = "x" * 5000
        token = response(manager, session)["session-token"]
        assert len(token) > 4096
        assert codec.decode(token, now=NOW).state == {"a": "x" * 5000}


class Failing(MemoryStore):
    """A store that can be taken down, and counts the questions."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.asked = 0

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        """Note it."""
        self.asked += 1
        if self.down:
            raise StoreError("the store is down")
        return super().look_up(sid, subject)


class TestReadingAhead:
    """An asynchronous adapter opens a session before the application runs: a touch cannot wait."""

    @pytest.fixture
    def store(self) -> Failing:
        """Give an empty store."""
        return Failing()

    @pytest.fixture
    def manager(self, hs256: KeyRing, store: Failing) -> SessionManager[Any]:
        """Give a manager that asks the store."""
        return SessionManager(hs256, policy=POLICY, revocation=store)

    def test_it_counts_as_unopened(self, manager: SessionManager[Any], store: Failing) -> None:
        """A session that nothing touches is not renewed, and its response does not vary."""
        session = request(manager, manager.codec.encode({"a": 1}, now=NOW - IDLE + 1))
        store.asked = 0
        run(manager.opening(session))
        assert not session.opened
        assert response(manager, session) == {}
        assert store.asked == 1

    def test_the_touch_asks_no_store(self, manager: SessionManager[Any], store: Failing) -> None:
        """What was read ahead is the session, also once the store is down or the response over."""
        token = manager.codec.encode({"a": 1}, subject="42", now=NOW)
        now, later = request(manager, token), request(manager, token)
        for session in (now, later):
            run(manager.opening(session))
        store.down = True
        assert (now["a"], now.subject, now.refused) == (1, "42", None)
        assert response(manager, now) == {"vary": "Cookie"}
        response(manager, later)
        manager.complete(later)
        assert later.subject == "42"

    def test_an_error_is_held(self, manager: SessionManager[Any], store: Failing) -> None:
        """A store that fails is an error where the application touches the session, each time."""
        session = request(manager, manager.codec.encode({}, now=NOW))
        store.down = True
        run(manager.opening(session))
        assert not session.opened
        store.down = False
        for _ in range(2):
            with pytest.raises(StoreError):
                session.open()
        assert not session.opened

    def test_a_failed_application(self, manager: SessionManager[Any], store: Failing) -> None:
        """A 500 after that error is a 503, because it is unknown whether the session lives."""
        session = request(manager, manager.codec.encode({}, now=NOW))
        store.down = True
        with pytest.raises(StoreError):
            session.open()
        with pytest.raises(StoreError):
            manager.save(session, [], status=500, now=NOW)
        headers: Headers = []
        manager.save(session, headers, status=200, now=NOW)
        assert headers == []

    def test_what_can_carry_a_session(self, manager: SessionManager[Any]) -> None:
        """A request without our cookie needs no reading ahead; an older library's can be there."""
        assert manager.can_wait(request(manager, "junk"))
        assert not manager.can_wait(request(manager))
        assert not manager.can_wait(manager.open([(b"cookie", b"other=1")], now=NOW))
        reader = StarletteReader("old secret", until=NOW + 60, subject=lambda _: None)
        legacy = SessionManager(manager.codec, legacy=[reader])
        assert legacy.can_wait(request(legacy))
