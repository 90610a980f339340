"""What a response says of its session, and in which order it is saved."""

from __future__ import annotations

import re
from contextlib import nullcontext
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.conftest import NOW
from tokensession import (
    ConfigError,
    Cookie,
    Header,
    KeyRing,
    SessionCodec,
    SessionManager,
    SessionTooLarge,
    StateError,
)

from .exchange import IDLE, POLICY, request, response, token_in

if TYPE_CHECKING:
    from tokensession.web.cookies import Headers


class TestWhatIsWritten:
    def test_untouched(self, manager: SessionManager[Any], codec: SessionCodec[Any]) -> None:
        """It says nothing at all, though renewal would be due."""
        session = request(manager, codec.encode({}, now=NOW - 1700))
        assert response(manager, session) == {}

    def test_read(self, manager: SessionManager[Any], codec: SessionCodec[Any]) -> None:
        """It varies."""
        session = request(manager, codec.encode({"a": 1}, now=NOW))
        assert session["a"] == 1
        assert response(manager, session) == {"vary": "Cookie"}

    def test_changed(self, manager: SessionManager[Any], codec: SessionCodec[Any]) -> None:
        """It varies, is not stored, and sets the cookie."""
        session = request(manager, codec.encode({"a": [1]}, now=NOW))
        session["a"].append(2)
        headers = response(manager, session)
        assert (headers["vary"], headers["cache-control"]) == ("Cookie", "no-store")
        assert codec.decode(token_in(headers), now=NOW).state == {"a": [1, 2]}

    @pytest.mark.parametrize("verb", ["clear", "regenerate", "renewal", "sign_in"])
    def test_another_response_in_its_place(
        self, manager: SessionManager[Any], codec: SessionCodec[Any], verb: str
    ) -> None:
        """An error page that replaces a saved response gets the same cookie."""
        session = request(manager, codec.encode({}, subject="ada", now=NOW - 1000))
        session.open()
        if verb == "sign_in":
            session.sign_in("bob")
        elif verb != "renewal":
            getattr(session, verb)()
        said = response(manager, session)
        assert "set-cookie" in said
        assert response(manager, session, now=NOW + 1) == said

    def test_where_no_cache_is(self, manager: SessionManager[Any]) -> None:
        """A WebSocket's response does not vary, and sets the cookie all the same."""
        session = request(manager)
        session["a"] = 1
        headers: Headers = []
        manager.save(session, headers, varies=False, now=NOW)
        assert [name for name, _ in headers] == [b"set-cookie", b"cache-control"]

    def test_the_clock_is_the_systems(
        self, manager: SessionManager[Any], codec: SessionCodec[Any]
    ) -> None:
        """The system's clock counts if no time is given."""
        session = request(manager, now=None)
        session["a"] = 1
        headers: Headers = []
        manager.save(session, headers)
        assert codec.decode(token_in({"set-cookie": headers[1][1].decode()})).state == {"a": 1}

    def test_a_second_response_of_a_request(
        self, manager: SessionManager[Any], codec: SessionCodec[Any]
    ) -> None:
        """A server's own page of an error, after the first could not be sent, needs no cookie."""
        session = request(manager, codec.encode({}, now=NOW))
        session["large"] = "x" * 5000
        with pytest.raises(SessionTooLarge):
            response(manager, session)
        assert response(manager, session) == {"vary": "Cookie"}

    def test_a_change_after_the_response_had_begun(self, manager: SessionManager[Any]) -> None:
        """Only a nested one gets past the lock, and it is found at the end."""
        session = request(manager)
        manager.check_unchanged(session)
        session["cart"] = []
        response(manager, session)
        manager.check_unchanged(session)
        session["cart"].append("late")
        with pytest.raises(ConfigError, match="changed after the response began"):
            manager.check_unchanged(session)


