"""What adapters share: the answer 503, and calls beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from tokensession import KeyRing, Policy, SessionManager, StoreError
from tokensession.tokens.codec import SessionCodec
from tokensession.web.unavailable import BODY, in_thread, unavailable


def test_a_503_keeps_cookies_alone(hs256: KeyRing) -> None:
    """Of the headers of the response in whose place it stands, in any letters."""
    codec: SessionCodec[Any] = SessionCodec(hs256, policy=Policy())
    headers = [
        (b"Set-Cookie", b"__Host-session=; Max-Age=0"),
        (b"content-length", b"9999"),
        (b"x-secret", b"of the application"),
        (b"set-cookie", b"other=1"),
    ]
    answer = unavailable(SessionManager(codec), StoreError("the store is down"), headers)
    assert [header for header in answer if header[0].lower() == b"set-cookie"] == [
        headers[0],
        headers[3],
    ]
    assert (b"content-length", b"%d" % len(BODY)) in answer
    assert (b"cache-control", b"no-store") in answer
    assert all(name != b"x-secret" for name, _ in answer)


def test_what_does_io_runs_beside_the_event_loop() -> None:
    """In a thread of asyncio's; in place under another loop, or none."""
    threads: list[int] = []

    def note() -> None:
        threads.append(threading.get_ident())

    asyncio.run(in_thread(note))
    elsewhere = in_thread(note)
    try:
        elsewhere.send(None)
    except StopIteration:
        threads.append(0)  # it ended without waiting for anything
    assert threads[0] != threading.get_ident()
    assert threads[1:] == [threading.get_ident(), 0]
