"""Outages, through a codec: requests go on or are refused as configured, and nothing restarts.

Disks that are full, servers that can only be read, a standby that takes over, clocks an hour off;
what else a store can do wrong is in test_failures.
"""

from __future__ import annotations

import contextlib
from time import monotonic, sleep, time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import redis
import sqlalchemy as sa

from tests.revocation.asking import entries
from tests.servers import Mongo, Postgres, Redis, Server, Standby, Valkey
from tests.servers.address import Address
from tests.servers.clocks import clock_off
from tests.servers.process import free_port
from tests.stores.fixtures import retried
from tests.stores.revocation_contract import ADA, LIFE, NOW, denial, revokes, sid
from tokensession import KeyRing, Policy, Revoked, SessionCodec, StoreError
from tokensession.revocation import replica as module
from tokensession.revocation.decision import Denial, Entries
from tokensession.revocation.lookup import Lookup
from tokensession.revocation.replica import Replica
from tokensession.stores.memory.revocation import MemoryStore
from tokensession.stores.mongo.database import MongoDatabase
from tokensession.stores.mongo.revocation import MongoStore
from tokensession.stores.redis.revocation import RedisStore
from tokensession.stores.redis.server import RedisServer
from tokensession.stores.sql.database import Database
from tokensession.stores.sql.revocation import SQLStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tokensession.revocation.lookup import Check
    from tokensession.revocation.store import Store

RING = KeyRing.generate()
POLICY = Policy(idle_timeout=1800, absolute_timeout=28_800)
HOUR = 3600
PATIENCE = 60  # seconds until what has to come is late
GENEROUS = 30  # seconds; a call with a timeout of one second ends within these on any machine
TIMEOUT = 1.0
STALE = 0.3  # seconds

Codec = SessionCodec[Any]


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something that another process or thread does has happened."""
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline
        sleep(0.01)


def answer(codec: Codec, token: str) -> str:
    """Return what a request with this token meets, which must not take long."""
    begun = monotonic()
    try:
        codec.decode(token)
        verdict = "goes on"
    except Revoked:
        verdict = "revoked"
    except StoreError:
        verdict = "refused"
    assert monotonic() - begun < GENEROUS
    return verdict


def fails(call: Callable[[], object], match: str = "failed") -> None:
    """Hold that a call is a StoreError, in time."""
    begun = monotonic()
    with pytest.raises(StoreError, match=match):
        call()
    assert monotonic() - begun < GENEROUS


class Nodes:
    """A node for each way to check, all of one store, and what their requests meet."""

    def __init__(self, connect: Callable[[], Store]) -> None:
        checks: dict[str, Check] = {
            "lookup, deny": Lookup(connect()),
            "lookup, allow": Lookup(connect(), when_down="allow"),
            "replica": Replica(connect(), refresh=0.02),
            "stale replica, deny": Replica(connect(), refresh=0.02, max_staleness=STALE),
            "stale replica, allow": Replica(
                connect(), refresh=0.02, max_staleness=STALE, when_stale="allow"
            ),
        }
        self.replicas = [check for check in checks.values() if isinstance(check, Replica)]
        for replica in self.replicas:
            retried(replica.read)
        self.codecs: dict[str, Codec] = {
            name: SessionCodec(RING, policy=POLICY, revocation=check)
            for name, check in checks.items()
        }

    def answers(self, token: str) -> dict[str, str]:
        """Return what a request meets on each node."""
        return {name: answer(codec, token) for name, codec in self.codecs.items()}

    def all_say(self, token: str, verdict: str) -> bool:
        """Tell whether all nodes agree."""
        return set(self.answers(token).values()) == {verdict}

    def close(self) -> None:
        """End the threads."""
        for replica in self.replicas:
            replica.close()


def new_store(kind: type[Server], url: str, timeout: float = TIMEOUT) -> Any:
    """Return a store on a server."""
    if kind is Mongo:
        return MongoStore(MongoDatabase(url, timeout=timeout))
    return (
        SQLStore(Database(url, timeout=timeout))
        if "postgres" in url
        else RedisStore(RedisServer(url, timeout=timeout))
    )


class Closing(contextlib.ExitStack):
    """Closes each object that it is called with, before the servers that were made earlier end."""

    def __call__(self, one: Any) -> Any:
        """Return it."""
        return self.enter_context(contextlib.closing(one))


@pytest.fixture
def made() -> Iterator[Closing]:
    """Give a function that closes its argument when the test is over."""
    with Closing() as made:
        yield made


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be the day at which the entries of these tests are in force."""
    monkeypatch.setattr(module, "time", lambda: NOW)


