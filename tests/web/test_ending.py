"""What ends with a response: after its token is made, before its headers, and in one order."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NOW
from tests.overflow.recording import RecordingStore
from tests.revocation.recording import Stores as Revocations
from tokensession import (
    ConfigError,
    KeyRing,
    Revoked,
    SessionCodec,
    SessionManager,
    SessionTooLarge,
    StateError,
    StoreError,
)
from tokensession.revocation.replica import Replica

from .exchange import POLICY, request, response, token_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.web.cookies import Headers
    from tokensession.web.request_session import RequestSession

RING = KeyRing.generate()
LARGE = "x" * 10_000


class Stores(Revocations):
    """A list of revocations and a store of states, which note their calls and can fail."""

    def __init__(self) -> None:
        super().__init__()
        self.states = _States(self)


class _States(RecordingStore):
    def __init__(self, stores: Stores) -> None:
        super().__init__()
        self._stores = stores

    def _called(self, call: str) -> None:
        self._stores.called(call)


@pytest.fixture
def stores() -> Stores:
    """Give empty stores."""
    return Stores()


@pytest.fixture
def manager(stores: Stores) -> SessionManager[Any]:
    """Give a manager that asks both stores."""
    return SessionManager(
        RING, policy=POLICY, revocation=stores.revocations, overflow=stores.states
    )


def begin(manager: SessionManager[Any], state: Any = None, subject: str | None = "ada") -> str:
    """Return the token of a new session."""
    return manager.codec.encode({} if state is None else state, subject=subject, now=NOW)


def subject_of(manager: SessionManager[Any], token: str) -> Any:
    """Return whose session a token carries, or the code for which it is refused."""
    session = request(manager, token, now=NOW + 30)
    return session.refused or session.subject


def opened(stores: Stores, manager: SessionManager[Any], token: str) -> RequestSession[Any]:
    """Return the session of a request, opened, and forget the calls so far."""
    session = request(manager, token)
    session.open()
    stores.calls.clear()
    return session


class TestOrder:
    @pytest.mark.parametrize(
        ("state", "change", "calls"),
        [
            ({}, lambda s: s.clear(), ["deny"]),
            ({}, lambda s: s.regenerate(), ["replace"]),
            ({}, lambda s: s.sign_in("ada"), ["look_up", "deny"]),
            ({}, lambda s: s.revoke_others(), ["mark"]),
            ({}, lambda s: s.update(n=1), []),
            ({}, lambda s: [s.revoke_others() for _ in range(9)], ["mark"]),
            ({}, lambda s: (s.revoke_others(), s.regenerate()), ["mark", "replace"]),
            ({}, lambda s: (s.regenerate(), s.revoke_others()), ["mark", "replace"]),
            ({}, lambda s: (s.revoke_others(), s.clear()), ["mark", "deny"]),
            ({"large": LARGE}, lambda s: s.clear(), ["deny", "delete"]),
            ({"large": LARGE}, lambda s: s.regenerate(), ["put", "replace"]),
            (
                {"large": LARGE},
                lambda s: s.sign_in("bob"),
                ["look_up", "deny", "delete"],
            ),
            ({"large": LARGE}, lambda s: s.update(n=1), ["put"]),
        ],
    )
    def test_make_then_record_then_forget(
        self,
        stores: Stores,
        manager: SessionManager[Any],
        state: Any,
        change: Callable[[Any], object],
        calls: list[str],
    ) -> None:
        """The token is made first, then marks and ids are recorded, then the former entry goes."""
        session = opened(stores, manager, begin(manager, state))
        change(session)
        response(manager, session)
        assert stores.calls == calls

    def test_nothing_is_recorded_twice(self, stores: Stores, manager: SessionManager[Any]) -> None:
        """An error page that replaces a saved response gets its cookie, and ends nothing again."""
        session = opened(stores, manager, begin(manager))
        session.regenerate()
        session.revoke_others()
        said = response(manager, session)
        assert response(manager, session) == said
        assert stores.calls == ["mark", "replace"]
        assert subject_of(manager, token_in(said)) == "ada"


class TestTokenThatCannotBeMade:
    """Nothing ends but marks, and a sign-out."""

    @pytest.mark.parametrize(
        ("change", "down", "error"),
        [
            (lambda s: s.update(total=Decimal(1)), set(), StateError),
            (lambda s: s.update(large="x" * 2_000_000), set(), SessionTooLarge),
            (lambda s: s.update(large=LARGE), {"put"}, StoreError),
        ],
        ids=["no core value", "too large", "store down"],
    )
    @pytest.mark.parametrize("verb", ["regenerate", "sign_in", "sign_in as another", "clear"])
    @pytest.mark.parametrize("others", [False, True])
    def test_each_verb(
        self,
        stores: Stores,
        manager: SessionManager[Any],
        verb: str,
        change: Callable[[Any], object],
        down: set[str],
        error: type[Exception],
        *,
        others: bool,
    ) -> None:
        """The session is as it was, unless it was signed out; other devices end if that was asked.

        After a sign-out the headers delete the cookie, although saving raises.
        """
        token, phone = begin(manager), begin(manager)
        session = opened(stores, manager, token)
        if others:
            session.revoke_others()
        if verb.startswith("sign_in"):
            session.sign_in("bob" if verb.endswith("another") else "ada")
        else:
            getattr(session, verb)()
        change(session)
        stores.down = down
        headers: Headers = []
        with pytest.raises(error):
            manager.save(session, headers, now=NOW)
        stores.down = set()
        signed_out = verb == "clear"
        assert headers[0] == (b"vary", b"Cookie")
        assert [name for name, _ in headers[1:]] == (
            [b"set-cookie", b"cache-control"] if signed_out else []
        )
        assert not signed_out or b"Max-Age=0" in headers[1][1]
        assert subject_of(manager, token) == ("revoked" if signed_out else "ada")
        assert subject_of(manager, phone) == ("revoked" if others else "ada")
        assert [call for call in stores.calls if call in ("mark", "deny", "replace")] == (
            ["mark"] * others + ["deny"] * signed_out
        )

    def test_what_follows_a_sign_out_cannot_begin(
        self, stores: Stores, manager: SessionManager[Any]
    ) -> None:
        """The sign-out holds where the list cannot tell whether the next session would live."""
        token = begin(manager)
        session = opened(stores, manager, token)
        session.clear()
        session["n"] = 1
        stores.down = {"look_up"}
        headers: Headers = []
        with pytest.raises(StoreError):
            manager.save(session, headers, now=NOW)
        stores.down = set()
        assert b"Max-Age=0" in dict(headers)[b"set-cookie"]
        assert subject_of(manager, token) == "revoked"

    def test_a_state_that_could_not_be_read(self, stores: Stores) -> None:
        """A session that was refused for its state alone is not signed out by a failing write."""
        codec: SessionCodec[Any] = SessionCodec(
            RING, policy=POLICY, revocation=stores.revocations, state_type=dict[str, int]
        )
        manager = SessionManager(codec)
        plain: SessionManager[Any] = SessionManager(RING, policy=POLICY)
        token = begin(plain, {"n": "of another type"})
        session = opened(stores, manager, token)
        assert session.refused == "bad_state"
        session.state = {f"key {n}": n for n in range(2000)}
        headers: Headers = []
        with pytest.raises(SessionTooLarge):
            manager.save(session, headers, now=NOW)
        assert headers == [(b"vary", b"Cookie")]
        assert "deny" not in stores.calls


class TestRecordThatFails:
    @pytest.mark.parametrize("down", ["mark", "replace"])
    def test_other_verbs(self, stores: Stores, manager: SessionManager[Any], down: str) -> None:
        """Saving raises, nothing is said, and the session is what it was."""
        token = begin(manager, {"large": LARGE})
        session = opened(stores, manager, token)
        session.regenerate()
        session.revoke_others()
        stores.down = {down}
        headers: Headers = []
        with pytest.raises(StoreError):
            manager.save(session, headers, now=NOW)
        assert headers == [(b"vary", b"Cookie")]
        # The entry of the token that was not sent is gone, and the former one is there.
        assert stores.calls[-1] == "delete"
        stores.down = set()
        assert request(manager, token)["large"] == LARGE

    def test_an_entry_that_cannot_be_dropped(
        self, stores: Stores, manager: SessionManager[Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        """The entry ends by itself, so its failure is only logged."""
        session = opened(stores, manager, begin(manager, {"large": LARGE}))
        session.regenerate()
        stores.down = {"replace", "delete"}
        with caplog.at_level(logging.WARNING), pytest.raises(StoreError):
            manager.save(session, [], now=NOW)
        assert "was not deleted" in caplog.text

    def test_a_sign_out(self, stores: Stores, manager: SessionManager[Any]) -> None:
        """Saving raises, as copies live on, and the browser's cookie is deleted all the same."""
        token = begin(manager)
        session = opened(stores, manager, token)
        session.clear()
        stores.down = {"deny"}
        headers: Headers = []
        with pytest.raises(StoreError):
            manager.save(session, headers, now=NOW)
        assert b"Max-Age=0" in dict(headers)[b"set-cookie"]
        assert subject_of(manager, token) == "ada"


