"""Pyramid's session factory."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from pyramid.authentication import SessionAuthenticationHelper, SessionAuthenticationPolicy
from pyramid.config import Configurator
from pyramid.csrf import check_csrf_token, get_csrf_token, new_csrf_token
from pyramid.exceptions import BadCSRFToken
from pyramid.httpexceptions import HTTPServiceUnavailable
from pyramid.interfaces import ISession, ISessionFactory
from pyramid.request import Request
from pyramid.response import Response
from zope.interface.verify import verifyObject

from tokensession import ConfigError, KeyRing, StoreError, encode
from tokensession.adapters.pyramid import SessionFactory
from tokensession.adapters.wsgi import SessionMiddleware
from tokensession.stores.memory.revocation import MemoryStore

from .conformance import (
    COOKIE,
    ERRORS_INSIDE,
    ONE_SESSION,
    OWN_SESSIONS,
    POLICY,
    RING,
    SESSIONS,
    Answer,
    Conformance,
    Handled,
    Overflowing,
    RaisesFailures,
    Revocation,
    WatchedStore,
    answer_to,
    headers_of,
    note_after,
    own_session_of,
    stream,
)
from .servers import Site, serve_wsgi
from .test_bare_wsgi import WSGI_NOTES, WSGI_UNABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class ByPath:
    """Pyramid has one session; the suite's sessions are those of different paths."""

    factories = {key: SessionFactory(manager) for key, manager in OWN_SESSIONS.items()}  # noqa: RUF012

    def __call__(self, request: Any) -> Any:
        """Open that of the path."""
        return self.factories[own_session_of(request.path)](request)


def of(request: Any) -> Callable[[str], Any]:
    """Return what gives a session of the request."""
    return lambda key: request.environ["admin"] if key == "admin" else request.session


def respond(given: Answer) -> Response:
    """Return a response of Pyramid's."""
    response = Response(given.body, given.status)
    response.headers.update(given.headers)
    return response


def operation(request: Any) -> Response:
    """Answer ``/KIND/NAME``."""
    match = request.matchdict
    request.add_finished_callback(lambda asked: note_after(of(asked), asked.path))
    try:
        return respond(answer_to(of(request), match["kind"], match["name"], request.GET))
    except Handled:
        return respond(Answer("handled", 409))


def streaming(request: Any) -> Response:
    """Answer ``/stream/NAME``."""
    chunks = stream(request.session, request.matchdict["name"])
    response = Response(app_iter=chain([next(chunks)], chunks))
    response.headers.update(headers_of(request.GET))
    return response


def application() -> Any:
    """Return an application with the paths of the conformance suite."""
    config = Configurator(session_factory=ByPath())
    config.add_route("stream", "/stream/{name}")
    config.add_route("operation", "/{kind}/{name}")
    config.add_view(streaming, route_name="stream")
    config.add_view(operation, route_name="operation")
    return config.make_wsgi_app()


ABSOLUTE = {"test_redirect": "WebOb makes the location of a redirect absolute"}


class TestPyramid(Conformance, Revocation, Overflowing, RaisesFailures):
    title = "Pyramid"
    unable = WSGI_UNABLE
    notes = WSGI_NOTES | ERRORS_INSIDE | ONE_SESSION | ABSOLUTE
    sees_several_cookie_lines = False

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application."""
        app = SessionMiddleware(application(), SESSIONS["admin"], environ_key="admin")
        with serve_wsgi(app) as site:
            yield site

    def test_redirect(self, site: Site) -> None:
        """A redirect carries the change; WebOb makes its location absolute."""
        response = site.get("/op/redirect")
        assert response.status_code == 303
        assert response.headers["location"].endswith("/op/see")
        assert COOKIE in response.headers["set-cookie"]


# -- what Pyramid's users expect ------------------------------------------------------------


def answered(factory: SessionFactory, view: Any, cookie: str = "", **settings: Any) -> Any:
    """Return Pyramid's response to a request."""
    config = Configurator(session_factory=factory, settings=settings)
    config.add_route("home", "/")
    config.add_view(view, route_name="home")
    request = Request.blank("/", base_url="https://test", headers={"Cookie": cookie})
    return request.get_response(config.make_wsgi_app())


def cookie_of(response: Any) -> str:
    """Return what a browser sends back."""
    return str(response.headers["Set-Cookie"].partition(";")[0])


def test_the_interfaces_of_pyramid() -> None:
    """Factory and session have all that Pyramid asks of them."""
    factory = SessionFactory(KeyRing.generate())
    assert verifyObject(ISessionFactory, factory)

    def view(request: Any) -> Response:
        session = request.session
        assert verifyObject(ISession, session)
        assert session.new
        assert session.created == session.started_at
        session["a"] = 1
        session.changed()
        return Response()

    first = cookie_of(answered(factory, view))

    def again(request: Any) -> Response:
        assert not request.session.new
        request.session.invalidate()
        return Response(str(dict(request.session)))

    response = answered(factory, again, first)
    assert response.text == "{}"
    assert "Max-Age=0" in response.headers["Set-Cookie"]