@pytest.mark.parametrize("trouble", ["down", "hangs"])
@pytest.mark.parametrize("kind", [Postgres, Valkey, Mongo])
def test_requests_go_on_or_are_refused_as_configured(kind: type[Server], trouble: str) -> None:
    """By each way to check; signing out fails with all of them, and all recover by themselves."""
    with kind() as server, Closing() as made:
        store = made(new_store(kind, server.url, 20))
        store.create()
        nodes = made(Nodes(lambda: made(new_store(kind, server.url))))
        codec = nodes.codecs["replica"]
        token = codec.encode({}, subject="ada")
        session = codec.decode(token)
        ended = codec.encode({}, subject="bob")
        wait_for(lambda: nodes.all_say(token, "goes on"))
        codec.revoke(codec.decode(ended))
        wait_for(lambda: nodes.all_say(ended, "revoked"))

        if trouble == "down":
            server.kill()
        else:
            server.pause()
        wait_for(lambda: all(one.staleness > STALE for one in nodes.replicas))
        assert nodes.answers(token) == {
            "lookup, deny": "refused",
            "lookup, allow": "goes on",
            "replica": "goes on",
            "stale replica, deny": "refused",
            "stale replica, allow": "goes on",
        }
        assert nodes.answers(ended) == {
            "lookup, deny": "refused",
            "lookup, allow": "goes on",
            "replica": "revoked",
            "stale replica, deny": "refused",
            "stale replica, allow": "revoked",
        }
        fails(lambda: codec.revoke(session))
        fails(lambda: nodes.codecs["lookup, allow"].revoke_subject("ada"))

        if trouble == "down":
            server.start()
        else:
            server.resume()
        wait_for(lambda: set(nodes.answers(ended).values()) == {"revoked"})
        codec.revoke_subject("ada")
        wait_for(lambda: nodes.all_say(token, "revoked"))


# -- full --------------------------------------------------------------------------------------


def deny_until_it_fails(store: Store, first: int = 1000) -> int:
    """Deny ids until that fails for want of room; return the one that was not recorded."""
    for number in range(first, first + 100_000):
        try:
            store.deny(denial(number), now=NOW)
        except StoreError as error:
            if "full" in str(error) or "File too large" in str(error):
                return number
            raise
    raise AssertionError("it has room without end")


def check_full(store: Store, failed: int, more_room: Callable[[], None]) -> None:
    """Hold that what was acknowledged is there, that reading goes on, and that room is enough."""
    assert store.look_up(sid(failed - 1), None).denied
    assert not store.look_up(sid(failed), None).denied
    replica = Replica(store)
    replica.read()
    before = entries(replica, sid(failed - 1), ADA)
    assert before.denied
    fails(lambda: replica.deny(denial(failed), now=NOW))
    assert not entries(replica, sid(failed), ADA).denied
    more_room()
    wait_for(lambda: recorded(lambda: replica.deny(denial(failed), now=NOW)))
    replica.mark(ADA, None, now=NOW, life=LIFE)
    assert store.look_up(sid(failed), ADA) == Entries(denied=True, mark=NOW + 5)


def recorded(call: Callable[[], object]) -> bool:
    """Tell whether a call goes well."""
    try:
        call()
    except StoreError:
        return False
    return True


