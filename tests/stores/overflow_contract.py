"""What every store of overflowed states does, on real servers: each store's tests inherit this."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from tests.forks import fork
from tokensession.errors import StoreError
from tokensession.overflow.store import SWEEP_EVERY, SWEEP_MARGIN, Store
from tokensession.stores import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import Server


def name(number: int) -> bytes:
    """Return the name of an entry."""
    return sha256(bytes([number])).digest()


def now() -> int:
    """Return the system's time, by which the servers remove what has ended."""
    return int(time.time())


class OverflowContract:
    """Inherit, and give a fixture `new_store` that makes an empty, created store per call.

    Attributes:
        sweeps: Whether the store removes what has ended, and not its server.
    """

    sweeps = False

    @pytest.fixture
    def store(self, new_store: Callable[[], Store]) -> Store:
        """Give an empty store."""
        return new_store()

    def test_it_is_a_store(self, store: Store) -> None:
        """The store has the methods of the protocol of Overflow."""
        assert isinstance(store, Store)
        assert store.largest > 1_000_000

    def test_what_is_put_is_got(self, store: Store) -> None:
        """Any bytes come back as they were put, under their own name alone."""
        at = now()
        entries = {name(1): b"\0\r\n" * 5, name(2): os.urandom(100_000), name(3): b"\xff"}
        for key, entry in entries.items():
            store.put(key, entry, until=at + 100, now=at)
        assert {key: store.get(key) for key in entries} == entries
        assert store.get(name(4)) is None

    def test_putting_again(self, store: Store) -> None:
        """A write whose answer was lost is made again, which is no error."""
        at = now()
        for _ in range(2):
            store.put(name(1), b"entry", until=at + 100, now=at)
        assert store.get(name(1)) == b"entry"

    @pytest.mark.parametrize("short", [0, 1])
    def test_the_largest_entry(self, store: Store, short: int) -> None:
        """What a store says that it takes it does take."""
        at = now()
        entry = os.urandom(store.largest - short)
        store.put(name(1), entry, until=at + 100, now=at)
        assert store.get(name(1)) == entry

    def test_any_name(self, store: Store) -> None:
        """Zeros, line ends and bytes that are no text are names like any other."""
        at = now()
        for key in (bytes(32), b"\r\n" * 16, b"\xff" * 32, b"a" * 31 + b" "):
            store.put(key, key * 2, until=at + 100, now=at)
            assert store.get(key) == key * 2
        assert store.get(b"a" * 31 + b"\0") is None

    def test_deleting(self, store: Store) -> None:
        """It is gone at once, alone, and a second time is none the worse."""
        at = now()
        for number in (1, 2):
            store.put(name(number), b"entry", until=at + 100, now=at)
        for _ in range(2):
            store.delete(name(1))
            assert store.get(name(1)) is None
        assert store.get(name(2)) == b"entry"

    def test_an_entry_leaves_after_its_end(self, store: Store) -> None:
        """An entry leaves after its end or by a sweep, and a prolonged one stays."""
        deadline = time.monotonic() + 300
        at = now()
        for number in (1, 2, 3):
            store.put(name(number), b"entry", until=at + 1, now=at)
        while not store.keep(name(2), until=at + 500, now=at):  # a busy machine came too late
            assert time.monotonic() < deadline
            at = now()
            store.put(name(2), b"entry", until=at + 1, now=at)
        store.put(name(4), b"entry", until=at + 500, now=at)
        while store.get(name(1)) is not None or store.get(name(3)) is not None:
            assert time.monotonic() < deadline
            store.sweep(now=now())
            time.sleep(0.05)
        assert store.get(name(2)) == store.get(name(4)) == b"entry"

    def test_keeping_what_is_not_there(self, store: Store) -> None:
        """It says so."""
        assert not store.keep(name(1), until=now() + 100, now=now())

    def test_keeping_never_shortens(self, store: Store) -> None:
        """A renewal that comes late takes nothing from an earlier one."""
        at = now()
        store.put(name(1), b"entry", until=at + 500, now=at)
        assert store.keep(name(1), until=at + 1, now=at)
        time.sleep(2.1)  # the servers' own clocks decide here, and cannot be passed a time
        store.sweep(now=at + 2)
        assert store.get(name(1)) == b"entry"

    def test_long_times(self, store: Store) -> None:
        """Beyond the 30 days that some servers take for an instant, and beyond the year 9999."""
        at = now()
        for number, seconds in enumerate((30 * 86400, 30 * 86400 + 1, 2**32 - 1, 2**40)):
            store.put(name(number), b"entry", until=at + seconds, now=at)
            assert store.get(name(number)) == b"entry"
            assert store.keep(name(number), until=at + seconds + 1, now=at)
            assert store.get(name(number)) == b"entry"

    def test_sweeping_is_bounded(self, store: Store) -> None:
        """It takes as many as it may, the earliest first, and is called again for the rest."""
        at = now()
        if not self.sweeps:
            assert store.sweep(now=at) == 0
            return
        for number in range(10):
            store.put(name(number), b"entry", until=at + 10, now=at)
        store.put(name(99), b"entry", until=at + 100, now=at)
        assert store.sweep(now=at + 10) == 0
        assert [store.sweep(now=at + 11, limit=4) for _ in range(4)] == [4, 4, 2, 0]
        assert store.get(name(99)) == b"entry"

    def test_what_has_ended_leaves_with_the_writing(self, store: Store) -> None:
        """Writing removes ended entries, so a store in use does not grow without a sweep."""
        at = now()
        if not self.sweeps:
            pytest.skip("its server does that")
        for number in range(SWEEP_EVERY - 1):
            store.put(name(number), b"entry", until=at + 10, now=at)
        assert store.get(name(0)) == b"entry"
        late = at + 11 + SWEEP_MARGIN
        store.put(name(99), b"entry", until=late + 10, now=late)
        assert store.get(name(0)) is store.get(name(SWEEP_EVERY - 2)) is None
        assert store.get(name(99)) == b"entry"

    def test_creating_again(self, store: Store) -> None:
        """It can run at every start, and in many processes at once."""
        at = now()
        store.put(name(1), b"entry", until=at + 100, now=at)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: store.create(), range(8)))
        assert store.get(name(1)) == b"entry"

    def test_stores_of_their_own_share_nothing(self, new_store: Callable[[], Store]) -> None:
        """Each name is a store of its own."""
        at = now()
        one, other = new_store(), new_store()
        one.put(name(1), b"entry", until=at + 100, now=at)
        assert other.get(name(1)) is None

    def test_many_at_once(self, store: Store) -> None:
        """Each thread gets what it has put."""
        at = now()

        def work(number: int) -> bool:
            entry = os.urandom(1000)
            store.put(name(number), entry, until=at + 100, now=at)
            return (
                store.keep(name(number), until=at + 200, now=at)
                and store.get(name(number)) == entry
            )

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(work, range(64)))

    @pytest.mark.parametrize("hooks", [True, False])
    def test_a_forked_child_has_connections_of_its_own(self, store: Store, *, hooks: bool) -> None:
        """It reads what its parent wrote, and neither disturbs the other."""
        at = now()
        store.put(name(1), b"entry", until=at + 100, now=at)

        def check() -> None:
            assert [store.get(name(1)) for _ in range(20)] == [b"entry"] * 20

        held_in_child = fork(check, hooks=hooks)
        check()
        assert held_in_child()


