"""The Redis store on Redis 7, on Valkey 9, and on a cluster of three masters."""

from __future__ import annotations

import warnings
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from redis.cluster import LoadBalancingStrategy, RedisCluster

from tests.servers import Cluster, Valkey
from tests.stores.fixtures import new_prefix
from tests.stores.revocation_contract import ADA, NOW, StoreContract, apply, denial, same, sid
from tokensession import ConfigError, StoreError
from tokensession.revocation import replica as replicas
from tokensession.revocation.entries import RevocationEntries
from tokensession.revocation.replica import Replica
from tokensession.stores.redis import revocation as redisstore
from tokensession.stores.redis.overflow import RedisStore as OverflowStore
from tokensession.stores.redis.revocation import RedisStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tokensession.revocation.store import Store


GENEROUS = 30  # seconds within which whatever has a timeout of one must end on any machine


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
        made: list[RedisStore] = []

        def make() -> RedisStore:
            made.append(RedisStore(cluster.client(60), prefix=new_prefix()))
            made[-1].create()
            return made[-1]

        yield make
        for store in made:
            store.close()

    def test_stores_are_on_different_nodes(
        self, cluster: Cluster, new_store: Callable[[], Any]
    ) -> None:
        """By their prefixes; all keys of one are on one."""
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
                self._server.client.xtrim(self._keys[4], maxlen=1, approximate=False)
            self.cut -= 1
        return super()._call(command, *arguments, **options)


@pytest.mark.parametrize("pages", [0, 1, 2])
def test_changes_that_leave_while_they_are_read(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    """All is read then, as the copy would lack what has left until it happens to read all."""
    monkeypatch.setattr(redisstore, "BATCH", 4)
    store = Trimmed(valkey.url, prefix=new_prefix(), timeout=60)
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


@pytest.mark.parametrize(
    "option",
    [
        {"read_from_replicas": True},
        {"load_balancing_strategy": LoadBalancingStrategy.ROUND_ROBIN},
    ],
)
def test_a_client_that_reads_from_replicas(cluster: Cluster, option: dict[str, Any]) -> None:
    """Is refused: what a replica has not heard yet would be taken for all that there is."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        client = RedisCluster(host="127.0.0.1", port=cluster.nodes[0].port, **option)
    with pytest.raises(ConfigError, match="reads from replicas"):
        RedisStore(client, prefix=new_prefix())
    client.close()


def test_a_cluster_that_loses_a_node_or_all(slow: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a StoreError in time, a copy goes on meanwhile, and all works again afterwards."""
    monkeypatch.setattr(replicas, "time", lambda: NOW)  # the day of these entries
    with Cluster() as cluster:
        store = RedisStore(cluster.client(1))
        overflow = OverflowStore(cluster.client(1))
        store.create()
        store.deny(denial(1), now=NOW)
        replica = Replica(store)
        replica.read()
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
            assert replica.look_up(sid(1), ADA).denied
            assert not replica.look_up(sid(2), ADA).denied
            for one in nodes:
                (one.resume if hangs else one.start)()
            cluster.wait()
            assert store.look_up(sid(1), ADA).denied
            replica.read()
        for one in cluster.nodes:
            one.kill()
        with pytest.raises(StoreError, match=r"\(redis\) failed"):
            overflow.get(bytes(16))
        overflow.close()
        store.close()
