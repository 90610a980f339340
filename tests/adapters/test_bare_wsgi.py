"""The WSGI middleware under an application without a framework."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from tokensession import ConfigError, SessionCodec, StoreError
from tokensession.adapters.wsgi import SessionMiddleware

from .conformance import (
    AFTER,
    ASKING_CODEC,
    ASKING_COOKIE,
    CODEC,
    COOKIE,
    DELETED_BY,
    POLICY,
    RING,
    SESSIONS,
    STORE,
    Answer,
    Conformance,
    Handled,
    Overflowing,
    RaisesFailures,
    Revocation,
    answer_to,
    headers_of,
    note_after,
    stream,
)
from .servers import Site, serve_wsgi

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tokensession.adapters.wsgi import App, Environ, StartResponse

WSGI_UNABLE = {
    "WebSockets": "WSGI has none",
    "BackgroundTasks": "WSGI has nothing that runs after the response",
}
WSGI_NOTES = {
    "test_the_cookie_is_found_among_others": (
        "WSGI servers join several Cookie lines with a comma, which no browser sends: no session"
    ),
    "test_duplicates_of_the_name": "likewise, in several lines; in one line as everywhere",
}


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Serve the paths of the conformance suite."""
    kind, _, name = environ["PATH_INFO"].lstrip("/").partition("/")

    def of(key: str) -> Any:
        return environ["tokensession.session" if key == "session" else key]

    if kind == "stream":
        chunks = stream(of("session"), name)
        first = next(chunks)
        query = dict(parse_qsl(environ["QUERY_STRING"]))
        start_response("200 OK", list(headers_of(query)))
        return itertools.chain((first,), chunks)
    try:
        given = answer_to(of, kind, name, dict(parse_qsl(environ["QUERY_STRING"])))
    except Handled:
        given = Answer("handled", 409)
    start_response(f"{given.status} Status", list(given.headers))
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [given.body.encode()]


def with_sessions(app: App) -> App:
    """Return the application with all of the suite's sessions, and a log around them."""
    for key, manager in SESSIONS.items():
        environ_key = "tokensession.session" if key == "session" else key
        app = SessionMiddleware(app, manager, environ_key=environ_key)
    return logged(app)


