"""Revocation by the codec: what ends, what begins, and what is refused when it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import tokensession
from tests.stores.revocation_contract import NOW
from tokensession import (
    ConfigError,
    Expired,
    KeyRing,
    Policy,
    Revoked,
    Session,
    SessionCodec,
    StateError,
    StoreError,
)
from tokensession.keys.file_source import FileSource
from tokensession.keys.watcher import KeyRingWatcher
from tokensession.observer import Observer
from tokensession.revocation.lookup import Lookup
from tokensession.revocation.store import Capabilities
from tokensession.stores.memory.revocation import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tokensession.revocation.decision import Denial, Ended, Entries

RING = KeyRing.generate()
POLICY = Policy(idle_timeout=1800, absolute_timeout=28_800)


class Recorder(Observer):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def decoded(self) -> None:
        """Note it."""
        self.told.append("decoded")

    def refused(self, code: str) -> None:
        """Note it."""
        self.told.append(f"refused {code}")

    def renewed(self) -> None:
        """Note it."""
        self.told.append("renewed")

    def revoked(self, what: str) -> None:
        """Note it."""
        self.told.append(f"revoked {what}")

    def store_failed(self, operation: str) -> None:
        """Note it."""
        self.told.append(f"failed {operation}")


class Down(MemoryStore):
    """A store that can be taken down."""

    down = True

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        """Fail."""
        if self.down:
            raise StoreError("the store is down")
        return super().look_up(sid, subject)

    def deny(self, denial: Denial, *, now: int) -> Ended:
        """Fail."""
        if self.down:
            raise StoreError("the store is down")
        return super().deny(denial, now=now)


class Forgetful(MemoryStore):
    """A store that may forget, and was not told that it may."""

    capabilities = Capabilities(durable=False, lists_changes=True)


@pytest.fixture
def store() -> MemoryStore:
    """Give an empty store."""
    return MemoryStore()


@pytest.fixture
def codec(store: MemoryStore) -> SessionCodec[Any]:
    """Give a codec of that store."""
    return SessionCodec(RING, policy=POLICY, revocation=store)


def begin(codec: SessionCodec[Any], *, now: int = NOW, subject: str | None = "ada") -> Session[Any]:
    """Return a session that begins."""
    return codec.decode(codec.encode({"n": 1}, subject=subject, now=now), now=now)


def lives(codec: SessionCodec[Any], session: Session[Any], *, now: int = NOW) -> bool:
    """Tell whether a renewed token of a session is accepted; renewal itself asks no store."""
    try:
        codec.decode(codec.renew(session, now=now), now=now)
    except Revoked:
        return False
    return True


class TestRevoking:
    def test_one_session(self, codec: SessionCodec[Any]) -> None:
        """A revoked session ends with its renewals, before and after; other sessions live."""
        session, other = begin(codec), begin(codec)
        before = codec.renew(session, now=NOW)
        codec.revoke(session, now=NOW)
        with pytest.raises(Revoked):
            codec.decode(before, now=NOW)
        assert not lives(codec, session, now=NOW + 60)
        assert lives(codec, other)

    def test_a_session_of_nobody(self, codec: SessionCodec[Any]) -> None:
        """An anonymous session can be revoked."""
        session = begin(codec, subject=None)
        codec.revoke(session, now=NOW)
        assert not lives(codec, session)

    def test_a_session_of_which_only_the_id_is_known(self, codec: SessionCodec[Any]) -> None:
        """It ends by its id, and others of its subject go on."""
        token = codec.encode({"n": 1}, subject="ada", now=NOW)
        other = codec.encode({"n": 2}, subject="ada", now=NOW)
        codec.revoke_sid(codec.decode(token, now=NOW).sid, now=NOW)
        with pytest.raises(Revoked):
            codec.decode(token, now=NOW)
        assert codec.decode(other, now=NOW).state == {"n": 2}

    @pytest.mark.parametrize("sid", [b"", bytes(15), bytes(17), "00" * 16, bytearray(16), None])
    def test_an_id_is_16_bytes(self, codec: SessionCodec[Any], sid: Any) -> None:
        """Text in hexadecimal and other lengths are refused, and nothing is recorded."""
        with pytest.raises(ConfigError, match="a session id must be 16 bytes"):
            codec.revoke_sid(sid, now=NOW)

    def test_a_subject(self, codec: SessionCodec[Any]) -> None:
        """All sessions of a subject end, in each spelling of it, and no other subject's."""
        first, bob = begin(codec), begin(codec, subject="bob")
        anonymous = begin(codec, subject=None)
        codec.revoke_subject("ada", now=NOW)
        assert not lives(codec, first)
        assert lives(codec, bob)
        assert lives(codec, anonymous)
        number = codec.decode(codec.encode({}, subject=42, now=NOW), now=NOW)
        codec.revoke_subject("42", now=NOW)
        assert not lives(codec, number)

    def test_my_other_devices_then_signing_in_again(self, codec: SessionCodec[Any]) -> None:
        """All within one second: the kept and the new session live, all others are dead."""
        phone, laptop, desk = begin(codec), begin(codec), begin(codec)
        codec.revoke_subject("ada", keep=laptop, now=NOW)
        tablet = begin(codec)
        assert [lives(codec, one) for one in (phone, laptop, desk, tablet)] == [
            False, True, False, True,
        ]  # fmt: skip
        assert tablet.started_at == tablet.issued_at == NOW + 6
        codec.revoke_subject("ada", keep=tablet, now=NOW)
        assert [lives(codec, one) for one in (laptop, tablet)] == [False, True]
        assert lives(codec, begin(codec))

    def test_all(self, codec: SessionCodec[Any]) -> None:
        """All sessions end, the kept ones too, and later ones live."""
        kept, anonymous = begin(codec), begin(codec, subject=None)
        codec.revoke_subject("ada", keep=kept, now=NOW)
        codec.revoke_all(now=NOW)
        assert not lives(codec, kept)
        assert not lives(codec, anonymous)
        assert lives(codec, begin(codec))
        assert lives(codec, begin(codec, subject=None))

    def test_all_before_an_instant(self, codec: SessionCodec[Any]) -> None:
        """Exactly those begun before it."""
        sessions = [begin(codec, now=NOW + delta) for delta in (-1, 0, 1)]
        codec.revoke_all(before=NOW, now=NOW + 1)
        assert [lives(codec, one, now=NOW + 1) for one in sessions] == [False, True, True]
        with pytest.raises(ValueError, match="1 s in the future"):
            codec.revoke_all(before=NOW + 1, now=NOW)

    def test_an_entry_lives_as_long_as_a_token_could(
        self, codec: SessionCodec[Any], store: MemoryStore
    ) -> None:
        """An entry lives until start + absolute timeout + 5 s."""
        session = begin(codec)
        codec.revoke(session, now=NOW + 1000)
        codec.revoke_subject("ada", now=NOW)
        batches = list(store.read(None))
        (_, until), (_, mark) = batches[0].denied[0], batches[0].marks[0]
        assert NOW + 28_805 <= until < NOW + 28_805 + 1024
        assert mark.until == NOW + 5 + 28_805

    def test_longest_counts(self) -> None:
        """An entry lives as long as `longest` allows a cap."""
        store = MemoryStore()
        policy = Policy(absolute_timeout=28_800, longest=30 * 86_400)
        codec: SessionCodec[Any] = SessionCodec(RING, policy=policy, revocation=store)
        codec.revoke(begin(codec), now=NOW)
        ((_, until),) = next(iter(store.read(None))).denied
        assert until >= NOW + 30 * 86_400 + 5

    def test_a_longer_cap_counts(self) -> None:
        """A session that another codec has granted more ends for as long as that."""
        month = 30 * 86_400
        store = MemoryStore()
        longer: SessionCodec[Any] = SessionCodec(
            RING, policy=Policy(absolute_timeout=28_800, longest=month), revocation=store
        )
        codec: SessionCodec[Any] = SessionCodec(
            RING, policy=Policy(absolute_timeout=28_800), revocation=store
        )
        token = longer.encode({}, cap=month, now=NOW)
        codec.revoke(codec.decode(token, now=NOW), now=NOW)
        ((_, until),) = next(one for one in store.read(None) if one.denied).denied
        assert until >= NOW + month + 5
        # Once a codec has named it, other entries live as long.
        longer.revoke_subject("bob", now=NOW)
        codec.revoke_subject("ada", now=NOW)
        marks = [mark for batch in store.read(None) for _, mark in batch.marks]
        assert [mark.until for mark in marks] == [NOW + 5 + month + 5] * 2
        codec.revoke_sid(bytes(16), now=NOW)
        ends = [until for batch in store.read(None) for _, until in batch.denied]
        assert all(until >= NOW + month + 5 for until in ends)

    def test_who_repeats_it_keeps_nobody_out(
        self, codec: SessionCodec[Any], store: MemoryStore
    ) -> None:
        """A thief who ends the others in a loop is refused; the owner signs in, and then keeps."""
        stolen, refused = begin(codec), 0
        for number in range(500):
            try:
                codec.revoke_subject("ada", keep=stolen, now=NOW + number // 100)
            except StoreError:
                refused += 1
        assert refused > 480
        owner = begin(codec, now=NOW + 4)
        assert lives(codec, owner, now=NOW + 5)
        with pytest.raises(StoreError, match="repeat the call in 1 s"):
            codec.revoke_subject("ada", keep=owner, now=NOW + 4)
        assert not lives(codec, stolen, now=NOW + 5)
        codec.revoke_subject("ada", keep=owner, now=NOW + 5)
        assert lives(codec, owner, now=NOW + 5)
        assert store.count() == (0, 1)

    def test_the_expired_is_expired(self, codec: SessionCodec[Any]) -> None:
        """An expired token is refused in step 8, before step 9 asks the store."""
        session = begin(codec)
        token = codec.renew(session, now=NOW)
        codec.revoke(session, now=NOW)
        with pytest.raises(Expired):
            codec.decode(token, now=NOW + 1800)

    def test_contexts_share_their_subjects(
        self, codec: SessionCodec[Any], store: MemoryStore
    ) -> None:
        """Logging out everywhere reaches every cookie of a store."""
        shop: SessionCodec[Any] = SessionCodec(
            RING, context="shop", policy=POLICY, revocation=store
        )
        session = begin(shop)
        codec.revoke_subject("ada", now=NOW)
        assert not lives(shop, session)

    def test_a_new_session_begins_with_its_token(self, codec: SessionCodec[Any]) -> None:
        """A new session begins with its token, so an earlier revocation does not end it."""
        session = codec.new(now=NOW)
        session.sign_in("ada")
        codec.revoke_subject("ada", now=NOW + 2)
        token = codec.renew(session, now=NOW + 3)
        assert codec.decode(token, now=NOW + 3).started_at == session.started_at == NOW + 8

    def test_asking_now(self, codec: SessionCodec[Any]) -> None:
        """`confirm` asks the store itself, and not the check of each request."""
        session = begin(codec)
        codec.confirm(session)
        codec.revoke(session, now=NOW)
        with pytest.raises(Revoked):
            codec.confirm(session)


class TestRefused:
    @pytest.mark.parametrize(
        ("policy", "reason"),
        [
            (Policy(absolute_timeout=None), "needs an absolute_timeout"),
            (Policy(leeway=19), "at least 20 s"),
        ],
    )
    def test_policies(self, policy: Policy, reason: str) -> None:
        """Under which entries could not be kept long enough, or new sessions were refused."""
        with pytest.raises(ConfigError, match=reason):
            SessionCodec(RING, policy=policy, revocation=MemoryStore())

    def test_the_least_leeway(self) -> None:
        """20 s are enough: what begins right after everything was ended is accepted."""
        policy = Policy(leeway=20)
        codec: SessionCodec[Any] = SessionCodec(RING, policy=policy, revocation=MemoryStore())
        codec.revoke_all(now=NOW)
        assert begin(codec).started_at == NOW + 12

    def test_stores_that_forget(self) -> None:
        """A store that can forget is refused without `may_forget=True`."""
        with pytest.raises(ConfigError, match="may_forget=True"):
            SessionCodec(RING, policy=POLICY, revocation=Forgetful())
        with pytest.raises(ConfigError, match="may_forget=True"):
            SessionCodec(RING, policy=POLICY, revocation=Lookup(Forgetful()))

    @pytest.mark.parametrize("what", ["redis://", MemoryStore, object(), 7])
    def test_what_is_no_store(self, what: Any) -> None:
        """A class is none either."""
        with pytest.raises(ConfigError, match="must be a revocation store"):
            SessionCodec(RING, policy=POLICY, revocation=what)
        with pytest.raises(ConfigError, match="observer"):
            SessionCodec(RING, observer=what)

    def test_without_revocation(self) -> None:
        """Revoking is refused, with the remedy."""
        codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY)
        session = begin(codec)
        calls: list[Callable[[], None]] = [
            lambda: codec.revoke(session),
            lambda: codec.revoke_subject("ada"),
            codec.revoke_all,
            lambda: codec.confirm(session),
        ]
        for call in calls:
            with pytest.raises(ConfigError, match="revocation=store"):
                call()

    def test_arguments(self, codec: SessionCodec[Any]) -> None:
        """Each of another kind than its own."""
        session: Any = begin(codec)
        with pytest.raises(ConfigError, match="session must be a Session, not"):
            codec.revoke(session.sid)
        calls: list[Callable[[Any], object]] = [codec.confirm, codec.renew]
        for call in calls:
            with pytest.raises(ConfigError, match="session must be a Session, not str"):
                call("token")
        with pytest.raises(ConfigError, match="keep must be a Session, not bytes"):
            codec.revoke_subject("ada", keep=session.sid)
        with pytest.raises(ConfigError, match="keep belongs to another subject"):
            codec.revoke_subject("bob", keep=session)
        missing: Any = None
        with pytest.raises(ConfigError, match="not a subject"):
            codec.revoke_subject(missing)
        odd: Any
        for odd in (True, 2**53, "\ud800", b"ada", []):
            with pytest.raises(StateError):
                codec.revoke_subject(odd)
            with pytest.raises(StateError):
                codec.encode({}, subject=odd)

    def test_clocks_far_apart(self, codec: SessionCodec[Any]) -> None:
        """No session begins that readers would refuse, or that is dead at birth."""
        codec.revoke_all(now=NOW + 3600)
        with pytest.raises(StoreError, match="compare the clocks"):
            codec.encode({}, now=NOW)


