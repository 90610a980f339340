"""What a response records in the directory, and what that costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NOW
from tests.web.exchange import POLICY, request, response, token_in
from tests.web.test_takeover import cookie_at, reader
from tokensession import ConfigError, KeyRing, SessionManager, StateError, StoreError
from tokensession.directory.directory import Directory
from tokensession.revocation.replica import Replica

from .recording import Stores

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.directory.directory import ListedSession
    from tokensession.web.cookies import Headers

RING = KeyRing.generate()


@pytest.fixture
def stores() -> Stores:
    """Give an empty list and directory."""
    return Stores()


@pytest.fixture
def manager(stores: Stores) -> SessionManager[Any]:
    """Give a manager with a directory."""
    return SessionManager(
        RING,
        policy=POLICY,
        revocation=stores.revocations,
        directory=Directory(stores.directory, limit=3),
    )


def visit(
    manager: SessionManager[Any],
    change: Callable[[Any], object],
    *tokens: str,
    now: int = NOW,
) -> str:
    """Return the token of a response; that of the request where it sets none."""
    session = request(manager, *tokens, now=now)
    change(session)
    headers = response(manager, session, now=now)
    return token_in(headers) if "set-cookie" in headers else tokens[0]


def sign_in(manager: SessionManager[Any], *tokens: str, now: int = NOW, label: str = "") -> str:
    """Return the token of a session of ada."""
    return visit(manager, lambda s: s.sign_in("ada", label=label), *tokens, now=now)


def listed(manager: SessionManager[Any], now: int = NOW) -> list[ListedSession]:
    """Return the sessions of ada."""
    return manager.codec.sessions("ada", now=now)


def id_of(manager: SessionManager[Any], token: str, now: int = NOW) -> str:
    """Return the listed id of a token's session."""
    return request(manager, token, now=now).listed_id


