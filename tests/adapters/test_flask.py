"""Flask's session interface."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

import flask
import msgspec
import pytest
from flask import Flask, Response, flash, get_flashed_messages, got_request_exception, request
from flask.sessions import SessionInterface as AnyInterface

from tokensession import (
    ConfigError,
    Cookie,
    Header,
    KeyRing,
    Policy,
    Revoked,
    SessionCodec,
    SessionManager,
    decode,
)
from tokensession.adapters.flask import SessionInterface
from tokensession.adapters.wsgi import SessionMiddleware
from tokensession.format.lazy_state import Members
from tokensession.keys.schedule import Schedule
from tokensession.overflow.overflow import Overflow
from tokensession.stores.memory.overflow import MemoryStore as OverflowStore
from tokensession.stores.memory.revocation import MemoryStore
from tokensession.testing import FixedClock

from .conformance import (
    ASKING_CODEC,
    ASKING_COOKIE,
    COOKIE,
    DELETED_BY,
    ERRORS_INSIDE,
    ONE_SESSION,
    OWN_COOKIES,
    OWN_SESSIONS,
    RING,
    SESSIONS,
    STORE,
    UNTIL_CLOSED,
    Answer,
    Conformance,
    Handled,
    Overflowing,
    RaisesFailures,
    Revocation,
    answer_to,
    headers_of,
    note_after,
    own_session_of,
    stream,
)
from .servers import Site, serve_wsgi
from .test_bare_wsgi import WSGI_NOTES, WSGI_UNABLE

if TYPE_CHECKING:
    from collections.abc import Iterator


class ByPath(AnyInterface):
    """Flask has one session; the suite's sessions are those of different paths.

    The one that it asks for beside another is the WSGI middleware's.
    """

    interfaces = {key: SessionInterface(manager) for key, manager in OWN_SESSIONS.items()}  # noqa: RUF012

    def open_session(self, app: Flask, request: flask.Request) -> Any:
        """Open that of the path."""
        return self.interfaces[own_session_of(request.path)].open_session(app, request)

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        """Save it."""
        self.interfaces[own_session_of(request.path)].save_session(app, session, response)


def of(key: str) -> Any:
    """Return a session of the request."""
    return request.environ["admin"] if key == "admin" else flask.session


def respond(given: Answer) -> Response:
    """Return a response of Flask's."""
    return Response(given.body, given.status, dict(given.headers))


def application() -> Flask:
    """Return an application with the paths of the conformance suite."""
    app = Flask("conformance")
    app.session_interface = ByPath()

    @app.get("/<kind>/<name>")
    def operation(kind: str, name: str) -> Response:
        return respond(answer_to(of, kind, name, request.args))

    @app.route("/stream/<name>", methods=["GET", "POST"])
    def streaming(name: str) -> Response:
        chunks = stream(flask.session._get_current_object(), name)  # type: ignore[attr-defined]
        return Response(chain([next(chunks)], chunks), headers=headers_of(request.args))

    @app.teardown_request
    def log(error: BaseException | None) -> None:
        note_after(of, request.path)

    @app.errorhandler(Handled)
    def handled(error: Handled) -> tuple[str, int]:
        return "handled", 409

    return app