class TestStoreThatIsDown:
    def test_denies(self) -> None:
        """A failing store gives a StoreError, which is no code, and the codec recovers."""
        store = Down()
        codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=store)
        with pytest.raises(StoreError):
            begin(codec)
        store.down = False
        session = begin(codec)
        store.down = True
        token = codec.renew(session, now=NOW)
        with pytest.raises(StoreError):
            codec.decode(token, now=NOW)
        with pytest.raises(StoreError):
            codec.revoke(session)
        store.down = False
        assert lives(codec, session)

    def test_allows_where_that_is_said(self, caplog: pytest.LogCaptureFixture) -> None:
        """Requests go on, with one warning for each outage; a logout still fails aloud."""
        store = Down()
        codec: SessionCodec[Any] = SessionCodec(
            RING, policy=POLICY, revocation=Lookup(store, when_down="allow")
        )
        session = begin(codec)
        assert lives(codec, session)
        with pytest.raises(StoreError):
            codec.revoke(session, now=NOW)
        with pytest.raises(StoreError):
            codec.confirm(session)
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        store.down = False
        codec.revoke(session, now=NOW)
        assert not lives(codec, session)

    def test_other_words(self) -> None:
        """Are refused."""
        odd: Any = "maybe"
        with pytest.raises(ConfigError, match='"deny" or "allow"'):
            Lookup(MemoryStore(), when_down=odd)


