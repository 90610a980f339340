"""Sessions in Django by their key: in their own request, in another one, and outside of any."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import SESSION_KEY, login, logout
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpResponse, JsonResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path
from django.utils.module_loading import import_string

from tokensession import ConfigError, Revoked, SessionCodec, encode
from tokensession.adapters.django.session import RUNNING
from tokensession.stores import connect
from tokensession.stores.memory.revocation import MemoryStore
from tokensession.testing import FixedClock

from .conformance import COOKIE, RING
from .django_site import User
from .test_django import ada, cookie_after, database, request_with_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["ada", "database"]  # fixtures

SessionStore: Any = import_string("tokensession.adapters.django.SessionStore")
timezone: Any = import_string("django.utils.timezone")
AnonymousUser: Any = import_string("django.contrib.auth.models.AnonymousUser")


def who(request: Any) -> JsonResponse:
    """Answer who has signed in, and by which key."""
    return JsonResponse({"user": request.session.subject, "key": request.session.session_key})


def end(request: Any) -> JsonResponse:
    """End the session of a key, in one of the ways that packages use."""
    key = request.GET["key"]
    ways = {
        "delete(key)": lambda: SessionStore().delete(key),
        "store.delete()": lambda: SessionStore(key).delete(),
        "store.flush()": lambda: SessionStore(session_key=key).flush(),
        "request.session.delete(key)": lambda: request.session.delete(key),
    }
    ways[request.GET["how"]]()
    return JsonResponse({})


def cycle(request: Any) -> JsonResponse:
    """Give the session a new id, and use both ids in the same request."""
    first = request.session.session_key
    request.session.cycle_key()
    SessionStore().delete(first)  # ends with the response
    request.session.delete(first)
    store = SessionStore(request.session.session_key)
    store["by"] = "store"
    store.save()
    old = SessionStore(first)["by"]
    return JsonResponse({"first": first, "old": old, "closed": store.closed})


def fail(request: Any) -> HttpResponse:
    """Sign out, write into the new session, and fail."""
    logout(request)
    login(request, User.objects.create(username="eve"), "django.contrib.auth.backends.ModelBackend")
    raise ValueError


def put(request: Any) -> HttpResponse:
    """Put a session of a package's own into the place of the request's."""
    request.session = SessionStore()
    return HttpResponse()


def keep(request: Any, status: int) -> HttpResponse:
    """Change the session, and answer with a status."""
    request.session["kept"] = status
    return HttpResponse(status=status)


urlpatterns = [
    path("who", who), path("end", end), path("cycle", cycle), path("fail", fail), path("put", put),
    path("keep/<int:status>", keep),
]  # fmt: skip


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    """Give Django these paths, and a revocation list."""
    made = MemoryStore()
    with override_settings(ROOT_URLCONF=__name__, TOKENSESSION_REVOCATION=made):
        yield made


@pytest.fixture
def _no_store() -> Iterator[None]:
    """Give Django these paths."""
    with override_settings(ROOT_URLCONF=__name__):
        yield


@pytest.fixture
def _listed() -> Iterator[None]:
    """Give Django a directory beside its list."""
    store = connect("memory:")
    with override_settings(
        ROOT_URLCONF=__name__,
        TOKENSESSION_REVOCATION=store.revocations(),
        TOKENSESSION_DIRECTORY=store.directory(),
    ):
        yield


@pytest.mark.usefixtures("_listed")
def test_a_directory_tells_what_exists(ada: Any) -> None:
    """A session that ended with all of its user's does not exist; nor does an unknown id."""
    phone, laptop = Client(), Client()
    phone.force_login(ada)
    laptop.force_login(ada)
    keys = [client.get("/who").json()["key"] for client in (phone, laptop)]
    assert [SessionStore().exists(key) for key in (*keys, "0" * 32, None)] == [
        True, True, False, False,
    ]  # fmt: skip
    SessionStore().delete(keys[0])
    assert [SessionStore().exists(key) for key in keys] == [False, True]
    codec = SessionStore()._manager.codec
    (listed,) = codec.sessions(str(ada.pk))
    codec.revoke_subject(str(ada.pk))
    assert not SessionStore().exists(keys[1])
    assert (
        listed.id == sha256(b"tokensession/v1/listed\0" + bytes.fromhex(keys[1])).hexdigest()[:32]
    )


