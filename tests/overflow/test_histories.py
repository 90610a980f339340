"""Servers and processes that are killed, and stores that are emptied, with sessions in them."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.servers import Memcached
from tokensession import KeyRing, Overflow, SessionCodec, StateLost, StoreError

if TYPE_CHECKING:
    from tests.servers import Server
    from tokensession.overflow.store import Store


def state(number: int) -> dict[str, Any]:
    """Return a state that is some session's own through and through."""
    return {"number": number, "data": [f"{number}" * 10] * 1000}


def test_a_flushed_store_loses_its_states_and_no_other(
    hs256: KeyRing, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was in it is refused; what fits into its token lives on; what is written later too."""
    names: list[bytes] = []
    put = store.put

    def recorded(name: bytes, entry: bytes, *, until: int, now: int) -> None:
        names.append(name)
        put(name, entry, until=until, now=now)

    monkeypatch.setattr(store, "put", recorded)
    codec: SessionCodec[Any] = SessionCodec(hs256, overflow=Overflow(store))
    small = codec.encode({"number": 0})
    tokens = [codec.encode(state(number)) for number in range(1, 9)]
    assert [codec.decode(token)["number"] for token in tokens] == list(range(1, 9))
    for name in names:
        store.delete(name)
    for token in tokens:
        with pytest.raises(StateLost):
            codec.decode(token)
    assert codec.decode(small).state == {"number": 0}
    assert codec.decode(codec.encode(state(9))).state == state(9)


def test_a_process_killed_after_the_writing_leaves_the_former_state(
    hs256: KeyRing, store: Store
) -> None:
    """Its response never arrives, so the browser still has the former token, which reads on."""
    codec: SessionCodec[Any] = SessionCodec(hs256, overflow=Overflow(store))
    token = codec.encode(state(1))
    session = codec.decode(token)
    child = os.fork()
    if child == 0:
        session.state = state(2)
        codec.renew(session)
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert codec.decode(token).state == state(1)


def test_a_server_killed_while_sessions_are_written(
    hs256: KeyRing, killable: tuple[Server, Store]
) -> None:
    """Each token that was given reads its own state or none; durable servers lose none at all."""
    server, store = killable
    codec: SessionCodec[Any] = SessionCodec(hs256, overflow=Overflow(store))
    given: dict[int, list[str]] = {}
    under_way, down = threading.Event(), threading.Event()

    def browse(number: int) -> int:
        """Be a browser that changes its session until the server fails; keep what was given."""
        tokens = given[number] = []
        failures = 0
        session = codec.new()
        for step in range(10**6):
            session.state = state(number) | {"step": step}
            try:
                tokens.append(codec.renew(session))
                session = codec.decode(tokens[-1])
            except StoreError:
                failures += 1
            if step == 5:
                under_way.set()
            if failures and down.is_set():
                return failures
        raise AssertionError("the server never failed")

    with ThreadPoolExecutor(6) as pool:
        browsers = [pool.submit(browse, number) for number in range(6)]
        under_way.wait(60)
        server.kill()
        down.set()
        assert all(browser.result() for browser in browsers)
    server.start()
    lost = 0
    assert sum(map(len, given.values())) > 5
    for number, tokens in given.items():
        for step, token in enumerate(tokens):
            try:
                found = codec.decode(token)
            except StateLost:
                lost += 1
                continue
            assert found.state == state(number) | {"step": step}
    assert lost == 0 or isinstance(server, Memcached)
    assert codec.decode(codec.encode(state(9))).state == state(9)
