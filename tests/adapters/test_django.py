"""Django's engine and middleware, under WSGI and ASGI."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import hmac
import io
import sys
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pickle import dumps, loads
from time import time
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import msgspec
import pytest
from django.contrib.auth import SESSION_KEY, update_session_auth_hash
from django.core.cache import caches
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.signals import got_request_exception
from django.db import connection
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.middleware.cache import FetchFromCacheMiddleware, UpdateCacheMiddleware
from django.test import Client, RequestFactory, override_settings
from django.utils import timezone
from django.utils.module_loading import import_string

from tokensession import (
    ConfigError,
    Cookie,
    Header,
    KeyRing,
    Policy,
    Revoked,
    Session,
    SessionCodec,
    SessionManager,
    SessionTooLarge,
    StateError,
    StoreError,
    decode,
    encode,
)
from tokensession.adapters import asgi, wsgi
from tokensession.adapters.django.session import RUNNING
from tokensession.legacy.express import ExpressReader

from .conformance import (
    COOKIE,
    CUT_OFF,
    DELETED_BY,
    ONE_SESSION,
    POLICY,
    RING,
    SESSIONS,
    Conformance,
    Overflowing,
    RaisesFailures,
    Revocation,
    WatchedStore,
    cookies,
    start_cookie,
    unique,
)
from .django_site import MIDDLEWARE, SessionMiddleware, User, asgi_application, wsgi_application
from .servers import Site, serve_asgi, serve_wsgi
from .test_bare_wsgi import WSGI_NOTES, WSGI_UNABLE

SessionStore: Any = import_string("tokensession.adapters.django.SessionStore")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def noting(site: Site) -> Iterator[None]:
    """Note what Django reports, which it answers itself."""

    def note(sender: object, request: HttpRequest | None = None, **_: object) -> None:
        error = sys.exc_info()[1]
        if request is not None and error is not None:
            site.failed(request.get_full_path(), error)

    got_request_exception.connect(note)
    try:
        yield
    finally:
        got_request_exception.disconnect(note)


class TestDjango(Conformance, Revocation, Overflowing, RaisesFailures):
    title = "Django on WSGI"
    unable = WSGI_UNABLE
    notes: ClassVar = WSGI_NOTES | ONE_SESSION
    sees_several_cookie_lines = False
    always_true = True

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application."""
        app = wsgi.SessionMiddleware(wsgi_application(), SESSIONS["admin"], environ_key="admin")
        with serve_wsgi(app) as site, noting(site):
            yield site


class TestDjangoASGI(Conformance, Revocation, Overflowing, RaisesFailures):
    title = "Django on ASGI"
    unable: ClassVar = {
        "WebSockets": "Django has none of its own",
        "BackgroundTasks": "Django has nothing that runs after the response",
    }
    notes: ClassVar = CUT_OFF | ONE_SESSION
    always_true = True

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application."""
        app: Any = asgi.SessionMiddleware(asgi_application(), SESSIONS["admin"], scope_key="admin")
        with serve_asgi(app) as site, noting(site):
            yield site

    @pytest.fixture(autouse=True)
    def _body_in_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Keep requests' bodies out of files, which Django forgets to close after an error."""
        name = "django.core.handlers.asgi.tempfile.SpooledTemporaryFile"
        monkeypatch.setattr(name, lambda **_: io.BytesIO())

    def test_a_nested_change_after_the_first_byte(self, site: Site) -> None:
        """It is found at the end of the body, which is cut off there."""
        path = unique("/stream/nested_late")
        with pytest.raises(httpx.RemoteProtocolError):
            site.get(path, *cookies(start_cookie("anonymous")))
        assert isinstance(site.failure(path), ConfigError)


# -- what Django's users expect -------------------------------------------------------------


@pytest.fixture(scope="module")
def database() -> Iterator[None]:
    """Give an empty database, in memory."""
    call_command("migrate", verbosity=0)
    yield
    connection.close()


