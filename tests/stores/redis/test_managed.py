"""Redis as managed services hand it out: volatile eviction, and users with few rights."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest
import redis

from tests.servers import Redis, Valkey
from tests.stores.fixtures import PATIENCE, new_prefix
from tests.stores.samples import ADA, LIFE, NOW, denial, sid
from tokensession import StoreError
from tokensession.stores.redis.server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PASSWORD = "hunter2"
# What docs/storage.md grants.
RIGHTS = ("+@read", "+@write", "+@scripting", "+@connection", "+info")


@pytest.fixture(params=[Redis, Valkey], scope="module")
def server(slow: None, request: pytest.FixtureRequest) -> Iterator[Redis]:
    """Give a full memory's server, whose policy leaves keys without an expiry alone."""
    options = ("--maxmemory", "6mb", "--maxmemory-policy", "volatile-lru")
    with request.param(options, durable=False) as running:
        yield running


def restricted(server: Redis, *rights: str) -> RedisServer:
    """Return a connection as a user that has these rights alone."""
    prefix = new_prefix()
    with redis.Redis.from_url(server.url) as admin:
        keys = (f"~{{{prefix}}}:*", f"~{prefix}:*")
        admin.execute_command(
            "ACL", "SETUSER", prefix, "reset", "on", f">{PASSWORD}", *keys, *rights
        )
    url = f"unix://{prefix}:{PASSWORD}@{server.socket}"
    return RedisServer(url, prefix=prefix, timeout=PATIENCE)


def test_volatile_eviction_leaves_revocations(server: Redis) -> None:
    """It takes keys that have an expiry, which those of revocations have not."""
    store = RedisServer(server.url, prefix=new_prefix(), timeout=PATIENCE)
    revocations = store.revocations()
    store.create()
    for number in range(50):
        revocations.deny(denial(number), now=NOW)
    with redis.Redis.from_url(server.url) as client:
        for page in count():
            with client.pipeline(transaction=False) as pipe:
                for number in range(500):
                    pipe.set(f"cache:{page}:{number}", bytes(1000), ex=1000)
                pipe.execute(raise_on_error=False)
            if client.info("stats")["evicted_keys"] > 1000:
                break
        assert all(revocations.look_up(sid(number), None).denied for number in range(50))
        client.flushall()
    store.close()


def test_the_rights_that_the_guide_grants_suffice(server: Redis) -> None:
    """CONFIG is not among them, nor any other dangerous command than INFO."""
    store = restricted(server, *RIGHTS)
    revocations, overflow = store.revocations(), store.overflow()
    keys = store.keys(f"{store.prefix}:keys")
    store.create()
    revocations.replace(denial(1), sid(2), now=NOW)
    revocations.mark(ADA, None, now=NOW, life=LIFE)
    list(revocations.read(None))
    revocations.sweep(now=NOW)
    assert revocations.count().denied == 1
    overflow.put(bytes(32), b"entry", until=NOW + LIFE, now=NOW)
    assert overflow.keep(bytes(32), until=NOW + 2 * LIFE, now=NOW)
    overflow.delete(bytes(32))
    assert keys.write(b"one", over=None)
    assert keys.write(b"two", over=b"one")
    assert keys.read() == b"two"
    store.close()


def test_without_info(server: Redis) -> None:
    """The store cannot tell whether the server evicts: it names the right, or what accepts that."""
    store = restricted(server, "+@all", "-@dangerous")
    with pytest.raises(StoreError, match=r"grant \+info .* or accept that .*may_forget=True"):
        store.create("revocations")
    accepting = store.revocations(may_forget=True)
    accepting.create()
    accepting.deny(denial(1), now=NOW)
    assert accepting.look_up(sid(1), None).denied
    list(accepting.read(None))
    store.close()


@pytest.mark.parametrize("role", ["revocations", "overflow", "keys"])
def test_a_right_that_is_missing(server: Redis, role: str) -> None:
    """The message says what the server said, and what to grant; it holds no document."""
    store = restricted(server, "+@connection")
    calls: dict[str, Callable[[], object]] = {
        "revocations": lambda: store.revocations().create(),
        "overflow": lambda: store.overflow().get(bytes(32)),
        "keys": lambda: store.keys().write(b"secret", over=b"secret"),
    }
    with pytest.raises(StoreError, match=r"(?s)no permissions.*grant its user \+@read") as caught:
        calls[role]()
    assert "secret" not in str(caught.value)
    store.close()
