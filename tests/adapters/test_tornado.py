"""Tornado's handlers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from tornado.web import Application, HTTPError, RequestHandler, authenticated
from tornado.websocket import WebSocketHandler
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tokensession import ConfigError, KeyRing, StateError, StoreError
from tokensession.adapters.tornado import SessionMixin, setup

from .conformance import (
    COOKIE,
    DELETED_BY,
    SESSIONS,
    Conformance,
    Handled,
    Overflowing,
    RaisesFailures,
    Revocation,
    WatchedStore,
    WebSockets,
    answer_to,
    headers_of,
    note_after,
    run_late,
    stream,
)
from .servers import Site, serve_tornado

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx


class Operation(SessionMixin, RequestHandler):
    """Answers ``/KIND/NAME``."""

    def get(self, kind: str, name: str) -> None:
        """Do what is named."""
        query = {key: self.get_argument(key) for key in self.request.arguments}
        given = answer_to(self.sessions.__getitem__, kind, name, query)
        for header, value in given.headers:
            self.set_header(header, value)
        self.set_status(given.status)
        self.write(given.body)

    head = get

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer an error that the application knows."""
        if isinstance(kwargs["exc_info"][1], Handled):
            self.set_status(409)
            self.finish("handled")
        else:
            super().write_error(status_code, **kwargs)

    def on_finish(self) -> None:
        """Look at the session once the response is complete."""
        note_after(self.sessions.__getitem__, self.request.path)


class Streaming(SessionMixin, RequestHandler):
    """Answers ``/stream/NAME``."""

    async def get(self, name: str) -> None:
        """Send each chunk."""
        chunks = stream(self.session, name)
        for header, value in headers_of(
            {key: self.get_argument(key) for key in self.request.arguments}
        ):
            self.set_header(header, value)
        for chunk in chunks:
            self.write(chunk)
            await self.flush()

    post = get


class Socket(SessionMixin, WebSocketHandler):
    """Answers ``/ws/NAME``."""

    async def get(self, kind: str, name: str) -> None:
        """Do what is named before the handshake is answered."""
        self.text = run_late(self.session, name) if kind == "ws" else None
        await super().get(kind, name)

    def open(self, kind: str, name: str) -> None:
        """Do it now, or send what was done before."""
        self.write_message(self.text or run_late(self.session, name))
        self.close()


def application() -> Application:
    """Return an application with the paths of the conformance suite."""
    app = Application(
        [
            ("/stream/(.*)", Streaming),
            ("/(ws|ws-late)/(.*)", Socket),
            ("/([^/]*)/(.*)", Operation),
        ],
        log_function=lambda handler: None,
    )
    for key, manager in SESSIONS.items():
        setup(app, manager, key=key)
    return app


class TestTornado(Conformance, Revocation, Overflowing, RaisesFailures, WebSockets):
    title = "Tornado"
    unable: ClassVar = {"BackgroundTasks": "Tornado has nothing that runs after the response"}

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application."""
        with serve_tornado(application()) as site:
            yield site


# -- what Tornado's users expect ------------------------------------------------------------


class SlowStore(WatchedStore):
    """A store of revocations that takes a while to record an end."""

    def deny(self, denial: Any, *, now: int) -> Any:
        """Wait, and then do it."""
        time.sleep(0.05)
        return super().deny(denial, now=now)


class Handler(SessionMixin, RequestHandler):
    """Signs in, tells who has, and signs out in the way that a path names."""

    def prepare(self) -> None:
        """Be another ``prepare`` than Tornado's, which asks for the session."""
        self.user = self.current_user
        if self.request.path == "/redirect_early":
            self.session["n"] = 1
            self.redirect("/")

    @authenticated
    def get(self, name: str) -> Any:
        """Do what is named."""
        return getattr(self, name)()

    def post(self, name: str) -> None:
        """Sign in."""
        self.session.sign_in(name)
        self.write("signed in")

    def get_login_url(self) -> str:
        """Return where ``authenticated`` sends to."""
        return "/login"

    def who(self) -> None:
        """Tell."""
        self.write(self.user)

    def clear_by_name(self) -> None:
        """Delete the cookie as Tornado's users do."""
        self.clear_cookie(COOKIE)

    def clear_all(self) -> None:
        """Delete each cookie."""
        self.clear_all_cookies()

    def redirect_early(self) -> None:
        """Be left out: the answer has been given."""
        raise AssertionError

    def end_and_raise(self) -> None:
        """Fail once the response has been given."""
        self.session.clear()
        self.finish("given")
        raise RuntimeError

    async def end_awaited(self) -> None:
        """Wait until the response has been sent."""
        self.session.clear()
        await self.finish("given")
        assert self._headers_written

    def not_found(self) -> None:
        """Answer by an error."""
        self.session["n"] = 1
        raise HTTPError(404)

    def unwritable_not_found(self) -> None:
        """Answer by an error, with a session that cannot be saved."""
        self.session["n"] = object()
        raise HTTPError(404)

    def flush_without_waiting(self) -> None:
        """Leave the order to Tornado."""
        self.session.regenerate()
        for text in ("a", "b", "c"):
            self.write(text)
            self.flush()
        self.finish("d")

    def flush_and_raise(self) -> None:
        """Fail while the session is saved."""
        self.flush_without_waiting()
        raise RuntimeError

    async def catch(self) -> None:
        """Go on after an error of saving."""
        self.session["n"] = object()
        for _ in range(2):
            with pytest.raises(StateError):
                await self.flush()
        self.finish("as if nothing had been")

    def catch_finish(self) -> None:
        """Do so without a pause, where no store is asked."""
        self.session["n"] = object()
        self.finish("as if nothing had been")


