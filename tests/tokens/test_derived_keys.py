"""What is derived from a ring, and that a watched one is pulled."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest

from tests.conftest import NOW
from tests.forks import fork
from tokensession import ConfigError, KeyRing, StoreError
from tokensession.keys.jwk import generate_key
from tokensession.keys.watcher import KeyRingWatcher
from tokensession.tokens.derived_keys import DerivedKeys, RingKeys

CONTEXT = b"x"


class Shelf:
    """A source in memory."""

    name = "shelf"

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring

    def read(self) -> bytes:
        """Return the document."""
        return self.ring.to_json()

    def write(self, document: bytes, *, over: bytes | None) -> bool:
        """Refuse."""
        raise NotImplementedError


class Idle(KeyRingWatcher):
    """A watcher whose thread does not start, so that tests decide when it reads."""

    def start(self) -> None:
        """Start nothing."""


def accept(_: KeyRing) -> None:
    """Accept every ring."""


@pytest.fixture
def ring() -> KeyRing:
    """Return a ring of two keys, serial 5."""
    return KeyRing([*KeyRing.generate(kid="a"), *KeyRing.generate(kid="b")], serial=5)


class TestRingKeys:
    def test_what_was_derived_survives(self, ring: KeyRing) -> None:
        """A changed ring keeps what its keys derived, and the objects of unchanged keys."""
        before = RingKeys(ring, CONTEXT)
        for key in before.by_header.values():
            key.token(b"claims", key.salt(), bytes(12))
        ended = KeyRing([ring["a"], ring["b"].with_members(exp=NOW * 2)], serial=6)
        after = RingKeys(ended, CONTEXT, before).by_header
        a, b = ring["a"].header, ring["b"].header
        assert after[a] is before.by_header[a]
        assert after[b] is not before.by_header[b]
        assert after[b].until == NOW * 2
        assert after[b].ready is before.by_header[b].ready is not None
        assert after[b]._salt is before.by_header[b]._salt is not None

    def test_material_that_came_or_went(self) -> None:
        """A key that can sign now, or a tombstone, keeps nothing."""
        ring = KeyRing.generate("Ed25519", kid="a")
        reader = RingKeys(ring.reader(), CONTEXT)
        (key,) = reader.by_header.values()
        again = RingKeys(ring.reader(), CONTEXT, reader).by_header[key.header]
        assert again.signature is key.signature
        (minter,) = RingKeys(ring, CONTEXT, reader).by_header.values()
        assert minter.signature is not key.signature
        gone = ring["a"].with_members(revoked={}).tombstone()
        (tombstone,) = RingKeys(KeyRing([gone]), CONTEXT, reader).by_header.values()
        assert tombstone.ready is None

    def test_who_signs(self) -> None:
        """The active key signs from its first second on, for instants in any order."""
        first, second = (generate_key(kid=kid, nbf=nbf)
                         for kid, nbf in (("a", NOW), ("b", NOW + 100)))  # fmt: skip
        keys = RingKeys(KeyRing([first, second]), CONTEXT)
        for now, kid in ((NOW + 100, "b"), (NOW + 99, "a"), (NOW, "a"), (NOW + 10**6, "b")):
            assert keys.signing_key(now).kid == kid
            signer = keys.signer_at(now)
            assert signer is not None
            assert signer.kid == kid

    def test_nobody_signs(self) -> None:
        """A reader's ring says so, and what to do."""
        keys = RingKeys(KeyRing.generate("Ed25519").reader(), CONTEXT)
        assert not keys.can_mint
        assert keys.signer_at(NOW) is None
        with pytest.raises(ConfigError, match="no key of the ring can sign"):
            keys.signing_key(NOW)

    def test_what_is_retiring(self) -> None:
        """A key that is due, or is gone; a pending one signs where a clock is ahead."""
        due, pending = (generate_key(kid=kid, nbf=nbf)
                        for kid, nbf in (("a", NOW), ("b", NOW + 1)))  # fmt: skip
        keys = RingKeys(KeyRing([due, pending]), CONTEXT)
        assert [keys.is_retiring(kid, NOW) for kid in ("a", "b", "gone")] == [True, False, True]
        assert keys.is_retiring("b", NOW + 1)