class TestByTheCodec:
    """What the application asks of the codec for the session of a running request."""

    @pytest.mark.parametrize("verb", ["open", "regenerate", "reauthenticate"])
    @pytest.mark.parametrize("saved", [False, True])
    def test_revoked(self, manager: SessionManager[Any], verb: str, *, saved: bool) -> None:
        """The session ends at once, although the list does not know its new id yet."""
        token = begin(manager)
        session = request(manager, token)
        getattr(session, verb)()
        if saved:
            response(manager, session)
        manager.codec.revoke(session, now=NOW)
        assert subject_of(manager, token) == "revoked"
        for of in (session, manager.codec):
            with pytest.raises(Revoked):
                of.confirm(*(() if of is session else (session,)))
        said = response(manager, session)
        assert "set-cookie" not in said or subject_of(manager, token_in(said)) == "revoked"

    @pytest.mark.parametrize("verb", ["open", "regenerate", "reauthenticate"])
    @pytest.mark.parametrize("saved", [False, True])
    def test_kept(self, manager: SessionManager[Any], verb: str, *, saved: bool) -> None:
        """A session that is kept lives on under the new id that its response gives it."""
        token, thief = begin(manager), begin(manager)
        session = request(manager, token)
        getattr(session, verb)()
        if saved:
            response(manager, session)
        manager.codec.revoke_subject("ada", keep=session, now=NOW)
        said = response(manager, session)
        kept = token if verb == "open" else token_in(said)
        assert [subject_of(manager, one) for one in (kept, thief)] == ["ada", "revoked"]


