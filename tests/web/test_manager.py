"""Sessions over HTTP: which token counts, what the response says, and at which second."""

from __future__ import annotations

import itertools
import logging
import re
import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.conftest import NOW
from tokensession import (
    ConfigError,
    Cookie,
    Expired,
    Header,
    KeyRing,
    Policy,
    Session,
    SessionCodec,
    SessionManager,
    SessionTooLarge,
    StateError,
)
from tokensession.testing import FixedClock
from tokensession.web.manager import manager_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.web.cookies import Headers
    from tokensession.web.request_session import RequestSession

IDLE, LIMIT = 1800, 8 * 3600
POLICY = Policy(idle_timeout=IDLE, absolute_timeout=LIMIT)


@pytest.fixture
def codec(hs256: KeyRing) -> SessionCodec[Any]:
    """Give a codec of the default context."""
    return SessionCodec(hs256, policy=POLICY)


@pytest.fixture
def manager(codec: SessionCodec[Any]) -> SessionManager[Any]:
    """Give a manager with the default cookie."""
    return SessionManager(codec)


def request(
    manager: SessionManager[Any], *tokens: str, now: float | None = NOW
) -> RequestSession[Any]:
    """Return the session of a request that carries these tokens."""
    name, transport = b"cookie", manager.cookie
    prefix = "Bearer " if isinstance(transport, Header) else f"{transport.name}="
    if isinstance(transport, Header):
        name = transport.request.lower().encode()
    return manager.open([(name, f"{prefix}{token}".encode()) for token in tokens], now=now)


def response(
    manager: SessionManager[Any], session: RequestSession[Any], *, now: int = NOW
) -> dict[str, str]:
    """Return the headers that a response gets for its session."""
    headers: Headers = []
    manager.save(session, headers, now=now)
    assert len({name for name, _ in headers}) == len(headers)
    return {name.decode(): value.decode() for name, value in headers}


def token_in(headers: dict[str, str]) -> str:
    """Return the token that a response sets."""
    return headers["set-cookie"].partition(";")[0].partition("=")[2]


def two_keys(*, exp: int | None = None) -> tuple[KeyRing, KeyRing]:
    """Return a ring, and one later in which another key signs from NOW on."""
    first = KeyRing.generate(kid="old")
    (old,) = first
    if exp is not None:
        first = KeyRing([old.with_members(exp=exp)])
    return first, first.add(nbf=NOW, propagation=0, now=NOW - 3600)


class TestConfiguration:
    def test_what_is_no_codec(self) -> None:
        """A file's name is neither codec nor ring."""
        with pytest.raises(ConfigError, match="keys must be a KeyRing, not str"):
            SessionManager("session-keys.json")  # type: ignore[call-overload]

    def test_a_ring_stands_for_a_codec(self, hs256: KeyRing) -> None:
        """One of the cookie's context and the OWASP profile."""
        manager = SessionManager(hs256, cookie=Cookie(name="__Host-basket"))
        headers: list[tuple[bytes, bytes]] = []
        session = manager.open((), now=NOW)
        session.sign_in("ada")
        manager.save(session, headers, now=NOW)
        token = dict(headers)[b"set-cookie"].partition(b"=")[2].partition(b";")[0]
        codec: SessionCodec[Any] = SessionCodec(hs256, context="basket", policy=Policy.owasp())
        assert codec.decode(token, now=NOW).ttl == 1800

    def test_what_is_no_cookie(self, codec: SessionCodec[Any]) -> None:
        """A name is no cookie."""
        with pytest.raises(ConfigError, match="cookie must be a Cookie or a Header, not str"):
            SessionManager(codec, cookie="session")  # type: ignore[call-overload]

    @pytest.mark.parametrize(
        "cookie",
        [Cookie(name="__Host-admin"), Header(context="admin")],
        ids=repr,
    )
    def test_one_cookie_in_the_place_of_another(
        self, hs256: KeyRing, cookie: Cookie | Header
    ) -> None:
        """A codec left at the context of the default cookie is refused for any other."""
        with pytest.raises(ConfigError, match=r"SessionCodec\(..., context='admin'\)"):
            SessionManager(SessionCodec(hs256), cookie=cookie)
        for context in ("admin", "tenant 7"):
            manager = SessionManager(SessionCodec(hs256, context=context), cookie=cookie)
            assert manager.open((), now=NOW).context == context

    def test_a_manager_is_taken_as_it_is(self, manager: SessionManager[Any]) -> None:
        """It has everything in it."""
        assert manager_of(manager) is manager

    @pytest.mark.parametrize(
        "more", [{"policy": POLICY}, {"cookie_name": "__Host-other"}, {"policy": None}]
    )
    def test_a_manager_and_what_it_already_has(
        self, manager: SessionManager[Any], more: dict[str, Any]
    ) -> None:
        """The two could contradict each other."""
        if more == {"policy": None}:
            assert manager_of(manager, **more) is manager
            return
        with pytest.raises(ConfigError, match="a manager has its policy, cookie and revocation"):
            manager_of(manager, **more)

    def test_made_of_keys(self, hs256: KeyRing) -> None:
        """The context is the cookie's name without prefix, the policy that of OWASP."""
        manager = manager_of(hs256, cookie_name="__Secure-shop")
        session = request(manager)
        assert session.context == "shop"
        assert session.ttl == Policy.owasp().idle_timeout
        manager = manager_of(hs256, policy=Policy(idle_timeout=60))
        assert request(manager).ttl == 60


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
        """Where no time is given."""
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
        with pytest.raises(ConfigError, match="changed after the response had begun"):
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