class TestRequests:
    def test_a_sign_in(self, manager: SessionManager[Any]) -> None:
        """It is listed with its label, and the session knows its own id in the list."""
        token = sign_in(manager, label="phone")
        (one,) = listed(manager)
        assert (one.id, one.label, one.started_at) == (id_of(manager, token), "phone", NOW)

    def test_a_sign_in_by_a_framework_is_labelled_after_it(
        self, manager: SessionManager[Any]
    ) -> None:
        """Its function takes no label, and the session keeps the id that it has got."""

        def login(session: Any) -> None:
            session.sign_in("ada")
            session.regenerate()
            sid = session.sid
            session.label_sign_in("phone", provider=("https://idp.example", "s1"))
            assert session.sid == sid

        token = visit(manager, login)
        (one,) = listed(manager)
        assert (one.id, one.label) == (id_of(manager, token), "phone")
        assert manager.codec.end_provider_session("https://idp.example", "s1", now=NOW) == 1

    def test_only_a_sign_in_is_labelled(self, manager: SessionManager[Any]) -> None:
        """A directory would not hear of another label, so it is refused."""
        token = sign_in(manager, label="phone")
        for tokens in ((token,), ()):
            session = request(manager, *tokens, now=NOW)
            with pytest.raises(ConfigError, match="no sign-in in this request"):
                session.label_sign_in("laptop")
        session.sign_in("ada", label="laptop")
        with pytest.raises(StateError, match="label: 201 characters"):
            session.label_sign_in("x" * 201)
        response(manager, session, now=NOW)
        assert {one.label for one in listed(manager)} == {"phone", "laptop"}

    @pytest.mark.parametrize("change", ["regenerate", "reauthenticate"])
    def test_a_new_id(self, manager: SessionManager[Any], change: str) -> None:
        """The list follows it, and the former id is gone."""
        first = sign_in(manager, label="phone")
        token = visit(manager, lambda s: getattr(s, change)(), first, now=NOW + 9)
        (one,) = listed(manager, NOW + 9)
        assert one.id == id_of(manager, token)
        assert (one.label, one.started_at, one.last_seen) == ("phone", NOW, NOW + 9)

    def test_a_sign_out(self, stores: Stores, manager: SessionManager[Any]) -> None:
        """Its record is removed."""
        token = sign_in(manager)
        session = request(manager, token)
        session.clear()
        response(manager, session)
        assert (listed(manager), stores.directory.count()) == ([], 0)

    def test_a_sign_in_over_another(self, stores: Stores, manager: SessionManager[Any]) -> None:
        """A sign-in over another session replaces its record, for the same and another subject."""
        token = sign_in(manager, label="a")
        token = sign_in(manager, token, label="b")
        assert [one.label for one in listed(manager)] == ["b"]
        visit(manager, lambda s: s.sign_in("bob", label="c"), token)
        assert listed(manager) == []
        assert [one.label for one in manager.codec.sessions("bob", now=NOW)] == ["c"]
        assert stores.directory.count() == 1

    def test_a_sign_in_with_an_anonymous_session(self, manager: SessionManager[Any]) -> None:
        """What was in the cart goes on, and the anonymous session was never listed."""
        cart = visit(manager, lambda s: s.update(cart=1))
        token = sign_in(manager, cart)
        assert request(manager, token)["cart"] == 1
        assert [one.id for one in listed(manager)] == [id_of(manager, token)]

    def test_what_is_done_after_a_sign_in(self, manager: SessionManager[Any]) -> None:
        """The session is listed as the request leaves it."""
        token = visit(manager, lambda s: (s.sign_in("ada", label="x"), s.regenerate()))
        assert [(one.id, one.label) for one in listed(manager)] == [(id_of(manager, token), "x")]
        visit(manager, lambda s: (s.sign_in("eve"), s.clear(), s.update(n=1)))
        assert manager.codec.sessions("eve", now=NOW) == []

    def test_others_end(self, manager: SessionManager[Any]) -> None:
        """Only the session in hand is listed after "log out my other devices"."""
        token = [sign_in(manager) for _ in range(3)][1]
        visit(manager, lambda s: s.revoke_others(), token)
        assert [one.id for one in listed(manager)] == [id_of(manager, token)]

    def test_the_limit(self, manager: SessionManager[Any]) -> None:
        """The oldest are revoked; a sign-in in the place of one ends no other."""
        tokens = [sign_in(manager, now=NOW + number) for number in range(5)]
        refused = [request(manager, token, now=NOW + 5).refused for token in tokens]
        assert refused == ["revoked", "revoked", None, None, None]
        sign_in(manager, tokens[2], now=NOW + 6)
        assert request(manager, tokens[3], now=NOW + 6).refused is None
        assert len(listed(manager, NOW + 6)) == 3

    def test_one_in_hand_is_ended_elsewhere(self, manager: SessionManager[Any]) -> None:
        """A session in hand can be ended from the list of another device."""
        phone, laptop = sign_in(manager), sign_in(manager)
        session = request(manager, laptop)
        (other,) = (one for one in listed(manager) if one.id != session.listed_id)
        assert manager.codec.end_session("ada", other.id, now=NOW)
        assert request(manager, phone).refused == "revoked"
        assert request(manager, laptop).refused is None

    def test_a_session_of_another_library(self, stores: Stores) -> None:
        """It is listed when it is taken over."""
        manager: SessionManager[Any] = SessionManager(
            RING,
            policy=POLICY,
            revocation=stores.revocations,
            directory=stores.directory,
            legacy=[reader()],
        )
        cookie = f"session={cookie_at(NOW - 50)}".encode()
        session = manager.open([(b"cookie", cookie)], now=NOW)
        session.open()
        manager.save(session, [], now=NOW)
        (one,) = manager.codec.sessions(42, now=NOW)
        assert (one.id, one.started_at) == (session.listed_id, NOW - 50)

    def test_a_node_that_has_not_heard(self, stores: Stores) -> None:
        """Its sign-in is dated after the mark, listed, and lives."""
        replica = Replica(stores.revocations, refresh=1000, max_staleness=10_000)
        replica.read()
        manager: SessionManager[Any] = SessionManager(
            RING, policy=POLICY, revocation=replica, directory=stores.directory
        )
        hearing: SessionManager[Any] = SessionManager(
            RING, policy=POLICY, revocation=stores.revocations
        )
        hearing.codec.revoke_subject("ada", now=NOW)
        for tokens in ((), (visit(manager, lambda s: s.sign_in("bob")),)):
            token = sign_in(manager, *tokens)
            session = request(hearing, token, now=NOW + 6)
            assert (session.refused, session.started_at) == (None, NOW + 6)
            assert session.listed_id in [one.id for one in listed(manager, NOW + 6)]
        replica.close()


