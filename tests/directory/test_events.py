"""What an observer and an audit log hear of sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NOW
from tests.web.exchange import POLICY, request, response, token_in
from tokensession import ConfigError, KeyRing, SessionManager, StoreError
from tokensession.directory.directory import Directory
from tokensession.observer import Observer

from .recording import Stores

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.sessions.events import Event

RING = KeyRing.generate()


class Log(Observer):
    """Writes down what it hears, as an observer and as an audit log."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.events: list[Event] = []

    def signed_in(self) -> None:
        """Write it down."""
        self.heard.append("signed_in")

    def signed_out(self) -> None:
        """Write it down."""
        self.heard.append("signed_out")

    def reauthenticated(self) -> None:
        """Write it down."""
        self.heard.append("reauthenticated")

    def ended(self, by: str) -> None:
        """Write it down."""
        self.heard.append(f"ended by {by}")

    def record(self, event: Event) -> None:
        """Write it down."""
        self.events.append(event)

    def take(self) -> list[tuple[str, Any, str | None]]:
        """Return what was heard since the last time; both hear the same."""
        told = [one.what if one.by is None else f"ended by {one.by}" for one in self.events]
        assert self.heard == told
        assert all(one.at == NOW for one in self.events)
        taken = [(what, one.subject, one.id) for what, one in zip(told, self.events, strict=True)]
        self.heard, self.events = [], []
        return taken


@pytest.fixture
def log() -> Log:
    """Give an empty log."""
    return Log()


@pytest.fixture
def stores() -> Stores:
    """Give empty stores."""
    return Stores()


@pytest.fixture
def manager(log: Log, stores: Stores) -> SessionManager[Any]:
    """Give a manager with a directory that tells the log."""
    return SessionManager(
        RING, policy=POLICY, revocation=stores.revocations, observer=log, audit=log,
        directory=Directory(stores.directory, limit=2),
    )  # fmt: skip


def visit(
    manager: SessionManager[Any], change: Callable[[Any], object], *tokens: str
) -> tuple[str, str]:
    """Return the token of a response, and the listed id of its session."""
    session = request(manager, *tokens)
    change(session)
    headers = response(manager, session)
    return token_in(headers) if "set-cookie" in headers else "", session.listed_id


def test_responses(log: Log, manager: SessionManager[Any]) -> None:
    """Each is told once, with the listed id; what changes no sign-in is not told."""
    token, first = visit(manager, lambda s: s.sign_in("ada"))
    assert log.take() == [("signed_in", "ada", first)]
    token, _ = visit(manager, lambda s: s.update(n=1), token)
    token, _ = visit(manager, lambda s: s.regenerate(), token)
    assert log.take() == []
    token, third = visit(manager, lambda s: s.reauthenticate(), token)
    assert log.take() == [("reauthenticated", "ada", third)]
    token, fourth = visit(manager, lambda s: s.sign_in("bob"), token)
    assert log.take() == [("signed_out", "ada", third), ("signed_in", "bob", fourth)]
    token, fifth = visit(manager, lambda s: s.sign_in("bob"), token)
    assert log.take() == [("signed_in", "bob", fifth)]
    visit(manager, lambda s: s.clear(), token)
    assert log.take() == [("signed_out", "bob", fifth)]


def test_an_anonymous_session(log: Log, manager: SessionManager[Any]) -> None:
    """An anonymous session causes no event of a sign-in or sign-out."""
    token, _ = visit(manager, lambda s: s.update(cart=1))
    visit(manager, lambda s: s.clear(), token)
    assert log.take() == []


def test_without_a_store(log: Log) -> None:
    """Sign-ins and sign-outs are told there too."""
    manager: SessionManager[Any] = SessionManager(RING, policy=POLICY, observer=log, audit=log)
    token, name = visit(manager, lambda s: s.sign_in(42))
    visit(manager, lambda s: s.clear(), token)
    assert log.take() == [("signed_in", 42, name), ("signed_out", 42, name)]


