"""Old keys, each algorithm, each codec and adapter: a rotation covers all, or is not done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import tokensession
from tests.conftest import ALGORITHMS, NOW
from tokensession import Header, KeyRing, Policy, SessionCodec, SessionManager, TokenError
from tokensession.adapters.asgi import SessionMiddleware
from tokensession.keys.jwk import generate_key
from tokensession.keys.rotation import Schedule, plan, revoke_key
from tokensession.keys.watcher import KeyRingWatcher

if TYPE_CHECKING:
    from collections.abc import Callable

PERIOD, DELAY, LIFETIME = 1000, 100, 300
POLICY = Policy(idle_timeout=LIFETIME, absolute_timeout=14 * PERIOD, leeway=60)


class Document:
    """A source of one document."""

    name = "document"

    def __init__(self, ring: KeyRing) -> None:
        self.text = ring.to_json()

    def read(self) -> bytes:
        """Give it."""
        return self.text

    def write(self, document: bytes, *, over: bytes | None) -> bool:
        """Refuse."""
        raise NotImplementedError


def by_function(keys: KeyRing, token: str, now: int) -> str:
    """Read with the plain function."""
    return str(tokensession.decode(token, keys, now=now).kid)


def by_codec(keys: KeyRing, token: str, now: int) -> str:
    """Read with a codec of a type of its own."""
    codec = SessionCodec(keys, policy=POLICY, state_type=dict[str, int])
    return codec.decode(token, now=now).kid


def by_watcher(keys: KeyRing, token: str, now: int) -> str:
    """Read with a codec that was made before the ring was, and follows it."""
    document = Document(KeyRing([*keys], serial=0))
    with KeyRingWatcher(document, 3600) as watcher:
        codec: SessionCodec[Any] = SessionCodec(watcher, policy=POLICY)
        document.text = keys.to_json()
        watcher.reload()
        return codec.decode(token, now=now).kid


def by_cookie(keys: KeyRing, token: str, now: int) -> str:
    """Read with a manager, from a cookie."""
    codec: SessionCodec[Any] = SessionCodec(keys, policy=POLICY)
    cookie = (b"cookie", b"__Host-session=" + token.encode())
    session = SessionManager(codec).open([cookie], now=now)
    return session.refused or session.kid


def by_header(keys: KeyRing, token: str, now: int) -> str:
    """Read with a manager, from a header."""
    codec: SessionCodec[Any] = SessionCodec(keys, policy=POLICY)
    header = (b"authorization", b"Bearer " + token.encode())
    session = SessionManager(codec, cookie=Header(context=codec.context)).open([header], now=now)
    return session.refused or session.kid


def by_asgi(keys: KeyRing, token: str, now: int) -> str:
    """Read with the middleware; its clock is the system's, so its manager is given the time."""
    seen: list[str] = []

    class Manager(SessionManager[Any]):
        def open(self, headers: Any, *, scheme: str | None = None, now: float | None = None) -> Any:
            del now
            return super().open(headers, scheme=scheme, now=clock)

    clock = now
    codec: SessionCodec[Any] = SessionCodec(keys, policy=POLICY)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        session = scope["session"]
        seen.append(session.refused or session.kid)

    unused: Any = None
    scope = {"type": "http", "headers": [(b"cookie", b"__Host-session=" + token.encode())]}
    asyncio.run(SessionMiddleware(app, Manager(codec))(scope, unused, unused))
    return seen[0]


READERS: dict[str, Callable[[KeyRing, str, int], str]] = {
    "function": by_function,
    "typed codec": by_codec,
    "watcher": by_watcher,
    "cookie": by_cookie,
    "header": by_header,
    "asgi": by_asgi,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("new", ALGORITHMS)
@pytest.mark.parametrize("old", ALGORITHMS)
def test_a_token_through_a_rotation(old: str, new: str, reader: str) -> None:
    """Made a second before the switch, it is read until it expires, however it is read."""
    schedule = Schedule(
        token_lifetime=LIFETIME, period=PERIOD, propagation=DELAY, algorithm=new, leeway=60
    )
    read = READERS[reader]
    ring = KeyRing([generate_key(old, kid="old", nbf=NOW - PERIOD)]).with_schedule(schedule)
    ring, (added,) = plan(ring, NOW, schedule)
    last = added.at - 1
    token = tokensession.encode({"a": 1}, ring, ttl=LIFETIME, now=last)
    for now in range(NOW, added.at + LIFETIME + 500, 50):
        ring, _ = plan(ring, now, schedule)
        if last <= now < last + LIFETIME:
            assert read(ring, token, now) == "old"
    assert "old" not in plan(ring, added.at + 10 * LIFETIME, schedule)[0]
    assert tokensession.encode({}, ring, now=now) != token
    fresh = tokensession.encode({"a": 1}, ring, ttl=LIFETIME, now=now)
    assert read(ring, fresh, now) == added.kid
    assert ring[added.kid].algorithm == new


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_revoked_key_is_read_by_nothing(algorithm: str, reader: str) -> None:
    """No reader accepts a revoked key, with its material or as a tombstone."""
    ring = KeyRing([generate_key(algorithm, kid="old", nbf=NOW)])
    token = tokensession.encode({"a": 1}, ring, now=NOW)
    schedule = Schedule(token_lifetime=LIFETIME)
    for revoked in (ring.revoke("old", now=NOW), revoke_key(ring, "old", NOW)[0],
                    plan(ring.revoke("old", now=NOW), NOW, schedule)[0]):  # fmt: skip
        try:
            assert READERS[reader](revoked, token, NOW) == "unknown_key"
        except TokenError as error:
            assert error.code == "unknown_key"  # noqa: PT017  # either way of saying it will do
