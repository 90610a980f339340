"""Tokens with an overflowed state behave like all other tokens."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.conftest import NOW
from tests.overflow.recording import RecordingStore
from tokensession import (
    BadState,
    ConfigError,
    Expired,
    KeyRing,
    Overflow,
    Policy,
    SessionCodec,
    SessionTooLarge,
    StateError,
    StateLost,
    StoreError,
    TokenError,
    decode,
    encode,
)
from tokensession.format.state import OVERFLOW_KEY
from tokensession.observer import Observer
from tokensession.overflow.overflow import KEPT_LONGER
from tokensession.overflow.reference import Reference, reference_of, seal, unseal
from tokensession.overflow.store import MAX_ENTRY
from tokensession.sessions.steps import run
from tokensession.stores.memory.overflow import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.overflow.store import Store

POLICY = Policy(idle_timeout=1800, absolute_timeout=7200)
SID, OTHER = b"s" * 16, b"o" * 16


class Watched(RecordingStore):
    """A memory store that tells what it was asked, and can be down."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.down = False

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.down:
            raise StoreError("down")


def large(size: int = 20_000) -> dict[str, Any]:
    """Return a state of about so many bytes that no compression makes small."""
    return {"user_id": 42, "cart": [os.urandom(1000) for _ in range(size // 1000)]}


@pytest.fixture
def watched() -> Watched:
    """Give an empty store."""
    return Watched()


@pytest.fixture
def codec(hs256: KeyRing, watched: Watched) -> SessionCodec[Any]:
    """Give a codec with that store."""
    return SessionCodec(hs256, policy=POLICY, overflow=Overflow(watched))


# -- on every store ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [10_000, 100_000, 900_000])
def test_a_large_state_comes_back(hs256: KeyRing, store: Store, size: int) -> None:
    """A large state comes back from a small token, by any codec of the ring and the store."""
    state = large(size)
    token = SessionCodec(hs256, overflow=Overflow(store)).encode(state, subject="ada")
    assert len(token) < 400
    session = SessionCodec(hs256, overflow=Overflow(store)).decode(token)
    assert (session.state, session.subject) == (state, "ada")


def test_ten_megabytes_are_refused(hs256: KeyRing, store: Store) -> None:
    """Ten megabytes are refused before the store is called, and the error gives the limit."""
    overflow = Overflow(store)
    with pytest.raises(
        SessionTooLarge, match=rf"100\d+ bytes .* limit is {overflow.limit}"
    ) as found:
        SessionCodec(hs256, overflow=overflow).encode({"upload": bytes(10_000_000)})
    assert found.value.limit == overflow.limit == min(1_000_000, store.largest - 16)
    assert found.value.size > 10_000_000


def test_concurrent_writers_leave_one_of_their_states(hs256: KeyRing, store: Store) -> None:
    """Never a mix: each token leads to what its own writer wrote, the former's to the former."""
    codec: SessionCodec[Any] = SessionCodec(hs256, overflow=Overflow(store))
    first = codec.encode({"by": 0, "data": b"0" * 20_000})

    def write(number: int) -> str:
        session = codec.decode(first)
        session["by"] = number
        session["data"] = str(number).encode() * 20_000
        return codec.renew(session)

    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(write, range(1, 9)))
    for number, token in enumerate([first, *tokens]):
        session = codec.decode(token)
        assert session.state == {"by": number, "data": str(number).encode() * 20_000}
    assert len({codec.decode(token).sid for token in tokens}) == 1


def test_a_stored_entry_shows_nothing(hs256: KeyRing, watched: Watched) -> None:
    """A stored entry shows neither state nor session id nor subject, and its name is a digest."""
    codec: SessionCodec[Any] = SessionCodec(hs256, overflow=Overflow(watched))
    session = codec.decode(codec.encode({"secret": "x" * 10_000}, subject="ada"))
    ((name, (entry, _)),) = watched._entries.items()
    dump = name + entry
    for known in (b"secret", b"xxxx", b"ada", session.sid, session.sid.hex().encode()):
        assert known not in dump
    overflowed = session._changing().overflowed
    assert overflowed is not None
    assert overflowed.reference.key not in dump
    assert overflowed.reference.key.hex() not in repr(overflowed)
    assert repr(overflowed.reference.key) not in repr(overflowed)


# -- entries that are not the one --------------------------------------------------------------


def answer(watched: Watched, name: bytes, entry: bytes | None) -> None:
    """Make the store answer something else under a name."""
    if entry is None:
        del watched._entries[name]
    else:
        watched._entries[name] = entry, NOW + 10**6


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _, __: None,
        lambda _, other: other,
        lambda entry, _: entry[:-1],
        lambda entry, _: entry + b"\0",
        lambda entry, _: bytes([entry[0] ^ 1]) + entry[1:],
        lambda entry, _: b"",
    ],
    ids=["gone", "another's", "cut", "longer", "a bit", "empty"],
)
def test_another_entry_is_refused(
    codec: SessionCodec[Any], watched: Watched, spoil: Callable[[bytes, bytes], bytes | None]
) -> None:
    """Gone, swapped for another session's, or altered: no session, with a reason of its own."""
    token = codec.encode(large(), now=NOW)
    codec.encode(large(), now=NOW)
    (mine, (entry, _)), (_, (other, _)) = watched._entries.items()
    answer(watched, mine, spoil(entry, other))
    with pytest.raises(StateLost) as found:
        codec.decode(token, now=NOW)
    assert found.value.code == "bad_state"
    assert isinstance(found.value, BadState)


