"""Overflowed states in the memory of a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.forks import fork
from tests.stores.overflow_contract import OverflowContract, name
from tokensession import ConfigError
from tokensession.stores import connect
from tokensession.stores.memory.overflow import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.overflow.store import Store


class TestMemory(OverflowContract):
    sweeps = True

    @pytest.fixture
    def new_store(self) -> Callable[[], Store]:
        """Make a memory of its own per call."""
        return lambda: connect("memory:").overflow()


@pytest.mark.parametrize("hooks", [True, False])
def test_a_fork_while_another_thread_writes(*, hooks: bool) -> None:
    """The child has no such thread, so its copy of the lock is free."""
    store = MemoryStore()

    def check() -> None:
        store.put(name(1), b"entry", until=100, now=0)
        assert store.get(name(1)) == b"entry"

    with store._lock():
        assert fork(check, hooks=hooks)()
    assert store.get(name(1)) is None


def test_a_connection_has_one_memory() -> None:
    """Each of its roles is the same at each call, and no other connection's."""
    store = connect("memory:", room=10_000_000, max_denied=5)
    assert store.overflow() is store.overflow()
    assert store.revocations() is store.revocations()
    assert store.overflow() is not connect("memory:").overflow()
    assert store.name == "memory:"
    store.create("overflow", "revocations")
    store.close()
    with pytest.raises(ConfigError, match="no further options"):
        connect("memory:x")
    with pytest.raises(ConfigError, match=r"memory cannot store keys \(shop\): use a file"):
        store.keys("shop")
