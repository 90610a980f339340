"""Sessions: what they say, their verbs, and what those refuse."""

from __future__ import annotations

import copy
import os
import pickle
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.conftest import NOW
from tokensession import ConfigError, KeyRing, Policy, Session, SessionCodec, StateError
from tokensession.format.claims import MAX_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

POLICY = Policy(idle_timeout=1800, absolute_timeout=8 * 3600)


class Visit(msgspec.Struct):
    """A typed state."""

    pages: int = 0


@pytest.fixture
def codec(hs256: KeyRing) -> SessionCodec[Any]:
    """Give the codec of an untyped state."""
    return SessionCodec(hs256, policy=POLICY)


@pytest.fixture
def session(codec: SessionCodec[Any]) -> Session[Any]:
    """Give a session of subject 42 that has been decoded 100 seconds after it began."""
    token = codec.encode({"a": 1, "b": [2]}, subject="42", ttl=600, cap=3600, now=NOW)
    return codec.decode(token, now=NOW + 100)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_it_is_not_copied(session: Session[Any], duplicate: Callable[[Any], object]) -> None:
    """A copy would share the state, and a sign-out of it would not reach the other one."""
    with pytest.raises(TypeError, match="copy its state instead"):
        duplicate(session)


class TestSays:
    def test_it_shows_no_state_and_no_subject(self, session: Session[Any]) -> None:
        """Its repr has dates and key, and nothing that a log should not hold."""
        session.state = {"secret": "hidden"}
        assert repr(session) == (
            f"<Session sid={session.sid.hex()} issued_at={NOW} started_at={NOW} "
            f"expires_at={NOW + 600} kid={session.kid!r}>"
        )

    @pytest.mark.parametrize(
        "name",
        ["sid", "subject", "issued_at", "started_at", "expires_at", "kid", "context", "ttl", "cap",
         "refused", "given_up", "signers", "authenticated_at"],
    )  # fmt: skip
    def test_what_it_says_is_not_assigned(self, session: Session[Any], name: str) -> None:
        """A change goes through a verb, which knows what else changes with it."""
        before = getattr(session, name)
        with pytest.raises(AttributeError):
            setattr(session, name, before)
        assert getattr(session, name) == before


class Form(msgspec.Struct):
    """A typed state, each of which begins with another value."""

    guard: str = msgspec.field(default_factory=lambda: os.urandom(8).hex())