def test_an_older_entry_of_the_session_is_refused(
    codec: SessionCodec[Any], watched: Watched
) -> None:
    """A store that is rolled back loses sessions, and brings no state back."""
    session = codec.decode(codec.encode(large(), now=NOW), now=NOW)
    ((_, (older, _)),) = watched._entries.items()
    session["user_id"] = 7
    token = codec.renew(session, now=NOW)
    _, newer = watched._entries
    answer(watched, newer, older)
    with pytest.raises(StateLost, match="not the one that was written"):
        codec.decode(token, now=NOW)


def test_a_lost_entry_loses_no_other_session(codec: SessionCodec[Any], watched: Watched) -> None:
    """Those with other entries live on, and so do those whose state fits."""
    lost, kept = codec.encode(large(), now=NOW), codec.encode(large(), now=NOW)
    small = codec.encode({"user_id": 42}, now=NOW)
    answer(watched, next(iter(watched._entries)), None)
    with pytest.raises(StateLost, match="entry is missing"):
        codec.decode(lost, now=NOW)
    assert codec.decode(kept, now=NOW)["user_id"] == 42
    watched.down = True
    assert codec.decode(small, now=NOW).state == {"user_id": 42}


def test_an_entry_opens_for_its_session_and_context_alone() -> None:
    """An entry opens only for its session and context, also with the reference at hand."""
    reference, entry = seal(b"\xc0", SID, b"session")
    assert unseal(reference, entry, SID, b"session") == b"\xc0"
    for sid, context in ((OTHER, b"session"), (SID, b"other"), (SID, b"session2")):
        with pytest.raises(StateLost):
            unseal(reference, entry, sid, context)


def test_every_entry_has_a_key_of_its_own() -> None:
    """Each entry has its own key, so the fixed nonce seals one state per key."""
    made = [seal(b"\xc0", SID, b"session") for _ in range(100)]
    assert len({reference.key for reference, _ in made}) == 100
    assert len({reference.name for reference, _ in made}) == 100


# -- references --------------------------------------------------------------------------------


def test_an_application_cannot_forge_a_reference(codec: SessionCodec[Any], hs256: KeyRing) -> None:
    """The reserved key is refused at the top of a state, with overflow and without."""
    state = Reference(b"n" * 32, b"k" * 32).state
    with pytest.raises(StateError, match=r"state: the key tokensession/overflow is reserved"):
        codec.encode(state)
    with pytest.raises(StateError):
        encode(state | {"more": 1}, hs256)
    with pytest.raises(StateError):
        SessionCodec(hs256, state_type=dict[str, bytes]).encode(state)
    with pytest.raises(StateError):
        codec.encode(state | {"data": bytes(20_000)})
    deeper = {"inner": state}
    assert codec.decode(codec.encode(deeper)).state == deeper