@pytest.fixture
def ada(database: None) -> Iterator[Any]:
    """Give a user who may use the admin site."""
    user = User.objects.create_superuser("ada", password="a password of hers")
    yield user
    user.delete()


def session_of(client: Client, ring: KeyRing = RING) -> Session[Any]:
    """Return the session that a client's cookie holds."""
    return decode(client.cookies[COOKIE].value, ring)


@pytest.fixture(autouse=True)
def _no_request_left() -> Iterator[None]:
    """A request of `request_with_session` can stay without a response, and then stays current."""
    yield
    RUNNING.set(None)


def request_with_session(token: str | None = None) -> HttpRequest:
    """Return a request of someone who holds a token."""
    request = HttpRequest()
    request.META = {"HTTP_COOKIE": f"{COOKIE}={token}"} if token else {}
    middleware = SessionMiddleware(lambda _: HttpResponse())
    middleware.process_request(request)
    return request


def cookie_after(request: HttpRequest, response: HttpResponse | None = None) -> Any:
    """Return the cookie that the response sets, as Django shows it."""
    response = HttpResponse() if response is None else response
    SessionMiddleware(lambda _: HttpResponse()).process_response(request, response)
    return response.cookies.get(COOKIE)


def test_admin_login_and_logout(ada: Any) -> None:
    """Over Django's own pages: the subject is the user, and signing in begins a new session."""
    client = Client()
    client.cookies[COOKIE] = encode({"planted": True}, RING, now=int(time()) - 60)
    before = session_of(client)
    page = client.post(
        "/admin-site/login/?next=/admin-site/",
        {"username": "ada", "password": "a password of hers"},
    )
    assert page.status_code == 302
    assert page.headers["Cache-Control"].endswith("no-store")
    after = session_of(client)
    assert after.subject == str(ada.pk)
    assert after.state["planted"] is True
    assert after.sid != before.sid
    assert after.started_at > before.started_at
    assert client.get("/admin-site/").status_code == 200
    page = client.post("/admin-site/logout/")
    assert page.cookies[COOKIE].OutputString() == COOKIE + DELETED_BY
    assert client.get("/admin-site/").status_code == 302


def test_the_test_client_signs_in(ada: Any) -> None:
    """The test client signs in by login and force_login, and shows and changes its session."""
    client = Client()
    assert client.login(username="ada", password="a password of hers")
    assert client.session["_auth_user_id"] == str(ada.pk)
    assert session_of(client).subject == str(ada.pk)
    assert client.get("/admin-site/").status_code == 200
    client.logout()
    assert COOKIE not in client.cookies
    session = client.session
    session["n"] = 7
    session.save()
    client.cookies[COOKIE] = session.session_key
    client.force_login(ada)
    assert client.session["n"] == 7


def test_another_users_session_is_not_inherited(ada: Any) -> None:
    """Who signs in over another's session starts empty."""
    bob = User.objects.create_user("bob")
    client = Client()
    client.force_login(bob)
    session = client.session
    session["secret"] = "of bob"
    session.save()
    client.cookies[COOKIE] = session.session_key
    client.force_login(ada)
    assert session_of(client).subject == str(ada.pk)
    assert "secret" not in client.session
    bob.delete()


def test_a_new_password_ends_other_sessions(ada: Any) -> None:
    """A new password ends other sessions, and the one in hand gets a new id."""
    client, other = Client(), Client()
    client.force_login(ada)
    other.force_login(ada)
    request = request_with_session(client.cookies[COOKIE].value)
    request.user = ada
    sid = request.session.sid
    ada.set_password("another password")
    ada.save()
    update_session_auth_hash(request, ada)
    assert request.session.sid != sid
    client.cookies[COOKIE] = cookie_after(request).value
    assert client.get("/admin-site/").status_code == 200
    assert other.get("/admin-site/").status_code == 302


def test_messages_and_the_test_cookie() -> None:
    """What Django keeps in the session, and its test for cookies."""
    request = request_with_session()
    request.session.set_test_cookie()
    request = request_with_session(cookie_after(request).value)
    assert request.session.test_cookie_worked()
    request.session.delete_test_cookie()
    assert cookie_after(request)["max-age"] == "0"


