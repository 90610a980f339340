"""What users of session libraries reported from the field: ends, lists, kinds and sockets."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.conftest import NOW
from tokensession import (
    ConfigError,
    Expired,
    KeyRing,
    Policy,
    Revoked,
    SessionCodec,
    SessionManager,
    StoreError,
    UnknownKey,
)
from tokensession.adapters.asgi import SessionMiddleware
from tokensession.keys.rotation import Schedule, plan
from tokensession.revocation import replica as module
from tokensession.revocation.decision import Denial, subject_key
from tokensession.revocation.replica import Replica
from tokensession.stores.memory.revocation import MemoryStore
from tokensession.stores.sql.database import Database
from tokensession.stores.sql.revocation import SQLStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import Postgres
    from tokensession.revocation.store import Batch, Position

POLICY = Policy(idle_timeout=1800, absolute_timeout=28_800)
RING = KeyRing.generate(kid="k1")
PLAIN: SessionCodec[Any] = SessionCodec(RING, policy=POLICY)


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let replicas read only when told to, on the day of these tests."""
    monkeypatch.setattr(module, "time", lambda: NOW)
    monkeypatch.setattr(Replica, "_start", lambda self: None)


def guarded(revocation: Any) -> SessionCodec[Any]:
    """Return a codec that asks a list of revocations."""
    return SessionCodec(RING, policy=POLICY, revocation=revocation)


class TestWebSockets:
    @staticmethod
    def talk(late: bool) -> list[dict[str, Any]]:  # noqa: FBT001  # of this test alone
        """Write into the session before or after a WebSocket is accepted; return what is sent."""
        sent: list[dict[str, Any]] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            if not late:
                scope["session"]["n"] = 1
            await send({"type": "websocket.accept"})
            assert scope["session"].get("n") == (None if late else 1)
            if late:
                scope["session"]["n"] = 1

        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "websocket", "path": "/", "headers": [], "query_string": b""}
        asyncio.run(SessionMiddleware(app, RING, policy=POLICY)(scope, receive, send))
        return sent

    def test_a_write_before_the_handshake_ends_is_sent(self) -> None:
        """A write before the handshake ends is sent in its answer."""
        (accepted,) = self.talk(late=False)
        cookies = [value for name, value in accepted["headers"] if name == b"set-cookie"]
        assert len(cookies) == 1

    def test_a_write_after_it_raises(self) -> None:
        """All but Quart lose such writes without a word, and Quart only logs them."""
        with pytest.raises(ConfigError, match="response has begun"):
            self.talk(late=True)


class TestEnds:
    def test_a_lifetime_of_its_own_is_enforced(self) -> None:
        """Ticket 27775 (Django): set_expiry() is ignored for signed cookies; here a cap holds."""
        token = PLAIN.encode({}, ttl=60, cap=90, now=NOW)
        renewed = PLAIN.renew(PLAIN.decode(token, now=NOW + 50), now=NOW + 50)
        assert PLAIN.decode(renewed, now=NOW + 89).cap == 90
        with pytest.raises(Expired):
            PLAIN.decode(renewed, now=NOW + 90)

    def test_the_end_is_in_the_token_and_not_in_the_cookie(self) -> None:
        """In starsessions it was in Max-Age alone, which a thief's client does not look at."""
        token = PLAIN.encode({}, ttl=2, cap=2, now=NOW)
        with pytest.raises(Expired):
            PLAIN.decode(token, now=NOW + 2)

    @pytest.mark.parametrize(("fraction", "idle"), [(0.5, 900), (0.1, 1620), (1, 0)])
    def test_the_idle_time_that_is_guaranteed(self, fraction: float, idle: int) -> None:
        """Renewal at a fraction guarantees the rest of the window, as the policy's text says."""
        policy = Policy(idle_timeout=1800, absolute_timeout=28_800, renew_after=fraction)
        manager = SessionManager(RING, policy=policy)
        token = PLAIN.encode({}, now=NOW)
        due = NOW + int(1800 * fraction)
        for second, renewed in ((due - 1, False), (due, True)):
            session = manager.open([(b"cookie", f"__Host-session={token}".encode())], now=NOW)
            headers: list[tuple[bytes, bytes]] = []
            session.open()
            manager.save(session, headers, now=second)
            assert (b"set-cookie" in dict(headers)) is renewed
        # Used for the last time just before it was due, it lives for as long as was promised.
        assert session.expires_at - due == idle


