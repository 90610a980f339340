"""Litestar's own session features over our sessions: each verb does what its name says."""

from collections import OrderedDict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pydantic
import pytest
from litestar import Litestar, Request, WebSocket, get, post, websocket
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.exceptions import LitestarException, WebSocketDisconnect
from litestar.middleware import DefineMiddleware
from litestar.middleware.session.client_side import CookieBackendConfig
from litestar.params import FromPath
from litestar.plugins.flash import FlashConfig, FlashPlugin, flash
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template
from litestar.security.session_auth import SessionAuth
from litestar.template import TemplateConfig
from litestar.testing import TestClient

from tokensession import (
    ConfigError,
    Cookie,
    Header,
    KeyRing,
    SessionCodec,
    SessionManager,
    StateError,
)
from tokensession.adapters import replaced
from tokensession.adapters.asgi import SessionMiddleware
from tokensession.adapters.litestar import SessionConfig, as_json
from tokensession.stores.memory.revocation import MemoryStore

from .conformance import COOKIE

AnyRequest = Request[Any, Any, Any]
BASE = "https://test.local"
PLAIN: Any = SessionMiddleware


class Visit(pydantic.BaseModel):
    """A state as a model."""

    user: str = "ada"


class Seen(msgspec.Struct):
    """A state as a struct."""

    user: str = "ada"


STATES: dict[str, Any] = {"dict": {"user": "ada"}, "pydantic": Visit(), "struct": Seen(),
    "ordered": OrderedDict(user="ada")}  # fmt: skip


@post("/in/{kind:str}", sync_to_thread=False)
def sign_in(request: AnyRequest, kind: FromPath[str]) -> str:
    """Set the session as a whole."""
    request.set_session(STATES[kind])
    return "in"


@post("/out", sync_to_thread=False)
def sign_out(request: AnyRequest) -> str:
    """Clear the session."""
    request.clear_session()
    return "out"


@get("/me", sync_to_thread=False)
def me(request: AnyRequest) -> dict[str, Any]:
    """Return the session itself."""
    return request.session


@get("/no", sync_to_thread=False, skip_session=True)
def no(request: AnyRequest) -> str:
    """Answer without a session."""
    return str("session" in request.scope)


@post("/wrong", sync_to_thread=False)
def wrong(request: AnyRequest) -> str:
    """Set the session to what none can hold."""
    request.set_session(object())  # type: ignore[arg-type]
    return "x"


@websocket("/ws")
async def socket(socket: WebSocket[Any, Any, Any]) -> None:
    """Change the session while the handshake can still carry it."""
    socket.session["seen"] = True
    await socket.accept()
    await socket.send_text("x")
    await socket.close()


HANDLERS = [sign_in, sign_out, me, no, wrong, socket]


def app_with(store: MemoryStore | None, way: str, ring: KeyRing) -> Litestar:
    """Return an application with the adapter, in one of its ways, or the plain middleware."""
    if way == "plugin":
        return Litestar(HANDLERS, plugins=[SessionConfig(ring, revocation=store)])
    middleware = (
        SessionConfig(ring, revocation=store).middleware
        if way == "middleware"
        else DefineMiddleware(PLAIN, keys=ring, revocation=store)
    )
    return Litestar(HANDLERS, middleware=[middleware])