def test_a_session_as_a_store() -> None:
    """What applications and Django itself ask of one."""
    request = request_with_session()
    session = request.session
    assert session.session_key is None
    assert session.is_empty()
    assert not session.accessed or session.opened
    session["n"] = 1
    session.save()
    session.create()
    assert not session.exists("any")
    assert session.has_key("n")
    assert session.load() == {"n": 1}
    request = request_with_session(cookie_after(request).value)
    session = request.session
    assert session.session_key == session.sid.hex()
    assert session.accessed
    session.delete("of another")
    assert session["n"] == 1
    session.delete()
    assert session.is_empty()
    SessionStore.clear_expired()
    assert SessionStore("no token").is_empty()


def test_a_form_in_the_session() -> None:
    """A form is written as Django writes it, but not if values would be lost."""
    request = request_with_session()
    request.session["form"] = QueryDict("name=Ada&note=")
    assert decode(cookie_after(request).value, RING).state["form"] == {"name": "Ada", "note": ""}
    request = request_with_session()
    request.session.update({"form": QueryDict("size=s&size=m")})
    with pytest.raises(StateError, match="form"):
        cookie_after(request)


def test_an_empty_session_is_true() -> None:
    """Code that asks ``if request.session:`` means to ask whether there are sessions at all."""
    session = request_with_session().session
    assert bool(session)
    assert session.is_empty()
    assert SessionStore()


def test_arguments_by_the_names_that_django_gives_them() -> None:
    """They are its base class's."""
    session = request_with_session().session
    assert session.setdefault("n", value=1) == 1
    session.update(dict_={"m": 2})
    assert session.pop("k", default=3) == session.get("k", default=3) == 3
    assert session.load() == {"n": 1, "m": 2}


@pytest.mark.parametrize("verb", ["create", "save"])
def test_each_visitor_has_a_session_key_of_their_own(verb: str) -> None:
    """A cart that is stored under it is not that of everybody who has not signed in."""
    keys: set[Any] = set()
    for _ in range(2):
        request = request_with_session()
        assert request.session.session_key is None
        getattr(request.session, verb)()
        key = request.session.session_key
        assert key == request.session.sid.hex()
        again = request_with_session(cookie_after(request).value).session
        assert again.session_key == key
        again.create()
        assert again.load() == request.session.load()
        keys.add(key)
    assert len(keys) == 2


def test_the_session_key_of_who_has_just_signed_in() -> None:
    """It is that of the requests that follow."""
    request = request_with_session()
    request.session[SESSION_KEY] = "42"
    key = request.session.session_key
    assert request_with_session(cookie_after(request).value).session.session_key == key
    request.session = request_with_session().session
    request.session.flush()
    assert request.session.session_key is None


def test_a_failed_response_after_another_session_took_the_place() -> None:
    """A view can set a session of its own; a response of 500 then saves nothing."""
    request = request_with_session()
    request.session = SessionStore()
    request.session["n"] = 1
    middleware = SessionMiddleware(lambda _: HttpResponse())
    assert COOKIE not in middleware.process_response(request, HttpResponse(status=500)).cookies


def test_a_user_who_becomes_another_user_by_the_key() -> None:
    """Setting the key alone keeps the state, and begins the session of the other user."""
    store, state = WatchedStore(), {SESSION_KEY: "1", "backend": "x", "cart": [1]}
    codec: SessionCodec[Any] = SessionCodec(RING, revocation=store)
    with override_settings(TOKENSESSION_REVOCATION=store):
        found = codec.encode(state, subject="1")
        request = request_with_session(found)
        request.session["real"] = request.session[SESSION_KEY]
        request.session[SESSION_KEY] = "2"
        session = codec.decode(cookie_after(request).value)
    assert session.subject == "2"
    assert session.state == state | {"real": "1", SESSION_KEY: "2"}
    with pytest.raises(Revoked):
        codec.decode(found)


