"""The memory store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.forks import fork
from tests.stores.revocation_contract import (
    ADA,
    BOB,
    LATE,
    LIFE,
    NOW,
    UNTIL,
    StoreContract,
    apply,
    denial,
    key,
    revokes,
    sid,
    spared,
)
from tokensession import ConfigError, StoreError
from tokensession.revocation.decision import Entries
from tokensession.revocation.entries import RevocationEntries
from tokensession.revocation.store import Store
from tokensession.stores import connect
from tokensession.stores.memory import revocation as memory
from tokensession.stores.memory.revocation import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable


class TestMemoryStore(StoreContract):
    shared = False

    @pytest.fixture
    def new_store(self) -> Callable[[], Store]:
        """Make a memory of its own per call."""
        return lambda: connect("memory:").revocations()

    @pytest.fixture
    def small_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Read four entries at a time."""
        monkeypatch.setattr(memory, "BATCH", 4)


def test_it_is_a_store() -> None:
    """The store has the methods of the protocol."""
    assert isinstance(MemoryStore(), Store)


@pytest.mark.parametrize("hooks", [True, False])
def test_a_fork_while_another_thread_writes(*, hooks: bool) -> None:
    """A forked child makes its lock anew, because the thread that holds it runs in the parent."""
    store = MemoryStore()
    store.deny(denial(1), now=NOW)

    def check() -> None:
        store.deny(denial(2), now=NOW)
        assert store.count() == (2, 0)

    with store._lock():
        assert fork(check, hooks=hooks)()
    assert store.count() == (1, 0)


def test_who_falls_behind_reads_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica whose position is no longer kept reads everything."""
    monkeypatch.setattr(memory, "_KEPT_CHANGES", 3)
    store = MemoryStore()
    position = apply(RevocationEntries(), store.read(None))
    for number in range(5):
        store.deny(denial(number), now=NOW)
    copy = RevocationEntries()
    apply(copy, store.read(position))
    assert copy.denied_count == 5


class TestCapped:
    def test_a_full_list_marks_the_subject(self) -> None:
        """At the greatest start among its denied sessions: more ends, never less."""
        store = MemoryStore(max_denied=2)
        store.deny(denial(1)._replace(started_at=NOW + 7, until=UNTIL + 7), now=NOW)
        store.deny(denial(2), now=NOW)
        store.deny(denial(3), now=NOW)
        assert store.count() == (2, 1)
        found = store.look_up(sid(3), ADA)
        assert found == Entries(mark=NOW + 7)
        assert [revokes(found, sid(3), start) for start in (NOW, NOW + 7, NOW + 8)] == [
            True, True, False,
        ]  # fmt: skip
        assert store.sweep(now=UNTIL + 7) == 0

    def test_what_was_spared_stays_spared(self) -> None:
        """A spared session stays spared, unless it is itself denied."""
        store = MemoryStore(max_denied=1)
        store.mark(ADA, spared(1), now=NOW, life=LIFE)
        store.deny(denial(9, None), now=NOW)
        store.deny(denial(2), now=NOW)
        assert store.look_up(sid(1), ADA) == Entries(mark=NOW + 5, kept=sid(1))
        store.deny(denial(1), now=NOW)
        assert revokes(store.look_up(sid(1), ADA), sid(1), NOW)
        store = MemoryStore(max_denied=1)
        store.deny(denial(1), now=NOW)
        store.mark(ADA, spared(1), now=NOW, life=LIFE)
        store.deny(denial(2), now=NOW)
        assert store.look_up(sid(1), ADA) == Entries(denied=True, mark=NOW + 5)

    def test_who_has_no_subject_is_told(self) -> None:
        """A full list refuses a denial without subject or start, and forgets no other denial."""
        store = MemoryStore(max_denied=1)
        store.deny(denial(1, None), now=NOW)
        store.deny(denial(1, None), now=NOW)
        with pytest.raises(StoreError, match="raise max_denied"):
            store.deny(denial(2, None), now=NOW)
        with pytest.raises(StoreError):
            store.deny(denial(2, BOB)._replace(started_at=None), now=NOW)
        assert store.look_up(sid(1), None).denied

    def test_room_comes_back(self) -> None:
        """When what was denied has ended; what is known of subjects goes with it."""
        store = MemoryStore(max_denied=1)
        store.deny(denial(1), now=NOW)
        store.deny(denial(2, BOB, until=UNTIL + LATE), now=NOW + LATE)
        assert store.count() == (1, 0)
        assert store.look_up(sid(2), BOB).denied
        assert list(store._starts) == [BOB]

    def test_a_full_list_is_not_looked_through_at_each_sign_out(self) -> None:
        """A full list is not searched at each sign-out, because all calls would wait for that."""
        looks: list[int] = []

        class Starts(dict[bytes, tuple[int, int]]):
            def items(self) -> Any:
                looks.append(len(self))
                return super().items()

        store = MemoryStore(max_denied=2)
        store._starts = Starts()
        for number in range(9):
            store.deny(denial(number, key(number)), now=NOW + number)
        assert looks == [2]
        store.deny(denial(9, key(9)), now=NOW + 62)
        store.deny(denial(10, key(10)), now=NOW - 3600)  # a clock that was put right
        assert len(looks) == 3

    def test_a_full_list_gives_no_new_ids(self) -> None:
        """A full list refuses a new id, and a sign-out still ends the session."""
        store = MemoryStore(max_denied=2)
        store.replace(denial(1), sid(2), now=NOW)
        store.deny(denial(9, None), now=NOW)
        with pytest.raises(StoreError, match="no session can get a new id: raise max_denied"):
            store.replace(denial(2), sid(3), now=NOW)
        store.replace(denial(1), sid(2), now=NOW)
        assert store.deny(denial(1), now=NOW).denied == (sid(1), sid(2))
        assert revokes(store.look_up(sid(2), ADA), sid(2), NOW)

    def test_the_cap_is_positive(self) -> None:
        """Otherwise nothing could be denied at all."""
        with pytest.raises(ConfigError):
            MemoryStore(max_denied=0)