STORED = WatchedStore()
SLOW = SlowStore()


@pytest.fixture(scope="module", params=["no store", "store", "slow store"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Serve the handler, without a store of revocations and with one."""
    app = Application([("/(.*)", Handler)], log_function=lambda handler: None)
    stores = {"no store": None, "store": STORED, "slow store": SLOW}
    setup(app, KeyRing.generate(), revocation=stores[request.param])
    with serve_tornado(app) as site:
        yield site
    assert STORED.in_event_loop == SLOW.in_event_loop == []


def signed_in(site: Site) -> str:
    """Return the cookie of a user who has signed in."""
    return cookie_of(site.get("/ada", method="POST"))


def cookie_of(response: httpx.Response) -> str:
    """Return what a browser sends back."""
    (line,) = response.headers.get_list("set-cookie")
    return str(line.partition(";")[0])


def test_the_current_user(site: Site) -> None:
    """It is the subject, and `authenticated` sends others to sign in."""
    assert site.get("/who", signed_in(site)).text == "ada"
    response = site.get("/who")
    assert response.status_code == 302
    assert response.headers["location"].startswith("/login")
    assert response.headers["vary"] == "Cookie"


@pytest.mark.parametrize("name", ["clear_by_name", "clear_all"])
def test_deleting_the_cookie_signs_out(
    site: Site, name: str, request: pytest.FixtureRequest
) -> None:
    """Deleting the cookie signs out, and with a store a copy is dead afterwards."""
    cookie = signed_in(site)
    response = site.get(f"/{name}", cookie, "other=1")
    assert COOKIE + DELETED_BY in response.headers.get_list("set-cookie")
    assert sum(COOKIE in line for line in response.headers.get_list("set-cookie")) == 1
    lives_on = request.node.callspec.params["site"] == "no store"
    assert site.get("/who", cookie).status_code == (200 if lives_on else 302)


def test_a_response_that_prepare_gives(site: Site) -> None:
    """Nothing more is done then, and the change is in it."""
    response = site.get("/redirect_early", signed_in(site))
    assert response.status_code == 302
    cookie_of(response)


@pytest.mark.parametrize("name", ["end_and_raise", "end_awaited"])
def test_a_handler_that_goes_on_after_its_response(site: Site, name: str) -> None:
    """The response is the one that it gave."""
    response = site.get(f"/{name}", signed_in(site))
    assert (response.status_code, response.text) == (200, "given")
    assert response.headers["set-cookie"] == COOKIE + DELETED_BY


def test_an_http_error_keeps_the_change(site: Site) -> None:
    """It is an answer of the application's."""
    response = site.get("/not_found", signed_in(site))
    assert response.status_code == 404
    cookie_of(response)


@pytest.mark.parametrize("name", ["unwritable_not_found", "catch", "catch_finish"])
def test_a_change_is_never_lost_in_silence(site: Site, name: str) -> None:
    """A session that cannot be saved is a 500, even if the handler goes on writing."""
    response = site.get(f"/{name}", signed_in(site))
    assert response.status_code == 500
    assert response.headers.get_list("set-cookie") == []
    assert "as if" not in response.text


def test_a_flush_that_nothing_waits_for(site: Site) -> None:
    """The head comes first, and what was written in its order."""
    for name in ("flush_without_waiting", "flush_and_raise"):
        response = site.get(f"/{name}", signed_in(site))
        assert (response.status_code, response.text) == (200, "abcd")
        assert site.get("/who", cookie_of(response)).text == "ada"


def test_an_etag(site: Site) -> None:
    """A page that the browser has still says what the session needs."""
    cookie = signed_in(site)
    etag = site.get("/who", cookie).headers["etag"]
    response = site.get("/who", cookie, headers=(("If-None-Match", etag),))
    assert (response.status_code, response.headers["vary"]) == (304, "Cookie")


def test_a_store_that_fails_while_an_error_is_answered() -> None:
    """The answer is a 503, and a sign-out deletes its cookie."""
    store = WatchedStore()

    class Failing(SessionMixin, RequestHandler):
        def get(self) -> None:
            self.session.clear()
            raise HTTPError(403)

        def post(self) -> None:
            self.session.sign_in("ada")

        def put(self) -> None:
            try:
                self.session.subject  # noqa: B018
            except StoreError:
                raise HTTPError(500) from None

    app = Application([("/", Failing)])
    setup(app, KeyRing.generate(), revocation=store)
    with serve_tornado(app) as site:
        cookie = cookie_of(site.get("/", method="POST"))
        with store.down():
            assert site.get("/", cookie, method="PUT").status_code == 503
        with store.down("deny"):
            response = site.get("/", cookie)
        assert response.status_code == 503
        assert response.headers["set-cookie"] == COOKIE + DELETED_BY


@pytest.mark.parametrize("path", ["/state", "/raise"])
def test_an_error_page_varies_on_the_session(path: str) -> None:
    """The page of an error can show the session, which is read before it."""

    class Failing(SessionMixin, RequestHandler):
        def get(self, what: str) -> None:
            self.session["value"] = object()
            if what == "raise":
                raise Handled

        def write_error(self, status_code: int, **_: Any) -> None:
            self.write(f"sorry, {self.session.subject}")

    app = Application([("/(.*)", Failing)])
    setup(app, KeyRing.generate())
    with serve_tornado(app) as site:
        response = site.get(path)
        assert (response.status_code, response.text) == (500, "sorry, None")
        assert response.headers["vary"] == "Cookie"
        assert "set-cookie" not in response.headers


def test_set_up() -> None:
    """Wrong use is told how to do better."""
    app = Application([("/", Handler)])
    setup(app, KeyRing.generate())
    with pytest.raises(ConfigError, match="another key"):
        setup(app, KeyRing.generate())
    bases: tuple[type, ...] = (RequestHandler, SessionMixin)  # the other way round
    with pytest.raises(TypeError):
        type("Wrong", bases, {})
    with serve_tornado(Application([("/(.*)", Handler)])) as site:
        assert site.get("/who").status_code == 500
        assert "setup(app, keys)" in str(site.failure("/who"))


def test_the_users_of_another_base() -> None:
    """Another base of the handler decides on the current user."""

    class Base(RequestHandler):
        def get_current_user(self) -> str:
            return "of the base"

    class Home(SessionMixin, Base):
        def get(self) -> None:
            self.write(self.current_user)

    app = Application([("/", Home)])
    setup(app, KeyRing.generate())
    with serve_tornado(app) as site:
        assert site.get("/").text == "of the base"


class Chat(SessionMixin, WebSocketHandler):
    """Changes its session in the handshake and after it."""

    async def get(self, name: str) -> None:
        """Answer the handshake."""
        self.session["cart"] = []
        if name == "unwritable":
            self.session["n"] = object()
        await super().get()

    def on_message(self, message: str | bytes) -> None:
        """Change something that no response will carry."""
        self.session["cart"].append(message)
        self.close()


def test_changes_of_a_websocket() -> None:
    """One that cannot be saved is a 500 in place of the handshake; one inside later is told of."""
    app = Application([("/(.*)", Chat)])
    setup(app, KeyRing.generate())
    with serve_tornado(app) as site:
        url = site.url.replace("http", "ws", 1)
        with pytest.raises(InvalidStatus) as refused, connect(f"{url}/unwritable", proxy=None):
            pass
        assert refused.value.response.status_code == 500
        assert isinstance(site.failure("/unwritable"), StateError)
        with connect(f"{url}/chat", proxy=None) as socket:
            socket.send("hello")
            with pytest.raises(ConfigError, match="the change is lost"):
                raise site.failure("/chat")