class TestDeletion:
    @pytest.mark.parametrize(
        "cookie",
        [
            Cookie(),
            Cookie(same_site="None", partitioned=True),
            Cookie(name="__Secure-s", domain="example.org", path="/shop", same_site="Strict"),
            Cookie(name="s", http_development=True),
            Cookie(persistent=False),
        ],
    )
    @pytest.mark.parametrize("how", ["clear", "delete", "assign"])
    def test_an_emptied_session(self, hs256: KeyRing, cookie: Cookie, how: str) -> None:
        """Its cookie is deleted with the attributes that it was set with, however it came so."""
        codec: SessionCodec[Any] = SessionCodec(hs256, context=cookie.context, policy=POLICY)
        manager = SessionManager(codec, cookie=cookie)
        session = request(manager)
        session["a"] = 1
        setting = response(manager, session)["set-cookie"]
        session = request(manager, token_in({"set-cookie": setting}))
        if how == "clear":
            session.clear()
        elif how == "delete":
            del session["a"]
        else:
            session.state = {}
        deleting = response(manager, session)
        assert deleting["cache-control"] == "no-store"
        name, value, *attributes = re.split("=|; ", deleting["set-cookie"], maxsplit=2)
        assert (name, value) == (cookie.name, "")
        assert attributes[0].startswith("Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; ")
        assert attributes[0].split("; ")[2:] == [
            part for part in setting.split("; ")[1:] if not part.startswith("Max-Age")
        ]

    def test_an_emptied_session_of_somebody(
        self, manager: SessionManager[Any], codec: SessionCodec[Any]
    ) -> None:
        """It still says who has signed in, so it stays."""
        session = request(manager, codec.encode({"a": 1}, subject="42", now=NOW))
        del session["a"]
        after = codec.decode(token_in(response(manager, session)), now=NOW)
        assert (after.state, after.subject) == ({}, "42")

    def test_nothing_to_delete(self, manager: SessionManager[Any]) -> None:
        """A request without a cookie whose session ends empty sets nothing."""
        session = request(manager)
        session["a"] = 1
        session.clear()
        assert response(manager, session) == {"vary": "Cookie"}

    @pytest.mark.parametrize("tokens", [("junk",), ("", ""), ("a", "b", "c", "d", "e")])
    def test_a_refused_cookie(self, manager: SessionManager[Any], tokens: tuple[str, ...]) -> None:
        """Reading leaves it alone; the application's own clearing deletes it."""
        session = request(manager, *tokens)
        assert session.refused == "malformed"
        assert response(manager, session) == {"vary": "Cookie"}
        session = request(manager, *tokens)
        session.clear()
        assert "Max-Age=0" in response(manager, session)["set-cookie"]

    def test_a_typed_session(self, hs256: KeyRing) -> None:
        """Empty is the type's own beginning."""

        class Visit(msgspec.Struct):
            pages: int = 0

        codec = SessionCodec(hs256, policy=POLICY, state_type=Visit)
        manager = SessionManager(codec)
        session = request(manager, codec.encode(Visit(3), now=NOW))
        session.state.pages = 0
        assert "Max-Age=0" in response(manager, session)["set-cookie"]