def test_saving_what_cannot_be_sent_raises() -> None:
    """At once, where the application can answer it."""
    session = request_with_session().session
    session["basket"] = "x" * 5000
    with pytest.raises(SessionTooLarge, match="basket"):
        session.save()


@pytest.mark.parametrize(
    ("value", "ttl", "cap"),
    [
        (300, 300, None),
        (timedelta(hours=1), 3600, 3600),
        (14 * 86400, 14 * 86400, 14 * 86400),
        (None, 1800, None),
        (0, 1800, None),
    ],
)
def test_expiry_is_in_the_token(value: Any, ttl: int, cap: int | None) -> None:
    """The lifetime that set_expiry was given holds in each reader of the token."""
    policy = replace(Policy.owasp(), longest=30 * 86400)
    with override_settings(TOKENSESSION_POLICY=policy):
        request = request_with_session()
        request.session["n"] = 1
        request.session.set_expiry(value)
        cookie = cookie_after(request)
        session = SessionCodec(RING, policy=policy).decode(cookie.value)
        assert abs(session.ttl - ttl) <= 2
        assert session.cap is cap is None or abs((session.cap or 0) - (cap or 0)) <= 2
        assert bool(cookie["max-age"]) == (value != 0)
        again = request_with_session(cookie.value).session
        assert abs(again.get_expiry_age() - ttl) <= 5
        assert abs((again.get_expiry_date() - datetime.now(UTC)).total_seconds() - ttl) <= 5
        assert again.get_expire_at_browser_close() == (value == 0)


def test_an_expiry_at_an_instant() -> None:
    """The session ends then in spite of renewals; naive dates are in Django's time zone."""
    for now in (datetime.now(UTC), timezone.make_naive(timezone.now())):
        session = request_with_session(encode({"n": 1}, RING, now=int(time()) - 600)).session
        session.set_expiry(now + timedelta(hours=2))
        assert abs(session.ttl - 7200) <= 2
        assert session.cap is not None
        assert abs(session.cap - 7800) <= 2


def test_an_expiry_survives_signing_in() -> None:
    """An expiry survives a sign-in, in both orders of the calls."""
    session = request_with_session().session
    session.set_expiry(300)
    session[SESSION_KEY] = "7"
    assert (session.subject, session.ttl) == ("7", 300)
    session.set_expiry(None)
    assert session.ttl == 1800


@pytest.mark.parametrize("value", [15 * 86400, timedelta(days=15)])
def test_expiries_that_are_refused(value: Any) -> None:
    """An expiry beyond SESSION_COOKIE_AGE, two weeks by default, is refused."""
    with pytest.raises(ConfigError, match="1209600"):
        request_with_session().session.set_expiry(value)


def test_expiry_as_django_calculates_it() -> None:
    """The expiry counts from the given instant, as Django's own does."""
    session = request_with_session().session
    now = datetime.now(UTC)
    assert session.get_expiry_age(modification=now, expiry=60) == 60
    assert session.get_expiry_date(modification=now, expiry=60) == now + timedelta(seconds=60)
    assert session.get_expiry_age(modification=now) == 1800


def test_asynchronous_views() -> None:
    """Django's asynchronous names do the same."""

    async def use() -> None:
        session = request_with_session().session
        await session.aset("n", 1)
        assert await session.aget("n") == 1
        sid = session.sid
        await session.acycle_key()
        assert session.sid != sid
        await session.aset_expiry(300)
        assert await session.aget_expiry_age() == 300
        assert (await session.aget_expiry_date()).timestamp() == session.expires_at
        await session.aflush()
        assert await session.aget("n") is None

    asyncio.run(use())


def test_a_response_without_our_session_is_left_alone() -> None:
    """Others may put a session of theirs into the request."""
    request = HttpRequest()
    assert cookie_after(request) is None