def test_flash_messages() -> None:
    """Flash messages come back once, by queue, with and without duplicates."""
    factory = SessionFactory(KeyRing.generate())

    def put(request: Any) -> Response:
        for _ in range(2):
            request.session.flash("saved")
            request.session.flash("once", "other", allow_duplicate=False)
        return Response()

    def show(request: Any) -> Response:
        session = request.session
        assert session.peek_flash() == ["saved", "saved"]
        assert session.pop_flash("other") == ["once"]
        return Response(str([session.pop_flash(), session.pop_flash()]))

    response = answered(factory, show, cookie_of(answered(factory, put)))
    assert response.text == "[['saved', 'saved'], []]"


def test_csrf_tokens() -> None:
    """Pyramid's own functions make, keep and check them."""
    factory = SessionFactory(KeyRing.generate())

    def put(request: Any) -> Response:
        token = get_csrf_token(request)
        assert get_csrf_token(request) == token
        assert new_csrf_token(request) != token
        return Response(get_csrf_token(request))

    response = answered(factory, put)

    def check(request: Any) -> Response:
        request.headers["X-CSRF-Token"] = response.text
        assert check_csrf_token(request)
        request.headers["X-CSRF-Token"] = "another"
        with pytest.raises(BadCSRFToken):
            check_csrf_token(request)
        return Response("checked")

    assert answered(factory, check, cookie_of(response)).text == "checked"


@pytest.mark.parametrize("prefix", ["auth.", "shop."])
def test_signing_in_and_out_by_pyramids_helper(prefix: str) -> None:
    """The subject is the user, the id is new, and a copy is dead afterwards."""
    factory = SessionFactory(KeyRing.generate(), revocation=MemoryStore())
    helper = SessionAuthenticationHelper(prefix)

    def sign_in(request: Any) -> Response:
        request.session["cart"] = [1]
        helper.remember(request, "ada")
        return Response(request.session.subject)

    def sign_out(request: Any) -> Response:
        helper.forget(request)
        return Response(str(dict(request.session)))

    def who(request: Any) -> Response:
        return Response(str(helper.authenticated_userid(request)))

    response = answered(factory, sign_in)
    assert response.text == "ada"
    stolen = cookie_of(response)
    assert answered(factory, who, stolen).text == "ada"
    assert answered(factory, sign_out, stolen).text == "{'cart': [1]}"
    assert answered(factory, who, stolen).text == "None"


def test_a_callback_of_a_policy_does_not_sign_in() -> None:
    """Only the keys that Pyramid's helper itself sets sign in."""

    def groups(_user: str, request: Any) -> list[str]:
        request.session["seen"] = "often"
        return []

    def view(request: Any) -> Response:
        policy = SessionAuthenticationPolicy("shop.", groups)
        policy.remember(request, "ada")
        policy.effective_principals(request)
        return Response(request.session.subject)

    assert answered(SessionFactory(RING), view).text == "ada"


@pytest.mark.parametrize(("method", "body"), [("GET", b"streamed"), ("HEAD", b"")])
def test_the_applications_body_is_closed(method: str, body: bytes) -> None:
    """It is closed once it was sent, and if the server never iterates it."""
    closed: list[bool] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield b"streamed"

        def close(self) -> None:
            closed.append(True)

    def view(request: Any) -> Response:
        request.session["n"] = 1
        return Response(app_iter=Body())

    config = Configurator(session_factory=SessionFactory(RING))
    config.add_route("home", "/")
    config.add_view(view, route_name="home")
    request = Request.blank("/", base_url="https://test", method=method)
    _, _, chunks = request.call_application(config.make_wsgi_app())
    assert b"".join(chunks) == body
    chunks.close()
    assert closed == [True]


def test_a_view_that_fails_is_reported_itself() -> None:
    """What it had changed is not kept."""

    def view(request: Any) -> Response:
        request.session["n"] = 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        answered(SessionFactory(KeyRing.generate()), view)


def test_a_change_after_the_response_raises() -> None:
    """A change in a callback after the response raises, because no response would carry it."""

    def view(request: Any) -> Response:
        request.add_finished_callback(lambda late: late.session.update(a=1))
        return Response()

    with pytest.raises(ConfigError, match="the change is lost"):
        answered(SessionFactory(KeyRing.generate()), view)


def test_a_change_in_a_response_callback() -> None:
    """Response callbacks can change the session, each in its turn."""

    def view(request: Any) -> Response:
        request.session["n"] = 1
        for name in ("a", "b"):
            request.add_response_callback(lambda late, _, name=name: late.session.update({name: 1}))
        return Response()

    factory = SessionFactory(RING)
    response = answered(factory, view)
    seen = answered(factory, lambda request: Response(str([*request.session])), cookie_of(response))
    assert seen.text == "['n', 'a', 'b']"


def test_an_exception_view_answers_for_a_store_that_fails() -> None:
    """A view of the application for Pyramid's own error gives the answer."""
    store = WatchedStore()

    def sorry(error: Exception, request: Any) -> Response:
        return Response(f"later: {isinstance(error, StoreError)}", 503)

    config = Configurator(session_factory=SessionFactory(RING, policy=POLICY, revocation=store))
    config.add_route("home", "/")
    config.add_view(lambda request: Response(request.session.subject), route_name="home")
    config.add_exception_view(sorry, context=HTTPServiceUnavailable)
    request = Request.blank("/", base_url="https://localhost")
    request.headers["Cookie"] = f"{COOKIE}={encode({}, RING, subject='ada')}"
    with store.down("look_up"):
        response = request.get_response(config.make_wsgi_app())
    assert (response.status_code, response.text) == (503, "later: True")
    assert "Set-Cookie" not in response.headers
