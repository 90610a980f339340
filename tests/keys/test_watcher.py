"""The watcher: what a running process makes of its source, and that no request waits for it."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import threading
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import tokensession
from tests.conftest import ALGORITHMS, NOW
from tests.forks import fork
from tokensession import ConfigError, KeyRing, Policy, SessionCodec, StoreError, UnknownKey
from tokensession.keys import poller
from tokensession.keys import watcher as watcher_module
from tokensession.keys.file_source import FileSource
from tokensession.keys.rotation import Schedule
from tokensession.keys.watcher import KeyRingWatcher, WatcherStatus
from tokensession.web.manager import SessionManager
from tokensession.web.options import manager_of

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
PATIENCE = 60


@dataclass
class Shelf:
    """A source in memory, whose reading tests decide."""

    document: bytes | None
    error: Exception | None = None
    reads: int = 0
    name: str = "shelf"
    before: Callable[[], None] = field(default=lambda: None)

    def read(self) -> bytes | None:
        """Give the document, or the error."""
        self.reads += 1
        self.before()
        if self.error is not None:
            raise self.error
        return self.document

    def write(self, document: bytes, *, over: bytes | None) -> bool:
        """Replace it."""
        if over != self.document:
            return False
        self.document = document
        return True


class Idle(KeyRingWatcher):
    """A watcher whose thread does not start, so that tests decide when it reads."""

    def start(self) -> None:
        """Start nothing."""


@pytest.fixture
def ring() -> KeyRing:
    """Give a ring of two keys, serial 5."""
    return KeyRing([*KeyRing.generate(kid="a"), *KeyRing.generate(kid="b")], serial=5)


@pytest.fixture
def shelf(ring: KeyRing) -> Shelf:
    """Give a source that holds it."""
    return Shelf(ring.to_json())


def changed(ring: KeyRing, **members: Any) -> bytes:
    """Return the ring's document with other members, as an editor writes it."""
    document = KeyRing.from_jwks(ring.to_jwks(private=True) | members)
    return document.to_json()