def test_an_error_page_varies() -> None:
    """It keeps no change, and says that it depends on the session if it was read."""
    request = request_with_session(encode({"n": 1}, RING))
    request.session["n"] = 2
    response = HttpResponse(status=500)
    assert cookie_after(request, response) is None
    assert response["Vary"] == "Cookie"


# -- revocation -----------------------------------------------------------------------------


def test_signing_out_is_final(ada: Any) -> None:
    """With TOKENSESSION_REVOCATION a logout, a flush and a new session id end the former token."""
    codec: SessionCodec[Any] = SessionCodec(
        RING, policy=POLICY, revocation=(store := WatchedStore())
    )
    with override_settings(TOKENSESSION_REVOCATION=store):
        client, thief = Client(), Client()
        client.force_login(ada)
        thief.cookies[COOKIE] = client.cookies[COOKIE].value
        assert thief.get("/admin-site/").status_code == 200
        client.post("/admin-site/logout/")
        assert thief.get("/admin-site/").status_code == 302
        for end in ("flush", "delete", "cycle_key"):
            token = codec.encode({"n": 1}, subject="ada")
            request = request_with_session(token)
            getattr(request.session, end)()
            cookie_after(request)
            assert request_with_session(token).session.refused == "revoked"
        codec.revoke_subject(str(ada.pk))
        client.force_login(ada)  # within the second
        assert client.get("/admin-site/").status_code == 200


def test_asynchronous_views_ask_in_a_thread() -> None:
    """The session has been read before the view asks for it."""
    codec: SessionCodec[Any] = SessionCodec(
        RING, policy=POLICY, revocation=(store := WatchedStore())
    )
    token = codec.encode({"n": 1}, subject="ada")
    store.forget()

    async def view(request: Any) -> HttpResponse:
        return HttpResponse(str(await request.session.aget("n")))

    async def ask() -> HttpResponse:
        request: Any = HttpRequest()
        request.scope = {"headers": [(b"cookie", f"{COOKIE}={token}".encode())]}
        response: HttpResponse = await SessionMiddleware(view)(request)
        return response

    with override_settings(TOKENSESSION_REVOCATION=store):
        assert asyncio.run(ask()).content == b"1"
    assert store.calls == ["look_up"]
    assert store.in_event_loop == []


def test_a_response_that_is_replaced_by_a_503() -> None:
    """Its own cookies stay, nothing else does, and it is closed with the answer."""
    store = WatchedStore()
    codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=store)
    with override_settings(TOKENSESSION_REVOCATION=store):
        request = request_with_session(codec.encode({}, subject="ada"))
        request.session.flush()
        closed: list[bool] = []

        def chunks() -> Iterator[bytes]:
            try:
                yield b"first"
            finally:
                closed.append(True)

        body = chunks()
        next(body)
        response = StreamingHttpResponse(body, headers={"X-Secret": "1"})
        response.set_cookie("a", "1")
        with store.down("deny"):
            middleware = SessionMiddleware(lambda _: HttpResponse())
            answer = middleware.process_response(request, response)
        assert (answer.status_code, answer.content) == (503, b"Service Unavailable")
        assert "X-Secret" not in answer
        assert [answer.cookies[name].OutputString() for name in ("a", COOKIE)] == [
            "a=1; Path=/", COOKIE + DELETED_BY,
        ]  # fmt: skip
        answer.close()
        assert closed == [True]


def test_an_error_page_of_a_failing_store() -> None:
    """A failing store is a 503, even if another middleware has answered 500."""
    store = WatchedStore()
    codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=store)
    with override_settings(TOKENSESSION_REVOCATION=store):
        request = request_with_session(codec.encode({}, subject="ada"))
        with store.down(), pytest.raises(StoreError):
            len(request.session)
        middleware = SessionMiddleware(lambda _: HttpResponse())
        assert middleware.process_response(request, HttpResponse(status=500)).status_code == 503
        assert middleware.process_exception(request, ValueError()) is None


