"""Where a subject is signed in, by a codec with a directory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NOW
from tests.stores.samples import ADA
from tokensession import (
    ConfigError,
    KeyRing,
    Policy,
    Revoked,
    Session,
    SessionCodec,
    StateError,
    StoreError,
)
from tokensession.directory.directory import Directory
from tokensession.revocation.lookup import Lookup
from tokensession.revocation.replica import Replica
from tokensession.sessions.listing import listed_id
from tokensession.stores import connect

from .recording import Stores

if TYPE_CHECKING:
    from tokensession.stores import Connection

RING = KeyRing.generate()
POLICY = Policy(idle_timeout=1800, absolute_timeout=28_800)


@pytest.fixture
def stores() -> Stores:
    """Give an empty list and directory."""
    return Stores()


@pytest.fixture
def codec(stores: Stores) -> SessionCodec[Any]:
    """Give a codec with a directory."""
    return SessionCodec(
        RING, policy=POLICY, revocation=stores.revocations, directory=stores.directory
    )


def begin(codec: SessionCodec[Any], subject: str = "ada", now: int = NOW) -> Session[Any]:
    """Return a new session."""
    return codec.decode(codec.encode({}, subject=subject, now=now), now=now)


def ids(codec: SessionCodec[Any], subject: str | int = "ada", now: int = NOW) -> list[str]:
    """Return the listed ids of a subject."""
    return [one.id for one in codec.sessions(subject, now=now)]


class TestList:
    def test_the_listed_id(self, codec: SessionCodec[Any]) -> None:
        """It is a digest of the session id, as in SPEC 13, and not the session id."""
        session = begin(codec)
        assert ids(codec) == [session.listed_id] == [listed_id(session.sid).hex()]
        assert listed_id(bytes(range(16))).hex() == "7ce548c11c7d87897bfd384a1b729738"
        assert session.sid.hex() not in repr(codec.sessions("ada", now=NOW))

    def test_what_is_listed(self, codec: SessionCodec[Any]) -> None:
        """Label and dates; 42 and "42" are one subject, and a label is the application's text."""
        session = codec.new(now=NOW)
        session.sign_in(42, label="Firefox on Linux")
        codec.renew(session, now=NOW)
        (listed,) = codec.sessions("42", now=NOW)
        assert codec.sessions(42, now=NOW) == [listed]
        assert (listed.id, listed.label) == (session.listed_id, "Firefox on Linux")
        # A token of its first window of 900 seconds lives 1800 more at the most.
        assert (listed.started_at, listed.last_seen, listed.ends_at) == (NOW, NOW, NOW + 2700)
        assert codec.sessions("43", now=NOW) == []

    def test_the_newest_are_first_and_pages_follow(self, codec: SessionCodec[Any]) -> None:
        """Each page begins after the cursor of the last session of the page before."""
        begun = [begin(codec, now=NOW + n // 2).listed_id for n in range(7)]
        found: list[str] = []
        after = None
        while page := codec.sessions("ada", after=after, limit=3, now=NOW + 9):
            assert len(page) <= 3
            found += [one.id for one in page]
            after = page[-1].cursor
        assert sorted(found) == sorted(begun)
        assert found == ids(codec, now=NOW + 9)

    def test_an_anonymous_session_is_not_listed(
        self, stores: Stores, codec: SessionCodec[Any]
    ) -> None:
        """It has no subject to be listed under, and costs no call."""
        codec.encode({"cart": 1}, now=NOW)
        codec.renew(codec.new(now=NOW), now=NOW)
        assert "add" not in stores.take()
        assert stores.directory.count() == 0

    @pytest.mark.parametrize("how", ["revoke", "sid", "subject", "all", "before"])
    def test_what_is_revoked_is_not_listed(self, codec: SessionCodec[Any], how: str) -> None:
        """A revoked session is not listed, and spared or other sessions are."""
        one, other, bobs = begin(codec), begin(codec), begin(codec, "bob", NOW + 20)
        if how == "revoke":
            codec.revoke(one, now=NOW)
        elif how == "sid":
            codec.revoke_sid(one.sid, now=NOW)
        elif how == "subject":
            codec.revoke_subject("ada", keep=other, now=NOW)
        elif how == "all":
            codec.revoke_all(now=NOW)
        else:
            codec.revoke_all(before=NOW + 1, now=NOW + 1)
        kept = [other.listed_id] if how in ("revoke", "sid", "subject") else []
        assert ids(codec) == kept
        assert ids(codec, "bob") == [bobs.listed_id]

    def test_renewals(self, stores: Stores, codec: SessionCodec[Any]) -> None:
        """They are noted once in each window, and where the session has another lifetime."""
        session = begin(codec)
        stores.take()
        touched = []
        for age in (0, 899, 900, 901, 1799, 1800, 5000):
            token = codec.renew(session, now=NOW + age)
            touched.append("touch" in stores.take())
            session = codec.decode(token, now=NOW + age)
        assert touched == [False, False, True, False, False, True, True]
        (listed,) = codec.sessions("ada", now=NOW + 5000)
        assert (listed.last_seen, listed.ends_at) == (NOW + 5000, NOW + 7200)
        stores.take()
        session.set_lifetime(600)
        codec.renew(session, now=NOW + 5000)
        assert "touch" in stores.take()
        (listed,) = codec.sessions("ada", now=NOW + 5000)
        assert listed.ends_at == NOW + 5100 + 600

    def test_it_is_listed_until_its_last_token_dies(self, codec: SessionCodec[Any]) -> None:
        """A session is listed until its last token dies, and no longer than its limit."""
        token = codec.encode({}, subject="ada", now=NOW)
        for age in (899, 1799):
            token = codec.renew(codec.decode(token, now=NOW + age), now=NOW + age)
            dies = codec.decode(token, now=NOW + age).expires_at
            assert ids(codec, now=dies - 1) != []
            assert ids(codec, now=dies + 900) == []
        for age in range(1800, 28_800, 1000):
            token = codec.renew(codec.decode(token, now=NOW + age), now=NOW + age)
        assert ids(codec, now=NOW + 28_799) != []
        assert ids(codec, now=NOW + 28_800) == []

    def test_a_session_that_began_before_the_directory(
        self, stores: Stores, codec: SessionCodec[Any]
    ) -> None:
        """It is listed from its next renewal on."""
        former: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=stores.revocations)
        session = begin(former)
        assert ids(codec) == []
        codec.renew(session, now=NOW + 900)
        assert ids(codec) == [session.listed_id]

    def test_a_sign_in_that_has_not_heard_of_a_mark(self) -> None:
        """The directory tells of it, so the session is dated after it and is listed."""
        store = connect("memory:")
        replica = Replica(store.revocations(), refresh=1000, max_staleness=10_000)
        replica.read()
        codec: SessionCodec[Any] = SessionCodec(
            RING, policy=POLICY, revocation=replica, directory=store.directory()
        )
        mark = store.revocations().mark(ADA, None, now=NOW, life=28_805)
        session = begin(codec)
        assert session.started_at == mark.instant + 1
        assert ids(codec) == [session.listed_id]
        replica.close()


class TestEnd:
    def test_ending_one(self, codec: SessionCodec[Any]) -> None:
        """It is revoked, and the others live on; a second time there is nothing to end."""
        one, other = begin(codec), begin(codec)
        assert codec.end_session("ada", one.listed_id, now=NOW)
        with pytest.raises(Revoked):
            codec.confirm(one)
        codec.confirm(other)
        assert not codec.end_session("ada", one.listed_id, now=NOW)

    def test_foreign_ids(self, codec: SessionCodec[Any]) -> None:
        """Another subject's id is as unknown as an unused or malformed one."""
        session = begin(codec)
        for subject, name in (
            ("bob", session.listed_id), ("ada", "0" * 32), ("ada", session.sid.hex()), ("ada", ""),
            ("ada", session.listed_id.upper()), ("ada", session.listed_id + "\n"), ("ada", None),
        ):  # fmt: skip
            assert not codec.end_session(subject, name, now=NOW)  # type: ignore[arg-type]
        codec.confirm(session)

    def test_what_is_over_cannot_be_ended(self, codec: SessionCodec[Any]) -> None:
        """Ending a session that is over returns False, without a write."""
        session = begin(codec)
        assert not codec.end_session("ada", session.listed_id, now=NOW + 2700)

    def test_a_providers_session(self, codec: SessionCodec[Any]) -> None:
        """All sessions that were signed in with it end, and no other."""
        sessions = []
        for number, provider in enumerate(
            (("https://a", "s"), ("https://a", "s"), ("https://as", ""))
        ):
            session = codec.new(now=NOW)
            session.sign_in(f"user {number}", provider=provider)
            codec.renew(session, now=NOW)
            sessions.append(session)
        assert codec.end_provider_session("https://a", "t", now=NOW) == 0
        assert codec.end_provider_session("https://a", "s", now=NOW) == 2
        assert codec.end_provider_session("https://a", "s", now=NOW) == 0
        assert [ids(codec, f"user {number}") != [] for number in range(3)] == [False, False, True]

    def test_the_limit(self, stores: Stores) -> None:
        """A sign-in ends the oldest beyond it, on this node at once."""
        replica = Replica(stores.revocations, refresh=1000, max_staleness=10_000)
        replica.read()
        codec: SessionCodec[Any] = SessionCodec(
            RING, policy=POLICY, revocation=replica, directory=Directory(stores.directory, limit=2)
        )
        sessions = [begin(codec, now=NOW + number) for number in range(3)]
        assert ids(codec) == [one.listed_id for one in sessions[:0:-1]]
        with pytest.raises(Revoked):
            codec.decode(codec.renew(sessions[0], now=NOW), now=NOW)
        replica.close()

    def test_awaited(self, codec: SessionCodec[Any]) -> None:
        """Both calls are there for event loops too."""
        session = codec.decode(codec.encode({}, subject="ada"))

        async def work() -> list[object]:
            return [
                [one.id for one in await codec.asessions("ada", limit=5)],
                await codec.aend_session("bob", session.listed_id),
                await codec.aend_session("ada", session.listed_id),
                await codec.asessions("ada"),
            ]

        assert asyncio.run(work()) == [[session.listed_id], False, True, []]


class TestFailures:
    def test_a_store_that_is_down(self, stores: Stores, codec: SessionCodec[Any]) -> None:
        """A sign-in fails; a renewal does not, is logged once, and the next one is listed."""
        session = begin(codec)
        stores.down = {"add", "touch"}
        with pytest.raises(StoreError):
            codec.encode({}, subject="ada", now=NOW)
        codec.renew(session, now=NOW + 900)
        assert codec.sessions("ada", now=NOW)[0].last_seen == NOW
        stores.down = set()
        codec.renew(session, now=NOW + 1700)
        assert codec.sessions("ada", now=NOW)[0].last_seen == NOW + 1700

    def test_an_outage_is_logged_once(
        self, stores: Stores, codec: SessionCodec[Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        """Not at each renewal; and again once it has come back."""
        session = begin(codec)
        for down, logged in (({"touch"}, 1), ({"touch"}, 1), (set[str](), 1), ({"touch"}, 2)):
            stores.down = down
            codec.renew(session, now=NOW + 900)
            assert len(caplog.records) == logged

    @pytest.mark.parametrize(
        ("label", "provider", "path"),
        [
            (7, None, "label: a int"),
            ("x" * 201, None, "label: 201 characters"),
            ("\ud800", None, "label: the text contains a lone"),
            (None, "https://op", "provider: not a tuple"),
            (None, ("https://op",), "provider: not a tuple"),
            (None, ("https://op", 7), "provider: not a tuple"),
            (None, ("\ud800", "s"), "provider: the text contains"),
        ],
    )
    def test_bad_labels_and_providers(
        self, codec: SessionCodec[Any], label: Any, provider: Any, path: str
    ) -> None:
        """A bad label or provider fails the sign-in, with a directory and without one."""
        for one in (codec, SessionCodec(RING)):
            session = one.new(now=NOW)
            with pytest.raises(StateError, match=path):
                session.sign_in("ada", label=label, provider=provider)
            assert session.subject is None

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"limit": 0}, ConfigError, "limit must be from 1 to 1000"),
            ({"limit": 1001}, ConfigError, "limit must be from 1 to 1000"),
            ({"limit": True}, ConfigError, "limit must be from 1 to 1000"),
            ({"after": "x"}, ConfigError, "after is not the cursor"),
            ({"after": 7}, ConfigError, "after is not the cursor"),
            ({"after": f"{'9' * 17}-{'0' * 32}"}, ConfigError, "after is not the cursor"),
            ({"subject": None}, ConfigError, "None is not a subject"),
            ({"subject": 1.5}, StateError, "subject"),
        ],
    )
    def test_bad_arguments(
        self, codec: SessionCodec[Any], options: Any, error: type[Exception], message: str
    ) -> None:
        """They are told by name."""
        subject = options.pop("subject", "ada")
        with pytest.raises(error, match=message):
            codec.sessions(subject, now=NOW, **options)
        with pytest.raises((ConfigError, StateError)):
            codec.end_session(1.5, "0" * 32)  # type: ignore[arg-type]

    def test_a_codec_without_a_directory(self) -> None:
        """Each call names the option that is missing."""
        codec: SessionCodec[Any] = SessionCodec(RING)
        for call in (
            lambda: codec.sessions("ada"),
            lambda: codec.end_session("ada", "0" * 32),
            lambda: codec.end_provider_session("https://op", "s"),
        ):
            with pytest.raises(ConfigError, match=r"SessionCodec\(directory="):
                call()