class TestFlask(Conformance, Revocation, Overflowing, RaisesFailures):
    title = "Flask"
    unable = WSGI_UNABLE
    notes = WSGI_NOTES | ERRORS_INSIDE | UNTIL_CLOSED | ONE_SESSION
    sees_several_cookie_lines = False
    answers_unforeseen_errors_inside = True

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application."""
        app = application()
        app.wsgi_app = SessionMiddleware(  # type: ignore[method-assign]
            app.wsgi_app, SESSIONS["admin"], environ_key="admin"
        )
        with serve_wsgi(app, until_closed=OWN_COOKIES) as site:

            def note(sender: Flask, exception: BaseException, **_: object) -> None:
                site.failed(request.full_path.rstrip("?"), exception)

            with got_request_exception.connected_to(note, app):
                yield site


# -- what Flask's users expect --------------------------------------------------------------

LIFETIME = 14 * 86400


def shop(keys: KeyRing | SessionManager[Any] = RING, **config: Any) -> Flask:
    """Return a small application with settings of its own."""
    app = Flask("shop")
    app.config.update(config)
    app.session_interface = SessionInterface(keys)

    @app.get("/flash")
    def flash_two() -> str:
        flash("first")
        flash("second", "warning")
        return ""

    @app.get("/flashed")
    def flashed() -> dict[str, Any]:
        return {"messages": get_flashed_messages(with_categories=True)}

    @app.get("/set")
    def set_one() -> str:
        flask.session["n"] = 1
        return ""

    @app.get("/get")
    def get_one() -> dict[str, Any]:
        return dict(flask.session)

    @app.get("/permanent/<value>")
    def permanent(value: str) -> str:
        flask.session.permanent = value == "yes"
        return ""

    @app.get("/sign-in")
    def sign_in() -> str:
        of_tokens: Any = flask.session
        of_tokens.sign_in("ada")
        return ""

    return app


def cookie_line(app: Flask, path: str = "/set") -> str:
    """Return the Set-Cookie of a response."""
    (line,) = app.test_client().get(path).headers.getlist("Set-Cookie")
    return line


def test_flash() -> None:
    """Messages wait for the next request, and are there once."""
    client = shop().test_client()
    client.get("/flash")
    response = client.get("/flashed")
    assert response.json == {"messages": [["message", "first"], ["warning", "second"]]}
    assert response.headers["Set-Cookie"].startswith(COOKIE + DELETED_BY)
    assert client.get("/flashed").json == {"messages": []}


def test_an_error_page_after_a_state_that_cannot_be_written() -> None:
    """The page can show the session, so it varies on it."""
    app = shop()

    @app.get("/bad")
    def bad() -> str:
        flask.session["value"] = object()
        return ""

    @app.errorhandler(500)
    def failed(error: Exception) -> tuple[str, int]:
        return f"sorry, {flask.session.get('user')}", 500

    response = app.test_client().get("/bad", base_url="https://test")
    assert (response.status_code, response.text) == (500, "sorry, None")
    assert response.headers["Vary"] == "Cookie"
    assert "Set-Cookie" not in response.headers


def test_the_test_client_changes_sessions() -> None:
    """`session_transaction` changes the test client's session."""
    client = shop().test_client()
    with client.session_transaction() as session:
        session["n"] = 7
    assert client.get("/get").json == {"n": 7}
    with client:
        client.get("/get")
        assert flask.session["n"] == 7
        assert not flask.session.modified
        client.get("/set")
        assert flask.session.modified