class TestRenewal:
    @pytest.mark.parametrize(
        ("age", "renewed"),
        [(0, False), (IDLE // 2 - 1, False), (IDLE // 2, True), (IDLE - 1, True)],
    )
    @pytest.mark.parametrize("renewable", [True, False])
    def test_the_fraction(
        self,
        manager: SessionManager[Any],
        codec: SessionCodec[Any],
        age: int,
        *,
        renewed: bool,
        renewable: bool,
    ) -> None:
        """A session that is read is renewed once half of its window has passed, if it may be."""
        token = codec.encode({"a": 1}, subject="42", now=NOW - age)
        session = request(manager, token)
        session.renewable = renewable
        assert session["a"] == 1
        headers = response(manager, session)
        if not (renewed and renewable):
            assert headers == {"vary": "Cookie"}
            return
        after = codec.decode(token_in(headers), now=NOW)
        assert (after.sid, after.started_at) == (session.sid, NOW - age)
        assert (after.issued_at, after.expires_at) == (NOW, NOW + IDLE)
        assert headers["cache-control"] == "no-store"

    def test_a_change_is_written_though_not_renewable(
        self, manager: SessionManager[Any], codec: SessionCodec[Any]
    ) -> None:
        """What a polling request changes must not be lost."""
        session = request(manager, codec.encode({}, now=NOW - 10))
        session.renewable = False
        session["a"] = 1
        assert codec.decode(token_in(response(manager, session)), now=NOW).state == {"a": 1}

    def test_no_renewal_of_a_session_that_has_no_token(self, manager: SessionManager[Any]) -> None:
        """An anonymous session without a cookie sets nothing, however long its request takes."""
        session = request(manager)
        assert not session
        assert response(manager, session, now=NOW + IDLE) == {"vary": "Cookie"}

    def test_the_last_window_is_not_renewed(self, codec: SessionCodec[Any]) -> None:
        """A token that lives until the session's end cannot be given more."""
        manager = SessionManager(codec)
        start = NOW - LIMIT + 100
        session = codec.decode(codec.encode({"a": 1}, now=start), now=start)
        for at in range(start + 900, NOW + 1, 900):
            session = codec.decode(codec.renew(session, now=at), now=at)
        last = codec.renew(session, now=NOW)
        opened = request(manager, last, now=NOW + 99)
        assert opened["a"] == 1
        assert response(manager, opened, now=NOW + 99) == {"vary": "Cookie"}

    def test_a_retiring_key(self) -> None:
        """A session of a key that another has followed goes on under the new key."""
        first, second = two_keys()
        before: SessionCodec[Any] = SessionCodec(first, policy=POLICY)
        token = before.encode({"a": 1}, subject="42", now=NOW - 1)
        after: SessionCodec[Any] = SessionCodec(second, policy=POLICY)
        manager = SessionManager(after)
        session = request(manager, token, now=NOW - 1)
        assert session.kid == "old"
        assert response(manager, session, now=NOW - 1) == {"vary": "Cookie"}  # still the active one
        session = request(manager, token)
        assert session["a"] == 1
        renewed = after.decode(token_in(response(manager, session)), now=NOW)
        assert renewed.kid != "old"
        assert (renewed.sid, renewed.subject) == (session.sid, "42")

    def test_what_a_longer_signature_leaves_no_room_for(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Is read until it expires: a rotation makes no request fail, and the log says why."""
        former = KeyRing.generate(kid="old")
        later = former.add("ES256", nbf=NOW, propagation=0, now=NOW - 3600)
        old, new = (SessionManager(SessionCodec(ring, policy=POLICY)) for ring in (former, later))
        session = request(old)
        session["basket"] = "x" * 2900
        token = token_in(response(old, session))
        session = request(new, token)
        assert len(session["basket"]) == 2900
        session.check()
        with caplog.at_level(logging.WARNING):
            assert response(new, session) == {"vary": "Cookie"}
        assert "session not renewed: the cookie __Host-session has " in caplog.text
        session = request(new, token)
        session["n"] = 1
        with pytest.raises(SessionTooLarge):
            response(new, session)

    def test_a_key_that_is_pending_here(self) -> None:
        """A token of a process with a fast clock is not renewed back to the older key."""
        first, second = two_keys()
        codec: SessionCodec[Any] = SessionCodec(second, policy=POLICY)
        manager = SessionManager(codec)
        session = request(manager, codec.encode({"a": 1}, now=NOW), now=NOW - 5)
        assert session.kid not in [key.kid for key in first]
        assert response(manager, session, now=NOW - 5) == {"vary": "Cookie"}


class TestDates:
    @pytest.mark.parametrize(("exp", "age"), [(-1, 1799), (0, 1800), (1, 1800)])
    def test_a_cookie_lives_no_longer_than_its_key(self, exp: int, age: int) -> None:
        """A browser need not send what no reader takes."""
        (key,) = KeyRing.generate()
        codec: SessionCodec[Any] = SessionCodec(KeyRing([key.with_members(exp=NOW + IDLE + exp)]))
        manager = SessionManager(codec)
        session = request(manager)
        session["a"] = 1
        assert f"; Max-Age={age};" in response(manager, session)["set-cookie"]

    @pytest.mark.parametrize("opened_ago", [0, 10])
    def test_a_cookie_lives_as_long_as_its_token(
        self, manager: SessionManager[Any], opened_ago: int
    ) -> None:
        """Counted from the response."""
        session = request(manager, now=NOW - opened_ago)
        session["a"] = 1
        assert f"; Max-Age={IDLE};" in response(manager, session)["set-cookie"]

    @pytest.mark.parametrize(("days", "written"), [(399, 399), (400, 400), (401, 400)])
    def test_a_cookie_says_at_most_400_days(self, hs256: KeyRing, days: int, written: int) -> None:
        """The token itself can live longer."""
        policy = Policy(idle_timeout=days * 86400, absolute_timeout=None)
        codec: SessionCodec[Any] = SessionCodec(hs256, policy=policy)
        manager = SessionManager(codec)
        session = request(manager)
        session["a"] = 1
        headers = response(manager, session)
        assert f"; Max-Age={written * 86400};" in headers["set-cookie"]
        assert codec.decode(token_in(headers), now=NOW).ttl == days * 86400

    @pytest.mark.parametrize("left", [-1, 0, 1])
    @pytest.mark.parametrize("change", ["state", "id", None])
    def test_the_end_comes_during_the_request(
        self,
        codec: SessionCodec[Any],
        caplog: pytest.LogCaptureFixture,
        left: int,
        change: str | None,
    ) -> None:
        """A session that has ended is gone with what was changed; the client is told so."""
        caplog.set_level(logging.DEBUG, "tokensession")
        manager = SessionManager(codec)
        token = codec.encode({"a": 1}, subject="42", ttl=LIMIT, now=NOW - LIMIT)
        session = request(manager, token, now=NOW - 2)
        assert session["a"] == 1
        if change == "state":
            session["a"] = 2
        elif change == "id":
            session.regenerate()
        headers = response(manager, session, now=NOW - left)
        if change is None:
            assert headers == {"vary": "Cookie"}
        elif left > 0:
            after = codec.decode(token_in(headers), now=NOW - left)
            assert after.expires_at == NOW
            assert f"; Max-Age={left};" in headers["set-cookie"]
        else:
            assert "Max-Age=0" in headers["set-cookie"]
            assert caplog.messages == ["session not written: expired"]

    def test_the_end_of_a_session_that_no_cookie_came_with(self, codec: SessionCodec[Any]) -> None:
        """There is none to delete."""
        manager = SessionManager(codec)
        session = request(manager)
        session.sign_in("42", cap=1)
        assert response(manager, session, now=NOW + 1) == {"vary": "Cookie"}

    def test_an_idle_window_that_ends_during_the_request(self, codec: SessionCodec[Any]) -> None:
        """Whoever sends a request is not idle: the session is renewed."""
        manager = SessionManager(codec)
        session = request(manager, codec.encode({"a": 1}, now=NOW - IDLE + 1))
        assert session["a"] == 1
        headers = response(manager, session, now=NOW + 5)
        assert codec.decode(token_in(headers), now=NOW + 5).state == {"a": 1}

    def test_a_start_ahead_of_this_clock(self, codec: SessionCodec[Any]) -> None:
        """A session that another host began a little later is written with its own start."""
        manager = SessionManager(codec)
        session = request(manager, codec.encode({}, now=NOW + 30))
        session["a"] = 1
        session.check()
        headers = response(manager, session)
        assert codec.decode(token_in(headers), now=NOW).issued_at == NOW + 30
        assert f"; Max-Age={IDLE + 30};" in headers["set-cookie"]


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
        """With its path."""
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


class TestSize:
    @staticmethod
    def of_size(keys: KeyRing, size: int) -> tuple[SessionManager[Any], RequestSession[Any]]:
        """Return a session whose cookie takes so many bytes, and its manager.

        Base64url leaves one length in four out, so names of two lengths are tried.
        """
        for name, length in itertools.product(("__Host-s", "__Host-se"), range(2600, 3100)):
            cookie, state = Cookie(name=name), {"k": "x" * length}
            codec: SessionCodec[Any] = SessionCodec(keys, context=cookie.context, policy=POLICY)
            if len(name) + len(codec.encode(state, now=NOW)) == size:
                manager = SessionManager(codec, cookie=cookie)
                session = request(manager)
                session.state = state
                return manager, session
        return pytest.fail(f"no state gives {size} bytes")

    @pytest.mark.parametrize("size", [4095, 4096])
    def test_what_browsers_keep(self, hs256: KeyRing, size: int) -> None:
        """Up to 4096 bytes of name and value are sent."""
        manager, session = self.of_size(hs256, size)
        headers = response(manager, session)
        assert isinstance(manager.cookie, Cookie)
        assert len(manager.cookie.name) + len(token_in(headers)) == size

    def test_what_browsers_drop(self, hs256: KeyRing) -> None:
        """One byte more is refused before it is sent."""
        with pytest.raises(SessionTooLarge) as caught:
            response(*self.of_size(hs256, 4097))
        assert (caught.value.size, caught.value.limit) == (4097, 4096)

    def test_the_largest_keys_are_named(self, manager: SessionManager[Any]) -> None:
        """Three of them, with their sizes, and nothing of what they hold."""
        session = request(manager)
        session.update({"a": "x" * 10, "b": "y" * 2000, "c": [1], "d": "z" * 3000})
        with pytest.raises(SessionTooLarge) as caught:
            response(manager, session)
        assert str(caught.value).endswith(
            "keep less in the state (largest: 'd' 3003 bytes, 'b' 2003 bytes, 'a' 11 bytes)"
        )
        assert "yy" not in str(caught.value)

    def test_more_than_a_token_may_have(self, manager: SessionManager[Any]) -> None:
        """The format's limit is met first, and the keys are named all the same."""
        session = request(manager)
        session["d"] = "z" * 9000
        with pytest.raises(SessionTooLarge) as caught:
            response(manager, session)
        assert caught.value.limit == 8192
        assert str(caught.value).endswith("keep less in the state (largest: 'd' 9003 bytes)")

    def test_a_typed_state_has_no_keys(self, hs256: KeyRing) -> None:
        """The message ends with the remedy."""

        class Visit(msgspec.Struct):
            text: str = ""

        manager = SessionManager(SessionCodec(hs256, state_type=Visit))
        session = request(manager)
        session.state.text = "x" * 5000
        with pytest.raises(SessionTooLarge, match=r"keep less in the state$"):
            response(manager, session)


class TestReaders:
    @pytest.fixture(params=["Ed25519", "ES256"])
    @classmethod
    def rings(cls, request: pytest.FixtureRequest) -> tuple[KeyRing, KeyRing]:
        """Give a ring that mints, and its reader."""
        ring = KeyRing.generate(request.param)
        return ring, ring.reader()

    def managers(
        self, rings: tuple[KeyRing, KeyRing]
    ) -> tuple[SessionCodec[Any], SessionManager[Any]]:
        """Return the codec that mints, and the manager that reads."""
        ring, reader = rings
        reading: SessionCodec[Any] = SessionCodec(reader, policy=POLICY)
        return SessionCodec(ring, policy=POLICY), SessionManager(reading)

    @pytest.mark.parametrize("age", [0, IDLE // 2, IDLE - 1])
    def test_it_reads_and_never_renews(self, rings: tuple[KeyRing, KeyRing], age: int) -> None:
        """However old the token is."""
        codec, manager = self.managers(rings)
        session = request(manager, codec.encode({"a": 1}, subject="42", now=NOW - age))
        assert session["a"] == 1
        session.check()
        assert response(manager, session) == {"vary": "Cookie"}

    @pytest.mark.parametrize("token", [(), ("junk",)])
    def test_it_leaves_other_requests_alone(
        self, rings: tuple[KeyRing, KeyRing], token: tuple[str, ...]
    ) -> None:
        """No cookie, and a refused one."""
        _, manager = self.managers(rings)
        session = request(manager, *token)
        assert not session
        session.check()
        assert response(manager, session) == {"vary": "Cookie"}

    @pytest.mark.parametrize(
        "change",
        [
            lambda s: s.__setitem__("b", 1),
            lambda s: s.sign_in("43"),
            lambda s: s.regenerate(),
            lambda s: s.clear(),
            lambda s: s.__setitem__("b", object()),
        ],
    )
    def test_a_change_raises(
        self, rings: tuple[KeyRing, KeyRing], change: Callable[[Any], None]
    ) -> None:
        """Deleting the cookie is a change too."""
        codec, manager = self.managers(rings)
        session = request(manager, codec.encode({"a": 1}, subject="42", now=NOW))
        change(session)
        with pytest.raises(ConfigError, match="this ring only reads"):
            session.check()
        with pytest.raises(ConfigError, match="this ring only reads"):
            response(manager, session)

    def test_a_ring_whose_last_key_has_expired(self) -> None:
        """It could sign once, so it is no reader, but neither can it now."""
        (key,) = KeyRing.generate()
        codec: SessionCodec[Any] = SessionCodec(KeyRing([key.with_members(exp=NOW + 60)]))
        manager = SessionManager(codec)
        session = request(manager, codec.encode({"a": 1}, now=NOW))
        assert session["a"] == 1
        assert response(manager, session, now=NOW + 60) == {"vary": "Cookie"}
        session = request(manager, now=NOW + 60)
        session["a"] = 1
        with pytest.raises(ConfigError, match="no key of the ring can sign"):
            response(manager, session, now=NOW + 60)


class TestSeveralValues:
    @pytest.mark.parametrize(
        ("values", "read"),
        [
            ("g", True), ("jg", True), ("jjg", True), ("jjjg", True), ("jjjjg", False),
            ("gj", True), ("gjjj", True), ("gjjjj", False), ("gg", False), ("gjjjg", False),
            ("j", False),
        ],
    )  # fmt: skip
    def test_one_of_at_most_four_counts(
        self, manager: SessionManager[Any], codec: SessionCodec[Any], values: str, *, read: bool
    ) -> None:
        """Exactly one must be good (g), beside at most three that are junk (j)."""
        tokens = {"g": codec.encode({"a": 1}, now=NOW), "j": "junk"}
        session = request(manager, *(tokens[value] for value in values))
        assert session.state == ({"a": 1} if read else {})
        assert session.refused == (None if read else "malformed")

    def test_what_is_set_after_it_replaces_one(
        self, manager: SessionManager[Any], codec: SessionCodec[Any]
    ) -> None:
        """A session that none of several gave is new."""
        token = codec.encode({"a": 1}, subject="42", now=NOW)
        session = request(manager, token, token)
        session["b"] = 2
        after = codec.decode(token_in(response(manager, session)), now=NOW)
        assert (after.state, after.subject) == ({"b": 2}, None)


class TestHeaderTransport:
    @pytest.fixture
    def manager(self, codec: SessionCodec[Any]) -> SessionManager[Any]:
        """Give a manager of an API."""
        return SessionManager(codec, cookie=Header())

    def test_in_and_out(self, manager: SessionManager[Any], codec: SessionCodec[Any]) -> None:
        """A bearer token in, a response header out, and Vary to match."""
        session = request(manager, codec.encode({"a": 1}, subject="42", now=NOW))
        assert session["a"] == 1
        session["a"] = 2
        headers = response(manager, session)
        assert set(headers) == {"vary", "session-token", "cache-control"}
        assert headers["vary"] == "Authorization"
        assert codec.decode(headers["session-token"], now=NOW).state == {"a": 2}

    def test_an_emptied_session(
        self, manager: SessionManager[Any], codec: SessionCodec[Any]
    ) -> None:
        """The client is told to drop its token."""
        session = request(manager, codec.encode({"a": 1}, subject="42", now=NOW))
        session.clear()
        assert response(manager, session)["session-token"] == ""

    def test_it_may_be_larger_than_a_cookie(
        self, manager: SessionManager[Any], codec: SessionCodec[Any]
    ) -> None:
        """The format's own limit holds."""
        session = request(manager)
        session["a"] = "x" * 5000
        token = response(manager, session)["session-token"]
        assert len(token) > 4096
        assert codec.decode(token, now=NOW).state == {"a": "x" * 5000}


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
        """However late its response comes, for it sets no cookie."""
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
        """What one has changed is not undone by another that was still reading the cookie."""
        session = request(manager, codec.encode({"n": 0}, subject="42", now=NOW))
        read = codec.read

        class Slow:
            """A codec during whose reading another thread opens the session."""

            def read(self, token: str, at: int) -> Any:
                fields = read(token, at)
                manager._pinned = codec
                thread = threading.Thread(target=getattr(session, work))
                thread.start()
                thread.join()
                return fields

            def __getattr__(self, name: str) -> Any:
                return getattr(codec, name)

        manager._pinned = Slow()  # type: ignore[assignment]
        assert session.get("n") == (None if work == "clear" else 0)
        assert session.subject == (None if work == "clear" else "42")

    @pytest.mark.parametrize("transport", [Cookie(), Header()])
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
        assert headers == said

    def test_several_managers_keep_apart(self, hs256: KeyRing) -> None:
        """Each session has its name and context; one's token is none under another's name."""
        managers = [
            manager_of(hs256, cookie_name=name) for name in ("__Host-session", "__Host-admin")
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