def test_the_observer_is_told() -> None:
    """The observer hears what was decoded, refused, renewed and revoked, and never a user."""
    watcher = Recorder()
    store = Down()
    store.down = False
    codec: SessionCodec[Any] = SessionCodec(
        RING, policy=POLICY, revocation=Lookup(store, observer=watcher), observer=watcher
    )
    session = begin(codec)
    lives(codec, session)
    codec.revoke(session, now=NOW)
    lives(codec, session)
    codec.revoke_subject("ada", now=NOW)
    codec.revoke_all(now=NOW)
    with pytest.raises(tokensession.TokenError):
        codec.decode("a.b.c")
    store.down = True
    with pytest.raises(StoreError):
        codec.revoke(session, now=NOW)
    with pytest.raises(StoreError):
        begin(codec)
    assert watcher.told == [
        "decoded", "renewed", "decoded", "revoked session", "renewed", "refused revoked",
        "revoked subject", "revoked everyone", "refused unknown_key", "failed revoke",
        "failed look_up",
    ]  # fmt: skip


def test_the_observer_is_told_of_new_rings(tmp_path: Path) -> None:
    """At the first use after a watcher has loaded one, by its serial, and once."""

    class Rings(Observer):
        def __init__(self) -> None:
            self.serials: list[int] = []

        def ring_reloaded(self, serial: int) -> None:
            self.serials.append(serial)

    class Idle(KeyRingWatcher):
        def start(self) -> None:
            pass

    path, seen = tmp_path / "keys.json", Rings()
    ring = KeyRing.open(path)
    watcher = Idle(FileSource(path))
    codec: SessionCodec[Any] = SessionCodec(watcher, policy=POLICY, observer=seen)
    codec.decode(codec.encode({}))
    ring.add().save(path)
    watcher.reload()
    assert seen.serials == []
    for _ in range(2):
        codec.decode(codec.encode({}))
    assert seen.serials == [ring.serial + 1]