@pytest.mark.parametrize("status", [499, 500, 503])
def test_a_sign_out_before_an_error_that_the_view_answers(status: int) -> None:
    """A response whose status is 500 or more saves a sign-out alone."""
    request = request_with_session(encode({}, RING, subject="ada"))
    request.session.flush()
    middleware = SessionMiddleware(lambda _: HttpResponse())
    response = middleware.process_response(request, HttpResponse(status=status))
    assert response.cookies[COOKIE]["max-age"] == "0"


def test_a_state_that_is_saved_before_an_error() -> None:
    """A response of 500 carries the state of the last `save`, and no later change.

    So a one-time code that is taken out of the session cannot be used again.
    """
    request = request_with_session(encode({"code": 1, "n": [1]}, RING, subject="ada"))
    middleware = SessionMiddleware(lambda _: HttpResponse())
    del request.session["code"]
    request.session["n"].append(2)
    request.session.save()
    request.session["n"].append(3)
    request.session["late"] = True
    response = middleware.process_response(request, HttpResponse(status=500))
    assert decode(response.cookies[COOKIE].value, RING).state == {"n": [1, 2]}


@pytest.mark.parametrize("verb", ["cycle_key", "flush"])
def test_a_session_that_is_replaced_after_its_save(verb: str) -> None:
    """A response of 500 saves nothing of a session that began after the `save`."""
    request = request_with_session(encode({"n": 1}, RING))
    middleware = SessionMiddleware(lambda _: HttpResponse())
    request.session.save()
    getattr(request.session, verb)()
    request.session["late"] = True
    cookies = middleware.process_response(request, HttpResponse(status=500)).cookies
    assert COOKIE not in cookies or cookies[COOKIE]["max-age"] == "0"


def test_a_new_session_that_is_saved_before_an_error() -> None:
    """A response of 500 begins no session, as in Django, which sets no cookie then."""
    request = request_with_session()
    middleware = SessionMiddleware(lambda _: HttpResponse())
    request.session["n"] = 1
    request.session.save()
    assert COOKIE not in middleware.process_response(request, HttpResponse(status=500)).cookies


def test_a_store_that_fails_in_a_view() -> None:
    """The answer is 503, and what the view had changed before is not kept."""
    request = request_with_session(encode({}, RING, subject="ada"))
    request.session["n"] = 1
    middleware = SessionMiddleware(lambda _: HttpResponse())
    refusal = middleware.process_exception(request, StoreError("down"))
    assert refusal.status_code == 503
    assert COOKIE not in middleware.process_response(request, refusal).cookies


def test_one_response_for_several_requests() -> None:
    """It would give the cookie of one to the next, so it is an error once it carries one."""
    middleware = SessionMiddleware(lambda _: HttpResponse())
    constant = HttpResponse()
    middleware.process_response(request_with_session(), constant)
    request = request_with_session()
    request.session["n"] = 1
    middleware.process_response(request, constant)
    with pytest.raises(ConfigError, match="a response for each request"):
        middleware.process_response(request_with_session(), constant)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda c: loads(dumps(c))])  # noqa: S301  # its own
def test_a_response_that_is_copied(duplicate: Callable[[Any], Any]) -> None:
    """Its cookie is sent as it was, by tests that keep a response and caches of one's own."""
    request = request_with_session()
    request.session["n"] = 1
    cookie = cookie_after(request)
    assert duplicate(cookie).OutputString() == cookie.OutputString()
    assert duplicate(cookie)["max-age"] == cookie["max-age"]


# -- settings -------------------------------------------------------------------------------


def problems(**changed: Any) -> set[str]:
    """Return the ids of what Django's system checks find."""
    with override_settings(**changed):
        return {found.id for found in run_checks(tags=["security"]) if "token" in found.id}