def test_who_ends_a_session(log: Log, manager: SessionManager[Any]) -> None:
    """The user, the limit, the provider, or an operator."""
    codec = manager.codec
    ids = [visit(manager, lambda s: s.sign_in("ada"))[1] for _ in range(3)]
    ended = [entry for entry in log.take() if entry[0] != "signed_in"]
    assert [entry[:2] for entry in ended] == [("ended by limit", "ada")]
    (left, other) = sorted(set(ids) - {ended[0][2]})
    assert codec.end_session("ada", left, now=NOW)
    assert not codec.end_session("ada", left, now=NOW)
    assert log.take() == [("ended by user", "ada", left)]
    codec.revoke_subject("ada", now=NOW)
    codec.revoke_all(before=NOW, now=NOW)
    assert log.take() == [("ended by operator", "ada", None), ("ended by operator", None, None)]
    assert other not in [one.id for one in codec.sessions("ada", now=NOW)]
    session = codec.new(now=NOW + 20)
    session.sign_in("eve", provider=("https://op", "s"))
    codec.renew(session, now=NOW + 20)
    assert codec.end_provider_session("https://op", "s", now=NOW) == 1
    assert log.take() == [("ended by provider", None, session.listed_id)]
    session = codec.new(now=NOW)
    codec.revoke(session, now=NOW)
    codec.revoke_sid(session.sid, now=NOW)
    assert log.take() == [("ended by operator", None, session.listed_id)] * 2


def test_the_other_sessions_of_a_user(log: Log, manager: SessionManager[Any]) -> None:
    """The end of a user's other sessions is one event, because the manager does not count them."""
    token, _ = visit(manager, lambda s: s.sign_in("ada"))
    log.take()
    visit(manager, lambda s: s.revoke_others(), token)
    assert log.take() == [("ended by user", "ada", None)]


@pytest.mark.parametrize("down", ["add", "deny"])
def test_what_could_not_be_recorded(
    log: Log, stores: Stores, manager: SessionManager[Any], down: str
) -> None:
    """It has not happened, so it is not told."""
    tokens = [visit(manager, lambda s: s.sign_in("ada"))[0]] if down == "deny" else []
    log.take()
    stores.down = {down}
    session = request(manager, *tokens)
    if tokens:
        session.clear()
    else:
        session.sign_in("ada")
    with pytest.raises(StoreError):
        response(manager, session)
    assert log.take() == []


class Broken:
    """An audit log that fails."""

    def record(self, event: Event) -> None:
        """Fail."""
        raise OSError(event.what)


@dataclass(slots=True)
class Slotted:
    """One that takes no attributes."""

    def record(self, event: Event) -> None:
        """Fail."""
        raise OSError(event.what)


@dataclass(slots=True)
class Bound:
    """One that holds the method of a class."""

    record: Any


class Static:
    """A class with the method."""

    @classmethod
    def record(cls, event: Event) -> None:
        """Fail."""
        raise OSError(event.what)


@pytest.mark.parametrize("audit", [Broken(), Slotted(), Bound(Static.record), Bound(len)])
def test_an_audit_log_that_fails(
    stores: Stores, caplog: pytest.LogCaptureFixture, audit: Any
) -> None:
    """Its error is logged, and the response goes on, for each kind of object."""
    manager: SessionManager[Any] = SessionManager(
        RING, policy=POLICY, revocation=stores.revocations, audit=audit
    )
    token, _ = visit(manager, lambda s: s.sign_in("ada"))
    assert request(manager, token).subject == "ada"
    assert "raised an error" in caplog.text


@pytest.mark.parametrize("audit", [print, Log, "log"])
def test_what_is_no_audit_log(audit: Any) -> None:
    """It has a method `record`."""
    with pytest.raises(ConfigError, match="audit must have a method record"):
        SessionManager(RING, audit=audit)