class TestMeanwhile:
    """What another request does to the session, while this one is served."""

    def ended(
        self, stores: Stores, manager: SessionManager[Any], token: str, verb: str
    ) -> tuple[RequestSession[Any], str]:
        """Return an open session to which another request did something, and what that got."""
        session = opened(stores, manager, token)
        other = request(manager, token)
        getattr(other, verb)()
        headers = response(manager, other)
        stores.calls.clear()
        return session, token_in(headers)

    @pytest.mark.parametrize("state", [{}, {"large": LARGE}], ids=["small", "large"])
    def test_signed_out(
        self, stores: Stores, manager: SessionManager[Any], state: dict[str, Any]
    ) -> None:
        """A session that was signed out does not go on under another id; nothing is said."""
        session, _ = self.ended(stores, manager, begin(manager, state), "clear")
        session.regenerate()
        assert response(manager, session) == {"vary": "Cookie"}
        assert stores.calls == (["put", "replace", "delete"] if state else ["replace"])

    def test_regenerated(self, stores: Stores, manager: SessionManager[Any]) -> None:
        """Two requests that regenerate leave one session, which a sign-out ends."""
        token = begin(manager)
        session, current = self.ended(stores, manager, token, "regenerate")
        session.regenerate()
        assert response(manager, session) == {"vary": "Cookie"}
        assert [subject_of(manager, one) for one in (token, current)] == ["revoked", "ada"]
        current_session = request(manager, current)
        current_session.clear()
        response(manager, current_session)
        assert subject_of(manager, current) == "revoked"

    def test_regenerated_and_signed_out(self, stores: Stores, manager: SessionManager[Any]) -> None:
        """A sign-out by the former id ends the session under its new id."""
        session, current = self.ended(stores, manager, begin(manager), "regenerate")
        session.clear()
        assert "Max-Age=0" in response(manager, session)["set-cookie"]
        assert subject_of(manager, current) == "revoked"

    @pytest.mark.parametrize("verb", ["clear", "regenerate"])
    @pytest.mark.parametrize("order", [("regenerate", "revoke_others"), ("revoke_others",)])
    def test_my_other_devices(
        self, stores: Stores, manager: SessionManager[Any], verb: str, order: tuple[str, ...]
    ) -> None:
        """Other devices are signed out, also where the session that asks for it has ended."""
        thief = begin(manager)
        session, _ = self.ended(stores, manager, begin(manager), verb)
        for one in order:
            getattr(session, one)()
        assert "set-cookie" not in response(manager, session)
        assert subject_of(manager, thief) == "revoked"


