"""Sessions as values: the mapping of an untyped state, the three verbs, and what they refuse."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.conftest import NOW
from tokensession import ConfigError, KeyRing, Policy, Session, SessionCodec, StateError
from tokensession.format.claims import MAX_SECONDS

POLICY = Policy(idle_timeout=1800, absolute_timeout=8 * 3600)


class Visit(msgspec.Struct):
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


class TestMapping:
    def test_it_reads_like_its_state(self, session: Session[Any]) -> None:
        """Whatever a dict answers, the session answers."""
        state = session.state
        assert session["a"] == 1
        assert len(session) == 2
        assert list(session) == list(state)
        assert list(reversed(session)) == list(reversed(state))
        assert "a" in session
        assert session == state
        assert session != {}
        assert session | {"c": 3} == {**state, "c": 3}
        assert {"a": 0, "c": 3} | session == {"a": 1, "c": 3, "b": [2]}
        assert session.copy() == state
        assert session.copy() is not state
        assert bool(session)

    def test_it_writes_into_its_state(self, session: Session[Any]) -> None:
        """There is one dict, whoever changes it."""
        session["c"] = 3
        del session["a"]
        session |= {"d": 4}
        session.setdefault("b", []).append(5)
        assert session.state == {"b": [2, 5], "c": 3, "d": 4}
        assert session.popitem() == ("d", 4)
        session.state = {}
        assert not session
        assert session.pop("b", None) is None

    def test_sessions_are_equal_only_to_themselves(
        self, codec: SessionCodec[Any], session: Session[Any]
    ) -> None:
        """Two sessions of equal state are two, and each can be a key."""
        other = codec.new(now=NOW)
        other.state = session.copy()
        assert session != other
        assert session == session  # noqa: PLR0124  # equality is what is tested
        assert len({session, other}) == 2

    def test_a_typed_state_is_no_mapping(self, hs256: KeyRing) -> None:
        """Mapping calls say where the state is."""
        session = SessionCodec(hs256, state_type=Visit).new(now=NOW)
        assert session
        assert session != Visit()
        with pytest.raises(TypeError, match=r"the session's state is a Visit, no dict; use sess"):
            len(session)
        session.state.pages += 1
        assert session.state == Visit(1)

    def test_it_shows_no_state_and_no_subject(self, session: Session[Any]) -> None:
        """Its repr has dates and key, and nothing that a log should not hold."""
        session.state = {"secret": "hidden"}
        assert repr(session) == (
            f"<Session sid={session.sid.hex()} issued_at={NOW} started_at={NOW} "
            f"expires_at={NOW + 600} kid={session.kid!r}>"
        )


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
         (42, 43, False), ("", "a", False)],
    )  # fmt: skip
    def test_whose_state_is_carried_over(
        self, codec: SessionCodec[Any], before: Any, after: Any, *, kept: bool
    ) -> None:
        """Nobody's and the same subject's, of which 42 and "42" are one; not another's."""
        session = codec.decode(codec.encode({"a": 1}, subject=before, now=NOW), now=NOW)
        session.sign_in(after)
        assert session == ({"a": 1} if kept else {})
        assert session.subject == after

    def test_a_lifetime_of_its_own(self, session: Session[Any]) -> None:
        """Remember me and its opposite."""
        session.sign_in("42", ttl=60, cap=120)
        assert (session.ttl, session.cap) == (60, 120)
        assert session.expires_at == NOW + 160

    @pytest.mark.parametrize("subject", [None, True, 1.5, b"42", 2**53, "\ud800"])
    def test_what_is_no_subject(self, session: Session[Any], subject: Any) -> None:
        """It is refused before anything has changed."""
        with pytest.raises(StateError, match="subject"):
            session.sign_in(subject)
        assert (session.subject, session.given_up) == ("42", ())

    @pytest.mark.parametrize(
        "lifetime",
        [{"ttl": 0}, {"ttl": MAX_SECONDS + 1}, {"cap": 0}, {"cap": 8 * 3600 + 1}, {"ttl": True}],
    )
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

    def test_clear_begins_a_session_of_nobody(self, session: Session[Any]) -> None:
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