class TestReloading:
    def test_the_first_read(self, ring: KeyRing, shelf: Shelf) -> None:
        """A process without keys fails when it starts."""
        assert Idle(shelf).ring.fingerprint == ring.fingerprint
        shelf.document = None
        with pytest.raises(ConfigError, match="no key document"):
            Idle(shelf)
        shelf.error = StoreError("shelf: away")
        with pytest.raises(StoreError, match="away"):
            Idle(shelf)

    def test_what_happens_is_counted_and_told(
        self, ring: KeyRing, shelf: Shelf, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Log, callback and status agree; a fault that stays is logged once."""
        told: list[WatcherStatus] = []
        watcher = Idle(shelf, callback=told.append)
        assert watcher.reload()
        assert (watcher.status().polls, told) == (2, [])
        shelf.error = StoreError("shelf: away")
        for _ in range(3):
            assert not watcher.reload()
        assert watcher.status().failures == 3
        assert watcher.status().last_error == "shelf: away"
        shelf.error = None
        shelf.document = ring.add(now=NOW).to_json()
        assert watcher.reload()
        status = watcher.status()
        assert (status.serial, status.changes, status.last_error) == (6, 1, None)
        assert [status.last_error for status in told] == ["shelf: away", None]
        lines = [(record.levelname, record.getMessage()) for record in caplog.records]
        assert lines == [
            ("WARNING", "keys stay at serial 5: shelf: away"),
            ("WARNING", "shelf: new key ring, serial 6 replaces 5"),
            ("WARNING", "shelf: recovered, serial 6"),
        ]

    def test_a_conflict_is_an_error(
        self, ring: KeyRing, shelf: Shelf, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A conflict waits for the operator's choice, and revoked keys are out of use meanwhile."""
        watcher = Idle(shelf)
        shelf.document = changed(ring, keys=ring.revoke("b").to_jwks(private=True)["keys"])
        assert not watcher.reload()
        assert watcher.ring["b"].revoked
        assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
        assert "keys stay at serial 5: shelf: other content" in caplog.text
        # With it, the document has nothing that is not in use any more.
        assert watcher.reload()

    def test_a_revoked_key_with_the_secret_of_another(self, ring: KeyRing, shelf: Shelf) -> None:
        """The revocation is believed, and following goes on: the next document is taken over."""
        one, other = ring.to_jwks(private=True)["keys"]
        swapped = [one | {"k": other["k"], "revoked": {}}, other | {"k": one["k"]}]
        watcher = Idle(shelf)
        shelf.document = changed(ring, serial=6, keys=swapped)
        assert not watcher.reload()
        assert watcher.ring.states() == {"a": "revoked", "b": "active"}
        shelf.document = changed(ring, serial=7, keys=[one | {"revoked": {}}, other])
        assert watcher.reload()
        assert watcher.ring.serial == 7

    def test_staleness(self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
        """Seconds since the source was last in order."""
        clock = [100.0]
        for module in (watcher_module, poller):
            monkeypatch.setattr(module, "uptime", lambda: clock[0])
        watcher = Idle(shelf)
        clock[0] += 70
        assert watcher.status().staleness == 70
        shelf.error = OSError("disk")
        watcher.reload()
        assert watcher.status().staleness == 70
        assert watcher.status().last_error == "shelf: OSError"
        shelf.error = None
        watcher.reload()
        assert watcher.status().staleness == 0

    def test_a_callback_that_fails(
        self, ring: KeyRing, shelf: Shelf, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It is logged, and the ring is in use."""

        def fail(_: WatcherStatus) -> None:
            raise RuntimeError("no metrics today")

        watcher = Idle(shelf, callback=fail)
        shelf.document = ring.add(now=NOW).to_json()
        assert watcher.reload()
        assert watcher.ring.serial == 6
        assert caplog.records[-1].levelno == logging.ERROR

    @pytest.mark.parametrize(
        "arguments",
        [{"refresh": 0}, {"refresh": True}, {"refresh": "60"}, {"refresh": 86401},
         {"refresh": 5, "cooldown": 6}, {"cooldown": 0}],
    )  # fmt: skip
    def test_wrong_arguments(self, shelf: Shelf, arguments: Any) -> None:
        """A wrong argument is a ConfigError that gives the range."""
        with pytest.raises(ConfigError, match=r"must be (a number of seconds|above 0 and at most)"):
            KeyRingWatcher(shelf, **arguments)

    @pytest.mark.parametrize("source", [None, "keys.json", Shelf])
    def test_what_is_no_source(self, source: Any) -> None:
        """A path is not a source; the message names what takes it."""
        with pytest.raises(ConfigError, match=r"source must be a key source.*KeyRing.follow"):
            KeyRingWatcher(source)

    def test_what_is_no_callback(self, shelf: Shelf) -> None:
        """A callback is a function."""
        odd: Any = "print"
        with pytest.raises(ConfigError, match="callback must be a function, not str"):
            KeyRingWatcher(shelf, callback=odd)

    def test_a_mounted_secret(self, ring: KeyRing, tmp_path: Path) -> None:
        """A volume whose link is turned to another folder, as Kubernetes does, is followed."""
        for number, content in enumerate((ring, ring.add(now=NOW))):
            folder = tmp_path / f"..{number}"
            folder.mkdir()
            (folder / "keys.json").write_bytes(content.to_json())
            (folder / "keys.json").chmod(0o440)
        (tmp_path / "..data").symlink_to("..0")
        (tmp_path / "keys.json").symlink_to("..data/keys.json")
        watcher = Idle(FileSource(tmp_path / "keys.json", shared_file=True))
        (tmp_path / "..tmp").symlink_to("..1")
        (tmp_path / "..tmp").replace(tmp_path / "..data")
        assert watcher.reload()
        assert watcher.ring.serial == 6
        with pytest.raises(ConfigError, match="shared_file=True"):
            Idle(FileSource(tmp_path / "keys.json"))


class TestMisses:
    def test_one_reload_within_the_cooldown(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Any number of unknown kids causes one reload within the cooldown."""
        clock = [100.0]
        for module in (watcher_module, poller):
            monkeypatch.setattr(module, "uptime", lambda: clock[0])
        watcher = Idle(shelf)
        codec: SessionCodec[Any] = SessionCodec(watcher)
        tokens = [tokensession.encode({}, KeyRing.generate(kid=f"k{n}")) for n in range(20)]
        for seconds, misses in ((0, 1), (9.9, 1), (10, 2), (19.9, 2), (20, 3)):
            clock[0] = 100.0 + seconds
            for token in tokens:
                with pytest.raises(UnknownKey):
                    codec.decode(token)
            assert watcher.status().misses == misses
        assert shelf.reads == 1

    def test_known_keys_ask_for_nothing(self, ring: KeyRing, shelf: Shelf) -> None:
        """Known, expired and revoked keys and malformed tokens cause no reload."""
        shelf.document = ring.revoke("a").to_json()
        watcher = Idle(shelf)
        codec: SessionCodec[Any] = SessionCodec(watcher)
        codec.decode(codec.encode({}))
        for token in (tokensession.encode({}, KeyRing([ring["a"]])), "no token"):
            with pytest.raises(tokensession.TokenError):
                codec.decode(token)
        assert watcher.status().misses == 0

    def test_a_plain_ring_has_nobody_to_ask(self, ring: KeyRing) -> None:
        """The token is refused, and that is all."""
        with pytest.raises(UnknownKey):
            tokensession.decode(tokensession.encode({}, KeyRing.generate()), ring)


class TestCodec:
    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_wherever_a_ring_goes(self, algorithm: str) -> None:
        """encode, decode, SessionCodec and the adapters' manager take a watcher."""
        watcher = Idle(Shelf(KeyRing.generate(algorithm).to_json()))
        token = tokensession.encode({"a": 1}, watcher)
        assert tokensession.decode(token, watcher).state == {"a": 1}
        assert SessionCodec(watcher).decode(token).state == {"a": 1}
        assert SessionManager(watcher).codec.decode(token).state == {"a": 1}
        assert manager_of(watcher, {}).codec.decode(token).state == {"a": 1}
        with pytest.raises(ConfigError, match="must be a KeyRing"):
            SessionCodec("keys.json")  # type: ignore[call-overload]

    def test_a_new_ring_is_used(self, ring: KeyRing, shelf: Shelf) -> None:
        """A codec uses the new ring at once, and still reads tokens of the old keys."""
        watcher = Idle(shelf)
        codec: SessionCodec[Any] = SessionCodec(watcher)
        old = codec.encode({})
        after = ring.add(now=0)
        shelf.document = after.to_json()
        watcher.reload()
        active = after.active()
        assert active is not None
        assert codec.decode(codec.encode({})).kid == active.kid != codec.decode(old).kid

    def test_decoding_costs_two_calls_more_than_with_a_ring(
        self, shelf: Shelf, ring: KeyRing
    ) -> None:
        """A ring is pulled by asking the watcher, which takes no lock while its thread runs."""
        token = tokensession.encode({}, ring)

        def calls(codec: SessionCodec[Any]) -> list[str]:
            codec.decode(token)
            seen: list[str] = []

            def note(frame: Any, event: str, function: Any) -> None:
                if event == "call":
                    seen.append(frame.f_code.co_qualname)
                elif event == "c_call":
                    seen.append(function.__name__)

            sys.setprofile(note)
            try:
                codec.decode(token)
            finally:
                sys.setprofile(None)
            return seen

        plain = calls(SessionCodec(ring))
        with KeyRingWatcher(shelf, 3600) as watcher:
            watched = calls(SessionCodec(watcher))
        for name in ("KeyRingWatcher.current", "process_id"):
            watched.remove(name)
        assert watched == plain

    def test_a_ring_that_does_not_fit(
        self, ring: KeyRing, shelf: Shelf, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A config that has become too short is a warning: the ring is in use elsewhere."""
        watcher = Idle(shelf)
        codec: SessionCodec[Any] = SessionCodec(watcher, policy=Policy(idle_timeout=1800))
        codec.decode(codec.encode({}))
        after = ring.with_schedule(Schedule(token_lifetime=1799)).add(now=0)
        shelf.document = after.to_json()
        watcher.reload()
        active = after.active()
        assert active is not None
        assert codec.decode(codec.encode({})).kid == active.kid
        assert "does not fit this codec: idle_timeout (1800 s)" in caplog.text
        with pytest.raises(ConfigError, match="token_lifetime"):
            SessionCodec(watcher, policy=Policy(idle_timeout=1800))

    def test_a_codec_that_is_dropped(self, shelf: Shelf) -> None:
        """The watcher keeps no codec, nor the secrets that it derived."""

        class Seen(SessionCodec[Any]):
            __slots__ = ("__weakref__",)

        watcher = Idle(shelf)
        codec = Seen(watcher)
        codec.encode({})
        kept = weakref.ref(codec)
        del codec
        gc.collect()
        assert kept() is None

    def test_a_key_that_is_gone_since(self, ring: KeyRing, shelf: Shelf) -> None:
        """A session that was read before is renewed by its response, and is not an error."""
        watcher = Idle(shelf)
        manager: SessionManager[Any] = SessionManager(watcher)
        token = manager.codec.encode({})
        kid = manager.codec.decode(token).kid
        reading = manager.open([(b"cookie", b"__Host-session=" + token.encode())])
        shelf.document = KeyRing([ring["a" if kid == "b" else "b"]], serial=6).to_json()
        watcher.reload()
        assert reading.refused == "unknown_key"
        codec = manager.codec
        session = tokensession.decode(token, ring)
        assert codec.decode(codec.renew(session)).sid == session.sid
        assert codec.rings.current().is_retiring(kid, session.issued_at)


class TestRequest:
    """One request sees one ring."""

    def test_throughout(self, ring: KeyRing, shelf: Shelf) -> None:
        """What is loaded while a request runs counts for the next one."""
        watcher = Idle(shelf)
        manager: SessionManager[Any] = SessionManager(watcher)
        session = manager.open([])
        session["cart"] = [1]
        after = ring.add(now=0)
        shelf.document = after.to_json()
        watcher.reload()
        headers: list[tuple[bytes, bytes]] = []
        manager.save(session, headers)
        cookie = dict(headers)[b"set-cookie"].partition(b";")[0]
        kid = tokensession.decode(cookie.partition(b"=")[2], ring).kid
        assert kid in ring
        following = manager.open([(b"cookie", cookie)])
        assert following["cart"] == [1]
        following["cart"] = [2]
        headers.clear()
        manager.save(following, headers)
        cookie = dict(headers)[b"set-cookie"].partition(b";")[0]
        active = after.active()
        assert active is not None
        assert tokensession.decode(cookie.partition(b"=")[2], after).kid == active.kid

    def test_a_revocation_while_it_runs(self, ring: KeyRing, shelf: Shelf) -> None:
        """The request ends as it began; the next one is refused, and its cookie stays."""
        watcher = Idle(shelf)
        manager: SessionManager[Any] = SessionManager(watcher)
        token = SessionCodec(watcher, policy=Policy.owasp()).encode({"a": 1})
        kid = tokensession.decode(token, ring).kid
        request = [(b"cookie", b"__Host-session=" + token.encode())]
        running = manager.open(request)
        assert running["a"] == 1
        shelf.document = ring.revoke(kid).to_json()
        watcher.reload()
        running["a"] = 2
        manager.save(running, [])
        refused = manager.open(request)
        assert refused.refused == "unknown_key"
        headers: list[tuple[bytes, bytes]] = []
        manager.save(refused, headers)
        assert b"set-cookie" not in dict(headers)

    def test_a_ring_that_comes_between_opening_and_saving(
        self, ring: KeyRing, shelf: Shelf
    ) -> None:
        """A session that was opened is renewed by the ring that it was opened with."""
        watcher = Idle(shelf)
        manager: SessionManager[Any] = SessionManager(watcher)
        token = manager.codec.encode({})
        kid = tokensession.decode(token, ring).kid
        session = manager.open([(b"cookie", b"__Host-session=" + token.encode())])
        session.open()
        shelf.document = KeyRing([ring["a" if kid == "b" else "b"]], serial=6).to_json()
        watcher.reload()
        headers: list[tuple[bytes, bytes]] = []
        manager.save(session, headers)
        assert b"set-cookie" not in dict(headers)

    def test_a_lifetime_is_held_against_the_newest_ring(self, ring: KeyRing, shelf: Shelf) -> None:
        """A token must not outlive the keys of the ring that is about to be used everywhere."""
        watcher = Idle(shelf)
        codec: SessionCodec[Any] = SessionCodec(watcher)
        codec.new().sign_in("ada", ttl=61)
        shelf.document = ring.with_schedule(Schedule(token_lifetime=60)).to_json()
        watcher.reload()
        codec.new().sign_in("ada", ttl=60)
        with pytest.raises(ConfigError, match="token_lifetime"):
            codec.new().sign_in("ada", ttl=61)


def threads() -> set[threading.Thread]:
    """Return the threads of watchers."""
    return {thread for thread in threading.enumerate() if thread.name == "tokensession-keys"}


class TestThread:
    def test_it_starts_on_first_use(self, shelf: Shelf, ring: KeyRing) -> None:
        """Not with watcher, codec or manager; and reads at once, since that may be long ago."""
        read = threading.Event()
        before = threads()
        with KeyRingWatcher(shelf, 3600) as watcher:
            codec: SessionCodec[Any] = SessionCodec(watcher)
            SessionManager(codec)
            assert watcher.ring.serial == 5
            assert threads() == before
            shelf.document = ring.add(now=NOW).to_json()
            shelf.before = read.set
            codec.encode({})
            assert read.wait(PATIENCE)
            (thread,) = threads() - before
            assert thread.daemon
        assert not thread.is_alive()
        assert watcher.ring.serial == 6

    def test_an_unknown_key_is_known_soon(self, shelf: Shelf, ring: KeyRing) -> None:
        """The request is refused at once; the reload that it asked for brings the key."""
        arrived = threading.Event()
        with KeyRingWatcher(
            shelf, 3600, cooldown=1e-9, callback=lambda _: arrived.set()
        ) as watcher:
            codec: SessionCodec[Any] = SessionCodec(watcher)
            codec.encode({})
            new = KeyRing.generate(kid="new")
            token = tokensession.encode({}, new)
            shelf.document = KeyRing([*ring, *new], serial=6).to_json()
            for _ in range(2):
                try:
                    codec.decode(token)
                except UnknownKey:
                    assert arrived.wait(PATIENCE)
            assert codec.decode(token).kid == "new"

    def test_no_request_waits_for_a_source_that_hangs(self, shelf: Shelf) -> None:
        """While a source hangs, sessions are read and made, and unknown keys are refused."""
        hanging, release = threading.Event(), threading.Event()

        def hang() -> None:
            hanging.set()
            release.wait(PATIENCE)

        with KeyRingWatcher(shelf, 3600, cooldown=1e-9) as watcher:
            codec: SessionCodec[Any] = SessionCodec(watcher)
            shelf.before = hang
            token = codec.encode({"a": 1})
            assert hanging.wait(PATIENCE)
            assert codec.decode(token).state == {"a": 1}
            with pytest.raises(UnknownKey):
                codec.decode(tokensession.encode({}, KeyRing.generate()))
            assert watcher.status().polls == 1
            release.set()

    def test_a_system_without_threads_to_give(
        self, shelf: Shelf, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each use tries to start following again, because a ring is not used unfollowed."""
        changed = threading.Event()
        watcher = KeyRingWatcher(shelf, refresh=0.01, callback=lambda _: changed.set())
        codec: SessionCodec[Any] = SessionCodec(watcher)

        def fail(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", fail)
            for _ in range(2):
                with pytest.raises(StoreError, match="shelf: cannot be followed: can't start"):
                    codec.encode({})
        codec.encode({})
        shelf.document = ring.add(now=NOW).to_json()
        assert changed.wait(PATIENCE)
        assert watcher.ring.serial == 6
        watcher.stop()

    def test_an_old_ring_is_read_again_before_a_token(
        self, shelf: Shelf, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A frozen process, and one with a late first token, reads the ring again first."""
        clock = [1000.0]
        for module in (watcher_module, poller):
            monkeypatch.setattr(module, "uptime", lambda: clock[0])
        watcher = Idle(shelf, refresh=60)
        codec: SessionCodec[Any] = SessionCodec(watcher)
        token = tokensession.encode({}, KeyRing([ring["b"]]))
        clock[0] += 59.9
        codec.decode(token)
        assert shelf.reads == 1
        clock[0] += 0.1
        codec.decode(token)
        assert shelf.reads == 2
        shelf.document = ring.revoke("b", now=NOW).to_json()
        clock[0] += 179.9
        codec.decode(token)
        assert shelf.reads == 2
        clock[0] += 0.1
        with pytest.raises(UnknownKey):
            codec.decode(token)
        assert shelf.reads == 3

    def test_the_last_good_ring_stays_where_that_fails(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A failed reading keeps the last good ring, and makes only one request wait."""
        clock = [1000.0]
        for module in (watcher_module, poller):
            monkeypatch.setattr(module, "uptime", lambda: clock[0])
        watcher = Idle(shelf, refresh=60)
        codec: SessionCodec[Any] = SessionCodec(watcher)
        token = codec.encode({})
        shelf.error = StoreError("shelf: away")
        for later, reads in ((180, 2), (180, 2), (299, 2), (300, 3)):
            clock[0] = 1000 + later
            assert codec.decode(token).kid == "b"
            assert shelf.reads == reads

    def test_after_stopping(self, shelf: Shelf) -> None:
        """The ring stays in use, and no thread comes back."""
        watcher = KeyRingWatcher(shelf)
        codec: SessionCodec[Any] = SessionCodec(watcher)
        watcher.stop()
        before = threads()
        codec.decode(codec.encode({}))
        assert threads() == before

    def test_a_stop_from_the_callback(self, shelf: Shelf, ring: KeyRing) -> None:
        """It does not wait for itself."""
        done = threading.Event()

        def stop(_: WatcherStatus) -> None:
            watcher.stop()
            done.set()

        watcher = KeyRingWatcher(shelf, 3600, callback=stop)
        shelf.document = ring.add(now=NOW).to_json()
        watcher.start()
        assert done.wait(PATIENCE)
        watcher.stop()

    def test_a_callback_can_read_again(self, shelf: Shelf, ring: KeyRing) -> None:
        """The watcher calls it under no lock."""
        again: list[bool] = []
        watcher = Idle(shelf, callback=lambda _: again.append(watcher.reload()))
        shelf.document = ring.add(now=NOW).to_json()
        assert watcher.reload()
        assert again == [True]


@pytest.mark.parametrize("hooks", [True, False])
def test_what_a_forked_child_finds(ring: KeyRing, shelf: Shelf, *, hooks: bool) -> None:
    """No lock that the parent's thread held; and its first token is held against a new reading."""
    hanging, release, parent = threading.Event(), threading.Event(), os.getpid()

    def hang() -> None:
        if os.getpid() == parent:
            hanging.set()
            release.wait(PATIENCE)

    with KeyRingWatcher(shelf, 3600) as watcher:
        codec: SessionCodec[Any] = SessionCodec(watcher)
        unused: SessionCodec[Any] = SessionCodec(watcher)
        shelf.before = hang
        kept, lost = (tokensession.encode({}, KeyRing([ring[kid]])) for kid in ("a", "b"))
        codec.decode(kept)
        assert hanging.wait(PATIENCE)
        shelf.document = ring.revoke("b", now=NOW).to_json()

        def check() -> None:
            with pytest.raises(UnknownKey):
                codec.decode(lost)
            assert codec.decode(kept).kid == "a"
            assert watcher.reload()
            assert unused.decode(kept).kid == "a"

        held_in_child = fork(check, hooks=hooks)
        release.set()
        assert held_in_child()


FORKED = """
import os, sys, time
from tokensession import KeyRing, SessionCodec
from tokensession.keys.file_source import FileSource
from tokensession.keys.source import update
from tokensession.keys.watcher import KeyRingWatcher

path = sys.argv[1]
KeyRing.open(path)
watcher = KeyRingWatcher(FileSource(path), 0.05)
codec = SessionCodec(watcher)
if sys.argv[2] == "used":
    codec.encode({})
child = os.fork()
update(FileSource(path), lambda ring: ring.add()) if child else None
deadline = time.monotonic() + 60
while watcher.ring.serial < 1 and time.monotonic() < deadline:
    codec.decode(codec.encode({}))
    time.sleep(0.01)
good = watcher.ring.serial == 1
if child:
    good = good and os.waitpid(child, 0)[1] == 0
    print("both" if good else "not both")
watcher.stop()
os._exit(0 if good else 1) if not child else None
"""


@pytest.mark.parametrize("state", ["fresh", "used"])
def test_after_a_fork(tmp_path: Path, state: str) -> None:
    """Parent and child follow, each by a thread of its own, as with gunicorn's preloading."""
    done = subprocess.run(  # noqa: S603  # our own text
        [
            sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning",
            "-c", FORKED, str(tmp_path / "keys.json"), state,
        ],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "PYTHONWARNINGS": ""},
    )  # fmt: skip
    assert done.stdout == "both\n", done.stderr


def test_a_process_that_ends_without_stopping(tmp_path: Path) -> None:
    """The thread is a daemon: nothing is waited for, nothing is complained about."""
    code = (
        "import sys; from tokensession import *\n"
        "from tokensession.keys.file_source import FileSource\n"
        "from tokensession.keys.watcher import KeyRingWatcher\n"
        "KeyRing.open(sys.argv[1])\n"
        "SessionCodec(KeyRingWatcher(FileSource(sys.argv[1]))).encode({})"
    )
    done = subprocess.run(  # noqa: S603  # our own text
        [sys.executable, "-c", code, str(tmp_path / "keys.json")],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert "Exception" not in done.stderr
