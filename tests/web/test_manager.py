"""One codec and one cookie, for the requests of many: trials, tokens, threads and neighbours."""

from __future__ import annotations

import re
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NOW
from tokensession import (
    Expired,
    KeyRing,
    Policy,
    Session,
    SessionCodec,
    SessionManager,
    SessionTooLarge,
    StateError,
)
from tokensession.sessions.steps import run
from tokensession.testing import FixedClock
from tokensession.web.change import Change
from tokensession.web.options import manager_of

from .exchange import LIMIT, request, response, token_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokensession.web.cookies import Headers


def test_reprs_show_no_session(manager: SessionManager[Any]) -> None:
    """An error page that shows local variables shows neither state, subject nor token."""
    session = request(manager)
    session.sign_in("the-subject", label="the-label")
    session["member"] = "the-state"
    token = token_in(response(manager, session))
    found = request(manager, token)
    assert found["member"] == "the-state"
    value, at = found._value, NOW
    assert value is not None
    assert value.opened is not None
    written = run(manager.codec.writer.write(value, at, found._keys))
    records = (
        session, session._value, session._value.sign_in if session._value else None, found, value,
        value.opened, value.opened.claims, written, Change((b"cookie", token.encode()), written),
    )  # fmt: skip
    for record in records:
        shown = repr(record)
        assert not re.search("the-|plaintext|state|subject", shown), shown
        assert token not in shown
        assert written.token not in shown


class TestCheck:
    def test_what_is_too_large(self, manager: SessionManager[Any]) -> None:
        """It raises where the application can still answer, and again at the response."""
        session = request(manager)
        session["large"] = "x" * 5000
        for _ in range(2):
            with pytest.raises(SessionTooLarge):
                session.check()
        session["large"] = ""
        session.check()
        assert "set-cookie" in response(manager, session)

    def test_what_cannot_be_written(self, manager: SessionManager[Any]) -> None:
        """The error of a value that cannot be written names its path."""
        session = request(manager)
        session["a"] = {"b": object()}
        with pytest.raises(StateError) as caught:
            session.check()
        assert caught.value.path == "state.a.b"

    def test_a_session_that_needs_no_writing(self, codec: SessionCodec[Any]) -> None:
        """It raises nothing: empty, unchanged or untouched."""
        manager = SessionManager(codec)
        request(manager).check()
        request(manager, "junk").check()
        request(manager, codec.encode({"a": 1}, now=NOW)).check()
        session = request(manager)
        session["a"] = 1
        response(manager, session)
        session.check()

    def test_it_changes_nothing(self, manager: SessionManager[Any]) -> None:
        """What was to be written before is to be written after."""
        session = request(manager)
        session["a"] = 1
        session.check()
        session.check()
        assert "set-cookie" in response(manager, session)

    def test_the_end_of_a_session(self, codec: SessionCodec[Any]) -> None:
        """An application that wants to tell that a change goes with its session can."""
        manager = SessionManager(codec)
        with FixedClock(NOW - 1) as clock:
            token = codec.encode({"a": 1}, ttl=LIMIT, now=NOW - LIMIT)
            session = request(manager, token, now=None)
            session["a"] = 2
            session.check()
            clock.advance(1)
            with pytest.raises(Expired):
                session.check()

    def test_the_end_of_a_session_that_was_only_read(self, hs256: KeyRing) -> None:
        """There is nothing to lose, so it raises nothing, though renewal would be due."""
        codec: SessionCodec[Any] = SessionCodec(
            hs256, policy=Policy(idle_timeout=60, absolute_timeout=100)
        )
        manager = SessionManager(codec)
        with FixedClock(NOW + 59) as clock:
            session = request(manager, codec.encode({"a": 1}, now=NOW), now=None)
            assert session["a"] == 1
            clock.advance(41)
            session.check()
        assert response(manager, session, now=NOW + 100) == {"vary": "Cookie"}