WAYS = ["delete(key)", "store.delete()", "store.flush()", "request.session.delete(key)"]


@pytest.mark.parametrize("how", WAYS)
def test_a_session_ends_from_another_request(ada: Any, store: MemoryStore, how: str) -> None:
    """A session ends by its `session_key` from another request, whose own session goes on."""
    laptop, phone = Client(), Client()
    laptop.force_login(ada)
    phone.force_login(ada)
    key = phone.get("/who").json()["key"]
    assert SessionStore().exists(key)
    assert laptop.get("/end", {"key": key, "how": how}).status_code == 200
    assert not SessionStore().exists(key)
    assert phone.get("/who").json()["user"] is None
    assert laptop.get("/who").json()["user"] == str(ada.pk)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.usefixtures("_no_store")
def test_without_a_list_ending_another_raises(ada: Any, how: str) -> None:
    """Nothing could end it, and silence would be a sign-out that did not happen."""
    laptop, phone = Client(), Client()
    laptop.force_login(ada)
    phone.force_login(ada)
    key = phone.get("/who").json()["key"]
    assert SessionStore().exists(key)
    with pytest.raises(ConfigError, match="TOKENSESSION_REVOCATION"):
        laptop.get("/end", {"key": key, "how": how})


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("named", ["its id", "its token"])
def test_a_session_that_ends_itself(ada: Any, store: MemoryStore, how: str, named: str) -> None:
    """The key of the running request's own session signs it out."""
    client = Client()
    client.force_login(ada)
    token = client.cookies[COOKIE].value
    key = client.get("/who").json()["key"] if named == "its id" else token
    client.get("/end", {"key": key, "how": how})
    client.cookies[COOKIE] = token
    assert client.get("/who").json()["user"] is None


@pytest.mark.usefixtures("store")
def test_the_ids_of_the_running_request(ada: Any) -> None:
    """The present id and the one before are one session, and the former one ends by itself."""
    client = Client()
    client.force_login(ada)
    token = client.cookies[COOKIE].value
    answer = client.get("/cycle").json()
    assert (answer["old"], answer["closed"]) == ("store", False)
    seen = client.get("/who").json()
    assert seen["user"] == str(ada.pk)
    assert seen["key"] != answer["first"]
    assert client.session["by"] == "store"
    client.cookies[COOKIE] = token
    assert client.get("/who").json()["user"] is None


@pytest.mark.usefixtures("_no_store")
def test_a_session_is_opened_again_by_its_class_and_key() -> None:
    """Packages do so in the middle of a request, and put the result in its place."""
    request = request_with_session(encode({"n": 1}, RING))
    request.session["n"] += 1
    request.session.save()
    request.session = request.session.__class__(request.session.session_key)
    request.session["n"] += 1
    assert isinstance(request.session, SessionStore)
    assert SessionStore(cookie_after(request).value)["n"] == 3


@pytest.mark.usefixtures("_no_store")
def test_a_second_session_can_be_saved_in_a_request() -> None:
    """A middleware with a cookie of its own puts the new token there; not the request's own."""
    token = encode({"n": 1}, RING)
    request_with_session(token)
    second = SessionStore(encode({"n": 1}, RING))
    second["n"] = 2
    second.save()
    assert SessionStore(second.session_key)["n"] == 2
    own = SessionStore(token)
    own["n"] = 2
    with pytest.raises(ConfigError, match="no response gives the browser its new token"):
        own.save()


def test_a_name_alone_is_no_empty_session() -> None:
    """The state of a session elsewhere cannot be read, and is not taken for empty."""
    named = SessionStore("00" * 16)
    assert named.session_key == "00" * 16
    uses: list[Callable[[], Any]] = [
        lambda: named.get("a"), lambda: named.update(a=1), named.save, named.load,
        lambda: len(named),
    ]  # fmt: skip
    for use in uses:
        with pytest.raises(ConfigError, match="only the session's id is known"):
            use()