class TestFailures:
    @pytest.mark.parametrize("down", ["add", "deny"])
    def test_a_store_that_is_down_at_a_sign_in(
        self, stores: Stores, manager: SessionManager[Any], down: str
    ) -> None:
        """The response is a 503 without a cookie, and the user is neither listed nor signed in."""
        tokens = [visit(manager, lambda s: s.sign_in("bob"))] if down == "deny" else []
        stores.down = {down}
        session = request(manager, *tokens)
        session.sign_in("ada")
        headers: Headers = []
        with pytest.raises(StoreError):
            manager.save(session, headers, now=NOW)
        assert b"set-cookie" not in dict(headers)
        stores.down = set()
        assert listed(manager) == []
        for token in tokens:
            assert request(manager, token).subject == "bob"

    def test_a_store_that_is_down_at_a_renewal(
        self, stores: Stores, manager: SessionManager[Any]
    ) -> None:
        """The response goes on, and the next renewal is noted."""
        token = sign_in(manager)
        stores.down = {"touch"}
        renewed = visit(manager, len, token, now=NOW + 900)
        assert renewed != token
        assert listed(manager, NOW + 900)[0].last_seen == NOW
        stores.down = set()
        visit(manager, len, renewed, now=NOW + 1800)
        assert listed(manager, NOW + 1800)[0].last_seen == NOW + 1800

    def test_a_token_that_cannot_be_made(
        self, stores: Stores, manager: SessionManager[Any]
    ) -> None:
        """Nothing is listed, and the session in hand goes on."""
        token = sign_in(manager, label="x")
        session = request(manager, token)
        session.sign_in("ada")
        session["n"] = object()
        with pytest.raises(Exception, match="n"):
            response(manager, session)
        assert [one.label for one in listed(manager)] == ["x"]
        assert stores.directory.count() == 1

    def test_an_id_that_is_replaced_too_late(self, manager: SessionManager[Any]) -> None:
        """The session has ended meanwhile, so it is not listed under its new id."""
        token = sign_in(manager)
        session = request(manager, token)
        session.regenerate()
        manager.codec.revoke_subject("ada", now=NOW)
        assert "set-cookie" not in response(manager, session)
        assert listed(manager) == []


class TestCalls:
    """What a request asks of its stores."""

    VERBS: dict[str, Callable[[Any], object]] = {  # noqa: RUF012  # read alone
        "read": len,
        "change": lambda s: s.update(n=1),
        "sign_in": lambda s: s.sign_in("ada"),
        "regenerate": lambda s: s.regenerate(),
        "clear": lambda s: s.clear(),
    }

    def calls(self, stores: Stores, with_directory: bool) -> dict[str, list[str]]:  # noqa: FBT001
        """Return the calls of each kind of request."""
        options: Any = {"directory": stores.directory} if with_directory else {}
        manager: SessionManager[Any] = SessionManager(
            RING, policy=POLICY, revocation=stores.revocations, **options
        )
        found = {}
        session = request(manager)
        session.sign_in("ada")
        response(manager, session)
        found["sign in"] = stores.take()
        cart = visit(manager, lambda s: s.update(cart=1))
        stores.take()
        sign_in(manager, cart)
        found["sign in with a cart"] = stores.take()
        for age in (60, 900):
            for name, verb in self.VERBS.items():
                token = sign_in(manager)
                session = request(manager, token, now=NOW + age)
                stores.take()
                verb(session)
                response(manager, session, now=NOW + age)
                found[f"{name} at {age} s"] = stores.take()
        return found

    def test_without_a_directory(self, stores: Stores) -> None:
        """Each request makes the calls that it made before there were directories."""
        assert self.calls(stores, with_directory=False) == {
            "sign in": ["look_up"],
            "sign in with a cart": ["look_up", "look_up"],
            "read at 60 s": ["look_up"],
            "change at 60 s": ["look_up"],
            "sign_in at 60 s": ["look_up", "look_up", "deny"],
            "regenerate at 60 s": ["look_up", "replace"],
            "clear at 60 s": ["look_up", "deny"],
            "read at 900 s": ["look_up"],
            "change at 900 s": ["look_up"],
            "sign_in at 900 s": ["look_up", "look_up", "deny"],
            "regenerate at 900 s": ["look_up", "replace"],
            "clear at 900 s": ["look_up", "deny"],
        }

    def test_with_a_directory(self, stores: Stores) -> None:
        """One more for a sign-in that ends nothing, and one for a renewal; a read has none."""
        without, with_one = self.calls(Stores(), with_directory=False), self.calls(stores, True)
        more = {
            name: [call for call in calls if call not in without[name]]
            for name, calls in with_one.items()
            if calls != without[name]
        }
        assert more == {
            "sign in": ["add"],
            "sign in with a cart": ["add"],
            "read at 900 s": ["touch"],
            "change at 900 s": ["touch"],
        }