class TestConcurrency:
    def test_the_response_that_is_received_last_wins(
        self, manager: SessionManager[Any], codec: SessionCodec[Any]
    ) -> None:
        """Two responses from one session hold each its own change, and never a mixture."""
        token = codec.encode({"n": 0}, subject="42", now=NOW)
        one, other = request(manager, token), request(manager, token)
        one["one"] = 1
        other["other"] = 1
        received = [token_in(response(manager, session)) for session in (one, other)]
        for last, state in zip(received, ({"n": 0, "one": 1}, {"n": 0, "other": 1}), strict=True):
            assert request(manager, last).state == state
        assert one.sid == other.sid

    def test_a_request_that_only_reads_overwrites_nothing(
        self, manager: SessionManager[Any], codec: SessionCodec[Any]
    ) -> None:
        """A request that only reads overwrites nothing, because it sets no cookie."""
        token = codec.encode({"n": 0}, now=NOW)
        reading, writing = request(manager, token), request(manager, token)
        assert reading["n"] == 0
        writing["n"] = 1
        assert "set-cookie" in response(manager, writing)
        assert "set-cookie" not in response(manager, reading, now=NOW + 60)

    @pytest.mark.parametrize("work", ["clear", "keys"])
    def test_threads_of_one_request_open_one_session(
        self, manager: SessionManager[Any], codec: SessionCodec[Any], work: str
    ) -> None:
        """A thread that is still reading the cookie undoes no change of another thread."""
        token = codec.encode({"n": 0}, subject="42", now=NOW)

        class Headers(list[tuple[bytes, bytes]]):
            """Headers during whose reading another thread opens the session."""

            def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
                if not session.opened and threading.current_thread() is threading.main_thread():
                    thread = threading.Thread(target=getattr(session, work))
                    thread.start()
                    thread.join()
                return super().__iter__()

        line = (b"cookie", f"__Host-session={token}".encode())
        session = manager.open(Headers([line]), now=NOW)
        assert session.get("n") == (None if work == "clear" else 0)
        assert session.subject == (None if work == "clear" else "42")

    @pytest.mark.parametrize("cookie", [True, False], ids=["cookie", "no cookie"])
    def test_threads_that_open_a_session_at_once(
        self, manager: SessionManager[Any], codec: SessionCodec[Any], *, cookie: bool
    ) -> None:
        """Both threads write into one state, however they take turns."""
        tokens = [codec.encode({"n": 0}, now=NOW)] if cookie else []
        rounds = 300
        sessions = [request(manager, *tokens) for _ in range(rounds)]
        gate = threading.Barrier(2)

        def work(name: str) -> None:
            for session in sessions:
                gate.wait()
                session[name] = 1

        threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(interval)
        assert [sorted(session) for session in sessions] == [
            ["a", "b", "n"] if cookie else ["a", "b"]
        ] * rounds


class TestNeighbours:
    def test_several_managers_keep_apart(self, hs256: KeyRing) -> None:
        """Each session has its name and context; one's token is none under another's name."""
        managers = [
            manager_of(hs256, {}, cookie_name=name) for name in ("__Host-session", "__Host-admin")
        ]
        opened = [request(manager) for manager in managers]
        for session, subject in zip(opened, ("ann", "root"), strict=True):
            session.sign_in(subject)
        headers: Headers = []
        for manager, session in zip(managers, opened, strict=True):
            manager.save(session, headers, now=NOW)
        set_cookies = [value.decode() for name, value in headers if name == b"set-cookie"]
        assert [line.partition("=")[0] for line in set_cookies] == [
            "__Host-session",
            "__Host-admin",
        ]
        assert [value for name, value in headers if name == b"vary"] == [b"Cookie"]
        tokens = [token_in({"set-cookie": line}) for line in set_cookies]
        line = "; ".join(
            f"{name}={token}"
            for name, token in zip(("__Host-session", "__Host-admin"), tokens, strict=True)
        )
        again = [manager.open([(b"cookie", line.encode())], now=NOW) for manager in managers]
        assert [session.subject for session in again] == ["ann", "root"]
        swapped: list[Session[Any]] = [
            request(manager, token) for manager, token in zip(managers, tokens[::-1], strict=True)
        ]
        assert [session.refused for session in swapped] == ["bad_signature"] * 2