def test_the_text_of_the_key_elsewhere_is_text(codec: SessionCodec[Any], hs256: KeyRing) -> None:
    """A value that merely mentions it is read like any other."""
    state = {"note": OVERFLOW_KEY}
    assert codec.decode(codec.encode(state)).state == state
    typed = SessionCodec(hs256, state_type=dict[str, str])
    assert typed.decode(typed.encode(state)).state == state


@pytest.mark.parametrize(
    "state",
    [
        {OVERFLOW_KEY: b""},
        {OVERFLOW_KEY: b"\x02" + bytes(64)},
        {OVERFLOW_KEY: b"\x01" + bytes(63)},
        {OVERFLOW_KEY: b"\x01" + bytes(65)},
        {OVERFLOW_KEY: "\x01" + 64 * "a"},
        {OVERFLOW_KEY: None},
        {OVERFLOW_KEY: b"\x01" + bytes(64), "more": 1},
    ],
)
def test_what_is_no_reference_is_refused(state: dict[str, Any]) -> None:
    """One spelling, and nothing beside it."""
    with pytest.raises(BadState, match="contains no valid reference"):
        reference_of(state)


def test_without_a_store_a_reference_is_refused(codec: SessionCodec[Any], hs256: KeyRing) -> None:
    """Not taken for the application's state, typed or not; the message names the remedy."""
    token = codec.encode(large(), now=NOW)
    with pytest.raises(BadState, match=r"SessionCodec\(overflow=\.\.\.\)"):
        decode(token, hs256, now=NOW)

    class Lenient(msgspec.Struct):
        pages: int = 0

    with pytest.raises(BadState, match="is in an overflow store"):
        SessionCodec(hs256, state_type=Lenient).decode(token, now=NOW)


# -- the life of a session ---------------------------------------------------------------------


def test_a_state_that_fits_asks_no_store(codec: SessionCodec[Any], watched: Watched) -> None:
    """A state that fits asks no store, in writing and in reading."""
    watched.down = True
    session = codec.decode(codec.encode({"user_id": 42}))
    assert codec.decode(codec.renew(session)).state == {"user_id": 42}
    assert watched.calls == []


def test_the_room_is_a_boundary(codec: SessionCodec[Any], watched: Watched) -> None:
    """A token of 8192 characters fits; one byte of state more goes to the store."""
    sizes = range(6000, 6100)
    fits = [size for size in sizes if len(codec.encode({"a": bytes(size)})) > 400]
    assert 0 < len(fits) < 100
    assert len(watched.calls) == 100 - len(fits)
    assert 8189 <= len(codec.encode({"a": bytes(fits[-1])})) <= 8192
    assert fits == list(range(6000, fits[-1] + 1))


@pytest.mark.parametrize(("subject", "padding"), [(None, 256), ("\N{KEY}" * 200, 0)])
def test_the_room_is_that_of_the_whole_token(
    hs256: KeyRing, watched: Watched, subject: str | None, padding: int
) -> None:
    """Subject and padding take theirs: a token is in its room, or its state in the store."""
    codec: SessionCodec[Any] = SessionCodec(
        hs256, policy=POLICY, padding=padding, overflow=Overflow(watched)
    )
    keys = codec.rings.current()
    for size in range(0, 1500, 25):
        session = codec.decode(codec.encode({"a": bytes(size)}, subject=subject, now=NOW), now=NOW)
        watched.calls.clear()
        written = run(codec.writer.write(session._changing(), NOW, keys, room=2000))
        assert (written.overflowed is None) == (watched.calls == [])
        assert len(written.token) <= 2000
        assert codec.decode(written.token, now=NOW).state == {"a": bytes(size)}
    assert watched.calls == ["put", "get"]