class TestFull:
    def test_sqlite(self, sqlite_url: str, made: Closing) -> None:
        """SQLite fails and recovers with a file that cannot grow."""
        store = made(SQLStore(Database(sqlite_url)))
        store.create()
        with store._connection.engine.connect() as connection:
            pages = [connection.exec_driver_sql("PRAGMA page_count").scalar_one() + 1]

        @sa.event.listens_for(store._connection.engine, "checkout")
        def limit(connection: Any, *_: Any) -> None:
            connection.execute(f"PRAGMA max_page_count = {pages[0]}")

        failed = deny_until_it_fails(store)
        check_full(store, failed, lambda: pages.append(pages.pop() + 100))

    def test_postgresql(self) -> None:
        """PostgreSQL fails and recovers with a table that cannot grow."""
        with Postgres() as server, Closing() as made:
            store = made(SQLStore(Database(server.url, timeout=GENEROUS)))
            store.create()
            table = store._tables.denied.name
            with psycopg.connect(server.url.replace("+psycopg", "")) as connection:
                # A page for each row, so that a small list is longer than a file of the log.
                connection.execute(f"alter table {table} set (fillfactor = 10)")
                connection.execute(
                    f"insert into {table} select decode(lpad(to_hex(n), 32, '0'), 'hex'), "  # noqa: S608
                    f"{NOW + LIFE}, 1 from generate_series(10000000, 10030000) n"
                )
                size = connection.execute(f"select pg_relation_size('{table}')").fetchone()
            assert size is not None
            assert size[0] > 17_000_000
            server.limit_files(size[0])
            failed = deny_until_it_fails(store)
            check_full(store, failed, server.limit_files)

    def test_valkey(self) -> None:
        """Valkey with a log that cannot grow refuses writes until it can."""

        class Cramped(Valkey):
            def command(self) -> list[str]:
                # Else the kernel would kill it: it is to be told that the file is full.
                script = "trap '' XFSZ; exec \"$@\""
                return ["/bin/sh", "-c", script, "sh", *super().command()]

        with Cramped(("--appendfsync", "everysec")) as server, Closing() as made:
            store = made(RedisStore(RedisServer(server.url, timeout=GENEROUS)))
            store.create()
            server.limit_files(50_000)
            for number in range(1000, 100_000):
                if not recorded(lambda: store.deny(denial(number), now=NOW)):  # noqa: B023
                    break
            fails(lambda: store.deny(denial(number), now=NOW), "MISCONF")
            assert store.look_up(sid(1000), None).denied
            server.limit_files()
            wait_for(lambda: recorded(lambda: store.deny(denial(number), now=NOW)))
            assert store.look_up(sid(number), None).denied
            # All acknowledged writes are in the log.
            kept = store.count()
            server.restart()
            assert store.count() == kept


# -- read-only ---------------------------------------------------------------------------------


def check_read_only(store: Store, match: str) -> None:
    """Hold that it is asked and read as ever, and that nothing can be recorded."""
    assert store.look_up(sid(1), ADA).denied
    replica = Replica(store)
    replica.read()
    assert entries(replica, sid(1), ADA).denied
    calls: list[Callable[[], object]] = [
        lambda: replica.deny(denial(2), now=NOW),
        lambda: replica.replace(denial(2), sid(3), now=NOW),
        lambda: replica.mark(ADA, None, now=NOW, life=LIFE),
        lambda: replica.revoke_all(now=NOW),
        lambda: replica.revoke_before(NOW),
    ]
    for call in calls:
        fails(call, match)
    assert entries(replica, sid(2), ADA) == Entries()


class TestReadOnly:
    def test_sqlite(self, sqlite_url: str, tmp_path: Path, made: Closing) -> None:
        """A file that is opened for reading alone."""
        made(SQLStore(Database(sqlite_url))).create()
        made(SQLStore(Database(sqlite_url))).deny(denial(1), now=NOW)
        store = made(
            SQLStore(Database(f"sqlite:///file:{tmp_path}/revocations.db?mode=ro&uri=true"))
        )
        check_read_only(store, "readonly")

    def test_postgresql(self) -> None:
        """A server that is set so, and no longer."""
        with Postgres() as server, Closing() as made:
            store = made(SQLStore(Database(server.url, timeout=GENEROUS)))
            store.create()
            store.deny(denial(1), now=NOW)
            url = server.url.replace("+psycopg", "")
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("alter system set default_transaction_read_only = on")
                connection.execute("select pg_reload_conf()")
                wait_for(lambda: not recorded(lambda: store.deny(denial(1), now=NOW)))
                check_read_only(store, "read-only")
                connection.execute("set default_transaction_read_only = off")
                connection.execute("alter system reset default_transaction_read_only")
                connection.execute("select pg_reload_conf()")
            wait_for(lambda: recorded(lambda: store.deny(denial(2), now=NOW)))


# -- failover ----------------------------------------------------------------------------------


