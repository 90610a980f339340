"""The session of one request: opened by the first touch, and locked when the response begins."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.conftest import NOW
from tokensession import ConfigError, KeyRing, Policy, SessionCodec, SessionManager

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.web.request_session import RequestSession

POLICY = Policy.owasp()

# Each must raise on a session that can carry no change any more.
WRITES: dict[str, Callable[[Any], object]] = {
    "set": lambda s: s.__setitem__("new", 1),
    "set_same": lambda s: s.__setitem__("a", 1),
    "delete": lambda s: s.__delitem__("a"),
    "delete_missing": lambda s: s.__delitem__("missing"),
    "pop": lambda s: s.pop("a"),
    "pop_default": lambda s: s.pop("a", None),
    "popitem": lambda s: s.popitem(),
    "setdefault_absent": lambda s: s.setdefault("new", 1),
    "update": lambda s: s.update({"new": 1}),
    "update_keywords": lambda s: s.update(new=1),
    "update_pairs": lambda s: s.update([("new", 1), ("a", 2)]),
    "union": lambda s: s.__ior__({"new": 1}),
    "clear": lambda s: s.clear(),
    "sign_in": lambda s: s.sign_in("43"),
    "regenerate": lambda s: s.regenerate(),
    "state": lambda s: setattr(s, "state", {}),
}
# Each changes nothing, so it is no different before and after.
NO_WRITES: dict[str, tuple[Callable[[Any], object], object]] = {
    "setdefault_present": (lambda s: s.setdefault("a", 5), 1),
    "pop_missing": (lambda s: s.pop("missing", 7), 7),
    "update_by_nothing": (lambda s: s.update({}), None),
    "get": (lambda s: s.get("a"), 1),
    "in": (lambda s: "a" in s, True),
    "subject": (lambda s: s.subject, "42"),
    "state": (lambda s: s.state, {"a": 1}),
    "check": (lambda s: s.check(), None),
}


@pytest.fixture
def manager(hs256: KeyRing) -> SessionManager[Any]:
    """Give a manager with the default cookie."""
    return SessionManager(SessionCodec(hs256, policy=POLICY))


@pytest.fixture
def request_session(hs256: KeyRing, manager: SessionManager[Any]) -> RequestSession[Any]:
    """Give the session of a request of subject 42."""
    token = SessionCodec(hs256, policy=POLICY).encode({"a": 1}, subject="42", now=NOW)
    return manager.open([(b"cookie", f"__Host-session={token}".encode())], now=NOW)


class TestOpening:
    def test_asking_for_a_value_opens_it(self, request_session: RequestSession[Any]) -> None:
        """Nothing is decoded before."""
        assert not request_session.opened
        assert request_session.sid
        assert request_session.opened

    def test_what_it_does_not_have_opens_nothing(
        self, request_session: RequestSession[Any]
    ) -> None:
        """A misspelt name is an AttributeError, before and after."""
        for _ in range(2):
            with pytest.raises(AttributeError, match="nothing_like_it"):
                _ = request_session.nothing_like_it  # type: ignore[attr-defined]
            assert not hasattr(request_session, "__html__")
        assert not request_session.opened

    def test_looking_at_it_opens_nothing(self, request_session: RequestSession[Any]) -> None:
        """Whoever reports an error shows what was in its variables."""
        assert repr(request_session) == "<Session, not opened>"
        assert not request_session.opened
        request_session.open()
        assert repr(request_session).startswith("<Session sid=")

    def test_replacing_the_state_opens_it(self, request_session: RequestSession[Any]) -> None:
        """What was there before is known, and so is whose session it is."""
        request_session.state = {"b": 2}
        assert request_session.opened
        assert request_session == {"b": 2}
        assert request_session.subject == "42"

    def test_opening_twice_is_opening_once(self, request_session: RequestSession[Any]) -> None:
        """A change is not read over."""
        request_session["a"] = 2
        request_session.open()
        assert request_session["a"] == 2

    def test_the_subject_is_not_assigned(self, request_session: RequestSession[Any]) -> None:
        """Not even to a session that is not open, where it would be read over."""
        with pytest.raises(AttributeError):
            request_session.subject = "43"  # type: ignore[misc]
        assert request_session.subject == "42"

    def test_a_typed_state(self, hs256: KeyRing) -> None:
        """It is opened by its first use, and is the user's own type."""

        class Visit(msgspec.Struct):
            pages: int = 0

        manager = SessionManager(SessionCodec(hs256, policy=POLICY, state_type=Visit))
        session = manager.open([], now=NOW)
        session.state.pages += 1
        assert session.state == Visit(1)


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_it_is_not_copied(
    request_session: RequestSession[Any], duplicate: Callable[[Any], object], *, opened: bool
) -> None:
    """Signing out by a copy would leave the request's session as it is."""
    if opened:
        request_session.open()
    with pytest.raises(TypeError, match="copy its state"):
        duplicate(request_session)
    assert request_session.opened is opened


class TestLock:
    @pytest.mark.parametrize("name", WRITES)
    @pytest.mark.parametrize("readable", [True, False])
    @pytest.mark.parametrize("opened", [True, False])
    def test_a_late_change_raises(
        self, request_session: RequestSession[Any], name: str, *, readable: bool, opened: bool
    ) -> None:
        """Whether it has been read before or not, and the state stays as it is."""
        if opened:
            request_session.open()
        request_session.close(readable=readable)
        with pytest.raises(ConfigError, match="the response has begun"):
            WRITES[name](request_session)
        if opened or readable:
            assert request_session.state == {"a": 1}
            assert request_session.subject == "42"
            assert request_session.given_up == ()

    @pytest.mark.parametrize("name", WRITES)
    def test_a_change_in_time_does_not(
        self, request_session: RequestSession[Any], name: str
    ) -> None:
        """The same calls are allowed before, with a dict's own errors."""
        if name == "delete_missing":
            with pytest.raises(KeyError):
                WRITES[name](request_session)
        else:
            WRITES[name](request_session)

    @pytest.mark.parametrize("name", NO_WRITES)
    @pytest.mark.parametrize("closed", [True, False])
    def test_what_changes_nothing_is_allowed(
        self, request_session: RequestSession[Any], name: str, *, closed: bool
    ) -> None:
        """Reading goes on for as long as the request does."""
        request_session.open()
        if closed:
            request_session.close(readable=False)
        run, expected = NO_WRITES[name]
        assert run(request_session) == expected

    def test_a_first_read_too_late(self, request_session: RequestSession[Any]) -> None:
        """Caches could give the response to others, so it raises and says what to do."""
        request_session.close(readable=False)
        for _ in range(2):
            with pytest.raises(ConfigError, match="read the session once before the first byte"):
                len(request_session)
        assert not request_session.opened
        assert repr(request_session) == "<Session, not opened>"

    def test_a_first_read_where_no_cache_is(self, request_session: RequestSession[Any]) -> None:
        """A WebSocket's session can be opened at any time."""
        request_session.close(readable=True)
        assert request_session["a"] == 1

    def test_a_pop_that_finds_nothing(self, request_session: RequestSession[Any]) -> None:
        """It is the KeyError of a dict, also in a session that is locked."""
        request_session.open()
        request_session.close(readable=False)
        with pytest.raises(KeyError):
            request_session.pop("missing")