def test_renewal_keeps_the_entry_and_extends_it(codec: SessionCodec[Any], watched: Watched) -> None:
    """An unchanged state is not written again; it lives as long as the new token, and a bit."""
    session = codec.decode(codec.encode(large(), now=NOW), now=NOW)
    assert [until for _, until in watched._entries.values()] == [NOW + 1800 + KEPT_LONGER]
    token = codec.renew(session, now=NOW + 1000)
    assert watched.calls == ["put", "get", "keep"]
    assert [until for _, until in watched._entries.values()] == [NOW + 2800 + KEPT_LONGER]
    renewed = codec.decode(token, now=NOW + 2799)
    assert (renewed.state, renewed.sid, renewed.started_at) == (session.state, session.sid, NOW)
    last = codec.renew(codec.decode(token, now=NOW + 2799), now=NOW + 6000)
    assert codec.decode(last, now=NOW + 7199).state == session.state
    with pytest.raises(Expired):
        codec.decode(last, now=NOW + 7200)
    with pytest.raises(Expired):
        codec.renew(renewed, now=NOW + 7200)


def test_renewal_writes_again_what_was_lost_meanwhile(
    codec: SessionCodec[Any], watched: Watched
) -> None:
    """The session in hand has the state; only who reads after the loss is refused."""
    session = codec.decode(codec.encode(large(), now=NOW), now=NOW)
    watched._entries.clear()
    token = codec.renew(session, now=NOW + 1000)
    assert watched.calls == ["put", "get", "keep", "put"]
    assert codec.decode(token, now=NOW + 1000).state == session.state


def test_a_change_leaves_the_former_entry_for_the_former_token(
    codec: SessionCodec[Any], watched: Watched
) -> None:
    """A change leaves the former entry for other requests and for lost responses."""
    first = codec.encode(large(), now=NOW)
    session = codec.decode(first, now=NOW)
    session["user_id"] = 7
    second = codec.renew(session, now=NOW)
    assert codec.decode(first, now=NOW)["user_id"] == 42
    assert codec.decode(second, now=NOW)["user_id"] == 7
    assert watched.sweep(now=NOW + 1800 + KEPT_LONGER) == 0
    assert watched.sweep(now=NOW + 1801 + KEPT_LONGER) == 2


def test_a_new_session_id_has_an_entry_of_its_own(
    codec: SessionCodec[Any], watched: Watched
) -> None:
    """Entries are bound to it, so regenerate and sign_in write anew."""
    session = codec.decode(codec.encode(large(), now=NOW), now=NOW)
    state = session.state
    session.regenerate()
    session = codec.decode(codec.renew(session, now=NOW), now=NOW)
    session.sign_in("ada")
    session = codec.decode(codec.renew(session, now=NOW), now=NOW)
    assert (session.state, session.subject) == (state, "ada")
    assert watched.calls.count("put") == len(watched._entries) == 3


def test_a_state_that_shrinks_comes_home(codec: SessionCodec[Any], watched: Watched) -> None:
    """A state moves back into the token when it shrinks, and out again when it grows."""
    session = codec.decode(codec.encode(large(), now=NOW), now=NOW)
    cart = session.pop("cart")
    small = codec.decode(codec.renew(session, now=NOW), now=NOW)
    assert small.state == {"user_id": 42}
    assert watched.calls == ["put", "get"]
    small["cart"] = cart
    again = codec.decode(codec.renew(small, now=NOW), now=NOW)
    assert again.state == {"user_id": 42, "cart": cart}


def test_key_rotation_does_not_matter_to_the_store(watched: Watched) -> None:
    """The entry is sealed under a key of its own; the token's key comes and goes."""
    ring = KeyRing.generate()
    overflow = Overflow(watched)
    session = SessionCodec(ring, overflow=overflow).decode(
        SessionCodec(ring, overflow=overflow).encode(large())
    )
    both = ring.add(propagation=0)
    later = SessionCodec(both, overflow=overflow)
    token = later.renew(session)
    assert later.decode(token).kid != session.kid
    assert later.decode(token).state == session.state
    assert len(watched._entries) == 1


@pytest.mark.parametrize("algorithm", ["Ed25519", "ES256"])
def test_a_reader_reads(algorithm: str, watched: Watched) -> None:
    """A reader's ring reads a stored state, because the token has the entry's key."""
    ring = KeyRing.generate(algorithm)
    token = SessionCodec(ring, overflow=Overflow(watched)).encode(large())
    reader = SessionCodec(ring.reader(), overflow=Overflow(watched))
    assert reader.decode(token)["user_id"] == 42