class TestVerbs:
    def test_sign_in_begins_a_new_session(self, session: Session[Any]) -> None:
        """New id and start, the policy's lifetime, the same subject's state."""
        old = session.sid
        session.sign_in("42")
        assert session.sid != old
        assert session.given_up == (old,)
        assert (session.issued_at, session.started_at) == (NOW + 100, NOW + 100)
        assert (session.ttl, session.cap, session.kid) == (1800, None, "")
        assert session.expires_at == NOW + 1900
        assert session == {"a": 1, "b": [2]}

    @pytest.mark.parametrize(
        ("before", "after", "kept"),
        [(None, "42", True), ("42", 42, True), (42, "42", True), ("42", "43", False),
         (42, 43, False)],
    )  # fmt: skip
    def test_whose_state_is_carried_over(
        self, codec: SessionCodec[Any], before: Any, after: Any, *, kept: bool
    ) -> None:
        """An anonymous or the same subject's state is carried over; 42 and "42" are one."""
        session = codec.decode(codec.encode({"a": 1}, subject=before, now=NOW), now=NOW)
        session.sign_in(after)
        assert session == ({"a": 1} if kept else {})
        assert session.subject == after

    def test_a_lifetime_of_its_own(self, session: Session[Any]) -> None:
        """Remember me and its opposite."""
        session.sign_in("42", ttl=60, cap=120)
        assert (session.ttl, session.cap) == (60, 120)
        assert session.expires_at == NOW + 160

    def test_a_lifetime_as_a_timedelta(self, session: Session[Any]) -> None:
        """It says the same as its seconds."""
        session.sign_in("42", ttl=timedelta(minutes=1), cap=timedelta(minutes=2))
        assert (session.ttl, session.cap) == (60, 120)
        session.set_lifetime(timedelta(hours=1), cap=timedelta(hours=2))
        assert (session.ttl, session.cap) == (3600, 7200)

    @pytest.mark.parametrize("subject", [None, "", True, 1.5, b"42", 2**53, "\ud800"])
    def test_what_is_no_subject(self, session: Session[Any], subject: Any) -> None:
        """It is refused before anything has changed."""
        with pytest.raises(StateError, match="subject"):
            session.sign_in(subject)
        assert (session.subject, session.given_up) == ("42", ())

    @pytest.mark.parametrize(
        "lifetime",
        [{"ttl": 0}, {"ttl": MAX_SECONDS + 1}, {"cap": 0}, {"cap": 8 * 3600 + 1}, {"ttl": True},
         {"ttl": 8 * 3600 + 1}, {"ttl": 61, "cap": 60}, {"ttl": timedelta(seconds=0.5)}],
    )  # fmt: skip
    def test_a_lifetime_out_of_range(self, session: Session[Any], lifetime: dict[str, Any]) -> None:
        """It is refused before anything has changed."""
        with pytest.raises(ConfigError):
            session.sign_in("43", **lifetime)
        assert (session.subject, session.given_up, session["a"]) == ("42", (), 1)

    @pytest.mark.parametrize("cap", [8 * 3600 - 1, 8 * 3600])
    def test_a_lifetime_up_to_the_policys(self, session: Session[Any], cap: int) -> None:
        """The longest cap is allowed."""
        session.sign_in("43", cap=cap)
        assert session.cap == cap

    def test_regenerate_changes_the_id_alone(self, session: Session[Any]) -> None:
        """Start, subject, state and lifetime stay; each id that was given up is known."""
        first = session.sid
        session.regenerate()
        second = session.sid
        session.regenerate()
        assert session.given_up == (first, second)
        assert session.sid not in session.given_up
        assert len(session.sid) == 16
        assert (session.started_at, session.subject, session.ttl) == (NOW, "42", 600)
        assert session == {"a": 1, "b": [2]}

    def test_reauthenticate_gives_a_new_id_and_a_new_instant(self, session: Session[Any]) -> None:
        """Start, subject, state and lifetime stay, and it is now that the subject authenticated."""
        first = session.sid
        session.reauthenticate()
        assert (session.given_up, session.sid != first) == ((first,), True)
        assert (session.started_at, session.authenticated_at) == (NOW, NOW + 100)
        assert (session.subject, session.ttl, session.cap) == ("42", 600, 3600)
        assert session == {"a": 1, "b": [2]}

    def test_an_anonymous_session_does_not_authenticate_again(
        self, codec: SessionCodec[Any]
    ) -> None:
        """Without a subject it raises, and nothing has changed."""
        session = codec.new(now=NOW)
        with pytest.raises(StateError, match=r"^subject: .*call sign_in\(subject\)"):
            session.reauthenticate()
        assert session.given_up == ()

    @pytest.mark.parametrize("verb", ["regenerate", "set_lifetime"])
    def test_other_verbs_keep_the_authentication(self, session: Session[Any], verb: str) -> None:
        """A new id for new rights says nothing about the password."""
        getattr(session, verb)()
        assert session.authenticated_at == NOW

    def test_signing_in_is_authenticating(self, session: Session[Any]) -> None:
        """The authentication's instant is the start of the new session, not a former one."""
        session.reauthenticate()
        session.sign_in("42")
        assert session.authenticated_at == session.started_at == NOW + 100
        session.clear()
        assert session.authenticated_at is None

    @pytest.mark.parametrize(
        ("seconds", "fresh"),
        [(0, False), (100, False), (101, True), (timedelta(minutes=2), True)],
    )
    def test_freshness_ends_with_its_last_second(
        self, session: Session[Any], seconds: Any, *, fresh: bool
    ) -> None:
        """It is compared with the moment at which the session was read."""
        assert session.is_fresh(seconds) is fresh
        session.reauthenticate()
        assert session.is_fresh(1)

    @pytest.mark.parametrize("seconds", [-1, 1.5, True, None, "60", timedelta(seconds=0.5)])
    def test_freshness_needs_a_duration(self, session: Session[Any], seconds: Any) -> None:
        """Anything else is an error of the code, not a session that is never fresh."""
        with pytest.raises(ConfigError, match="seconds"):
            session.is_fresh(seconds)

    def test_an_anonymous_session_is_never_fresh(self, codec: SessionCodec[Any]) -> None:
        """A session without subject has never authenticated."""
        session = codec.new(now=NOW)
        assert session.authenticated_at is None
        assert not session.is_fresh(3600)

    def test_clear_begins_an_anonymous_session(self, session: Session[Any]) -> None:
        """State, subject and lifetime are those of a new one."""
        old = session.sid
        session.clear()
        assert session == {}
        assert session.subject is None
        assert session.given_up == (old,)
        assert (session.ttl, session.cap, session.started_at) == (1800, None, NOW + 100)

    def test_clear_of_a_typed_state(self, hs256: KeyRing) -> None:
        """It is the type's own beginning."""
        session = SessionCodec(hs256, state_type=Visit).new(now=NOW)
        session.state.pages = 7
        session.clear()
        assert session.state == Visit()

    def test_the_subject_changes_by_the_verbs_alone(self, session: Session[Any]) -> None:
        """An assignment would be neither a new session nor kept, so it raises."""
        with pytest.raises(AttributeError):
            session.subject = "43"  # type: ignore[misc]
        assert session.subject == "42"

    @pytest.mark.parametrize(
        ("lifetime", "ttl", "cap", "ends"),
        [
            ({}, 1800, None, 1800),
            ({"ttl": 60}, 60, None, 60),
            ({"cap": 300}, 300, 300, 200),  # 100 s of it have passed
            ({"ttl": 60, "cap": 120}, 60, 120, 20),
            ({"ttl": 8 * 3600}, 8 * 3600, None, 8 * 3600),
        ],
    )
    def test_a_lifetime_from_now_on(
        self, session: Session[Any], lifetime: dict[str, Any], ttl: int, cap: int | None, ends: int
    ) -> None:
        """Id, start and state stay; a cap counts from the start."""
        sid = session.sid
        session.set_lifetime(**lifetime)
        assert (session.sid, session.started_at, session.given_up) == (sid, NOW, ())
        assert (session.ttl, session.cap) == (ttl, cap)
        assert session.expires_at == NOW + 100 + ends

    def test_an_idle_window_beyond_the_limit_is_a_cap_as_well(self, hs256: KeyRing) -> None:
        """Without one the policy's limit would cut it; beyond `longest` it is refused."""
        policy = Policy(idle_timeout=60, absolute_timeout=600, longest=6000)
        session: Session[Any] = SessionCodec(hs256, policy=policy).new(now=NOW)
        session.set_lifetime(601)
        assert (session.ttl, session.cap) == (601, 601)
        session.set_lifetime(600)
        assert (session.ttl, session.cap) == (600, None)
        with pytest.raises(ConfigError, match="longest"):
            session.set_lifetime(6001)
        assert (session.ttl, session.cap) == (600, None)

    def test_a_typed_state_that_begins_with_another_value_each_time(self, hs256: KeyRing) -> None:
        """A sign-in keeps the value that the session began with."""
        codec = SessionCodec(hs256, state_type=Form)
        session = codec.new(now=NOW)
        session.sign_in("ada")
        token = codec.renew(session, now=NOW)
        assert codec.decode(token, now=NOW).state == session.state