@pytest.mark.parametrize("key", ["0" * 31, "0" * 33, "G" * 32, "x", "", "\u0660" * 32, None])
def test_other_keys_name_no_session(key: Any) -> None:
    """They do not exist, and ending them ends nothing."""
    assert SessionStore().exists(key) is False
    SessionStore(key).delete()
    request_with_session().session.delete(key or "x")


class TestOutside:
    """A session outside of any request, by its token."""

    @pytest.fixture(autouse=True)
    def _no_request(self) -> None:
        RUNNING.set(None)  # other tests leave requests without a response

    @staticmethod
    def saved(**state: Any) -> str:
        """Return the token of a session that was made by hand."""
        session = SessionStore()
        session.update(state)
        session.save()
        assert session.session_key is not None
        return str(session.session_key)

    @pytest.mark.parametrize("verb", ["flush", "delete", "cycle_key"])
    @pytest.mark.usefixtures("store")
    def test_its_token_is_dead_afterwards(self, verb: str) -> None:
        """With a revocation list the token is dead afterwards."""
        token = self.saved(n=1)
        session = SessionStore(token)
        assert session["n"] == 1
        getattr(session, verb)()
        assert SessionStore(token).refused == "revoked"
        if verb == "cycle_key":
            assert SessionStore(session.session_key)["n"] == 1
        else:
            assert (session.session_key, dict(session)) == (None, {})

    @pytest.mark.usefixtures("store")
    def test_asynchronous_names(self) -> None:
        """They do the same beside the event loop."""
        tokens = [self.saved(n=1) for _ in range(3)]

        async def use() -> None:
            await SessionStore(tokens[0]).aflush()
            await SessionStore(tokens[1]).adelete()
            await SessionStore(tokens[2]).acycle_key()

        asyncio.run(use())
        assert {SessionStore(token).refused for token in tokens} == {"revoked"}

    @pytest.mark.parametrize("verb", ["flush", "delete", "cycle_key"])
    def test_without_a_list_they_raise(self, verb: str) -> None:
        """The browser's copy would go on."""
        session = SessionStore(self.saved(n=1))
        with pytest.raises(ConfigError, match="TOKENSESSION_REVOCATION"):
            getattr(session, verb)()

    def test_what_no_browser_has_needs_no_end(self) -> None:
        """A session that was made here can be emptied, and given a new id and token."""
        session = SessionStore()
        session["n"] = 1
        session.save()
        first = session.session_key
        session.cycle_key()
        assert session.session_key not in (None, first)
        session.flush()
        assert session.session_key is None
        SessionStore().flush()

    @pytest.mark.usefixtures("store")
    def test_a_token_is_not_a_key_that_exists(self) -> None:
        """A client of `allauth.headless` that sends a token in a header is refused.

        Nothing would give it the new token, so counted attempts at a code would be lost.
        """
        assert not SessionStore().exists(self.saved(n=1))

    def test_a_change_that_no_response_carries_raises(self) -> None:
        """A WebSocket's consumer that saves would lose what it changed."""
        session = SessionStore(encode({"n": 1}, RING))
        session.save()
        session["n"] = 2
        assert session.modified
        with pytest.raises(ConfigError, match="no response gives the browser its new token"):
            session.save()

    @pytest.mark.usefixtures("store")
    def test_its_end_holds_when_its_token_has_died(self) -> None:
        """A WebSocket outlives its token, while other requests renew the session."""
        with FixedClock() as clock:
            token = encode({"n": 1}, RING, subject="ada", now=clock.now)
            session = SessionStore(token)
            browser = Client()
            browser.cookies[COOKIE] = token
            for _ in range(2):
                clock.advance(1000)
                assert browser.get("/who").json()["user"] == "ada"
            session.flush()
            assert browser.get("/who").json()["user"] is None

    def test_a_session_that_has_ended_stays_so(self) -> None:
        """A new id is refused to a session that was signed out meanwhile."""
        codec: SessionCodec[Any] = SessionCodec(RING, revocation=MemoryStore())
        with override_settings(TOKENSESSION_REVOCATION=codec.listed._check.store):
            token = self.saved(n=1)
            session = SessionStore(token)
            SessionStore(token).flush()
            with pytest.raises(Revoked):
                session.cycle_key()


