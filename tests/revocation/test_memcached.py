"""The Memcached store, which may forget, on a real server."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from tests.servers import Memcached
from tests.stores.revocation_contract import (
    ADA,
    LIFE,
    NOW,
    StoreContract,
    denial,
    revokes,
    sid,
    spared,
)
from tokensession import KeyRing, Policy, SessionCodec
from tokensession.errors import ConfigError, Revoked, StoreError
from tokensession.revocation.replica import Replica
from tokensession.revocation.store import Counts
from tokensession.stores.memcached import revocation as module
from tokensession.stores.memcached.revocation import MemcachedStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_numbers = count()
POLICY = Policy(idle_timeout=1800, absolute_timeout=7200)


class Counted(MemcachedStore):
    """One that remembers which keys it has written, as its server lists none."""

    def __init__(self, server: str, prefix: str) -> None:
        super().__init__(server, prefix=prefix, timeout=60, may_forget=True)
        self.keys: set[str] = set()

    def _swap(self, key: str, text: bytes, token: bytes | None, expire: int) -> bool:
        done = super()._swap(key, text, token, expire)
        if done:
            self.keys.add(key)
        return done

    def count(self) -> Counts:
        """Count what is still there of all that was written."""
        found = self._server.run(lambda client: client.get_many(sorted(self.keys)))
        names = [key.removeprefix(self._prefix)[:2] for key in found]
        return Counts(names.count("d:"), names.count("m:"))


@pytest.fixture
def new_memcached(memcached: Memcached) -> Iterator[Callable[[], Counted]]:
    """Make an empty store per call."""
    made: list[Counted] = []

    def make() -> Counted:
        made.append(Counted(memcached.url, f"r{next(_numbers)}"))
        made[-1].create()
        return made[-1]

    yield make
    for store in made:
        store.close()


class TestMemcached(StoreContract):
    @pytest.fixture
    def new_store(self, new_memcached: Callable[[], Counted]) -> Callable[[], Counted]:
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

    def test_the_later_end_counts(self, store: Any) -> None:
        """In whatever order they were told."""
        for ends in ((10, 50), (50, 10)):
            for end in ends:
                store.deny(denial(1, until=NOW + end), now=NOW)
            assert store._server.run(lambda client: client.get(store._denied(sid(1)))) == b"%d" % (
                NOW + 50
            )
        store.mark(ADA, None, now=NOW, life=LIFE)
        assert store.mark(ADA, None, now=NOW, life=10).until == NOW + 5 + LIFE


def test_it_is_refused_unless_it_may_forget(memcached: Memcached, hs256: KeyRing) -> None:
    """By name; and it cannot feed a replica in any case."""
    with pytest.raises(ConfigError, match="may_forget=True"):
        SessionCodec(hs256, policy=POLICY, revocation=MemcachedStore(memcached.url))
    with pytest.raises(ConfigError):
        Replica(MemcachedStore(memcached.url, may_forget=True), max_staleness=60)
    for refusing in (
        lambda: MemcachedStore(memcached.url).count(),
        lambda: MemcachedStore(memcached.url).read(None),
    ):
        with pytest.raises(StoreError, match="cannot"):
            refusing()


def test_signing_out_is_final(memcached: Memcached, hs256: KeyRing) -> None:
    """Through a codec, as long as the server remembers; then nobody is let in."""
    store = MemcachedStore(memcached.url, prefix="codec", timeout=60, may_forget=True)
    store.create()
    codec: SessionCodec[Any] = SessionCodec(hs256, policy=POLICY, revocation=store)
    one, other = codec.encode({}, subject="ada"), codec.encode({}, subject="ada")
    codec.revoke(codec.decode(one))
    with pytest.raises(Revoked):
        codec.decode(one)
    assert codec.decode(other).subject == "ada"
    store._server.run(lambda client: client.delete("codec:revocation:store", noreply=False))
    for call in (lambda: codec.decode(other), lambda: codec.encode({}, subject="ada")):
        with pytest.raises(StoreError, match="is empty"):
            call()
    store.close()


def test_a_restart_denies_until_it_is_made_again(slow: None) -> None:
    """The marker is gone with all else, so nobody is taken for not revoked."""
    with Memcached() as server:
        store = MemcachedStore(server.url, timeout=60, may_forget=True)
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


def test_between_the_steps_of_a_replacement_nothing_is_spared_that_should_not_be(
    new_memcached: Callable[[], Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the two ids lives at any time, also when the writer dies half way."""
    store = new_memcached()
    mark = store.mark(ADA, spared(1), now=NOW, life=LIFE)
    monkeypatch.setattr(store, "_deny", lambda *_: None)
    store.replace(denial(1), sid(2), now=NOW)
    lives = [not revokes(store.look_up(one, ADA), one, mark.instant) for one in (sid(1), sid(2))]
    assert lives == [False, True]


def test_what_others_have_written_is_refused(new_memcached: Callable[[], Counted]) -> None:
    """A marker of another version and a mark that is none deny; so does a server too busy."""
    store = new_memcached()
    store._server.run(lambda client: client.set(store._mark(ADA), b"x", noreply=False))
    with pytest.raises(StoreError, match="no mark"):
        store.look_up(sid(1), ADA)
    store._swap = lambda *_: False  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="too busy"):
        store.deny(denial(1), now=NOW)
    with pytest.raises(StoreError, match="too busy"):
        store.revoke_all(now=NOW)
    store._server.run(lambda client: client.set(f"{store._prefix}store", b"2 x", noreply=False))
    with pytest.raises(StoreError, match="another version"):
        store.create()


def test_wrong_arguments() -> None:
    """Each is named with what would be right."""
    makes: tuple[Callable[[], MemcachedStore], ...] = (
        lambda: MemcachedStore(""),
        lambda: MemcachedStore("localhost:1", timeout=0),
        lambda: MemcachedStore("localhost:1", prefix="a b"),
    )
    for make in makes:
        with pytest.raises(ConfigError, match=r"must be"):
            make()


def test_an_entry_outlives_its_end_by_the_margin() -> None:
    """A host whose clock is fast does not remove what the others need."""
    assert module._expire(NOW + 100, NOW) == 3700