class KilledServerContract:
    """Inherit where the store is on a server, and give the class of that.

    Attributes:
        server: The class of the server.
        forgets: Whether the server forgets what it was told when it is killed.
    """

    server: type[Server]
    forgets = False

    @pytest.fixture
    def running(self, slow: None) -> Iterator[Server]:
        """Give a server that can be killed."""
        with self.server() as server:
            yield server

    def test_a_killed_server(self, running: Server) -> None:
        """While a server is down each call is a StoreError; old connections do no harm later."""
        at = now()
        connection = connect(running.url, timeout=60)
        hasty = connect(running.url, timeout=5)
        store, quick = connection.overflow(), hasty.overflow()
        store.create()
        with ThreadPoolExecutor(4) as pool:  # several connections, which will all be dead
            for first, one in ((0, store), (100, quick)):
                put = partial(one.put, entry=b"old", until=at + 100, now=at)
                list(pool.map(put, map(name, range(first, first + 16))))
        running.kill()
        calls: list[Callable[[], object]] = [
            lambda: quick.get(name(1)),
            lambda: quick.put(name(20), b"entry", until=at + 100, now=at),
            lambda: quick.keep(name(1), until=at + 100, now=at),
            lambda: quick.delete(name(1)),
        ]

        def fails(call: Callable[[], object]) -> None:
            with pytest.raises(StoreError, match=r"the overflow store \(\w+\) failed: \w"):
                call()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(fails, calls))
        running.start()
        kept = None if self.forgets else b"old"
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(store.get, map(name, range(16)))) == {kept}
        store.put(name(30), b"new", until=at + 100, now=at)
        assert store.get(name(30)) == b"new"
        connection.close()
        hasty.close()
