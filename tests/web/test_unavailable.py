"""The answers that adapters give by themselves, and responses that carry one session's cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NOW
from tokensession import ConfigError, Header, SessionCodec, SessionManager, StateError, StoreError
from tokensession.web.unavailable import claim, mark, refusal, release, unavailable

from .exchange import request

if TYPE_CHECKING:
    from tokensession.web.cookies import Headers

DOWN = StoreError("the store is down")
UNFIT = StateError("state.total", "not a core value")


class TestRefusal:
    def test_a_503_keeps_cookies_alone(self, manager: SessionManager[Any]) -> None:
        """A 503 keeps the cookies of the response that it replaces, in any letter case."""
        headers: Headers = [
            (b"Set-Cookie", b"__Host-session=; Max-Age=0"),
            (b"content-length", b"9999"),
            (b"x-secret", b"of the application"),
            (b"set-cookie", b"other=1"),
        ]
        answer = refusal(manager, DOWN, headers)
        assert answer is not None
        assert (answer.status, answer.body) == (503, b"Service Unavailable")
        assert [header for header in answer.headers if header[0].lower() == b"set-cookie"] == [
            headers[0],
            headers[3],
        ]
        assert (b"content-length", b"%d" % len(answer.body)) in answer.headers
        assert (b"cache-control", b"no-store") in answer.headers
        assert (b"retry-after", b"1") in answer.headers
        assert all(name != b"x-secret" for name, _ in answer.headers)

    def test_before_there_is_a_response(
        self, manager: SessionManager[Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        """A store that fails in the application is a 503 too, and the log says why."""
        answer = unavailable(manager, DOWN)
        assert answer.status == 503
        assert all(name != b"set-cookie" for name, _ in answer.headers)
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "the store is down" in caplog.text

    @pytest.mark.parametrize("transport", ["cookie", "header"])
    def test_a_500_after_a_sign_out(
        self, codec: SessionCodec[Any], transport: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The client drops its token, although the rest of the response cannot be written."""
        manager = SessionManager(
            codec, cookie=Header(context="session") if transport == "header" else None
        )
        deleting = manager.cookie.delete()
        answer = refusal(manager, UNFIT, [(b"content-length", b"9"), deleting])
        assert answer is not None
        assert (answer.status, answer.body) == (500, b"Internal Server Error")
        assert deleting in answer.headers
        assert (b"content-length", b"%d" % len(answer.body)) in answer.headers
        assert all(name != b"retry-after" for name, _ in answer.headers)
        assert [record.levelname for record in caplog.records] == ["ERROR"]

    def test_what_the_framework_answers(self, manager: SessionManager[Any]) -> None:
        """An error without a sign-out goes to the framework, which answers."""
        assert refusal(manager, UNFIT, [(b"set-cookie", b"other=1")]) is None


class Response:
    """A response object of a framework."""


class TestSharedResponse:
    """One response object for several requests would carry the cookie of one to the others."""

    def test_after_it_has_carried_a_cookie(self, manager: SessionManager[Any]) -> None:
        """No other request can answer with it, whether its session is touched or not."""
        response, first, second = Response(), request(manager), request(manager)
        first["n"] = 1
        claim(response, first)
        claim(response, first)
        with pytest.raises(ConfigError, match="one response object answers several requests"):
            claim(response, second)
        second["n"] = 2
        with pytest.raises(ConfigError, match="one response object answers several requests"):
            claim(response, second)

    def test_at_once(self, manager: SessionManager[Any]) -> None:
        """A response is marked before its session is saved, so that two requests cannot overlap."""
        response, first, second = Response(), request(manager), request(manager)
        for session in (first, second):
            session["n"] = 1
        claim(response, first)  # and it waits for a store now
        with pytest.raises(ConfigError):
            claim(response, second)
        release(response, first)
        claim(response, second)

    def test_without_cookies(self, manager: SessionManager[Any]) -> None:
        """A response that sets no cookie can answer any number of requests."""
        response = Response()
        for _ in range(3):
            session = request(manager)
            session.open()
            claim(response, session)
            release(response, session)

    @pytest.mark.parametrize("opened", [True, False])
    def test_a_cookie_that_comes_meanwhile(
        self, manager: SessionManager[Any], codec: SessionCodec[Any], *, opened: bool
    ) -> None:
        """A request whose session says nothing notices another's cookie, and leaves the mark."""
        response, other = Response(), request(manager)
        reading = request(manager, codec.encode({}, now=NOW))
        if opened:
            reading.open()
        claim(response, reading)
        other["n"] = 1
        claim(response, other)
        for end in (release, mark):
            with pytest.raises(ConfigError):
                end(response, reading)
        claim(response, other)
