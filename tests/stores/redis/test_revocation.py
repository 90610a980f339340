"""The Redis store on Redis 7, on Valkey 9, and on a cluster of three masters."""

from __future__ import annotations

import warnings
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
import redis
from redis import cluster as redis_cluster
from redis.cluster import RedisCluster

from tests.revocation.asking import entries
from tests.servers import Cluster, Redis, Valkey
from tests.stores.fixtures import new_prefix
from tests.stores.revocation_contract import StoreContract
from tests.stores.samples import ADA, LIFE, NOW, apply, denial, key, same, sid, spared
from tokensession import ConfigError, StoreError
from tokensession.revocation import replica as replicas
from tokensession.revocation.decision import Entries, Successor
from tokensession.revocation.entries import RevocationEntries
from tokensession.revocation.replica import Replica
from tokensession.stores import Connection, connect
from tokensession.stores.redis import revocation as redisstore
from tokensession.stores.redis.revocation import RedisStore
from tokensession.stores.redis.server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tokensession.revocation.store import Position, Store


GENEROUS = 30  # seconds; a call with a timeout of one second ends within these on any machine


class RedisContract(StoreContract):
    @pytest.fixture
    def small_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Read four entries at a time."""
        monkeypatch.setattr(redisstore, "BATCH", 4)


class TestRedis(RedisContract):
    @pytest.fixture
    def new_store(self, new_redis: Callable[[], Store]) -> Callable[[], Store]:
        """Make a store on Debian's Redis per call."""
        return new_redis


class TestValkey(RedisContract):
    @pytest.fixture
    def new_store(self, new_valkey: Callable[[], Store]) -> Callable[[], Store]:
        """Make a store on Valkey per call."""
        return new_valkey


class TestCluster(RedisContract):
    """Each store's keys have one slot, so its scripts run as one step on the node that has it."""

    @pytest.fixture
    def new_store(self, cluster: Cluster) -> Iterator[Callable[[], Store]]:
        """Make a store per call, each with a client of its own."""
        made: list[Connection] = []

        def make() -> Store:
            made.append(connect(cluster.client(60), prefix=new_prefix()))
            store = made[-1].revocations()
            made[-1].create()
            return store

        yield make
        for connection in made:
            connection.close()

    def test_stores_are_on_different_nodes(
        self, cluster: Cluster, new_store: Callable[[], Any]
    ) -> None:
        """Stores of different prefixes are on different nodes, each with all of its keys on one."""
        nodes = [
            {cluster.holder(key).port for key in new_store()._keys}
            for _ in range(20)
        ]  # fmt: skip
        assert all(len(ports) == 1 for ports in nodes)
        assert len(set.union(*nodes)) == len(cluster.nodes)


class Trimmed(RedisStore):
    """A store in which others write so much, while it is read, that the oldest changes leave."""

    cut = 0  # pages before that

    def _call(self, command: str, *arguments: Any, **options: Any) -> Any:
        if command == "xrange":
            if self.cut == 0:
                self._connection.client.xtrim(self._keys[4], maxlen=1, approximate=False)
            self.cut -= 1
        return super()._call(command, *arguments, **options)


