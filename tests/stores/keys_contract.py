"""What every source of keys does that can be written: each source's tests inherit this."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import NOW
from tokensession import ConfigError, KeyRing, StoreError
from tokensession.keys.rotation import Schedule
from tokensession.keys.source import create, load_ring, update

if TYPE_CHECKING:
    from tokensession.keys.source import KeySource


class KeySourceContract:
    """Inherit, and give a fixture `source` that is empty, and ready to be written."""

    def test_create_read_replace(self, source: KeySource) -> None:
        """What was written is read, byte for byte."""
        assert source.read() is None
        assert source.write(b'{"a": 1}\n', over=None)
        assert source.read() == b'{"a": 1}\n'
        assert source.write('{"ä": 2}'.encode(), over=b'{"a": 1}\n')
        assert source.read() == '{"ä": 2}'.encode()

    def test_the_slower_writer_loses(self, source: KeySource) -> None:
        """A writer that read another document, or none, changes nothing."""
        assert not source.write(b"x", over=b"never was")
        assert source.read() is None
        assert source.write(b"one", over=None)
        assert not source.write(b"two", over=None)
        assert not source.write(b"two", over=b"zero")
        assert not source.write(b"two", over=b"ONE")
        assert not source.write(b"two", over=b"one ")
        assert source.read() == b"one"

    def test_rings(self, source: KeySource, algorithm: str) -> None:
        """A ring comes back with its serial, schedule and members; changes raise the serial."""
        ring = KeyRing.generate(algorithm).with_schedule(Schedule(token_lifetime=60))
        with pytest.raises(
            ConfigError, match=r"there is no key document.*restore it, or make the first one"
        ):
            load_ring(source)
        assert create(source, ring)
        assert not create(source, KeyRing.generate())
        assert load_ring(source).fingerprint == ring.fingerprint
        done = update(source, lambda ring: ring.add(now=NOW))
        assert (done.before.serial, done.after.serial) == (1, 2)
        assert load_ring(source).fingerprint == done.after.fingerprint
        assert update(source, lambda ring: ring).after.serial == 2

    def test_another_writer_in_between(self, source: KeySource) -> None:
        """The change is made again, on what the other has left."""
        create(source, KeyRing.generate(kid="first"))
        seen = []

        def change(ring: KeyRing) -> KeyRing:
            seen.append(ring.serial)
            if len(seen) == 1:
                update(source, lambda ring: ring.add(now=NOW))
            return ring.revoke("first")

        after = update(source, change).after
        assert seen == [0, 1]
        assert len(after) == 2
        assert after["first"].revoked

    def test_writers_who_never_stop(self, source: KeySource) -> None:
        """A change gives up after many lost races, and the error counts them."""
        create(source, KeyRing.generate())

        def change(ring: KeyRing) -> KeyRing:
            source.write(ring.add(now=NOW).to_json(), over=source.read())
            return ring.add(now=NOW)

        with pytest.raises(StoreError, match="faster 32 times"):
            update(source, change)

    def test_a_change_that_raises(self, source: KeySource) -> None:
        """Nothing is written."""
        create(source, KeyRing.generate())
        before = source.read()
        with pytest.raises(ConfigError, match="no key 'x'"):
            update(source, lambda ring: ring.revoke("x"))
        assert source.read() == before


class UnreachableContract:
    """Inherit where a source is a store's: what it says when it cannot be asked holds no secret."""

    SECRET = b'{"keys": "hunter2"}'

    def assert_reports(self, source: KeySource, reason: str) -> None:
        """Make sure that reading and writing both say so, without an error behind it."""
        for act in (source.read, lambda: source.write(self.SECRET, over=b"hunter2")):
            with pytest.raises(StoreError, match=reason) as caught:
                act()
            assert "hunter2" not in str(caught.value)
            assert caught.value.__cause__ is caught.value.__context__ is None