class TestTheTestClient:
    """Django's test client, which keeps a session's token by itself."""

    @pytest.mark.usefixtures("_no_store")
    def test_its_edits_reach_it(self) -> None:
        """After `save`, by the client's next request, also of a session that was there."""
        client = Client()
        for n in (1, 2):
            session = client.session
            session["n"] = n
            session.save()
            assert client.session["n"] == n

    @pytest.mark.usefixtures("_no_store")
    def test_its_session_can_be_flushed(self, ada: Any) -> None:
        """The client forgets the cookie, as nothing else ends a session without a list."""
        client = Client()
        client.force_login(ada)
        client.session.flush()
        assert client.get("/who").json()["user"] is None

    @pytest.mark.usefixtures("_no_store")
    def test_it_signs_in_and_out(self, ada: Any) -> None:
        """Twice, over each other, and without a revocation list."""
        client = Client()
        client.force_login(ada)
        client.force_login(ada)
        assert client.get("/who").json()["user"] == str(ada.pk)
        client.logout()
        assert client.get("/who").json()["user"] is None

    @pytest.mark.usefixtures("store")
    def test_its_sign_out_is_final(self, ada: Any) -> None:
        """A sign-out is final with a revocation list: the former cookie is dead."""
        client = Client()
        client.force_login(ada)
        token = client.cookies[COOKIE].value
        client.logout()
        assert SessionStore(token).refused == "revoked"

    @pytest.mark.usefixtures("store")
    def test_the_asynchronous_one(self, ada: Any) -> None:
        """It does all of that too."""
        client = AsyncClient()
        client.force_login(ada)  # in this thread, which has the database

        async def use() -> tuple[str, Any]:
            token = client.cookies[COOKIE].value
            session = await client.asession()
            session["n"] = 1
            await session.asave()
            assert (await client.asession())["n"] == 1
            seen = (await client.get("/who")).json()["user"]
            await (await client.asession()).aflush()
            return token, seen

        token, seen = asyncio.run(use())
        assert seen == str(ada.pk)
        assert SessionStore(token).refused == "revoked"


@pytest.mark.usefixtures("_no_store")
def test_what_django_writes_by_its_status() -> None:
    """A response whose status is 500 or more saves nothing."""
    for status, kept in [(404, True), (499, True), (500, False), (502, False), (599, False)]:
        client = Client(raise_request_exception=False)
        client.get(f"/keep/{status}")
        assert (COOKIE in client.cookies) is kept


@pytest.mark.parametrize("listed", [False, True])
def test_a_sign_out_holds_with_an_error(ada: Any, listed: bool) -> None:  # noqa: FBT001
    """What was written after it does not."""
    store = MemoryStore() if listed else None
    with override_settings(ROOT_URLCONF=__name__, TOKENSESSION_REVOCATION=store):
        client = Client(raise_request_exception=False)
        client.force_login(ada)
        copied = client.cookies[COOKIE].value
        assert client.get("/fail").status_code == 500
        assert client.get("/who").json()["user"] is None
        assert SessionStore(copied).refused == ("revoked" if listed else None)


@pytest.mark.usefixtures("_no_store")
def test_another_session_in_the_place_of_the_requests() -> None:
    """The request's session is not taken for the running one after its response."""
    before = RUNNING.get()
    Client().get("/put")
    assert RUNNING.get() is before


def test_a_request_within_a_request() -> None:
    """The session that runs is the outer one's again after the inner response."""
    outer = request_with_session(encode({"n": 1}, RING))
    key = outer.session.session_key
    inner = request_with_session(encode({"n": 2}, RING))
    assert SessionStore(inner.session.session_key)["n"] == 2
    cookie_after(inner)
    assert SessionStore(key)["n"] == 1
    cookie_after(outer)
    with pytest.raises(ConfigError, match="only the session's id is known"):
        SessionStore(key).get("n")