def test_an_observer_of_new_rings_that_raises(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No request fails by it: the error is logged once, and the new ring is in use."""

    class Broken(Observer):
        def ring_reloaded(self, serial: int) -> None:
            raise RuntimeError("no metrics today")

    path = tmp_path / "keys.json"
    ring = KeyRing.open(path)
    caplog.clear()
    with KeyRingWatcher(FileSource(path), refresh=3600) as watcher:
        codec: SessionCodec[Any] = SessionCodec(watcher, policy=POLICY, observer=Broken())
        (key,) = ring
        ring.add().revoke(key.kid).save(path)
        assert watcher.reload()
        for _ in range(2):
            assert codec.decode(codec.encode({})).kid != key.kid
    (line,) = [record.getMessage() for record in caplog.records if record.exc_info]
    assert line.endswith("Broken.ring_reloaded raised an error")


def test_an_observer_need_not_listen() -> None:
    """Every method is there, and does nothing."""
    quiet = Observer()
    for name, arguments in {
        "decoded": (), "refused": ("expired",), "renewed": (), "revoked": ("session",),
        "store_failed": ("read",), "replica_read": (1, 0), "replica_stale": (1.0,),
        "ring_reloaded": (7,),
    }.items():  # fmt: skip
        assert getattr(quiet, name)(*arguments) is None