@pytest.mark.parametrize("pages", [0, 1, 2])
def test_changes_that_leave_while_they_are_read(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    """All is read then, as the copy would lack what has left until it happens to read all."""
    monkeypatch.setattr(redisstore, "BATCH", 4)
    store = Trimmed(RedisServer(valkey.url, prefix=new_prefix(), timeout=60))
    store.create()
    copy = RevocationEntries()
    position = apply(copy, store.read(None))
    for number in range(12):
        store.deny(denial(number), now=NOW)
    store.cut = pages
    position = apply(copy, store.read(position))
    assert same(copy, store, map(sid, range(12)))
    assert len(list(store.read(position))) == 1  # nothing is new
    store.close()


OF_REPLICAS: list[dict[str, Any]] = [{"read_from_replicas": True}]
if hasattr(redis_cluster, "LoadBalancingStrategy"):  # redis 5.2 has none
    OF_REPLICAS.append({"load_balancing_strategy": redis_cluster.LoadBalancingStrategy.ROUND_ROBIN})


@pytest.mark.parametrize("option", OF_REPLICAS)
def test_a_client_that_reads_from_replicas(cluster: Cluster, option: dict[str, Any]) -> None:
    """Is refused: what a replica has not heard yet would be taken for all that there is."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        client = RedisCluster(host="127.0.0.1", port=cluster.nodes[0].port, **option)
    with pytest.raises(ConfigError, match="reads from replicas"):
        RedisStore(RedisServer(client, prefix=new_prefix()))
    client.close()


def test_a_cluster_that_loses_a_node_or_all(slow: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a StoreError in time, a copy goes on meanwhile, and all works again afterwards."""
    monkeypatch.setattr(replicas, "time", lambda: NOW)  # the day of these entries
    with Cluster() as cluster:
        server = RedisServer(cluster.client(1))
        store, overflow = server.revocations(), server.overflow()
        server.create()
        store.deny(denial(1), now=NOW)
        replica = Replica(store)
        replica.read()
        assert isinstance(store, RedisStore)
        node = cluster.holder(store._keys[0])
        for nodes, hangs in (([node], True), ([node], False), (cluster.nodes, False)):
            for one in nodes:
                (one.pause if hangs else one.kill)()
            calls: list[Callable[[], object]] = [
                lambda: store.look_up(sid(1), ADA),
                lambda: replica.deny(denial(2), now=NOW),
                replica.read,
            ]
            for call in calls:
                begun = monotonic()
                with pytest.raises(StoreError, match=r"\(redis\) failed"):
                    call()
                assert monotonic() - begun < GENEROUS
            assert entries(replica, sid(1), ADA).denied
            assert not entries(replica, sid(2), ADA).denied
            for one in nodes:
                (one.resume if hangs else one.start)()
            cluster.wait()
            assert store.look_up(sid(1), ADA).denied
            replica.read()
        for one in cluster.nodes:
            one.kill()
        with pytest.raises(StoreError, match=r"\(redis\) failed"):
            overflow.get(bytes(16))
        server.close()


def read_sids(store: Store, position: Position | None) -> tuple[set[bytes], Position | None]:
    """Return the session ids that reading gives, and the position after it."""
    seen: set[bytes] = set()
    for batch in store.read(position):
        seen |= {one for one, _ in batch.denied}
        position = batch.position
    return seen, position


class TestFailures:
    def test_flushed(self, new_valkey: Callable[[], RedisStore], valkey: Valkey) -> None:
        """A store that lost all or a part refuses sessions until an operator makes it anew."""
        for gone in (0, 1, 2, 5):
            store = new_valkey()
            store.deny(denial(1), now=NOW)
            store.mark(ADA, spared(2), now=NOW, life=LIFE)
            with redis.Redis.from_url(valkey.url) as client:
                client.delete(store._keys[gone])
            for call in (
                lambda: store.look_up(sid(3), None),  # noqa: B023  # called at once
                lambda: store.deny(denial(4), now=NOW),  # noqa: B023
                lambda: list(store.read(None)),  # noqa: B023
            ):
                with pytest.raises(StoreError, match="is empty"):
                    call()
            store.create()
            assert store.look_up(sid(3), None) == Entries()

    def test_another_version_and_garbage(
        self, new_valkey: Callable[[], RedisStore], valkey: Valkey
    ) -> None:
        """The former is left alone; of the latter what decides denies, the rest is skipped."""
        store = new_valkey()
        store.deny(denial(1), now=NOW)
        fields, denied, marks, _, changes, chains = store._keys
        _, position = read_sids(store, None)
        with redis.Redis.from_url(valkey.url) as client:
            client.zadd(denied, {b"short": 1, b"x" * 16: -5})
            client.hset(marks, key("eve").hex(), "x")
            client.hset(marks, ADA, "not a mark")
            client.xadd(changes, {"what": "x"})
            client.xadd(changes, {"d": b"y" * 16, "u": "later"})
            client.xadd(changes, {"m": ADA, "v": "no mark"})
            assert sum(batch.skipped for batch in store.read(None)) == 4
            assert sum(batch.skipped for batch in store.read(position)) == 3
            calls: list[Callable[[], object]] = [
                lambda: store.look_up(sid(1), ADA),
                lambda: store.mark(ADA, None, now=NOW, life=LIFE),
                lambda: store.replace(denial(2), sid(3), now=NOW),
                lambda: store.deny(denial(2)._replace(successor=Successor(sid(3), ADA)), now=NOW),
            ]
            for call in calls:
                with pytest.raises(StoreError, match="invalid entry"):
                    call()
            for link in (b"f", b"c" * 16, b"x" + sid(5), b"f" + sid(4)):
                client.hset(chains, mapping={sid(3): link, sid(4): b"x"})
                for call in (
                    lambda: store.deny(denial(3, None), now=NOW),
                    lambda: store.replace(denial(3, None), sid(5), now=NOW),
                ):
                    with pytest.raises(StoreError, match="invalid entry"):
                        call()
            assert not store.look_up(sid(3), None).denied
            for kept in ("zz", "0" * 31, "A" * 32):
                client.hset(marks, ADA, f"5 5 5 {kept}")
                with pytest.raises(StoreError, match="invalid entry"):
                    store.look_up(sid(1), ADA)
            client.hset(fields, "everyone", "soon")
            with pytest.raises(StoreError, match="invalid entry"):
                store.look_up(sid(1), None)
            client.hset(fields, "version", "1")
            for call in (lambda: store.look_up(sid(1), None), store.create):
                with pytest.raises(StoreError, match="another version"):
                    call()
            client.delete(denied)
            client.set(denied, "a text")
            with pytest.raises(StoreError, match=r"WRONGTYPE|another version"):
                store.look_up(sid(1), None)

    def test_full(self) -> None:
        """Writing fails with its reason, reading goes on; room helps at once."""
        with Valkey(("--maxmemory", "2mb"), durable=False) as server:
            store = RedisStore(RedisServer(server.url, timeout=60))
            store.create()
            with redis.Redis.from_url(server.url) as client:
                client.config_set("maxmemory", 1)
                with pytest.raises(StoreError, match=r"(?i)oom|memory"):
                    store.deny(denial(1), now=NOW)
                assert store.look_up(sid(1), None) == Entries()
                client.config_set("maxmemory", 0)
            store.deny(denial(1), now=NOW)
            assert store.look_up(sid(1), None).denied
            store.close()

    def test_evicting(self) -> None:
        """Refused, unless that is accepted by name."""
        with Valkey(("--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru")) as server:
            store = RedisStore(RedisServer(server.url, timeout=60))
            with pytest.raises(StoreError, match=r"allkeys-lru"):
                store.create()
            assert store.capabilities.durable
            store.close()
            store = RedisStore(RedisServer(server.url, timeout=60), may_forget=True)
            store.create()
            assert not store.capabilities.durable
            assert store.capabilities.loss_accepted
            store.close()

    def test_a_restart_without_a_log(self, slow: None) -> None:
        """Has lost everything, and says so."""
        with Redis(durable=False) as server:
            store = RedisStore(RedisServer(server.url, timeout=60))
            store.create()
            server.restart()
            with pytest.raises(StoreError, match="is empty"):
                store.look_up(sid(1), None)
            store.close()

    def test_arguments(self, valkey: Valkey) -> None:
        """Are refused when the store is made, without I/O."""
        with pytest.raises(ConfigError, match="invalid URL for redis-py"):
            RedisStore(RedisServer("http://h"))
        with pytest.raises(ConfigError, match="text or a client"):
            RedisStore(RedisServer(7))  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="timeout"):
            RedisStore(RedisServer(valkey.url, timeout=-1))
        with pytest.raises(ConfigError, match="prefix"):
            RedisStore(RedisServer(valkey.url, prefix="{a}"))
        with (
            redis.Redis.from_url(valkey.url, decode_responses=True) as client,
            pytest.raises(ConfigError, match="decode_responses"),
        ):
            RedisStore(RedisServer(client))

    def test_who_falls_behind_reads_everything(
        self, new_valkey: Callable[[], RedisStore], valkey: Valkey
    ) -> None:
        """A replica whose position is no longer kept reads everything."""
        store = new_valkey()
        _, position = read_sids(store, None)
        for number in range(3):
            store.deny(denial(number), now=NOW)
        with redis.Redis.from_url(valkey.url) as client:
            client.xtrim(store._keys[4], maxlen=1, approximate=False)
        assert read_sids(store, position)[0] == {sid(0), sid(1), sid(2)}