def check_failover(store: Store, fail_over: Callable[[], None], other: Store) -> None:
    """Hold what happens to the copies of a process when a standby takes over that lags behind.

    Args:
        store: The store by its address.
        fail_over: Ends the old server, and lets the address lead to the other one.
        other: The store on the server that takes over, which has heard of entry 1 alone.
    """
    replica = Replica(store)
    replica.read()
    for number in (2, 3, 4):
        store.deny(denial(number), now=NOW)
    store.mark(ADA, None, now=NOW, life=LIFE)
    replica.read()
    other.deny(denial(5), now=NOW)  # in the other one's own order, before the replica reads
    fail_over()
    wait_for(lambda: recorded(replica.read))
    # What the old server had acknowledged and never passed on is in force where it was heard,
    assert all(entries(replica, sid(number), None).denied for number in (1, 2, 3, 4))
    assert revokes(entries(replica, sid(9), ADA), sid(9), NOW)
    # and so is all that the new one has, though its positions may be behind or ahead.
    assert entries(replica, sid(5), None).denied
    store.deny(denial(6), now=NOW)
    replica.read()
    assert entries(replica, sid(6), None).denied
    # A process that starts now knows what the new one knows. That is what asynchronous
    # replication loses; a lookup in the store learns no more.
    fresh = Replica(store)
    fresh.read()
    known = [entries(fresh, sid(number), None).denied for number in range(1, 7)]
    assert known == [True, False, False, False, True, True]
    assert known == [store.look_up(sid(number), None).denied for number in range(1, 7)]


class TestFailover:
    def test_postgresql(self) -> None:
        """A read-only standby of PostgreSQL takes over once it is promoted."""
        with Postgres() as primary:
            with contextlib.closing(SQLStore(Database(primary.url))) as store:
                store.create()
            with Standby(primary) as standby, short_folder() as folder, Closing() as made:
                address = Address(folder / "pg")
                address.lead_to(primary.folder)
                url = f"postgresql+psycopg://postgres@/postgres?host={folder / 'pg'}"
                store = made(SQLStore(Database(url, timeout=GENEROUS)))
                other = made(SQLStore(Database(standby.url, timeout=GENEROUS)))
                store.deny(denial(1), now=NOW)
                wait_for(lambda: other.look_up(sid(1), None).denied)
                check_read_only(other, r"read-only|recovery")
                with psycopg.connect(standby.url.replace("+psycopg", "")) as connection:
                    connection.execute("select pg_promote(wait => true, wait_seconds => 60)")

                def fail_over() -> None:
                    primary.kill()
                    address.lead_to(standby.folder)

                check_failover(store, fail_over, other)

    @pytest.mark.parametrize("kind", [Redis, Valkey])
    def test_redis(self, kind: type[Redis]) -> None:
        """A read-only replica of Redis takes over once it is promoted."""
        port = free_port()
        follow = ("--replicaof", "127.0.0.1", str(port))
        with (
            kind(
                ("--port", str(port), "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0")
            ) as primary,
            kind(follow) as standby,
            short_folder() as folder,
            Closing() as made,
        ):
            address = Address(folder / "s")
            address.lead_to(primary.socket)
            store = made(RedisStore(RedisServer(f"unix://{folder / 's'}", timeout=GENEROUS)))
            other = made(RedisStore(RedisServer(standby.url, timeout=GENEROUS)))
            store.create()
            store.deny(denial(1), now=NOW)
            wait_for(lambda: recorded(lambda: other.look_up(sid(1), None)))
            wait_for(lambda: other.look_up(sid(1), None).denied)
            check_read_only(other, "(?i)readonly|read only")
            with redis.Redis.from_url(standby.url) as client:
                client.replicaof("NO", "ONE")

            def fail_over() -> None:
                primary.kill()
                address.lead_to(standby.socket)

            check_failover(store, fail_over, other)

    @pytest.mark.parametrize("kind", [Postgres, Valkey])
    def test_to_an_empty_server(self, kind: type[Server]) -> None:
        """An empty server refuses all sessions until an operator makes the store anew."""
        with kind() as old, kind() as new, short_folder() as folder, Closing() as made:
            address = Address(folder / "s")
            ends = [server.folder if kind is Postgres else server.folder / "s"
                    for server in (old, new)]  # fmt: skip
            address.lead_to(ends[0])
            url = old.url.replace(str(ends[0]), str(folder / "s"))
            store = made(new_store(kind, url, GENEROUS))
            store.create()
            replica = Replica(store)
            replica.deny(denial(1), now=NOW)
            replica.read()
            old.kill()
            address.lead_to(ends[1])
            calls: list[Callable[[], object]] = [
                lambda: store.look_up(sid(9), None),
                replica.read,
                lambda: replica.deny(denial(2), now=NOW),
            ]
            for call in calls:
                fails(call, r"create\(\)")
            assert entries(replica, sid(1), None).denied  # as long as it is fresh
            store.create()
            replica.read()
            assert entries(replica, sid(1), None).denied
            assert not store.look_up(sid(1), None).denied
            store.deny(denial(3), now=NOW)
            replica.read()
            assert entries(replica, sid(3), None).denied


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """Give a folder whose name is short enough for sockets in it."""
    server = Server()
    try:
        yield server.folder
    finally:
        server.stop()
        server.__exit__(None, None, None)