WAYS = ["plugin", "middleware", "plain middleware"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", STATES)
@pytest.mark.parametrize("listed", [False, True])
def test_setting_and_clearing(way: str, kind: str, listed: bool) -> None:  # noqa: FBT001
    """The state is replaced under a new id, and clearing ends the session."""
    store, ring = MemoryStore() if listed else None, KeyRing.generate()
    with TestClient(app_with(store, way, ring), base_url=BASE) as client:
        assert client.post("/out").status_code == 201
        assert client.post(f"/in/{kind}").status_code == 201
        first = client.cookies[COOKIE]
        assert client.get("/me").json() == {"user": "ada"}
        assert client.post("/in/dict").status_code == 201
        second = client.cookies[COOKIE]
        codec: SessionCodec[Any] = SessionCodec(ring)
        assert codec.decode(first).sid != codec.decode(second).sid
        client.post("/out")
        assert COOKIE not in client.cookies
        assert client.get("/me").json() == {}
        for token in (first, second) if listed else ():
            client.cookies.set(COOKIE, token, domain="test.local")
            assert client.get("/me").json() == {}


@pytest.mark.parametrize("subject", [None, lambda session: session.state.user or None])
def test_a_state_of_a_type(subject: Any) -> None:
    """It is set as it is, and a handler returns it as JSON."""
    config = SessionConfig(
        KeyRing.generate(), revocation=MemoryStore(), state_type=Seen, subject=subject
    )
    with TestClient(Litestar(HANDLERS, plugins=[config]), base_url=BASE) as client:
        assert client.post("/in/struct").status_code == 201
        assert client.get("/me").json() == {"user": "ada"}


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("verb", ["set", "clear"])
def test_after_the_handshake_the_verbs_raise(verb: str, listed: bool) -> None:  # noqa: FBT001
    """Nothing would carry what they do."""

    @websocket("/late")
    async def late(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        if verb == "set":
            socket.set_session({"user": "ada"})
        else:
            socket.clear_session()
        with pytest.raises(ConfigError, match="before it is accepted"):
            await socket.send_text("x")
        seen.append(verb)

    seen: list[str] = []
    config = SessionConfig(KeyRing.generate(), revocation=MemoryStore() if listed else None)
    app = Litestar([late], plugins=[config])
    with (
        TestClient(app, base_url=BASE) as client,
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/late") as opened,
    ):
        opened.receive_text()
    assert seen == [verb]


@pytest.mark.parametrize("way", WAYS)
def test_what_no_session_can_hold_raises(way: str) -> None:
    """Before the first byte, so that the client hears of it."""
    app = app_with(None, way, KeyRing.generate())
    with TestClient(app, base_url=BASE) as client, pytest.raises(LitestarException):
        client.post("/wrong")


ONE = UUID(int=1)
VALUES: dict[str, tuple[Any, Any]] = {
    "uuid": (ONE, str(ONE)),
    "decimal": (Decimal("1.50"), "1.50"),
    "date": (date(2026, 1, 2), "2026-01-02"),
    "naive": (datetime(2026, 1, 2), "2026-01-02T00:00:00"),  # noqa: DTZ001  # the point
    "set": ({1}, [1]),
    "struct": (Seen(), {"user": "ada"}),
    "pydantic": ([Visit()], [{"user": "ada"}]),
    "keys": ({1: "a", 2: {ONE: [ONE]}}, {"1": "a", "2": {str(ONE): [str(ONE)]}}),
}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("replaces", [False, True])
@pytest.mark.parametrize("own", [False, True])
def test_values_that_litestars_own_sessions_take(kind: str, *, replaces: bool, own: bool) -> None:
    """They are read back as from Litestar's own sessions."""
    value, read = VALUES[kind]

    @post("/set", sync_to_thread=False)
    def set_value(request: AnyRequest) -> str:
        if replaces:
            request.set_session({"value": value})
        else:
            request.session["value"] = value
        return "set"

    @get("/get", sync_to_thread=False)
    def get_value(request: AnyRequest) -> dict[str, Any]:
        return {"value": request.session["value"]}

    config = CookieBackendConfig(secret=b"x" * 32) if own else SessionConfig(KeyRing.generate())
    app = Litestar([set_value, get_value], middleware=[config.middleware])
    with TestClient(app, base_url=BASE) as client:
        assert client.post("/set").status_code == 201
        assert client.get("/get").json() == {"value": read}


@pytest.mark.parametrize("value", [2**53, float("nan"), object()])
def test_values_that_are_refused_all_the_same(value: object) -> None:
    """An integer that is not exact everywhere, NaN, and an object that JSON does not have."""
    manager = SessionConfig(KeyRing.generate()).manager
    with pytest.raises(StateError, match=r"^state\.value: "):
        manager.codec.encode({"value": value})
    assert as_json(2**53) == 2**53


def test_a_conversion_of_the_applications() -> None:
    """It is used in place of Litestar's."""
    manager = SessionConfig(KeyRing.generate(), convert=repr).manager
    token = manager.codec.encode({"value": ONE})
    assert manager.codec.decode(token).state == {"value": repr(ONE)}


def test_a_user_whose_id_is_a_uuid() -> None:
    """The state has the UUID when the user signs in, and its text afterwards."""
    store = MemoryStore()
    config = SessionConfig(
        KeyRing.generate(), revocation=store, subject=lambda state: state.get("user_id")
    )

    @post("/in", sync_to_thread=False)
    def begin(request: AnyRequest) -> str:
        request.set_session({"user_id": ONE})
        return "in"

    app = Litestar([begin, me], plugins=[config])
    with TestClient(app, base_url=BASE) as client:
        assert client.post("/in").status_code == 201
        assert client.get("/me").json() == {"user_id": str(ONE)}
        session = config.manager.codec.decode(client.cookies[COOKIE])
        assert session.subject == str(ONE)


def test_handlers_and_paths_without_a_session() -> None:
    """By the option of a handler, and by patterns."""
    ring = KeyRing.generate()
    with TestClient(app_with(None, "plugin", ring), base_url=BASE) as client:
        assert client.get("/no").text == "False"
    config = SessionConfig(ring, exclude=["/no"], exclude_opt_key="other")
    with TestClient(Litestar([no], plugins=[config]), base_url=BASE) as client:
        assert client.get("/no").text == "False"
    config = SessionConfig(ring, exclude_opt_key="other")
    with TestClient(Litestar([no], plugins=[config]), base_url=BASE) as client:
        assert client.get("/no").text == "True"


@pytest.mark.parametrize("listed", [False, True])
def test_the_test_clients_session_data(listed: bool) -> None:  # noqa: FBT001
    """It is read, set and cleared as with Litestar's own sessions."""
    config = SessionConfig(KeyRing.generate(), revocation=MemoryStore() if listed else None)
    app = Litestar(HANDLERS, plugins=[config])
    with TestClient(app, base_url=BASE, session_config=config) as client:
        assert client.get_session_data() == {}
        client.set_session_data({"user": "bob"})
        assert client.get("/me").json() == {"user": "bob"}
        client.post("/in/dict")
        assert client.get_session_data() == {"user": "ada"}
        with client.websocket_connect("/ws") as connection:
            assert connection.receive_text() == "x"


def test_flash_messages(tmp_path: Path) -> None:
    """FlashPlugin finds the session's middleware, and shows each message once."""
    (tmp_path / "page.html").write_text(
        "{% for m in get_flashes() %}{{ m.category }} {{ m.message }}{% endfor %}"
    )
    templates = TemplateConfig(directory=tmp_path, engine=JinjaTemplateEngine)

    @post("/flash", sync_to_thread=False)
    def put(request: AnyRequest) -> str:
        flash(request, "saved", category="info")
        return "x"

    @get("/", sync_to_thread=False)
    def page() -> Template:
        return Template("page.html")

    app = Litestar(
        [put, page],
        plugins=[SessionConfig(KeyRing.generate()), FlashPlugin(FlashConfig(templates))],
        template_config=templates,
    )
    with TestClient(app, base_url=BASE) as client:
        client.post("/flash")
        assert client.get("/").text == "info saved"
        assert client.get("/").text == ""


class TestSessionAuth:
    """Litestar's authentication by session signs in and out for real."""

    @staticmethod
    def client(store: MemoryStore) -> TestClient[Litestar]:
        """Return a client of an application that asks for a user."""

        async def user_of(session: dict[str, Any], _: ASGIConnection[Any, Any, Any, Any]) -> Any:
            return session.get("user")

        @post("/login/{name:str}", sync_to_thread=False)
        def login(request: AnyRequest, name: FromPath[str]) -> str:
            request.set_session({"user": name})
            return "in"

        @get("/", sync_to_thread=False)
        def home(request: AnyRequest) -> dict[str, Any]:
            return {"user": request.user, "subject": request.session.subject}  # type: ignore[attr-defined]

        @post("/logout", sync_to_thread=False)
        def logout(request: AnyRequest) -> str:
            request.clear_session()
            return "out"

        config = SessionConfig(
            KeyRing.generate(), revocation=store, subject=lambda state: state.get("user")
        )
        auth: Any = SessionAuth(
            retrieve_user_handler=user_of, session_backend_config=config, exclude=["/login"]
        )
        app = Litestar([login, home, logout], on_app_init=[auth.on_app_init])
        return TestClient(app, base_url=BASE)

    def test_a_copy_is_dead_after_signing_out(self) -> None:
        """Signing out ends a copy, and all sessions of a user can be ended by the subject."""
        store = MemoryStore()
        with self.client(store) as client:
            assert client.get("/").status_code == 401
            client.post("/login/ada")
            stolen = client.cookies[COOKIE]
            assert client.get("/").json() == {"user": "ada", "subject": "ada"}
            client.post("/logout")
            assert client.get("/").status_code == 401
            client.cookies.set(COOKIE, stolen, domain="test.local")
            assert client.get("/").status_code == 401

    def test_another_user_begins_another_session(self) -> None:
        """The former one's copy is dead."""
        with self.client(MemoryStore()) as client:
            client.post("/login/ada")
            stolen = client.cookies[COOKIE]
            client.post("/login/bob")
            assert client.get("/").json() == {"user": "bob", "subject": "bob"}
            client.cookies.set(COOKIE, stolen, domain="test.local")
            assert client.get("/").status_code == 401


def test_what_a_configuration_tells() -> None:
    """Litestar's OpenAPI document has the cookie's name, and its attributes are those set."""
    config = SessionConfig(KeyRing.generate(), cookie_name="__Host-shop")
    assert (config.key, config.secure, config.httponly) == ("__Host-shop", True, True)
    assert (config.samesite, config.path, config.domain) == ("lax", "/", None)
    development = Cookie(name="shop", http_development=True, same_site="Strict")
    manager: SessionManager[Any] = SessionManager(KeyRing.generate(), cookie=development)
    config = SessionConfig(manager, scopes={ScopeType.HTTP})
    assert (config.key, config.secure, config.samesite) == ("shop", False, "strict")
    with pytest.raises(ConfigError, match="need a cookie"):
        SessionConfig(KeyRing.generate(), cookie=Header())


@get("/count", sync_to_thread=False)
def count(request: Request[Any, Any, Any]) -> int:
    """Count in the session."""
    request.session["n"] = request.session.get("n", 0) + 1
    return int(request.session["n"])


async def anyone(session: Any, _connection: Any) -> Any:
    """Let anyone in who has a session."""
    return session or "first"


@post("/set", sync_to_thread=False)
def set_count(request: Request[Any, Any, Any]) -> None:
    """Replace the session."""
    request.set_session({"n": 7})


OWN = CookieBackendConfig(secret=b"x" * 32)
AUTH = SessionAuth[Any, Any](
    retrieve_user_handler=anyone, session_backend_config=OWN, exclude=["/count"]
)
SECOND: dict[str, dict[str, Any]] = {
    "middleware": {"middleware": [OWN.middleware]},
    "SessionAuth": {"on_app_init": [AUTH.on_app_init]},
    "none": {},
}


@pytest.mark.parametrize("second", SECOND)
def test_litestars_own_middleware_is_warned_of_once(
    second: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warning names its configuration, which keeps the state too."""
    monkeypatch.setattr(replaced, "_warned", set())
    plugins = [SessionConfig(KeyRing.generate())]
    app = Litestar([count, set_count], plugins=plugins, logging_config=None, **SECOND[second])
    with TestClient(app, base_url="https://test.local") as client:
        assert [client.get("/count").json() for _ in range(2)] == [1, 2]
        client.post("/set")
    assert caplog.text.count("a second session middleware") == (second != "none")
    assert ("CookieBackendConfig" in caplog.text) == (second != "none")