def test_typed_states(hs256: KeyRing, watched: Watched) -> None:
    """They overflow, come back as their type, and are refused when they do not fit it."""

    class Cart(msgspec.Struct):
        items: list[str]

    class Other(msgspec.Struct):
        total: int

    cart = Cart(["ESPRESSO-1KG"] * 2000)
    typed = SessionCodec(hs256, state_type=Cart, overflow=Overflow(watched), padding=64)
    token = typed.encode(cart)
    assert typed.decode(token).state == cart
    other = SessionCodec(hs256, state_type=Other, overflow=Overflow(watched))
    with pytest.raises(BadState, match=r"state \(Object missing required field total\)"):
        other.decode(token)
    lists = SessionCodec(hs256, state_type=list[int], overflow=Overflow(watched))
    with pytest.raises(BadState, match="does not fit"):
        lists.decode(token)


@pytest.mark.parametrize("packed", [b"\xc1", b"\x91", b"\xc0\xc0", b""])
def test_an_entry_of_a_broken_writer_is_refused(
    watched: Watched, hs256: KeyRing, packed: bytes
) -> None:
    """Sealed in good order, but no msgpack: no session, and no other failure."""
    overflow = Overflow(watched)
    codecs: list[SessionCodec[Any]] = [
        SessionCodec(hs256, overflow=overflow),
        SessionCodec(hs256, overflow=overflow, state_type=dict[str, int]),
    ]
    made = overflow.put(packed, SID, b"session", dies_at=NOW + 100, now=NOW)
    claims = (SID, NOW, 100, 0, None)
    for codec in codecs:
        keys = codec.rings.current()
        token = codec.writer.adopted(claims, made.reference.state, None, keys)
        with pytest.raises(BadState, match=r"msgpack|does not fit"):
            codec.decode(token, now=NOW)


def test_an_observer_is_told_of_a_session_once_it_has_its_state(
    hs256: KeyRing, watched: Watched
) -> None:
    """One that is read, and one that is lost, count as what they are in the end."""
    told: list[str] = []

    class Telling(Observer):
        def decoded(self) -> None:
            told.append("decoded")

        def refused(self, code: str) -> None:
            told.append(code)

    codec: SessionCodec[Any] = SessionCodec(
        hs256, policy=POLICY, overflow=Overflow(watched), observer=Telling()
    )
    token = codec.encode(large(), now=NOW)
    codec.decode(token, now=NOW)
    watched._entries.clear()
    with pytest.raises(StateLost):
        codec.decode(token, now=NOW)
    assert told == ["decoded", "bad_state"]


def test_expired_is_told_before_the_store_is_asked(
    codec: SessionCodec[Any], watched: Watched
) -> None:
    """The state is the last step; a token that is refused anyway costs no round trip."""
    token = codec.encode(large(), now=NOW)
    watched.down = True
    with pytest.raises(Expired):
        codec.decode(token, now=NOW + 1800)
    assert watched.calls == ["put"]


def test_a_store_that_is_down_is_no_verdict(codec: SessionCodec[Any], watched: Watched) -> None:
    """A failing store raises a StoreError, which is not a TokenError and signs no user out."""
    token = codec.encode(large(), now=NOW)
    session = codec.decode(token, now=NOW)
    watched.down = True
    for call in (
        lambda: codec.decode(token, now=NOW),
        lambda: codec.encode(large(), now=NOW),
        lambda: codec.renew(session, now=NOW),
    ):
        with pytest.raises(StoreError) as found:
            call()
        assert not isinstance(found.value, TokenError)
    watched.down = False
    assert codec.decode(token, now=NOW).state == session.state