def test_good_settings() -> None:
    """There is nothing to say about them."""
    assert problems() == set()


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"TOKENSESSION_KEYS": None}, "tokensession.E001"),
        ({"TOKENSESSION_KEYS": {"keys": []}}, "tokensession.E001"),
        ({"TOKENSESSION_POLICY": {"idle_timeout": 60}}, "tokensession.E001"),
        ({"SESSION_COOKIE_HTTPONLY": False}, "tokensession.E001"),
        ({"TOKENSESSION_REVOCATION": "a store"}, "tokensession.E001"),
        ({"SESSION_COOKIE_DOMAIN": "example.org"}, "tokensession.E001"),
        ({"SESSION_ENGINE": "django.contrib.sessions.backends.db"}, "tokensession.E003"),
        (
            {"MIDDLEWARE": ["django.contrib.sessions.middleware.SessionMiddleware"]},
            "tokensession.E004",
        ),
        (
            {"MIDDLEWARE": ["django.contrib.sessions.middleware.SessionMiddleware", *MIDDLEWARE]},
            "tokensession.E004",
        ),
        ({"SESSION_COOKIE_NAME": "sessionid"}, "tokensession.W001"),
        ({"SESSION_COOKIE_AGE": 60}, "tokensession.W002"),
        ({"SESSION_SAVE_EVERY_REQUEST": True}, "tokensession.W002"),
        ({"TOKENSESSION_POLICY": Policy.owasp()}, "tokensession.W003"),
    ],
)
def test_unsafe_settings(changed: dict[str, Any], found: str) -> None:
    """Each is found by Django's own system checks, by a name of its own."""
    assert problems(**changed) == {found}


def test_djangos_own_middleware_beside_ours() -> None:
    """It would put an id into the cookie in place of the token, so the start fails."""
    both = ["django.contrib.sessions.middleware.SessionMiddleware", *MIDDLEWARE]
    with (
        override_settings(MIDDLEWARE=both),
        pytest.raises(ConfigError, match="which would replace the session"),
    ):
        Client().get("/")


def plain_manager(**cookie: Any) -> SessionManager[Any]:
    """Return a manager for plain http."""
    held = Cookie(name="plain", http_development=True, **cookie)
    return SessionManager(SessionCodec(RING, context=held.context), cookie=held)


def test_a_manager_in_the_settings() -> None:
    """It brings its own cookie, whose name Django has to know, and its own policy."""
    manager = plain_manager()
    named = {"TOKENSESSION_KEYS": manager, "SESSION_COOKIE_NAME": "plain"}
    assert problems(**named, DEBUG=False) == {"tokensession.E002", "tokensession.W001"}
    assert problems(**named, DEBUG=True) == {"tokensession.W001"}
    assert "tokensession.E001" in problems(TOKENSESSION_KEYS=manager)
    assert "tokensession.E001" in problems(**named, TOKENSESSION_POLICY=Policy())
    assert "tokensession.E001" in problems(**named, TOKENSESSION_REVOCATION=WatchedStore())
    header = SessionManager(RING, cookie=Header())
    assert "tokensession.E001" in problems(TOKENSESSION_KEYS=header)
    with override_settings(**named):
        assert SessionStore().session_key is None


class Visit(msgspec.Struct):
    """A state of its own type."""

    pages: int = 0


@pytest.mark.parametrize("closes", [True, False])
def test_a_typed_state(closes: bool) -> None:  # noqa: FBT001
    """It has no keys, so the settings say whether its cookie ends with the browser."""
    manager = SessionManager(SessionCodec(RING, state_type=Visit, policy=POLICY))
    with override_settings(TOKENSESSION_KEYS=manager, SESSION_EXPIRE_AT_BROWSER_CLOSE=closes):
        request = request_with_session()
        request.session.state.pages += 1
        cookie = cookie_after(request)
        assert ("Max-Age" in cookie.OutputString()) is not closes
        again = request_with_session(cookie.value)
        assert again.session.state.pages == 1
        assert cookie_after(again) is None