class TestConfig:
    def test_beside_its_list(self) -> None:
        """It is taken with the list alone, or behind a lookup or a replica."""
        store = connect("memory:")
        for revocation in (
            store.revocations(),
            Lookup(store.revocations()),
            Replica(store.revocations()),
        ):
            codec: SessionCodec[Any] = SessionCodec(
                RING, revocation=revocation, directory=Directory(store.directory(), limit=5)
            )
            assert codec.directory is not None

    @pytest.mark.parametrize("url", ["memory:", "sqlite"])
    def test_of_another_connection(self, url: str, sqlite_url: str) -> None:
        """No step can write to two connections."""
        url = sqlite_url if url == "sqlite" else url
        with pytest.raises(ConfigError, match="roles of one connection"):
            SessionCodec(
                RING,
                revocation=connect(url).revocations(),
                directory=connect(url).directory(),
            )

    def test_without_a_list(self) -> None:
        """A directory that cannot end sessions is refused."""
        with pytest.raises(ConfigError, match="needs the revocation list"):
            SessionCodec(RING, directory=connect("memory:").directory())

    def test_memcached(self) -> None:
        """It says why it has no directory."""
        store: Connection = connect("memcached://localhost:1")
        with pytest.raises(ConfigError, match="Memcached cannot list what it keeps"):
            store.directory()
        with pytest.raises(ConfigError, match="Memcached cannot list what it keeps"):
            store.create("directory")

    @pytest.mark.parametrize("limit", [0, -1, True, "5", 2.0])
    def test_a_limit_that_is_none(self, limit: Any) -> None:
        """It is a number of sessions from 1 on."""
        with pytest.raises(ConfigError, match="limit must be"):
            Directory(connect("memory:").directory(), limit=limit)

    @pytest.mark.parametrize("store", [None, "memory:", connect("memory:"), Directory])
    def test_what_is_no_directory(self, store: Any) -> None:
        """The error names how to get one."""
        with pytest.raises(ConfigError, match=r"stores.connect\(url\).directory\(\)"):
            Directory(store)

    def test_a_collection_of_ones_own(self) -> None:
        """MongoDB needs one for each role."""
        store = connect("mongodb://localhost:1", collection="mine")
        with pytest.raises(ConfigError, match="already uses collection"):
            store.directory()
