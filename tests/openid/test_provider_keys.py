"""The provider's keys: fetched when they are needed, seldom, and never without a bound."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.forks import fork
from tokensession import StoreError
from tokensession.openid import provider_keys
from tokensession.openid.provider_keys import COOL_DOWN, MAX_AGE, MAX_SET, ProviderKeys

from .tokens import jwk, key_set, rsa_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Provider:
    """A web server that answers with a key set, or as a test wants it."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: Callable[[BaseHTTPRequestHandler], None] = self.give
        self.keys: Any = key_set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def give(self, request: BaseHTTPRequestHandler) -> None:
        """Answer with the keys."""
        body = self.keys if isinstance(self.keys, bytes) else json.dumps(self.keys).encode()
        request.send_response(200)
        request.end_headers()
        request.wfile.write(body)


@pytest.fixture
def provider() -> Iterator[Provider]:
    """Give a provider."""
    one = Provider()
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give the clock of fetches, to turn it on."""
    now = [1000.0]
    monkeypatch.setattr(provider_keys, "monotonic", lambda: now[0])
    return now


def test_nothing_is_fetched_before_it_is_needed(provider: Provider) -> None:
    """The constructor does no I/O, and a known kid is not fetched again."""
    keys = ProviderKeys(provider.url)
    assert provider.asked == 0
    for _ in range(3):
        assert keys.key("r1", "RS256")
    assert keys.key(None, "ES256")
    assert provider.asked == 1


def test_unknown_kids_do_not_load_the_provider(provider: Provider, clock: list[float]) -> None:
    """A flood of them asks once in a cool-down; then a new key is found."""
    keys = ProviderKeys(provider.url)
    for number in range(20):
        with pytest.raises(LookupError):
            keys.key(f"forged-{number}", "RS256")
    assert provider.asked == 1
    provider.keys["keys"].append(jwk(rsa_key(2049), "r2", alg="RS256"))
    clock[0] += COOL_DOWN
    assert keys.key("r2", "RS256")
    assert provider.asked == 2


def test_a_key_that_the_provider_has_dropped(provider: Provider, clock: list[float]) -> None:
    """It is known for an hour at the most."""
    keys = ProviderKeys(provider.url)
    assert keys.key("r1", "RS256")
    provider.keys = {"keys": []}
    clock[0] += MAX_AGE
    assert keys.key("r1", "RS256")
    clock[0] += 1
    with pytest.raises(LookupError):
        keys.key("r1", "RS256")


@pytest.mark.parametrize(
    "odd",
    [b"", b"{}", b"[]", b'{"keys": {}}', b"[" * 100_000, b"{" + b" " * MAX_SET + b"}",
     json.dumps({"keys": [{}] * 101}).encode()],
    ids=["empty", "no keys", "a list", "an object", "deep", "huge", "many"],
)  # fmt: skip
def test_odd_sets(
    odd: bytes, provider: Provider, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be used is told in the log; the last good set stays, and without one it fails."""
    good = provider.keys
    provider.keys = odd
    keys = ProviderKeys(provider.url)
    with pytest.raises(StoreError, match="cannot be fetched"):
        keys.key("r1", "RS256")
    assert "cannot be used" in caplog.text
    provider.keys = good
    clock[0] += COOL_DOWN
    assert keys.key("r1", "RS256")
    provider.keys = odd
    clock[0] += MAX_AGE + 1
    assert keys.key("r1", "RS256")


def test_odd_keys(provider: Provider) -> None:
    """Among others they are passed over: of other uses, without members, secret, of another alg."""
    odd: list[Any] = [
        1, {}, {"kty": "RSA", "kid": "r1"}, {"kty": "oct", "k": "AAAA", "kid": "r1"},
        jwk(rsa_key(), "r1", use="enc"), jwk(rsa_key(), "r1", alg="PS256"), {"kty": 1, "kid": "r1"},
    ]  # fmt: skip
    provider.keys["keys"] = odd + provider.keys["keys"]
    assert ProviderKeys(provider.url).key("r1", "RS256")
    with pytest.raises(LookupError):  # two that fit
        ProviderKeys({"keys": [jwk(rsa_key(), "a"), jwk(rsa_key(2049), "b")]}).key(None, "RS256")


def test_redirects_are_not_followed(provider: Provider) -> None:
    """They could lead into the network of the application."""

    def redirect(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", provider.url)
        request.end_headers()

    provider.answer = redirect
    with pytest.raises(StoreError):
        ProviderKeys(provider.url).key("r1", "RS256")
    assert provider.asked == 1


def test_a_provider_that_hangs(
    provider: Provider, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No request waits longer than its patience, and no more than one thread waits for it."""
    release = threading.Event()

    def hang(request: BaseHTTPRequestHandler) -> None:
        release.wait()
        provider.give(request)

    provider.answer = hang
    monkeypatch.setattr(provider_keys, "PATIENCE", 0.05)
    keys = ProviderKeys(provider.url)
    for _ in range(3):
        with pytest.raises(StoreError):
            keys.key("r1", "RS256")
        clock[0] += COOL_DOWN
    waiting = [t for t in threading.enumerate() if t.name == "tokensession-provider-keys"]
    assert len(waiting) <= 1
    release.set()
    monkeypatch.undo()
    provider.answer = provider.give
    keys = ProviderKeys(provider.url)
    assert keys.key("r1", "RS256")


def test_a_provider_that_answers_byte_by_byte(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Requests wait for it together, each no longer than its patience."""
    release = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        with suppress(OSError):
            while not release.wait(0.1):
                request.wfile.write(b" ")

    provider.answer = drip
    monkeypatch.setattr(provider_keys, "PATIENCE", 1.0)
    keys = ProviderKeys(provider.url)

    def ask(_: int) -> None:
        with pytest.raises(StoreError):
            keys.key("r1", "RS256")

    begun = time.monotonic()
    with ThreadPoolExecutor(40) as requests:
        list(requests.map(ask, range(40)))
    assert time.monotonic() - begun < 20
    release.set()
    assert caplog.text.count("no answer within") == 1


def test_a_forked_child_fetches_for_itself(provider: Provider) -> None:
    """A fetch of its parent's thread does not hold it up."""
    keys = ProviderKeys(provider.url)
    with keys._state().lock:  # a thread of the parent fetches
        assert fork(lambda: keys.key("r1", "RS256"))()
