"""The token of a response: when it is made anew, how long it lives, and what fits into a cookie."""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.conftest import NOW
from tokensession import (
    ConfigError,
    Cookie,
    KeyRing,
    Policy,
    SessionCodec,
    SessionManager,
    SessionTooLarge,
)

from .exchange import IDLE, LIMIT, POLICY, request, response, token_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.web.request_session import RequestSession


def two_keys() -> tuple[KeyRing, KeyRing]:
    """Return a ring, and one later in which another key signs from NOW on."""
    first = KeyRing.generate(kid="old")
    return first, first.add(nbf=NOW, propagation=0, now=NOW - 3600)


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
        """A user who sends a request is not idle: the session is renewed."""
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
            "keep less in the state, or pass overflow=stores.connect(url).overflow() "
            "(largest: 'd' 3003 bytes, 'b' 2003 bytes, 'a' 11 bytes)"
        )
        assert "yy" not in str(caught.value)

    def test_more_than_a_token_may_have(self, manager: SessionManager[Any]) -> None:
        """The format's limit is met first, and the keys are named all the same."""
        session = request(manager)
        session["d"] = "z" * 9000
        with pytest.raises(SessionTooLarge) as caught:
            response(manager, session)
        assert caught.value.limit == 8192
        assert str(caught.value).endswith("overflow() (largest: 'd' 9003 bytes)")

    def test_a_typed_state_has_no_keys(self, hs256: KeyRing) -> None:
        """The message ends with the remedy."""

        class Visit(msgspec.Struct):
            text: str = ""

        manager = SessionManager(SessionCodec(hs256, state_type=Visit))
        session = request(manager)
        session.state.text = "x" * 5000
        with pytest.raises(SessionTooLarge, match=r"keep less in the state, .*overflow\(\)$"):
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
        """A reader reads a token of any age, and never renews it."""
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
        with pytest.raises(ConfigError, match="this ring can only read"):
            session.check()
        with pytest.raises(ConfigError, match="this ring can only read"):
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