def logged(app: App) -> App:
    """Return an application around which something looks at the session once it has answered."""

    def around(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = app(environ, start_response)
        if AFTER not in environ["PATH_INFO"]:
            return body
        whole = list(body)
        getattr(body, "close", lambda: None)()
        note_after(
            lambda key: environ["tokensession.session" if key == "session" else key],
            environ["PATH_INFO"],
        )
        return whole

    return around


class TestBareWSGI(Conformance, Revocation, Overflowing, RaisesFailures):
    title = "WSGI"
    unable = WSGI_UNABLE
    notes = WSGI_NOTES
    sees_several_cookie_lines = False

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application."""
        with serve_wsgi(with_sessions(application)) as site:
            yield site


@pytest.mark.parametrize("begins_by", ["call", "chunk"])
def test_a_change_where_an_error_is_answered_outside(begins_by: str) -> None:
    """It could not be carried, so it raises; the session can be read there."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if begins_by == "call":
            raise ValueError
        return chunks()

    def chunks() -> Iterator[bytes]:
        raise ValueError
        yield b""

    environ: Environ = {"HTTP_COOKIE": f"{COOKIE}={CODEC.encode({}, subject='ada')}"}
    served = SessionMiddleware(application, SESSIONS["session"])
    with pytest.raises(ValueError, match=r"^$"):
        b"".join(served(environ, lambda *_: lambda _: None))
    session = environ["tokensession.session"]
    assert session.subject == "ada"
    with pytest.raises(ConfigError, match="the response has begun"):
        session.clear()


def test_an_error_page_in_place_of_a_response() -> None:
    """It carries the session of the response that it replaces: that one is never sent."""
    seen: list[list[tuple[str, str]]] = []

    def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
        seen.append(headers)

    def failing(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["tokensession.session"]["n"] = 1
        start_response("200 OK", [])
        start_response("500 Oh", [("X-Error", "1")], (ValueError, ValueError(), None))
        return [b""]

    body = SessionMiddleware(failing, SESSIONS["session"])({}, start)
    assert list(body) == [b""]
    first, second = (dict(headers) for headers in seen)
    assert "set-cookie" in first
    assert second == {"X-Error": "1", **first}


class TestStoreThatIsDown:
    """Applications that begin their responses in other ways than the suite's."""

    @staticmethod
    def ask(app: App, token: str, method: str = "GET") -> tuple[list[str], bytes, Any]:
        """Return the statuses, the body, and the headers of a request to an application."""
        begun: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
            begun.append((status, headers))

        served = SessionMiddleware(app, SESSIONS["asking"])
        environ = {"REQUEST_METHOD": method, "HTTP_COOKIE": f"{ASKING_COOKIE}={token}"}
        body = served(environ, start)
        data = b"".join(body)
        getattr(body, "close", lambda: None)()
        return [status for status, _ in begun], data, begun[-1][1]

    @pytest.mark.parametrize(("method", "body"), [("GET", b"Service Unavailable"), ("HEAD", b"")])
    def test_a_generator(self, method: str, body: bytes) -> None:
        """It touches the session when the server asks for the first chunk."""

        def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            subject = environ["tokensession.session"].subject
            start_response("200 OK", [])
            yield str(subject).encode()

        token = ASKING_CODEC.encode({}, subject="erin")
        assert self.ask(application, token)[:2] == (["200 OK"], b"erin")
        with STORE.down():
            assert self.ask(application, token, method)[:2] == (["503 Service Unavailable"], body)

    def test_a_sign_out_of_a_generator(self) -> None:
        """Nothing of its body is sent, and the body is closed."""
        closed: list[bool] = []

        def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            try:
                environ["tokensession.session"].clear()
                write = start_response("200 OK", [("X-Secret", "1"), ("Set-Cookie", "a=1")])
                write(b"written")
                yield b"yielded"
            finally:
                closed.append(True)

        token = ASKING_CODEC.encode({}, subject="erin")
        with STORE.down("deny"):
            statuses, body, headers = self.ask(application, token)
        assert (statuses, body) == (["503 Service Unavailable"], b"Service Unavailable")
        assert [value for name, value in headers if name.lower() == "set-cookie"] == [
            "a=1", ASKING_COOKIE + DELETED_BY,
        ]  # fmt: skip
        assert "X-Secret" not in dict(headers)
        assert closed == [True]

    def test_an_error_page_after_the_503(self) -> None:
        """It is not sent: a response has been."""

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            environ["tokensession.session"].clear()
            start_response("200 OK", [])
            start_response("500 Oh", [], (ValueError, ValueError(), None))
            return [b"oh"]

        token = ASKING_CODEC.encode({}, subject="erin")
        with STORE.down("deny"):
            assert self.ask(application, token)[0] == ["503 Service Unavailable"]

    @pytest.mark.parametrize("begins_by", ["call", "chunk"])
    def test_too_late_for_a_503(self, begins_by: str) -> None:
        """What fails after the response has begun leaves the application as it is."""

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            start_response("200 OK", [])
            if begins_by == "call":
                raise StoreError("another store")
            return chunks()

        def chunks() -> Iterator[bytes]:
            yield b"first"
            raise StoreError("another store")

        def opened(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            len(environ["tokensession.session"])
            return application(environ, start_response)

        with pytest.raises(StoreError, match="another store"):
            self.ask(opened, "")

    def test_its_argument(self) -> None:
        """A store can be given without a manager; a manager has its own."""
        with pytest.raises(ConfigError, match="a manager already has its policy"):
            SessionMiddleware(application, SESSIONS["asking"], revocation=STORE)
        app = SessionMiddleware(application, RING, policy=POLICY, revocation=STORE)
        codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=STORE)
        token = codec.encode({}, subject="erin")
        codec.revoke(codec.decode(token))
        environ = {
            "REQUEST_METHOD": "GET", "PATH_INFO": "/op/refused", "QUERY_STRING": "",
            "HTTP_COOKIE": f"{COOKIE}={token}",
        }  # fmt: skip
        assert list(app(environ, lambda *_: lambda _: None)) == [b'"revoked"']