def test_a_lost_state_is_logged_by_its_code(
    codec: SessionCodec[Any], watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    """A lost state is logged at DEBUG by its code, without any part of the token."""
    token = codec.encode(large(), now=NOW)
    watched._entries.clear()
    with caplog.at_level("DEBUG", "tokensession"), pytest.raises(StateLost):
        codec.decode(token, now=NOW)
    assert [record.getMessage() for record in caplog.records] == ["token refused: bad_state"]


# -- configuration -----------------------------------------------------------------------------


def test_wrong_arguments(watched: Watched, hs256: KeyRing) -> None:
    """Each is refused with what would be right."""
    most = MAX_ENTRY - 16
    for limit in (0, -1, most + 1, True, 1.5):
        with pytest.raises(ConfigError, match=rf"from 1 to {most} bytes"):
            Overflow(watched, limit=limit)  # type: ignore[arg-type]
    assert Overflow(watched, limit=most).limit == most
    with pytest.raises(ConfigError, match=r"stores.connect\(url\).overflow\(\), not builtins.dict"):
        Overflow({})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"pass Overflow\(store\)"):
        SessionCodec(hs256, overflow={})  # type: ignore[call-overload]


def test_a_store_is_an_overflow_of_the_default_limit(watched: Watched, hs256: KeyRing) -> None:
    """A codec takes either."""
    codec: SessionCodec[Any] = SessionCodec(hs256, overflow=watched)
    assert codec.decode(codec.encode(large()))["user_id"] == 42
    with pytest.raises(SessionTooLarge, match="limit is 1000000"):
        codec.encode(bytes(1_000_000))


def test_the_limit_is_a_boundary(hs256: KeyRing, watched: Watched) -> None:
    """A state of that many bytes goes in, one of a byte more does not."""
    codec: SessionCodec[Any] = SessionCodec(hs256, overflow=Overflow(watched, limit=20_000))
    assert codec.decode(codec.encode(bytes(19_997))).state == bytes(19_997)
    with pytest.raises(SessionTooLarge, match="20001 bytes as msgpack, but its limit is 20000"):
        codec.encode(bytes(19_998))


def test_a_memory_store_has_an_end() -> None:
    """It sweeps before it refuses, and counts what it holds."""
    store = MemoryStore(room=MAX_ENTRY)
    entry = bytes(MAX_ENTRY // 2)
    store.put(b"1" * 32, entry, until=NOW, now=NOW)
    store.put(b"2" * 32, entry, until=NOW + 9, now=NOW)
    with pytest.raises(StoreError, match=r"is full: \d+ of \d+ bytes. Raise room"):
        store.put(b"3" * 32, b"entry", until=NOW + 9, now=NOW)
    store.put(b"3" * 32, b"entry", until=NOW + 9, now=NOW + 1)
    assert store.get(b"1" * 32) is None
    with pytest.raises(ConfigError, match="room must be at least"):
        MemoryStore(room=MAX_ENTRY - 1)


# -- what need not be checked again ------------------------------------------------------------


def test_changed_members_are_checked(codec: SessionCodec[Any]) -> None:
    """Each changed member of a large state that was read is checked."""
    token = codec.encode(large(), now=NOW)
    wrong: list[tuple[str, dict[Any, Any]]] = [
        ("state.a", {"a": {1}}),
        ("state.a.b", {"a": {"b": 2**53}}),
        ("state.cart[0]", {"cart": [float("nan")]}),
        ("state", {7: 1}),
        ("state", {"__proto__": 1}),
        ("state", {OVERFLOW_KEY: 1}),
        ("state.user_id", {"user_id": "\ud800"}),
        ("state", {"\ud800": 1}),
        ("state.a", {"a": object()}),
    ]
    for path, change in wrong:
        session = codec.decode(token, now=NOW)
        session.state |= change
        with pytest.raises(StateError) as found:
            codec.renew(session, now=NOW)
        assert found.value.path == path


def test_another_kind_of_state_is_checked(codec: SessionCodec[Any]) -> None:
    """A list in place of the dict that was read, and the reverse."""
    session = codec.decode(codec.encode(large(), now=NOW), now=NOW)
    session.state = [large()]
    session = codec.decode(codec.renew(session, now=NOW), now=NOW)
    assert "cart" in session.state[0]
    session.state = {"data": bytes(20_000), "a": (1,)}
    session = codec.decode(codec.renew(session, now=NOW), now=NOW)
    assert session.state == {"data": bytes(20_000), "a": [1]}
    session.state = [{1}]
    with pytest.raises(StateError):
        codec.renew(session, now=NOW)