def test_a_handler_of_a_socket_changes_no_session() -> None:
    """A change that no response would carry raises, where a handler of Flask-SocketIO saves it."""
    app = shop()
    with app.test_request_context("/") as context:
        vars(context.request).update(sid="of the socket", namespace="/")  # as Flask-SocketIO does
        flask.session["n"] = 1
        with pytest.raises(ConfigError, match="change it in a view"):
            app.session_interface.save_session(app, context.session, Response())


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("verb", ["read", "change", "end"])
def test_a_view_that_answers_by_a_websocket(
    verb: str, *, listed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A change there is an error, but a sign-out that the list records: no response is sent."""
    manager: SessionManager[Any] = SessionManager(
        RING, revocation=MemoryStore() if listed else None
    )
    app = shop(manager)

    @app.get("/<verb>", websocket=True)
    def handle(verb: str) -> str:
        flask.session.get("n")
        if verb == "change":
            flask.session["n"] = 2
        elif verb == "end":
            flask.session.clear()
        return ""  # the server does not send it

    client = app.test_client()
    line = client.get("/set", base_url="https://test").headers["Set-Cookie"]
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
    response = client.get(f"/{verb}", base_url="https://test", headers=upgrade)
    refused = verb == "change" or (verb == "end" and not listed)
    assert response.status_code == (500 if refused else 200)
    assert ("changed in a WebSocket" in caplog.text) is refused
    ended = verb == "end" and listed
    assert ("Set-Cookie" in response.headers) is ended
    with pytest.raises(Revoked) if ended else nullcontext():
        manager.codec.decode(line.partition(";")[0].partition("=")[2])


def test_without_permanent_the_cookie_ends_with_the_browser() -> None:
    """The session ends with the policy's idle timeout, also where the browser keeps its cookie."""
    line = cookie_line(shop())
    assert "Max-Age" not in line
    session = decode(line.partition(";")[0].partition("=")[2], RING)
    assert (session.ttl, session.cap) == (1800, None)


@pytest.fixture
def _one_second() -> Iterator[None]:
    """Let no second pass between a request and its response, which would shorten the lifetime."""
    with FixedClock():
        yield


@pytest.mark.usefixtures("_one_second")
def test_permanent_sessions_live_their_lifetime() -> None:
    """PERMANENT_SESSION_LIFETIME is the idle window and the limit, in the token itself."""
    app = shop(PERMANENT_SESSION_LIFETIME=timedelta(seconds=LIFETIME))
    line = cookie_line(app, "/permanent/yes")
    assert f"; Max-Age={LIFETIME};" in line
    session = decode(line.partition(";")[0].partition("=")[2], RING)
    assert session.state == {"_permanent": True}
    assert (session.ttl, session.cap) == (LIFETIME, LIFETIME)


@pytest.mark.usefixtures("_one_second")
def test_a_lifetime_that_is_set_before_each_request() -> None:
    """A shorter one holds from the first request on; a longer one from the second on."""
    app = shop()

    @app.before_request
    def _make_permanent() -> None:
        flask.session.permanent = True
        flask.session["n"] = flask.session.get("n", 0) + 1
        app.permanent_session_lifetime = timedelta(seconds=int(flask.request.args["life"]))

    client = app.test_client()
    year = 365 * 86_400
    given = []
    for life in (300, year, year):
        line = client.get(f"/permanent/yes?life={life}").headers["Set-Cookie"]
        given.append(decode(line.partition(";")[0].partition("=")[2], RING).ttl)
    assert given == [300, 300, year]


def test_settings_that_change_between_requests() -> None:
    """Tests change them in an application that has answered before."""
    app = shop()
    assert cookie_line(app, "/permanent/yes").startswith("__Host-session=")
    app.config["SESSION_COOKIE_NAME"] = "__Host-shop"
    assert cookie_line(app, "/permanent/yes").startswith("__Host-shop=")
    assert app.session_interface.get_cookie_name(app) == "__Host-shop"
    for number in range(40):  # more than are kept
        app.config["SESSION_COOKIE_NAME"] = f"__Host-shop{number}"
        assert cookie_line(app, "/permanent/yes").startswith(f"__Host-shop{number}=")


@pytest.mark.parametrize(("days", "lines"), [(30, 1), (0.1, 0)])
def test_a_limit_that_the_settings_raise_is_logged_once(
    days: float, lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Other services of the revocation store must keep their entries as long."""
    app = Flask("shared")
    app.permanent_session_lifetime = timedelta(days=days)
    app.session_interface = SessionInterface(RING, revocation=MemoryStore())
    app.add_url_rule("/", view_func=lambda: str(len(flask.session)))
    with caplog.at_level("INFO", "tokensession"):
        for _ in range(2):
            assert app.test_client().get("/").text == "0"
    assert caplog.text.count(f"Policy(longest={days * 86_400:.0f})") == lines


@pytest.mark.parametrize(("seconds", "lines"), [(LIFETIME, 0), (LIFETIME + 1, 1), (31 * 86_400, 0)])
def test_keys_that_are_too_short_for_permanent_sessions(
    seconds: int, lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning at the first request names both settings. Flask's own default needs none."""
    ring = RING.with_schedule(Schedule(token_lifetime=LIFETIME))
    app = Flask("short")
    app.permanent_session_lifetime = timedelta(seconds=seconds)
    app.session_interface = SessionInterface(ring)
    app.add_url_rule("/", view_func=lambda: str(len(flask.session)))
    for _ in range(2):
        assert app.test_client().get("/").text == "0"
    assert caplog.text.count(f"token_lifetime is {LIFETIME} s") == lines


@pytest.mark.usefixtures("_one_second")
def test_signing_in_keeps_a_session_permanent() -> None:
    """A new session of the same kind, unless it is given a lifetime of its own."""
    client = shop(PERMANENT_SESSION_LIFETIME=LIFETIME).test_client()
    client.get("/permanent/yes")
    line = client.get("/sign-in").headers["Set-Cookie"]
    session = decode(line.partition(";")[0].partition("=")[2], RING)
    assert (session.subject, session.ttl) == ("ada", LIFETIME)
    line = client.get("/permanent/no").headers["Set-Cookie"]
    assert "Max-Age" not in line
    session = decode(line.partition(";")[0].partition("=")[2], RING)
    assert (session.ttl, session.cap) == (1800, None)


def test_one_response_for_several_requests() -> None:
    """It would give the cookie of one to the next, so it is an error once it carries one."""
    app = Flask("constant")
    app.session_interface = SessionInterface(RING)
    constant = Response("constant")

    @app.get("/")
    def home() -> Response:
        if "sign-in" in request.args:
            session: Any = flask.session
            session.sign_in("ada")
        return constant

    client = app.test_client()
    assert "Set-Cookie" not in client.get("/", base_url="https://test").headers
    assert "Set-Cookie" in client.get("/?sign-in", base_url="https://test").headers
    other = app.test_client().get("/", base_url="https://test")
    assert other.status_code == 500
    assert "Set-Cookie" not in other.headers


def test_of_a_large_state_no_more_is_read_than_is_asked_for() -> None:
    """Only the requested members of a large state are read, also for the permanent flag."""
    overflow = Overflow(OverflowStore())
    codec: SessionCodec[Any] = SessionCodec(RING, policy=Policy.owasp(), overflow=overflow)
    app = Flask("large")
    app.session_interface = SessionInterface(SessionManager(codec))
    states: list[Any] = []

    @app.get("/write")
    def write() -> str:
        flask.session["a"], flask.session["large"] = 1, ["x" * 100] * 100
        return ""

    @app.get("/read")
    def read() -> str:
        session: Any = flask.session
        states.append(session._get_current_object())
        return str(session["a"])

    client = app.test_client()
    client.get("/write", base_url="https://test")
    assert client.get("/read", base_url="https://test").text == "1"
    assert type(states[0]._value.state) is Members


def test_a_policy_of_ones_own_bounds_permanent_sessions() -> None:
    """What it would not grant is refused, with the remedy."""
    app = shop()
    app.session_interface = SessionInterface(RING, policy=Policy.aal2())
    app.testing = True
    with pytest.raises(ConfigError, match="longest"):
        app.test_client().get("/permanent/yes")


@pytest.mark.parametrize(
    ("config", "name", "attributes"),
    [
        ({}, "__Host-session", "; Path=/; Secure; HttpOnly; SameSite=Lax"),
        ({"SESSION_COOKIE_NAME": "shop"}, "shop", "; Path=/; Secure; HttpOnly; SameSite=Lax"),
        (
            {"SESSION_COOKIE_SAMESITE": "Strict"},
            "__Host-session",
            "; Path=/; Secure; HttpOnly; SameSite=Strict",
        ),
        (
            {"SESSION_COOKIE_DOMAIN": "example.org"},
            "__Secure-session",
            "; Path=/; Domain=example.org; Secure; HttpOnly; SameSite=Lax",
        ),
        (
            {"SESSION_COOKIE_PATH": "/shop"},
            "__Secure-session",
            "; Path=/shop; Secure; HttpOnly; SameSite=Lax",
        ),
        (
            {"SESSION_COOKIE_PARTITIONED": True},
            "__Host-session",
            "; Path=/; Secure; HttpOnly; SameSite=Lax; Partitioned",
        ),
    ],
)
def test_settings(config: dict[str, Any], name: str, attributes: str) -> None:
    """They have Flask's names; where Flask's defaults are unsafe, ours hold."""
    line = cookie_line(shop(**config))
    assert line.startswith(f"{name}=")
    assert line.endswith(attributes)


@pytest.mark.parametrize(
    "config",
    [
        {"SESSION_COOKIE_HTTPONLY": False},
        {"SESSION_COOKIE_NAME": "__Host-shop", "SESSION_COOKIE_DOMAIN": "example.org"},
    ],
)
def test_unsafe_settings(config: dict[str, Any]) -> None:
    """They are refused, not ignored."""
    app = shop(**config, TESTING=True)
    with pytest.raises(ConfigError):
        app.test_client().get("/set")


def test_wrong_arguments() -> None:
    """They are refused where they are given."""
    manager = SessionManager(SessionCodec(RING))
    with pytest.raises(ConfigError, match="a manager already has its policy"):
        SessionInterface(manager, policy=Policy())


def test_one_interface_for_two_applications() -> None:
    """Each has the cookie of its own settings."""
    interface = SessionInterface(RING)
    for name in ("one", "two"):
        app = shop(SESSION_COOKIE_NAME=name)
        app.session_interface = interface
        assert cookie_line(app).startswith(f"{name}=")


class Visit(msgspec.Struct):
    """A typed state."""

    pages: int = 0


def test_a_typed_session_in_a_header() -> None:
    """A manager brings what the settings have no names for."""
    manager = SessionManager(RING, state_type=Visit, cookie=Header())
    app = Flask("api")
    app.session_interface = SessionInterface(manager)

    @app.get("/")
    def count() -> str:
        typed: Any = flask.session
        typed.state.pages += 1
        typed.sign_in("ada")
        return str(typed.state.pages)

    client = app.test_client()
    token = client.get("/").headers["Session-Token"]
    response = client.get("/", headers={"Authorization": f"Bearer {token}"})
    assert response.text == "2"
    assert response.headers["Vary"] == "Authorization"


def test_a_late_reader_lets_the_response_vary_on_the_header_in_use() -> None:
    """A toolbar around the application reads the session when it was saved already."""

    class Watched(Flask):
        def process_response(self, response: Response) -> Response:
            response = super().process_response(response)
            assert not flask.session
            return response

    for manager, name in (
        (SessionManager(RING, cookie=Header()), "Authorization"),
        (SessionManager(RING), "Cookie"),
    ):
        app = Watched("api")
        app.session_interface = SessionInterface(manager)
        app.add_url_rule("/", view_func=lambda: "untouched")
        assert app.test_client().get("/").headers["Vary"] == name


def test_a_manager_brings_its_cookie() -> None:
    """A manager brings its own cookie, and the settings of the cookie have no effect."""
    cookie = Cookie(name="plain", http_development=True)
    manager = SessionManager(SessionCodec(RING, context=cookie.context), cookie=cookie)
    line = cookie_line(shop(manager, SESSION_COOKIE_NAME="other"))
    assert line.startswith("plain=")
    assert "Secure" not in line


def test_revocation() -> None:
    """Signing out by `session.clear()` is final; the store is an argument of the interface."""
    app = shop()
    app.session_interface = SessionInterface(RING, revocation=MemoryStore())

    @app.get("/sign-out")
    def sign_out() -> str:
        flask.session.clear()
        return ""

    client, other = app.test_client(), app.test_client()
    client.get("/sign-in")
    client.get("/set")
    cookie = client.get_cookie(COOKIE)
    assert cookie is not None
    other.set_cookie(COOKIE, cookie.value, secure=True)
    assert other.get("/get").json == {"n": 1}
    client.get("/sign-out")
    assert other.get("/get").json == {}
    with pytest.raises(ConfigError, match="a manager already has its policy"):
        SessionInterface(SESSIONS["asking"], revocation=STORE)


def test_a_stream_that_is_replaced_by_a_503() -> None:
    """Nothing of it is sent, its own cookies stay, and it is closed."""
    closed: list[bool] = []
    app = Flask("shop")
    app.session_interface = SessionInterface(SESSIONS["asking"])

    def chunks() -> Iterator[bytes]:
        try:
            yield b"first"
        finally:
            closed.append(True)

    @app.get("/")
    def home() -> Response:
        flask.session.clear()
        begun = chunks()
        next(begun)
        response = Response(begun, headers={"X-Secret": "1"})
        response.set_cookie("a", "1")
        return response

    token = ASKING_CODEC.encode({}, subject="erin")
    client = app.test_client()
    client.set_cookie(ASKING_COOKIE, token, secure=True)
    with STORE.down("deny"), client.get("/") as response:
        assert (response.status_code, response.data) == (503, b"Service Unavailable")
        assert "X-Secret" not in response.headers
        own, ours = response.headers.getlist("Set-Cookie")
        assert own.startswith("a=1")
        assert ours == ASKING_COOKIE + DELETED_BY
    assert closed == [True]
