"""What pymemcache raises when a server or a connection goes away under a call."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.servers import Memcached
from tests.stores.fixtures import PATIENCE, new_prefix, retried
from tests.stores.samples import NOW, denial, sid
from tokensession import ConfigError, StoreError
from tokensession.stores import connect
from tokensession.stores.memcached.server import MemcachedServer, expiry


@pytest.mark.parametrize(
    "error", [AssertionError, AttributeError, ValueError, ConnectionResetError]
)
def test_a_connection_that_goes_away_is_tried_once_more(error: type[Exception]) -> None:
    """The second try counts; where it fails too, the store cannot be reached."""
    server = MemcachedServer("unix:/nowhere", timeout=1)
    outcomes: list[Any] = [error("half a line"), b"found"]

    def call(_: Any) -> bytes:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        assert isinstance(outcome, bytes)
        return outcome

    assert server.run(call, store="overflow") == b"found"
    outcomes.extend([error("half a line"), error("half a line")])
    with pytest.raises(StoreError, match=rf"the overflow store .* failed: {error.__name__} half"):
        server.run(call, store="overflow")
    outcomes.extend([error("half a line"), b"not asked for"])
    with pytest.raises(StoreError):
        server.run(call, store="overflow", again=False)
    assert outcomes == [b"not asked for"]


def test_a_call_that_times_out_leaves_the_others_alone(slow: None) -> None:
    """It ends its own connection; what another thread waits for on its own still arrives."""
    with Memcached() as process:
        server = MemcachedServer(process.url, timeout=0.2)
        put = partial(server.run, lambda client: client.set("key", b"value", noreply=False))
        retried(lambda: put(store="t"))
        with server.client().client_pool.get_and_release() as busy:
            busy.sock.settimeout(PATIENCE)
            assert busy.get("key") == b"value"
            connection = busy.sock
            process.pause()
            with pytest.raises(StoreError, match="timed out"):
                server.run(lambda client: client.get("key"), store="overflow")
            process.resume()
            assert busy.get("key") == b"value"
            assert busy.sock is connection
        server.close()


def test_a_dead_connection_takes_the_idle_ones_with_it(slow: None) -> None:
    """They are as old; one that another thread is using is left to that thread."""
    with Memcached() as process:
        server = MemcachedServer(process.url, timeout=60)
        pool = server.client().client_pool
        with pool.get_and_release() as busy:
            busy.set("key", b"value", noreply=False)
            connection = busy.sock
            with pool.get_and_release() as one, pool.get_and_release() as other:
                assert one.get("key") == other.get("key") == b"value"
            sockets = [one.sock, other.sock]
            outcomes: list[Any] = [ConnectionResetError("gone"), b"found"]

            def call(client: Any) -> bytes | None:
                if len(outcomes) == 2:
                    raise outcomes.pop(0)
                found: bytes | None = client.get("key")
                return found

            assert server.run(call, store="overflow") == b"value"
            assert [one.fileno() for one in sockets] == [-1, -1]
            assert busy.get("key") == b"value"
            assert busy.sock is connection
        server.close()


def test_a_server_that_is_no_address() -> None:
    """A port that is not a number is refused where the connection is made."""
    with pytest.raises(ConfigError, match="server must be host:port"):
        MemcachedServer("host:port", timeout=1)


def test_long_lives_are_instants() -> None:
    """What the server would take for one of 1970 is given as one of its own time."""
    assert expiry(NOW + 30 * 86400, NOW) == 30 * 86400
    assert expiry(NOW + 30 * 86400 + 1, NOW) > 1_700_000_000
    assert expiry(2**40, 0) == 2**31 - 1
    assert expiry(0, NOW) == 1


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("memcached://h:11211", "memcached h:11211"),
        ("h:11211", "memcached h:11211"),
        ("memcached:///run/m", "memcached unix:/run/m"),
        ("unix:/run/m", "memcached unix:/run/m"),
    ],
)
def test_its_name(url: str, name: str) -> None:
    """The name is only the address, in one spelling."""
    assert MemcachedServer(url).name == name


def test_all_roles_share_one_pool(memcached: Memcached) -> None:
    """They work side by side under one prefix; it keeps no keys."""
    store = connect(memcached.url, prefix=new_prefix(), item_limit=2**21)
    revocations, overflow = store.revocations(may_forget=True), store.overflow()
    store.create()
    revocations.deny(denial(1), now=NOW)
    overflow.put(bytes(32), b"entry", until=NOW + 60, now=NOW)
    assert overflow.largest == 2**21 - 1024
    with pytest.raises(ConfigError, match="Memcached cannot store keys"):
        store.keys()
    store.close()
    assert revocations.look_up(sid(1), None).denied
    assert overflow.get(bytes(32)) == b"entry"
    store.close()