class TestNodeThatHasNotHeard:
    """The store's own marks decide, not what a replica has heard of them."""

    @pytest.mark.parametrize("state", [{}, {"large": LARGE}], ids=["small", "large"])
    def test_signing_in_again(self, stores: Stores, state: dict[str, Any]) -> None:
        """A new session is dated after a mark that only the store knows, and its token says so."""
        replica = Replica(stores.revocations, refresh=10_000, max_staleness=100_000)
        replica.read()
        options: Any = {"policy": POLICY, "overflow": stores.states}
        node = SessionManager(RING, revocation=replica, **options)
        elsewhere = SessionManager(RING, revocation=stores.revocations, **options)
        session = opened(stores, node, begin(node, state))
        elsewhere.codec.revoke_subject("ada", now=NOW)
        stores.calls.clear()
        session.sign_in("ada")
        token = token_in(response(node, session))
        found = elsewhere.codec.decode(token, now=NOW)
        assert found.started_at == found.issued_at == NOW + 6
        assert found.state == state
        writes = [call for call in stores.calls if call not in ("look_up", "get")]
        assert writes == (["put", "deny", "keep"] if state else ["deny"])
        replica.close()

    def test_regenerating(self, stores: Stores) -> None:
        """A session that a mark has ended does not go on under another id."""
        replica = Replica(stores.revocations, refresh=10_000, max_staleness=100_000)
        replica.read()
        node = SessionManager(RING, policy=POLICY, revocation=replica)
        session = opened(stores, node, begin(node))
        codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=stores.revocations)
        codec.revoke_subject("ada", now=NOW)
        session.regenerate()
        assert response(node, session) == {"vary": "Cookie"}
        replica.close()


def test_without_a_list_other_devices_cannot_be_signed_out(hs256: KeyRing) -> None:
    """`revoke_others` raises where it is called, so that the application does not promise it."""
    manager = SessionManager(hs256, policy=POLICY)
    session = request(manager, begin(manager))
    with pytest.raises(ConfigError, match="revocation=store"):
        session.revoke_others()
    assert response(manager, session) == {"vary": "Cookie"}


def test_nobody_has_other_devices(manager: SessionManager[Any]) -> None:
    """An anonymous session has no subject whose sessions could end."""
    with pytest.raises(ConfigError, match="no subject is signed in"):
        request(manager).revoke_others()