class TestPulling:
    def test_a_plain_ring(self, ring: KeyRing) -> None:
        """It stays; an unknown key has no watcher to ask."""
        keys = DerivedKeys(ring, CONTEXT, accept)
        assert keys.current().ring is ring
        assert keys.current() is keys.current() is keys.at_hand()
        keys.current().missed()

    def test_a_new_ring(self, ring: KeyRing) -> None:
        """The next use has it, and keeps what it can of the former one."""
        shelf = Shelf(ring)
        watcher = Idle(shelf)
        checked: list[int] = []
        keys = DerivedKeys(watcher, CONTEXT, lambda ring: checked.append(ring.serial))
        former = keys.current()
        assert keys.current() is former
        shelf.ring = ring.add(now=NOW)
        watcher.reload()
        keyed = keys.current()
        assert keyed is keys.current()
        assert keyed.ring is watcher.ring
        assert keyed.by_header[ring["a"].header] is former.by_header[ring["a"].header]
        assert checked == [6]

    def test_a_ring_that_does_not_fit(
        self, ring: KeyRing, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It is used all the same, since other codecs use it, and the log says so once."""

        def refuse(_: KeyRing) -> None:
            raise ConfigError("too short")

        shelf = Shelf(ring)
        watcher = Idle(shelf)
        keys = DerivedKeys(watcher, CONTEXT, refuse)
        shelf.ring = ring.add(now=NOW)
        watcher.reload()
        for _ in range(2):
            assert keys.current().ring.serial == 6
        assert caplog.text.count("the new key ring does not fit this codec: too short") == 1

    def test_a_check_can_use_the_keys(self, ring: KeyRing) -> None:
        """No lock is held while an application's observer is called."""
        shelf = Shelf(ring)
        watcher = Idle(shelf)
        seen: list[int] = []
        keys = DerivedKeys(watcher, CONTEXT, lambda _: seen.append(keys.current().ring.serial))
        shelf.ring = ring.add(now=NOW)
        watcher.reload()
        keys.current()
        assert seen == [6]

    def test_a_ring_that_nothing_follows(self, ring: KeyRing) -> None:
        """It is not used: each use is an error until the thread runs. Looking starts nothing."""

        class Threadless(KeyRingWatcher):
            def start(self) -> None:
                raise StoreError("not followed")

        keys = DerivedKeys(Threadless(Shelf(ring)), CONTEXT, accept)
        assert keys.at_hand().ring.serial == 5
        for _ in range(2):
            with pytest.raises(StoreError, match="not followed"):
                keys.current()

    def test_what_is_at_hand(self, ring: KeyRing) -> None:
        """`at_hand` gives the newest ring, which stays with its caller; a miss asks the watcher."""
        shelf = Shelf(ring)
        watcher = Idle(shelf)
        keys = DerivedKeys(watcher, CONTEXT, accept)
        former = keys.at_hand()
        assert former is keys.at_hand() is keys.current()
        shelf.ring = ring.add(now=NOW)
        watcher.reload()
        assert former.ring.serial == 5
        assert keys.at_hand().ring.serial == 6
        assert keys.at_hand() is keys.current()
        former.missed()
        assert watcher.status().misses == 1

    def test_threads_that_derive_at_once(self, ring: KeyRing) -> None:
        """Each has a ring at least as new as the watcher's when it asked; each is derived once."""
        shelf = Shelf(ring)
        watcher = Idle(shelf)
        checked: list[int] = []
        keys = DerivedKeys(watcher, CONTEXT, lambda ring: checked.append(ring.serial))
        faults: list[Any] = []
        done = threading.Event()

        def use() -> None:
            last = keys.current()
            while not done.is_set():
                least = watcher.ring.serial
                keyed = keys.current()
                if keyed.ring.serial < max(least, last.ring.serial):
                    faults.append((least, last.ring.serial, keyed.ring.serial))
                if keyed.ring is last.ring and keyed is not last:
                    faults.append("derived twice")
                last = keyed

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        users = [threading.Thread(target=use) for _ in range(4)]
        try:
            for user in users:
                user.start()
            for _ in range(60):
                shelf.ring = shelf.ring.with_keys(shelf.ring)
                watcher.reload()
        finally:
            done.set()
            for user in users:
                user.join()
            sys.setswitchinterval(interval)
        assert faults == []
        assert len(checked) == len(set(checked))
        assert keys.current().ring is watcher.ring

    @pytest.mark.parametrize("hooks", [True, False])
    def test_a_child(self, ring: KeyRing, *, hooks: bool) -> None:
        """It derives, though a thread of its parent was about to."""
        shelf = Shelf(ring)
        watcher = Idle(shelf)
        keys = DerivedKeys(watcher, CONTEXT, accept)
        former = keys.current()

        def check() -> None:
            assert keys.current() is former
            shelf.ring = ring.add(now=NOW)
            watcher.reload()
            assert keys.current().ring.serial == 6

        with keys._lock():
            held_in_child = fork(check, hooks=hooks)
        assert held_in_child()
