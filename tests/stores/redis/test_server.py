"""The connection to Redis: one client, one name, one set of options for all of its roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import redis
from redis.sentinel import Sentinel

from tests.stores.fixtures import PATIENCE, new_prefix
from tests.stores.samples import NOW, denial, sid
from tokensession import ConfigError, KeyRing
from tokensession.keys.source import create, load_ring
from tokensession.stores import connect
from tokensession.stores.connection import MAX_AGE
from tokensession.stores.redis.keys import RedisKeySource
from tokensession.stores.redis.server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers import Cluster, Valkey

URL = "redis://ada:hunter2@localhost:1/3"


def test_all_roles_share_one_client(valkey: Valkey) -> None:
    """They work side by side under one prefix, and on one connection while calls take turns."""
    name = new_prefix()
    store = connect(redis.Redis.from_url(valkey.url, client_name=name), prefix=name)
    revocations, overflow, keys = store.revocations(), store.overflow(), store.keys(name)
    store.create()
    revocations.deny(denial(1), now=NOW)
    overflow.put(bytes(32), b"entry", until=NOW + 60, now=NOW)
    assert keys.write(b"{}", over=None)
    with redis.Redis.from_url(valkey.url) as other:
        assert [one["name"] for one in other.client_list()].count(name) == 1
    store.close()
    assert revocations.look_up(sid(1), None).denied
    assert overflow.get(bytes(32)) == b"entry"
    assert keys.read() == b"{}"
    store.close()


def test_roles_work_on_a_cluster(cluster: Cluster) -> None:
    """The document of the keys has a slot of its own; the name shows where it is."""
    store = connect(cluster.client(60), prefix=new_prefix())
    keys = store.keys(new_prefix())
    store.revocations()
    store.create()
    assert keys.write(b"one", over=None)
    assert keys.write(b"two", over=b"one")
    assert keys.read() == b"two"
    assert keys.name.startswith("redis 127.0.0.1:")
    store.close()


def test_a_clusters_client_keeps_keys(cluster: Cluster) -> None:
    """A ring is made, read and named through it, also once its connections are closed."""
    store = connect(cluster.client(60))
    source = store.keys(new_prefix())
    ring = KeyRing.generate()
    assert create(source, ring)
    for _ in range(2):
        assert load_ring(source).fingerprint == ring.fingerprint
        store.close()
        assert source.name.startswith("redis 127.0.0.1:")


def test_the_client_of_a_sentinel_is_named_by_its_service() -> None:
    """The host is known to the Sentinel alone."""
    sentinel: Any = Sentinel([("127.0.0.1", 1)])  # type: ignore[no-untyped-call]
    client = sentinel.master_for("mymaster")
    assert connect(client).keys().name == "redis mymaster/0#tokensession:keys"


def test_an_old_connection_is_made_anew(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old connection is made anew, as a firewall can have dropped it; a young one is reused."""
    now = [1000.0]
    monkeypatch.setattr("tokensession.stores.redis.server.time", lambda: now[0])
    store = connect(valkey.url, timeout=PATIENCE)
    overflow = store.overflow()
    numbers = []
    for seconds in (0, MAX_AGE, MAX_AGE + 1, 0):
        now[0] += seconds
        overflow.get(bytes(32))
        numbers.append(store.client.client_id())  # type: ignore[attr-defined]
    assert numbers[0] == numbers[1] != numbers[2] == numbers[3]
    store.close()


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (URL, "redis localhost:1/3"),
        ("valkeys://h", "redis h:6379/0"),
        ("unix://u:hunter2@/run/s", "redis /run/s/0"),
    ],
)
def test_its_name_has_no_password(url: str, name: str) -> None:
    """It has the place alone, and the name of a document after it."""
    assert connect(url).name == name
    assert connect(url).keys("shop").name == f"{name}#shop"
    assert RedisKeySource(RedisServer(url)).name == f"{name}#tokensession:keys"


def test_a_client_that_decodes_serves_keys_alone() -> None:
    """Stores of bytes refuse it when they are asked for, without I/O."""
    store = connect(redis.Redis(port=1, decode_responses=True))
    assert store.keys()
    roles: list[Callable[[], object]] = [store.revocations, store.overflow]
    for role in roles:
        with pytest.raises(ConfigError, match="without decode_responses"):
            role()
