"""The Memcached store, which may forget, on a real server."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.servers import Memcached
from tests.stores.fixtures import new_prefix
from tests.stores.revocation_contract import StoreContract
from tests.stores.samples import ADA, LIFE, NOW, denial, revokes, sid, spared
from tokensession import KeyRing, Policy, SessionCodec
from tokensession.errors import ConfigError, Revoked, StoreError
from tokensession.revocation.replica import Replica
from tokensession.revocation.store import Counts
from tokensession.stores.memcached import revocation as module
from tokensession.stores.memcached.revocation import MemcachedStore
from tokensession.stores.memcached.server import MemcachedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tokensession.revocation.decision import Mark
    from tokensession.revocation.store import Store

POLICY = Policy(idle_timeout=1800, absolute_timeout=7200)


class Server(MemcachedServer):
    """A server that remembers which keys a store has changed, as it lists none."""

    def __init__(self, where: str, **options: Any) -> None:
        super().__init__(where, **options)
        self.changed: set[str] = set()

    def change(self, key: str, *arguments: Any, **options: Any) -> bytes | None:
        """Change a key."""
        self.changed.add(key)
        return super().change(key, *arguments, **options)


class Counted(MemcachedStore):
    """A store that counts its entries."""

    def __init__(self, where: Server) -> None:
        super().__init__(where, may_forget=True)
        self.server = where

    def count(self) -> Counts:
        """Count what is still there of all that was written."""
        found = self._run(lambda client: client.get_many(sorted(self.server.changed)))
        names = [key.removeprefix(self._prefix)[:2] for key in found]
        return Counts(names.count("d:"), names.count("m:"))


@pytest.fixture
def new_memcached(memcached: Memcached) -> Iterator[Callable[[], Counted]]:
    """Make an empty store per call."""
    made: list[Server] = []

    def make() -> Counted:
        made.append(Server(memcached.url, prefix=new_prefix(), timeout=60))
        store = Counted(made[-1])
        store.create()
        return store

    yield make
    for connection in made:
        connection.close()


class TestMemcached(StoreContract):
    @pytest.fixture
    def new_store(self, new_memcached: Callable[[], Counted]) -> Callable[[], Store]:
        """Make a store per call."""
        return new_memcached

    @pytest.fixture
    def small_batches(self) -> None:
        """Nothing is read in batches."""

    def test_create_leaves_alone_what_is_there(self, store: Any) -> None:
        """It can run at every start."""
        store.deny(denial(1), now=NOW)
        everyone = store.revoke_all(now=NOW)
        store.create()
        found = store.look_up(sid(1), None)
        assert (found.denied, found.everyone) == (True, everyone)

    def test_sweeping_takes_what_has_ended(self, store: Any) -> None:
        """The server does it: what is told to live for a second more is still there."""
        store.deny(denial(1, until=NOW + 1), now=NOW)
        assert store.sweep(now=NOW + 10**6) == 0
        assert store.look_up(sid(1), None).denied

    test_sweeping_is_bounded = test_sweeping_takes_what_has_ended
    test_what_has_long_ended_leaves_by_itself = test_sweeping_takes_what_has_ended

    def test_the_greatest_life_counts(self, store: Any) -> None:
        """That any writer has named."""
        store.deny(denial(1)._replace(until=NOW + 10, life=LIFE), now=NOW)
        store.deny(denial(2)._replace(until=NOW + 10, life=10), now=NOW)
        store.replace(denial(3)._replace(until=NOW + 10), sid(4), now=NOW)
        for number in (1, 2, 3):
            text = get(store, f"d:{sid(number).hex()}")
            assert text is not None
            assert text.split()[0] == b"%d" % (NOW + LIFE)
        assert store.mark(ADA, None, now=NOW, life=10).until == NOW + 5 + LIFE

    def test_the_later_end_counts(self, store: Any) -> None:
        """The later end of a denial counts, in both orders."""
        for ends in ((10, 50), (50, 10)):
            for end in ends:
                store.deny(denial(1, until=NOW + end), now=NOW)
            assert get(store, f"d:{sid(1).hex()}") == b"%d" % (NOW + 50)
        store.mark(ADA, None, now=NOW, life=LIFE)
        assert store.mark(ADA, None, now=NOW, life=10).until == NOW + 6 + LIFE

    def test_a_chain_lives_as_long_as_its_entries(self, store: Any) -> None:
        """The entry of the first id lives as long as the last one of the chain."""
        store.replace(denial(1, until=NOW + 10), sid(2), now=NOW)
        store.replace(denial(2, until=NOW + 50), sid(3), now=NOW)
        assert get(store, f"d:{sid(1).hex()}").split()[0] == b"%d" % (NOW + 50)
        assert store.deny(denial(1, until=NOW + 60), now=NOW).denied == (sid(1), sid(3))


def get(store: MemcachedStore, key: str) -> Any:
    """Return what a store has under a key."""
    return store._run(lambda client: client.get(store._prefix + key))


def put(store: MemcachedStore, key: str, text: bytes) -> None:
    """Put something under a key of a store, as another program could."""
    store._run(lambda client: client.set(store._prefix + key, text, noreply=False))


def forget(store: MemcachedStore, key: str) -> None:
    """Let a key be gone, as when the server evicts it."""
    store._run(lambda client: client.delete(store._prefix + key, noreply=False))


def test_it_is_refused_unless_it_may_forget(memcached: Memcached, hs256: KeyRing) -> None:
    """The store is refused without `may_forget=True`, and never feeds a replica."""
    with pytest.raises(ConfigError, match="may_forget=True"):
        SessionCodec(
            hs256, policy=POLICY, revocation=MemcachedStore(MemcachedServer(memcached.url))
        )
    with pytest.raises(ConfigError):
        Replica(MemcachedStore(MemcachedServer(memcached.url), may_forget=True), max_staleness=60)
    for refusing in (
        lambda: MemcachedStore(MemcachedServer(memcached.url)).count(),
        lambda: MemcachedStore(MemcachedServer(memcached.url)).read(None),
    ):
        with pytest.raises(StoreError, match="cannot"):
            refusing()


def test_signing_out_is_final(memcached: Memcached, hs256: KeyRing) -> None:
    """A sign-out holds while the server remembers it, and all sessions are refused afterwards."""
    store = MemcachedStore(
        MemcachedServer(memcached.url, prefix="codec", timeout=60), may_forget=True
    )
    store.create()
    codec: SessionCodec[Any] = SessionCodec(hs256, policy=POLICY, revocation=store)
    one, other = codec.encode({}, subject="ada"), codec.encode({}, subject="ada")
    codec.revoke(codec.decode(one))
    with pytest.raises(Revoked):
        codec.decode(one)
    assert codec.decode(other).subject == "ada"
    forget(store, "store")
    for call in (lambda: codec.decode(other), lambda: codec.encode({}, subject="ada")):
        with pytest.raises(StoreError, match="is empty"):
            call()
    store.close()


def test_a_restart_denies_until_it_is_made_again(slow: None) -> None:
    """A restart loses the marker too, so no session passes for one that is not revoked."""
    with Memcached() as server:
        store = MemcachedStore(MemcachedServer(server.url, timeout=60), may_forget=True)
        store.create()
        store.deny(denial(1), now=NOW)
        server.kill()
        with pytest.raises(StoreError, match=r"the revocation store \(memcached\) failed"):
            store.look_up(sid(1), None)
        server.start()
        calls: list[Callable[[], object]] = [
            lambda: store.look_up(sid(1), ADA),
            lambda: store.deny(denial(1), now=NOW),
            lambda: store.mark(ADA, None, now=NOW, life=LIFE),
            lambda: store.replace(denial(1), sid(2), now=NOW),
            lambda: store.revoke_all(now=NOW),
            lambda: store.revoke_before(NOW),
        ]
        for call in calls:
            with pytest.raises(StoreError, match="is empty"):
                call()
        store.create()
        assert not store.look_up(sid(1), None).denied
        store.close()


class Died(Exception):  # noqa: N818  # no error of the store's
    """The process is gone."""


class Mortal(MemcachedServer):
    """A connection of a process that dies before one of its calls."""

    left = 10**6  # calls

    def run(self, call: Callable[[Any], Any], *, store: str, again: bool = True) -> Any:
        """Make the call, if the process is alive."""
        self.left -= 1
        if self.left < 0:
            raise Died
        return super().run(call, store=store, again=again)


def mortal_store(memcached: Memcached) -> tuple[Mortal, MemcachedStore, Mark]:
    """Return a store of a process, in which the mark of a subject spares session 1."""
    server = Mortal(memcached.url, prefix=new_prefix(), timeout=60)
    store = MemcachedStore(server, may_forget=True)
    store.create()
    return server, store, store.mark(ADA, spared(1), now=NOW, life=LIFE)


def living(store: MemcachedStore, start: int, *numbers: int) -> list[int]:
    """Return which sessions of a subject live."""
    found = [(number, store.look_up(sid(number), ADA)) for number in numbers]
    return [number for number, one in found if not revokes(one, sid(number), start)]


def test_a_writer_that_dies_half_way_leaves_no_second_session(memcached: Memcached) -> None:
    """At any step at most one id lives; the retry completes it, and a sign-out ends it all."""
    for steps in range(50):
        server, store, mark = mortal_store(memcached)
        server.left = steps
        died = False
        try:
            store.replace(denial(1), sid(2), now=NOW)
        except Died:
            died = True
        server.left = 10**6
        lives = living(store, mark.instant, 1, 2)
        assert lives in ([1], [], [2])
        if steps % 2:
            store.deny(denial(1), now=NOW)
            assert living(store, mark.instant, 1, 2) == []
            with pytest.raises(Revoked):
                store.replace(denial(1), sid(2), now=NOW)
        else:
            assert store.replace(denial(1), sid(2), now=NOW).mark == mark._replace(
                kept=sid(2), revision=2
            )
            assert living(store, mark.instant, 1, 2) == [2]
        server.close()
        if not died:
            break
    assert not died
    assert steps > 5


def test_a_sign_out_between_any_two_steps_of_a_replacement_holds(memcached: Memcached) -> None:
    """A sign-out between any two steps of a replacement ends the old id and the new one."""
    for steps in range(50):
        server, store, mark = mortal_store(memcached)
        other = MemcachedServer(memcached.url, prefix=server.prefix, timeout=60)
        calls = iter(range(50))
        denied: list[bytes] = []

        def run(
            call: Callable[[Any], Any], *, store: str, again: bool = True,
            server: Mortal = server, other: MemcachedServer = other,
            calls: Iterator[int] = calls, denied: list[bytes] = denied, steps: int = steps,
        ) -> Any:  # fmt: skip
            if next(calls) == steps:
                denied += other.revocations(may_forget=True).deny(denial(1), now=NOW).denied
            return Mortal.run(server, call, store=store, again=again)

        server.run = run  # type: ignore[method-assign]
        with contextlib.suppress(Revoked):
            store.replace(denial(1), sid(2), now=NOW)
        del server.run
        server.close()
        other.close()
        if not denied:
            break
        assert living(store, mark.instant, 1, 2) == []
        # An id that was never acknowledged has no token; one that was is denied.
        with pytest.raises(Revoked):
            store.replace(denial(1), sid(2), now=NOW)
        server.close()
    assert steps > 5


def test_a_chain_without_its_short_cuts(new_memcached: Callable[[], Counted]) -> None:
    """A chain whose short cuts were evicted or overwritten still leads to its end."""
    for evicted in (True, False):
        store = new_memcached()
        for number in range(1, 30):
            store.replace(denial(number), sid(number + 1), now=NOW)
            for key in (f"f:{sid(number + 1).hex()}", f"c:{sid(1).hex()}"):
                if evicted:
                    forget(store, key)
                else:
                    put(store, key, b"x")
        assert store.deny(denial(1), now=NOW).denied == (sid(1), sid(30))


def test_a_long_chain_ends_in_a_few_calls(memcached: Memcached) -> None:
    """A client that asks for new ids without end does not make its sign-out slow."""
    server, store, _ = mortal_store(memcached)
    for number in range(1, 300):
        store.replace(denial(number), sid(number + 1), now=NOW)
    server.left = 20
    assert store.deny(denial(7), now=NOW).denied == (sid(7), sid(300))
    server.close()


def test_what_others_have_written_is_refused(
    new_memcached: Callable[[], Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A marker of another version and an invalid mark deny; so does a server too busy."""
    store = new_memcached()
    put(store, f"m:{ADA.hex()}", b"x")
    with pytest.raises(StoreError, match="invalid mark"):
        store.look_up(sid(1), ADA)
    put(store, f"d:{sid(2).hex()}", b"x")
    with pytest.raises(Revoked):
        store.replace(denial(2, None), sid(3), now=NOW)
    assert store.deny(denial(2), now=NOW).denied == (sid(2),)
    monkeypatch.setattr(store.server, "_swap", lambda *_: False)
    with pytest.raises(StoreError, match="too busy"):
        store.deny(denial(1), now=NOW)
    with pytest.raises(StoreError, match="too busy"):
        store.revoke_all(now=NOW)
    put(store, "store", b"1 0123456789abcdef -1 -1")
    with pytest.raises(StoreError, match="another version"):
        store.create()


def test_wrong_arguments() -> None:
    """Each is named with what would be right."""
    makes: tuple[Callable[[], MemcachedStore], ...] = (
        lambda: MemcachedStore(MemcachedServer("")),
        lambda: MemcachedStore(MemcachedServer("localhost:1", timeout=0)),
        lambda: MemcachedStore(MemcachedServer("localhost:1", prefix="a b")),
    )
    for make in makes:
        with pytest.raises(ConfigError, match=r"must be"):
            make()


def test_an_entry_outlives_its_end_by_the_margin() -> None:
    """A host whose clock is fast does not remove what the others need."""
    assert module._expire(NOW + 100, NOW) == 3700