class TestModified:
    """Whether the session has changed, as Django's users ask and say."""

    def test_it_tells_what_was_changed(self) -> None:
        """Nested changes count, and looking does not."""
        session = request_with_session(encode({"cart": []}, RING)).session
        assert (session.accessed, session.modified) == (False, False)
        assert session["cart"] == []
        assert (session.accessed, session.modified) == (True, False)
        session["cart"].append(1)
        assert session.modified
        fresh = SessionStore()
        assert (fresh.accessed, fresh.modified) == (False, False)

    def test_it_can_be_set(self) -> None:
        """Packages set both; neither hides a change, nor that a page depends on the session."""
        request = request_with_session(encode({"n": 1}, RING))
        request.session.accessed = False
        request.session.modified = True
        assert request.session.modified is True
        request.session["n"] = 2
        request.session.modified = request.session.accessed = False
        assert request.session.accessed is request.session.modified is True
        assert cookie_after(request) is not None

    def test_popping_asynchronously(self) -> None:
        """With a default, which Django's own methods note as a change or not."""

        async def use() -> tuple[Any, Any]:
            session = request_with_session(encode({"n": 1}, RING)).session
            return await session.apop("n"), await session.apop("n", 7)

        assert asyncio.run(use()) == (1, 7)


def test_encoding_a_dictionary() -> None:
    """`encode` signs a dictionary with Django's serializer, as management commands expect."""
    session = request_with_session().session
    assert session.decode(session.encode({"a": 1})) == {"a": 1}
    assert session.serializer.__name__ == "JSONSerializer"


class TestExpiry:
    """One truth: what Django keeps under its own key, and what the token says."""

    @pytest.mark.parametrize("way", ["item", "update", "setdefault", "set_expiry", "aset_expiry"])
    def test_each_way_to_set_it_holds(self, way: str) -> None:
        """Each way to set an expiry holds, also by the item that packages copy."""
        request = request_with_session(encode({"n": 1}, RING))
        session, key = request.session, "_session_expiry"
        ways = {
            "item": lambda: session.__setitem__(key, 60),
            "update": lambda: session.update({key: 60}),
            "setdefault": lambda: session.setdefault(key, 60),
            "set_expiry": lambda: session.set_expiry(60),
            "aset_expiry": lambda: asyncio.run(session.aset_expiry(60)),
        }
        ways[way]()
        assert session.get_expiry_age() == 60
        again = request_with_session(cookie_after(request).value).session
        assert (again.ttl, again[key]) == (60, 60)

    def test_it_is_carried_over_a_sign_out(self) -> None:
        """A copy of the items carries the expiry over a sign-out."""
        session = request_with_session(encode({"n": 1}, RING)).session
        session.set_expiry(60)
        kept = dict(session.items())
        session.flush()
        assert session.ttl == 1800
        session.update(kept)
        assert session.ttl == 60

    def test_it_is_carried_over_a_sign_in(self) -> None:
        """A ttl of its own and another user take its place."""
        session = request_with_session().session
        session.set_expiry(60)
        session[SESSION_KEY] = "7"
        session.sign_in(7, label="Firefox on Linux")
        assert (session.ttl, session.subject) == (60, 7)
        session.sign_in(7, ttl=90)
        assert session.ttl == 90
        session.sign_in(8)
        assert session.ttl == 1800

    @pytest.mark.parametrize("way", ["pop", "del", "None"])
    def test_each_way_to_drop_it_holds(self, way: str) -> None:
        """The policy's times hold again."""
        session = request_with_session().session
        session.set_expiry(60)
        if way == "pop":
            session.pop("_session_expiry")
        elif way == "del":
            del session["_session_expiry"]
        else:
            session.set_expiry(None)
        assert session.ttl == 1800

    def test_remember_me(self) -> None:
        """SESSION_COOKIE_AGE is allowed without further settings, and numbers can be floats."""
        session = request_with_session().session
        session.set_expiry(14 * 86400)
        assert (session.ttl, session.cap) == (14 * 86400, 14 * 86400)
        session.set_expiry(3599.9)
        assert session.ttl == 3599
        session.set_expiry(0.5)
        assert session.ttl == 1
        with override_settings(SESSION_COOKIE_AGE=60 * 86400):
            request_with_session().session.set_expiry(60 * 86400)

    def test_an_instant_counts_from_now(self) -> None:
        """A session that began before may be given as much as one that begins now."""
        with FixedClock() as clock:
            session = request_with_session(encode({"n": 1}, RING)).session
            session.set_expiry(timedelta(hours=1))
            assert (session.ttl, session.cap) == (3600, 3600)
            clock.advance(1000)
            session.set_expiry(timedelta(days=14))
            assert session.cap == 14 * 86400
            with pytest.raises(ConfigError, match="longest"):
                session.set_expiry(timedelta(days=14, seconds=1))

    @pytest.mark.parametrize("zoned", [True, False])
    def test_instants_are_those_of_the_site(self, *, zoned: bool) -> None:
        """Instants have a zone if USE_TZ is on, as `timezone.now()` has."""
        with override_settings(USE_TZ=zoned):
            session = request_with_session().session
            for value in (timedelta(hours=1), timezone.now() + timedelta(hours=1)):
                session.set_expiry(value)
                left = session.get_expiry_date() - timezone.now()
                assert timedelta(minutes=59) < left <= timedelta(hours=1)

    @pytest.mark.parametrize("value", [-1, timedelta(days=-1)])
    def test_it_ends_the_session_by_the_requests_store_too(self, value: Any) -> None:
        """A store of the running request's id is that session."""
        request = request_with_session(encode({"n": 1}, RING))
        SessionStore(request.session.session_key).set_expiry(value)
        assert cookie_after(request)["max-age"] == "0"

    @pytest.mark.parametrize("value", [-1, -0.5, timedelta(days=-1)])
    def test_one_that_has_passed_ends_the_session(self, value: Any) -> None:
        """A passed expiry ends the session with the response, which deletes the cookie."""
        request = request_with_session(encode({"n": 1}, RING, subject="ada"))
        request.session.set_expiry(value)
        assert request.session["n"] == 1
        assert request.session.get_expiry_age() <= 0
        assert cookie_after(request)["max-age"] == "0"

    def test_one_that_is_taken_back_ends_nothing(self) -> None:
        """The last one counts."""
        request = request_with_session(encode({"n": 1}, RING))
        request.session.set_expiry(-1)
        request.session.set_expiry(60)
        assert cookie_after(request)["max-age"] == "60"