def test_old_cookies_of_one_name_are_all_deleted() -> None:
    """One that stayed would bring its session back after signing out."""
    readers = [
        ExpressReader(
            "old", until="2099-01-31", since=0, subject=lambda state: state["u"], domain=domain
        )
        for domain in (None, "example.org")
    ]
    signer = hmac.digest(b"old", b"session=eyJ1IjoiYSJ9", "sha1")
    signature = urlsafe_b64encode(signer).rstrip(b"=").decode()
    with override_settings(TOKENSESSION_KEYS=SessionManager(RING, legacy=readers)):
        request = HttpRequest()
        request.META["HTTP_COOKIE"] = f"session=eyJ1IjoiYSJ9; session.sig={signature}"

        def sign_out(request: HttpRequest) -> HttpResponse:
            request.session.flush()
            return HttpResponse()

        response = SessionMiddleware(sign_out)(request)
    lines = [cookie.OutputString() for cookie in response.cookies.values()]
    deleted = [line.split("; Expires")[0] for line in lines if "example.org" not in line]
    assert sorted(deleted) == [
        "__Host-session=; Max-Age=0", "session.sig=; Max-Age=0", "session=; Max-Age=0",
    ]  # fmt: skip
    assert sum("Domain=example.org" in line for line in lines) == 2


@pytest.mark.parametrize(("writes", "stored"), [(True, 0), (False, 1)])
def test_no_cache_of_djangos_stores_a_cookie(writes: bool, stored: int) -> None:  # noqa: FBT001
    """Django's caches store no response that sets the cookie."""
    served: list[HttpRequest] = []

    def page(request: HttpRequest) -> HttpResponse:
        served.append(request)
        if writes:
            request.session["n"] = 1
        return HttpResponse()

    memory = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    with override_settings(CACHES=memory):
        whole = UpdateCacheMiddleware(SessionMiddleware(FetchFromCacheMiddleware(page)))
        for _ in range(2):
            request = RequestFactory().get("/", headers={"Cookie": "theme=light"})
            whole(request)
        assert len(served) == 2 - stored
        assert getattr(served[0], "_cache_update_cache") is not writes  # noqa: B009  # theirs
        caches["default"].clear()


class Log:
    """A middleware around all others, which asks whose request it was once it is answered.

    Attributes:
        read: What it heard.
    """

    def __init__(self, view: Callable[[HttpRequest], HttpResponse]) -> None:
        self._inside = SessionMiddleware(view)
        self.read: list[Any] = []

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        response: HttpResponse = self._inside(request)
        self.read.append(request.session.subject)
        return response


def request_of(subject: str) -> HttpRequest:
    """Return a request of a user who has signed in."""
    request = RequestFactory().get("/")
    request.META["HTTP_COOKIE"] = f"{COOKIE}={encode({'n': 1}, RING, subject=subject)}"
    return request


@pytest.mark.parametrize("streamed", [True, False])
def test_a_log_around_all_middleware(*, streamed: bool) -> None:
    """It reads the session before the head of the response has gone, which varies by that."""
    answer = StreamingHttpResponse([b"file"]) if streamed else HttpResponse(b"file")
    log = Log(lambda _: answer)
    response = log(request_of("ada"))
    assert b"".join(response) == b"file"
    assert log.read == ["ada"]
    assert response["Vary"] == "Cookie"


def test_a_first_read_in_a_streamed_body() -> None:
    """The head has gone without Vary, so a cache could give the body to others."""
    request = request_of("ada")

    def body() -> Iterator[bytes]:
        yield b"first"
        yield str(request.session.subject).encode()

    response = SessionMiddleware(lambda _: StreamingHttpResponse(body()))(request)
    assert "Vary" not in response
    chunks = iter(response)
    assert next(chunks) == b"first"
    with pytest.raises(ConfigError, match="read the session once"):
        next(chunks)


def test_a_streamed_body_that_is_closed_early() -> None:
    """A client that goes away ends the response too, so the session can be read after it."""
    request = request_of("ada")
    response = SessionMiddleware(lambda _: StreamingHttpResponse(b"chunk" for _ in "abc"))(request)
    chunks = iter(response)
    assert next(chunks) == b"chunk"
    response.close()
    assert request.session.subject == "ada"
