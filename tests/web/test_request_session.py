"""The session of one request: opened by the first touch, and read in three times."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.conftest import NOW
from tokensession import ConfigError, KeyRing, SessionCodec, SessionManager
from tokensession.keys.file_source import FileSource
from tokensession.keys.watcher import KeyRingWatcher
from tokensession.web.request_session import RequestSession

from .exchange import IDLE, POLICY, request

if TYPE_CHECKING:
    from pathlib import Path

    from tokensession.web.cookies import Headers

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
def request_session(manager: SessionManager[Any], codec: SessionCodec[Any]) -> RequestSession[Any]:
    """Give the session of a request of subject 42."""
    return request(manager, codec.encode({"a": 1}, subject="42", now=NOW))


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
        """An error reporter shows variables, and the repr of a session has no secret."""
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


def begin_response(
    manager: SessionManager[Any],
    session: RequestSession[Any],
    *,
    headers: Headers | None = None,
    method: str | None = "GET",
) -> None:
    """Hand on the head of a response that caches may store, unless its headers forbid it."""
    manager.save(session, [] if headers is None else headers, method=method, now=NOW)


# How far a response has come when its session can carry no change any more.
Closing = Callable[[SessionManager[Any], RequestSession[Any]], None]
CLOSINGS: dict[str, Closing] = {
    "in the body": begin_response,
    "complete": lambda manager, session: manager.complete(session),
    "web socket": lambda manager, session: manager.save(session, [], varies=False, now=NOW),
}


class TestChanges:
    @pytest.mark.parametrize("name", WRITES)
    @pytest.mark.parametrize("closing", CLOSINGS)
    @pytest.mark.parametrize("opened", [True, False])
    def test_a_late_change_raises(
        self,
        manager: SessionManager[Any],
        request_session: RequestSession[Any],
        name: str,
        closing: str,
        *,
        opened: bool,
    ) -> None:
        """A change after the response has begun raises, and the session stays as it is."""
        if opened:
            request_session.open()
        CLOSINGS[closing](manager, request_session)
        with pytest.raises(ConfigError, match="the response has begun"):
            WRITES[name](request_session)
        if opened or closing != "in the body":
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
        self,
        manager: SessionManager[Any],
        request_session: RequestSession[Any],
        name: str,
        *,
        closed: bool,
    ) -> None:
        """Reading goes on for as long as the request does."""
        request_session.open()
        if closed:
            begin_response(manager, request_session)
        run, expected = NO_WRITES[name]
        assert run(request_session) == expected

    def test_a_pop_that_finds_nothing(
        self, manager: SessionManager[Any], request_session: RequestSession[Any]
    ) -> None:
        """A late pop of a missing key is the KeyError of a dict."""
        request_session.open()
        begin_response(manager, request_session)
        with pytest.raises(KeyError):
            request_session.pop("missing")

    def test_a_nested_change(self, manager: SessionManager[Any]) -> None:
        """A nested change gets past the lock, so it is found when the response ends."""
        session = manager.open((), now=NOW)
        manager.check_unchanged(session)
        session["cart"] = []
        begin_response(manager, session)
        manager.check_unchanged(session)
        session["cart"].append("late")
        with pytest.raises(ConfigError, match="changed after the response began"):
            manager.check_unchanged(session)

    def test_a_nested_change_in_what_was_only_read(
        self, manager: SessionManager[Any], codec: SessionCodec[Any]
    ) -> None:
        """A member that is first handed out after the response has begun is looked at too."""
        session = request(manager, codec.encode({"cart": []}, now=NOW))
        session.open()
        begin_response(manager, session)
        cart = session["cart"]
        manager.check_unchanged(session)
        cart.append("late")
        with pytest.raises(ConfigError, match="changed after the response began"):
            manager.check_unchanged(session)


class TestFirstRead:
    """A session that nothing has asked for before the response began."""

    def test_in_the_body(
        self, manager: SessionManager[Any], request_session: RequestSession[Any]
    ) -> None:
        """A cache could give the response to others, so it raises and says what to do."""
        begin_response(manager, request_session)
        for _ in range(2):
            with pytest.raises(ConfigError, match="read the session once before the first byte"):
                len(request_session)
        assert not request_session.opened
        assert repr(request_session) == "<Session, not opened>"

    @pytest.mark.parametrize(
        ("method", "control", "stored"),
        [
            ("GET", "", True),
            ("HEAD", "", True),
            (None, "", True),
            ("GET", "max-age=60, must-revalidate", True),
            ("GET", 'private="set-cookie"', True),
            ("GET", "no-cache", True),
            ("GET", "no-store", False),
            ("GET", "max-age=0, Private", False),
            (None, "No-Store", False),
            ("GET", "no-store, must-understand", True),
            ("GET", 'community="a, no-store, b"', True),
            ("GET", "no-cache, , no-store", False),
            ("POST", "", False),
            ("DELETE", "", False),
        ],
    )
    def test_in_a_body_that_no_cache_stores(
        self,
        manager: SessionManager[Any],
        request_session: RequestSession[Any],
        method: str | None,
        control: str,
        *,
        stored: bool,
    ) -> None:
        """A shared cache stores answers to GET and HEAD, unless they forbid it (RFC 9111)."""
        headers = [(b"cache-control", control.encode())] if control else []
        begin_response(manager, request_session, headers=headers, method=method)
        if stored:
            with pytest.raises(ConfigError, match="read the session once"):
                request_session.open()
        else:
            assert request_session["a"] == 1

    def test_once_the_response_is_complete(
        self, manager: SessionManager[Any], request_session: RequestSession[Any]
    ) -> None:
        """Loggers and background tasks read it, and the head that was handed on varies."""
        headers: Headers = [(b"vary", b"Accept")]
        begin_response(manager, request_session, headers=headers)
        assert headers == [(b"vary", b"Accept")]
        manager.complete(request_session)
        assert (request_session["a"], request_session.subject) == (1, "42")
        assert headers == [(b"vary", b"Accept, Cookie")]
        manager.check_unchanged(request_session)

    def test_it_is_the_session_of_the_requests_beginning(
        self, manager: SessionManager[Any], codec: SessionCodec[Any]
    ) -> None:
        """A session that has expired since is read as it was when its request came."""
        token = codec.encode({"a": 1}, now=NOW)
        session = request(manager, token, now=NOW + IDLE - 1)
        manager.save(session, [], method="GET", now=NOW + IDLE + 60)
        manager.complete(session)
        assert session["a"] == 1
        assert session.refused is None

    def test_it_is_read_with_the_ring_of_the_requests_beginning(self, tmp_path: Path) -> None:
        """A key that was revoked since does not take the session from the request's log."""
        path = tmp_path / "keys.json"
        ring = KeyRing.open(path)
        with KeyRingWatcher(FileSource(path), refresh=3600) as watcher:
            manager = SessionManager(SessionCodec(watcher, policy=POLICY))
            token = manager.codec.encode({"a": 1}, subject="ada")
            answered, running = (request(manager, token, now=None) for _ in range(2))
            manager.save(answered, [], method="GET")
            manager.complete(answered)
            (key,) = ring
            ring.add().revoke(key.kid).save(path)
            assert watcher.reload()
            assert answered.subject == "ada"
            assert running.refused == "unknown_key"

    def test_where_no_cache_is(
        self, manager: SessionManager[Any], request_session: RequestSession[Any]
    ) -> None:
        """A WebSocket's session can be opened at any time."""
        manager.save(request_session, [], varies=False, now=NOW)
        assert request_session["a"] == 1