# -- clocks ------------------------------------------------------------------------------------


def on_another_clock(kind: type[Server], seconds: int) -> Any:
    """Return a server whose clock is so many seconds ahead, until its `ahead` is changed."""

    class Shifted(kind):  # type: ignore[misc, valid-type]
        ahead = seconds

        def command(self) -> list[str]:
            return [*clock_off(self.ahead), *super().command()]

    return Shifted()


class TestClocks:
    @pytest.mark.parametrize(
        ("kind", "ahead"), [(Postgres, HOUR), (Valkey, HOUR), (Valkey, -HOUR), (Mongo, HOUR)]
    )
    def test_a_server_an_hour_off(self, kind: type[Server], ahead: int) -> None:
        """Nothing depends on the server's clock: what is revoked stays, what is not goes on."""
        with on_another_clock(kind, ahead) as server, Closing() as made:
            store = made(new_store(kind, server.url, GENEROUS))
            store.create()
            replica = made(Replica(store))
            replica.read()
            codec: Codec = SessionCodec(RING, policy=POLICY, revocation=replica)
            asking: Codec = SessionCodec(RING, policy=POLICY, revocation=store)
            phone, laptop, other = (codec.encode({}, subject="ada") for _ in range(3))
            codec.revoke(codec.decode(phone))
            codec.revoke_subject("ada", keep=codec.decode(laptop))
            again = codec.encode({}, subject="ada")
            now = int(time())
            # About to end: only its own clock could make a server drop it.
            store.deny(Denial(sid(1), None, now - LIFE, now + 60), now=now)
            store.sweep(now=now)
            replica.read()
            for each in (codec, asking):
                assert answer(each, phone) == "revoked"
                assert answer(each, other) == "revoked"
                assert answer(each, laptop) == "goes on"
                assert answer(each, again) == "goes on"
            assert store.look_up(sid(1), None).denied
            assert entries(replica, sid(1), None).denied

    def test_a_server_whose_clock_goes_back(self) -> None:
        """Its stream gives numbers by its clock, and yet never one that was overtaken."""
        with on_another_clock(Valkey, HOUR) as server, Closing() as made:
            store = made(RedisStore(RedisServer(server.url, timeout=GENEROUS)))
            store.create()
            replica = Replica(store)
            replica.deny(denial(1), now=NOW)
            replica.read()
            server.stop()
            server.ahead = -HOUR
            server.start()
            for number in (2, 3):
                store.deny(denial(number), now=NOW)
                replica.read()
                assert entries(replica, sid(number), None).denied

    @pytest.mark.parametrize("name", ["new_sqlite", "new_postgres", "new_valkey"])
    def test_a_host_an_hour_fast(self, name: str, request: pytest.FixtureRequest) -> None:
        """Sweeps nothing that the others still need; its marks keep its users out, told why."""
        store: Store = request.getfixturevalue(name)()
        store.deny(denial(1, until=NOW), now=NOW)
        store.deny(denial(2, None), now=NOW + HOUR)
        assert store.look_up(sid(1), None).denied
        codec: Codec = SessionCodec(RING, policy=POLICY, revocation=store)
        codec.revoke_subject("ada", now=NOW + HOUR)
        with pytest.raises(StoreError, match="compare the clocks"):
            codec.encode({}, subject="ada", now=NOW)
        assert codec.encode({}, subject="bob", now=NOW)
        assert codec.encode({}, subject="ada", now=NOW + HOUR)

    def test_a_host_an_hour_slow(self) -> None:
        """Ends the session in hand as ever, but not all that its subject has begun since.

        That is what the bound of 5 s between two clocks is for.
        """
        codec: Codec = SessionCodec(RING, policy=POLICY, revocation=MemoryStore())
        token = codec.encode({}, subject="ada", now=NOW)
        codec.revoke_subject("ada", now=NOW - HOUR)
        assert codec.decode(token, now=NOW).subject == "ada"
        codec.revoke(codec.decode(token, now=NOW), now=NOW - HOUR)
        with pytest.raises(Revoked):
            codec.decode(token, now=NOW)