def test_signing_in_by_hand_and_out() -> None:
    """A sign-in and sign-out by the session's items work, as some packages do them."""
    request: Any = request_with_session()
    request.user = AnonymousUser()
    user = type(
        "User",
        (),
        {
            "pk": 7,
            "get_session_auth_hash": lambda _: "x",
            "backend": "b",
            "save": lambda *_, **__: None,
        },
    )()
    user._meta = type("Meta", (), {"pk": type("Pk", (), {"value_to_string": lambda *_: "7"})()})()
    login(request, user)
    assert (request.session.subject, request.session[SESSION_KEY]) == ("7", "7")
    logout(request)
    assert request.session.subject is None
    assert request.session.session_key is None


def test_taking_the_user_out_of_the_session_signs_out() -> None:
    """Deleting the user's item signs out, and the rest of the state stays."""
    request = request_with_session()
    request.session.update({SESSION_KEY: "7", "n": 1})
    former = request.session.sid
    del request.session[SESSION_KEY]
    assert (request.session.subject, dict(request.session)) == (None, {"n": 1})
    assert request.session.sid != former


def test_options_in_the_settings() -> None:
    """Each option of a manager has a setting, and the same settings give the same manager."""
    with override_settings(TOKENSESSION_CONVERT=str, TOKENSESSION_PADDING=64):
        request = request_with_session()
        request.session["ring"] = timedelta(seconds=1)
        again = request_with_session(cookie_after(request).value).session
        assert again["ring"] == "0:00:01"
        assert SessionStore()._manager is SessionStore()._manager
    with (
        override_settings(TOKENSESSION_KEYS=SessionStore()._manager, TOKENSESSION_PADDING=64),
        pytest.raises(ConfigError, match="set TOKENSESSION_PADDING there"),
    ):
        SessionStore()


def test_a_session_is_not_a_dict() -> None:
    """Neither a request's session nor a store is a dict, as Django's own: fakes in tests are."""
    for session in (SessionStore(), request_with_session().session):
        assert isinstance(session, SessionBase)
        assert not isinstance(session, dict)