class TestLists:
    def test_the_greater_of_two_marks_counts(self) -> None:
        """CVE-2026-18218 (Keycloak): the subject's was ignored where everybody's was older."""
        operations = {
            "subject": lambda codec: codec.revoke_subject("ada", now=NOW),
            "all": lambda codec: codec.revoke_all(before=NOW - 600, now=NOW),
            "bob": lambda codec: codec.revoke_subject("bob", now=NOW),
        }
        tokens = {who: PLAIN.encode({}, subject=who, now=NOW) for who in ("ada", "cyd")}
        for order in itertools.permutations(operations):
            codec = guarded(MemoryStore())
            for name in order:
                operations[name](codec)
            with pytest.raises(Revoked):
                codec.decode(tokens["ada"], now=NOW)
            assert codec.decode(tokens["cyd"], now=NOW).subject == "cyd"

    @pytest.mark.usefixtures("today")
    def test_a_poll_that_fails_loses_nothing(self) -> None:
        """OpenAM moved its cursor before the query had succeeded: here it moves after applying."""

        class Breaks(MemoryStore):
            broken = False

            def read(self, position: Position | None) -> Iterator[Batch]:
                for batch in super().read(position):
                    if self.broken and batch.position is not None:
                        raise StoreError("lost on the way")
                    # The changes are lost too, not only the position after them.
                    yield batch if not self.broken else batch._replace(denied=(), marks=())

        store = Breaks()
        replica = Replica(store)
        codec = guarded(replica)
        replica.read()
        token = PLAIN.encode({}, subject="ada", now=NOW)
        session = codec.decode(token, now=NOW)
        guarded(store).revoke(session, now=NOW)
        store.broken = True
        with pytest.raises(StoreError):
            replica.read()
        assert codec.decode(token, now=NOW).subject == "ada"  # it has not heard yet
        store.broken = False
        replica.read()
        with pytest.raises(Revoked):
            codec.decode(token, now=NOW)

    def test_a_restart_forgets_nothing(self, tmp_path: Path) -> None:
        """Keycloak kept them in memory only: another process over the file has them all."""
        url = f"sqlite:///{tmp_path / 'list.db'}"
        token = PLAIN.encode({}, subject="ada", now=NOW)
        first = SQLStore(Database(url))
        first.create()
        guarded(first).revoke(PLAIN.decode(token, now=NOW), now=NOW)
        first.close()
        again = SQLStore(Database(url))
        again.create()
        with pytest.raises(Revoked):
            guarded(again).decode(token, now=NOW)
        again.close()

    def test_a_full_list_drops_nothing(self) -> None:
        """PingFederate drops the oldest: here the newest is refused, and the caller is told."""
        codec = guarded(MemoryStore(max_denied=2))
        tokens = [PLAIN.encode({}, now=NOW) for _ in range(3)]
        sessions = [PLAIN.decode(token, now=NOW) for token in tokens]
        for session in sessions[:2]:
            codec.revoke(session, now=NOW)
        with pytest.raises(StoreError, match="max_denied"):
            codec.revoke(sessions[2], now=NOW)
        for token in tokens[:2]:
            with pytest.raises(Revoked):
                codec.decode(token, now=NOW)

    @pytest.mark.usefixtures("today")
    def test_a_lower_number_that_commits_later(self, postgres: Postgres) -> None:
        """Sequence numbers are given before the commit: who has seen 7 still looks for 6."""
        store = SQLStore(Database(postgres.url, prefix="late_", timeout=60))
        store.create()
        replica = Replica(store)
        codec = guarded(replica)
        replica.read()
        tokens = [PLAIN.encode({}, now=NOW) for _ in range(2)]
        slow, quick = (PLAIN.decode(token, now=NOW) for token in tokens)
        until = NOW + 28_805
        with psycopg.connect(postgres.url.replace("+psycopg", "")) as late:
            statement = (
                f"insert into {store._tables.denied.name} (sid, until, position) values "  # noqa: S608  # our own name
                "(%s, %s, pg_current_xact_id()::text::bigint)"
            )
            late.execute(statement.encode(), (slow.sid, until))
            store.deny(Denial(quick.sid, subject_key(None), NOW, until), now=NOW)
            replica.read()
            with pytest.raises(Revoked):
                codec.decode(tokens[1], now=NOW)
            assert codec.decode(tokens[0], now=NOW).sid == slow.sid  # not committed yet
            late.commit()
        replica.read()
        with pytest.raises(Revoked):
            codec.decode(tokens[0], now=NOW)
        store.close()


def test_all_kinds_of_token_rotate() -> None:
    """better-auth rotates some kinds and not others: here every context follows its ring."""
    schedule = Schedule(token_lifetime=1800, propagation=900, period=3600)
    ring = KeyRing.generate(kid="old").with_schedule(schedule)
    contexts = ("session", "api", "remember-me")
    before = [SessionCodec[Any](ring, context=one).encode({}, now=NOW) for one in contexts]
    at = NOW
    while at < NOW + 12_000:
        ring = plan(ring, at, schedule)[0]
        at += 300
    for context, token in zip(contexts, before, strict=True):
        codec: SessionCodec[Any] = SessionCodec(ring, context=context)
        kid = codec.decode(codec.encode({}, now=at), now=at).kid
        assert kid != "old"
        revoked: SessionCodec[Any] = SessionCodec(ring.revoke(kid, now=at), context=context)
        for dead, moment in ((token, NOW), (codec.encode({}, now=at), at)):
            with pytest.raises(UnknownKey):
                revoked.decode(dead, now=moment)