class TestTwoMiddlewares:
    @pytest.mark.parametrize("transport", [Cookie(), Header(context="session")])
    @pytest.mark.parametrize(
        ("inner", "outer", "refused"),
        [
            ("clear", "renew", False), ("set", "renew", False), ("clear", "clear", False),
            ("clear", "set", True), ("set", "clear", True),
        ],
    )  # fmt: skip
    def test_two_sessions_of_one_cookie(
        self, codec: SessionCodec[Any], transport: Any, inner: str, outer: str, *, refused: bool
    ) -> None:
        """What a mounted application says is undone by no middleware around it; not by renewal."""
        manager = SessionManager(codec, cookie=transport)
        due = codec.encode({"n": 0}, subject="42", now=NOW - IDLE * 3 // 4)

        def save(verb: str, headers: Headers) -> None:
            session = request(manager, due)
            assert session["n"] == 0
            if verb == "clear":
                session.clear()
            elif verb == "set":
                session["n"] = 1
            manager.save(session, headers, now=NOW)

        said: Headers = []
        save(inner, said)
        headers = list(said)
        with pytest.raises(ConfigError, match="two middlewares") if refused else nullcontext():
            save(outer, headers)
        if refused and outer == "clear":  # a sign-out holds, though the response fails
            assert [pair for pair in headers if manager.cookie.is_written([pair])] == [
                transport.delete()
            ]
        else:
            assert headers == said


class TestWhatCannotBeWritten:
    """The response fails, and the session is as it was, but for a sign-out."""

    @pytest.mark.parametrize(
        "transport", [Cookie(), Header(context="session")], ids=["cookie", "header"]
    )
    @pytest.mark.parametrize(
        ("value", "error"),
        [(Decimal(1), StateError), ("x" * 9000, SessionTooLarge)],
        ids=["no core value", "too large"],
    )
    def test_a_sign_out_holds(
        self, codec: SessionCodec[Any], transport: Any, value: Any, error: type[Exception]
    ) -> None:
        """The client drops its token, although what was written after the sign-out is lost."""
        manager = SessionManager(codec, cookie=transport)
        session = request(manager, codec.encode({"a": 1}, subject="42", now=NOW))
        session.clear()
        session["goodbye"] = value
        headers: Headers = []
        with pytest.raises(error):
            manager.save(session, headers, now=NOW)
        assert headers == [
            (b"vary", transport.vary), transport.delete(), (b"cache-control", b"no-store"),
        ]  # fmt: skip

    @pytest.mark.parametrize("verb", ["regenerate", "sign_in", "set"])
    def test_no_other_change_does(
        self, manager: SessionManager[Any], codec: SessionCodec[Any], verb: str
    ) -> None:
        """The client keeps its token, and its session."""
        session = request(manager, codec.encode({"a": 1}, subject="42", now=NOW))
        if verb == "regenerate":
            session.regenerate()
        elif verb == "sign_in":
            session.sign_in("43")
        session["b"] = Decimal(1)
        headers: Headers = []
        with pytest.raises(StateError):
            manager.save(session, headers, now=NOW)
        assert headers == [(b"vary", b"Cookie")]

    def test_a_session_that_no_request_carried(self, manager: SessionManager[Any]) -> None:
        """There is no cookie to delete."""
        session = request(manager)
        session.clear()
        session["b"] = Decimal(1)
        headers: Headers = []
        with pytest.raises(StateError):
            manager.save(session, headers, now=NOW)
        assert headers == [(b"vary", b"Cookie")]

    @pytest.mark.parametrize("change", [True, False])
    def test_the_applications_own_page_of_the_error(
        self, manager: SessionManager[Any], codec: SessionCodec[Any], *, change: bool
    ) -> None:
        """The page in place of the failed response says what has changed since, and no more."""
        session = request(manager, codec.encode({"a": [1]}, subject="42", now=NOW))
        session["a"].append(Decimal(1))
        with pytest.raises(StateError):
            manager.save(session, [], now=NOW)
        if change:
            session["a"].pop()
            session["b"] = 2
            after = codec.decode(token_in(response(manager, session)), now=NOW)
            assert after.state == {"a": [1], "b": 2}
        else:
            assert response(manager, session) == {"vary": "Cookie"}

    def test_a_reader_signs_nobody_out(self) -> None:
        """A ring that only reads sets and deletes no cookie, so its application must not clear."""
        ring = KeyRing.generate("Ed25519")
        codec: SessionCodec[Any] = SessionCodec(ring, policy=POLICY)
        manager = SessionManager(SessionCodec(ring.reader(), policy=POLICY))
        session = request(manager, codec.encode({"a": 1}, subject="42", now=NOW))
        session.clear()
        headers: Headers = []
        with pytest.raises(ConfigError, match="this ring can only read"):
            manager.save(session, headers, now=NOW)
        assert headers == [(b"vary", b"Cookie")]
